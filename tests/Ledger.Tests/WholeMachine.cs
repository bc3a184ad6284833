namespace Ledger.Tests;

/// <summary>Tests that load a whole machine, or start programs of it.</summary>
internal static class WholeMachine
{
    /// <summary>A mutant of one rule needs no crash and no demonstration to be told apart,
    /// but would wait for both.</summary>
    public static void SkipWhileMutating() =>
        Assert.SkipWhen(Environment.GetEnvironmentVariable("LEDGER_MUTATING") == "1",
            "mutation testing runs the tests of rules only");
}
