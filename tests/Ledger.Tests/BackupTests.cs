using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Copies;
using Ledger.Journal.Proof;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// <c>ledger backup</c> and <c>ledger restore</c>: what comes out is the ledger as of one moment, byte for byte, or
/// nothing; and a copy tells no second history.
/// </summary>
public sealed class BackupTests : IDisposable
{
    private static int Backups => Environment.GetEnvironmentVariable("LEDGER_LONG") == "1" ? 40 : 3;
    private readonly SmallTown town = SmallTown.WithItsDay();
    private readonly TestFolder outside = new();

    public BackupTests()
    {
        town.ImportCurve().Exit.ShouldBe(ExitCode.Done);
        town.Run("settle", "--account", "cpo", "--day", "2026-02-27").Exit.ShouldBe(ExitCode.Done);
        SigningKeyFile.ReadOrCreate(town.Data, "town", [.. Enumerable.Repeat((byte)7, 32)]);
        town.Run("checkpoint").Exit.ShouldBe(ExitCode.Done);
    }

    public void Dispose()
    {
        town.Dispose();
        outside.Dispose();
    }

    private string BackupPath => Path.Combine(outside.Path, "backup");
    private string Restored => Path.Combine(outside.Path, "restored");

    [Fact]
    public void A_restored_ledger_is_the_same_ledger_and_reading_it_changes_no_byte()
    {
        File.WriteAllText(Path.Combine(town.Data, "subject.keys"), "of a later version"); // copied all the same
        var written = BackUp();
        written.Output.ShouldContain("secret");
        var restored = Restore();
        (restored.Exit, restored.Errors).ShouldBe((ExitCode.Done, ""));
        Digest(Restored).ShouldBe(Digest(town.Data));
        On(Restored, "replay").Output.ShouldBe(town.Run("replay").Output);
        File.ReadAllText(Path.Combine(Restored, "subject.keys")).ShouldBe("of a later version");
        foreach (var folder in (string[])[Restored, Path.Combine(BackupPath, BackupManifest.FolderName)])
        {
            var before = Bytes(folder);
            On(folder, "verify").Output.TrimEnd().Split('\n')[^1].ShouldStartWith("VERIFIED events=");
            On(folder, "replay", "--diff").Exit.ShouldBe(ExitCode.Done);
            On(folder, "show").Output.ShouldBe(town.Run("show").Output);
            Bytes(folder).ShouldBe(before);
        }
    }

    [Fact]
    public void What_both_commands_say_to_programs_is_stable()
    {
        var backup = town.Run("backup", BackupPath, "--json");
        var restored = Restore("--json");
        (backup.Errors, restored.Errors).ShouldBe(("", ""));
        // The bytes of a database depend on the version of SQLite.
        Snapshot.Match(Regex.Replace($"{backup.Output}\n{restored.Output}".Replace(outside.Path, "DIR"),
            "\"bytes\": \"[0-9]+\"", "\"bytes\": \"N\""), "BackupTests.pages");
    }

    [Fact]
    public void Only_its_owner_can_read_a_backup_and_sha256sum_can_check_it()
    {
        BackUp();
        if (!OperatingSystem.IsWindows())
        {
            File.GetUnixFileMode(BackupPath)
                .ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            // A medium without modes loses them; the manifest has them.
            var secret = Path.Combine(BackupPath, BackupManifest.FolderName, LedgerIdentity.SecretFileName);
            File.SetUnixFileMode(secret, UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
            Restore().Exit.ShouldBe(ExitCode.Done);
            foreach (var name in (string[])[LedgerIdentity.SecretFileName, SigningKeyFile.FileName])
                File.GetUnixFileMode(Path.Combine(Restored, name))
                    .ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite, name);
        }
        var sums = File.ReadAllLines(Path.Combine(BackupPath, BackupManifest.SumsName));
        sums.ShouldAllBe(line =>
            line == $"{Hash(File.ReadAllBytes(Path.Combine(BackupPath, line.Substring(66))))}  {line.Substring(66)}");
        Directory.GetFiles(BackupPath, "*", SearchOption.AllDirectories).Length.ShouldBe(sums.Length + 1);
    }

