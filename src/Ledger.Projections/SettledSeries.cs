using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// What one point of an account is settled from on one day, as known before a position: enough for the lines of this
/// point, and nobody else's facts. Which points an account has, it does not say.
/// </summary>
/// <param name="Pricing">The facts by which the point is priced.</param>
public sealed record SettledSeries(PointFacts Point, PricingFacts Pricing)
{
    public TariffPublished Tariff => Pricing.Tariff.Fact;

    /// <summary>The point's quantities in one direction, in order of time.</summary>
    public IReadOnlyList<MeteredQuantity> Quantities(Direction direction) => MeteredDay.Of(
        Point.Registered.Point, direction, Point.Periods, Point.Metered, Point.Registered.Rated);

    /// <summary>Throws <see cref="InvalidOperationException"/> where the facts do not say what the point is settled
    /// by.</summary>
    public static async Task<SettledSeries> GatherAsync(
        IJournal journal, SettlementRunCompleted run, SettlementPointId point, CancellationToken ct)
    {
        var facts = new KnownFacts(journal, run.AtPosition, ct);
        if ((await facts.ReadAsync(Streams.Point(point)).ConfigureAwait(false)).Count == 0)
            throw new InvalidOperationException($"{point} is not registered");
        var (registered, whyNot) = await SettlementFacts.PointAsync(facts, point, run.Account, run.Day)
            .ConfigureAwait(false);
        if (registered is null) throw new InvalidOperationException($"{point}: {whyNot}");
        var zone = DateTimeZoneProviders.Tzdb[registered.Zone];
        if (!PointDays.TryPeriods(await SettlementFacts.StandingAsync(facts, point).ConfigureAwait(false), run.Day,
            out var periods, out var problem))
            throw new InvalidOperationException($"{point}: {problem}");
        if (registered.Zone != run.Zone)
            throw new InvalidOperationException(
                $"{point}: its day is that of {registered.Zone}, the run's that of {run.Zone}");
        var start = SettlementCalendar.Day(zone, run.Day).Start;
        var (assigned, master) = (
            await facts.KnownInForceAsync(Streams.Assignment(run.Account), start).ConfigureAwait(false),
            await facts.PointInForceAsync(point, start).ConfigureAwait(false));
        if (assigned is not { Event: TariffAssigned { Tariff: var id } }
            || await facts.KnownInForceAsync(Streams.Tariff(id), start).ConfigureAwait(false)
                is not { Event: TariffPublished tariff } known)
            throw new InvalidOperationException($"{run.Account} has no tariff on {RowJson.Day(run.Day)}");
        var pricing = new PricingFacts(new(known.Position, tariff), assigned.Position,
            new Dictionary<SettlementPointId, long> { [point] = master!.Position });
        return new(PricedPeriods.Of(new(registered, periods,
            await facts.MeteredAsync(point, run.Day, periods).ConfigureAwait(false)), tariff), pricing);
    }
}
