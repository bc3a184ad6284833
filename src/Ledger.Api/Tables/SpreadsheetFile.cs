using System.Data;
using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using Ledger.Domain;
using MiniExcelLibs;
using MiniExcelLibs.OpenXml;

namespace Ledger.Api.Tables;

/// <summary>
/// Tables as sheets of an XLSX file. A spreadsheet calculates in binary floating point, which keeps fifteen digits: a
/// column is of numbers where every one of its values has no more, so that a sheet never sums a part of a column in
/// silence; else it is of texts, with every digit. The same tables are the same bytes: entries bear one fixed time,
/// and the random names that the writer gives to sheets are replaced by numbers. Rows are read twice, for what the
/// columns are and for the values, and lie in a file of their own until it is whole.
/// </summary>
public static partial class SpreadsheetFile
{
    private const int DigitsMax = 15; // of a binary64 that come back as they were written (IEEE 754)
    private const int RowsMax = 1_048_575; // of a sheet, less the row of names (Office Open XML)
    private const int CellCharactersMax = 32_767; // beyond it the file is damaged (Excel specifications and limits)
    private const int SheetNameMax = 31;
    private const string Styles = "xl/styles.xml";
    private static readonly DateTimeOffset Zip0 = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero); // the first that zip can say

    private enum ColumnOf { Texts, Numbers, TruthValues }

    /// <summary>Throws <see cref="TableTooLongException"/> where a table has more rows than a sheet, or a text that is
    /// longer than a cell.</summary>
    public static void Write(Stream into, IEnumerable<(string Name, Table Table)> sheets)
    {
        var decimals = new List<int[]>();
        var tables = sheets.ToDictionary(
            sheet => sheet.Name.Length > SheetNameMax ? sheet.Name[..SheetNameMax] : sheet.Name,
            sheet => Sheet(sheet.Name, sheet.Table, decimals));
        using var written = TableFile.Temporary();
        written.SaveAs(tables, configuration: new OpenXmlConfiguration
        {
            AutoFilter = false,
            TableStyles = TableStyles.None,
        });
        written.Position = 0;
        Fix(written, into, decimals);
    }

    /// <param name="decimals">Gets those with which each column of money is shown; 0 of another column.</param>
    private static object Sheet(string name, Table table, List<int[]> decimals)
    {
        var (numbers, truths, rows) = (new bool[table.Columns.Count], new bool[table.Columns.Count], 0);
        var places = new int[table.Columns.Count];
        Array.Fill(numbers, true);
        Array.Fill(truths, true);
        foreach (var row in table.Rows)
        {
            if (++rows > RowsMax) throw new TableTooLongException(name, $"more than the {RowsMax} rows of a sheet");
            for (var i = 0; i < row.Count; i++)
            {
                if (row[i] is null) continue;
                if (row[i] is string or IReadOnlyList<string> && TableCell.Exact(row[i]).Length > CellCharactersMax)
                    throw new TableTooLongException(name, string.Create(CultureInfo.InvariantCulture,
                        $"in row {rows}, column {table.Columns[i].Name}, more than the {CellCharactersMax} characters "
                        + $"of a cell"));
                numbers[i] &= TableCell.IsFigure(row[i]) && Digits(row[i]) <= DigitsMax;
                truths[i] &= row[i] is bool;
                places[i] = row[i] is Money money && places[i] >= 0 ? Math.Max(places[i], money.Amount.Scale) : -1;
            }
        }
        var columns = table.Columns.Select((_, i) => numbers[i] ? ColumnOf.Numbers
            : truths[i] ? ColumnOf.TruthValues : ColumnOf.Texts).ToList();
        decimals.Add([.. places.Select((each, i) => numbers[i] ? Math.Max(each, 0) : 0)]);
        return rows > 0 ? Cells(table, columns) : Heads(table);
    }

    /// <summary>Names over nothing: the writer takes the names of what is read row by row from the first row.</summary>
    private static DataTable Heads(Table table)
    {
        var heads = new DataTable { Locale = CultureInfo.InvariantCulture };
        foreach (var column in table.Columns) heads.Columns.Add(column.Name, typeof(string));
        return heads;
    }

    private static IEnumerable<Dictionary<string, object?>> Cells(Table table, List<ColumnOf> columns)
    {
        foreach (var row in table.Rows)
        {
            var cells = new Dictionary<string, object?>(columns.Count, StringComparer.Ordinal);
            for (var i = 0; i < columns.Count; i++)
                cells[table.Columns[i].Name] = row[i] is not { } value ? null : columns[i] switch
                {
                    ColumnOf.Numbers => decimal.Parse(
                        Plain(value), NumberStyles.Number, CultureInfo.InvariantCulture),
                    ColumnOf.TruthValues => value,
                    _ => TableCell.Exact(value),
                };
            yield return cells;
        }
    }

    /// <summary>Digits that say something: zeros at the front, and at the end of decimals, say nothing.</summary>
    private static int Digits(object? value) =>
        Plain(value).Where(char.IsAsciiDigit).SkipWhile(digit => digit == '0').Count();

    private static string Plain(object? value) =>
        TableCell.Exact(value) is var text && text.Contains('.') ? text.TrimEnd('0').TrimEnd('.') : text;

    private static void Fix(Stream written, Stream into, List<int[]> decimals)
    {
        using var from = new ZipArchive(written, ZipArchiveMode.Read, leaveOpen: true);
        using var to = new ZipArchive(into, ZipArchiveMode.Create, leaveOpen: true);
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        var styles = SpreadsheetXml.StylesOf(from.GetEntry(Styles)!, decimals.SelectMany(each => each));
        var sheets = 0;
        foreach (var entry in from.Entries)
        {
            var copy = to.CreateEntry(entry.FullName, CompressionLevel.Optimal);
            copy.LastWriteTime = Zip0;
            using var target = copy.Open();
            using var source = entry.Open();
            if (entry.FullName.Contains("workbook.xml", StringComparison.Ordinal))
                Rewrite(source, target, text => RandomName().Replace(text, match =>
                    names.TryGetValue(match.Value, out var known) ? known
                        : names[match.Value] = string.Create(CultureInfo.InvariantCulture, $"sheet{names.Count + 1}")));
            else if (entry.FullName == Styles)
                Rewrite(source, target, _ => styles.Text);
            else if (entry.FullName.StartsWith("xl/worksheets/sheet", StringComparison.Ordinal))
                SpreadsheetXml.CopySheet(source, target, styles, decimals[sheets++]);
            else
                source.CopyTo(target);
        }
    }

    private static void Rewrite(Stream source, Stream target, Func<string, string> change)
    {
        using var reader = new StreamReader(source, Encoding.UTF8);
        target.Write(Encoding.UTF8.GetBytes(change(reader.ReadToEnd())));
    }

    [GeneratedRegex("R[0-9a-f]{32}")]
    private static partial Regex RandomName();
}
