using System.Runtime.CompilerServices;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>One settled point: its master data in force at the start of the day, its facts, and its periods, cut where
/// a price changes inside one.</summary>
public sealed record PointFacts(
    SettlementPointRegistered Registered, IReadOnlyList<Interval> Periods, MeteredFacts Metered)
{
    /// <summary>What is settled of each period, import first.</summary>
    public IEnumerable<MeteredQuantity> Quantities() =>
        Directions.SelectMany(direction =>
            MeteredDay.Of(Registered.Point, direction, Periods, Metered, Registered.Rated));

    /// <summary>The directions in which it has lines, import first.</summary>
    public IEnumerable<Direction> Directions =>
        Enum.GetValues<Direction>().Where(direction => direction == Direction.Import || Exports);

    // A point that cannot export, and of which no fact says that it did, has no lines of export. What is installed or
    // read on a later day says nothing of this one, also where that day begins within the same day of UTC.
    private bool Exports =>
        Registered.Bidirectional
        || Metered.Installations.Any(known => known.Fact.Installed.Register.Direction == Direction.Export
            && known.Fact.From < Periods[^1].End)
        || Metered.IntervalReadings.Any(known => known.Fact.Register.Direction == Direction.Export
            && known.Fact.Period.Start < Periods[^1].End && known.Fact.Period.End > Periods[0].Start)
        || Metered.IntervalRecords.Any(known => known.Fact.Export > Energy.Zero);
}

