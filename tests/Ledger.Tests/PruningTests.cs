using System.Net;
using System.Text;
using System.Text.Json;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Pruning a month removes the raw evidence that only its facts need and its archive has; facts, amounts and proofs
/// stay, what is missing is said, and with the archive everything is verified again.
/// </summary>
public sealed class PruningTests : IDisposable
{
    private static readonly EvidenceDigest Morning = ArchivedTown.Digest(ArchivedTown.Curve(0, 72)),
        Afternoon = ArchivedTown.Digest(ArchivedTown.Curve(73, 144)), Junk = ArchivedTown.Digest("junk\n");

    private readonly ArchivedTown town = new();

    public void Dispose() => town.Dispose();

    [Fact]
    public async Task What_only_the_month_needs_is_removed_and_all_else_stays_to_the_byte()
    {
        var (facts, bytes) = (await town.FactsAsync(), SegmentBytes());
        var kept = town.File("kept", town.Done(ArchivedTown.May, "checkpoint").Output);
        string[] amounts = Reads();
        var proof = town.Elsewhere("0.tlog-proof");
        town.Done(ArchivedTown.May, "prove", "0", "--out", proof);
        var shown = File.ReadAllText(proof);
        File.Delete(proof);

        var done = town.Prune();
        (done.Exit, done.Errors).ShouldBe((ExitCode.Done, ""), done.Output);
        var after = await town.FactsAsync();
        after.Take(facts.Count).Select(EventCodec.ToJson).ShouldBe(facts.Select(EventCodec.ToJson));
        var pruned = after.Skip(facts.Count).ShouldHaveSingleItem().ShouldBeOfType<MonthPruned>();
        (pruned.Month, pruned.From, pruned.Retention).ShouldBe((new(2026, 3), 0L, new RetentionId("RP-7")));
        using (var evidence = Evidence())
        {
            // The afternoon, the readings and the junk; the morning is needed by April's record, and a person's is
            // erased with them.
            var readings = after.OfType<RegisterReadingRecorded>().First().Evidence!.Value;
            EvidenceManifest.Listed(pruned.Evidence!.Value, evidence.Get(pruned.Evidence.Value)!)
                .ShouldBe([Afternoon, Junk, readings], ignoreOrder: true);
            foreach (var piece in (EvidenceDigest[])[Afternoon, Junk, readings])
                Should.Throw<EvidencePrunedException>(() => evidence.Get(piece)).Position.ShouldBe(facts.Count);
            evidence.Get(Morning).ShouldBe(Encoding.UTF8.GetBytes(ArchivedTown.Curve(0, 72)));
            evidence.Kept.Count(digest => evidence.SubjectsOf(digest).Count > 0).ShouldBe(1);
        }
        // Each piece leaves a mark as long as its framing was; the fact brings a manifest of three lines.
        var manifest = "ledger-evidence-manifest/1\n".Length + 3 * 65 + 64;
        SegmentBytes().ShouldBe(bytes - ArchivedTown.Curve(73, 144).Length - "junk\n".Length - ReadingsLength + manifest);
        Reads().ShouldBe(amounts);
        town.Done(ArchivedTown.May, "prove", "0", "--out", proof);
        File.ReadAllText(proof).ShouldBe(shown);
        town.Done(ArchivedTown.May, "replay", "--diff");
        town.Done(ArchivedTown.May, "verify", "--since", kept);
        var again = town.Prune("2026-03", "/nowhere");
        (again.Exit, again.Output.Contains("already pruned", StringComparison.Ordinal)).ShouldBe((ExitCode.Done, true));
        (await town.FactsAsync()).Count.ShouldBe(after.Count);
    }

