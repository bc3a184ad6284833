using Ledger.Api.Tables;

namespace Ledger.Cli.Listings;

/// <summary>Listings as files of other programs, written as the HTTP interface writes its tables.</summary>
internal static class ListingFile
{
    public static void WriteXlsx(Stream into, IEnumerable<(string Name, Listing Listing)> sheets)
    {
        try
        {
            SpreadsheetFile.Write(into, sheets.Select(sheet => (sheet.Name, TableOf(sheet.Listing))));
        }
        catch (TableTooLongException tooLong)
        {
            throw new CouldNotException(tooLong.Message);
        }
    }

    public static Task WriteParquetAsync(Listing listing, Stream into, CancellationToken ct) =>
        ParquetFile.WriteAsync(TableOf(listing), into, ct);

    private static Table TableOf(Listing listing)
    {
        var columns = Enumerable.Range(0, listing.Names.Count).Where(i => listing.Names[i] is not null).ToList();
        return new([.. columns.Select(i => new TableColumn(listing.Names[i]!, Kind: null))],
            listing.Rows.Select(row => (IReadOnlyList<object?>)[.. columns.Select(i => Value(row[i]))]),
            listing.Summary.ToDictionary(field => field.Name, field => Cell.Exact(field.Value)));
    }

    private static object? Value(object? cell) => cell is CanonicalJson json ? json.Text : cell;
}
