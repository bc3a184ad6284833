namespace Ledger.Cli.Demonstration;

/// <summary>Commands for a reader to try on the ledger that a demonstration leaves,
/// as they are typed at the repository's root.</summary>
internal static class DemoCommands
{
    private const string Ledger = "dotnet run --project src/Ledger.Cli -c Release --";

    /// <param name="where">The options that name the ledger.</param>
    public static IReadOnlyList<string[]> Of(string where) =>
    [
        ["recompute every view from the journal", $"{Ledger} replay --diff {where}"],
        ["see what moved the amount, and why", $"{Ledger} diff city-charging-2025-07-16-initial "
            + $"city-charging-2025-07-16-correction {where}"],
        ["write a station's charge records", $"{Ledger} export cdr city-charging 2025-07-16 "
            + $"--tariff src/Ledger.Cli/Demonstration/public-tariff.json {where} > cdrs.json"],
        ["compare them with registers and settlement", $"{Ledger} reconcile cdr --in cdrs.json {where}"],
        ["read what was refused", $"{Ledger} show refusals {where}"],
        ["print a station's report",
            $"{Ledger} report station st10 --period 2025-07-16 --html {where} > report.html"],
        ["see the day in a browser", $"{Ledger} serve {where}"],
    ];
}
