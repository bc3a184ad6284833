using System.Globalization;
using Ledger.Cli.Listings;
using Ledger.Journal.Proof;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger verify</c>: hashes every byte of a data folder again, derives everything anew from what it was derived from,
/// and compares. It takes no lock and changes no byte. What was not looked at is said, and never called verified; the
/// last line is for programs.
/// </summary>
public static class Verify
{
    public static Verb Verb { get; } = new("verify", "",
        "hashes every byte of a ledger again, derives records, views and statements anew, and says whether all is as "
            + "it was recorded",
        "ledger verify --data /mnt/copy-of-the-ledger",
        [
            new("--since", "FILE", "a checkpoint that you kept: the ledger has to continue it"),
            new("--keys", "FILE", "the public keys that you trust, one a line; the ledger's own where it is not given"),
            new("--fast", null, "leaves out what takes longest: deriving interval records from raw evidence, and SQLite's own check"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count > 0) throw new UsageException($"verify takes no '{line.Words[0]}'; the folder is named with --data");
        if (!Directory.Exists(line.Data)) throw new CouldNotException($"there is no folder {line.Data}");
        var kept = line.Option("--since") is { } since ? (since, File.ReadAllBytes(since)) : ((string, byte[])?)null;
        var verification = new LedgerVerification(line.Data, !line.Flag("--fast"), Keys(line), kept, shell, ct);
        await verification.RunAsync().ConfigureAwait(false);
        shell.EndProgress();
        Report(verification, line, shell);
        return verification.Findings.FaultCount == 0 ? ExitCode.Done : ExitCode.NotAsItShouldBe;
    }

    private static List<VerifierKey>? Keys(CommandLine line)
    {
        if (line.Option("--keys") is not { } file) return null;
        try
        {
            return [.. File.ReadLines(file).Where(text => text.Length > 0 && text[0] != '#').Select(VerifierKey.Parse)];
        }
        catch (NoteRefusedException refused)
        {
            throw new UsageException($"--keys {file}: {refused.Message}");
        }
    }

    private static void Report(LedgerVerification verification, CommandLine line, Shell shell)
    {
        var findings = verification.Findings;
        var isVerified = findings.FaultCount == 0;
        var page = new Page().Field("verify", null, isVerified ? "verified" : "not verified")
            .Field("ledger", "ledger", verification.Ledger?.Value ?? "unknown").Field("folder", "folder", line.Data)
            .Field("digest", "digest", verification.Root is { } root ? Convert.ToHexStringLower(root) : null)
            .Field("faultCount", null, findings.FaultCount)
            .Table("steps", "looked at", Listing.Of(verification.Steps,
                new("what", "what", step => step.What), new("count", "count", step => step.Count),
                new("of", "of", step => step.Of), new("faults", "faults", step => step.Faults)));
        if (!isVerified || line.Json)
            page.Table("faults", "not as it should be", Listing.Of(findings.Faults,
                new("place", "where", fault => fault.Place), new("found", "found", fault => fault.Found),
                new("expected", "expected", fault => fault.Expected)));
        page.Table("notChecked", null, Listing.Of(findings.NotChecked, new Column<string>("what", null, what => what)));
        page.Write(shell.Output, line.Json);
        if (line.Json) return;
        shell.Output.WriteLine();
        foreach (var what in findings.NotChecked) shell.Output.WriteLine($"NOT CHECKED: {what}");
        shell.Output.WriteLine(isVerified ? $"VERIFIED {Counts(verification)} digest={Convert.ToHexStringLower(verification.Root!)}"
            : $"NOT VERIFIED faults={Count(findings.FaultCount)} {Counts(verification)}".TrimEnd());
    }

    private static string Counts(LedgerVerification verification) =>
        string.Join(' ', verification.Steps.Select(step => $"{step.What.Replace(' ', '-')}={Count(step.Count)}"))
        + $" checkpoint={(verification.SignedSize is { } size ? Count(size) : "none")}";

    private static string Count(long number) => number.ToString(CultureInfo.InvariantCulture);
}
