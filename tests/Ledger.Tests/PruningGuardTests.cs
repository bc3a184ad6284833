using System.Diagnostics;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Proof;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Whatever stands against pruning is named with its code, and nothing is removed.</summary>
public sealed class PruningGuardTests
{
    [Fact]
    public void A_case_that_holds_whoever_is_named_in_the_month_holds_all_of_it()
    {
        using var town = new ArchivedTown();
        town.Done(ArchivedTown.May, "hold", ArchivedTown.Person, "--case", "2026-17");
        Refused(town, town.Prune(), "LegalHold (802): held by case 2026-17");
        town.Done(ArchivedTown.May, "hold", ArchivedTown.Person, "--case", "2026-17", "--release");
        town.Done(ArchivedTown.May, "hold", "somebody else", "--case", "2026-18");
        town.Prune().Exit.ShouldBe(ExitCode.Done);
    }

    /// <summary>The charge record itself always stays; what surrounds it is held because of whom it names.</summary>
    [Fact]
    public void A_case_that_holds_whom_a_charge_record_of_the_month_names_holds_all_of_it()
    {
        using var town = new ArchivedTown();
        const string who = "DE-ABC-C00000001", record = """{"country_code":"CN","party_id":"ABC","id":"X1","start_date_time":"2026-02-27T00:00:05Z","end_date_time":"2026-02-27T10:00:00Z","cdr_token":{"uid":"CARD1","contract_id":"DE-ABC-C00000001"},"cdr_location":{"evse_id":"P2"},"currency":"CNY","charging_periods":[],"total_cost":{"excl_vat":5},"total_energy":10}""";
        town.Import(ArchivedTown.May, "record.json", record);
        town.Import(ArchivedTown.May, "more.txt", "more junk\n", ExitCode.NotAsItShouldBe);
        town.Done(ArchivedTown.May, "hold", who, "--case", "2026-19");
        town.Done(ArchivedTown.May, "checkpoint");
        var (june, may) = (Instant.FromUtc(2026, 6, 1, 0, 0), town.Elsewhere("2026-05"));
        town.Done(june, "export", "month", "2026-05", may);
        Refused(town, town.Prune("2026-05", may, june), "LegalHold (802): held by case 2026-19");
        town.Done(june, "hold", who, "--case", "2026-19", "--release");
        town.Prune("2026-05", may, june).Exit.ShouldBe(ExitCode.Done);
        using var evidence = EvidenceArchive.OpenForReading(town.Data, TestFolder.Secret);
        evidence.PrunedBy(ArchivedTown.Digest("more junk\n")).ShouldNotBeNull();
    }

    [Fact]
    public void A_month_that_is_not_over_is_not_pruned()
    {
        using var town = new ArchivedTown();
        Refused(town, town.Prune("2026-05"), "MonthNotEnded (901): 2026-05 has not ended (UTC)");
    }

    [Fact]
    public void An_archive_that_is_missing_damaged_or_signed_by_another_is_none()
    {
        using var town = new ArchivedTown();
        Refused(town, town.Prune(archive: town.Elsewhere("none")),
            $"ArchiveNotVerified (902): no verified archive: {town.Elsewhere("none")} is no month's archive");
        var keys = Path.Combine(town.March, "keys");
        var own = File.ReadAllBytes(keys);
        File.WriteAllText(keys, new SignerKey("town", new byte[32]).Verifier + "\n");
        Refused(town, town.Prune(), "ArchiveNotVerified (902): no verified archive: keys: ");
        File.WriteAllBytes(keys, own);
        town.Prune().Exit.ShouldBe(ExitCode.Done);
    }

    [Fact]
    public void The_archive_of_another_month_or_ledger_does_not_match()
    {
        using var town = new ArchivedTown();
        Refused(town, town.Prune("2026-04"), "ArchiveDoesNotMatch (903): the archive is of 2026-03");
    }

    [Fact]
    public void A_metered_fact_that_no_final_run_has_read_is_named()
    {
        using var town = new ArchivedTown(settles: false);
        Refused(town, town.Prune(), "NotSettled (904): no final run of cpo for 2026-02-27 has read the fact at position ");
        town.Done(ArchivedTown.May, "settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R1", "--kind",
            "interim");
        Refused(town, town.Prune(), "NotSettled (904): ");
        town.Done(ArchivedTown.May, "settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R2", "--kind",
            "final");
        town.Prune().Exit.ShouldBe(ExitCode.Done);
    }

