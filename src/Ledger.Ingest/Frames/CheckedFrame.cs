using System.Globalization;
using Ledger.Domain;

namespace Ledger.Ingest.Frames;

/// <summary>
/// A frame that was read to its end and keeps every rule: its head, the earliest and latest time of its entries (Unix
/// µs; of an Announce frame those of its sending), the highest stream that it names, the first one that it announces
/// (of other kinds 0), and how many samples it has. Only <see cref="Check"/> makes one, so whoever has one knows.
/// </summary>
public readonly record struct CheckedFrame
{
    public ReadOnlyMemory<byte> Bytes { get; private init; }
    public FrameHead Head { get; private init; }
    public long EarliestMicroseconds { get; private init; }
    public long LatestMicroseconds { get; private init; }
    public int FirstStream { get; private init; }
    public int HighestStream { get; private init; }
    public int Samples { get; private init; }

    /// <summary>Why it is not taken in although its form is right, so that logs of before have such frames; null where
    /// nothing is against it.</summary>
    internal InputRefusedException? Refused { get; private init; }

    /// <summary>The same frame in memory of its own.</summary>
    internal CheckedFrame Kept() => this with { Bytes = Bytes.ToArray() };

    /// <summary>Reads it again, and does not check its samples again, which takes half of the time.</summary>
    public FrameReader Open() => FrameReader.OpenChecked(Bytes.Span);

    /// <summary>Reads a frame to its end; throws <see cref="InputRefusedException"/> at the first rule that it
    /// breaks.</summary>
    public static CheckedFrame Check(ReadOnlyMemory<byte> frame)
    {
        if (!frame.IsEmpty && frame.Span[0] is var first
            && (FrameKind)(first & 0x0F) is FrameKind.GivenUp or FrameKind.Sender)
            throw FrameReader.UnknownKind(first);
        var reader = FrameReader.Open(frame.Span);
        var head = reader.Head;
        var seen = new CheckedFrame
        {
            Bytes = frame,
            Head = head,
            EarliestMicroseconds = head.Kind == FrameKind.Announce ? head.SentAtMicroseconds : long.MaxValue,
            LatestMicroseconds = head.Kind == FrameKind.Announce ? head.SentAtMicroseconds : long.MinValue,
            FirstStream = head.Kind == FrameKind.Announce ? int.MaxValue : 0,
        };
        return head.Kind switch
        {
            FrameKind.Announce => Announcements(ref reader, seen),
            FrameKind.Samples => Blocks(ref reader, seen),
            FrameKind.Vehicle => Vehicles(ref reader, seen),
            _ => Shed(ref reader, seen),
        };
    }

    /// <summary>
    /// What stands in the log instead of this frame of samples where the ledger gives it up: which samples of which
    /// streams they were. Null where that is longer than a frame may be.
    /// </summary>
    internal CheckedFrame? GivenUp()
    {
        var buffer = new byte[Math.Min(Limits.FrameBytesMax, FrameWriter.HeadBytesMax + (Head.Entries * ShedBytesMax))];
        var frame = FrameWriter.GivenUp(buffer, Head.Sequence, Head.SentAtMicroseconds);
        var columns = BlockColumns.Own;
        var reader = Open();
        while (reader.TryRead(columns, out var block))
            if (!frame.TryAdd(new ShedSamples(block.Stream, reader.Times.Earliest, reader.Times.Latest, block.Count)))
                return null;
        return this with
        {
            Bytes = buffer.AsMemory(0, frame.Finish()),
            Head = Head with { Kind = FrameKind.GivenUp, Units = FrameUnits.Finest },
            Samples = 0,
        };
    }

    /// <summary>A frame of the ledger's own that says who sends.</summary>
    internal static CheckedFrame OfSender(ReadOnlyMemory<byte> bytes)
    {
        var head = FrameReader.Open(bytes.Span).Head;
        return new()
        {
            Bytes = bytes,
            Head = head,
            EarliestMicroseconds = head.SentAtMicroseconds,
            LatestMicroseconds = head.SentAtMicroseconds,
        };
    }

    /// <summary>Stream, first time, length and count of samples given up, in bytes.</summary>
    private const int ShedBytesMax = 3 + 9 + 9 + 2;

    private static CheckedFrame Announcements(ref FrameReader reader, CheckedFrame seen)
    {
        var named = new HashSet<SettlementPointId>();
        while (reader.TryRead(out Announcement entry))
        {
            seen = seen with
            {
                FirstStream = Math.Min(seen.FirstStream, entry.Stream),
                HighestStream = entry.Stream,
                Refused = seen.Refused
                    ?? (entry.NominalPeriodMicroseconds
                        is < Limits.NominalPeriodMicrosecondsMin or > Limits.StreamNominalPeriodMicrosecondsMax
                        ? reader.OutOfRange("nominal period", entry.NominalPeriodMicroseconds,
                            Limits.NominalPeriodMicrosecondsMin, Limits.StreamNominalPeriodMicrosecondsMax)
                    : named.Add(entry.Point) ? null
                    : reader.Refused(Rejection.NamedTwice, "point", entry.Point.Value, "a frame names a point once")),
            };
        }
        return seen;
    }

    private static CheckedFrame Blocks(ref FrameReader reader, CheckedFrame seen)
    {
        var columns = BlockColumns.Own;
        var (earliest, latest, highest, samples) = (long.MaxValue, long.MinValue, 0, 0);
        var (count, from, to) = (0, long.MaxValue, long.MinValue); // of one stream, whose blocks follow each other
        InputRefusedException? refused = null;
        while (reader.TryRead(columns, out var block))
        {
            var times = reader.Times;
            (earliest, latest) = (Math.Min(earliest, times.Earliest), Math.Max(latest, times.Latest));
            if (block.Stream != highest)
            {
                refused ??= Dense(highest, count, from, to);
                (count, from, to) = (0, long.MaxValue, long.MinValue);
            }
            (count, from, to) = (count + block.Count, Math.Min(from, times.Earliest), Math.Max(to, times.Latest));
            (highest, samples) = (block.Stream, samples + block.Count);
        }
        return seen with
        {
            Refused = refused ?? Dense(highest, count, from, to),
            EarliestMicroseconds = earliest,
            LatestMicroseconds = latest,
            HighestStream = highest,
            Samples = samples,
        };
    }

    /// <summary>Few bytes say very many samples: how many mean something is bounded by the time that they tell
    /// of.</summary>
    private static InputRefusedException? Dense(int stream, int count, long from, long to)
    {
        if (count <= Limits.SamplesTogetherMax) return null;
        var microseconds = to - from;
        return (count - Limits.SamplesTogetherMax) * 1000L <= Limits.SamplesPerMillisecondMax * microseconds ? null
            : new InputRefusedException(Rejection.OutOfRange,
                string.Create(CultureInfo.InvariantCulture, $"frame.streams[{stream}].count"),
                count.ToString(CultureInfo.InvariantCulture), string.Create(CultureInfo.InvariantCulture,
                    $"at most {Limits.SamplesTogetherMax} and {Limits.SamplesPerMillisecondMax} for each millisecond from "
                    + $"the first to the last of them, which are {microseconds} µs apart"));
    }

    private static CheckedFrame Vehicles(ref FrameReader reader, CheckedFrame seen)
    {
        while (reader.TryRead(out VehicleFact entry))
            seen = seen.With(entry.Stream, entry.AtMicroseconds, entry.AtMicroseconds);
        return seen;
    }

    private static CheckedFrame Shed(ref FrameReader reader, CheckedFrame seen)
    {
        while (reader.TryRead(out ShedSamples entry))
            seen = seen.With(entry.Stream, entry.FirstMicroseconds, entry.LastMicroseconds);
        return seen;
    }

    private CheckedFrame With(int stream, long from, long to) => this with
    {
        EarliestMicroseconds = Math.Min(EarliestMicroseconds, from),
        LatestMicroseconds = Math.Max(LatestMicroseconds, to),
        HighestStream = stream,
    };
}
