using System.Text.Json.Nodes;
using Ledger.Cli.Listings;
using Ledger.Domain;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger erase SUBJECT</c>: destroys the keys of a subject, and with them whatever is sealed under them. Amounts,
/// facts and the tree stay as they are. It works beside the process that owns the folder, which then does it.
/// </summary>
public static class Erase
{
    public static Verb Verb { get; } = new("erase", "SUBJECT",
        "destroys the keys of a person, so that no evidence that names them can be read again; amounts stay",
        "ledger erase DE-ABC-C12345678-9 --reason requested",
        [new("--reason", "WHY", "requested, retentionEnded or unlawful; requested where it is not given")],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count != 1) throw new UsageException("erase needs one SUBJECT");
        var reason = Choices.Of<ErasureReason>(line, "--reason") ?? ErasureReason.Requested;
        var answer = await FactDoor.SendAsync(line, shell, "erasures", "subject-erasure",
            new JsonObject { ["subject"] = line.Words[0], ["reason"] = Choices.Text(reason) }, ct)
            .ConfigureAwait(false);
        if (answer.Refused is { } refused)
        {
            shell.Errors.WriteLine($"ledger erase: {refused}");
            return ExitCode.NotAsItShouldBe;
        }
        new Page().Field("erase", null, answer.Outcome == "recorded" ? "erased" : "already")
            .Field(null, "erased", answer.Outcome == "recorded" ? "now" : "already")
            .Field("position", "the fact is at position", answer.Position)
            .Field(null, "not erased", "copies of the data folder, backups, and what was handed out before")
            .Write(shell.Output, line.Json);
        return ExitCode.Done;
    }
}
