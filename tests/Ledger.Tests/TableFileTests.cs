using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using System.Xml.Linq;
using Ledger.Api.Tables;
using Ledger.Domain;
using MiniExcelLibs;
using NodaTime;
using Parquet;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A table as a file is what its readers read: the types and digits of Parquet, the cells of XLSX.</summary>
public sealed class TableFileTests
{
    private static readonly Instant At = Instant.FromUtc(2026, 1, 2, 3, 4, 5) + Duration.FromTicks(10);

    private static readonly TableColumn[] Columns =
    [
        new("name", CellKind.Text), new("isOver", CellKind.TruthValue), new("at", CellKind.Instant),
        new("count", CellKind.Integer), new("halfNanojoules", CellKind.LargeInteger),
        new("meteredKwh", CellKind.Energy), new("ratedKw", CellKind.Power), new("payment", CellKind.Number),
    ];

    private static Table Of(params object?[][] rows) => new(Columns, rows, new Dictionary<string, string>());

    private static async Task<byte[]> ParquetAsync(Table table)
    {
        using var file = new MemoryStream();
        await ParquetFile.WriteAsync(table, file, TestContext.Current.CancellationToken);
        return file.ToArray();
    }

    private static async Task<List<Dictionary<string, string>>> RowsAsync(byte[] file)
    {
        using var stream = new MemoryStream(file);
        await using var reader = await ParquetReader.CreateAsync(
            stream, cancellationToken: TestContext.Current.CancellationToken);
        return await ParquetRows.ReadAsync(reader);
    }

    [Fact]
    public async Task A_column_of_Parquet_has_its_type_whatever_the_rows_are()
    {
        string[] types = ["name text", "isOver Boolean", "at DateTime", "count Int64", "halfNanojoules DECIMAL(38,0)",
            "meteredKwh DECIMAL(38,12)", "ratedKw DECIMAL(38,12)", "payment DECIMAL(38,18)"];
        object?[][] rows =
        [
            ["A", true, At, 1L, 7_200_000_000_000m, 0.5m, 120m, 16750m],
            ["B", false, At, long.MinValue, 1e27m, -604.481000000001m, 0.000001m, -16749.374058253000800001m],
            ["C", null, null, null, null, null, null, 1234567890.123456789012345678m],
            [null, null, null, null, null, null, null, null],
        ];
        foreach (var some in (object?[][][])[rows, [rows[0]], [rows[1]], [rows[3]], []])
        {
            var file = await ParquetAsync(Of(some));
            (await ParquetRows.TypesAsync(file)).ShouldBe(types);
            (await RowsAsync(file)).Select(row => Columns.Select(column => row[column.Name]))
                .ShouldBe(some.Select(row => row.Select(TableCell.Exact)));
        }
    }

    /// <summary>Text has every digit, and nobody can close a table to others by one number of his own.</summary>
    [Theory]
    [InlineData("0.1234567890123456789", "text")]
    [InlineData("0.123456789012345678", "DECIMAL(38,18)")]
    [InlineData("123456789012345678901", "text")]
    [InlineData("12345678901234567890", "DECIMAL(38,18)")]
    public async Task A_column_with_a_value_that_its_type_does_not_hold_is_text(string number, string type)
    {
        var file = await ParquetAsync(Of([null, null, At, null, null, null, null,
            decimal.Parse(number, CultureInfo.InvariantCulture)]));
        (await ParquetRows.TypesAsync(file))[^1].ShouldBe($"payment {type}");
        (await RowsAsync(file))[0]["payment"].ShouldBe(number);
        file = await ParquetAsync(Of([null, null, At + Duration.FromNanoseconds(1), null, null, null, null, 1m]));
        (await ParquetRows.TypesAsync(file))[2].ShouldBe("at text");
        (await RowsAsync(file))[0]["at"].ShouldBe("2026-01-02T03:04:05.000001001Z");
    }