    [Fact]
    public void What_is_missing_is_said_and_with_the_archive_nothing_is()
    {
        var before = Steps(town.Done(ArchivedTown.May, "verify").Output);
        town.Prune().Exit.ShouldBe(ExitCode.Done);
        var alone = town.Done(ArchivedTown.May, "verify");
        Snapshot.Match(alone.Output.Replace(town.Data, "DIR"), "PruningTests.verified");
        var lines = alone.Output.TrimEnd().Split('\n');
        lines.ShouldContain("NOT CHECKED: 3 pieces of evidence pruned with 2026-03 (retention RP-7): give its archive "
            + "with --archive DIR");
        lines.Count(line => line.StartsWith("PRUNED: 3 pieces of evidence with 2026-03, by the fact at position ",
            StringComparison.Ordinal)).ShouldBe(1);
        lines[^1].ShouldStartWith("VERIFIED ");
        var whole = town.Done(ArchivedTown.May, "verify", "--archive", town.March);
        whole.Output.ShouldNotContain("retention");
        whole.Output.ShouldNotContain("was pruned");
        whole.Output.ShouldNotContain(" pruned with ");
        // As many records, samples and readings are derived again as before.
        foreach (var step in (string[])["interval-records", "readings", "statements", "line-values"])
            Steps(whole.Output)[step].ShouldBe(before[step], step);
        Steps(whole.Output)["pruned-evidence"].ShouldBe("3");
        Steps(alone.Output)["interval-records"].ShouldNotBe(before["interval-records"]);
        town.Run(ArchivedTown.May, "verify", "--archive", town.Data).Exit.ShouldBe(ExitCode.CouldNot);
        town.Run(ArchivedTown.May, "verify", town.March, "--archive", town.March).Exit.ShouldBe(ExitCode.Usage);
        town.Run(ArchivedTown.May, "verify", town.March).Exit.ShouldBe(ExitCode.Done);
    }

    [Fact]
    public void Whoever_needs_pruned_evidence_is_told_which_archive_has_it()
    {
        town.Prune().Exit.ShouldBe(ExitCode.Done);
        var show = town.Run(ArchivedTown.May, "show", "evidence", Afternoon.Hex);
        show.Exit.ShouldBe(ExitCode.CouldNot);
        show.Errors.ShouldStartWith($"ledger show: evidence {Afternoon} is not here: 2026-03 was pruned into the archive "
            + "whose SHA256SUMS has the SHA-256 ");
        show.Errors.ShouldContain("(retention RP-7), recorded at 2026-05-01T00:00:00Z; give that with --archive DIR");
        var given = town.Run(ArchivedTown.May, "show", "evidence", Afternoon.Hex, "--archive", town.March);
        Encoding.UTF8.GetString(given.Raw.Span).ShouldBe(ArchivedTown.Curve(73, 144));
        string[][] readers =
        [
            ["bundle", "--statement", "R1"], ["prove", "R1#47"], ["sample", "--lines", "3", "--seed", "s"],
        ];
        foreach (var reader in readers)
        {
            var zip = town.Elsewhere($"{reader[0]}.zip");
            town.Run(ArchivedTown.May, [.. reader, "--out", zip]).Errors
                .ShouldStartWith($"ledger {reader[0]}: evidence ");
            File.Exists(zip).ShouldBeFalse(reader[0]);
            town.Done(ArchivedTown.May, [.. reader, "--out", zip, "--archive", town.March]);
            CommandRun.Of(["verify", zip]).Exit.ShouldBe(ExitCode.Done, reader[0]);
        }
        town.Run(ArchivedTown.May, "export", "month", "2026-03", town.Elsewhere("again")).Errors
            .ShouldStartWith("ledger export: 2026-03 was pruned into the archive whose SHA256SUMS has the SHA-256 ");
    }

    private const string Order = """
        {"type":"instruction","instruction":"CALL","kind":"curtail","issuedBy":"dso","issuedAt":"2026-02-27T09:00:00Z","start":"2026-02-27T10:00:00Z","end":"2026-02-27T11:00:00Z","targets":[{"point":"P1","kw":5}]}

        """;

