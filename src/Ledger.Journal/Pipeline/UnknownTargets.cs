using Ledger.Domain;

namespace Ledger.Journal.Pipeline;

/// <summary>
/// An instruction to a point that nobody registered is recorded, because it is evidence that the call went out; but
/// nothing is measured at such a point, so whoever sent it is told.
/// </summary>
internal static class UnknownTargets
{
    private const int NamedMax = 10;

    /// <summary>The outcome, and which targets are unknown to the ledger.</summary>
    public static async Task<RecordOutcome> SaidAsync(
        Recorder recorder, DispatchInstructed order, RecordOutcome outcome, CancellationToken ct)
    {
        if (outcome is not (RecordOutcome.Recorded or RecordOutcome.AlreadyRecorded)) return outcome;
        var unknown = new List<SettlementPointId>();
        foreach (var target in order.Targets)
            if ((await recorder.LoadAsync(Streams.Point(target.Point), SettlementPointState.Empty,
                SettlementPoint.Evolve, ct).ConfigureAwait(false)).State.Recorded.Count == 0) unknown.Add(target.Point);
        if (unknown.Count == 0) return outcome;
        var detail = $"{string.Join(", ", unknown.Take(NamedMax))}"
            + (unknown.Count > NamedMax ? $" and {unknown.Count - NamedMax} more" : "")
            + $" of {order.Targets.Count} targets: nobody registered such a settlement point, so nothing is measured "
            + "there until somebody does";
        return outcome switch
        {
            RecordOutcome.Recorded recorded => recorded with { Detail = detail },
            RecordOutcome.AlreadyRecorded before => before with { Detail = detail },
            _ => outcome,
        };
    }
}
