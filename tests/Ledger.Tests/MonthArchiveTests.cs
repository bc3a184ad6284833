using System.Security.Cryptography;
using Ledger.Cli;
using Ledger.Journal.Proof;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// <c>ledger export month</c>: what was recorded in a month that has ended, verified without the ledger, and every
/// change to it found.
/// </summary>
public sealed class MonthArchiveTests : IDisposable
{
    private static readonly StandingClock April = new(Instant.FromUtc(2026, 4, 5, 0, 0)),
        May = new(Instant.FromUtc(2026, 5, 1, 0, 0));

    private readonly SmallTown town = SmallTown.WithItsDay(); // recorded on 1 March, the month's first instant
    private readonly TestFolder outside = new();

    public MonthArchiveTests()
    {
        town.ImportCurve().Exit.ShouldBe(ExitCode.Done);
        SigningKeyFile.ReadOrCreate(town.Data, "town", [.. Enumerable.Repeat((byte)7, 32)]);
        At(April, "import", town.File("late.csv",
            "point,register,read_at,kwh\nS01-C1,2.8.0,2026-02-27T18:00:00+08:00,60\n")).Exit.ShouldBe(ExitCode.Done);
        At(April, "checkpoint").Exit.ShouldBe(ExitCode.Done);
    }

    public void Dispose()
    {
        town.Dispose();
        outside.Dispose();
    }

    private string Archive => Path.Combine(outside.Path, "2026-03");

    [Fact]
    public void A_month_is_verified_without_its_ledger_and_its_evidence_with_the_secret()
    {
        Export("2026-03", Archive);
        var april = Path.Combine(outside.Path, "2026-04");
        Export("2026-04", april);
        var again = Path.Combine(outside.Path, "again");
        Export("2026-03", again);
        Bytes(again).ShouldBe(Bytes(Archive));
        var alone = CommandRun.Of(["verify", Archive]);
        alone.Exit.ShouldBe(ExitCode.Done, alone.Output);
        alone.Output.ShouldContain("NOT CHECKED: evidence: it is sealed; name the ledger that has the secret");
        alone.Output.TrimEnd().Split('\n')[^1].ShouldContain("VERIFIED files=");
        var full = At(May, "verify", Archive);
        full.Exit.ShouldBe(ExitCode.Done, full.Output);
        full.Output.ShouldNotContain("NOT CHECKED: evidence");
        // Both months together are the whole journal, and every position is in one of them.
        Span(Archive).ShouldBe((0, Span(april).From));
        At(May, "show", "event", $"{Span(april).From}").Output.ShouldContain("2026-04-05T00:00:00Z");
        Span(april).To.ShouldBe(Checkpoint.Parse(SignedNote.Parse(
            File.ReadAllBytes(Path.Combine(april, "log", "checkpoint"))).Text).Size);
        Snapshot.Match(full.Output.Replace(Archive, "DIR"), "MonthArchiveTests.verified");
    }

    [Fact]
    public void Every_changed_file_is_found_and_named()
    {
        Export("2026-03", Archive);
        foreach (var path in Directory.GetFiles(Archive, "*", SearchOption.AllDirectories))
        {
            var name = Path.GetRelativePath(Archive, path);
            var whole = File.ReadAllBytes(path);
            var changed = (byte[])whole.Clone();
            changed[whole.Length / 2] ^= 1;
            File.WriteAllBytes(path, changed);
            var run = CommandRun.Of(["verify", Archive, "--json"]);
            run.Exit.ShouldBe(ExitCode.NotAsItShouldBe, name);
            if (name != "SHA256SUMS") run.Output.ShouldContain(name);
            File.WriteAllBytes(path, whole);
        }
        File.WriteAllText(Path.Combine(Archive, "more"), "another file");
        CommandRun.Of(["verify", Archive]).Exit.ShouldBe(ExitCode.NotAsItShouldBe);
    }