    /// <summary>Every file, once with a changed byte, once cut short, once gone.</summary>
    [Fact]
    public void A_damaged_backup_is_not_restored_and_the_damage_is_named()
    {
        BackUp();
        foreach (var path in Directory.GetFiles(BackupPath, "*", SearchOption.AllDirectories))
        {
            var name = Path.GetRelativePath(BackupPath, path);
            var whole = File.ReadAllBytes(path);
            var changed = (byte[])whole.Clone();
            if (whole.Length > 0) changed[^1] ^= 1;
            else changed = [1];
            foreach (var (damage, content) in new (string, byte[]?)[]
                { ("changed", changed), ("cut", whole.Length == 0 ? null : whole[..^1]), ("gone", null) })
            {
                if (content is null) File.Delete(path);
                else File.WriteAllBytes(path, content);
                var run = Restore("--json");
                run.Exit.ShouldNotBe(ExitCode.Done, $"{name} {damage}");
                (run.Output + run.Errors).ShouldContain(name, Case.Sensitive, damage);
                Directory.Exists(Restored).ShouldBeFalse();
                Directory.GetDirectories(outside.Path).ShouldBe([BackupPath]);
                File.WriteAllBytes(path, whole);
            }
        }
        Restore().Exit.ShouldBe(ExitCode.Done);
    }

    [Fact]
    public void A_digest_that_was_made_to_fit_does_not_help_a_ledger_that_is_not_whole()
    {
        BackUp();
        var folder = Path.Combine(BackupPath, BackupManifest.FolderName);
        var segment = Path.Combine(folder, "evidence", "000000.segment");
        var bytes = File.ReadAllBytes(segment);
        bytes[^20] ^= 1;
        File.WriteAllBytes(segment, bytes);
        BackupManifest.Of(BackupPath, "town", LedgerCopy.Find(folder)!).Write(BackupPath);
        var run = Restore();
        (run.Exit, Directory.Exists(Restored)).ShouldBe((ExitCode.NotAsItShouldBe, false));
        run.Output.ShouldContain("evidence/000000.segment, byte ");
    }

    [Fact]
    public void A_manifest_that_leads_out_of_its_folder_is_refused()
    {
        BackUp();
        var folder = Path.Combine(BackupPath, BackupManifest.FolderName);
        var manifest = BackupManifest.Of(BackupPath, "town", LedgerCopy.Find(folder)!);
        var away = new BackupFile("../away", 1, Hash([1]), null);
        File.WriteAllBytes(Path.Combine(BackupPath, "away"), [1]);
        (manifest with { Files = [.. manifest.Files, away] }).Write(BackupPath);
        var run = Restore();
        (run.Exit, File.Exists(Path.Combine(outside.Path, "away"))).ShouldBe((ExitCode.NotAsItShouldBe, false));
        run.Output.ShouldContain("../away");
    }

    [Fact]
    public void A_damaged_ledger_gives_no_backup()
    {
        var segment = Path.Combine(town.Data, "evidence", "000000.segment");
        var bytes = File.ReadAllBytes(segment);
        bytes[60] ^= 1;
        File.WriteAllBytes(segment, bytes);
        var run = On(town.Data, "backup", BackupPath);
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        run.Output.ShouldContain("evidence/000000.segment, byte 0");
        run.Errors.ShouldContain("no backup was written");
        Directory.GetFileSystemEntries(outside.Path).ShouldBeEmpty();
    }

    [Fact]
    public void Folders_that_hold_something_are_left_alone()
    {
        BackUp();
        On(town.Data, "backup", BackupPath)
            .ShouldBeFailure($"ledger backup: {BackupPath} is not empty; name a folder that is not there yet");
        var within = Path.Combine(town.Data, "backups");
        On(town.Data, "backup", within).ShouldBeFailure(
            $"ledger backup: {within} lies in {town.Data}, of which it would become a part; name another folder");
        On(town.Data, "restore", BackupPath)
            .ShouldBeFailure($"ledger restore: {town.Data} is not empty; name a folder that is not there yet");
        Directory.CreateDirectory(Restored);
        Restore().Exit.ShouldBe(ExitCode.Done);
        var nothing = Path.Combine(outside.Path, "nothing");
        CommandRun.Of(["restore", nothing, "--data", Path.Combine(outside.Path, "other")])
            .ShouldBeFailure($"ledger restore: {nothing} is no whole backup: backup.json is missing");
    }

