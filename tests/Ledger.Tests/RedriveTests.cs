using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;
using static Ledger.Tests.ScenarioTable;

namespace Ledger.Tests;

/// <summary>What was refused can be looked through, released by a person, and taken again.</summary>
public sealed class RedriveTests
{
    private static readonly EvidenceDigest Digest = new(new string('a', 64));
    private static readonly EvidenceRefused Refused = new(Digest, "file", Rejection.UnknownRegister, "none", 5);

    private static readonly Dictionary<string, Func<string[], Decision>> Rules = new()
    {
        ["refusal-releases.txt"] = cells => RefusalRelease.Decide(Known(cells[1]), (RefusalReleased)Fact("released"),
            cells[0] switch
            {
                "refused" => Refused,
                "other" => Refused with { Evidence = new(new string('b', 64)) },
                _ => null,
            }, Second("100")),
        ["redrives.txt"] = cells =>
            RefusalRelease.Decide(Known(cells[0]), (EvidenceRedriven)Fact(cells[1]), Second("100")),
    };

    public static IEnumerable<TheoryDataRow<string, int, string>> AllLines() => Lines([.. Rules.Keys]);

    [Theory, MemberData(nameof(AllLines))]
    public void Each_line_is_answered_as_it_says(string table, int number, string line)
    {
        var cells = Cells(line);
        Answer(Rules[table](cells)).ShouldBe(cells[^1], $"{table}:{number}");
    }

    [Fact]
    public void Attempts_are_numbered_and_have_ids_of_their_own()
    {
        var second = RefusalRelease.Decide(Known("released, again 0 2"), (EvidenceRedriven)Fact("again 1 1"),
            Second("100")).ShouldBeOfType<Decision.Accepted>().Facts.Single();
        ((EvidenceRedriven)second.Event).Attempt.ShouldBe(2);
        second.Evidence.ShouldBe(new EvidenceKey($"redriven/{Digest}/2"));
    }

    [Fact]
    public async Task A_curve_of_a_point_that_is_registered_since_is_recorded_from_the_kept_evidence()
    {
        await using var ledger = new IntakeLedger();
        ledger.Clock.Now = Instant.FromUtc(2026, 2, 2, 1, 0);
        var packed = PackedBytesTests.Zstd("point,time,kw\nCP1,2026-02-02T00:00:00Z,1\nCP1,2026-02-02T00:00:01Z,2\n"u8
            .ToArray());
        await ledger.TakeAsync(packed, name: "night.csv.zst");
        var refusal = (await RefusalsAsync(ledger)).Single();
        (refusal.Standing, refusal.Name, refusal.Source).ShouldBe(("refused", "UnknownSettlementPoint", "night.csv.zst"));

        // Still not registered: it is refused again, and that is said once.
        var first = (await RedriveAsync(ledger, Rejection.UnknownSettlementPoint)).Single();
        (first.Outcome, first.Recorded, first.Refused, first.Name)
            .ShouldBe(("redriven", 0, 1, "UnknownSettlementPoint"));
        (await RedriveAsync(ledger, Rejection.UnknownSettlementPoint)).Single().Position.ShouldBeNull();
        (await RefusalsAsync(ledger)).ShouldAllBe(row => row.Standing == "released");

        await ledger.TakeAsync(IntakeLedger.Connector);
        var second = (await RedriveAsync(ledger, Rejection.UnknownSettlementPoint)).Single();
        (second.Outcome, second.Recorded, second.Refused, second.Refusal)
            .ShouldBe(("redriven", 1, 0, refusal.Position));
        var record = (await ledger.FactsAsync()).OfType<IntervalRecorded>().Single();
        record.Evidence.Hex.ShouldBe(refusal.Evidence);
        (await RefusalsAsync(ledger)).ShouldAllBe(row => row.Standing == "redriven");

        // A third time finds it settled, and records nothing.
        var length = ledger.Ledger.Journal.Length;
        (await RedriveAsync(ledger, null, new EvidenceDigest(refusal.Evidence!))).Single().Outcome.ShouldBe("settled");
        (await RedriveAsync(ledger, Rejection.UnknownSettlementPoint)).ShouldBeEmpty();
        ledger.Ledger.Journal.Length.ShouldBe(length);
        var facts = await ledger.FactsAsync();
        facts.OfType<RefusalReleased>().Single().ShouldBe(
            new(new(refusal.Evidence!), refusal.Position, "staff-7", "registered now"));
        facts.OfType<EvidenceRedriven>().Select(fact => (fact.Attempt, fact.Recorded, fact.Refused))
            .ShouldBe([(1, 0, 1), (2, 1, 0)]);
    }

