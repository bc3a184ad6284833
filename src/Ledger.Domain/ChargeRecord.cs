using System.Collections.Immutable;
using NodaTime;

namespace Ledger.Domain;

/// <summary>A charge record's number at the operator who issued it; it says nothing of whom it is for. It is the same
/// in any case of its letters (OCPI, types, CiString).</summary>
public readonly record struct ChargeRecordId : IComparable<ChargeRecordId>
{
    public string Value { get; }
    public ChargeRecordId(string value) => Value = Identifier.Checked(value);
    public static bool TryParse(string? text, out ChargeRecordId id)
    {
        id = Identifier.IsValid(text) ? new(text) : default;
        return id.Value is not null;
    }

    public bool Equals(ChargeRecordId other) => string.Equals(Value, other.Value, StringComparison.OrdinalIgnoreCase);
    public override int GetHashCode() => StringComparer.OrdinalIgnoreCase.GetHashCode(Value ?? "");
    public int CompareTo(ChargeRecordId other) =>
        string.Compare(Value, other.Value, StringComparison.OrdinalIgnoreCase);
    public override string ToString() => Value;
}

/// <summary>
/// What an operator bills for a stay, as its charge detail record says it (OCPI, module CDRs). Whom it bills is in the
/// evidence, sealed.
/// </summary>
/// <param name="Energy">As stated, also of a credit; below zero where more came back than went in.</param>
/// <param name="CostWithoutTax">In <paramref name="Currency"/>; of a credit what it takes back, negative.</param>
/// <param name="CostWithTax">Null where the record does not say.</param>
/// <param name="Credits">The record that this one takes back; null of a charge.</param>
public sealed record ChargeRecorded(
    PartyId Operator, ChargeRecordId Record, SettlementPointId Point, Instant Start, Instant End, Energy Energy,
    string Currency, decimal CostWithoutTax, decimal? CostWithTax, ChargeRecordId? Credits,
    EvidenceDigest? Evidence) : LedgerEvent
{
    /// <summary>What the record adds to its chain: a credit takes its original's energy back.</summary>
    public Energy NetEnergy() => Credits is null ? Energy : -Energy;
}

/// <summary>A charge record as it comes in: its point is one of several names that a record has for a place.</summary>
public sealed record ChargeRecordInput(ChargeRecorded Record, IReadOnlyList<SettlementPointId> Places);

/// <summary>A charge record and its credit, by their numbers.</summary>
public sealed record ChargeRecordState(ImmutableDictionary<ChargeRecordId, ChargeRecorded> Known)
{
    public static readonly ChargeRecordState Empty = new(ImmutableDictionary<ChargeRecordId, ChargeRecorded>.Empty);
}

/// <summary>
/// When a charge record may be recorded. It is never changed: a wrong one is taken back by a credit, which negates its
/// whole cost and names it, and the right one follows under a number of its own (OCPI, Credit CDRs).
/// </summary>
public static class ChargeRecords
{
    /// <summary>Who issued a record that does not say it (OCPI 2.1.1).</summary>
    public static readonly PartyId Unnamed = new("unnamed");

    /// <summary>An issuer as new records name him: OCPI's parties are the same in any case.</summary>
    public static PartyId Issuer(PartyId written) =>
        written == Unnamed ? Unnamed : new(written.Value.ToUpperInvariant());

    public static bool IsSameIssuer(PartyId one, PartyId other) => Issuer(one) == Issuer(other);

    /// <summary>Guards in order of their codes: range, conflict, place, future, unknown original, no such credit,
    /// credited before.</summary>
    /// <param name="point">The registered point among the record's places; null where none is.</param>
    /// <param name="owner">Whose the point was when the charge began: record numbers are apart for each; null for a
    /// charge that was recorded when they were not yet.</param>
    public static Decision Decide(ChargeRecordState state, ChargeRecordInput input, SettlementPointId? point,
        Instant now, PartyId? owner = null)
    {
        var record = input.Record with { Operator = Issuer(input.Record.Operator) };
        if (record.End < record.Start || record.Credits == record.Record)
            return Refuse(Rejection.OutOfRange, "a record ends after it begins, and credits another one");
        if (state.Known.TryGetValue(record.Record, out var known))
            return known with { Evidence = null, Operator = Issuer(known.Operator) }
                == record with { Evidence = null, Point = point ?? record.Point }
                ? new Decision.AlreadyRecorded()
                : Refuse(Rejection.EvidenceConflict, $"record {record.Record} is known and differs");
        if (point is not { } place)
            return Refuse(Rejection.UnknownSettlementPoint,
                $"no settlement point is named {string.Join(" or ", input.Places)}");
        if (Limits.IsInTheFuture(record.End, now))
            return Refuse(Rejection.ReadInTheFuture, $"ends at {record.End}");
        var accepted = record with { Point = place };
        if (record.Credits is { } original && Uncreditable(state, accepted, original) is { } refused) return refused;
        return new Decision.Accepted(new NewFact(accepted, new Interval(record.Start, record.End),
            new EvidenceKey(owner is { } of
                // Parted by what no identifier holds.
                ? $"cdr/{of}|{record.Operator}|{record.Record}" : $"charge-record/{record.Operator}/{record.Record}")));
    }

    public static ChargeRecordState Evolve(ChargeRecordState state, LedgerEvent happened) =>
        happened is ChargeRecorded record ? new(state.Known.SetItem(record.Record, record)) : state;

    private static Decision.Rejected? Uncreditable(
        ChargeRecordState state, ChargeRecorded credit, ChargeRecordId original)
    {
        if (!state.Known.TryGetValue(original, out var of) || of.Credits is not null)
            return Refuse(Rejection.UnknownChargeRecord, $"no charge {original} is known");
        if (!Negates(credit, of))
            return Refuse(Rejection.CreditDiffers, $"record {original} costs {of.CostWithoutTax} {of.Currency}");
        return state.Known.Values.FirstOrDefault(known => known.Credits == original) is { } before
            ? Refuse(Rejection.AlreadyCredited, $"record {before.Record} has credited it") : null;
    }

    /// <summary>Whether a credit takes back all of a charge: the same stay and energy, the cost negated.</summary>
    public static bool Negates(ChargeRecorded credit, ChargeRecorded charge) =>
        (credit.Point, credit.Start, credit.End, credit.Energy, credit.Currency)
            == (charge.Point, charge.Start, charge.End, charge.Energy, charge.Currency)
        && credit.CostWithoutTax == -charge.CostWithoutTax && credit.CostWithTax == -charge.CostWithTax;

    private static Decision.Rejected Refuse(Rejection code, string detail) => new(code, detail);
}
