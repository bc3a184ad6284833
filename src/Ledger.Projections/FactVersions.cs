using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>Which facts are versions of one another: of a reading, an interval, a record, an estimate.</summary>
internal static class FactVersions
{
    /// <summary>The position of the latest version, among those that are known, of what a fact is a version of; null
    /// where it is the fact.</summary>
    public static async Task<long?> LaterAsync(KnownFacts known, FactInWords fact)
    {
        if (Of(fact.Event) is not { } version) return null;
        long? later = null;
        foreach (var each in await known.ReadAsync(fact.Stream).ConfigureAwait(false))
            if (each.Position > fact.Position && Of(each.Event) == version) later = each.Position;
        return later;
    }

    private static (string Kind, Interval Period, RegisterId? Register)? Of(LedgerEvent fact) => fact switch
    {
        RegisterReadingRecorded f => ("reading", new(f.ReadAt, f.ReadAt), f.Register),
        RegisterReadingCorrected f => ("reading", new(f.ReadAt, f.ReadAt), f.Register),
        IntervalReadingRecorded f => ("interval", f.Period, f.Register),
        IntervalReadingCorrected f => ("interval", f.Period, f.Register),
        IntervalEstimated f => ("estimate", f.Period, f.Register),
        IntervalRecorded f => ("record", f.Period, null),
        _ => null,
    };
}
