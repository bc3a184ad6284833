namespace Ledger.Ingest;

/// <summary>What to tell the sender of a table that is written otherwise than tables are read here: a spreadsheet may
/// put cells between quotes, or semicolons between them.</summary>
internal static class CellForm
{
    private const string Form = "; cells are not quoted, and columns are separated by commas";

    /// <summary>The form of cells, after a sentence that refuses a cell or line of another; else nothing.</summary>
    public static string Unless(ReadOnlySpan<char> text) =>
        text is ['"', ..] || text.Contains(",\"", StringComparison.Ordinal) || text.Contains(';') ? Form : "";
}
