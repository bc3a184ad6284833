using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A dispute shows what was handed in before. One of which that was not asked yet stops nothing: neither the
/// ledger, nor its verification, nor its backup, nor its months.</summary>
public sealed class DisputeEvidenceTests
{
    private const string Proof = "a photograph of the meter\n";
    private static readonly string Handed = ArchivedTown.Digest(Proof).Hex, Never = new('a', 64);
    private static readonly Instant June = Instant.FromUtc(2026, 6, 1, 0, 0);

    private static string Dispute(string evidence) =>
        $$"""{"type":"dispute","dispute":"D9","run":"R1","account":"cpo","day":"2026-02-27","openedBy":"cpo","amount":"1","reason":"x","evidence":["{{evidence}}"]}""";

    private static string Answer(string evidence) =>
        $$"""{"type":"dispute-answer","dispute":"D9","answeredBy":"dso","answer":"see there","evidence":["{{evidence}}"]}""";

    [Fact]
    public void What_a_party_shows_was_handed_in_before()
    {
        using var town = new ArchivedTown();
        Refused(Dispute(Never));
        town.Import(ArchivedTown.May, "proof.txt", Proof, ExitCode.NotAsItShouldBe);
        town.Done(ArchivedTown.May, "import", town.File("dispute.jsonl", Dispute(Handed)), "--dry-run");
        town.Import(ArchivedTown.May, "dispute.jsonl", Dispute(Handed));
        Refused(Answer(Never));
        town.Import(ArchivedTown.May, "answer.jsonl", Answer(Handed));
        JsonNode.Parse(town.Done(ArchivedTown.May, "show", "disputes", "--json").Output)!["disputes"]!.AsArray()
            .ShouldHaveSingleItem()!["answers"]!.AsArray().ShouldHaveSingleItem()!.ToString().ShouldBe("dso: see there");
        town.Done(ArchivedTown.May, "verify").Output.ShouldNotContain("that disputes show");

        void Refused(string text)
        {
            foreach (var how in (string[][])[["--dry-run"], []])
            {
                var run = town.Run(ArchivedTown.May, ["import", town.File("refused.jsonl", text), .. how]);
                run.Exit.ShouldBe(ExitCode.NotAsItShouldBe, run.Output);
                (run.Output + run.Errors).ShouldContain("UnknownEvidence");
            }
        }
    }

    /// <summary>A curve is not judged in a dry run, and it is handed in all the same.</summary>
    [Fact]
    public void What_is_shown_of_the_same_files_a_dry_run_knows()
    {
        using var town = new ArchivedTown();
        const string curve = "point,time,kw\nP1,2026-02-28T10:00:00+08:00,10\nP1,2026-02-28T10:10:00+08:00,10\n";
        string[] files = [town.File("curve.csv", curve), town.File("dispute.jsonl", Dispute(ArchivedTown.Digest(curve).Hex))];
        var dry = town.Run(ArchivedTown.May, ["import", .. files, "--dry-run"]);
        dry.Exit.ShouldBe(ExitCode.NotAsItShouldBe, dry.Errors);
        dry.Output.ShouldContain("a dry run does not judge power curves");
        (dry.Output + dry.Errors).ShouldNotContain("UnknownEvidence");
        town.Done(ArchivedTown.May, ["import", .. files]);
    }

    /// <summary>Of a manifest that another fact names, as what a party shows or as a text that nobody can read, the
    /// records that rest on it need more than that fact's month.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_manifest_stays_for_the_records_that_rest_on_it(bool isSent)
    {
        using var town = new ArchivedTown();
        var manifest = (await town.FactsAsync()).OfType<IntervalRecorded>().Last().Evidence; // of the late sample
        TextOf(manifest).ShouldStartWith("ledger-evidence-manifest/");
        if (isSent) town.Import(ArchivedTown.May, "sent.txt", TextOf(manifest), ExitCode.NotAsItShouldBe);
        else town.Import(ArchivedTown.May, "dispute.jsonl", Dispute(manifest.Hex));
        town.Done(ArchivedTown.May, "checkpoint");
        town.Done(June, "export", "month", "2026-05", town.Elsewhere("2026-05"));
        town.Prune("2026-05", town.Elsewhere("2026-05"), June).Exit.ShouldBe(ExitCode.Done);
        TextOf(manifest).ShouldContain(ArchivedTown.Digest(ArchivedTown.Curve(0, 72)).Hex);
        town.Done(June, "export", "month", "2026-04", town.Elsewhere("2026-04"));
        town.Prune(at: June).Exit.ShouldBe(ExitCode.Done);
        TextOf(ArchivedTown.Digest(ArchivedTown.Curve(0, 72))).ShouldBe(ArchivedTown.Curve(0, 72), "April's record rests on it");

        string TextOf(EvidenceDigest digest)
        {
            using var evidence = EvidenceArchive.OpenForReading(town.Data, TestFolder.Secret);
            return System.Text.Encoding.UTF8.GetString(evidence.Get(digest)!);
        }
    }

    [Fact]
    public async Task A_ledger_that_has_one_from_before_goes_on()
    {
        using var town = new ArchivedTown();
        await using (var ledger = OpenLedger.Open(town.Options))
        {
            var dispute = new DisputeOpened(new("D9"), new("R1"), new("cpo"), new(2026, 2, 27), new("cpo"), [], 1m, "x",
                [new(Never)]);
            (await ledger.Recorder.AppendAsync(Streams.Dispute(dispute.Dispute),
                [NewFact.At(dispute, ArchivedTown.May, new EvidenceKey("before"))], TestFolder.Tester,
                TestContext.Current.CancellationToken)).ShouldBeOfType<RecordOutcome.Recorded>();
        }
        await using (OpenLedger.Open(town.Options)) { }
        const string left = "NOT CHECKED: 1 pieces of evidence that disputes show: nobody handed them in";
        town.Done(ArchivedTown.May, "verify").Output.ShouldContain(left);
        town.Done(ArchivedTown.May, "backup", town.Elsewhere("backup"));
        town.Done(ArchivedTown.May, "checkpoint");
        var may = town.Elsewhere("2026-05");
        town.Done(June, "export", "month", "2026-05", may);
        town.Done(June, "verify", may).Output.ShouldContain(left);
        town.Prune("2026-05", may, June).Exit.ShouldBe(ExitCode.Done);
    }

    /// <summary>Nobody signs the evidence of an archive: what is missing of it is found by the facts that name it.
    /// </summary>
    [Fact]
    public void An_archive_from_which_it_was_taken_is_not_verified()
    {
        using var town = new ArchivedTown();
        town.Import(ArchivedTown.May, "dispute.jsonl", Dispute(ArchivedTown.Digest("junk\n").Hex));
        town.Done(ArchivedTown.May, "checkpoint");
        var may = town.Elsewhere("2026-05");
        town.Done(June, "export", "month", "2026-05", may);
        town.Done(June, "verify", may).Output.ShouldContain(" evidence=1 ");
        File.Delete(Path.Combine(may, "evidence", "000000.segment"));
        File.WriteAllText(Path.Combine(may, "SHA256SUMS"), string.Concat(
            Directory.GetFiles(may, "*", SearchOption.AllDirectories).Where(path => Path.GetFileName(path) != "SHA256SUMS")
                .Select(path => $"{Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)))}  "
                    + $"{Path.GetRelativePath(may, path).Replace('\\', '/')}\n")));
        var run = town.Run(June, "verify", may);
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe, run.Output);
        run.Output.ShouldContain("is not in the archive");
    }
}
