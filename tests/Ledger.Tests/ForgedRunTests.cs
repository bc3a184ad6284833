using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Ledger.Cli;
using Ledger.Cli.Bundles;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Proof;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A ledger that records a run which does not follow from its facts, and signs it: whoever has the bundle alone finds
/// it, by either program.
/// </summary>
public sealed class ForgedRunTests : IDisposable
{
    private const string Facts = """
        {"type":"settlement-point","point":"C9","station":"S09","kind":"connector","owner":"cpo9","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":1000,"bidirectional":false,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"settlement-point","point":"D9","station":"S09","kind":"connector","owner":"cpo9","zone":"Asia/Tokyo","periodMinutes":60,"ratedKw":1000,"bidirectional":false,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"tariff-assignment","account":"cpo9","tariff":"tou","validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"tariff","tariff":"tou","version":2,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"2027-01-01T00:00:00+08:00","rules":[{"months":[1,2,3,4,5,6,7,8,9,10,11,12],"days":["weekday","weekend","holiday"],"from":"08:00","to":"22:00","period":"peak"},{"months":[1,2,3,4,5,6,7,8,9,10,11,12],"days":["weekday","weekend","holiday"],"from":"00:00","to":"24:00","period":"valley"}],"prices":[{"period":"peak","importPerKwh":"1.1","exportPerKwh":"1.0"},{"period":"valley","importPerKwh":"0.35","exportPerKwh":"0.3"}]}
        """;

    /// <summary>100 kWh from 18:00 on and 200 kWh from 19:00 on; nothing is known of any other hour. D9 has days of
    /// another zone, and so no lines.</summary>
    private const string Curve = """
        point,time,kw
        C9,2026-02-27T18:00:00+08:00,100
        C9,2026-02-27T19:00:00+08:00,100
        C9,2026-02-27T20:00:00+08:00,300

        """;

    private static readonly Lazy<byte[]> Made = new(() =>
    {
        using var town = SmallTown.WithItsDay();
        void Done(params string[] args)
        {
            var run = town.Run(args);
            run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
        }

        Done("import", town.File("more.jsonl", Facts));
        Done("import", town.File("c9.csv", Curve));
        Done("settle", "--account", "cpo9", "--day", "2026-02-27", "--run", "F1");
        Done("checkpoint", "--origin", "ledger.example/town");
        var zip = town.File("f1.zip", "");
        Done("bundle", "--statement", "F1", "--out", zip);
        return File.ReadAllBytes(zip);
    });

    private readonly SmallTown town = new();
    private readonly SortedDictionary<string, byte[]> files;
    private readonly JsonNode statement;
    private readonly List<string> lines;

    public ForgedRunTests()
    {
        files = BundleZip.Read(Made.Value);
        statement = JsonNode.Parse(files[BundleFiles.Json])!;
        lines = [.. Text(BundleFiles.Lines).TrimEnd('\n').Split('\n')];
    }

    public void Dispose() => town.Dispose();

    [Fact]
    public void A_run_that_was_signed_again_as_it_is_is_verified() =>
        Verified(Signed(run => run)).ShouldBe((true, true));

    [Fact]
    public void A_line_that_has_the_record_of_another_hour_is_found()
    {
        // What is of 18:00 stands at 19:00, and the other way about; both hours have one price.
        int[] moved = [6, 7, 9, 10, 11];
        var (six, seven) = (lines[18].Split('|'), lines[19].Split('|'));
        (six[6], seven[6]).ShouldBe(("720000000000000000", "1440000000000000000"));
        foreach (var cell in moved) (six[cell], seven[cell]) = (seven[cell], six[cell]);
        (lines[18], lines[19]) = (string.Join('|', six), string.Join('|', seven));
        var rows = Text(BundleFiles.Csv).Split("\r\n");
        var (first, second) = (rows[19].Split(','), rows[20].Split(','));
        foreach (var cell in (int[])[6, 7, 9, 10, 12]) (first[cell], second[cell]) = (second[cell], first[cell]);
        (rows[19], rows[20]) = (string.Join(',', first), string.Join(',', second));
        files[BundleFiles.Csv] = Encoding.UTF8.GetBytes(string.Join("\r\n", rows));
        var (one, other) = (statement["lines"]![18]!, statement["lines"]![19]!);
        foreach (var member in (string[])["meteredKwh", "billedKwh", "amountExact", "amount", "source"])
            (one[member], other[member]) = (other[member]!.DeepClone(), one[member]!.DeepClone());
        Verified(Signed(run => run)).ShouldBe((false, false));
    }

