namespace Ledger.Ingest;

/// <summary>What to tell the sender of a table that is written otherwise than tables are read here: a spreadsheet may
/// put cells between quotes, or semicolons between them, and a program a column of numbers before them.</summary>
internal static class TableHeaders
{
    private const string Form = "; cells are not quoted, and columns are separated by commas";
    /// <summary>Longest line that is looked at.</summary>
    private const int LengthMax = 4_000;
    /// <summary>Columns that a header has in common with one that is read, to be taken for it.</summary>
    private const int CommonLeast = 2;

    private static readonly string[][] Known =
    [
        .. CurveFiles.Headers.Concat(RegisterReadingRows.Headers)
            .Concat(MasterDataRows.Sheets.Select(sheet => sheet.Header)).Select(header => header.Split(',')),
    ];

    /// <summary>The form of cells, after a sentence that refuses a cell or line of another; else nothing.</summary>
    public static string FormUnless(ReadOnlySpan<char> text) =>
        text is ['"', ..] || text.Contains(",\"", StringComparison.Ordinal) || text.Contains(';') ? Form : "";

    /// <summary>The header that was meant, after a sentence that no format begins so; nothing where none is near.
    /// </summary>
    public static string Meant(string header)
    {
        if (header.Length > LengthMax) return "";
        var names = header.Split(',', ';', '\t').Select(name => name.Trim().Trim('"'))
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
        var nearest = Known.MaxBy(columns => (columns.Count(names.Contains), -columns.Length))!;
        return nearest.Count(names.Contains) < CommonLeast ? ""
            : $"; the header nearest to it is {string.Join(',', nearest)}{FormUnless(header)}";
    }
}