    /// <summary>Where a disk is mounted no other folder can take its place, which is said before anything is copied.
    /// </summary>
    [Fact]
    public void A_folder_where_a_disk_is_mounted_is_refused_before_anything_is_copied()
    {
        BackUp();
        Directory.CreateDirectory(Restored);
        Assert.SkipUnless(Run("mount", "-t", "tmpfs", "ledger-test", Restored), "only root may mount a disk");
        try
        {
            var why = $"{Restored} is where a disk is mounted, which cannot be given another folder's place; name a folder in it";
            On(Restored, "restore", BackupPath).ShouldBeFailure($"ledger restore: {why}");
            On(town.Data, "backup", Restored).ShouldBeFailure($"ledger backup: {why}");
            On(Path.Combine(Restored, "data"), "restore", BackupPath).Exit.ShouldBe(ExitCode.Done);
        }
        finally
        {
            Run("umount", Restored).ShouldBeTrue();
        }

        static bool Run(string program, params string[] arguments)
        {
            using var process = Process.Start(
                new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
    }

    [Fact]
    public void A_copy_records_and_signs_nothing_until_a_person_says_that_it_is_the_ledger()
    {
        var kept = town.File("kept", town.Run("checkpoint").Output);
        BackUp();
        Restore().Exit.ShouldBe(ExitCode.Done);
        var events = LedgerCopy.Find(Restored)!.Events;
        var refused = $"{Restored} is a copy of {events} events, which can only be read: the ledger that it was copied "
            + "from may go on. Where that one has ended for good, make this one the ledger with: ledger restore "
            + $"--take-over --by NAME --data {Restored}";
        On(Restored, "import", town.File("note.txt", "after")).ShouldBeFailure($"ledger import: {refused}");
        On(Restored, "checkpoint").ShouldBeFailure($"ledger checkpoint: {refused}");
        On(Restored, "checkpoint", "--new-key").ShouldBeFailure($"ledger checkpoint: {refused}");
        On(Restored, "serve", "--port", "0").ShouldBeFailure($"ledger serve: {refused}");
        On(Restored, "restore", "--take-over", "--by", "A. Person").Exit.ShouldBe(ExitCode.Usage);
        On(Restored, "restore", "--take-over", "--by", "A. Person", "--since", kept, "--no-checkpoint").Exit
            .ShouldBe(ExitCode.Usage);
        var taken = On(Restored, "restore", "--take-over", "--by", "A. Person", "--since", kept);
        (taken.Exit, taken.Errors).ShouldBe((ExitCode.Done, ""));
        On(Restored, "show", "event", $"{events}").Output.ShouldContain("A. Person");
        On(Restored, "import", town.File("note.txt", "after")).Exit.ShouldBe(ExitCode.NotAsItShouldBe); // and kept
        On(Restored, "checkpoint").Exit.ShouldBe(ExitCode.Done);
        On(Restored, "verify", "--since", kept).Exit.ShouldBe(ExitCode.Done);
        On(Restored, "replay", "--diff").Exit.ShouldBe(ExitCode.Done);
        On(Restored, "restore", "--take-over", "--by", "A. Person", "--no-checkpoint")
            .ShouldBeFailure($"ledger restore: {Restored} is no copy: it is the ledger already");
        On(town.Data, "restore", "--take-over", "--by", "A. Person", "--no-checkpoint")
            .ShouldBeFailure($"ledger restore: {town.Data} is no copy: it is the ledger already");
    }

    [Fact]
    public void A_decision_that_a_crash_interrupted_is_ended_and_not_taken_twice()
    {
        BackUp();
        Restore().Exit.ShouldBe(ExitCode.Done);
        var mark = Path.Combine(Restored, LedgerCopy.FileName);
        var copy = File.ReadAllBytes(mark);
        On(Restored, "restore", "--take-over", "--by", "First", "--no-checkpoint").Exit.ShouldBe(ExitCode.Done);
        var digest = Digest(Restored);
        File.WriteAllBytes(mark, copy); // as if it had stopped before the mark went
        On(Restored, "restore", "--take-over", "--by", "Second", "--no-checkpoint").Output.ShouldContain("First");
        (Digest(Restored), File.Exists(mark)).ShouldBe((digest, false));
    }

    /// <summary>What was signed after the backup is lost in it: a kept checkpoint shows it, and stops a second
    /// history.</summary>
    [Fact]
    public void A_backup_behind_a_kept_checkpoint_is_found()
    {
        BackUp();
        town.Run("import", town.File("late.csv",
            "point,register,read_at,kwh\nS01-C1,2.8.0,2026-02-27T18:00:00+08:00,60\n")).Exit.ShouldBe(ExitCode.Done);
        var kept = town.File("kept", town.Run("checkpoint").Output);
        Restore("--since", kept).Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        Directory.Exists(Restored).ShouldBeFalse();
        Restore().Exit.ShouldBe(ExitCode.Done);
        var found = On(Restored, "verify", "--since", kept);
        found.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        found.Output.ShouldContain(kept);
        var events = LedgerCopy.Find(Restored)!.Events;
        On(Restored, "restore", "--take-over", "--by", "A. Person", "--since", kept).ShouldBeFailure(
            $"ledger restore: the ledger signed {events + 1} events and this copy has {events}: look for a later copy, "
            + "because going on from here would tell a second history");
        File.Exists(Path.Combine(Restored, LedgerCopy.FileName)).ShouldBeTrue();
    }

    /// <summary>
    /// While a server takes facts with evidence, somebody signs, and the key is handed over, every backup is one
    /// moment: it holds all that was acknowledged before it began, and all of it verifies.
    /// </summary>
    [Fact]
    public async Task A_backup_beside_a_busy_owner_is_one_moment()
    {
        await using var ledger = OpenLedger.Open(town.Data, null, new StandingClock(SmallTown.Now));
        await using var server = await LedgerServer.StartAsync(ledger, new ServerOptions(IPAddress.Loopback, 0),
            TextWriter.Null, TestContext.Current.CancellationToken);
        using var enough = new CancellationTokenSource();
        var writers = Enumerable.Range(0, 3).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; !enough.IsCancellationRequested; i++)
                await ledger.Intake.TakeAsync(new Submission(RandomNumberGenerator.GetBytes(2000), $"note {writer} {i}"),
                    new(), ledger.Operator("test"), TestContext.Current.CancellationToken);
        }, TestContext.Current.CancellationToken)).ToList();
        writers.Add(Task.Run(async () =>
        {
            for (var i = 0; !enough.IsCancellationRequested; i++)
            {
                (await RunAsync(town.Data, i % 4 == 3 ? ["checkpoint", "--new-key"] : ["checkpoint"])).Errors
                    .ShouldBeEmpty();
                // Turns have no queue: who signs without a pause would leave nobody else a turn.
                await Task.Delay(100, TestContext.Current.CancellationToken);
            }
        }, TestContext.Current.CancellationToken));
        var lengths = new List<long>();
        try
        {
            for (var i = 0; i < Backups; i++)
            {
                var (path, before) = (Path.Combine(outside.Path, $"backup{i}"), ledger.Journal.Length);
                var run = await RunAsync(town.Data, "backup", path, "--json");
                (run.Exit, run.Errors).ShouldBe((ExitCode.Done, ""), run.Output);
                lengths.Add(long.Parse((string)JsonNode.Parse(run.Output)!["events"]!, CultureInfo.InvariantCulture));
                lengths[^1].ShouldBeInRange(before, ledger.Journal.Length);
            }
        }
        finally
        {
            await enough.CancelAsync();
            await Task.WhenAll(writers);
        }
        lengths.ShouldBe(lengths.Order().Distinct());
        for (var i = 0; i < Backups; i++)
        {
            var restored = await RunAsync($"{Restored}{i}", "restore", Path.Combine(outside.Path, $"backup{i}"));
            (restored.Exit, restored.Errors).ShouldBe((ExitCode.Done, ""), restored.Output);
            (await RunAsync($"{Restored}{i}", "replay", "--diff")).Exit.ShouldBe(ExitCode.Done);
        }
        var latest = town.File("latest", (await RunAsync(town.Data, "checkpoint")).Output);
        (await RunAsync(town.Data, "verify", "--since", latest)).Exit.ShouldBe(ExitCode.Done);
    }

    private CommandRun BackUp()
    {
        var run = town.Run("backup", BackupPath);
        (run.Exit, run.Errors).ShouldBe((ExitCode.Done, ""), run.Output);
        return run;
    }

    private CommandRun Restore(params string[] options) => On(Restored, ["restore", BackupPath, .. options]);

    private static CommandRun On(string data, params string[] args) => RunAsync(data, args).GetAwaiter().GetResult();

    private static Task<CommandRun> RunAsync(string data, params string[] args) =>
        CommandRun.OfAsync([.. args, "--data", data], clock: new StandingClock(SmallTown.Now));

    private static string Digest(string data) =>
        (string)JsonNode.Parse(On(data, "verify", "--fast", "--json").Output)!["digest"]!;

    private static Dictionary<string, string> Bytes(string folder) =>
        Directory.GetFiles(folder, "*", SearchOption.AllDirectories)
            .ToDictionary(path => Path.GetRelativePath(folder, path), path => Hash(File.ReadAllBytes(path)));

    private static string Hash(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));
}