    [Fact]
    public void An_hour_that_was_left_out_is_found()
    {
        lines.RemoveAt(23);
        statement["lines"]!.AsArray().RemoveAt(23);
        files[BundleFiles.Csv] = Encoding.UTF8.GetBytes(
            string.Join("\r\n", Text(BundleFiles.Csv).Split("\r\n").Where((_, row) => row != 24)));
        Verified(Signed(run => run.Replace("\"lines\":24", "\"lines\":23", StringComparison.Ordinal)))
            .ShouldBe((false, false));
    }

    [Fact]
    public void A_tariff_that_is_not_in_force_is_found()
    {
        statement["tariffVersion"] = 2;
        Verified(Signed(run => run.Replace("\"tariffVersion\":1", "\"tariffVersion\":2", StringComparison.Ordinal)))
            .ShouldBe((false, false));
    }

    [Fact]
    public void A_line_of_a_point_that_somebody_else_owns_is_found() =>
        Verified(Signed(run => run, point => point.Replace("\"cpo9\"", "\"cpo8\"", StringComparison.Ordinal)))
            .ShouldBe((false, false));

    [Theory]
    [InlineData("atPosition", "500", "a run of the facts before 500")]
    [InlineData("currency", "EUR", "tariff ['tou', 1, 'EUR']")]
    public void A_run_of_other_facts_or_another_currency_is_found(string member, string says, string fault) =>
        FoundByBoth(Says(member, says), fault);

    /// <summary>What a run says of itself stands in the fact and in the statement's files alike.</summary>
    [Theory]
    [InlineData("kind", "final", "a final run that is incomplete")]
    [InlineData("kind", "usual", "kind Usual")]
    [InlineData("supersedes", "F0", "the first run of its day, in place of F0")]
    [InlineData("ruleVersion", "statement-99/in-our-favour", "the rules statement-99/in-our-favour")]
    [InlineData("zone", "Europe/Berlin", "zone Europe/Berlin, expected Asia/Shanghai")]
    public void A_run_that_cannot_be_what_it_says_is_found_by_the_other_program(
        string member, string says, string fault) => FoundByTheOther(Says(member, says), fault);

    [Fact]
    public void What_the_other_program_cannot_know_of_a_run_it_names()
    {
        var (exit, said) = OtherProgram.Run(Says("tzdbVersion", "TZDB: 1999a"));
        exit.ShouldBe(0, said);
        said.ShouldContain("NOT CHECKED: whether statement-1/half-away-with-carry and TZDB: 1999a were its rules");
    }

    [Fact]
    public void A_record_that_counts_twice_is_found()
    {
        lines[18] = Changed(lines[18], (6, "1440000000000000000"), (7, "200"), (9, "220"), (10, "220"),
            (11, $"interval records {Record(18)}, {Record(18)}"));
        FoundByBoth(Restated(), "line 19: metered 1440000000000000000, expected 720000000000000000");
    }

    [Fact]
    public void A_direction_that_was_left_out_is_found() => FoundByBoth(
        Signed(run => run, point =>
            point.Replace("\"bidirectional\":false", "\"bidirectional\":true", StringComparison.Ordinal)),
        "points and directions [('C9', 'Import')], expected [('C9', 'Import'), ('C9', 'Export')]");

    [Fact]
    public void A_point_that_was_left_out_is_found() => FoundByBoth(
        Signed(run => run, point => point.Replace("Asia/Tokyo", "Asia/Shanghai", StringComparison.Ordinal)),
        "points and directions [('C9', 'Import')], expected [('C9', 'Import'), ('D9', 'Import')]");

