using System.Runtime.InteropServices;
using Ledger.Domain;
using NodaTime;
using NodaTime.Text;
using Parquet;
using Parquet.Schema;

namespace Ledger.Ingest;

/// <summary>
/// Power curves in Parquet. Columns: <c>point</c> (text, optional where the point is named beside the file);
/// <c>time</c> (TIMESTAMP, UTC) or <c>time_us</c> or <c>time_ms</c> (INT64, Unix time); <c>kw</c> (DECIMAL, DOUBLE or
/// FLOAT) or <c>mw</c> (INT64). A binary float means its shortest decimal text; powers finer than a milliwatt round
/// half to even and are counted. A file has one column of each; others are not read. File metadata <c>sent_at</c>: the
/// sender's clock.
/// </summary>
public static class CurveParquet
{
    private const string SentAtKey = "sent_at";
    /// <summary>Unpacked bytes of one file, as its footer states them: eight times the largest file.</summary>
    private const long UnpackedBytesMax = 8L * Limits.ImportBytesMax;
    /// <summary>A sample is 16 bytes; beyond 32 MiB of them no file says more than 400 times its size (as
    /// <see cref="PackedBytes"/>).</summary>
    private const int SampleBytes = 16, FreeBytes = 32 * 1024 * 1024, RatioMax = 400;

    public static bool IsParquet(ReadOnlySpan<byte> bytes) => bytes.StartsWith("PAR1"u8);

    /// <summary>Reads a file whole, or says why not.
    /// The footer's sizes are judged before anything is unpacked.</summary>
    /// <param name="again">Whether it is evidence, which is read as it was when it came (<see cref="ParquetColumns"/>).
    /// </param>
    public static Refusal? Read(
        ReadOnlyMemory<byte> bytes, IntakeHints hints, out CurveBatch? batch, bool again = false)
    {
        batch = null;
        if (bytes.Length > Limits.ImportBytesMax)
            return Refusal.Of(Rejection.TooLarge,
                $"{bytes.Length} bytes; at most {Limits.ImportBytesMax} are read at once");
        if (bytes.Length < 12 || !bytes.Span.EndsWith("PAR1"u8))
            return Refusal.Of(Rejection.Truncated, "curve: the Parquet file does not end with its mark PAR1");
        if (ParquetPages.CheckFooter(bytes.Span) is { } unread) return unread;
        try
        {
            // The stream is in memory, so nothing here ever waits.
            (var refused, batch) = ReadAsync(bytes, hints, again).GetAwaiter().GetResult();
            return refused;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // A damaged file makes the decoder fail in whatever way it happens to.
            return Refusal.Of(Rejection.Malformed, $"curve: the Parquet file can not be decoded: {e.Message}");
        }
    }

    /// <summary>
    /// Writes the curves, one row group each, uncompressed and delta-packed: the same curves are the same bytes on
    /// every machine.
    /// </summary>
    public static async Task WriteAsync(
        Stream into, IEnumerable<PointCurve> curves, Instant? sentAt = null, CancellationToken ct = default)
    {
        var point = new DataField<string>("point", false);
        var (time, power) = (new DataField<long>("time_us", false), new DataField<long>("mw", false));
        var options = new ParquetOptions { CompressionMethod = CompressionMethod.None };
        options.ColumnEncodingHints[point.Name] = EncodingHint.Dictionary;
        options.ColumnEncodingHints[time.Name] = options.ColumnEncodingHints[power.Name] =
            EncodingHint.DeltaBinaryPacked;
        var writer = await ParquetWriter.CreateAsync(new ParquetSchema(point, time, power), into, options,
            cancellationToken: ct)
            .ConfigureAwait(false);
        await using var written = writer.ConfigureAwait(false);
        if (sentAt is { } sent)
            writer.CustomMetadata =
                new Dictionary<string, string> { [SentAtKey] = InstantPattern.ExtendedIso.Format(sent) };
        foreach (var curve in curves)
        {
            using var group = writer.CreateRowGroup();
            var names = new string[curve.Samples.Length];
            Array.Fill(names, curve.Point.Value);
            await group.WriteAsync(point, names).ConfigureAwait(false);
            await group.WriteAsync<long>(time, Array.ConvertAll(curve.Samples, s => s.AtMicroseconds),
                cancellationToken: ct)
                .ConfigureAwait(false);
            await group.WriteAsync<long>(power, Array.ConvertAll(curve.Samples, s => s.Milliwatts),
                cancellationToken: ct)
                .ConfigureAwait(false);
        }
    }

