using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Cli.Listings;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger release POSITION --by WHO --reason TEXT</c>: a person releases what was refused or quarantined there.
/// </summary>
public static class Release
{
    public static Option By { get; } = new("--by", "WHO", "who answers for it: an identifier, as a number of staff");
    public static Option Reason { get; } = new("--reason", "TEXT", "why; it stays in the journal, so never a name");

    public static Verb Verb { get; } = new("release", "POSITION",
        "releases what was refused or quarantined: a quarantined reading counts from now on, evidence may be redriven",
        "ledger release 412 --by staff-7 --reason \"the meter was exchanged, see work order 88\"",
        [By, Reason], RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count != 1) throw new UsageException("release needs one POSITION");
        var position = CommandLine.Read<long>(line.Words[0], LedgerReader.TryPosition,
            "POSITION is a whole number from 0");
        var answer = await FactDoor.SendAsync(line, shell, "refusal-releases", "refusal-release", new JsonObject
        {
            ["position"] = position.ToString(CultureInfo.InvariantCulture),
            ["by"] = line.Required("--by"),
            ["reason"] = line.Required("--reason"),
        }, ct).ConfigureAwait(false);
        if (answer.Refused is { } refused)
        {
            shell.Errors.WriteLine($"ledger release: {refused}");
            return ExitCode.NotAsItShouldBe;
        }
        new Page().Field("released", "what was refused or quarantined at", position)
            .Field("release", "is", answer.Outcome == "recorded" ? "released" : "already released")
            .Field("position", "the fact is at position", answer.Position).Write(shell.Output, line.Json);
        return ExitCode.Done;
    }
}
