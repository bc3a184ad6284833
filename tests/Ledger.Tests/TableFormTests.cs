using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Api.Tables;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Journal;
using MiniExcelLibs;
using NodaTime;
using NodaTime.Text;
using Parquet;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Every table has the same numbers in every form: JSON, lines, CSV, XLSX and Parquet.</summary>
public sealed class TableFormTests
{
    [Fact]
    public async Task Every_table_has_the_same_numbers_in_every_form()
    {
        await using var town = await AccessTown.StartAsync(new FrameLogOptions(""));
        var (fact, refusal) = (0L, 0L);
        foreach (var side in AccessTown.Sides) (fact, refusal) = await town.RecordAllAsync(side);
        var token = await File.ReadAllTextAsync(
            Path.Combine(town.Served.Options.Directory, Api.OpenLedger.TokenFileName),
            TestContext.Current.CancellationToken);
        await town.SendAsync(HttpMethod.Post, token, "/v1/jobs", Encoding.UTF8.GetBytes(AccessTown.Own.In(AccessRequests.Job)));
        while (!(await town.SendAsync(HttpMethod.Get, token, "/v1/jobs", null)).Text.Contains("\"ended\":\"", StringComparison.Ordinal))
            await Task.Delay(10, TestContext.Current.CancellationToken);
        await using var empty = await ServedLedger.StartAsync();
        var (tables, filled, typed) = (0, 0, 0);
        foreach (var (operation, path) in AccessRequests.Gets)
        {
            var asked = AccessTown.Own.In(path).Replace("{fact}", $"{fact}").Replace("{refusal}", $"{refusal}");
            if (asked.Contains('{') || operation is "instruction-events") continue;
            var separator = asked.Contains('?') ? '&' : '?';
            var lines = await town.SendAsync(HttpMethod.Get, token, $"{asked}{separator}format=ndjson", null);
            // No table; or no tile, which is none either; or in the words of another standard.
            if (lines.Status is 400 or 404 || lines.Media != "application/x-ndjson") continue;
            lines.Status.ShouldBe(200, operation);
            var rows = lines.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => Flat(JsonNode.Parse(line)!)).ToList();
            tables++;
            if (rows.Count > 0) filled++;
            var whole = await town.SendAsync(HttpMethod.Get, token, asked, null);
            if (rows.Count > 0) whole.Json.EnumerateObject().Any(member => member.Value.ValueKind == JsonValueKind.Array
                && member.Value.EnumerateArray().Select(row => row.GetRawText())
                    .SequenceEqual(lines.Text.Split('\n', StringSplitOptions.RemoveEmptyEntries)))
                .ShouldBeTrue(operation);
            var csv = Csv((await town.SendAsync(HttpMethod.Get, token, $"{asked}{separator}format=csv", null)).Text);
            Same(operation, rows, csv, "csv");
            var xlsx = await BytesAsync(town, token, $"{asked}{separator}format=xlsx");
            Same(operation, rows, Sheet(xlsx, operation), "xlsx");
            Sheet(xlsx, "about").Select(row => row["name"]).ShouldBe(["ledger", "question", "asOf", "checkpoint"]);
            var parquet = await BytesAsync(town, token, $"{asked}{separator}format=parquet");
            Same(operation, rows, await ParquetAsync(parquet), "parquet");
            // Whoever reads files together has the types of the first, whatever rows each has.
            using var without = await empty.Client.GetAsync(
                $"{asked}{separator}format=parquet", TestContext.Current.CancellationToken);
            if (rows.Count == 0 || !without.IsSuccessStatusCode) continue;
            typed++;
            (await ParquetRows.TypesAsync(
                await without.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken)))
                .ShouldBe(await ParquetRows.TypesAsync(parquet), operation);
        }
        (tables, filled > 24, typed > 12).ShouldBe((40, true, true));
    }

    /// <summary>Each value of the JSON is in the form under its column's name; what the JSON does not have is empty
    /// there.</summary>
    private static void Same(string operation, List<Dictionary<string, string>> rows,
        List<Dictionary<string, string>> form, string name)
    {
        form.Count.ShouldBe(rows.Count, $"{operation} as {name}");
        for (var i = 0; i < rows.Count; i++)
        {
            foreach (var (column, value) in rows[i])
                Plain(form[i].GetValueOrDefault(column, "")).ShouldBe(Plain(value), $"{operation} as {name}, row {i}, {column}");
            form[i].Where(cell => cell.Value.Length > 0 && !rows[i].ContainsKey(cell.Key)).ShouldBeEmpty($"{operation} as {name}");
        }
    }

    /// <summary>A number, an instant and a truth value are the same however they are written.</summary>
    private static string Plain(string text) =>
        decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint,
            CultureInfo.InvariantCulture, out var number) ? number.ToString("0.############################", CultureInfo.InvariantCulture)
        : InstantPattern.ExtendedIso.Parse(text).TryGetValue(default, out var at)
            ? InstantPattern.ExtendedIso.Format(at)
        : bool.TryParse(text, out var yes) ? $"{yes}" : text;

    private static Dictionary<string, string> Flat(JsonNode row)
    {
        var flat = new Dictionary<string, string>(StringComparer.Ordinal);
        Add("", row);
        return flat;

        void Add(string name, JsonNode? value)
        {
            if (value is JsonObject parts && (parts.Count > 0 || name.Length == 0))
                foreach (var (part, inner) in parts) Add(name.Length == 0 ? part : $"{name}.{part}", inner);
            else if (value is not null)
                flat[name] = value.GetValueKind() == JsonValueKind.String
                    ? value.GetValue<string>() : value.ToJsonString();
        }
    }

    private static List<Dictionary<string, string>> Csv(string text)
    {
        var records = new List<List<string>>();
        var (fields, field, quoted) = (new List<string>(), new StringBuilder(), false);
        for (var i = 0; i < text.Length; i++)
        {
            var next = text[i];
            if (quoted && next == '"' && i + 1 < text.Length && text[i + 1] == '"') field.Append(text[++i]);
            else if (next == '"') quoted = !quoted;
            else if (!quoted && next is ',' or '\r' && !quoted)
            {
                fields.Add(field.ToString());
                field.Clear();
                if (next == ',') continue;
                records.Add(fields);
                fields = [];
                i++; // the line feed
            }
            else field.Append(next);
        }
        return [.. records.Skip(1).Select(record => records[0].Zip(record)
            .ToDictionary(cell => cell.First, cell => cell.Second.StartsWith('\'') ? cell.Second[1..] : cell.Second))];
    }

    private static List<Dictionary<string, string>> Sheet(byte[] file, string name)
    {
        using var stream = new MemoryStream(file);
        return [.. stream.Query(useHeaderRow: true, sheetName: name.Length > 31 ? name[..31] : name)
            .Cast<IDictionary<string, object?>>()
            .Select(row => row.ToDictionary(cell => cell.Key, cell => Text(cell.Value)))];
    }

    private static string Text(object? value) => value switch
    {
        null => "",
        double number => ((decimal)number).ToString(CultureInfo.InvariantCulture),
        _ => TableCell.Exact(value),
    };

    /// <summary>The columns of energy and power of a range of records, with their places.</summary>
    private static async Task<List<string>> EnergiesAsync(ServedLedger served, string range)
    {
        using var stream = new MemoryStream(await served.Client.GetByteArrayAsync(
            $"/v1/interval-records?{range}&format=parquet", TestContext.Current.CancellationToken));
        await using var reader = await ParquetReader.CreateAsync(
            stream, cancellationToken: TestContext.Current.CancellationToken);
        return [.. reader.Schema.DataFields.Where(field => field.Name.EndsWith("Kwh", StringComparison.Ordinal)
            || field.Name.EndsWith("Kw", StringComparison.Ordinal))
            .Select(field => $"{field.Name} {((Parquet.Schema.DecimalDataField)field).Scale}")];
    }

    private static async Task<List<Dictionary<string, string>>> ParquetAsync(byte[] file)
    {
        using var stream = new MemoryStream(file);
        await using var reader = await ParquetReader.CreateAsync(
            stream, cancellationToken: TestContext.Current.CancellationToken);
        return await ParquetRows.ReadAsync(reader);
    }

    private static async Task<byte[]> BytesAsync(AccessTown town, string token, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = new("Bearer", token);
        using var response = await town.Served.Client.SendAsync(request, TestContext.Current.CancellationToken);
        response.EnsureSuccessStatusCode();
        response.Content.Headers.ContentDisposition!.FileName.ShouldNotBeNull();
        return await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken);
    }

    private static NewFact Record(string point, LocalDate day, int quarter, int version = 1)
    {
        var start = SettlementCalendar.Day(DateTimeZoneProviders.Tzdb["Asia/Shanghai"], day).Start
            + Duration.FromMinutes(15 * quarter);
        var period = new Interval(start, start + Duration.FromMinutes(15));
        return new NewFact(new IntervalRecorded(new(point), period, version, IntervalRecordState.Final,
            Energy.FromWattHours(250 + quarter), Energy.FromWattHours(version), new(-4_000_000), new(5_000_000),
            900_000_000, 1_000, [], 900, 0, 0, 0, 0, ReadingQuality.Measured, null, new(new string('a', 64))), period,
            new($"record/{point}/{start.ToUnixTimeSeconds()}/{version}"));
    }

    private static async Task RecordAsync(ServedLedger served, string point, LocalDate day, params NewFact[] facts) =>
        await served.Ledger.Journal.AppendAsync(Streams.Curve(new(point), day), ExpectedRevision.Any, facts,
            served.Ledger.Operator("test"), null, TestContext.Current.CancellationToken);

    private static async Task<ServedLedger> WithRecordsAsync()
    {
        var served = await ServedLedger.StartAsync();
        foreach (var (point, station) in ((string, string)[])[("CP1", "S1"), ("CP2", "S1"), ("CP3", "S2")])
            (await served.PostAsync("/v1/settlement-points", $$"""{"point":"{{point}}","station":"{{station}}","kind":"connector","owner":"ACME","zone":"Asia/Shanghai","periodMinutes":15,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-01-01T00:00:00Z"}"""))
                .Status.ShouldBe(201);
        foreach (var point in (string[])["CP1", "CP2", "CP3"])
            for (var day = 1; day <= 40; day++)
            {
                var of = new LocalDate(2025, 12, 31).PlusDays(day);
                await RecordAsync(served, point, of, Record(point, of, 0), Record(point, of, 95));
            }
        return served;
    }

    [Fact]
    public async Task A_range_of_records_has_the_rows_of_its_days_in_every_form()
    {
        await using var served = await WithRecordsAsync();
        var days = new List<string>();
        foreach (var point in (string[])["CP1", "CP2"])
            for (var day = new LocalDate(2026, 1, 2); day < new LocalDate(2026, 2, 5); day = day.PlusDays(1))
                days.AddRange((await served.GetAsync($"/v1/interval-records?point={point}&day={day:uuuu-MM-dd}")).Json
                    .GetProperty("records").EnumerateArray().Select(row => row.GetRawText()));
        days.Count.ShouldBe(2 * 34 * 2);
        const string range = "/v1/interval-records?station=S1&from=2026-01-02&to=2026-02-05";
        var json = await served.GetAsync(range);
        json.Json.GetProperty("records").EnumerateArray().Select(row => row.GetRawText()).ShouldBe(days);
        (json["from"], json["to"], json["asOf"], json.Position).ShouldBe(("2026-01-02", "2026-02-05", "242", "242"));
        var lines = await served.GetAsync(range + "&format=ndjson");
        lines.Text.TrimEnd('\n').Split('\n').ShouldBe(days);
        var rows = days.ConvertAll(day => Flat(JsonNode.Parse(day)!));
        Same("range", rows, Csv((await served.GetAsync(range + "&format=csv")).Text), "csv");
        foreach (var form in (string[])["xlsx", "parquet"])
        {
            var bytes = await served.Client.GetByteArrayAsync($"{range}&format={form}", TestContext.Current.CancellationToken);
            Same("range", rows, form == "xlsx" ? Sheet(bytes, "interval-records") : await ParquetAsync(bytes), form);
        }
        // Whoever reads several files together has columns of one type, whatever rows each has, and none at all.
        (await EnergiesAsync(served, "from=2027-01-02&to=2027-01-03")).ShouldBe(await EnergiesAsync(served,
            "from=2026-01-02&to=2026-01-03"));
        (await served.GetAsync("/v1/interval-records?from=2026-01-02&to=2026-01-03")).Json.GetProperty("records")
            .GetArrayLength().ShouldBe(6);
        (await served.GetAsync("/v1/interval-records?from=2026-01-02&to=2026-01-03&point=CP3&format=ndjson")).Text
            .Count(letter => letter == '\n').ShouldBe(2);
        (await served.GetAsync("/v1/interval-records?from=2026-01-02&to=2026-01-03&asOf=100&point=CP3")).Json
            .GetProperty("records").GetArrayLength().ShouldBe(0);
        foreach (var wrong in (string[])["from=2026-01-02", "from=2026-01-02&to=2026-01-02",
            "from=2026-01-02&to=2027-03-01", "from=2026-01-02&to=2026-01-03&limit=5", "from=2026-01-02&to=2026-01-03&day=2026-01-02",
            "from=2026-01-02&to=2026-01-03&format=xml", "from=x&to=2026-01-03"])
            (await served.GetAsync($"/v1/interval-records?{wrong}")).Status.ShouldBe(400, wrong);
        using var request = new HttpRequestMessage(HttpMethod.Get, range);
        request.Headers.TryAddWithoutValidation("If-None-Match", json.Response.Headers.ETag!.ToString());
        using var same = await served.Client.SendAsync(request, TestContext.Current.CancellationToken);
        (same.StatusCode, json.Response.Headers.ETag.IsWeak).ShouldBe((System.Net.HttpStatusCode.NotModified, true));
    }

    /// <summary>One holder may have keys for several stations, and sells a point: an answer about other points is
    /// another one.</summary>
    [Fact]
    public async Task A_range_that_is_known_by_one_key_is_not_what_another_key_of_the_holder_reaches()
    {
        await using var town = await AccessTown.StartAsync();
        static string Point(int number, string owner) => $$"""{"type":"settlement-point","point":"CP{{number}}","station":"S{{number}}","kind":"connector","owner":"{{owner}}","zone":"Asia/Shanghai","periodMinutes":15,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-0{{(owner == "ACME" ? 1 : 2)}}-01T00:00:00Z"}""";
        foreach (var number in (int[])[1, 3]) await town.RecordAsync(Point(number, "ACME"), "ACME");
        var few = await town.GiveAsync("kim", Role.ChargingOperator, "ACME", ["S1"]);
        var all = await town.GiveAsync("kim", Role.ChargingOperator, "ACME", []);
        var path = $"/v1/interval-records?from=2026-01-02&to=2026-01-03&asOf={town.Served.Ledger.Journal.Length - 1}";
        var known = (await town.GetAsync(few, path)).Response.Headers.ETag!.ToString();
        (await StatusAsync(few)).ShouldBe(304);
        (await StatusAsync(all)).ShouldBe(200);
        await town.RecordAsync(Point(1, "BETA"));
        (await StatusAsync(few)).ShouldBe(200);

        async Task<int> StatusAsync(Api.Access.AccessKeyText key)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.Authorization = new("Bearer", key.Shown);
            request.Headers.TryAddWithoutValidation("If-None-Match", known);
            using var answer = await town.Served.Client.SendAsync(request, TestContext.Current.CancellationToken);
            return (int)answer.StatusCode;
        }
    }

    /// <summary>Ten days at one station and five at the next, of two records each.</summary>
    [Fact]
    public async Task A_range_of_a_station_has_the_days_on_which_a_point_was_there()
    {
        await using var served = await WithRecordsAsync();
        (await served.PostAsync("/v1/settlement-points", """{"point":"CP3","station":"S3","kind":"connector","owner":"ACME","zone":"Asia/Shanghai","periodMinutes":15,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-01-12T09:00:00+08:00"}"""))
            .Status.ShouldBe(201);
        async Task<List<string?>> OfAsync(string station) =>
            [.. (await served.GetAsync($"/v1/interval-records?station={station}&from=2026-01-03&to=2026-01-18")).Json
                .GetProperty("records").EnumerateArray().Select(row => row.GetProperty("day").GetString())];
        var (before, after) = (await OfAsync("S2"), await OfAsync("S3"));
        (before.Count, before[^1], after.Count, after[0]).ShouldBe((20, "2026-01-12", 10, "2026-01-13"));
    }

    [Fact]
    public async Task A_day_that_is_kept_ready_changes_with_its_rows_and_stays_as_of_a_position()
    {
        await using var served = await WithRecordsAsync();
        const string path = "/v1/interval-records?point=CP1&day=2026-01-02";
        async Task<string> ExportAsync(string more = "") =>
            (await served.GetAsync(path + more)).Json.GetProperty("records")[0].GetProperty("exportKwh").GetString()!;
        (await ExportAsync()).ShouldBe("0.001000000000");
        (await ExportAsync()).ShouldBe("0.001000000000");
        var day = new LocalDate(2026, 1, 2);
        await RecordAsync(served, "CP2", day, Record("CP2", day, 1)); // another point's
        (await ExportAsync()).ShouldBe("0.001000000000");
        await RecordAsync(served, "CP1", day, Record("CP1", day, 0, version: 2));
        (await ExportAsync()).ShouldBe("0.002000000000");
        (await ExportAsync("&asOf=243")).ShouldBe("0.001000000000");
        (await ExportAsync("&asOf=244")).ShouldBe("0.002000000000");
        (await ExportAsync()).ShouldBe("0.002000000000");
        var whole = await served.GetAsync(path);
        var again = await served.GetAsync(path + "&asOf=244");
        (whole.Text, whole.Response.Headers.ETag!.Tag).ShouldBe((again.Text, again.Response.Headers.ETag!.Tag));
        (await served.GetAsync("/v1/interval-records?point=CP3&day=2026-05-02")).Text
            .ShouldBe("""{"point":"CP3","day":"2026-05-02","asOf":"244","records":[],"checks":[]}""");
        (await served.GetAsync("/v1/interval-records?point=CP9&day=2026-01-02")).Status.ShouldBe(404);
        (await served.GetAsync(path + "&limit=1")).Json.GetProperty("records").GetArrayLength().ShouldBe(1);
    }

    /// <summary>A file lies on the disk until its reader has all of it: as many as may be there are there, of one
    /// holder and in all, and as many are made at once as may be.</summary>
    [Fact]
    public async Task A_file_of_a_table_has_its_place_until_it_is_closed()
    {
        var places = new TablePlaces();
        var files = new List<PlacedFile>();
        static Task<FileStream> Empty() => Task.FromResult(new FileStream(Path.GetTempFileName(), FileMode.Open,
            FileAccess.ReadWrite, FileShare.None, 4096, FileOptions.DeleteOnClose));
        Task BusyAsync(string? holder) => Should.ThrowAsync<TablesBusyException>(() => places.MakeAsync(holder, Empty));
        while (files.Count < TablePlaces.FilesMax)
        {
            var group = files.Count / TablePlaces.FilesOfHolderMax;
            var holder = group > 2 ? null : $"holder {group}";
            files.Add(await places.MakeAsync(holder, Empty));
            if (holder is not null && files.Count % TablePlaces.FilesOfHolderMax == 0) await BusyAsync(holder);
        }
        await BusyAsync(null);
        await BusyAsync("another");
        await files[0].DisposeAsync();
        await files[0].DisposeAsync();
        await BusyAsync("holder 1");
        await Should.ThrowAsync<IOException>(() => places.MakeAsync("holder 0", () => throw new IOException()));
        files[0] = await places.MakeAsync("holder 0", Empty);
        await BusyAsync("another");
        foreach (var file in files) await file.DisposeAsync();

        var made = new TaskCompletionSource<FileStream>();
        var making = Enumerable.Range(0, TablePlaces.MadeMax)
            .Select(_ => places.MakeAsync(null, () => made.Task)).ToList();
        await BusyAsync("another");
        made.SetResult(await Empty());
        foreach (var file in await Task.WhenAll(making)) await file.DisposeAsync();
        await (await places.MakeAsync("another", Empty)).DisposeAsync();
    }

    /// <summary>A cell that is longer makes a file that is opened as damaged, and cut.</summary>
    [Theory]
    [InlineData(32_767, false)]
    [InlineData(32_768, true)]
    public void A_text_that_is_longer_than_a_cell_is_refused_and_not_cut(int characters, bool isRefused)
    {
        var table = new Table([new("name", null), new("periods", null)],
            [["A", "short"], ["B", new string('x', characters)]], new Dictionary<string, string>());
        using var file = new MemoryStream();
        void Write() => SpreadsheetFile.Write(file, [("baselines", table)]);
        if (isRefused)
        {
            Should.Throw<TableTooLongException>(Write).Message.ShouldBe("baselines has in row 2, column periods, more "
                + "than the 32767 characters of a cell: take csv or parquet");
            return;
        }
        Write();
        Sheet(file.ToArray(), "baselines")[1]["periods"].Length.ShouldBe(characters);
    }

    [Theory]
    [InlineData("application/vnd.apache.parquet", "application/vnd.apache.parquet")]
    [InlineData("text/html, text/csv;q=0.5", "text/csv")]
    [InlineData("text/html", "application/problem+json")] // 406: nothing of it can be given
    [InlineData("*/*, text/csv", "application/json")]
    public async Task The_first_form_that_is_accepted_is_given(string accept, string media)
    {
        await using var served = await ServedLedger.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/settlement-points");
        request.Headers.TryAddWithoutValidation("Accept", accept);
        using var response = await served.Client.SendAsync(request, TestContext.Current.CancellationToken);
        response.Content.Headers.ContentType!.MediaType.ShouldBe(media);
    }
}