    [Fact]
    public async Task A_row_of_a_table_and_a_posted_fact_come_back_as_what_they_were()
    {
        await using var ledger = new IntakeLedger();
        ledger.Clock.Now = Instant.FromUtc(2026, 2, 3, 0, 0);
        await ledger.TakeAsync("point,register,read_at,kwh,quality\nCP1,1.8.0,2026-02-02T00:00:00Z,10.000,estimated\n",
            name: "readings.csv");
        await ledger.Ledger.Intake.TakeFactAsync(new Submission(
            """{"point":"CP1","direction":"export","readAt":"2026-02-02T00:00:00Z","kwh":1}"""u8.ToArray(),
            "/v1/register-readings"), "register-reading", IntakeLedger.Operator, new("k1"), CancellationToken.None);
        (await RefusalsAsync(ledger)).Count.ShouldBe(2);
        await ledger.TakeAsync(IntakeLedger.Connector);
        (await RedriveAsync(ledger, Rejection.UnknownRegister)).Select(answer => (answer.Recorded, answer.Refused))
            .ShouldBe([(1, 0), (1, 0)]);
        var readings = (await ledger.FactsAsync()).OfType<RegisterReadingRecorded>().ToList();
        readings.Select(reading => (reading.Register.Direction, reading.IndexSteps, reading.Quality)).ShouldBe(
        [
            (Direction.Import, 10_000L, ReadingQuality.Estimated),
            (Direction.Export, 1_000L, ReadingQuality.Measured),
        ], ignoreOrder: true);
    }

    [Fact]
    public async Task A_quarantined_reading_that_is_released_counts()
    {
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(IntakeLedger.Connector);
        ledger.Clock.Now = Instant.FromUtc(2026, 2, 3, 0, 0);
        await ledger.TakeAsync(
            "point,register,read_at,kwh\nCP1,1.8.0,2026-02-01T00:00:00Z,10.000\nCP1,1.8.0,2026-02-02T00:00:00Z,5.000\n");
        var held = (await RefusalsAsync(ledger)).Single(row => row.Standing == "quarantined");
        // It still decreases, so the rule that quarantined it speaks again.
        (await ReleaseAsync(ledger, held.Position)).ShouldBeOfType<RecordOutcome.Refused>()
            .Code.ShouldBe(Rejection.ChangeOfBasis);
        await ledger.TakeAsync("""{"type":"register-reading-correction","point":"CP1","direction":"import","readAt":"2026-02-01T00:00:00Z","supersedes":1,"indexSteps":4000,"reason":"read again"}""");
        (await ReleaseAsync(ledger, held.Position)).ShouldBeOfType<RecordOutcome.Recorded>();
        (await ReleaseAsync(ledger, held.Position)).ShouldBeOfType<RecordOutcome.AlreadyRecorded>();
        var correction = (await ledger.FactsAsync()).OfType<RegisterReadingCorrected>().Last();
        (correction.IndexSteps, correction.Version, correction.Reason)
            .ShouldBe((5_000L, 2, "released by staff-7: registered now"));
        (await RefusalsAsync(ledger)).Single(row => row.Position == held.Position).Standing.ShouldBe("released");
        (await ReleaseAsync(ledger, 0)).ShouldBeOfType<RecordOutcome.Refused>()
            .Code.ShouldBe(Rejection.UnknownEvidence);
        (await ReleaseAsync(ledger, 1_000_000)).ShouldBeOfType<RecordOutcome.Refused>()
            .Code.ShouldBe(Rejection.UnknownEvidence);
    }

