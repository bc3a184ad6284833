namespace Ledger.Tests;

/// <summary>
/// Tests that load every core for a minute, and wait for answers within seconds: they run alone, after all others.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class WholeMachine
{
    public const string Name = "the whole machine";

    /// <summary>A mutant of one rule needs no crash and no demonstration to be told apart,
    /// but would wait for both.</summary>
    public static void SkipWhileMutating() =>
        Assert.SkipWhen(Environment.GetEnvironmentVariable("LEDGER_MUTATING") == "1",
            "mutation testing runs the tests of rules only");
}
