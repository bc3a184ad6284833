using System.Collections.ObjectModel;
using NodaTime;

namespace Ledger.Domain;

/// <summary>What is known of one point in one programme that pays for power held ready.</summary>
/// <param name="Declared">Declarations of the point in the programme.</param>
public sealed record ReadyPoint(
    IReadOnlyList<Positioned<ProgrammePublished>> Programmes, EnrolmentState Enrolments, SettlementPointId Point,
    IReadOnlyList<Positioned<AvailabilityDeclared>> Declared)
{
    /// <summary>When each version of the programme was recorded, by its position, up to the whole second; empty where
    /// all of them are believed (<see cref="Settlement.CountsInTime"/>).</summary>
    public IReadOnlyDictionary<long, Instant> RecordedAt { get; init; } = ReadOnlyDictionary<long, Instant>.Empty;

    /// <summary>Other points of the programme that lie before it or behind it, or before or behind one of these; none
    /// where each is paid for itself (<see cref="Settlement.CountsReadyOnce"/>).</summary>
    public IReadOnlyList<ReadyPoint> Beside { get; init; } = [];

    /// <summary>Which of all these lie behind each other, each pair in both orders.</summary>
    public IReadOnlySet<(SettlementPointId, SettlementPointId)> OnOneWay { get; init; } =
        new HashSet<(SettlementPointId, SettlementPointId)>();

    /// <summary>Whose it is on that day, of a point beside; null of the point itself.</summary>
    public PartyId? Owner { get; init; }

    /// <summary>The facts of its enrolments and their ends, for whoever explains what they decide.</summary>
    public IReadOnlyList<Positioned<LedgerEvent>> TakesPart { get; init; } = [];

    /// <summary>
    /// The version of the programme that pays a declaration at an instant; null before the first. Whoever declared knew
    /// the versions that were recorded by then. One that came after pays from when it was recorded, whatever it says:
    /// who publishes it is who pays, and would take back what was held ready.
    /// </summary>
    internal Positioned<ProgrammePublished>? At(Instant at, Positioned<AvailabilityDeclared> declared) =>
        Programmes.Where(each => each.Fact.ValidFrom <= at
                && (each.Position < declared.Position || RecordedAt.GetValueOrDefault(each.Position, at) <= at))
            .OrderBy(each => each.Fact.ValidFrom).ThenBy(each => each.Fact.Version).LastOrDefault();

    /// <summary>Whether a point beside is paid for by these terms. Nobody owes himself, and who pays would else take
    /// what others are owed by what he declares for nothing.</summary>
    internal bool IsOwed(ProgrammePublished terms) => Owner is not { } owner || (terms.Payee ?? owner) != terms.Payer;
}

/// <summary>A stretch of power held ready that is paid by one declaration and one version of the programme.</summary>
/// <param name="KwHours">Power times hours, to 10⁻⁶, half to even.</param>
/// <param name="Amount">To the decimals of money; what rounding leaves is carried to the next stretch.</param>
public sealed record ReadyStretch(
    Interval Covers, Positioned<AvailabilityDeclared> Declared, Positioned<ProgrammePublished> Programme,
    decimal KwHours, decimal Amount);

/// <summary>
/// Pay for availability: what a point declared ready, while it was enrolled, times its hours, times the programme's
/// price of a kW for an hour. Of two declarations for one time the later recorded one stands. Whether the power came
/// when it was called is judged by the call, and its shortfall is the call's penalty (market rules §2.3: availability
/// is paid beside delivery). Power flows through all points of its way, so of points that lie behind each other the one
/// that declared first is paid, and the next for what it has above that. A point for which nobody is owed takes nothing
/// of it.
/// </summary>
public static class AvailabilityPay
{
    /// <summary>The stretches of a day, in order of time.</summary>
    /// <exception cref="OverflowException">An exact amount needs more digits than a decimal has.</exception>
    public static IReadOnlyList<ReadyStretch> Of(ReadyPoint point, Interval day, int moneyDecimals)
    {
        var stretches = Merged(point, day).Select(each => (each.Covers, each.Declared, each.Programme,
            KwHours: KwHours(each.Counted, each.Covers))).ToList();
        var amounts = Rounding.HalfAwayWithCarry([.. stretches.Select(each => ExactDecimal.Times(
            each.KwHours, each.Programme.Fact.AvailabilityPerKwHour!.Value))], moneyDecimals).Rounded;
        return [.. stretches.Zip(amounts, (each, amount) =>
            new ReadyStretch(each.Covers, each.Declared, each.Programme, each.KwHours, amount))];
    }

