using System.Data;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using Ledger.Domain;
using MiniExcelLibs;
using MiniExcelLibs.OpenXml;

namespace Ledger.Cli.Listings;

/// <summary>
/// Listings as sheets of an XLSX file. A spreadsheet calculates in binary floating point, which keeps fifteen digits: a
/// column is of numbers where every one of its values has no more, so that a sheet never sums a part of a column in
/// silence; else it is of texts, with every digit. The same listings are the same bytes: entries bear one fixed time,
/// and the random names that the writer gives to sheets are replaced by numbers.
/// </summary>
public static partial class Spreadsheet
{
    private const int DigitsMax = 15; // of a binary64 that come back as they were written (IEEE 754)
    private const int RowsMax = 1_048_575; // of a sheet, less the row of names (Office Open XML)
    private const int SheetNameMax = 31;
    private static readonly DateTimeOffset Zip0 = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero); // the first that zip can say

    /// <summary>Throws <see cref="CouldNotException"/> where a listing has more rows than a sheet.</summary>
    public static void Write(Stream into, IEnumerable<(string Name, Listing Listing)> sheets)
    {
        var tables = sheets.ToDictionary(
            sheet => sheet.Name.Length > SheetNameMax ? sheet.Name[..SheetNameMax] : sheet.Name,
            sheet => (object)TableOf(sheet.Name, sheet.Listing));
        using var written = new MemoryStream();
        written.SaveAs(tables, configuration: new OpenXmlConfiguration
        {
            AutoFilter = false,
            TableStyles = TableStyles.None,
        });
        written.Position = 0;
        Fix(written, into);
    }

    private static DataTable TableOf(string name, Listing listing)
    {
        var columns = Enumerable.Range(0, listing.Names.Count).Where(i => listing.Names[i] is not null).ToList();
        var rows = listing.Rows.Take(RowsMax + 1).Select(row => columns.Select(i => row[i]).ToArray()).ToList();
        if (rows.Count > RowsMax)
            throw new CouldNotException($"{name} has more than the {RowsMax} rows of a sheet: take csv or parquet");
        var table = new DataTable { Locale = CultureInfo.InvariantCulture };
        for (var i = 0; i < columns.Count; i++)
        {
            var isNumber = rows.All(row => row[i] is null || (Cell.IsFigure(row[i]) && Digits(row[i]) <= DigitsMax));
            table.Columns.Add(listing.Names[columns[i]]!, isNumber ? typeof(decimal)
                : rows.All(row => row[i] is null or bool) ? typeof(bool) : typeof(string));
        }

        foreach (var row in rows)
            table.Rows.Add([.. row.Select((value, i) => value is null ? DBNull.Value
                : table.Columns[i].DataType == typeof(decimal) ? decimal.Parse(
                    Cell.Exact(value), NumberStyles.Number, CultureInfo.InvariantCulture)
                : table.Columns[i].DataType == typeof(bool) ? value : (object)Cell.Exact(value))]);
        return table;
    }

    /// <summary>Digits that say something: zeros at the front say nothing.</summary>
    private static int Digits(object? value) =>
        Cell.Exact(value).Where(char.IsAsciiDigit).SkipWhile(digit => digit == '0').Count();

    private static void Fix(Stream written, Stream into)
    {
        using var from = new ZipArchive(written, ZipArchiveMode.Read, leaveOpen: true);
        using var to = new ZipArchive(into, ZipArchiveMode.Create, leaveOpen: true);
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var entry in from.Entries)
        {
            var copy = to.CreateEntry(entry.FullName, CompressionLevel.Optimal);
            copy.LastWriteTime = Zip0;
            using var target = copy.Open();
            using var source = entry.Open();
            if (!entry.FullName.Contains("workbook.xml", StringComparison.Ordinal))
            {
                source.CopyTo(target);
                continue;
            }

            using var reader = new StreamReader(source, Encoding.UTF8);
            target.Write(Encoding.UTF8.GetBytes(RandomName().Replace(reader.ReadToEnd(), match =>
                names.TryGetValue(match.Value, out var known) ? known
                    : names[match.Value] = string.Create(CultureInfo.InvariantCulture, $"sheet{names.Count + 1}"))));
        }
    }

    [GeneratedRegex("R[0-9a-f]{32}")]
    private static partial Regex RandomName();
}
