using Parquet.Meta;
using Type = Parquet.Meta.Type;

namespace Ledger.Ingest;

/// <summary>What a column of a Parquet file is, in the words of the format.</summary>
internal static class ParquetTypes
{
    public static string NameOf(SchemaElement column) =>
        column.RepetitionType == FieldRepetitionType.REPEATED ? $"repeated {OneOf(column)}" : OneOf(column);

    private static string OneOf(SchemaElement column) => column switch
    {
        { LogicalType.TIMESTAMP: { } at } => at.IsAdjustedToUTC ? "TIMESTAMP" : "TIMESTAMP without UTC",
        { LogicalType.DECIMAL: { } number } => $"DECIMAL({number.Precision},{number.Scale})",
        { LogicalType.DATE: not null } => "DATE",
        { LogicalType.TIME: not null } => "TIME",
        { LogicalType.STRING: not null } => "UTF8",
        { LogicalType.UUID: not null } => "UUID",
        { LogicalType.INTEGER: { } whole } => $"{(whole.IsSigned ? "INT" : "UINT")}_{whole.BitWidth}",
        { ConvertedType: ConvertedType.DECIMAL } => $"DECIMAL({column.Precision},{column.Scale})",
        { ConvertedType: { } older } => older.ToString(),
        { Type: { } physical } => physical.ToString(),
        _ => "a group",
    };

    /// <summary>How many units of a column's integers a second has, where these are instants.</summary>
    public static long? UnitsPerSecond(SchemaElement column) => column switch
    {
        { Type: not Type.INT64 } => null,
        { LogicalType.TIMESTAMP: { IsAdjustedToUTC: true, Unit: var unit } } =>
            unit switch
            {
                { NANOS: not null } => 1_000_000_000,
                { MICROS: not null } => 1_000_000,
                { MILLIS: not null } => 1_000,
                _ => null,
            },
        { LogicalType: null, ConvertedType: ConvertedType.TIMESTAMP_MICROS } => 1_000_000,
        { LogicalType: null, ConvertedType: ConvertedType.TIMESTAMP_MILLIS } => 1_000,
        _ => null,
    };

    /// <summary>Decimals of a column's integers, where these are decimal numbers.</summary>
    public static int? DecimalsOfIntegers(SchemaElement column) =>
        column.Type is Type.INT32 or Type.INT64 && column.Scale is null or (>= 0 and <= 18)
            && (column.LogicalType?.DECIMAL is not null || column.ConvertedType == ConvertedType.DECIMAL)
            ? column.Scale ?? 0 : null;
}