    private sealed record Standing(
        Positioned<AvailabilityDeclared> Declared, Positioned<ProgrammePublished> Programme);

    private static List<(Interval Covers, Positioned<AvailabilityDeclared> Declared,
        Positioned<ProgrammePublished> Programme, Power Counted)> Merged(ReadyPoint point, Interval day)
    {
        var merged = new List<(Interval Covers, Positioned<AvailabilityDeclared> Declared,
            Positioned<ProgrammePublished> Programme, Power Counted)>();
        IReadOnlyList<ReadyPoint> all = [point, .. point.Beside];
        SortedSet<Instant> cuts =
            [day.Start, .. all.SelectMany(Cuts).Where(at => at > day.Start && at < day.End), day.End];
        foreach (var (start, end) in cuts.Zip(cuts.Skip(1)))
        {
            var covers = new Interval(start, end);
            if (StandingIn(point, covers) is not { } standing) continue;
            var counted = Counted(point, all, covers);
            if (merged is [.., var last] && last.Covers.End == start && last.Counted == counted
                && last.Declared.Position == standing.Declared.Position
                && last.Programme.Position == standing.Programme.Position)
                merged[^1] = last with { Covers = new(last.Covers.Start, end) };
            else merged.Add((covers, standing.Declared, standing.Programme, counted));
        }
        return merged;
    }

    /// <summary>What is declared and would be paid in a stretch within which nothing changes.</summary>
    private static Standing? StandingIn(ReadyPoint point, Interval covers) =>
        point.Declared.Where(each => Holds(each.Fact.Period, covers)).MaxBy(each => each.Position) is { } declared
        && point.At(covers.Start, declared) is { Fact: { AvailabilityPerKwHour: not null, Payer: not null } terms }
            programme
        && point.IsOwed(terms) && point.Enrolments.Covering(terms.Programme, covers).Count > 0
            ? new(declared, programme) : null;

    /// <summary>What of a point's power counts there, and not at another one of its way.</summary>
    private static Power Counted(ReadyPoint point, IReadOnlyList<ReadyPoint> all, Interval covers)
    {
        var counted = new Dictionary<SettlementPointId, Power>();
        foreach (var each in all.OrderBy(each => PlaceIn(each, covers)))
            if (StandingIn(each, covers) is { Declared.Fact.Available.Milliwatts: var declared })
                counted[each.Point] = new(Math.Max(0, declared - counted
                    .Where(other => point.OnOneWay.Contains((each.Point, other.Key)))
                    .Sum(other => other.Value.Milliwatts)));
        return counted[point.Point];
    }

    /// <summary>The declaration by which a point has its place before others: whoever declares less keeps it, whoever
    /// declares more comes anew.</summary>
    private static long PlaceIn(ReadyPoint point, Interval covers)
    {
        var newestFirst = point.Declared.Where(each => Holds(each.Fact.Period, covers))
            .OrderByDescending(each => each.Position).ToList();
        var first = 0;
        while (first + 1 < newestFirst.Count
            && newestFirst[first + 1].Fact.Available >= newestFirst[first].Fact.Available) first++;
        return newestFirst.Count == 0 ? 0 : newestFirst[first].Position;
    }

    /// <summary>Where anything that decides the pay may change.</summary>
    private static IEnumerable<Instant> Cuts(ReadyPoint point) =>
        point.Declared.SelectMany(each => new[] { each.Fact.Period.Start, each.Fact.Period.End })
            .Concat(point.Programmes.Select(each => each.Fact.ValidFrom)).Concat(point.RecordedAt.Values)
            .Concat(point.Enrolments.Enrolments.SelectMany(each => each.To is { } to
                ? new[] { each.Enrolled.From, to } : [each.Enrolled.From]));

    private static bool Holds(Interval whole, Interval part) => whole.Start <= part.Start && part.End <= whole.End;

    // A milliwatt times a microsecond is two half nanojoules, so that power times time is an energy.
    private static decimal KwHours(Power power, Interval time) => new Energy(
        (Int128)power.Milliwatts * (time.Duration.ToInt64Nanoseconds() / 1000) * 2)
        .ToDecimalKwh(FrozenBaselines.KwhDecimals);
}
