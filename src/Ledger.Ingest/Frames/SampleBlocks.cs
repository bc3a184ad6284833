using Ledger.Domain;

namespace Ledger.Ingest.Frames;

/// <summary>
/// The first byte of a block of samples. Each bit says that something is written which would else be as usual; bits 6
/// and 7 are zero.
/// </summary>
[Flags]
internal enum BlockControl : byte
{
    None = 0,
    /// <summary>The stream is written, as its distance from that of the block before; else it is the next
    /// one.</summary>
    Stream = 1,
    /// <summary>The number of samples is written; else it is that of the block before.</summary>
    Count = 2,
    /// <summary>The times are those of the block before, each of them, and not written.</summary>
    SameTimes = 4,
    /// <summary>The spacings differ, so the bits of a spacing are written; else all are the least one.</summary>
    TimeWidth = 8,
    /// <summary>The first power and the differences are written; else each power.</summary>
    Differences = 16,
    /// <summary>What is written of the powers differs, so the bits of one are written.</summary>
    PowerWidth = 32,
    All = Stream | Count | SameTimes | TimeWidth | Differences | PowerWidth,
}

/// <summary>
/// What a block takes over from the one before: the stream, the number of samples, and its times, in the units of the
/// frame: the first one, the least spacing, the bits of a spacing above it, and where those stand in the frame.
/// </summary>
internal struct BlockBefore(long sentAt)
{
    public int Stream = -1;
    public int Count;
    /// <summary>The first time, from which the next block's is counted; before the first block, when it was
    /// sent.</summary>
    public long First = sentAt;
    public long Spacing;
    public int Width;
    public int PackedAt;
    /// <summary>The extremes of its times; they are the first and the last where no spacing is negative.</summary>
    public long Earliest, Latest;

    /// <summary>
    /// Whether a block has the times of this one. There is one way to write given times, so they are the same if they
    /// are written the same.
    /// </summary>
    public readonly bool HasTimes(in BlockBefore other, ReadOnlySpan<byte> packed, ReadOnlySpan<byte> otherPacked) =>
        Count == other.Count && First == other.First && Spacing == other.Spacing && Width == other.Width
        && packed.SequenceEqual(otherPacked);
}

/// <summary>
/// How the powers of a block are written, in the units of the frame, which their range and that of their differences
/// decide.
/// </summary>
internal readonly record struct PowerForm(int Count, long First, ValueRange Levels, ValueRange Steps)
{
    /// <summary>Bytes if each power is written, as what it has above the least.</summary>
    private int LevelBytes => FrameNumbers.SignedBytes(Levels.Least) + PackedBytes(Count, Levels.Width);

    /// <summary>Bytes if the differences are written, each as what it has above the least of them.</summary>
    private int DifferenceBytes => FrameNumbers.SignedBytes(First) + FrameNumbers.SignedBytes(Steps.Least)
        + PackedBytes(Count - 1, Steps.Width);

    /// <summary>Differences are written where that takes fewer bytes: a ramp; levels otherwise: noise, a
    /// constant.</summary>
    public bool IsOfDifferences => Count > 1 && DifferenceBytes < LevelBytes;

    public int Bytes => IsOfDifferences ? DifferenceBytes : LevelBytes;

    private static int PackedBytes(int count, int width) => width == 0 ? 0 : 1 + PackedBits.Bytes(count, width);
}

/// <summary>The least and the greatest time and power that a frame may hold, in its units.</summary>
internal readonly record struct UnitBounds(long TimeLeast, long TimeMost, long PowerMost)
{
    /// <summary>Bits of the widest spacing or difference: of times 52, of powers 41, and one for the sign.</summary>
    public const int TimeWidthMax = 53, PowerWidthMax = 42;

    public static UnitBounds Of(FrameUnits units) => new(
        (Limits.FrameTimeMicrosecondsMin + units.TimeMicroseconds - 1) / units.TimeMicroseconds,
        (Limits.FrameTimeMicrosecondsEnd - 1) / units.TimeMicroseconds,
        Limits.PowerMilliwattsMax / units.PowerMilliwatts);

    /// <summary>The same with what a writer needs.</summary>
    public static UnitBounds ForWriting(FrameUnits units) => Of(units) with
    {
        Time = new(units.TimeMicroseconds),
        Power = new(units.PowerMilliwatts),
    };

    /// <summary>The divisions that bring a time and a power to the units.</summary>
    public ExactDivision Time { get; private init; }
    public ExactDivision Power { get; private init; }

    /// <summary>How far two times lie apart at most.</summary>
    public long TimeSpan => TimeMost - TimeLeast;
}