    /// <summary>What cannot be shown is said to be where it is; all else is answered as before.</summary>
    [Fact]
    public async Task Samples_that_went_with_their_month_are_withheld_and_their_periods_named()
    {
        const string window = "start=2026-02-26T16:00:00Z&end=2026-02-27T16:00:00Z";
        town.Import(ArchivedTown.May, "order.jsonl", Order);
        town.Prune().Exit.ShouldBe(ExitCode.Done);
        await using (var ledger = OpenLedger.Open(town.Options))
        {
            var errors = new StringWriter();
            await using var server = await LedgerServer.StartAsync(
                ledger, new ServerOptions(IPAddress.Loopback, 0), errors, TestContext.Current.CancellationToken);
            using var client = new HttpClient { BaseAddress = server.Url };
            async Task<Answer> GetAsync(string path)
            {
                using var response = await client.GetAsync(path, TestContext.Current.CancellationToken);
                return await Answer.OfAsync(response);
            }

            var curve = await GetAsync($"/v1/curves?point=P1&{window}");
            curve.Status.ShouldBe(200, curve.Text);
            curve.Json.GetProperty("samples").GetArrayLength().ShouldBe(73); // the morning's, and the late one
            curve.Json.GetProperty("withheld").EnumerateArray().Select(period => period.GetProperty("why").GetString())
                .ShouldBe([.. Enumerable.Repeat("its evidence lies in a month's archive", 12)]);
            foreach (var path in new[]
            {
                "/v1/call-responses?instruction=CALL", "/v1/station-reports?station=S1&day=2026-02-27",
                "/?day=2026-02-27&response=CALL",
            })
                (await GetAsync(path)).ShouldSatisfyAllConditions(answer => answer.Status.ShouldBe(200, answer.Text),
                    answer => answer.Text.ShouldContain("its evidence lies in a month"));
            errors.ToString().ShouldBeEmpty();
        }
        string Standing(params string[] words) => JsonDocument.Parse(
            town.Done(ArchivedTown.May, ["show", "response", "CALL", "--json", .. words]).Output)
            .RootElement.GetProperty("targets")[0].GetProperty("standing").GetString()!;
        (Standing(), Standing("--archive", town.March)).ShouldBe(("unknown", "whole"));
        bool IsWithheld(params string[] words) => town.Done(ArchivedTown.May,
            ["report", "station", "S1", "--period", "2026-02-27", "--json", .. words])
            .Output.Contains("its evidence lies in a month", StringComparison.Ordinal);
        (IsWithheld(), IsWithheld("--archive", town.March)).ShouldBe((true, false));
    }

    /// <summary>Who bills a session needs its indices, and of their evidence only what is signed.</summary>
    [Fact]
    public void A_charge_record_of_a_pruned_month_is_written_and_says_what_it_lacks()
    {
        town.Import(ArchivedTown.May, "states.jsonl", """
            {"type":"charging-state","point":"P2","at":"2026-02-27T00:00:05+08:00","connected":true,"source":"ocpp"}
            {"type":"charging-state","point":"P2","at":"2026-02-27T23:59:55+08:00","connected":false,"source":"ocpp"}

            """);
        var tariff = town.File("tariff.json", """
            {"id":"T1","currency":"CNY","elements":[{"price_components":[{"type":"ENERGY","price":1,"step_size":1}]}]}
            """);
        string[] export = ["export", "cdr", "friend", "2026-02-27", "--tariff", tariff, "--signed"];
        var before = town.Done(ArchivedTown.May, export).Output;
        before.ShouldContain("\"total_energy\": 45");
        town.Prune().Exit.ShouldBe(ExitCode.Done);
        var alone = town.Run(ArchivedTown.May, export);
        (alone.Exit, alone.Output).ShouldBe((ExitCode.Done, before), alone.Errors);
        alone.Errors.ShouldStartWith(
            "ledger export: no signed value for P2 from 2026-02-26T16:00:05Z to 2026-02-27T15:59:55Z: evidence ");
        alone.Errors.ShouldContain(" was pruned, by the fact at position ");
        town.Done(ArchivedTown.May, [.. export, "--archive", town.March]).Output.ShouldBe(before);
    }

