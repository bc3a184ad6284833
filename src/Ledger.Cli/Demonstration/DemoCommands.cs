namespace Ledger.Cli.Demonstration;

/// <summary>Commands for a reader to try on the ledger that a demonstration leaves, as they are typed at the repository's root.</summary>
internal static class DemoCommands
{
    private const string Ledger = "dotnet run --project src/Ledger.Cli -c Release --";

    public static IReadOnlyList<string[]> Of(string data) =>
    [
        ["recompute every view from the journal", $"{Ledger} replay --diff --data {data}"],
        ["read what was refused", $"{Ledger} show refusals --data {data}"],
        ["see the day in a browser", $"{Ledger} serve --data {data}"],
    ];
}