    /// <summary>Whoever releases a reading that fell is told what a person can do, and it is so: the new meter is
    /// recorded by the line that is given, and the same release is taken.</summary>
    [Fact]
    public void A_reading_of_another_meter_is_released_the_way_that_its_refusal_says()
    {
        using var town = SmallTown.WithItsDay();
        var refusals = JsonNode.Parse(town.Run("show", "refusals", "--json").Output)!["refusals"]!.AsArray();
        var held = (string)refusals.Single(row => (string?)row!["name"] == "ChangeOfBasis")!["position"]!;
        string[] release = ["release", held, "--by", "staff-7", "--reason", "the meter was exchanged"];
        var refused = town.Run(release);
        refused.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        refused.Errors.ShouldContain("ChangeOfBasis (404): index fell from 1500500 to 12000 steps");
        refused.Errors.ShouldContain($"then again: ledger release {held} --by WHO --reason TEXT");
        var line = refused.Errors[refused.Errors.IndexOf('{')..(refused.Errors.IndexOf('}') + 1)];
        var imported = town.Run("import", town.File("exchange.jsonl", line.Replace("SERIAL-OF-THE-NEW-METER", "M2")));
        imported.Exit.ShouldBe(ExitCode.Done, imported.Output + imported.Errors);
        var released = town.Run(release);
        (released.Exit, released.Errors).ShouldBe((ExitCode.Done, ""));
        // Again: it is there, and where.
        var again = JsonNode.Parse(town.Run([.. release, "--json"]).Output)!;
        ((string)again["release"]!, (string?)again["position"]).ShouldBe(("already released",
            (string)JsonNode.Parse(town.Run("show", "event", (string)again["position"]!, "--json").Output)!["position"]!));
        town.Run("verify").Exit.ShouldBe(ExitCode.Done);
    }

    [Fact]
    public async Task Evidence_that_was_sealed_by_the_senders_word_is_not_taken_without_it()
    {
        await using var ledger = new IntakeLedger();
        ledger.Clock.Now = Instant.FromUtc(2026, 2, 2, 1, 0);
        await ledger.TakeAsync("point,time,kw\nCP1,2026-02-02T00:00:00Z,1\nCP1,2026-02-02T00:00:01Z,2\n",
            new IntakeHints(Subject: "Ada"));
        await ledger.TakeAsync(IntakeLedger.Connector);
        var silent = (await RedriveAsync(ledger, Rejection.UnknownSettlementPoint)).Single();
        (silent.Outcome, silent.Name).ShouldBe(("refused", "UnknownSubject"));
        (await ledger.FactsAsync()).OfType<RefusalReleased>().ShouldBeEmpty();
        var named = (await RedriveAsync(ledger, Rejection.UnknownSettlementPoint, null, new IntakeHints(Subject: "Ada")))
            .Single();
        (named.Outcome, named.Recorded).ShouldBe(("redriven", 1));
        var record = (await ledger.FactsAsync()).OfType<IntervalRecorded>().Single();
        ledger.Ledger.Evidence.SubjectsOf(record.Evidence).ShouldNotBeEmpty();
    }

    /// <summary>Of more pieces than one request takes the rest is counted, and the next one begins with it, also where
    /// the first are refused again.</summary>
    [Fact]
    public async Task What_one_request_leaves_is_counted_and_taken_by_the_next()
    {
        await using var ledger = new IntakeLedger();
        ledger.Clock.Now = Instant.FromUtc(2026, 2, 2, 1, 0);
        for (var i = 0; i < 3; i++) await ledger.TakeAsync($"point,time,kw\nCP1,2026-02-02T00:00:0{i}Z,1\n");
        var seen = new List<string>();
        foreach (var (taken, left) in ((int, int)[])[(2, 1), (2, 1), (3, 0)])
        {
            var answer = await Redriving.TakeAsync(ledger.Ledger, new(null, Rejection.UnknownSettlementPoint, "staff-7",
                "registered now", new(), Math.Max(taken, 2)), IntakeLedger.Operator, TestContext.Current.CancellationToken);
            (answer.Redrives.Count, answer.Left).ShouldBe((taken, left));
            seen.AddRange(answer.Redrives.Select(one => one.Evidence));
        }
        seen.Take(4).Distinct().Count().ShouldBe(3);
    }