    /// <summary>Listings of the command line do not say what their columns are.</summary>
    [Fact]
    public async Task A_column_of_which_nothing_is_said_is_what_its_values_are_or_else_its_name()
    {
        object?[][] rows =
        [
            [1, Energy.FromWattHours(250), 1.5m, new Money(126.40m), 3, null, null, "A"],
            [2L, null, 2.25m, null, 0.5m, null, null, true],
        ];
        string[] names = ["count", "meteredKwh", "pricePerKwh", "amount", "mixed", "heldKwh", "note", "either"];
        var file = await ParquetAsync(new([.. names.Select(name => new TableColumn(name, null))], rows,
            new Dictionary<string, string>()));
        (await ParquetRows.TypesAsync(file)).ShouldBe(["count Int64", "meteredKwh DECIMAL(38,12)",
            "pricePerKwh DECIMAL(38,18)", "amount DECIMAL(38,18)", "mixed DECIMAL(38,18)", "heldKwh DECIMAL(38,12)",
            "note text", "either text"]);
        (await RowsAsync(file)).Select(row => string.Join(' ', names.Select(name => row[name])))
            .ShouldBe(["1 0.25 1.5 126.4 3   A", "2  2.25  0.5   true"]);
    }

    [Fact]
    public async Task A_table_of_more_rows_than_a_group_has_all_of_them_in_order()
    {
        const int rows = 65_536 + 3;
        using var stream = new MemoryStream(await ParquetAsync(new([new("count", CellKind.Integer)],
            Enumerable.Range(0, rows).Select(i => (IReadOnlyList<object?>)[(long)i]),
            new Dictionary<string, string>())));
        await using var reader = await ParquetReader.CreateAsync(
            stream, cancellationToken: TestContext.Current.CancellationToken);
        reader.RowGroupCount.ShouldBe(2);
        (await ParquetRows.ReadAsync(reader)).Select(row => row["count"])
            .ShouldBe(Enumerable.Range(0, rows).Select(i => $"{i}"));
    }

    [Fact]
    public void A_table_of_more_rows_than_a_sheet_is_refused()
    {
        object?[] row = ["A"];
        var table = new Table([new("name", CellKind.Text)], Enumerable.Repeat(row, 1_048_576),
            new Dictionary<string, string>());
        using var file = new MemoryStream();
        Should.Throw<TableTooLongException>(() => SpreadsheetFile.Write(file, [("points", table)])).Message
            .ShouldBe("points has more than the 1048575 rows of a sheet: take csv or parquet");
        file.Length.ShouldBe(0);
    }

    private static readonly string[] Texts =
        ["🔌𠮷", " lead", "trail ", " 🔌<&> ", "_xD83D__xDD0C_", " _x0041_", "plain", "two\nlines"];

    private static byte[] Workbook()
    {
        object?[][] rows = [.. Texts.Select((text, i) => new object?[]
            { text, Energy.FromWattHours(604_481 + i), 1234.5m, i == 0 ? 1234.567890123456m : 1m,
              new Money(126.40m), i == 0 ? null : new Money(7.000m) })];
        using var file = new MemoryStream();
        SpreadsheetFile.Write(file, [("points", new([new("text", CellKind.Text), new("kwh", null), new("price", null),
            new("long", null), new("amount", null), new("dinars", null)], rows, new Dictionary<string, string>()))]);
        return file.ToArray();
    }

    private static XDocument Part(byte[] workbook, string name)
    {
        using var zip = new ZipArchive(new MemoryStream(workbook));
        using var part = zip.GetEntry(name)!.Open();
        return XDocument.Load(part, LoadOptions.PreserveWhitespace);
    }

    [Fact]
    public void Texts_are_whole_in_a_sheet()
    {
        var workbook = Workbook();
        using var stream = new MemoryStream(workbook);
        stream.Query(useHeaderRow: true).Cast<IDictionary<string, object?>>().Select(row => row["text"])
            .ShouldBe(Texts);
        var cells = Part(workbook, "xl/worksheets/sheet1.xml").Descendants().Where(cell => cell.Name.LocalName == "c"
            && ((string)cell.Attribute("r")!).StartsWith('A')).Skip(1).ToList();
        cells.Select(cell => cell.Value).Take(4).ShouldBe(Texts.Take(4));
        // Spaces at the edges stay where the element of the text says so, which a cell's value cannot.
        cells.Where(cell => cell.Value.Trim(' ') != cell.Value).Select(cell => $"{cell.Attribute("t")} {cell.Elements()
            .Single().Name.LocalName} {cell.Descendants().Last().Attribute(XNamespace.Xml + "space")}").Distinct()
            .ShouldBe(["t=\"inlineStr\" is xml:space=\"preserve\""]);
        cells.ShouldAllBe(cell => cell.Attribute(XNamespace.Xml + "space") == null);
    }

