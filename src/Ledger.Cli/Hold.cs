using System.Text.Json.Nodes;
using Ledger.Cli.Listings;

namespace Ledger.Cli;

/// <summary><c>ledger hold SUBJECT --case NUMBER</c>: while a case holds a subject, erasing it is refused.</summary>
public static class Hold
{
    public static Verb Verb { get; } = new("hold", "SUBJECT",
        "has a case hold what names a person, so that it is not erased, or releases it",
        "ledger hold DE-ABC-C12345678-9 --case 2026-17",
        [
            new("--case", "NUMBER", "the number of the case; it stays in the journal, so never a name"),
            new("--release", null, "the case holds it no longer"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count != 1) throw new UsageException("hold needs one SUBJECT");
        var answer = await FactDoor.SendAsync(line, shell, "legal-holds", "legal-hold", new JsonObject
        {
            ["subject"] = line.Words[0],
            ["case"] = line.Required("--case"),
            ["release"] = line.Flag("--release"),
        }, ct).ConfigureAwait(false);
        if (answer.Refused is { } refused)
        {
            shell.Errors.WriteLine($"ledger hold: {refused}");
            return ExitCode.NotAsItShouldBe;
        }
        var now = line.Flag("--release") ? "released" : "held";
        new Page().Field("hold", "the subject is", answer.Outcome == "recorded" ? now : $"already {now}")
            .Field("case", "by case", line.Required("--case"))
            .Field("position", "the fact is at position", answer.Position).Write(shell.Output, line.Json);
        return ExitCode.Done;
    }
}
