namespace Ledger.Domain;

/// <summary>What kind of limit holds without an order.</summary>
public enum StandingLimitKind
{
    /// <summary>The connection agreement's power at the grid connection.</summary>
    ConnectionLimit = 1,
    /// <summary>What the transformer bears.</summary>
    TransformerLimit = 2,
    /// <summary>The contracted demand: a limit of the mean power of each settlement period.</summary>
    ContractDemand = 3,
    /// <summary>A schedule of limits that the distribution operator issues ahead of time.</summary>
    OperatingEnvelope = 4,
}
