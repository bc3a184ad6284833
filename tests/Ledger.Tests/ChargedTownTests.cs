using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Cli.Bundles;
using Ledger.Domain;
using Ledger.Journal;
using Parquet;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A statement that charges demand, tiers, fees and tax: explained, compared, corrected, proven, sampled,
/// bundled and exported, each with its charges or saying that they are not in it.</summary>
public sealed class ChargedTownTests : IDisposable
{
    private const int Energy = 24, Charges = 5;
    private readonly SmallTown town = ChargedTown.Settled();

    public void Dispose() => town.Dispose();

    private string Done(params string[] args)
    {
        var run = town.Run(args);
        (run.Exit, run.Errors).ShouldBe((ExitCode.Done, ""), run.Output);
        return run.Output;
    }

    private JsonNode Json(params string[] args) => JsonNode.Parse(Done([.. args, "--json"]))!;

    private static decimal Number(JsonNode? value) => decimal.Parse((string)value!, CultureInfo.InvariantCulture);

    [Fact]
    public void A_charge_is_explained_down_to_the_readings_of_its_month()
    {
        var charges = Json("show", "statement", "R2")["charges"]!.AsArray();
        charges.Select(charge => (string)charge!["name"]!).Order(StringComparer.Ordinal).ShouldBe(
            ["Import Peak, tier 2", "demand", "service", "tax 13 %"]);
        var demand = charges.Single(charge => (string)charge!["name"]! == "demand")!;
        // 399.75 kWh in the six hours after the late reading; the day before had billed 20 kW: 320 kWh in 16 hours.
        (Number(demand["quantity"]), Number(demand["amount"])).ShouldBe((46.625m, 1958.25m));
        var number = (int)demand["line"]!;
        Snapshot.Match(Done("explain", $"R2#{number}") + "\n" + Done("explain", "R2", "total"), "ChargedTownTests.explained");
        var tree = Json("explain", $"R2#{number}");
        ((bool)tree["holds"]!).ShouldBeTrue();
        // The late reading and those beside the peaks, the meter, the tariff, its assignment, the point.
        Positions(tree["tree"]!).Distinct().Order().ShouldBe(
            [0L, 1L, 2L, 3L, 5L, 6L, 8L, LatePosition()]);
        ((bool)Json("explain", "R1", "total")["holds"]!).ShouldBeTrue();
        var late = Json("explain", LatePosition().ToString(CultureInfo.InvariantCulture))["runs"]!.AsArray();
        late.Select(use => ((string)use!["run"]!, (bool)use!["counted"]!)).ShouldBe([("R1", false), ("R2", true)]);
        ((string)late[1]!["because"]!).ShouldContain("as charges of the month");
        town.Run("explain", $"R2#{Energy + Charges}").Exit.ShouldBe(ExitCode.CouldNot);
    }

    private IEnumerable<long> ReadingPositions() => Journal().Where(row => (string)row["wireName"]! == "register-reading-recorded")
        .Select(row => long.Parse((string)row["position"]!, CultureInfo.InvariantCulture));

    private long LatePosition() => ReadingPositions().Max();

    private IEnumerable<JsonNode> Journal() =>
        JsonNode.Parse(Done("export", "journal", "--format", "json"))!.AsArray().Select(row => row!);

    [Fact]
    public void Two_runs_differ_by_charges_too_and_the_sums_are_reconciled()
    {
        Snapshot.Match(Done("diff", "R1", "R2"), "ChargedTownTests.diff");
        var json = Json("diff", "R1", "R2");
        ((bool)json["reconciled"]!).ShouldBeTrue();
        json["causes"]!.AsArray().Sum(cause => Number(cause!["change"])).ShouldBe(Number(json["change"]));
        (json["lines"]!.AsArray().Sum(line => Number(line!["change"])) + Number(json["byCharges"]))
            .ShouldBe(Number(json["change"]));
        json["charges"]!.AsArray().Count.ShouldBe(3);
        json["charges"]!.AsArray().ShouldAllBe(charge => ((string)charge!["why"]!).Contains("came after R1"));
    }