    /// <summary>Who makes the digests fit as well is found by the log, which only the ledger's key could
    /// sign.</summary>
    [Theory]
    [InlineData("events/000000.events", "position 0")] // the first event's salt
    [InlineData("log/tile/entries/000.p/", "log/checkpoint")]
    [InlineData("log/tile/0/000.p/", "log/tile/0/000.p/")]
    [InlineData("log/checkpoint", "log/checkpoint")]
    [InlineData("evidence/000000.segment", "evidence/000000.segment, byte 0")]
    public void Digests_that_were_made_to_fit_do_not_help(string file, string place)
    {
        Export("2026-03", Archive);
        var path = Directory.GetFiles(Archive, "*", SearchOption.AllDirectories)
            .Single(each => Path.GetRelativePath(Archive, each).StartsWith(file, StringComparison.Ordinal));
        var bytes = File.ReadAllBytes(path);
        bytes[Math.Min(60, bytes.Length - 5)] ^= 1;
        if (file == "events/000000.events") bytes[20] ^= 1;
        File.WriteAllBytes(path, bytes);
        MakeSumsFit();
        var run = At(May, "verify", Archive, "--json");
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        run.Output.ShouldContain($"\"place\": \"{place}");
    }

    [Fact]
    public void A_month_from_which_the_last_event_was_cut_is_found()
    {
        Export("2026-03", Archive);
        var path = Path.Combine(Archive, "events", "000000.events");
        var bytes = File.ReadAllBytes(path);
        var (at, last) = (0, 0);
        while (at < bytes.Length)
            (last, at) = (at, at + 4 + System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(at)));
        File.WriteAllBytes(path, bytes[..last]);
        MakeSumsFit();
        var run = CommandRun.Of(["verify", Archive]);
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        run.Output.ShouldContain("no event");
    }

    [Fact]
    public void A_kept_checkpoint_and_another_key_speak_against_an_archive()
    {
        Export("2026-03", Archive);
        var kept = town.File("kept", At(May, "checkpoint").Output);
        CommandRun.Of(["verify", Archive, "--since", kept]).Exit.ShouldBe(ExitCode.Done);
        var another = town.File("keys", new SignerKey("town", new byte[32]).Verifier + "\n");
        CommandRun.Of(["verify", Archive, "--keys", another]).Exit.ShouldBe(ExitCode.NotAsItShouldBe);
    }

    [Fact]
    public void A_policy_whose_log_signed_the_archive_is_kept_to()
    {
        Export("2026-03", Archive);
        var key = At(May, "checkpoint", "--key").Output.TrimEnd();
        var kept = CommandRun.Of(["verify", Archive, "--policy", town.File("kept", $"log {key}\nquorum none\n")]);
        kept.Exit.ShouldBe(ExitCode.Done, kept.Output);
        kept.Output.ShouldContain($" key={string.Join('+', key.Split('+')[..2])} witnesses=0");
        var another = town.File("another", $"log {new SignerKey("town", new byte[32]).Verifier}\nquorum none\n");
        CommandRun.Of(["verify", Archive, "--policy", another]).Exit.ShouldBe(ExitCode.NotAsItShouldBe);
    }

    [Fact]
    public void What_is_no_month_that_has_ended_is_named()
    {
        At(April, "export", "month", "2026-04", Archive).ShouldBeFailure("ledger export: 2026-04 has not ended (UTC)");
        At(May, "export", "month", "2026-02", Archive)
            .ShouldBeFailure("ledger export: nothing was recorded in 2026-02 (UTC)");
        var wrong = At(May, "export", "month", "March", Archive);
        (wrong.Exit, wrong.Errors.Split('\n')[0])
            .ShouldBe((ExitCode.Usage, "ledger export: the month is like 2026-06, not 'March'"));
        At(May, "import", town.File("later.csv",
            "point,register,read_at,kwh\nS01-C1,2.8.0,2026-02-27T19:00:00+08:00,60\n")).Exit.ShouldBe(ExitCode.Done);
        var june = new StandingClock(Instant.FromUtc(2026, 6, 1, 0, 0));
        var uncovered = At(june, "export", "month", "2026-05", Archive);
        uncovered.Exit.ShouldBe(ExitCode.CouldNot);
        uncovered.Errors.ShouldContain("make one with: ledger checkpoint");
        Directory.GetFileSystemEntries(outside.Path).ShouldBeEmpty();
    }

    /// <summary>Years later the key is another one: who keeps the first follows the notes to it, as in the folder.
    /// </summary>
    [Fact]
    public void Who_trusts_an_earlier_key_trusts_an_archive_that_a_later_one_signed()
    {
        var first = town.File("first", At(May, "checkpoint", "--key").Output);
        Export("2026-03", Archive);
        Directory.Exists(Path.Combine(Archive, "handovers")).ShouldBeFalse();
        for (var i = 0; i < 2; i++) At(May, "checkpoint", "--new-key").Exit.ShouldBe(ExitCode.Done);
        At(May, "checkpoint").Exit.ShouldBe(ExitCode.Done);
        var later = Path.Combine(outside.Path, "later");
        Export("2026-03", later);
        var run = CommandRun.Of(["verify", later, "--keys", first]);
        run.Exit.ShouldBe(ExitCode.Done, run.Output);
        CommandRun.Of(["verify", Archive, "--keys", first]).Exit.ShouldBe(ExitCode.Done);
        Directory.Delete(Path.Combine(later, "handovers"), recursive: true);
        MakeSumsFit(later);
        CommandRun.Of(["verify", later]).Exit.ShouldBe(ExitCode.Done); // as one that was written before there were notes
        CommandRun.Of(["verify", later, "--keys", first]).Exit.ShouldBe(ExitCode.NotAsItShouldBe);
    }

    /// <summary>A copy knows a month only as far as it was when it was made.</summary>
    [Fact]
    public void A_month_is_not_exported_from_a_copy_that_is_older_than_its_end()
    {
        var (backup, restored) = (Path.Combine(outside.Path, "backup"), Path.Combine(outside.Path, "restored"));
        At(April, "backup", backup).Exit.ShouldBe(ExitCode.Done);
        CommandRun.Of(["restore", backup, "--data", restored], clock: May).Exit.ShouldBe(ExitCode.Done);
        CommandRun.Of(["export", "month", "2026-04", Archive, "--data", restored], clock: May).ShouldBeFailure(
            $"ledger export: {restored} is a copy of 2026-04-05T00:00:00Z, before 2026-04 had ended (UTC): export it from "
            + "the ledger, or from a later copy");
        CommandRun.Of(["export", "month", "2026-03", Archive, "--data", restored], clock: May).Exit.ShouldBe(ExitCode.Done);
        const string open = "NOT CHECKED: whether the month goes on: no event after it is in the log";
        CommandRun.Of(["verify", Archive]).Output.ShouldNotContain(open);
        var april = Path.Combine(outside.Path, "2026-04");
        Export("2026-04", april);
        CommandRun.Of(["verify", april]).Output.ShouldContain(open);
    }

    /// <summary>Whoever has no key can write a head that holds: what it says is a fault, and ends no program.</summary>
    [Fact]
    public void A_forged_length_is_a_fault()
    {
        Export("2026-03", Archive);
        var path = Path.Combine(Archive, "evidence", "000000.segment");
        var bytes = File.ReadAllBytes(path);
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4), int.MaxValue);
        SHA256.HashData(bytes.AsSpan(0, 40)).AsSpan(0, 8).CopyTo(bytes.AsSpan(40));
        File.WriteAllBytes(path, bytes);
        MakeSumsFit();
        var run = At(May, "verify", Archive, "--json");
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe, run.Errors);
        run.Output.ShouldContain("000000.segment is damaged at byte 0");
    }

    private void Export(string month, string directory)
    {
        var run = At(May, "export", "month", month, directory);
        (run.Exit, run.Errors).ShouldBe((ExitCode.Done, ""), run.Output);
    }

    private CommandRun At(StandingClock clock, params string[] args) =>
        CommandRun.Of([.. args, "--data", town.Data], clock: clock);

    private static (long From, long To) Span(string archive)
    {
        var json = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(Path.Combine(archive, "archive.json")))!;
        return ((long)json["from"]!, (long)json["to"]!);
    }

    private void MakeSumsFit() => MakeSumsFit(Archive);

    private static void MakeSumsFit(string archive) => File.WriteAllText(Path.Combine(archive, "SHA256SUMS"),
        string.Concat(Bytes(archive).Where(file => file.Key != "SHA256SUMS")
            .OrderBy(file => file.Key, StringComparer.Ordinal).Select(file => $"{file.Value}  {file.Key}\n")));

    private static Dictionary<string, string> Bytes(string folder) =>
        Directory.GetFiles(folder, "*", SearchOption.AllDirectories).ToDictionary(
            path => Path.GetRelativePath(folder, path).Replace('\\', '/'),
            path => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path))));
}