    /// <summary>What is derived rests on the zone, and a zone is what whoever forges chooses.</summary>
    [Fact]
    public void Of_an_unknown_zone_the_other_program_does_not_say_that_it_is_verified()
    {
        var (exit, said) = OtherProgram.Run(Says("zone", "Mars/Olympus"));
        exit.ShouldBe(2, said);
        said.ShouldContain("No time zone found with key Mars/Olympus");
    }

    [Fact]
    public void Energy_from_nowhere_is_found()
    {
        lines[18] = Changed(lines[18], (11, "as agreed"));
        FoundByBoth(Restated(), "line 19: source as agreed, expected interval record ");
    }

    /// <summary>Both hours have one price, so that the amounts are right.</summary>
    [Fact]
    public void Two_hours_in_one_line_are_found()
    {
        lines[18] = Changed(lines[18], (4, lines[19].Split('|')[4]), (6, "2160000000000000000"), (7, "300"), (9, "330"),
            (10, "330"), (11, $"interval records {Record(18)}, {Record(19)}"));
        lines.RemoveAt(19);
        FoundByBoth(Restated(), "line 19: end 2026-02-27T12:00:00Z, expected one within the period in which it begins");
    }

    /// <summary>No record fills a part of an hour, so that its energy would be gone.</summary>
    [Fact]
    public void An_hour_that_is_cut_where_no_price_changes_is_found()
    {
        lines[18] = Missing(lines[18]);
        lines.Insert(19, Changed(lines[18], (3, "2026-02-27T10:30:00Z")));
        lines[18] = Changed(lines[18], (4, "2026-02-27T10:30:00Z"));
        FoundByBoth(Restated(), "line 19: end 2026-02-27T10:30:00Z, expected that of its period, or where its price changes");
    }

    /// <summary>A version of which nothing counts, that all its evidence bears out.</summary>
    [Fact]
    public void A_record_that_says_that_it_was_superseded_is_found()
    {
        lines[18] = Missing(lines[18]);
        FoundByBoth(Restated(record => record.Period.Start == Evening
            ? record with { State = IntervalRecordState.Superseded } : record), "a record that says that it was superseded");
    }

    [Fact]
    public void A_record_that_overlaps_another_is_found()
    {
        (lines[18], lines[19]) = (Missing(lines[18]), Missing(lines[19]));
        var inside = new Interval(Evening + Duration.FromMinutes(15), Evening + Duration.FromMinutes(30));
        FoundByBoth(Restated(record => record.Period.Start == Evening ? record : record with { Period = inside }),
            "a period, expected one without overlap");
    }

    /// <summary>A record of no period ends no verification without a verdict.</summary>
    [Fact]
    public void A_record_with_an_edge_between_microseconds_is_found()
    {
        lines[18] = Missing(lines[18]);
        var run = town.Run("verify", "--json", Restated(record => record.Period.Start == Evening
            ? record with { Period = new(Evening.PlusTicks(1), record.Period.End) } : record));
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        run.Output.ShouldContain("a period begins and ends on a whole microsecond");
    }

    private static readonly Instant Evening = Instant.FromUtc(2026, 2, 27, 10, 0);

    private static string Missing(string line) => Changed(line, (6, "-"), (7, "-"), (9, "-"), (10, "-"), (11, "missing"),
        (12, "Missing"), (13, "energy missing"));

    [Fact]
    public void A_line_that_is_said_to_have_no_price_is_found()
    {
        lines[18] = Changed(lines[18], (9, "-"), (10, "-"), (13, "price missing"));
        FoundByBoth(Restated(), "line 19: problem price missing, expected None");
    }

    /// <summary>The record that a line rests on, as its source names it.</summary>
    private string Record(int line) => lines[line].Split('|')[11]["interval record ".Length..];

    private static string Changed(string line, params (int Cell, string Says)[] changes)
    {
        var cells = line.Split('|');
        foreach (var (cell, says) in changes) cells[cell] = says;
        return string.Join('|', cells);
    }