    /// <summary>The evidence of a charge record is the record, which is read and taken back later; one that an earlier
    /// program removed is said to be where it is.</summary>
    [Fact]
    public async Task A_charge_record_stays_where_its_month_is_pruned_and_one_that_went_is_said_to_be_in_the_archive()
    {
        const string record = """{"country_code":"CN","party_id":"ABC","id":"X1","start_date_time":"2026-02-27T00:00:05Z","end_date_time":"2026-02-27T10:00:00Z","cdr_token":{"uid":"#NA","contract_id":"#NA"},"cdr_location":{"evse_id":"P2"},"currency":"CNY","charging_periods":[],"total_cost":{"excl_vat":5},"total_energy":10}""";
        town.Import(ArchivedTown.May, "record.json", record);
        town.Done(ArchivedTown.May, "checkpoint");
        var (june, may) = (NodaTime.Instant.FromUtc(2026, 6, 1, 0, 0), town.Elsewhere("2026-05"));
        town.Done(june, "export", "month", "2026-05", may);
        town.Prune("2026-05", may, june).Exit.ShouldBe(ExitCode.Done);
        var facts = await town.FactsAsync();
        facts[^1].ShouldBeOfType<MonthPruned>().Evidence.ShouldBeNull();
        await using var ledger = OpenLedger.Open(town.Options);
        await using var server = await LedgerServer.StartAsync(ledger, new ServerOptions(IPAddress.Loopback, 0),
            new StringWriter(), TestContext.Current.CancellationToken);
        using var client = new HttpClient { BaseAddress = server.Url };
        async Task<Answer> GetAsync(string path)
        {
            using var response = await client.GetAsync(path, TestContext.Current.CancellationToken);
            return await Answer.OfAsync(response);
        }
        (await GetAsync("/v1/ocpi/cdrs/X1")).Status.ShouldBe(200);
        ledger.Evidence.Prune(new Dictionary<EvidenceDigest, long>
        {
            [facts.OfType<ChargeRecorded>().Single().Evidence!.Value] = facts.Count - 1,
        });
        var gone = await GetAsync("/v1/ocpi/cdrs/X1");
        (gone.Status, gone["detail"]).ShouldBe((404, "record X1 lies in a month's archive"));
    }

    /// <summary>A late sample is kept and refused, the same file again says nothing new, and another hour counts.
    /// </summary>
    [Fact]
    public async Task What_would_restate_a_pruned_period_is_refused_with_a_code_and_stays_visible()
    {
        town.Prune().Exit.ShouldBe(ExitCode.Done);
        var records = (await town.FactsAsync()).OfType<IntervalRecorded>().ToList();
        town.Import(ArchivedTown.May, "late.csv", "point,time,kw\nP1,2026-02-27T18:05:00+08:00,1\n",
            ExitCode.NotAsItShouldBe).Output.ShouldContain("EvidencePruned");
        var refused = (await town.FactsAsync())[^1].ShouldBeOfType<EvidenceRefused>();
        (refused.Code, refused.Detail).ShouldBe((Rejection.EvidencePruned, "P1: the record of 2026-02-27T10:00:00Z to "
            + "2026-02-27T11:00:00Z stays as it is, because evidence of it was pruned"));
        town.Run(ArchivedTown.May, "show", "refusals").Output.ShouldContain("EvidencePruned");
        town.Run(ArchivedTown.May, "show", "evidence", refused.Evidence.Hex).Exit.ShouldBe(ExitCode.Done);
        var facts = (await town.FactsAsync()).Count;
        town.Import(ArchivedTown.May, "afternoon.csv", ArchivedTown.Curve(73, 144));
        (await town.FactsAsync()).Count.ShouldBe(facts);
        town.Import(ArchivedTown.May, "readings.csv",
            "point,register,read_at,kwh\nP2,1.8.0,2026-02-27T12:00:00+08:00,20\n", ExitCode.NotAsItShouldBe)
            .Output.ShouldContain("EvidencePruned");
        (await town.FactsAsync())[^1].ShouldBeOfType<EvidenceRefused>().Code.ShouldBe(Rejection.EvidencePruned);
        town.Import(ArchivedTown.May, "next.csv",
            "point,register,read_at,kwh\nP2,1.8.0,2026-02-28T12:00:00+08:00,60\n");
        // The morning's evidence is there: what is late of it counts as ever.
        town.Import(ArchivedTown.May, "early.csv", "point,time,kw\nP1,2026-02-27T06:15:00+08:00,11\n");
        var after = (await town.FactsAsync()).OfType<IntervalRecorded>().ToList();
        after.Take(records.Count).Select(EventCodec.ToJson).ShouldBe(records.Select(EventCodec.ToJson));
        after.Count.ShouldBeGreaterThan(records.Count);
        town.Done(ArchivedTown.May, "verify", "--archive", town.March);
    }

