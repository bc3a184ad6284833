using System.Text.Json.Nodes;
using Ledger.Domain;

namespace Ledger.Cli;

/// <summary><c>ledger close --account PARTY --month MONTH --by WHO</c>: after it only corrections follow.</summary>
public static class Close
{
    public static Verb Verb { get; } = new("close", "",
        "closes an account's month: every day of it is published, and after it only corrections follow",
        "ledger close --account cpo-1 --month 2026-06 --by bob",
        [
            new("--account", "PARTY", "whose month"),
            new("--month", "MONTH", "which month, like 2026-06"),
            new("--by", "WHO", "who of the staff closes it"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count > 0) throw new UsageException($"close takes no '{line.Words[0]}'");
        var account = line.Required<PartyId>("--account", PartyId.TryParse, "a party's identifier");
        var (month, by) = (line.Required("--month"), line.Required("--by"));
        // Asked first: when the fact is in, nothing may fail any more before that is said.
        var incomplete = await IncompleteAsync(line, shell, account, month, ct).ConfigureAwait(false);
        var answer = await FactDoor.SendAsync(line, shell, "month-closes", "month-close", new JsonObject
        {
            ["account"] = account.Value,
            ["month"] = month,
            ["by"] = by,
        }, ct).ConfigureAwait(false);
        return Publish.Said(shell, line, "closed", answer, page => page.Field("account", "account", account.Value)
            .Field("month", "month", month).Field("by", "by", by), incomplete);
    }

    /// <summary>Of the runs that hold in the month those that have lines without an amount.</summary>
    private static async Task<IReadOnlyList<string>> IncompleteAsync(
        CommandLine line, Shell shell, PartyId account, string month, CancellationToken ct)
    {
        await using var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
        return [.. ledger.Answers(null).Runs()
            .Where(run => run.Account == account.Value && run.Day.StartsWith($"{month}-", StringComparison.Ordinal))
            .GroupBy(run => run.Day).Select(day => day.MaxBy(run => run.RecordedPosition)!)
            .Where(run => run.Incomplete).OrderBy(run => run.Day, StringComparer.Ordinal).Select(run => run.Run)];
    }
}