    [Fact]
    public void Deltas_of_charges_are_booked_and_derived_again()
    {
        Done("import", town.File("later.csv", "point,register,read_at,kwh\nP1,1.8.0,2026-02-26T20:00:00+08:00,1390\n"));
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "D1", "--kind", "correction", "--style", "deltas");
        var page = Json("show", "statement", "R2");
        ((bool)page["deltasAdd"]!).ShouldBeTrue();
        Number(page["totalWithDeltas"]).ShouldBe(Number(page["totalRunAgain"]));
        // The earlier day's reading moves no line of this day, and what its month grew by.
        Number(page["total"]).ShouldNotBe(Number(page["totalWithDeltas"]));
        ((string)page["conserved"]!).ShouldBe("yes");
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "C1", "--kind", "correction", "--style", "credit");
        Number(Json("show", "statement", "R2")["totalWithDeltas"]).ShouldBe(0m);
        var verified = town.Run("verify");
        verified.Exit.ShouldBe(ExitCode.Done, verified.Output);
    }

    [Fact]
    public void Every_line_and_every_charge_is_proven_alone()
    {
        var zip = town.File("line.zip", "");
        foreach (var number in new[] { 1, 12, Energy, Energy + 1, Energy + 2, Energy + 3, Energy + 4 })
        {
            Done("prove", $"R2#{number}", "--out", zip);
            var verified = town.Run("verify", zip);
            verified.Exit.ShouldBe(ExitCode.Done, verified.Output);
            verified.Output.ShouldContain(" lines=1 ");
        }
        var charge = town.Run("prove", $"R2#{Energy + Charges}", "--out", zip);
        charge.Exit.ShouldBe(ExitCode.CouldNot);
        charge.Errors.ShouldContain("has the lines 1 to 28");
    }

    [Fact]
    public void A_charge_is_proven_by_its_month_and_what_is_changed_in_it_is_found()
    {
        var zip = town.File("charge.zip", "");
        var number = Energy + 1 + Json("show", "statement", "R2")["charges"]!.AsArray()
            .Select(charge => (string)charge!["name"]!).ToList().IndexOf("demand");
        var page = Json("prove", $"R2#{number}", "--out", zip);
        // The readings of the day before are facts of it too: its peak was billed, and is less.
        page["facts"]!.AsArray().Select(fact => (string)fact!["position"]!)
            .Where(position => position is "5" or "6").Count().ShouldBe(2);
        var files = BundleZip.Read(File.ReadAllBytes(zip));
        var line = JsonNode.Parse(files[BundleFiles.LinesJson])!["lines"]![0]!;
        ((string)line["byEvidence"]!).ShouldBe((string)line["text"]!);
        line["values"]!.AsArray().ShouldAllBe(value => (string)value!["says"]! == (string)value["follows"]!);
        line["values"]!.AsArray().Select(value => (string)value!["value"]!).ShouldContain("billed demand");
        foreach (var (from, to) in new[] { ("|1958.25|1958.25|", "|1958.26|1958.25|"), ("|demand|", "|demands|"),
            ("|46.625|", "|46.626|") })
        {
            var changed = BundleZip.Read(File.ReadAllBytes(zip));
            var name = changed.Keys.Single(file =>
                file.StartsWith(BundleFiles.StatementsFolder, StringComparison.Ordinal));
            var text = Encoding.UTF8.GetString(changed[name]);
            text.ShouldContain(from);
            changed[name] = Encoding.UTF8.GetBytes(text.Replace(from, to, StringComparison.Ordinal));
            var manifest = BundleManifest.Parse(changed[BundleFiles.Manifest]);
            changed[BundleFiles.Sums] = BundleFiles.SumsOf(changed);
            changed[BundleFiles.Manifest] =
                BundleManifest.Of(manifest.Ledger, manifest.Run, changed, manifest.Format).ToBytes();
            var other = town.File("changed.zip", "");
            File.WriteAllBytes(other, BundleZip.Write(changed));
            var verified = town.Run("verify", other);
            verified.Exit.ShouldBe(ExitCode.NotAsItShouldBe, verified.Output);
            // Not only that the root is another one: the month does not give it.
            verified.Output.ShouldContain($"R2#{number}");
        }
    }

    [Fact]
    public void A_sample_draws_from_charges_and_examines_them()
    {
        var zip = town.File("sample.zip", "");
        Done("sample", "--lines", "28", "--seed", "a", "--statement", "R2", "--out", zip);
        var all = town.Run("verify", zip);
        all.Exit.ShouldBe(ExitCode.Done, all.Output);
        all.Output.ShouldContain(" lines=28 ");
        all.Output.ShouldNotContain("charges beside energy");
        JsonNode.Parse(BundleZip.Read(File.ReadAllBytes(zip))[BundleFiles.LinesJson])!["lines"]!.AsArray()
            .Count(line => ((string)line!["text"]!).Contains("|Charge", StringComparison.Ordinal)).ShouldBe(4);
        Done("sample", "--lines", "5", "--seed", "a", "--out", zip);
        var some = town.Run("verify", zip);
        some.Exit.ShouldBe(ExitCode.Done, some.Output);
        some.Output.ShouldContain("23 other lines");
    }

    /// <summary>A reading that its evidence does not bear out moves the peak: the charge is an exception.</summary>
    [Fact]
    public async Task A_peak_by_a_reading_without_its_evidence_is_an_exception()
    {
        var options = new SqliteJournalOptions(
            town.Data, new LedgerId("town"), new StandingClock(SmallTown.Now), TestFolder.Secret);
        await using (var ledger = OpenLedger.Open(options))
        {
            var made = (await TestFolder.AllAsync(ledger.Journal)).ConvertAll(EventCodec.Decode)
                .OfType<RegisterReadingRecorded>().First(reading => reading.IndexSteps == 1_440_250);
            // 10:00 of the day: 75 kW for two hours, which no evidence shows.
            var at = made.ReadAt.Plus(NodaTime.Duration.FromHours(2));
            var forged = made with { ReadAt = at, IndexSteps = made.IndexSteps + 150_000 };
            await ledger.Journal.AppendAsync(Streams.Register(made.Register), ExpectedRevision.Any,
                [NewFact.At(forged, at, Register.ReadingKey(forged.Register, at))],
                TestFolder.Tester, null, TestContext.Current.CancellationToken);
            await ledger.CatchUpAsync(TestContext.Current.CancellationToken);
        }
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R3", "--kind", "correction");
        Done("checkpoint");
        var charges = Json("show", "statement", "R3")["charges"]!.AsArray();
        var demand = (int)charges.Single(charge => (string)charge!["name"]! == "demand")!["line"]!;
        var zip = town.File("forged.zip", "");
        var proven = town.Run("prove", $"R3#{demand}", "--out", zip);
        proven.Exit.ShouldBe(ExitCode.NotAsItShouldBe, proven.Output);
        proven.Output.ShouldContain("is not as its evidence gives it");
        town.Run("verify", zip).Exit.ShouldBe(ExitCode.NotAsItShouldBe);
    }

    [Fact]
    public void A_bundle_derives_the_charges_and_the_other_program_says_that_it_does_not()
    {
        var zip = town.File("run.zip", "");
        Done("bundle", "--statement", "R2", "--out", zip);
        var verified = town.Run("verify", zip);
        verified.Exit.ShouldBe(ExitCode.Done, verified.Output);
        var (exit, said) = OtherProgram.Run(zip);
        exit.ShouldBe(0, said);
        said.ShouldContain("NOT CHECKED: tariff periods, prices and problems of lines");
        said.ShouldContain("NOT CHECKED: how charges and flexibility follow");
        said.TrimEnd().Split('\n')[^1].ShouldStartWith("VERIFIED");
    }

    /// <summary>They say what the lines and the run say, and those are under the signature.</summary>
    [Theory]
    [InlineData(BundleFiles.Csv, "\r\n1,P1,import,", "\r\n1,P1,export,")]
    [InlineData(BundleFiles.Json, "\"account\": \"cpo\"", "\"account\": \"somebody-else\"")]
    [InlineData(BundleFiles.Json, "\"kind\": \"correction\"", "\"kind\": \"final\"")]
    [InlineData(BundleFiles.Json, "\"residual\": \"", "\"residual\": \"1")]
    [InlineData(BundleFiles.Json, "\"part\": \"demand\"", "\"part\": \"fees\"")]
    [InlineData(BundleFiles.Json, "\"unit\": \"kW\"", "\"unit\": \"kVA\"")]
    [InlineData(BundleFiles.Json, "  \"run\": \"R2\",", "  \"run\": \"R2\",\n  \"run\": \"R2\",")]
    public void The_files_of_a_statement_with_charges_are_checked_by_both_programs(string name, string was, string says)
    {
        var zip = town.File("run.zip", "");
        Done("bundle", "--statement", "R2", "--out", zip);
        var files = BundleZip.Read(File.ReadAllBytes(zip));
        var text = Encoding.UTF8.GetString(files[name]);
        files[name] = Encoding.UTF8.GetBytes(text.Replace(was, says, StringComparison.Ordinal));
        Encoding.UTF8.GetString(files[name]).ShouldNotBe(text);
        files[BundleFiles.Sums] = BundleFiles.SumsOf(files);
        files[BundleFiles.Manifest] = BundleManifest.Of("town", "R2", files).ToBytes();
        File.WriteAllBytes(zip, BundleZip.Write(files));
        var mine = town.Run("verify", zip);
        mine.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        mine.Output.ShouldContain(name);
        var (exit, said) = OtherProgram.Run(zip);
        exit.ShouldBe(1, said);
        said.ShouldContain(name);
    }

    [Fact]
    public async Task A_statement_is_the_same_figures_as_csv_spreadsheet_and_parquet()
    {
        var csv = Rows(Done("export", "statement", "R2"));
        csv.Count.ShouldBe(1 + Energy + 4);
        var names = csv[0];
        // 18:00 there is the 19th period of the day and 10:00 in UTC.
        string.Join(',', csv[19].Take(10)).ShouldBe(
            "19,energy,P1,import,2026-02-27T10:00:00Z,2026-02-27T11:00:00Z,2026-02-27T18:00:00+08:00,2026-02-27,19,peak");
        csv[^1][names.IndexOf("kind")].ShouldBe("charge");

        var xlsx = town.File("r2.xlsx", "");
        var page = Json("export", "statement", "R2", "--format", "xlsx", "--out", xlsx);
        ((bool)page["sumIsTotal"]!).ShouldBeTrue();
        Number(page["sumOfLines"]).ShouldBe(Number(Json("show", "statement", "R2")["total"]));
        Sheet(xlsx, 1).ShouldBe(csv.Select(row => string.Join('|', row.Select(InSheet))));
        Sheet(xlsx, 2).ShouldContain("sumIsTotal|true");
        var first = File.ReadAllBytes(xlsx);
        Done("export", "statement", "R2", "--format", "xlsx", "--out", xlsx);
        File.ReadAllBytes(xlsx).ShouldBe(first);

        var parquet = town.File("r2.parquet", "");
        Done("export", "statement", "R2", "--format", "parquet", "--out", parquet);
        await using var file = File.OpenRead(parquet);
        await using var reader = await ParquetReader.CreateAsync(
            file, cancellationToken: TestContext.Current.CancellationToken);
        reader.CustomMetadata["sumIsTotal"].ShouldBe("true");
        using var group = reader.OpenRowGroupReader(0);
        var amounts = new decimal?[Energy + 4];
        await group.ReadAsync<decimal>(reader.Schema.DataFields.Single(field => field.Name == "amount"),
            amounts.AsMemory(), cancellationToken: TestContext.Current.CancellationToken);
        amounts.ShouldBe(csv.Skip(1).Select(row =>
            (decimal?)decimal.Parse(row[names.IndexOf("amount")], CultureInfo.InvariantCulture)));
        var metered = new decimal?[Energy + 4];
        await group.ReadAsync<decimal>(reader.Schema.DataFields.Single(field => field.Name == "meteredKwh"),
            metered.AsMemory(), cancellationToken: TestContext.Current.CancellationToken);
        metered.Take(Energy).ShouldBe(csv.Skip(1).Take(Energy).Select(row =>
            (decimal?)decimal.Parse(row[names.IndexOf("meteredKwh")], CultureInfo.InvariantCulture)));

        Done("show", "statement", "R2", "--lines", "--xlsx", xlsx);
        Sheet(xlsx, 1).ShouldContain("run|R2");
        town.Run("export", "statement", "R2", "--format", "xlsx").Exit.ShouldBe(ExitCode.Usage);
        town.Run("export", "statement", "R2", "--format", "ods").Exit.ShouldBe(ExitCode.Usage);
    }

    /// <summary>A number of a sheet has no zeros at its end: its format shows them.</summary>
    private static string InSheet(string cell) => cell.Contains('.') && decimal.TryParse(cell,
        NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out _)
        ? cell.TrimEnd('0').TrimEnd('.') : cell;

    /// <summary>Fields after RFC 4180; none of these holds a quote.</summary>
    private static List<List<string>> Rows(string csv) => [.. csv.TrimEnd().Split("\r\n").Select(line =>
        Regex.Matches(line, "(?<=^|,)(\"[^\"]*\"|[^,]*)(?=,|$)").Select(field => field.Value.Trim('"')).ToList())];

    /// <summary>Cells as the file has them, each row as one text.</summary>
    private static List<string> Sheet(string path, int number)
    {
        using var zip = ZipFile.OpenRead(path);
        using var sheet = zip.GetEntry($"xl/worksheets/sheet{number}.xml")!.Open();
        var rows = XDocument.Load(sheet).Descendants().Where(each => each.Name.LocalName == "row");
        return [.. rows.Select(row => string.Join('|', row.Elements().Select(cell =>
            (string?)cell.Attribute("t") == "b" ? cell.Value == "1" ? "true" : "false" : cell.Value)))];
    }

    private static IEnumerable<long> Positions(JsonNode value) => value["from"]!.AsArray()
        .SelectMany(child => Positions(child!))
        .Concat(value["position"] is { } position ? [long.Parse((string)position!, CultureInfo.InvariantCulture)] : []);
}