/// <summary>
/// Everything from which an account's day is settled, as known before a position of the journal: its points, the
/// tariff version in force at the start of the day, and what was metered. <paramref name="LeftOut"/> names each point
/// that is not settled, and why.
/// </summary>
public sealed record SettlementFacts(
    PartyId Account, LocalDate Day, string? Zone, long AtPosition, TariffId? Assigned, TariffPublished? Tariff,
    IReadOnlyList<PointFacts> Points, IReadOnlyList<SettledPoint> LeftOut)
{
    /// <summary>Whether the account owns a point on that day, settled or not.</summary>
    public bool OwnsPoints { get; init; }

    /// <summary>Whether a point or an hour is left out because it is settled elsewhere already.</summary>
    public bool CountsOnce { get; init; }

    /// <summary>The month of every point, where the tariff has terms; null where it is a price per period.</summary>
    public IReadOnlyList<PointMonth>? Months { get; init; }

    /// <summary>Whether the charges of these months are others than before
    /// <see cref="Settlement.SettledDaysRuleVersion"/>.</summary>
    public bool CountsSettledDays { get; init; }

    /// <summary>Of which days these months are; null of all on which the account has owned each point.</summary>
    internal SettledDays? Settled { get; private init; }

    /// <summary>The days of the account, where the tariff has fees that it bears as a whole; null where it has
    /// none.</summary>
    public AccountMonth? Standing { get; init; }

    /// <summary>Whom the account deals with, by the facts in force at the start of the day.</summary>
    public StatementParties Parties { get; init; } = StatementParties.Unnamed;

    /// <summary>
    /// Reads the facts from their streams; the view is only asked which points to look at. So the same position gives
    /// the same facts for ever, and a view that was changed by hand alters no number; a point that it hides is missed
    /// by the number and root of the lines.
    /// Throws where the view has not yet applied every event before the position.
    /// </summary>
    public static Task<SettlementFacts> GatherAsync(
        IJournal journal, IViewStore views, PartyId account, LocalDate day, long position, CancellationToken ct) =>
        GatherAsync(journal, views, account, day, position, Settlement.NewestRuleVersion, ct);

    /// <summary>The same of one day after another: what is of no day is read once for all of them.</summary>
    public static async IAsyncEnumerable<SettlementFacts> OfDaysAsync(IJournal journal, IViewStore views,
        PartyId account, IEnumerable<LocalDate> days, long position, [EnumeratorCancellation] CancellationToken ct)
    {
        var facts = Known(journal, views, position, ct);
        foreach (var day in days)
        {
            yield return await GatherAsync(facts, views, account, day, position, Settlement.NewestRuleVersion)
                .ConfigureAwait(false);
            facts.ForgetDays();
        }
    }

    /// <summary>The same by the rules of a statement's version.</summary>
    internal static Task<SettlementFacts> GatherAsync(IJournal journal, IViewStore views, PartyId account,
        LocalDate day, long position, string ruleVersion, CancellationToken ct) =>
        GatherAsync(Known(journal, views, position, ct), views, account, day, position, ruleVersion);

    private static KnownFacts Known(IJournal journal, IViewStore views, long position, CancellationToken ct)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(position, journal.Length);
        var applied = views.Checkpoint("MasterData");
        if (applied < position)
            throw new InvalidOperationException(
                $"the views have applied {applied} of {position} events: let them catch up");
        return new(journal, position, ct);
    }

    private static async Task<SettlementFacts> GatherAsync(KnownFacts facts, IViewStore views, PartyId account,
        LocalDate day, long position, string ruleVersion)
    {
        var (inForce, leftOut) = (new List<SettlementPointRegistered>(), new List<SettledPoint>());
        var owned = new Answers(views, position - 1).PointsOf(account);
        foreach (var point in owned)
        {
            var (registered, whyNot) = await PointAsync(facts, point, account, day).ConfigureAwait(false);
            if (registered is not null) inForce.Add(registered);
            else leftOut.Add(new(point, false, whyNot));
        }
        var tree = await TreeAsync(facts, new(views, position - 1), owned).ConfigureAwait(false);
        var settled = SettledPoints.Of(account, inForce, day, tree);
        var countsOnce = tree is not null && !settled.Select(point => point.Settled)
            .SequenceEqual(SettledPoints.Of(account, inForce).Select(point => point.Settled));
        leftOut.AddRange(settled.Where(point => !point.Settled));
        // An account is settled on one calendar, that of its first point; its tariff holds from that day's start.
        // One that owns none, as an aggregator, is settled on the calendar of its tariff.
        var zone = inForce.OrderBy(point => point.Point).FirstOrDefault()?.Zone
            ?? await ZoneOfTariffAsync(facts, account, day).ConfigureAwait(false);
        var points = new List<PointFacts>();
        foreach (var registered in inForce.OrderBy(point => point.Point))
        {
            if (!settled.First(point => point.Point == registered.Point).Settled) continue;
            var problem = $"its day is that of {registered.Zone}, and the account's that of {zone}";
            var standing = await StandingAsync(facts, registered.Point).ConfigureAwait(false);
            countsOnce |= registered.Zone == zone && PointDays.EndsEarly(standing, day);
            if (registered.Zone == zone && PointDays.TryPeriods(standing, day, out var periods, out problem))
            {
                var metered = await facts.MeteredAsync(registered.Point, day, periods).ConfigureAwait(false);
                points.Add(new(registered, periods, metered));
            }
            else leftOut.Add(new(registered.Point, false, problem));
        }
        var (assigned, tariff) = await TariffAsync(facts, account, zone, day).ConfigureAwait(false);
        if (tariff is not null) points = points.ConvertAll(point => PricedPeriods.Of(point, tariff));
        var gathered = new SettlementFacts(account, day, zone, position, assigned?.Tariff, tariff, points,
            [.. leftOut.OrderBy(point => point.Point)])
        {
            Parties = new(assigned?.Seller, points.Where(point => point.Registered.GridOperator is not null)
                .ToDictionary(point => point.Registered.Point, point => point.Registered.GridOperator!.Value)),
            OwnsPoints = inForce.Count > 0,
            CountsOnce = countsOnce,
            Standing = tariff is { Terms.ChargeTheAccount: true } && tariff.Zone == zone
                ? await AccountMonths.GatherAsync(facts, account, tariff, day, owned, tree).ConfigureAwait(false)
                : null,
        };
        // A tariff of another zone has other months than the days that are settled.
        return tariff?.Terms is not { } terms || tariff.Zone != zone ? gathered
            : await gathered.WithMonthsAsync(facts, tariff, terms, Settlement.CountsSettledDays(ruleVersion)
                ? new(facts, account, owned, tree) : null).ConfigureAwait(false);
    }

    private async Task<SettlementFacts> WithMonthsAsync(
        KnownFacts facts, TariffPublished tariff, TariffTerms terms, SettledDays? settled)
    {
        var months = await MonthsOfPoints.GatherAsync(facts, Account, tariff, terms, Day, Points, settled)
            .ConfigureAwait(false);
        return this with
        {
            Months = months,
            Settled = settled,
            CountsSettledDays = settled is not null && await MonthsOfPoints.CountOtherwiseAsync(
                facts, Account, tariff, terms, Day, Points, settled, months).ConfigureAwait(false),
        };
    }

    /// <summary>By which tariff, and which version of it, an account is settled on a day of a zone.</summary>
    internal static async Task<(TariffAssigned? Assigned, TariffPublished? Tariff)> TariffAsync(
        KnownFacts facts, PartyId account, string? zone, LocalDate day)
    {
        if (zone is null) return (null, null);
        var start = SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[zone], day).Start;
        return await facts.InForceAsync<TariffAssigned>(Streams.Assignment(account), start).ConfigureAwait(false)
            is not { } assigned ? (null, null)
            : (assigned, await facts.InForceAsync<TariffPublished>(Streams.Tariff(assigned.Tariff), start)
                .ConfigureAwait(false));
    }

    /// <summary>The zone of the tariff that was assigned to an account last by the end of a day, wherever it ends; null
    /// where none was.</summary>
    private static async Task<string?> ZoneOfTariffAsync(KnownFacts facts, PartyId account, LocalDate day)
    {
        var end = day.PlusDays(1).AtMidnight().InUtc().ToInstant();
        return await facts.InForceAsync<TariffAssigned>(Streams.Assignment(account), end).ConfigureAwait(false)
            is { Tariff: var tariff }
            ? (await facts.InForceAsync<TariffPublished>(Streams.Tariff(tariff), end).ConfigureAwait(false))?.Zone
            : null;
    }

    /// <summary>The master data in force at the start of the point's day, if the account owns it then.</summary>
    internal static async Task<(SettlementPointRegistered? Registered, string? WhyNot)> PointAsync(
        KnownFacts facts, SettlementPointId point, PartyId account, LocalDate day)
    {
        var standing = await StandingAsync(facts, point).ConfigureAwait(false);
        var inForce = PointDays.VersionOf(standing, day)?.Registered;
        return inForce is null ? (null, $"it is registered from {standing[0].From} on")
            : inForce.Owner != account ? (null, $"{inForce.Owner} owns it on that day")
            : (inForce, null);
    }

    /// <summary>The versions of a point that stand, in order of time.</summary>
    internal static async Task<IReadOnlyList<PointVersion>> StandingAsync(KnownFacts facts, SettlementPointId point) =>
        (await facts.ReadAsync(Streams.Point(point)).ConfigureAwait(false)).Aggregate(
            SettlementPointState.Empty, (state, known) => SettlementPoint.Evolve(state, known.Event, known.From))
            .Standing;

    /// <summary>The station tree; null where no point of the account was ever placed in it, so that what is known of
    /// others is not read.</summary>
    private static async Task<StationTreeState?> TreeAsync(
        KnownFacts facts, Answers answers, IReadOnlyList<SettlementPointId> owned) =>
        !owned.Any(answers.IsPlaced) ? null
            : await facts.StateAsync(Streams.StationTree, StationTreeState.Empty, StationTree.Evolve)
                .ConfigureAwait(false);
}