    private static async Task<(Refusal?, CurveBatch?)> ReadAsync(
        ReadOnlyMemory<byte> file, IntakeHints hints, bool again)
    {
        var stream = MemoryMarshal.TryGetArray(file, out var bytes)
            ? new MemoryStream(bytes.Array!, bytes.Offset, bytes.Count, writable: false)
            : new MemoryStream(file.ToArray());
        var reader = await ParquetReader.CreateAsync(stream).ConfigureAwait(false);
        await using var closed = reader.ConfigureAwait(false);
        if (Sizes(reader, file.Length) is { } tooLarge) return (tooLarge, null);
        if (ParquetColumns.Find(reader, hints.Point is not null, again, out var found) is { } unfit)
            return (unfit, null);
        var columns = found!;
        if (ParquetPages.Check(file.Span, reader.Metadata!, columns) is { } damaged) return (damaged, null);
        var sentAt = hints.SentAt;
        if (sentAt is null && reader.CustomMetadata.TryGetValue(SentAtKey, out var sent))
        {
            if (!InstantPattern.ExtendedIso.Parse(sent).TryGetValue(default, out var at))
                return (Refusal.Of(Rejection.InvalidTime,
                    $"curve: metadata sent_at {IntakeText.Quote(sent)} is no ISO 8601 instant"), null);
            sentAt = at;
        }
        var rows = new CurveRows();
        for (var i = 0; i < reader.RowGroupCount; i++)
        {
            var rowGroup = reader.Metadata!.RowGroups[i];
            if (PackedRows.Read(
                file.Span, rowGroup, columns.Point, hints.Point, columns.Time, columns.Power) is { } packed)
            {
                rows.Add(packed);
                continue;
            }
            using var group = reader.OpenRowGroupReader(i);
            var read = new CurveRowGroup(group, columns, rows.Count);
            if (await read.AppendAsync(hints.Point, rows).ConfigureAwait(false) is { } bad) return (bad, null);
        }
        return rows.Count == 0
            ? (Refusal.Of(Rejection.EmptyInput, "curve: the Parquet file has no row"), null)
            : (null, rows.ToBatch(sentAt) with { NamedBeside = columns.Point is null ? hints.Point : null });
    }

    private static Refusal? Sizes(ParquetReader reader, int bytes)
    {
        Int128 rows = 0, unpacked = 0;
        foreach (var group in reader.Metadata!.RowGroups)
        {
            if (group.NumRows < 0)
                return Refusal.Of(Rejection.Malformed, $"curve: a row group of {group.NumRows} rows");
            rows += group.NumRows;
            foreach (var column in group.Columns) unpacked += Math.Max(0, column.MetaData!.TotalUncompressedSize);
        }
        if (rows > Limits.SamplesPerBatchMax)
            return Refusal.Of(Rejection.TooLarge,
                $"curve: {rows} rows; at most {Limits.SamplesPerBatchMax} samples are read at once");
        // Where time and power follow a rule, a file of some hundred bytes can say millions of rows.
        if (rows * SampleBytes > Math.Max(FreeBytes, (long)bytes * RatioMax))
            return Refusal.Of(Rejection.TooLarge, $"curve: {rows} rows in a file of {bytes} bytes");
        return unpacked > UnpackedBytesMax
            ? Refusal.Of(Rejection.TooLarge, $"curve: {unpacked} bytes unpacked; at most {UnpackedBytesMax} are")
            : null;
    }
}
