namespace Ledger.Projections;

/// <summary>Every projection of a ledger, in the order in which they are shown.</summary>
public static class StandardProjections
{
    public static IReadOnlyList<IProjection> All { get; } =
    [
        new MasterData(), new VerifiedExport(), new CurtailmentCompliance(), new TimeOfUseSettlement(),
        new ProgrammesView(), new RefusalsView(), new ChargeRecordsView(),
    ];
}
