using NodaTime;
using static Ledger.Domain.Stretches;

namespace Ledger.Domain;

/// <summary>What was said to excuse, and from when on the meter shows that it was not so.</summary>
internal sealed record Contradicted(Excuse Said, Instant From);

/// <summary>
/// What recorded facts and states excuse of a target's order. The meter has the last word: energy that a measured
/// record proves to have flowed while nobody was said to be connected ends that word from the beginning of the record
/// on, whoever said it (ours; market rules §2.5 settle on the meter too, and use any other word to reconcile). A fault,
/// a battery's floor and a vehicle's limit are no such words: energy may flow beside each of them.
/// </summary>
internal static class Excuses
{
    /// <summary>What a connector may draw by itself, which proves no vehicle (ours: no source states it).</summary>
    public static readonly Power IdleMax = Power.FromKilowatts(1);

    /// <summary>How far a charger's clock and the meter's may lie apart: so much at either end of a word is not held
    /// against it (ours: a minute).</summary>
    public static readonly Duration EdgeMax = Duration.FromMinutes(1);

    /// <param name="latest">The latest version of each record that shares time with the window, in order of
    /// time.</param>
    /// <returns>What holds, and what the meter contradicts, each in one order on every machine.</returns>
    public static (List<Excuse> Holding, List<Contradicted> Contradicted) Of(
        DispatchInstructed order, InstructionTarget target, Interval window, CallEvidence own,
        IReadOnlyList<IntervalRecorded> latest)
    {
        if (own.Facts.Count + own.States.Count == 0) return ([], []);
        // A state is held against whole records, and so is asked for beyond the window.
        var asked = latest.Aggregate(window, (hull, record) => new(
            Instant.Min(hull.Start, record.Period.Start - EdgeMax),
            Instant.Max(hull.End, record.Period.End + EdgeMax)));
        var said = own.Facts.Where(fact => ChargingState.MayExcuse(order.Kind, fact.Reason))
            .Select(fact => Against(new(fact.Period, fact.Reason, null, fact.Source), latest))
            .Concat(ChargingState.Excuses(order.Kind, target.Quantity, asked, own.States)
                .Select(state => Against(state, latest))
                .Select(each => each with { Said = In(each.Said, window) }))
            .Where(each => Shared(each.Said.Period, window) > Duration.Zero)
            .OrderBy(each => each.Said.Period.Start).ThenBy(each => each.Said.Period.End)
            .ThenBy(each => each.Said.Reason).ThenBy(each => each.Said.Source, StringComparer.Ordinal).ToList();
        return (
            [.. said.Select(each => Until(each.Said, each.From))
                .Where(holds => Shared(holds.Period, window) > Duration.Zero)],
            [.. said.Where(each => each.From < each.Said.Period.End)]);
    }

    /// <summary>With the beginning of the first record that contradicts it; with its own end where none does.</summary>
    private static Contradicted Against(Excuse said, IReadOnlyList<IntervalRecorded> latest) => new(said,
        said.Reason == ShortfallReason.NoVehicle
            && latest.FirstOrDefault(record => Contradicts(record, said.Period)) is { } against
            ? Instant.Max(against.Period.Start, said.Period.Start) : said.Period.End);

    /// <summary>Whether more flowed while nobody was said to be there than the connector may draw by itself, even if
    /// the rest of the record was at its highest power and the measurement wrong by all that it may be.</summary>
    private static bool Contradicts(IntervalRecorded record, Interval said)
    {
        if (record.Quality is not (ReadingQuality.Measured or ReadingQuality.MeasuredSigned)
            || said.Duration <= EdgeMax * 2
            || Within(record.Period, new(said.Start + EdgeMax, said.End - EdgeMax)) is not { } alone) return false;
        var highest = new Power(Math.Max(Math.Abs(record.Minimum.Milliwatts), Math.Abs(record.Maximum.Milliwatts)));
        var flowed = record.Import + record.Export;
        var measured = Without([record.Period], record.Gaps.Select(gap => gap.Missing));
        var beside = EnergyOver(highest, Length(Without(measured, [alone])));
        return flowed - beside - CompliancePeriod.Uncertainty(record, flowed, highest)
            > EnergyOver(IdleMax, alone.Duration);
    }

    private static Excuse In(Excuse said, Interval window) => said with
    {
        Period = Within(said.Period, window) ?? new(window.Start, window.Start),
    };

    private static Excuse Until(Excuse said, Instant end) => said with
    {
        Period = new(said.Period.Start, Instant.Max(said.Period.Start, Instant.Min(end, said.Period.End))),
    };
}