    /// <summary>Whose a point was when something was metered decides, and not whose it came to be.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_point_that_was_sold_since_is_settled_with_whose_it_was(bool settles)
    {
        using var town = new ArchivedTown(settles);
        const string sold = """
            {"type":"settlement-point","point":"P1","station":"S1","kind":"connector","owner":"buyer","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-05-01T00:00:00+08:00"}

            """, priced = """
            {"type":"tariff-assignment","account":"buyer","tariff":"flat","validFrom":"2026-05-01T00:00:00+08:00"}

            """;
        town.Import(ArchivedTown.May, "sold.jsonl", sold + (settles ? priced : ""));
        if (settles) town.Prune().Exit.ShouldBe(ExitCode.Done);
        else Refused(town, town.Prune(), "NotSettled (904): no final run of cpo for 2026-02-27 has read the fact at ");
    }

    /// <summary>A run that reads only what came before a fact has not settled it.</summary>
    [Fact]
    public void A_final_run_of_earlier_facts_does_not_settle_what_came_after_it()
    {
        using var town = new ArchivedTown(settles: false);
        town.Done(ArchivedTown.May, "settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R1", "--kind",
            "final");
        town.Done(ArchivedTown.May, "checkpoint");
        var april = town.Elsewhere("2026-04");
        town.Done(ArchivedTown.May, "export", "month", "2026-04", april);
        town.Prune("2026-04", april).Exit.ShouldBe(ExitCode.Done);
        town.Import(ArchivedTown.May, "later.csv", "point,time,kw\nP1,2026-02-27T18:05:00+08:00,11\n");
        town.Done(ArchivedTown.May, "checkpoint");
        var (june, may) = (Instant.FromUtc(2026, 6, 1, 0, 0), town.Elsewhere("2026-05"));
        town.Done(june, "export", "month", "2026-05", may);
        var open = town.Prune("2026-05", may, june);
        (open.Exit, open.Errors[..31]).ShouldBe((ExitCode.NotAsItShouldBe, "ledger prune: NotSettled (904):"));
    }

    [Fact]
    public async Task Another_owner_of_the_folder_stands_against_it_and_a_reader_beside_stays_right()
    {
        using var town = new ArchivedTown();
        await using (OpenLedger.Open(town.Options))
        {
            var run = town.Prune();
            run.Exit.ShouldBe(ExitCode.CouldNot);
            run.Errors.ShouldContain("is owned by process");
        }
        var digest = ArchivedTown.Digest("junk\n");
        using var reader = EvidenceArchive.OpenForReading(town.Data, TestFolder.Secret);
        town.Prune().Exit.ShouldBe(ExitCode.Done);
        reader.Get(digest).ShouldBe("junk\n"u8.ToArray()); // as of when it was opened
        using var later = EvidenceArchive.OpenForReading(town.Data, TestFolder.Secret);
        Should.Throw<EvidencePrunedException>(() => later.Get(digest));
    }

    /// <summary>What an archive was read from may be memory alone: nothing is pruned on its word before the disk has
    /// it.</summary>
    [Fact]
    public async Task An_archive_that_the_disk_does_not_take_is_no_reason_to_prune()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/strace"), "strace lets system calls fail, and is not installed");
        using var town = new ArchivedTown();
        var start = new ProcessStartInfo("strace") { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var argument in (string[])["-f", "--seccomp-bpf", "-qqq", "-o", "/dev/null", "-P", Path.Combine(town.March, "keys"),
            "-e", "trace=fsync", "-e", "inject=fsync:error=EIO", "dotnet", Path.Combine(AppContext.BaseDirectory,
            "ledger.dll"), "prune", "2026-03", "--archive", town.March, "--retention", "RP-7", "--data", town.Data])
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var said = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var errors = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        process.ExitCode.ShouldBe(ExitCode.CouldNot, await said);
        errors.ShouldContain("fsync " + Path.Combine(town.March, "keys"));
        Refused(town, town.Prune(archive: town.Elsewhere("none")), "ArchiveNotVerified (902): ");
        town.Prune().Exit.ShouldBe(ExitCode.Done);
    }

    private static void Refused(ArchivedTown town, CommandRun run, string line)
    {
        run.Errors.ShouldStartWith($"ledger prune: {line}");
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        using var evidence = EvidenceArchive.OpenForReading(town.Data, TestFolder.Secret);
        evidence.HasPruned.ShouldBeFalse();
    }
}
