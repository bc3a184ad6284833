using System.Globalization;
using System.Text.RegularExpressions;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// What was pruned and is handed in again: where facts come of it they rest on it, in the ledger and in the archive of
/// their own month; where nothing new comes of it, it goes again.
/// </summary>
public sealed class CameBackTests : IDisposable
{
    private static readonly Instant June = Instant.FromUtc(2026, 6, 1, 0, 0), July = Instant.FromUtc(2026, 7, 1, 0, 0);

    private const string Curve = "point,time,kw\nP9,2026-04-10T10:00:00+08:00,10\nP9,2026-04-10T10:10:00+08:00,10\n"
        + "P9,2026-04-10T10:20:00+08:00,10\n", Point = """
        {"type":"settlement-point","point":"P9","station":"S2","kind":"connector","owner":"friend","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":1000,"bidirectional":false,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"register","point":"P9","direction":"import","meterSerial":"M9","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}
        """, Readings = "point,register,read_at,kwh\nP2,1.8.0,2026-04-10T00:00:00+08:00,60\nP9,1.8.0,2026-04-10T00:00:00+08:00,5\n"
        + "P9,1.8.0,2026-04-11T00:00:00+08:00,50\n";

    private readonly ArchivedTown town = new();

    public void Dispose() => town.Dispose();

    [Fact]
    public async Task What_comes_to_count_is_kept_and_goes_with_the_month_in_which_it_did()
    {
        var pieces = new[] { ArchivedTown.Digest(Curve), ArchivedTown.Digest(Readings) };
        foreach (var content in (string[])[Curve, Readings])
            town.Import(ArchivedTown.May, "early.csv", content, ExitCode.NotAsItShouldBe);
        var may = Archived("2026-05", ArchivedTown.May, June);
        town.Prune("2026-05", may, June).Exit.ShouldBe(ExitCode.Done);
        var first = (await town.FactsAsync()).Count - 1;
        pieces.Select(PrunedBy).ShouldBe([first, first]);

        town.Import(June, "point.jsonl", Point);
        foreach (var content in (string[])[Curve, Readings]) town.Import(June, "early.csv", content);
        pieces.Select(PrunedBy).ShouldBe([null, null]);
        // What is late of it counts, because all of its evidence can be looked at.
        town.Import(June, "late.csv", "point,time,kw\nP9,2026-04-10T10:05:00+08:00,40\n");
        town.Import(June, "late.csv", "point,register,read_at,kwh\nP9,1.8.0,2026-04-10T12:00:00+08:00,20\n");
        foreach (var piece in pieces) town.Done(June, "show", "evidence", piece.Hex);
        var verified = town.Done(June, "verify").Output;
        // Two of them are here again; of what else was refused then nobody made facts since.
        var pruned = int.Parse(Regex.Match(verified, @"PRUNED: (\d+) pieces of evidence with 2026-05").Groups[1].Value,
            CultureInfo.InvariantCulture);
        verified.ShouldContain($"NOT CHECKED: {pruned - 2} pieces of evidence pruned with 2026-05 (");

        var june = Archived("2026-06", June, July);
        town.Done(July, "verify", june).Output.ShouldNotContain("came again");
        town.Prune("2026-06", june, July).Exit.ShouldBe(ExitCode.Done);
        var facts = await town.FactsAsync();
        facts[^1].ShouldBeOfType<MonthPruned>();
        pieces.Select(PrunedBy).ShouldBe([facts.Count - 1, facts.Count - 1]);
        town.Done(July, "verify").Output.ShouldContain("pruned with 2026-06 (");
        town.Done(July, "verify", "--archive", june, "--archive", may).Output.ShouldNotContain(" pruned with ");
        // Each archive has all that its month rests on, also by what is known now.
        foreach (var archive in (string[])[may, june])
            town.Done(July, "verify", archive).Output.ShouldNotContain("came again");
    }

