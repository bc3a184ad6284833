using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What becomes of a calculated run, at the command line: published by another person, corrected by deltas,
/// disputed, its month closed.</summary>
public sealed class PublicationTests : IDisposable
{
    private static readonly Lazy<SavedFolder> Made = SmallTown.Once(() =>
    {
        var town = SmallTown.WithItsDay();
        town.Run("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R1", "--by", "anna").Exit
            .ShouldBe(ExitCode.Done);
        return town;
    });

    private readonly SmallTown town = SmallTown.From(Made);

    public void Dispose() => town.Dispose();

    private string Done(params string[] args)
    {
        var run = town.Run(args);
        (run.Exit, run.Errors).ShouldBe((ExitCode.Done, ""), run.Output);
        return run.Output;
    }

    private void Refused(string name, params string[] args)
    {
        var run = town.Run(args);
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        // A page breaks its lines between words.
        string.Join(' ', (run.Output + run.Errors).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            .ShouldContain(name);
    }

    private void Late() => Done("import",
        town.File("late.csv", "point,register,read_at,kwh\nS01-C1,2.8.0,2026-02-27T18:00:00+08:00,60\n"));

    private JsonNode Statement(string run) => JsonNode.Parse(Done("show", "statement", run, "--json"))!;

    [Fact]
    public void Another_person_publishes_a_run_and_what_it_rests_on_is_pinned()
    {
        ((string)Statement("R1")["publishedBy"]!).ShouldBe("nobody yet");
        Refused("SamePerson", "publish", "R1", "--by", "anna");
        Done("publish", "R1", "--by", "bob").ShouldContain("published");
        Done("publish", "R1", "--by", "carl").ShouldContain("already published");
        var page = Done("show", "statement", "R1");
        Snapshot.Match(page + "\n" + Done("show", "settlement"), "PublicationTests.published");
        var statement = Statement("R1");
        ((string)statement["publishedBy"]!, (string)statement["calculatedBy"]!).ShouldBe(("bob", "anna"));
        statement["runDigest"]!.ToString().Length.ShouldBe(64);
        ((int)statement["linesExpected"]!, (int)statement["linesMetered"]!, (bool)statement["complete"]!)
            .ShouldBe((72, 48, false));
        statement["conserved"]!.ToString().ShouldBe("yes");
        town.Run("publish", "R9", "--by", "bob").Exit.ShouldBe(ExitCode.CouldNot);
        town.Run("publish", "R1").Exit.ShouldBe(ExitCode.Usage);
    }

    [Fact]
    public void A_run_that_no_longer_holds_is_not_published()
    {
        Late();
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R2", "--kind", "correction", "--by", "anna");
        Refused("RunSuperseded", "publish", "R1", "--by", "bob");
        Done("publish", "R2", "--by", "bob");
    }

    [Fact]
    public void A_dry_run_is_shown_beside_the_run_that_holds()
    {
        Late();
        var trial = JsonNode.Parse(Done("settle", "--account", "cpo", "--day", "2026-02-27", "--dry-run", "--json"))!;
        ((string)trial["beside"]!, (string)trial["changeFromSuperseded"]!).ShouldBe(("R1", "-9.74"));
        trial["changes"]!.AsArray().Count.ShouldBe(24);
        // What was booked since is in what holds: the day comes to nothing more.
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "D1", "--kind", "correction", "--style",
            "deltas");
        trial = JsonNode.Parse(Done("settle", "--account", "cpo", "--day", "2026-02-27", "--dry-run", "--json"))!;
        ((string)trial["beside"]!, (string)trial["standingTotal"]!, (string)trial["changeFromSuperseded"]!)
            .ShouldBe(("R1", "103.71", "0.00"));
        trial["changes"]!.AsArray().Count.ShouldBe(0);
    }

