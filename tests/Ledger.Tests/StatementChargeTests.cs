using System.Globalization;
using CsCheck;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Settlement by a tariff with terms: the charges of a day are what the bill of its month grew by, so the days of a
/// month sum to its bill; lines and charges sum to the totals and the postings to zero. The law is tried with 10 000
/// samples every day and a million with LEDGER_LONG.
/// </summary>
public sealed class StatementChargeTests(ITestOutputHelper output) : IAsyncDisposable
{
    private static readonly PartyId Account = new("cpo");
    private static readonly SettlementPointId Point = new("S1-C1");
    private static readonly IReadOnlyList<int> AllYear = [.. Enumerable.Range(1, 12)];
    private static readonly IReadOnlyList<DayClass> AllDays = Enum.GetValues<DayClass>();
    private static readonly DateTimeZone Shanghai = DateTimeZoneProviders.Tzdb["Asia/Shanghai"];
    private readonly TestFolder folder = new();
    private SqliteJournal? journal;
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        if (journal is not null) await journal.DisposeAsync();
        folder.Dispose();
    }

    private static TariffPublished Tariff(
        int tierKwh = 30, decimal perKw = 10m, decimal? least = null, int lookback = 2) => new(
        new("T"), 1, "CNY", "Asia/Shanghai",
        [new(AllYear, AllDays, new(17, 0), new(20, 0), TariffPeriod.Peak),
            new(AllYear, AllDays, LocalTime.Midnight, null, TariffPeriod.Flat)],
        [new(TariffPeriod.Peak, 0.9m, 0.8m), new(TariffPeriod.Flat, 0.5m, 0.4m)], [], 3, 2,
        TariffTerms.None with
        {
            Prices =
            [
                new(AllYear, TariffPeriod.Flat, Direction.Import,
                    [new(tierKwh, TierUnit.Quantity, 0.5m), new(null, TierUnit.Quantity, 0.7m)], null),
            ],
            DemandCharges =
            [
                new("demand", [new(AllYear, AllDays, LocalTime.Midnight, null)],
                    [new(AllYear, [new(8m, TierUnit.Quantity, perKw), new(null, TierUnit.Quantity, 2 * perKw)])], 15,
                    15, DemandSpan.Month, DemandRatchet.None with
                    {
                        PercentByMonth = [.. Enumerable.Repeat(50m, 12)],
                        LookbackMonths = lookback,
                    }, null),
            ],
            Fees = [new("standing", FeeBasis.Month, 30m, 1, 0m), new("service", FeeBasis.Kwh, 0.1m, 1, null)],
            TaxPercent = 13m,
            Bounds = least is null ? null : new(BoundSpan.Month, least, null, null, null),
        });

    /// <summary>Watt-hours of four hours a day, import of each and export of some: energy is in whole steps of the
    /// tariff, so a day and its month round alike.</summary>
    private static List<BillLoad> Loads(int[] wattHours) => [.. wattHours.Select((wh, i) =>
    {
        var start = new LocalDate(2026, 5, 1).PlusDays(i / 96).AtStartOfDayInZone(Shanghai).ToInstant()
            + Duration.FromMinutes(15 * (i % 96));
        return new BillLoad(new(start, start + Duration.FromMinutes(15)), Energy.FromWattHours(wh),
            Energy.FromWattHours(wh % 7 == 0 ? wh : 0), []);
    })];

    [Fact]
    public void The_days_of_a_month_sum_to_its_bill()
    {
        var seen = new SampleShares(("above the tier", 40), ("the least price", 10), ("a later day sets the peak", 20));
        Gen.Select(Gen.Int[0, 3_000], Gen.Int, Gen.Int[1, 12], Gen.Int[0, 400], Gen.Int[1, 3]).Sample(
            (most, seed, tier, least, days) =>
            {
                var random = new Random(seed);
                var loads = Enumerable.Range(0, days).SelectMany(day => DayOf(random, day, most)).ToList();
                var tariff = Tariff(tier, random.Next(1, 20), least);
                var (total, peaks) = (0m, new List<decimal>());
                for (var day = 0; day < days; day++)
                {
                    var date = new LocalDate(2026, 5, 1).PlusDays(day);
                    var (start, end) = (SettlementCalendar.Day(Shanghai, date).Start,
                        SettlementCalendar.Day(Shanghai, date).End);
                    var upTo = loads.TakeWhile(load => load.Period.Start < end).ToList();
                    var statement = Statement.Build(Account, date, tariff,
                        upTo.SkipWhile(load => load.Period.Start < start).SelectMany(Quantities),
                        [new(Point, start, upTo, [])]);
                    total += statement.Lines.Sum(line => line.AmountExact!.Value)
                        + statement.Charges.Sum(charge => charge.AmountExact!.Value);
                    Sums(statement);
                    if (statement.Charges.Any(charge => charge.Part == BillPart.Demand)) peaks.Add(day);
                }

                var bill = Bill.Of(tariff, new(loads, [], []));
                total.ShouldBe(bill.Lines.Sum(line => line.AmountExact!.Value));
                seen.Add(bill.Lines.Any(line => line.Energy?.Tier == 2),
                    bill.Lines.Any(line => line.Name == "least price"), peaks.Any(day => day > 0));
            }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);
    }

    /// <summary>A day of some quarter hours of load in each of its tariff periods, and of the stretches between them in
    /// which nothing flowed, each as one: so that quarters can set a peak, and a month costs little to try.</summary>
    private static IEnumerable<BillLoad> DayOf(Random random, int day, int most)
    {
        var midnight = new LocalDate(2026, 5, 1).PlusDays(day).AtStartOfDayInZone(Shanghai).ToInstant();
        int[] loaded = [.. new[] { 0, 68, 80 }.SelectMany(first => Enumerable.Range(first, random.Next(1, 5)))];
        var at = 0;
        foreach (var edge in new[] { 68, 80, 96 })
            while (at < edge)
            {
                var next = loaded.Contains(at) ? at + 1 : edge;
                var wh = next == at + 1 ? random.Next(most + 1) : 0;
                var time = new Interval(
                    midnight + Duration.FromMinutes(15 * at), midnight + Duration.FromMinutes(15 * next));
                yield return new(time,
                    Energy.FromWattHours(wh), Energy.FromWattHours(wh % 7 == 0 ? wh : 0), []);
                at = next;
            }
    }

    private static IEnumerable<MeteredQuantity> Quantities(BillLoad load) =>
    [
        new(Point, Direction.Import, load.Period, load.Import, "record", ReadingQuality.Measured),
        new(Point, Direction.Export, load.Period, load.Export, "record", ReadingQuality.Measured),
    ];

    private static void Sums(Statement statement)
    {
        statement.Total.ShouldBe(statement.Lines.Sum(line => line.Amount ?? 0m)
            + statement.Charges.Sum(charge => charge.Amount ?? 0m));
        statement.Postings.Sum(posting => posting.Amount).ShouldBe(0m);
        statement.Charges.Index().All(charge => charge.Item.Number == statement.Lines.Count + charge.Index + 1)
            .ShouldBeTrue();
        statement.Texts.ShouldBe(statement.Lines.Count + statement.Charges.Count);
    }

    [Fact]
    public void A_tariff_with_terms_is_never_settled_by_its_energy_alone() => Should.Throw<ArgumentNullException>(() =>
        Statement.Build(Account, new(2026, 5, 1), Tariff(), Quantities(Loads([1])[0])));

    [Fact]
    public async Task A_run_bills_demand_tiers_fees_and_tax_and_is_derived_again()
    {
        journal = folder.Open();
        var begin = new LocalDate(2026, 4, 29).AtStartOfDayInZone(Shanghai).ToInstant();
        await Append(Streams.Point(Point), new SettlementPointRegistered(Point, new("S1"),
            SettlementPointKind.Connector, Account, "Asia/Shanghai", 15, Power.FromKilowatts(1000), false), begin);
        await Append(Streams.Tariff(new("T")), Tariff(), begin);
        await Append(Streams.Assignment(Account), new TariffAssigned(Account, new("T")), begin);
        // April's peak is 40 kW, so May bills at least 20; on 1 May it is 4 kW, on 2 May 28 kW in the peak period.
        await Curve(new(2026, 4, 29), [10_000]);
        await Curve(new(2026, 4, 30), []);
        await Curve(new(2026, 5, 1), [1_000, 1_000]);
        await Curve(new(2026, 5, 2), [.. Enumerable.Repeat(0, 68), 7_000, 0, 0, 0, .. Enumerable.Repeat(2_000, 24)]);

        var first = await Calculate(new(2026, 5, 1));
        Amounts(first).ShouldBe([
            // 8 kW at 10 and 12 kW at 20, by half of April's 40 kW.
            ("demand", 20m, 320m), ("standing", 1m, 30m), ("service", 2m, 0.2m),
            // 13 % of 2 kWh at 0.5, of the demand and of the service; the standing fee bears none.
            ("tax 13 %", 321.2m, 41.756m)]);
        first.Total.ShouldBe(1m + 320m + 30m + 0.2m + 41.76m);
        first.Incomplete.ShouldBeFalse();

        var second = await Calculate(new(2026, 5, 2));
        Amounts(second).ShouldBe([
            // 2 kWh of the first day and 32 of this one are 4 above the tier of 30, each 0.2 dearer.
            ("Import Flat, tier 2", 4m, 0.8m), ("demand", 8m, 160m), ("service", 55m, 5.5m),
            ("tax 13 %", 20.7m + 16m + 0.8m + 160m + 5.5m, 26.39m)]);
        second.ImportTotal.ShouldBe(23m * 0.9m + 32m * 0.5m);
        second.Total.ShouldBe(36.7m + 0.8m + 160m + 5.5m + 26.39m);
        Sums(second);
        // The journal's bytes bring the terms back, and the run comes out again from its position.
        await Record(new(2026, 5, 2), second);
        var row = new Answers(views).Runs().Single();
        row.Lines.ShouldBe(96 + 4);
        await Curve(new(2026, 5, 1), [9_000], version: 2);
        await CatchUp();
        (await Settlements.RederiveAsync(journal!, views, row, Ct)).Differs.ShouldBeNull();

        // A day before, without a fact of what was drawn, leaves demand and tiers unknown, and no final run.
        var third = await Calculate(new(2026, 5, 4));
        third.Incomplete.ShouldBeTrue();
        third.Charges.Single(charge => charge.Name == "demand").Amount.ShouldBeNull();
        Settlement.Decide(SettlementState.Empty, new(new("R"), RunKind.Final, "Asia/Shanghai", 1, "x", null), third,
            begin + Duration.FromDays(30), new("k")).ShouldBeOfType<Decision.Rejected>()
            .Code.ShouldBe(Rejection.PeriodIncomplete);
    }

    [Fact]
    public void A_final_run_needs_its_charges_too()
    {
        var load = Loads([1])[0];
        var statement = Statement.Build(Account, new(2026, 5, 1), Tariff(), Quantities(load),
            [new(Point, load.Period.Start, [load], [new("demand", new(2026, 4), null)])]);
        statement.Lines.ShouldAllBe(line => line.Problem == null);
        statement.Incomplete.ShouldBeTrue();
        var rejected = Settlement.Decide(SettlementState.Empty,
            new(new("R"), RunKind.Final, "Asia/Shanghai", 1, "x", null), statement, Instant.FromUtc(2027, 1, 1, 0, 0), new("k"))
            .ShouldBeOfType<Decision.Rejected>();
        rejected.Code.ShouldBe(Rejection.PeriodIncomplete);
        rejected.Detail.ShouldStartWith("S1-C1 demand: the peak of a month 4 that is looked back at is unknown");
    }

    private readonly MemoryViews views = new();

    private static List<(string, decimal?, decimal?)> Amounts(Statement statement) =>
        [.. statement.Charges.Select(charge => (charge.Name, charge.Quantity, charge.AmountExact))];

    private async Task Append(string stream, LedgerEvent fact, Instant at) =>
        (await journal!.AppendAsync(stream, ExpectedRevision.Any, [NewFact.At(fact, at, new EvidenceKey(
            journal.Length.ToString(CultureInfo.InvariantCulture)))], TestFolder.Tester, null, Ct))
            .ShouldBeOfType<AppendResult.Recorded>();

    /// <summary>Watt-hours of the first quarters of a day; the others are zero.</summary>
    private async Task Curve(LocalDate day, int[] wattHours, int version = 1)
    {
        var midnight = day.AtStartOfDayInZone(Shanghai).ToInstant();
        for (var i = 0; i < 96; i++)
        {
            var from = midnight + Duration.FromMinutes(15 * i);
            await Append(Streams.Curve(Point, day), new IntervalRecorded(
                Point, new Interval(from, from + Duration.FromMinutes(15)), version, IntervalRecordState.Final,
                Energy.FromWattHours(i < wattHours.Length ? wattHours[i] : 0), Energy.Zero, Power.Zero,
                Power.FromKilowatts(100), 900_000_000, 0, [], 900, 0, 0, 0, 0, ReadingQuality.Measured, null,
                new(new string('a', 64))), from);
        }
    }

    private Task CatchUp() => new ProjectionRunner(journal!, views, StandardProjections.All,
        (wire, version, payload) => EventCodec.Decode(wire, version, payload)).CatchUpAsync(Ct);

    private async Task<Statement> Calculate(LocalDate day)
    {
        await CatchUp();
        return (await Settlements.CalculateAsync(journal!, views, Account, day, journal!.Length, Ct))
            .ShouldBeOfType<SettlementCalculation.Calculated>().Statement;
    }

    private async Task Record(LocalDate day, Statement statement)
    {
        var calculated = (SettlementCalculation.Calculated)await Settlements.CalculateAsync(
            journal!, views, Account, day, journal!.Length, Ct);
        var decided = Settlement.Decide(SettlementState.Empty, calculated.Request(new("R1"), RunKind.Final, null),
            statement, Instant.FromUtc(2026, 6, 1, 0, 0), new("R1")).ShouldBeOfType<Decision.Accepted>();
        await journal!.AppendAsync(
            Streams.Settlement(Account, day), ExpectedRevision.Any, decided.Facts, TestFolder.Tester, null, Ct);
        await CatchUp();
    }
}
