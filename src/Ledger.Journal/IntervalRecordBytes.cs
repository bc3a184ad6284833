using System.Diagnostics;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Journal;

/// <summary>
/// The bytes of an interval record, layouts 1 and 2, final: docs/journal-format.md. Layout 2 says what a record of a
/// declared stream has beyond that of a batch, behind what both have; a record that has nothing of it is layout 1. It
/// is the only fact of which there are very many, so it has fields of fixed width instead of JSON (docs/decisions.md
/// has the figures); people read its JSON view, <see cref="EventCodec.ToJson"/>. Every field has one form, so a record
/// has one encoding.
/// </summary>
public static class IntervalRecordBytes
{
    public const string ContentType = "application/vnd.ledger.interval-record";
    public const byte Version = 2;
    private const byte BatchVersion = 1;
    private const int UsualBytesMax = 512; // a record without gaps and reason has 148 bytes and those of its point's id
    private const int DigestBytes = 32;

    /// <summary>Whether layout 1 says all of a record.</summary>
    public static bool IsOfBatch(IntervalRecorded record) =>
        record.Stream is null && record.Gaps.All(gap => gap.Cause is null);

    public static byte[] Write(IntervalRecorded record)
    {
        var isOfBatch = IsOfBatch(record);
        var writer = new ByteWriter(stackalloc byte[UsualBytesMax]);
        writer.Byte(isOfBatch ? BatchVersion : Version);
        writer.Text(record.Point.Value);
        writer.Time(record.Period.Start);
        writer.Time(record.Period.End);
        writer.Int32(record.Version);
        writer.Byte((byte)Known(record.State));
        writer.Int128(record.Import.HalfNanojoules);
        writer.Int128(record.Export.HalfNanojoules);
        writer.Int64(record.Minimum.Milliwatts);
        writer.Int64(record.Maximum.Milliwatts);
        writer.Int64(record.CoveredMicroseconds);
        writer.Int64(record.Ramp1sMilliwattsMax);
        writer.Int32(record.Samples);
        writer.Int32(record.LateSamples);
        writer.Int32(record.DuplicateSamples);
        writer.Int32(record.ConflictingSamples);
        writer.Int64(record.ClockOffsetMicroseconds);
        writer.Byte((byte)Known(record.Quality));
        writer.Raw(Convert.FromHexString(record.Evidence.Hex));
        writer.Byte(record.Reason is null ? (byte)0 : (byte)1);
        if (record.Reason is { } reason) writer.Text(PayloadText.Checked(reason));
        writer.UInt16(record.Gaps.Count);
        foreach (var gap in record.Gaps)
        {
            writer.Time(gap.Missing.Start);
            writer.Time(gap.Missing.End);
        }
        if (!isOfBatch) WriteStream(ref writer, record);
        return writer.ToArray();
    }

    private static void WriteStream(ref ByteWriter writer, IntervalRecorded record)
    {
        foreach (var gap in record.Gaps) writer.Byte(gap.Cause is { } cause ? (byte)Known(cause) : (byte)0);
        writer.Byte(record.Stream is null ? (byte)0 : (byte)1);
        if (record.Stream is not { } stream) return;
        writer.Byte((byte)Known(stream.Semantics));
        writer.Int64(stream.NominalMicroseconds);
        writer.Int64(stream.Ramp10sMilliwattsMax);
        writer.Int64(stream.ClockDriftPpm);
        writer.Int64(stream.ClockBoundMicroseconds);
        writer.Int32(stream.MissingSequences);
    }

    /// <summary>Reads a record back; throws <see cref="InvalidDataException"/> on anything but the bytes
    /// above.</summary>
    public static IntervalRecorded Read(ReadOnlySpan<byte> payload)
    {
        var texts = RecentTexts.OfThread;
        var reader = new ByteReader(payload, "interval record", texts);
        if (reader.Byte() is var version && version is not (BatchVersion or Version))
            throw new InvalidDataException(
                $"interval record layout {version} is unknown; this program reads {BatchVersion} and {Version}");
        if (!reader.TryValue(texts.Points, out var point))
            throw new InvalidDataException("the interval record names no settlement point");
        // The constructor's arguments are evaluated in the order in which they are written here: that of the bytes.
        var record = new IntervalRecorded(
            point, Period: FromTo(ref reader), Version: reader.Int32(),
            State: Known((IntervalRecordState)reader.Byte()),
            Import: new Energy(reader.Int128()), Export: new Energy(reader.Int128()),
            Minimum: new Power(reader.Int64()), Maximum: new Power(reader.Int64()),
            CoveredMicroseconds: reader.Int64(), Ramp1sMilliwattsMax: reader.Int64(),
            Samples: reader.Int32(), LateSamples: reader.Int32(), DuplicateSamples: reader.Int32(),
            ConflictingSamples: reader.Int32(), ClockOffsetMicroseconds: reader.Int64(),
            Quality: Known((ReadingQuality)reader.Byte()),
            Evidence: Digest(reader.Raw(DigestBytes), texts),
            Reason: reader.Flag() ? PayloadText.Checked(reader.Text()) : null, Gaps: ReadGaps(ref reader));
        if (version == Version) record = ReadStream(ref reader, record);
        reader.End();
        return record;
    }

    /// <summary>The same for a version of the fact: version 1 is layout 1 and version 2 layout 2.</summary>
    public static IntervalRecorded Read(ReadOnlySpan<byte> payload, byte layout) =>
        payload.IsEmpty || payload[0] == layout
            ? Read(payload) : throw new InvalidDataException($"version {layout} of an interval record is layout {layout}");

    private static IntervalRecorded ReadStream(ref ByteReader reader, IntervalRecorded record)
    {
        var gaps = new CurveGap[record.Gaps.Count];
        for (var i = 0; i < gaps.Length; i++)
        {
            var cause = reader.Byte();
            gaps[i] = record.Gaps[i] with { Cause = cause == 0 ? null : Known((GapCause)cause) };
        }
        var read = record with
        {
            Gaps = gaps,
            Stream = !reader.Flag() ? null : new IntervalStream(
                Known((SampleSemantics)reader.Byte()), reader.Int64(), reader.Int64(), reader.Int64(), reader.Int64(),
                reader.Int32()),
        };
        return IsOfBatch(read)
            ? throw new InvalidDataException("an interval record of layout 2 says nothing that layout 1 does not") : read;
    }

    private static EvidenceDigest Digest(ReadOnlySpan<byte> hash, RecentTexts texts)
    {
        Span<byte> hex = stackalloc byte[2 * DigestBytes];
        return Convert.TryToHexStringLower(hash, hex, out _) && texts.Digests.TryGet(hex, out var digest) ? digest
            : throw new UnreachableException("the digits of 32 bytes are a digest");
    }

    private static CurveGap[] ReadGaps(ref ByteReader reader)
    {
        var gaps = reader.UInt16() is var count and > 0 ? new CurveGap[count] : [];
        for (var i = 0; i < gaps.Length; i++) gaps[i] = new CurveGap(FromTo(ref reader));
        return gaps;
    }

    private static Interval FromTo(ref ByteReader reader)
    {
        var (from, to) = (reader.Time(), reader.Time());
        return to >= from ? new Interval(from, to)
            : throw new InvalidDataException("an interval ends before it starts");
    }

    private static T Known<T>(T value) where T : struct, Enum =>
        Enum.IsDefined(value) ? value : throw new InvalidDataException($"{value} is no {typeof(T).Name}");
}