    [Fact]
    public void A_run_and_its_deltas_are_the_day_run_again_and_a_credit_takes_all_back()
    {
        Refused("NothingToCorrect", "settle", "--account", "cpo", "--day", "2026-02-27", "--run", "D0", "--kind",
            "correction", "--style", "deltas");
        Refused("OutOfRange", "settle", "--account", "cpo", "--day", "2026-02-27", "--run", "D0", "--style", "deltas");
        Late();
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "D1", "--kind", "correction", "--style",
            "deltas", "--by", "anna");
        var statement = Statement("R1");
        ((string)statement["total"]!, (string)statement["totalWithDeltas"]!, (string)statement["totalRunAgain"]!)
            .ShouldBe(("113.45", "103.71", "103.71"));
        ((bool)statement["deltasAdd"]!).ShouldBeTrue();
        ((int)statement["deltas"]![0]!["lines"]!, (string)statement["deltas"]![0]!["differs"]!).ShouldBe((24, "the same"));
        // Who asks for the late reading is told where it counts.
        Done("explain", "18", "--json").ShouldContain("; D1, booked on it as deltas, counts those before 19");
        // The page of a correction says what it books: nothing more after these deltas, and by a credit all of both.
        string[] again = ["settle", "--account", "cpo", "--day", "2026-02-27", "--run", "D2", "--kind", "correction",
            "--json"];
        Page("deltas", "--dry-run").ShouldBe(("113.45", "103.71", "0.00", 0));
        Page("credit").ShouldBe(("113.45", "103.71", "-103.71", null));