    /// <summary>After a crash between the fact and the removal, the next who opens the ledger removes; before that
    /// `verify` says so.</summary>
    [Fact]
    public async Task What_a_crash_interrupted_is_finished_when_the_ledger_is_opened()
    {
        var position = (await town.FactsAsync()).Count;
        await using (var ledger = OpenLedger.Open(town.Options)) await PrunedByNobodyAsync(ledger);
        var unfinished = town.Run(ArchivedTown.May, "verify", "--json");
        unfinished.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        unfinished.Output.ShouldContain($"\"place\": \"evidence, evidence {Junk}\"");
        unfinished.Output.ShouldContain("opening the ledger removes it");
        var left = Path.Combine(town.Data, "evidence", "000000.segment.1.1");
        File.WriteAllText(left, "what a crash left of a segment");
        await using (var ledger = OpenLedger.Open(town.Options))
            ledger.Evidence.PrunedBy(Junk).ShouldBe(position);
        File.Exists(left).ShouldBeFalse();
        town.Done(ArchivedTown.May, "verify");
        var bytes = SegmentBytes();
        await using (OpenLedger.Open(town.Options)) SegmentBytes().ShouldBe(bytes); // and once is enough
    }

    /// <summary>A full disk: nothing is recorded that could not be done, and a ledger of which that was recorded before
    /// is open to all else.</summary>
    [Fact]
    public async Task A_full_disk_prunes_nothing_and_keeps_nobody_from_opening_the_ledger()
    {
        var (evidence, segment) = (Path.Combine(town.Data, "evidence"), Path.Combine(town.Data, "evidence", "000000.segment"));
        var kept = File.ReadAllBytes(segment);
        Assert.SkipUnless(Run("mount", "-t", "tmpfs", "-o", "size=64k", "ledger-test", evidence),
            "only root may mount a small disk");
        try
        {
            kept.Length.ShouldBeLessThan(32 * 1024);
            File.WriteAllBytes(segment, kept);
            var ballast = Path.Combine(evidence, "ballast");
            Fill(ballast);
            var facts = (await town.FactsAsync()).Count;
            var refused = town.Prune();
            (refused.Exit, refused.Errors[..38]).ShouldBe((ExitCode.CouldNot, "ledger prune: the disk has 0 bytes fre"));
            (await town.FactsAsync()).Count.ShouldBe(facts);
            File.Delete(ballast);
            await using (var ledger = OpenLedger.Open(town.Options))
            {
                ledger.Unpruned.ShouldBeNull();
                await PrunedByNobodyAsync(ledger);
            }
            Fill(ballast);
            await using (var ledger = OpenLedger.Open(town.Options))
            {
                ledger.Unpruned.ShouldNotBeNull();
                ledger.Evidence.PrunedBy(Junk).ShouldBeNull();
                ledger.Evidence.Get(Junk).ShouldNotBeNull();
            }
            town.Run(ArchivedTown.May, "drop", "frames", "--before", "2026-01-01T00:00:00Z", "--by", "staff-7", "--reason", "r")
                .Errors.ShouldContain("evidence that was pruned is still in ");
            File.Delete(ballast);
            await using (var ledger = OpenLedger.Open(town.Options))
                (ledger.Unpruned, ledger.Evidence.PrunedBy(Junk)).ShouldBe((null, (long)facts));
            town.Done(ArchivedTown.May, "verify");
        }
        finally
        {
            Run("umount", evidence).ShouldBeTrue();
        }
    }

