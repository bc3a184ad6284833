using System.Globalization;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Journal.Verification;

namespace Ledger.Cli;

/// <summary>What was looked at, how much of it, and how many faults were found in it.</summary>
public sealed record VerificationStep(string What, long Count, string? Of, long Faults);

/// <summary>What a verification came to.</summary>
/// <param name="What">A folder or a bundle; <paramref name="Path"/> says which.</param>
/// <param name="Ledger">Null where it does not say it.</param>
/// <param name="Covers">What the last line says of the checkpoint.</param>
/// <param name="Closing">What it says of all of it, where it is verified: the digest, the key.</param>
public sealed record VerificationReport(
    string What, string Path, LedgerId? Ledger, byte[]? Root, IReadOnlyList<VerificationStep> Steps, Findings Findings,
    string Covers, string Closing)
{
    public bool IsVerified => Findings.FaultCount == 0;

    /// <summary>Says it to a person or a program, and gives the exit code.</summary>
    public int Write(CommandLine line, Shell shell)
    {
        var page = new Page().Field("verify", null, IsVerified ? "verified" : "not verified")
            .Field("ledger", "ledger", Ledger?.Value ?? "unknown").Field(What, What, Path)
            .Field("digest", "digest", Root is null ? null : Convert.ToHexStringLower(Root))
            .Field("faultCount", null, Findings.FaultCount)
            .Table("steps", "looked at", Listing.Of(Steps,
                new("what", "what", step => step.What), new("count", "count", step => step.Count),
                new("of", "of", step => step.Of), new("faults", "faults", step => step.Faults)));
        if (!IsVerified || line.Json)
            page.Table("faults", "not as it should be", Listing.Of(Findings.Faults,
                new("place", "where", fault => fault.Place), new("found", "found", fault => fault.Found),
                new("expected", "expected", fault => fault.Expected)));
        page.Table("notChecked", null, Listing.Of(Findings.NotChecked, new Column<string>("what", null, what => what)));
        page.Write(shell.Output, line.Json);
        if (!line.Json) WriteVerdict(shell.Output);
        return IsVerified ? ExitCode.Done : ExitCode.NotAsItShouldBe;
    }

    private void WriteVerdict(TextWriter writer)
    {
        writer.WriteLine();
        foreach (var what in Findings.NotChecked) writer.WriteLine($"NOT CHECKED: {what}");
        var counts = string.Join(' ', Steps.Select(step => $"{step.What.Replace(' ', '-')}={Count(step.Count)}"));
        writer.WriteLine(IsVerified ? $"VERIFIED {counts} {Covers} {Closing}"
            : $"NOT VERIFIED faults={Count(Findings.FaultCount)} {counts} {Covers}".Replace("  ", " ",
                StringComparison.Ordinal).TrimEnd());
    }

    private static string Count(long number) => number.ToString(CultureInfo.InvariantCulture);
}