        (string?, string?, string?, int?) Page(params string[] style)
        {
            var page = JsonNode.Parse(Done([.. again, "--style", .. style]))!;
            return ((string?)page["supersededTotal"], (string?)page["standingTotal"],
                (string?)page["changeFromSuperseded"], page["changes"]?.AsArray().Count);
        }
        statement = Statement("R1");
        ((string)statement["totalWithDeltas"]!, (bool)statement["deltasAdd"]!).ShouldBe(("0.00", true));
        ((string)statement["deltas"]![1]!["total"]!).ShouldBe("-103.71");
        Refused("RunIsCredited", "settle", "--account", "cpo", "--day", "2026-02-27", "--run", "D3", "--kind",
            "correction", "--style", "deltas");
        Snapshot.Match(Done("show", "settlement"), "PublicationTests.deltas");
        Done("publish", "R1", "--by", "bob");
        var verified = town.Run("verify");
        verified.Exit.ShouldBe(ExitCode.Done, verified.Output);
        town.Run("replay", "--diff").Exit.ShouldBe(ExitCode.Done);
    }

    /// <summary>Corrections are booked on the day's runs and have names of the day: the next number is nobody's, and so
    /// the second correction is beside the first.</summary>
    [Fact]
    public void A_name_that_nobody_gives_is_none_of_a_run_and_none_of_a_correction()
    {
        string[] settle = ["settle", "--account", "cpo", "--day", "2026-02-27"];
        string[] correct = [.. settle, "--kind", "correction", "--style", "deltas", "--json"];
        Late();
        var first = JsonNode.Parse(Done(correct))!;
        ((string)first["run"]!, (string)first["changeFromSuperseded"]!).ShouldBe(("cpo-2026-02-27-2", "-9.74"));
        Done("import", town.File("later.csv",
            "point,register,read_at,kwh\nS01-C1,2.8.0,2026-02-27T19:00:00+08:00,90\n"));
        var trial = JsonNode.Parse(Done([.. correct, "--dry-run"]))!;
        var second = JsonNode.Parse(Done(correct))!;
        ((string)trial["run"]!, (string)second["run"]!).ShouldBe(("cpo-2026-02-27-3", "cpo-2026-02-27-3"));
        ((string)second["changeFromSuperseded"]!, (string)second["standingTotal"]!)
            .ShouldBe(((string)trial["changeFromSuperseded"]!, "103.71"));
        ((string)JsonNode.Parse(Done([.. settle, "--run", "cpo-2026-02-27-6", "--kind", "correction", "--json"]))!["supersedes"]!)
            .ShouldBe("R1");
        // The day has four names, so the fifth number is next, and then the seventh: the sixth is one of the four.
        ((string)JsonNode.Parse(Done([.. settle, "--dry-run", "--json"]))!["run"]!).ShouldBe("cpo-2026-02-27-5");
        Done([.. settle, "--kind", "correction"]);
        ((string)JsonNode.Parse(Done([.. settle, "--dry-run", "--json"]))!["run"]!).ShouldBe("cpo-2026-02-27-7");
        Done("verify");
    }

    /// <summary>Whatever came in between, a run that is asked for again is the one that is there.</summary>
    [Fact]
    public void A_run_that_is_asked_for_again_is_found()
    {
        string[][] asked =
        [
            ["--run", "Z"], ["--run", "D", "--kind", "correction", "--style", "deltas"], ["--run", "C", "--kind", "correction"],
        ];
        for (var i = 0; i < asked.Length; i++)
        {
            Done("import", town.File("later.csv",
                $"point,register,read_at,kwh\nS01-C1,2.8.0,2026-02-27T{18 + i}:00:00+08:00,{60 + 10 * i}\n"));
            Settled(asked[i]).ShouldContain("recorded at position");
            foreach (var again in asked[..(i + 1)]) Settled(again).ShouldContain("already recorded, with the same result");
        }
        Refused("RunExists", "settle", "--account", "cpo", "--day", "2026-02-27", "--run", "Z", "--at", "16");
        Done("verify");

        string Settled(string[] run) => Done(["settle", "--account", "cpo", "--day", "2026-02-27", .. run]);
    }

    /// <summary>What somebody answers for is not replaced by another run of its kind; the refusal says what may follow,
    /// and stays to be seen.</summary>
    [Fact]
    public void A_published_run_is_followed_by_a_later_kind_or_by_a_correction()
    {
        string[] settle = ["settle", "--account", "cpo", "--day", "2026-02-27"];
        // Nobody answers for R1 yet: it may be made again.
        Late();
        Done([.. settle, "--run", "R2", "--by", "anna"]);
        Done("publish", "R2", "--by", "bob");
        Refused("RunKindIsPast (730): kind is 'initial', and R2 of 2026-02-27 stands (initial, published)", settle);
        JsonNode.Parse(Done("show", "refusals", "--json"))!["refusals"]!.AsArray()
            .Count(row => (string?)row!["name"] == "RunKindIsPast").ShouldBe(1);
        ((string)Statement("R2")["total"]!).ShouldBe("103.71");
        JsonNode.Parse(Done([.. settle, "--dry-run", "--json"]))!["beside"]!.ToString().ShouldBe("R2");
        Done([.. settle, "--run", "R3", "--kind", "interim", "--by", "anna"]);
        Refused("R3 of 2026-02-27 stands (interim)", [.. settle, "--run", "R4"]);
        Done("publish", "R3", "--by", "bob");
        Done([.. settle, "--run", "R4", "--kind", "interim", "--by", "anna"]);
        Done("import", town.File("later.csv",
            "point,register,read_at,kwh\nS01-C1,2.8.0,2026-02-27T19:00:00+08:00,90\n"));
        Done([.. settle, "--run", "D1", "--kind", "correction", "--style", "deltas"]);
        // The name of a correction is no run's any more.
        Refused("RunExists", [.. settle, "--run", "D1", "--kind", "interim"]);
        town.Run("verify").Exit.ShouldBe(ExitCode.Done);
    }

    /// <summary>What was recorded before there was the rule is read, explained and verified as it was, and a correction
    /// follows it.</summary>
    [Fact]
    public async Task A_ledger_that_holds_a_second_initial_run_after_a_publication_is_read_as_before()
    {
        Done("publish", "R1", "--by", "bob");
        var (account, day, ct) = (new PartyId("cpo"), new LocalDate(2026, 2, 27), TestContext.Current.CancellationToken);
        await using (var ledger = OpenLedger.Open(town.Data, null, new StandingClock(SmallTown.Now)))
        {
            var first = (SettlementRunCompleted)EventCodec.Decode(await ledger.Journal
                .ReadStreamAsync(Streams.Settlement(account, day), 0, ct).FirstAsync(ct));
            var second = first with { Run = new("OLD") };
            (await ledger.Journal.AppendAsync(Streams.Settlement(account, day), ExpectedRevision.Any,
                [NewFact.At(second, SmallTown.Now, Settlement.KeyOf(second.Run, account, day))],
                ledger.Operator("before"), null, ct)).ShouldBeOfType<AppendResult.Recorded>();
            await ledger.CatchUpAsync(ct);
        }
        Done("verify");
        Done("replay", "--diff");
        Done("explain", "OLD", "total");
        ((string)JsonNode.Parse(Done("settle", "--account", "cpo", "--day", "2026-02-27", "--dry-run", "--json"))!["beside"]!)
            .ShouldBe("OLD");
        Refused("RunKindIsPast", "settle", "--account", "cpo", "--day", "2026-02-27");
        Late();
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "D1", "--kind", "correction", "--style", "deltas");
        Done("publish", "OLD", "--by", "bob");
        Done("verify");
    }

    /// <summary>Of an account and a day there is nothing of others.</summary>
    [Fact]
    public void A_page_of_one_account_and_day_shows_no_other()
    {
        Done("import", town.File("other.jsonl", """
            {"type":"settlement-point","point":"S09-C1","station":"S09","kind":"connector","owner":"other","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":350,"bidirectional":false,"validFrom":"2026-01-01T00:00:00+08:00"}
            {"type":"tariff-assignment","account":"other","tariff":"tou","validFrom":"2026-01-01T00:00:00+08:00"}
            """));
        Done("settle", "--account", "other", "--day", "2026-02-26", "--run", "O1", "--by", "anna");
        Done("publish", "O1", "--by", "bob");
        Done("publish", "R1", "--by", "bob");
        Late();
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "D1", "--kind", "correction", "--style",
            "deltas");
        Shown().ShouldBe("R1 O1 / R1 O1 / D1");
        Shown("--account", "cpo").ShouldBe("R1 / R1 / D1");
        Shown("--account", "other").ShouldBe("O1 / O1 / ");
        Shown("--day", "2026-02-27").ShouldBe("R1 / R1 / D1");
        Shown("--account", "other", "--day", "2026-02-27").ShouldBe(" /  / ");

        string Shown(params string[] of)
        {
            var page = JsonNode.Parse(Done(["show", "settlement", "--json", .. of]))!;
            return string.Join(" / ", new[] { "runs", "publications", "deltas" }.Select(table =>
                string.Join(' ', page[table]!.AsArray().Select(row => (string)row!["run"]!))));
        }
    }

    /// <summary>What is exported of a run that does not come out again says so, as its page does.</summary>
    [Fact]
    public async Task An_export_of_a_run_that_does_not_come_out_again_says_so()
    {
        var good = Done("export", "statement", "R1");
        var (account, day, ct) = (new PartyId("cpo"), new LocalDate(2026, 2, 27), TestContext.Current.CancellationToken);
        await using (var ledger = OpenLedger.Open(town.Data, null, new StandingClock(SmallTown.Now)))
        {
            var first = (SettlementRunCompleted)EventCodec.Decode(await ledger.Journal
                .ReadStreamAsync(Streams.Settlement(account, day), 0, ct).FirstAsync(ct));
            var wrong = first with { Run = new("WRONG"), Total = first.Total + 1m };
            (await ledger.Journal.AppendAsync(Streams.Settlement(account, day), ExpectedRevision.Any,
                [NewFact.At(wrong, SmallTown.Now, Settlement.KeyOf(wrong.Run, account, day))],
                ledger.Operator("before"), null, ct)).ShouldBeOfType<AppendResult.Recorded>();
            await ledger.CatchUpAsync(ct);
        }
        var differs = (string)Statement("WRONG")["differs"]!;
        foreach (var name in (string[])["statement", "entries"])
        {
            var run = town.Run("export", name, "WRONG");
            (run.Exit, run.Errors).ShouldBe((ExitCode.NotAsItShouldBe, $"ledger export: WRONG, derived again: {differs}\n"));
            var file = Path.Combine(town.Data, "out.csv");
            var written = town.Run("export", name, "WRONG", "--format", "csv", "--out", file, "--json");
            written.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
            ((string)JsonNode.Parse(written.Output)!["differs"]!).ShouldBe(differs);
            File.ReadAllText(file).ShouldBe(run.Output);
        }
        town.Run("export", "statement", "WRONG").Output.ShouldBe(good);
    }

    /// <summary>A euro is no yuan: the two are never subtracted, also where all numbers are the same.</summary>
    [Fact]
    public void A_day_that_is_now_in_another_currency_is_credited_and_not_corrected_by_deltas()
    {
        Done("import", town.File("euro.jsonl", """
            {"type":"tariff","tariff":"tou","version":2,"currency":"EUR","zone":"Asia/Shanghai","validFrom":"2026-01-01T00:00:00+08:00","rules":[{"months":[1,2,3,4,5,6,7,8,9,10,11,12],"days":["weekday","weekend","holiday"],"from":"08:00","to":"22:00","period":"peak"},{"months":[1,2,3,4,5,6,7,8,9,10,11,12],"days":["weekday","weekend","holiday"],"from":"00:00","to":"24:00","period":"valley"}],"prices":[{"period":"peak","importPerKwh":"1.1","exportPerKwh":"1.0"},{"period":"valley","importPerKwh":"0.35","exportPerKwh":"0.3"}]}
            """));
        Refused("CurrencyDiffers", "settle", "--account", "cpo", "--day", "2026-02-27", "--run", "D1", "--kind",
            "correction", "--style", "deltas");
        var trial = JsonNode.Parse(Done("settle", "--account", "cpo", "--day", "2026-02-27", "--dry-run", "--json"))!;
        ((string)trial["supersededCurrency"]!, trial["changeFromSuperseded"], trial["changes"]).ShouldBe(("CNY", null, null));
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "D1", "--kind", "correction", "--style",
            "credit");
        ((string)Statement("R1")["totalWithDeltas"]!, (string)Statement("R1")["currency"]!).ShouldBe(("0.00", "CNY"));
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R2", "--kind", "correction");
        ((string)Statement("R2")["total"]!, (string)Statement("R2")["currency"]!).ShouldBe(("113.45", "EUR"));
        var diff = town.Run("diff", "R1", "R2");
        (diff.Exit, diff.Errors).ShouldBe((ExitCode.CouldNot, "ledger diff: R1 is in CNY and R2 in EUR\n"));
        JsonNode.Parse(Done("show", "settlement", "--json"))!["runs"]!.AsArray().Last()!["changeFromSuperseded"].ShouldBeNull();
        // In one currency there is a change again.
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R3", "--kind", "correction");
        ((string)JsonNode.Parse(Done("show", "settlement", "--json"))!["runs"]!.AsArray().Last()!["changeFromSuperseded"]!)
            .ShouldBe("0.00");
        Done("verify");
    }

    [Fact]
    public void A_dispute_is_opened_answered_and_resolved_by_the_run_that_came_after_it()
    {
        Done("import", town.File("dispute.jsonl", """
            {"type":"dispute","dispute":"D-1","run":"R1","account":"cpo","day":"2026-02-27","openedBy":"cpo","lines":[25,26,27,43],"amount":9.74,"reason":"more was exported after 18:00"}
            {"type":"dispute-answer","dispute":"D-1","answeredBy":"dso","answer":"there is a reading that came late"}
            """));
        Late();
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R2", "--kind", "correction");
        Snapshot.Match(Done("show", "disputes"), "PublicationTests.disputes");
        town.Run("import", town.File("closure.jsonl",
            """{"type":"dispute-closure","dispute":"D-1","outcome":"resolved","closedBy":"dso","resolvedBy":"R1","reason":"itself"}"""))
            .Output.ShouldContain("UnknownRun");
        Done("import", town.File("closure.jsonl",
            """{"type":"dispute-closure","dispute":"D-1","outcome":"resolved","closedBy":"dso","resolvedBy":"R2","reason":"settled again"}"""));
        var row = JsonNode.Parse(Done("show", "disputes", "--json"))!["disputes"]![0]!;
        ((string)row["standing"]!, (string)row["resolvedBy"]!, (string)row["lines"]!).ShouldBe(("resolved", "R2", "25–27, 43"));
    }

    [Fact]
    public void A_month_is_closed_when_every_day_is_published()
    {
        Refused("MonthNotOver", "close", "--account", "cpo", "--month", "2026-03", "--by", "bob");
        Refused("NotAllPublished", "close", "--account", "cpo", "--month", "2026-02", "--by", "bob");
        town.Run("close", "--account", "cpo", "--month", "2026-2", "--by", "bob").Errors.ShouldContain("InvalidTime");
        for (var day = new LocalDate(2026, 2, 1); day.Month == 2; day = day.PlusDays(1))
        {
            var name = NodaTime.Text.LocalDatePattern.Iso.Format(day);
            if (day.Day != 27) Done("settle", "--account", "cpo", "--day", name, "--run", name, "--by", "anna");
            Done("publish", day.Day == 27 ? "R1" : name, "--by", "bob")
                .ShouldContain($"Incomplete, with lines that have no amount: {(day.Day == 27 ? "R1" : name)};");
        }
        var said = Done("close", "--account", "cpo", "--month", "2026-02", "--by", "bob");
        said.ShouldContain("closed");
        said.ReplaceLineEndings(" ").ShouldContain("no amount: 2026-02-01, 2026-02-02,");
        Done("close", "--account", "cpo", "--month", "2026-02", "--by", "carl").ShouldContain("already closed");
        Refused("MonthClosed", "settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R3", "--kind", "interim");
        Late();
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R4", "--kind", "correction");
        int Closed(params string[] of) =>
            JsonNode.Parse(Done(["show", "settlement", "--json", .. of]))!["months"]!.AsArray().Count;
        (Closed("--account", "cpo"), Closed("--day", "2026-02-05"), Closed("--day", "2026-03-05")).ShouldBe((1, 1, 0));
        town.Run("show", "settlement", "--account", "other").ShouldBeFailure(
            "ledger show: there is no account other: no settlement point and no tariff is its own");
        var month = JsonNode.Parse(Done("show", "settlement", "--json"))!["months"]![0]!;
        ((int)month["runs"]!, (string)month["total"]!).ShouldBe((28, "113.45"));
    }
}