    [Fact]
    public void Zeros_at_the_end_of_decimals_are_no_digits_of_a_sheet()
    {
        var cells = Part(Workbook(), "xl/worksheets/sheet1.xml").Descendants().Where(cell => cell.Name.LocalName == "c")
            .ToDictionary(cell => (string)cell.Attribute("r")!, cell => $"{cell.Attribute("t")?.Value} {cell.Value}");
        (cells["B2"], cells["C2"], cells["D2"], cells["D3"]).ShouldBe(
            ("n 604.481", "n 1234.5", "str 1234.567890123456", "str 1"));
    }

    /// <summary>As it has them in every form.</summary>
    [Fact]
    public void Money_is_shown_with_its_decimals_in_a_sheet()
    {
        var workbook = Workbook();
        var styles = Part(workbook, "xl/styles.xml").Descendants().ToLookup(element => element.Name.LocalName);
        var kinds = styles["cellXfs"].Single().Elements().ToList();
        styles["cellXfs"].Single().Attribute("count")!.Value.ShouldBe($"{kinds.Count}");
        var cells = Part(workbook, "xl/worksheets/sheet1.xml").Descendants().Where(cell => cell.Name.LocalName == "c")
            .ToDictionary(cell => (string)cell.Attribute("r")!);
        string Shown(string cell) => $"{cells[cell].Value} as " + (styles["numFmt"].SingleOrDefault(format =>
            format.Attribute("numFmtId")!.Value == kinds[(int)cells[cell].Attribute("s")!].Attribute("numFmtId")!.Value)
            ?.Attribute("formatCode")!.Value ?? "it is");
        (Shown("C2"), Shown("E2"), Shown("E9"), Shown("F3")).ShouldBe(
            ("1234.5 as it is", "126.4 as 0.00", "126.4 as 0.00", "7 as 0.000"));
    }

    /// <summary>The schema has neither a fill of nothing nor a list of nothing, and openpyxl refuses both.</summary>
    [Fact]
    public void Styles_have_no_list_and_no_fill_of_nothing()
    {
        var styles = Part(Workbook(), "xl/styles.xml");
        styles.Descendants().Where(list => (string?)list.Attribute("count") == "0").ShouldBeEmpty();
        var fills = styles.Descendants().Where(fill => fill.Name.LocalName == "fill").ToList();
        fills.ShouldNotBeEmpty();
        fills.ShouldAllBe(fill => fill.HasElements);
    }

    [Fact]
    public async Task Openpyxl_reads_what_was_written()
    {
        string? python = null;
        foreach (var each in Interpreters)
            if (python is null && (await PythonAsync(each, "import openpyxl")).Exit == 0) python = each;
        Assert.SkipWhen(python is null, "openpyxl is not installed; test.sh --install installs it");
        var path = Path.Combine(Path.GetTempPath(), $"ledger-{Path.GetRandomFileName()}.xlsx");
        try
        {
            await File.WriteAllBytesAsync(path, Workbook(), TestContext.Current.CancellationToken);
            var (exit, output, errors) = await PythonAsync(python!, "import sys, json, openpyxl\n"
                + "rows = openpyxl.load_workbook(sys.argv[1])['points'].iter_rows(values_only=True)\n"
                + "print(json.dumps([list(row) for row in rows][1:]))", path);
            exit.ShouldBe(0, errors);
            var read = System.Text.Json.Nodes.JsonNode.Parse(output)!.AsArray();
            // Of escapes in a cell's value it knows nothing.
            read.Select(row => (string)row![0]!).Where(text => !text.Contains('_'))
                .ShouldBe(Texts.Where(text => !text.Contains('_')));
            read.Select(row => (double)row![1]!).ShouldBe(Texts.Select((_, i) => (604_481 + i) / 1000d));
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>A package of Debian is for Debian's Python, which need not be the first on the path.</summary>
    private static IEnumerable<string> Interpreters =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator).Append("/usr/bin")
            .Select(folder => Path.Combine(folder, "python3")).Where(File.Exists).Distinct();

    private static async Task<(int Exit, string Output, string Errors)> PythonAsync(
        string python, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(python) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var argument in (string[])["-B", "-c", program, .. arguments]) start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, output, await errors);
    }
}