    /// <summary>A later pruning writes the segment anew in which it lies, for a month that has nothing to do with
    /// it.</summary>
    [Fact]
    public async Task What_facts_rest_on_stays_when_another_month_is_pruned()
    {
        const string samples = "point,time,kw\nP1,2026-02-27T06:05:00+08:00,11\n";
        town.Import(ArchivedTown.May, "early.csv", Curve, ExitCode.NotAsItShouldBe);
        var may = Archived("2026-05", ArchivedTown.May, June);
        town.Prune("2026-05", may, June).Exit.ShouldBe(ExitCode.Done);
        PrunedBy(ArchivedTown.Digest(Curve)).ShouldNotBeNull();
        town.Import(June, "point.jsonl", Point);
        town.Import(June, "early.csv", Curve);

        var april = Archived("2026-04", June, June);
        town.Prune("2026-04", april, June).Exit.ShouldBe(ExitCode.Done);
        PrunedBy(ArchivedTown.Digest(samples)).ShouldBe((await town.FactsAsync()).Count - 1);
        PrunedBy(ArchivedTown.Digest(Curve)).ShouldBeNull();
        town.Done(June, "show", "evidence", ArchivedTown.Digest(Curve).Hex);
        town.Import(June, "late.csv", "point,time,kw\nP9,2026-04-10T10:05:00+08:00,40\n");
        town.Done(June, "verify", "--archive", april, "--archive", may).Output.ShouldNotContain(" pruned with ");
    }

    /// <summary>Facts could have come of the one and of the other never.</summary>
    [Fact]
    public async Task What_is_refused_again_goes_with_that_refusal_and_what_nobody_can_read_stays_away()
    {
        const string noise = "noise\n";
        var pieces = new[] { ArchivedTown.Digest(Curve), ArchivedTown.Digest(noise) };
        ImportBoth(ArchivedTown.May);
        var may = Archived("2026-05", ArchivedTown.May, June);
        town.Prune("2026-05", may, June).Exit.ShouldBe(ExitCode.Done);
        var first = (await town.FactsAsync()).Count - 1;
        pieces.Select(PrunedBy).ShouldBe([first, first]);

        ImportBoth(June);
        pieces.Select(PrunedBy).ShouldBe([null, first]);
        var june = Archived("2026-06", June, July);
        town.Prune("2026-06", june, July).Exit.ShouldBe(ExitCode.Done);
        pieces.Select(PrunedBy).ShouldBe([(await town.FactsAsync()).Count - 1, first]);
        town.Done(July, "verify", "--archive", june, "--archive", may).Output.ShouldNotContain(" pruned with ");

        void ImportBoth(Instant at)
        {
            town.Import(at, "early.csv", Curve, ExitCode.NotAsItShouldBe);
            town.Import(at, "noise.txt", noise, ExitCode.NotAsItShouldBe);
        }
    }

    /// <summary>As where somebody imports a whole folder of files once more.</summary>
    [Fact]
    public async Task What_nothing_new_comes_of_goes_again_with_the_next_month()
    {
        var afternoon = ArchivedTown.Curve(73, 144);
        town.Prune().Exit.ShouldBe(ExitCode.Done);
        var facts = (await town.FactsAsync()).Count;
        town.Import(ArchivedTown.May, "afternoon.csv", afternoon);
        ((await town.FactsAsync()).Count, PrunedBy(ArchivedTown.Digest(afternoon))).ShouldBe((facts, null));
        town.Done(ArchivedTown.May, "verify");
        var april = Archived("2026-04", ArchivedTown.May, ArchivedTown.May);
        town.Prune("2026-04", april).Exit.ShouldBe(ExitCode.Done);
        PrunedBy(ArchivedTown.Digest(afternoon)).ShouldBe(facts - 1);
        town.Done(ArchivedTown.May, "verify", "--archive", april, "--archive", town.March).Output
            .ShouldNotContain(" pruned with ");
    }

    private string Archived(string month, Instant signed, Instant exported)
    {
        town.Done(signed, "checkpoint");
        town.Done(exported, "export", "month", month, town.Elsewhere(month));
        return town.Elsewhere(month);
    }

    private long? PrunedBy(EvidenceDigest piece)
    {
        using var evidence = EvidenceArchive.OpenForReading(town.Data, TestFolder.Secret);
        return evidence.PrunedBy(piece);
    }
}