    /// <summary>The month has facts and no evidence of its own.</summary>
    [Fact]
    public async Task A_full_disk_prunes_nothing_where_only_what_came_back_would_go()
    {
        town.Prune().Exit.ShouldBe(ExitCode.Done);
        var first = (await town.FactsAsync()).Count - 1;
        town.Import(ArchivedTown.May, "afternoon.csv", ArchivedTown.Curve(73, 144));
        town.Import(ArchivedTown.May, "point.jsonl", """
            {"type":"settlement-point","point":"P9","station":"S2","kind":"connector","owner":"friend","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":1000,"bidirectional":false,"validFrom":"2026-01-01T00:00:00+08:00"}
            """);
        town.Done(ArchivedTown.May, "checkpoint");
        var (june, may) = (NodaTime.Instant.FromUtc(2026, 6, 1, 0, 0), town.Elsewhere("2026-05"));
        town.Done(june, "export", "month", "2026-05", may);
        var (evidence, segment) = (Path.Combine(town.Data, "evidence"), Path.Combine(town.Data, "evidence", "000000.segment"));
        var kept = File.ReadAllBytes(segment);
        Assert.SkipUnless(Run("mount", "-t", "tmpfs", "-o", "size=64k", "ledger-test", evidence),
            "only root may mount a small disk");
        try
        {
            kept.Length.ShouldBeLessThan(32 * 1024);
            File.WriteAllBytes(segment, kept);
            var ballast = Path.Combine(evidence, "ballast");
            Fill(ballast);
            var facts = (await town.FactsAsync()).Count;
            var refused = town.Prune("2026-05", may, june);
            (refused.Exit, refused.Errors[..38]).ShouldBe((ExitCode.CouldNot, "ledger prune: the disk has 0 bytes fre"));
            (await town.FactsAsync()).Count.ShouldBe(facts);
            File.Delete(ballast);
            town.Prune("2026-05", may, june).Exit.ShouldBe(ExitCode.Done);
            (await town.FactsAsync())[^1].ShouldBeOfType<MonthPruned>().Evidence.ShouldBeNull();
            using var archive = Evidence();
            archive.PrunedBy(Afternoon).ShouldBe(first);
        }
        finally
        {
            Run("umount", evidence).ShouldBeTrue();
        }
    }

