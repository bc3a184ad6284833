using NodaTime;

namespace Ledger.Domain;

/// <summary>A party's settlement points are priced by this tariff from the valid time on.</summary>
/// <param name="Seller">Who sells by it, whom the account pays; null where nobody says.</param>
public sealed record TariffAssigned(PartyId Account, TariffId Tariff, PartyId? Seller = null) : LedgerEvent;

/// <summary>The assignments of one account with the instant from which each holds, in the order of their
/// recording.</summary>
public sealed record TariffAssignmentState(IReadOnlyList<(Instant From, TariffAssigned Assigned)> Recorded)
{
    public static readonly TariffAssignmentState Empty = new([]);
}

/// <summary>
/// By which tariff an account is settled from when on. A mistake is corrected by another assignment from the same
/// instant: of two for one instant the later recorded one stands, as of two registrations of a point. What was settled
/// before its position keeps the first, and a correction of it says the difference.
/// </summary>
public static class TariffAssignments
{
    /// <summary>Accepts every assignment but one that is there already: a late retry of the first must not undo the
    /// second, which has corrected it.</summary>
    public static Decision Decide(TariffAssignmentState state, TariffAssigned assigned, Instant validFrom)
    {
        var sameInstant = state.Recorded.Where(known => known.From == validFrom)
            .Select(known => known.Assigned).ToList();
        if (sameInstant.Contains(assigned))
            return new Decision.AlreadyRecorded(sameInstant[^1] == assigned ? null
                : $"another assignment from {validFrom} on has replaced it; to return to it, record it from another "
                    + "instant on");
        return new Decision.Accepted(NewFact.At(assigned, validFrom, Key(assigned.Account, sameInstant.Count)));
    }

    public static TariffAssignmentState Evolve(TariffAssignmentState state, LedgerEvent happened, Instant from) =>
        happened is TariffAssigned assigned ? new([.. state.Recorded, (from, assigned)]) : state;

    /// <summary>The first of an instant is known as it always was, so that a retry of it has its id.</summary>
    private static EvidenceKey Key(PartyId account, int before) =>
        new(before == 0 ? $"assignment/{account}" : $"assignment/{account}/{before + 1}");
}