    /// <summary>A bundle whose run and files say all that follows from these lines.</summary>
    private string Restated(Func<IntervalRecorded, IntervalRecorded>? forgeRecord = null)
    {
        for (var i = 0; i < lines.Count; i++)
            lines[i] = Changed(lines[i], (0, (i + 1).ToString(CultureInfo.InvariantCulture)));
        var stated = SettlementListings.Lines(lines.ConvertAll(StatementText.Parse)).Plain();
        using var csv = new StringWriter();
        stated.WriteCsv(csv);
        files[BundleFiles.Csv] = Encoding.UTF8.GetBytes($"{csv}");
        statement["lines"] = stated.ToJson();
        var total = lines.ConvertAll(StatementText.Parse).Sum(line => line.Amount ?? 0m);
        statement["importTotal"] = Text(total);
        statement["total"] = Text(total);
        statement["postings"]![0]!["amount"] = Text(total);
        statement["postings"]![1]!["amount"] = Text(-total);
        return Signed(run =>
        {
            var fact = JsonNode.Parse(run)!;
            fact["lines"] = lines.Count;
            fact["total"] = Text(total);
            fact["postings"] = statement["postings"]!.DeepClone();
            return fact.ToJsonString();
        }, forgeRecord: forgeRecord);

        static string Text(decimal amount) =>
            amount.ToString("0.############################", CultureInfo.InvariantCulture);
    }

    /// <summary>A bundle whose run and statement say so of a member, and are else as they were.</summary>
    private string Says(string member, string says)
    {
        statement[member] = says;
        return Signed(run =>
        {
            var fact = JsonNode.Parse(run)!;
            fact[member] = member == "kind" ? char.ToUpperInvariant(says[0]) + says[1..] : says;
            return fact.ToJsonString();
        });
    }

    private void FoundByBoth(string zip, string fault)
    {
        Verified(zip).ShouldBe((false, false));
        FoundByTheOther(zip, fault);
    }

    /// <summary>It is found for this reason, and the statement's files agree with the lines and the run.</summary>
    private static void FoundByTheOther(string zip, string fault)
    {
        var (exit, said) = OtherProgram.Run(zip);
        exit.ShouldBe(1, said);
        said.ShouldContain(fault);
        said.ShouldNotContain($"\n{BundleFiles.Csv}");
        said.ShouldNotContain($"\n{BundleFiles.Json}");
    }

    private string Text(string name) => Encoding.UTF8.GetString(files[name]);

    /// <summary>Whether the bundle is verified: by this program, by the other one.</summary>
    private (bool, bool) Verified(string zip)
    {
        var (mine, other) = (town.Run("verify", zip), OtherProgram.Run(zip));
        TestContext.Current.TestOutputHelper!.WriteLine(mine.Output + other.Output);
        return (mine.Exit == ExitCode.Done, other.Exit == 0);
    }

    /// <summary>A bundle of these lines in a log of the same events, but for the run, which has their root.</summary>
    private string Signed(Func<string, string> forge, Func<string, string>? forgePoint = null,
        Func<IntervalRecorded, IntervalRecorded>? forgeRecord = null)
    {
        var before = (string)statement["linesRoot"]!;
        var root = Convert.ToHexStringLower(SignedAgain.RootOf(SignedAgain.LeavesOf(lines)));
        statement["linesRoot"] = root;
        files[BundleFiles.Lines] = Encoding.UTF8.GetBytes(string.Concat(lines.Select(line => line + '\n')));
        if (!JsonNode.DeepEquals(statement, JsonNode.Parse(files[BundleFiles.Json])))
            files[BundleFiles.Json] = Encoding.UTF8.GetBytes(statement.ToJsonString(Listing.Indented) + '\n');
        SignedAgain.Sign(files, "F1", BundleFiles.Format, (name, payload) => name switch
        {
            "settlement-run-completed" =>
                Said(payload, run => forge(run).Replace(before, root, StringComparison.Ordinal)),
            "settlement-point-registered" when forgePoint is not null => Said(payload, forgePoint),
            "interval-recorded" when forgeRecord is not null =>
                IntervalRecordBytes.Write(forgeRecord(IntervalRecordBytes.Read(payload))),
            _ => payload,
        });
        var zip = town.File("forged.zip", "");
        File.WriteAllBytes(zip, BundleZip.Write(files));
        return zip;

        static byte[] Said(byte[] payload, Func<string, string> forge) =>
            Encoding.UTF8.GetBytes(forge(Encoding.UTF8.GetString(payload)));
    }
}
