namespace Ledger.Ingest;

/// <summary>
/// The structures of a Parquet file's footer and page heads (parquet.thrift): of each field, by its number, whether it
/// is a whole number (i), bytes (b), a flag (f), a structure by its name, or a list (+) of one of these. A decoder
/// reads a field by its number alone, so bytes that say another kind would make it take a value for a length.
/// </summary>
internal static class ParquetShapes
{
    public const string Footer = "footer", PageHead = "page";

    private static readonly Dictionary<string, string[]> Fields = new(StringComparer.Ordinal)
    {
        [Footer] = ["i", "+element", "i", "+group", "+pair", "b", "+any", "any", "b"],
        ["element"] = ["i", "i", "i", "b", "i", "i", "i", "i", "i", "any"],
        ["group"] = ["+chunk", "i", "i", "+any", "i", "i", "i"],
        ["chunk"] = ["b", "i", "column", "i", "i", "i", "i", "any", "b"],
        ["column"] =
        [
            "i", "+i", "+b", "i", "i", "i", "i", "+pair", "i", "i", "i", "statistics", "+any", "i", "i", "sizes", "any",
        ],
        ["statistics"] = ["b", "b", "i", "i", "b", "b", "f", "f"],
        ["sizes"] = ["i", "+i", "+i"],
        ["pair"] = ["b", "b"],
        [PageHead] = ["i", "i", "i", "i", "data", "any", "dictionary", "data2"],
        ["data"] = ["i", "i", "i", "i", "statistics"],
        ["dictionary"] = ["i", "i", "f"],
        ["data2"] = ["i", "i", "i", "i", "i", "i", "f", "statistics"],
    };

    /// <summary>What a field of a structure is; null where the structure does not have it.</summary>
    public static string? Of(string? structure, int field) =>
        structure is not null && Fields.TryGetValue(structure, out var fields)
            && field >= 1 && field <= fields.Length ? fields[field - 1] : null;
}
