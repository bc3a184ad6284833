using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>What was metered in one settlement period, kWh of <see cref="FrozenBaselines.KwhDecimals"/>
/// decimals.</summary>
/// <param name="Net">Import less export.</param>
/// <param name="Quality">The worse one of its directions.</param>
internal sealed record MeteredEnergy(decimal Net, decimal Import, decimal Export, ReadingQuality Quality)
{
    /// <summary>Whether somebody measured it. What a register counted in a longer time and was divided, an estimate and
    /// a substitute are the word of whoever made them, and he may be the one who is paid.</summary>
    public bool IsMeasured => Quality is ReadingQuality.MeasuredSigned or ReadingQuality.Measured;
}

/// <summary>
/// The load of one settlement point in its settlement periods, as baselines and deliveries count it: import less export
/// in kWh of <see cref="FrozenBaselines.KwhDecimals"/> decimals, settled by the same rule as a statement,
/// and null where it is not wholly known. A curve with a hole proves no load, so only records without one count.
/// </summary>
internal sealed class PointLoad(SettlementPointRegistered point)
{
    public DateTimeZone Zone { get; } = DateTimeZoneProviders.Tzdb[point.Zone];
    public Duration Period { get; } = Duration.FromMinutes(point.PeriodMinutes);

    /// <summary>The settlement periods of a local day; none where it is no whole number of them.</summary>
    public IReadOnlyList<Interval> Periods(LocalDate day) =>
        SettlementCalendar.TryPeriods(Zone, day, point.PeriodMinutes, out var periods, out _) ? periods : [];

    /// <summary>The settlement periods that lie wholly in a call, in order.</summary>
    public IReadOnlyList<Interval> Periods(Interval call)
    {
        var periods = new List<Interval>();
        for (var day = DayOf(call.Start); periods.Count <= FrozenBaselines.PeriodsMax; day = day.PlusDays(1))
        {
            if (SettlementCalendar.Day(Zone, day).Start >= call.End) break;
            periods.AddRange(Periods(day).Where(period => period.Start >= call.Start && period.End <= call.End));
        }
        return periods;
    }

    public LocalDate DayOf(Instant at) => SettlementCalendar.DayContaining(Zone, at);

    /// <summary>The load of a whole local day, and whether all that is known of it was measured.</summary>
    /// <param name="measuredOnly">Whether what nobody measured is unknown.</param>
    public async Task<(BaselineDay Day, bool IsMeasured)> DayAsync(KnownFacts facts, LocalDate day, bool measuredOnly)
    {
        var energies = await EnergiesAsync(facts, day).ConfigureAwait(false);
        return (new(day, [.. energies.Select(energy =>
                measuredOnly && energy?.IsMeasured == false ? null : energy?.Net)]),
            energies.All(energy => energy is null or { IsMeasured: true }));
    }

    /// <summary>What was metered in each period of a local day; null where it is not wholly known.</summary>
    private async Task<IReadOnlyList<MeteredEnergy?>> EnergiesAsync(KnownFacts facts, LocalDate day)
    {
        if (await FactsAsync(facts, day).ConfigureAwait(false) is not { Periods: var periods } counted) return [];
        var byStart = counted.Quantities().ToLookup(quantity => quantity.Period.Start);
        return [.. periods.Select(period => Metered(byStart[period.Start]))];
    }

    /// <summary>The facts of a local day that prove a load; null where it is no whole number of periods.</summary>
    public async Task<PointFacts?> FactsAsync(KnownFacts facts, LocalDate day)
    {
        var periods = Periods(day);
        return periods.Count == 0 ? null : await FactsAsync(facts, day, periods).ConfigureAwait(false);
    }

    /// <summary>The same of a day whose periods are known.</summary>
    public async Task<PointFacts> FactsAsync(KnownFacts facts, LocalDate day, IReadOnlyList<Interval> periods)
    {
        var metered = await facts.MeteredAsync(point.Point, day, periods).ConfigureAwait(false);
        return new(point, periods, metered with
        {
            IntervalRecords = [.. metered.IntervalRecords.GroupBy(record => record.Fact.Period)
                .Select(versions => versions.MaxBy(record => record.Fact.Version)!)
                .Where(record =>
                    Duration.FromNanoseconds(record.Fact.CoveredMicroseconds * 1000) == record.Fact.Period.Duration)],
        });
    }

    /// <summary>What was metered in single periods, in their order; null where it is not wholly known.</summary>
    public async Task<IReadOnlyList<MeteredEnergy?>> OfAsync(KnownFacts facts, IReadOnlyList<Interval> periods)
    {
        var byStart = new Dictionary<Instant, MeteredEnergy?>();
        foreach (var day in periods.Select(period => DayOf(period.Start)).Distinct())
            foreach (var (period, energy) in Periods(day).Zip(await EnergiesAsync(facts, day).ConfigureAwait(false)))
                byStart[period.Start] = energy;
        return [.. periods.Select(period => byStart.GetValueOrDefault(period.Start))];
    }

    // Of one direction: a point that cannot export has no quantity of export, which is no hole.
    private static MeteredEnergy? Metered(IEnumerable<MeteredQuantity> directions)
    {
        var (import, export, quality) = (Energy.Zero, Energy.Zero, ReadingQuality.MeasuredSigned);
        foreach (var quantity in directions)
        {
            if (quantity.Metered is not { } energy || quantity.Quality == ReadingQuality.Suspect) return null;
            if (quantity.Quality > quality) quality = quantity.Quality;
            if (quantity.Direction == Direction.Import) import += energy;
            else export += energy;
        }
        return new(Kwh(import - export), Kwh(import), Kwh(export), quality);
    }

    private static decimal Kwh(Energy energy) => energy.ToDecimalKwh(FrozenBaselines.KwhDecimals);
}
