using CsCheck;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Tests;

/// <summary>A settled day of one point by a tariff with charges: its month so far, and the month before.</summary>
internal sealed record ChargedDay(
    TariffPublished Tariff, LocalDate Day, IReadOnlyList<BillLoad> Loads, IReadOnlyList<BillLoad> Earlier)
{
    public static readonly SettlementPointId Point = new("P1");
    private static readonly DateTimeZone Zone = DateTimeZoneProviders.Tzdb["Europe/Berlin"];

    public Instant Start => SettlementCalendar.Day(Zone, Day).Start;

    /// <summary>Who stood there; a fee is due for it.</summary>
    public IReadOnlyList<StandingStay> Stays { get; init; } = [];

    public Statement Build(PartyId account) => Statement.Build(account, Day, Tariff,
        Loads.Where(load => load.Period.Start >= Start).SelectMany(Quantities),
        [new(Point, Start, Loads, [.. Peaks()]) { Stays = [.. Stays.Select(stay => stay.Time)] }], null, Standing);

    /// <summary>The account has had the point on each of its days, now and then but for the first.</summary>
    public AccountMonth Standing => new(Day, [.. Loads.Select(load =>
            SettlementCalendar.DayContaining(Zone, load.Period.Start)).Distinct().Skip(SkippedDays).Select(day =>
            new StandingDay(day, new(500, new(Point, new("S"), SettlementPointKind.Connector, new("A"), Zone.Id, 15,
                Power.Zero, false))))]);

    private int SkippedDays => Loads[0].Period.Start != Start && Loads.Count % 2 == 0 ? 1 : 0;

    /// <summary>As a settlement measures them: of each charge that looks back.</summary>
    private IEnumerable<EarlierPeak> Peaks() => Earlier.Count == 0 ? [] : Tariff.Terms!.DemandCharges
        .Where(charge => charge.Ratchet?.LookbackMonths >= 1).SelectMany(charge =>
            MeasuredDemand.Of(charge, Tariff, Zone, Earlier).Select(span => new EarlierPeak(
                charge.Name, Day.ToYearMonth().PlusMonths(-1), span.Highest?.Kilowatts)));

    private static IEnumerable<MeteredQuantity> Quantities(BillLoad load) =>
        Enum.GetValues<Direction>().Select(direction => new MeteredQuantity(Point, direction, load.Period,
            load.Of(direction), "record", ReadingQuality.Measured));

    /// <summary>The same with the reasons of each energy: here that it was drawn.</summary>
    public ReasonedMonth Reasoned() => new(Day, Periods(Loads), Earlier.Count == 0 ? []
        : [(Day.ToYearMonth().PlusMonths(-1), Periods(Earlier))])
    { Stays = Stays };

    private static IReadOnlyList<ReasonedPeriod> Periods(IReadOnlyList<BillLoad> loads) => [.. loads.Select((load, i) =>
        new ReasonedPeriod(load.Period, SettlementCalendar.DayContaining(Zone, load.Period.Start),
            Value(2 * i, load.Import), Value(2 * i + 1, load.Export)))];

    private static ExplainedValue Value(long position, Energy? energy) => ExplainedValue.Of(position, "energy",
        ExplainedValue.HalfNanojoules, energy is { } known ? $"{known.HalfNanojoules}" : ExplainedValue.None);

    /// <summary>One to three days around the hour in which the clock changes, in periods of a quarter, half or whole
    /// hour, mostly the fewest of both, so that many can be tried; with gaps; by tariffs of tiers in kWh and in hours
    /// of use, demand that slides, by day or month, with ratchet and windows, fees, taxes and bounds.</summary>
    public static readonly Gen<ChargedDay> All = Gen.Select(
        Gen.Int[0, int.MaxValue], Gen.Int[0, 19], Gen.Int[0, 19], Gen.Int[0, 12], (seed, many, fine, gaps) =>
        {
            var random = new Random(seed);
            var day = random.Next(2) == 0 ? new LocalDate(2026, 3, 28) : new LocalDate(2026, 10, 1);
            return Drawn(random, day, many switch { 0 => 3, < 5 => 2, _ => 1 },
                fine switch { 0 => 15, < 3 => 30, _ => 60 }, gaps);
        });

    /// <summary>The same day with some energies drawn anew, as after a correction.</summary>
    public ChargedDay Corrected(int seed, int share)
    {
        var random = new Random(seed);
        BillLoad Again(BillLoad load) => random.Next(100) >= share
            || load.Period.Duration > Duration.FromHours(1) ? load
            : load with { Import = Drawn(random, 12), Export = load.Export is null ? null : Drawn(random, 0) };
        return this with { Loads = [.. Loads.Select(Again)], Earlier = [.. Earlier.Select(Again)] };
    }

    private static ChargedDay Drawn(Random random, LocalDate first, int days, int minutes, int gaps)
    {
        IEnumerable<BillLoad> Of(LocalDate day)
        {
            SettlementCalendar.TryPeriods(Zone, day, minutes, out var periods, out _);
            var whole = SettlementCalendar.Day(Zone, day);
            // Of most days the morning is tried, in which every price and window begins, and afterwards nothing flows.
            var (noon, evening) = (whole.End - Duration.FromHours(random.Next(10) == 0 ? 0 : random.Next(11, 15)),
                whole.End - Duration.FromHours(4));
            Interval[] still = noon == whole.End ? [] : [new(noon, evening), new(evening, whole.End)];
            return periods.Where(period => period.End <= noon).Select(period => new BillLoad(period,
                random.Next(12) < gaps && random.Next(400) == 0 ? null : Drawn(random, 0),
                random.Next(9) == 0 ? Drawn(random, 0) : Energy.Zero, []))
                .Concat(still.Select(time => new BillLoad(time, Energy.Zero, Energy.Zero, [])));
        }

        return new(Tariffs(random, minutes), first.PlusDays(days - 1),
            [.. Enumerable.Range(0, days).SelectMany(day => Of(first.PlusDays(day)))],
            random.Next(3) == 0 ? [] : [.. Of(first.PlusMonths(-1))])
        {
            Stays = BilledStays.Standing(States(random, SettlementCalendar.Day(Zone, first).Start),
                SettlementCalendar.Day(Zone, first.PlusDays(days - 1)).End),
        };
    }

    /// <summary>From some hours before the first day on: one comes, one leaves, at any second.</summary>
    private static IEnumerable<Positioned<ChargingStateRecorded>> States(Random random, Instant from)
    {
        var at = from - Duration.FromHours(random.Next(0, 9));
        for (var i = 0; i < random.Next(0, 7); i++)
        {
            yield return new(1_000 + i, new(Point, at, i % 2 == 0, null, null, null, null, "csms"));
            at += Duration.FromSeconds(random.Next(1, 60_000));
        }
    }

    private static Energy? Drawn(Random random, int gaps) => random.Next(100) < gaps ? null : random.Next(3) switch
    {
        0 => Energy.Zero,
        1 => Energy.FromWattHours(random.Next(9_000)),
        _ => new Energy(random.NextInt64(20_000_000_000_000_000)),
    };

    /// <param name="minutes">Of a period; demand is mostly measured over no less, else nobody knows it.</param>
    private static TariffPublished Tariffs(Random random, int minutes)
    {
        decimal Price() => random.Next(1, 2_000) / 1_000m;
        decimal? Tax() => random.Next(4) switch { 0 => 0m, 1 => 19m, 2 => 6.5m, _ => null };
        IReadOnlyList<int> months = [.. Enumerable.Range(1, 12)];
        IReadOnlyList<DayClass> days = Enum.GetValues<DayClass>();
        var byUse = random.Next(3) == 0;
        PriceTier[] tiers = byUse
            ? [new(random.Next(1, 20), TierUnit.Quantity, Price()),
                new(random.Next(1, 3), TierUnit.HoursOfUse, Price()), new(null, TierUnit.HoursOfUse, Price())]
            : [new(random.Next(1, 90), TierUnit.Quantity, Price()), new(null, TierUnit.Quantity, Price())];
        var interval = random.Next(4) == 0 ? 15 : Math.Max(minutes, random.Next(2) == 0 ? 30 : 60);
        var from = new LocalTime(random.Next(0, 3), 0);
        DemandCharge Demand(string name, DemandSpan per) => new(name,
            [new(months, random.Next(3) == 0 ? [DayClass.Weekday] : days, from,
                random.Next(2) == 0 ? null : new(20, 0))],
            [new(months, random.Next(2) == 0 ? [new(null, TierUnit.Quantity, Price())]
                : [new(random.Next(1, 30), TierUnit.Quantity, Price()), new(null, TierUnit.Quantity, Price())])],
            interval, random.Next(2) == 0 ? interval : Math.Min(interval, minutes), per,
            per == DemandSpan.Month && random.Next(2) == 0
                ? DemandRatchet.None with
                {
                    PercentByMonth = [.. Enumerable.Repeat((decimal)random.Next(0, 101), 12)],
                    LookbackMonths = 1,
                    MinimumKw = random.Next(0, 5),
                } : null, Tax());
        var bound = random.Next(4);
        return new(new("T"), 1, "EUR", "Europe/Berlin",
            [new(months, days, new(random.Next(6, 9), random.Next(5) == 0 ? 30 : 0), new(20, 0), TariffPeriod.Peak),
                new(months, days, LocalTime.Midnight, null, TariffPeriod.Flat)],
            [new(TariffPeriod.Peak, Price(), Price()), new(TariffPeriod.Flat, Price(), Price())], [], random.Next(0, 4),
            2, TariffTerms.None with
            {
                Prices = [new(months, TariffPeriod.Peak, Direction.Import, tiers, Tax()),
                    .. random.Next(2) == 0 ? (EnergyPrice[])[new(months, TariffPeriod.Flat, Direction.Export,
                        [new(5m, TierUnit.Quantity, Price()), new(null, TierUnit.Quantity, Price())], Tax())] : []],
                DemandCharges = random.Next(3) == 0 && !byUse ? [Demand("daily", DemandSpan.Day)]
                    : [Demand("demand", DemandSpan.Month), Demand("daily", DemandSpan.Day)],
                UseBy = byUse ? "demand" : null,
                Fees = [new("contract", random.Next(2) == 0 ? FeeBasis.Month : FeeBasis.Day, Price(), 1, Tax(),
                    random.Next(4) == 0 ? FeeBearer.Point : FeeBearer.Account),
                    new("standing", FeeBasis.Month, Price(), 1, Tax()), new("by day", FeeBasis.Day, Price(), 1, Tax()),
                    new("service", FeeBasis.Kwh, Price(), 1, Tax()), new("session", FeeBasis.Session, Price(), 1, Tax()),
                    new("parking", FeeBasis.ParkedHour, Price(), random.Next(2) == 0 ? 1 : 900, Tax())],
                TaxPercent = random.Next(3) * 7,
                Bounds = bound == 0 ? null : new(BoundSpan.Month, random.Next(400), bound == 2 ? 450m : null,
                    bound == 3 ? 500m : null, null),
            });
    }
}
