using System.Runtime.InteropServices;
using Ledger.Domain;
using Parquet.Meta;
using Parquet.Schema;

namespace Ledger.Ingest;

/// <summary>
/// The rows of one point in a row group as <see cref="CurveParquet.WriteAsync"/> packs them: ledgers keep most of their
/// curves so, and read them again whenever they are verified. They are read straight into samples here, and where all
/// times are one step apart, as a clock's, only their powers are read; whatever is packed otherwise, or holds a value
/// that no curve may have, is left to the general reader, which says what is wrong.
/// </summary>
internal static class PackedRows
{
    private const int FileEndBytes = 8; // the footer's length and the mark

    /// <param name="point">Null where the file does not name points; then all rows are of <paramref name="only"/>.
    /// </param>
    /// <returns>Null where the rows are not in this form.</returns>
    public static PointCurve? Read(ReadOnlySpan<byte> file, RowGroup group,
        DataField? point, SettlementPointId? only, DataField time, DataField power)
    {
        if (time.Name != "time_us" || power.Name != "mw" || !IsInteger(time) || !IsInteger(power)
            || group.NumRows is < 1 or > Limits.SamplesPerBatchMax) return null;
        if (point is not null)
        {
            if (point.ClrType != typeof(ReadOnlyMemory<char>) || !IsPlain(point)) return null;
            // What is no ASCII is no identifier.
            var name = System.Text.Encoding.ASCII.GetString(Column(file, group, point).OnlyText());
            only = SettlementPointId.TryParse(name, out var named) ? named : null;
        }
        if (only is not { } found) return null;
        var rows = (int)group.NumRows;
        if (Column(file, group, time).Rule() is { } rule) return Even(found, rule, Column(file, group, power), rows);
        var samples = GC.AllocateUninitializedArray<PowerSample>(rows);
        var cells = MemoryMarshal.Cast<PowerSample, long>(samples.AsSpan());
        return Column(file, group, time).Integers(cells, 2) is { } times
            && CurveRowGroup.IsUnixTime(times.Least, 1_000_000) && CurveRowGroup.IsUnixTime(times.Most, 1_000_000)
            && Column(file, group, power).Integers(cells[1..], 2) is { } powers && AreWithinLimits(powers)
            ? new(found, samples) : null;
    }

    private static PointCurve? Even(
        SettlementPointId point, (long First, long Step) rule, PackedColumn power, int rows)
    {
        var last = rule.First + ((Int128)rule.Step * (rows - 1));
        if (rule.Step < 1 || last > long.MaxValue || !CurveRowGroup.IsUnixTime(rule.First, 1_000_000)
            || !CurveRowGroup.IsUnixTime((long)last, 1_000_000)) return null;
        var milliwatts = GC.AllocateUninitializedArray<long>(rows);
        return power.Integers(milliwatts, 1) is { } powers && AreWithinLimits(powers)
            ? new(point, EvenCurve.Of(rule.First, rule.Step, milliwatts)) : null;
    }

    private static bool AreWithinLimits((long Least, long Most) powers) =>
        powers is { Least: >= -Limits.PowerMilliwattsMax, Most: <= Limits.PowerMilliwattsMax };

    private static bool IsInteger(DataField field) => field.ClrType == typeof(long) && IsPlain(field);

    private static bool IsPlain(DataField field) =>
        field is { IsNullable: false, IsArray: false, MaxDefinitionLevel: 0, MaxRepetitionLevel: 0 };

    /// <summary>The bytes of a column; none, of which nothing can be read, where they do not lie in the file as
    /// they should.</summary>
    private static PackedColumn Column(ReadOnlySpan<byte> file, RowGroup group, DataField field)
    {
        ColumnMetaData? meta = null;
        foreach (var column in group.Columns)
            if (column.MetaData?.PathInSchema is [var name] && name == field.Name)
            {
                if (meta is not null || column is not { FilePath: null, CryptoMetadata: null }) return default;
                meta = column.MetaData;
            }
        return meta is { Codec: CompressionCodec.UNCOMPRESSED, DictionaryPageOffset: null, IndexPageOffset: null }
            && meta.NumValues == group.NumRows && meta.DataPageOffset is >= 0 and <= int.MaxValue
            && meta.TotalCompressedSize is > 0 and <= int.MaxValue
            && meta.DataPageOffset + meta.TotalCompressedSize <= file.Length - FileEndBytes
            ? new(file[(int)meta.DataPageOffset..], (int)meta.TotalCompressedSize, (int)group.NumRows) : default;
    }
}