    private static void Fill(string path)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, 0);
        Should.Throw<IOException>(() =>
        {
            while (true) file.Write(new byte[4096]);
        });
    }

    private static bool Run(string program, params string[] arguments)
    {
        using var process = System.Diagnostics.Process.Start(
            new System.Diagnostics.ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }

    /// <summary>The fact that the month was pruned, as where a crash came before the removal.</summary>
    private static async Task PrunedByNobodyAsync(OpenLedger ledger)
    {
        var fact = new MonthPruned(new(2026, 3), 0, 1, 1, Junk, Junk,
            ledger.Evidence.Put(EvidenceManifest.Of([Afternoon, Junk])), new("RP-7"));
        await ledger.Recorder.AppendAsync(Streams.Pruning,
            [NewFact.At(fact, ArchivedTown.May, new EvidenceKey("interrupted"))], TestFolder.Tester,
            TestContext.Current.CancellationToken);
        await ledger.CatchUpAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Evidence_that_is_missing_without_a_fact_is_a_fault()
    {
        using (var evidence = EvidenceArchive.Open(town.Data, TestFolder.Secret))
            evidence.Prune(new Dictionary<EvidenceDigest, long> { [Junk] = 3 });
        var marked = town.Run(ArchivedTown.May, "verify", "--json");
        marked.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        marked.Output.ShouldContain($"evidence {Junk} marked as pruned by the fact at position 3");
        town.Run(ArchivedTown.May, "verify", "--archive", town.March).Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        File.Delete(Path.Combine(town.Data, "evidence", "000000.segment"));
        town.Run(ArchivedTown.May, "verify", "--json").Output.ShouldContain($"evidence {Junk} is not kept");
        (await town.FactsAsync()).OfType<MonthPruned>().ShouldBeEmpty();
    }

    [Fact]
    public void A_flipped_bit_in_the_archive_is_found()
    {
        town.Prune().Exit.ShouldBe(ExitCode.Done);
        var segment = Path.Combine(town.March, "evidence", "000000.segment");
        var bytes = File.ReadAllBytes(segment);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(segment, bytes);
        var run = town.Run(ArchivedTown.May, "verify", "--archive", town.March, "--json");
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        run.Output.ShouldContain($"{town.March}, evidence/000000.segment");
    }

    [Fact]
    public void A_backup_after_pruning_restores_to_the_same_ledger_and_the_archive_serves_it()
    {
        town.Prune().Exit.ShouldBe(ExitCode.Done);
        town.Done(ArchivedTown.May, "backup", town.Elsewhere("backup"));
        var restored = town.Elsewhere("restored");
        var may = new StandingClock(ArchivedTown.May);
        CommandRun.Of(["restore", town.Elsewhere("backup"), "--data", restored], clock: may).Exit
            .ShouldBe(ExitCode.Done);
        CommandRun.Of(["verify", "--data", restored], clock: may).Output
            .ShouldContain(" pruned with 2026-03 (retention RP-7)");
        var whole = CommandRun.Of(["verify", "--data", restored, "--archive", town.March], clock: may);
        (whole.Exit, whole.Output.Contains(" pruned with ", StringComparison.Ordinal)).ShouldBe((ExitCode.Done, false));
    }

    /// <summary>Once April is pruned too, the morning is needed by nobody, and both archives together are whole.
    /// </summary>
    [Fact]
    public async Task A_piece_of_two_months_goes_with_the_later_of_them()
    {
        town.Prune().Exit.ShouldBe(ExitCode.Done);
        town.Done(ArchivedTown.May, "checkpoint");
        var april = town.Elsewhere("2026-04");
        town.Done(ArchivedTown.May, "export", "month", "2026-04", april);
        town.Prune("2026-04", april).Exit.ShouldBe(ExitCode.Done);
        var fact = (await town.FactsAsync()).OfType<MonthPruned>().Last();
        using (var evidence = Evidence())
            EvidenceManifest.Listed(fact.Evidence!.Value, evidence.Get(fact.Evidence.Value)!).ShouldBe(
                [Morning, ArchivedTown.Digest("point,time,kw\nP1,2026-02-27T06:05:00+08:00,11\n")], ignoreOrder: true);
        var half = town.Done(ArchivedTown.May, "verify", "--archive", april);
        half.Output.ShouldContain("NOT CHECKED: 3 pieces of evidence pruned with 2026-03");
        half.Output.ShouldNotContain("pruned with 2026-04 (");
        town.Done(ArchivedTown.May, "verify", "--archive", april, "--archive", town.March).Output
            .ShouldNotContain(" pruned with ");
    }

    /// <summary>Bytes that nobody can read are not kept again after they were pruned; the archive of the month in which
    /// they came again says that an earlier one has them.</summary>
    [Fact]
    public async Task What_comes_again_stays_away_and_its_month_can_be_archived_and_pruned()
    {
        town.Prune().Exit.ShouldBe(ExitCode.Done);
        var bytes = SegmentBytes();
        town.Import(ArchivedTown.May, "junk.txt", "junk\n", ExitCode.NotAsItShouldBe);
        SegmentBytes().ShouldBe(bytes);
        (await town.FactsAsync())[^1].ShouldBeOfType<EvidenceRefused>().Evidence.ShouldBe(Junk);
        town.Done(ArchivedTown.May, "checkpoint");
        var (june, may) = (NodaTime.Instant.FromUtc(2026, 6, 1, 0, 0), town.Elsewhere("2026-05"));
        town.Done(june, "export", "month", "2026-05", may);
        town.Done(june, "verify", may).Output.ShouldContain("NOT CHECKED: 1 pieces of evidence that were pruned before "
            + "and came again: they are in the archive of an earlier month");
        town.Prune("2026-05", may, june).Exit.ShouldBe(ExitCode.Done);
        (await town.FactsAsync())[^1].ShouldBeOfType<MonthPruned>().Evidence.ShouldBeNull();
        town.Done(june, "verify", "--archive", town.March).Output.ShouldNotContain(" pruned with ");
    }

    private static readonly int ReadingsLength = ("point,register,read_at,kwh\nP2,1.8.0,2026-02-27T00:00:00+08:00,5\n"
        + "P2,1.8.0,2026-02-28T00:00:00+08:00,50\n").Length;

    private EvidenceArchive Evidence() => EvidenceArchive.OpenForReading(town.Data, TestFolder.Secret);

    private long SegmentBytes() => Directory.GetFiles(Path.Combine(town.Data, "evidence")).Sum(path =>
        new FileInfo(path).Length);

    /// <summary>What the views and the statements say, without how much of the journal they know.</summary>
    private string[] Reads() =>
    [
        .. new[] { "statement R1 --lines", "statement R2 --lines", "export", "refusals" }.Select(what => string.Join('\n',
            town.Done(ArchivedTown.May, ["show", .. what.Split(' ')]).Output.Split('\n').Skip(1))),
    ];

    /// <summary>What the last line counts, by name.</summary>
    private static Dictionary<string, string> Steps(string output) => output.TrimEnd().Split('\n')[^1].Split(' ')
        .Where(part => part.Contains('=', StringComparison.Ordinal)).ToDictionary(part => part.Split('=')[0],
            part => part.Split('=')[1]);
}