    [Fact]
    public async Task The_resources_filter_show_release_and_redrive()
    {
        await using var served = await ServedLedger.StartAsync();
        served.Clock.Now = Instant.FromUtc(2026, 2, 2, 1, 0);
        await served.PostAsync("/v1/curves",
            """{"point":"CP1","time":"2026-02-02T00:00:00Z","stepMs":1000,"values":[1,2]}""");
        await served.PostAsync("/v1/registers", "{}");
        (await ListAsync("")).Count.ShouldBe(2);
        (await ListAsync("?code=202")).Single().GetProperty("name").GetString().ShouldBe("UnknownSettlementPoint");
        (await ListAsync("?code=MissingField&source=/v1/reg")).Count.ShouldBe(1);
        (await ListAsync("?source=reg")).ShouldBeEmpty();
        (await ListAsync("?day=2026-02-02")).Count.ShouldBe(2);
        (await ListAsync("?day=2026-02-03")).ShouldBeEmpty();
        (await served.GetAsync("/v1/refusals?code=1")).Status.ShouldBe(400);

        var refusal = (await ListAsync("?code=202")).Single().GetProperty("position").GetString();
        var shown = (await served.GetAsync($"/v1/refusals/{refusal}")).Json;
        shown.GetProperty("content").GetString().ShouldBe(
            """{"point":"CP1","time":"2026-02-02T00:00:00Z","stepMs":1000,"values":[1,2]}""");
        shown.GetProperty("attempts").GetInt32().ShouldBe(0);
        (await served.GetAsync("/v1/refusals/99999")).Status.ShouldBe(404);

        (await served.PostAsync("/v1/refusal-releases",
            $$"""{"position":{{refusal}},"by":"staff-7","reason":"registered now"}""")).Status.ShouldBe(201);
        (await ListAsync("?code=202")).Single().GetProperty("standing").GetString().ShouldBe("released");
        await served.RegisterConnectorAsync();
        foreach (var wrong in new[] { "{}", """{"by":"a","reason":"b"}""", """{"code":202,"evidence":"x","by":"a","reason":"b"}""",
            """{"code":"Nothing","by":"a","reason":"b"}""", """{"code":202,"reason":"b"}""" })
            (await served.PostAsync("/v1/redrives", wrong)).Status.ShouldBe(400, wrong);
        (await served.PostAsync("/v1/redrives", """{"code":801,"by":"a","reason":"b"}""")).Status.ShouldBe(404);
        var redriven = await served.PostAsync("/v1/redrives", """{"code":202,"by":"staff-8","reason":"again"}""");
        redriven.Status.ShouldBe(200);
        redriven.Json.GetProperty("redrives")[0].GetProperty("recorded").GetInt32().ShouldBe(1);
        shown = (await served.GetAsync($"/v1/refusals/{refusal}")).Json;
        shown.GetProperty("releasedBy").GetString().ShouldBe("staff-7"); // the first release holds
        shown.GetProperty("stillRefused").GetInt32().ShouldBe(0);
        shown.GetProperty("refusal").GetProperty("standing").GetString().ShouldBe("redriven");

        async Task<List<JsonElement>> ListAsync(string query) =>
            [.. (await served.GetAsync($"/v1/refusals{query}")).Json.GetProperty("refusals").EnumerateArray()];
    }

