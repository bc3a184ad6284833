namespace Ledger.Tests;

/// <summary>
/// Tests that load every core for a minute, and wait for answers within seconds: they run alone, after all others.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class WholeMachine
{
    public const string Name = "the whole machine";
}