    [Fact]
    public void The_verbs_do_the_same_from_the_command_line()
    {
        using var town = SmallTown.WithItsDay();
        var refused = Row(town.Run("show", "refusals", "--code", "UnknownRegister", "--source", "readings", "--json"));
        var position = refused.GetProperty("position").ToString();
        var digest = refused.GetProperty("evidence").GetString()!;
        town.Run("show", "refusals", "--day", "2020-01-01").Output.ShouldNotContain("readings.csv");
        town.Run("show", "refusal", position).Output.ShouldContain("S01-C9,1.8.0");
        town.Run("show", "refusal", "0").Exit.ShouldBe(ExitCode.CouldNot);
        town.Run("release", position, "--by", "staff-7").Exit.ShouldBe(ExitCode.Usage);
        town.Run("release", position, "--by", "staff-7", "--reason", "looked at").Output.ShouldContain("released");
        town.Run("release", "0", "--by", "staff-7", "--reason", "looked at").Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        var still = town.Run("redrive", digest, "--by", "staff-8", "--reason", "again", "--json");
        still.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        JsonDocument.Parse(still.Output).RootElement.GetProperty("redrives")[0].GetProperty("name").GetString()
            .ShouldBe("UnknownRegister");
        town.Run("import", town.File("c9.jsonl", """
            {"type":"settlement-point","point":"S01-C9","station":"S01","kind":"connector","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-01-01T00:00:00+08:00"}
            {"type":"register","point":"S01-C9","direction":"import","meterSerial":"M9","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}
            """)).Exit.ShouldBe(ExitCode.Done);
        town.Run("redrive", digest, "--by", "staff-8", "--reason", "again", "--json").Exit.ShouldBe(ExitCode.Done);
        town.Run("redrive", digest, "--by", "staff-8", "--reason", "again").Output.ShouldContain("settled");
        town.Run("show", "refusal", position).Output.ShouldContain("redriven");
        town.Run("redrive", "--code", "801", "--by", "staff-8", "--reason", "again").Exit.ShouldBe(ExitCode.CouldNot);
        town.Run("redrive", "--by", "staff-8", "--reason", "again").Exit.ShouldBe(ExitCode.Usage);

        static JsonElement Row(CommandRun run) =>
            JsonDocument.Parse(run.Output).RootElement.GetProperty("refusals").EnumerateArray().Single();
    }

    private static async Task<IReadOnlyList<RedriveAnswer>> RedriveAsync(
        IntakeLedger ledger, Rejection? code, EvidenceDigest? evidence = null, IntakeHints? hints = null) =>
        (await Redriving.TakeAsync(ledger.Ledger, new(evidence, code, "staff-7", "registered now", hints ?? new()),
            IntakeLedger.Operator, TestContext.Current.CancellationToken)).Redrives;

    private static int releases;

    private static Task<RecordOutcome> ReleaseAsync(IntakeLedger ledger, long position) =>
        ledger.Ledger.Intake.TakeFactAsync(RefusalToRelease.Text(position, "staff-7", "registered now"),
            "refusal-release", IntakeLedger.Operator, new($"release {Interlocked.Increment(ref releases)}"),
            TestContext.Current.CancellationToken);

    private static async Task<IReadOnlyList<RefusalsView.Refusal>> RefusalsAsync(IntakeLedger ledger)
    {
        await ledger.Ledger.CatchUpAsync(TestContext.Current.CancellationToken);
        return new Answers(ledger.Ledger.Views).Refusals();
    }

    private static RefusalState Known(string facts) => facts == "-" ? RefusalState.Empty
        : facts.Split(',', StringSplitOptions.TrimEntries).Select(Fact)
            .Aggregate(RefusalState.Empty, RefusalRelease.Evolve);

    private static LedgerEvent Fact(string text) => text.Split(' ') switch
    {
        ["released"] => new RefusalReleased(Digest, 7, "staff-7", "looked at"),
        ["released", "elsewhere"] => new RefusalReleased(Digest, 8, "staff-7", "looked at"),
        ["again", var recorded, var refused] =>
            new EvidenceRedriven(Digest, 7, 1, (int)Number(recorded), 0, 0, (int)Number(refused)),
        _ => throw new InvalidDataException(text),
    };
}
