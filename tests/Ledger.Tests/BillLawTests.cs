using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Laws of bills over quarter hours around a month's end and a change of clocks, with tiers, demand, fees, tax and
/// bounds, energy that is missing and prices that are not there.
/// </summary>
public sealed class BillLawTests(ITestOutputHelper output)
{
    private static readonly (string Zone, LocalDateTime Start)[] Starts =
    [
        ("Europe/Berlin", new(2026, 3, 29, 0, 0)), ("Europe/Berlin", new(2026, 10, 31, 12, 0)),
        ("Asia/Shanghai", new(2026, 6, 30, 18, 0)), ("Australia/Lord_Howe", new(2026, 4, 4, 20, 0)),
    ];

    /// <summary>The numbers of a tariff, of which <see cref="Of"/> makes a tariff and the second computation a
    /// total.</summary>
    private sealed record Numbers(
        int PeakCents, int FlatCents, int UpperCents, int TierKwh, int PerKw, int MinimumKw, int DayCents,
        int TaxPercent, int ExportCents, bool PeakPriced);

    private sealed record Case((string Zone, LocalDateTime Start) At, Numbers Numbers, int?[] Import, int[] Export);

    private static readonly IReadOnlyList<int> AllYear = [.. Enumerable.Range(1, 12)];
    private static readonly IReadOnlyList<DayClass> AllDays = Enum.GetValues<DayClass>();

    private static readonly Gen<Numbers> AnyNumbers = Gen.Select(
        Gen.Int[0, 300], Gen.Int[0, 200], Gen.Int[0, 400], Gen.Int[1, 400],
        Gen.Select(Gen.Int[0, 50], Gen.Int[0, 60], Gen.Int[0, 99], Gen.Int[0, 25]),
        Gen.Int[-20, 50], Gen.Int[0, 9],
        (peak, flat, upper, tier, charges, export, priced) => new Numbers(
            peak, flat, upper, tier, charges.Item1, charges.Item2, charges.Item3, charges.Item4, export, priced > 0));

    // In watt-hours of a quarter; one in a hundred is unknown, in three of four cases.
    private static readonly Gen<Case> Cases = Gen.Select(
        Gen.Int[0, Starts.Length - 1], AnyNumbers, Gen.Int[0, 3], Gen.Int[0, 6_000].Array[24, 72], Gen.Int,
        (start, numbers, holes, wattHours, seed) =>
        {
            var random = new Random(seed);
            return new Case(Starts[start], numbers,
                [.. wattHours.Select(wh => holes == 0 && random.Next(30) == 0 ? (int?)null : wh)],
                [.. wattHours.Select(_ => random.Next(4) == 0 ? random.Next(4_000) : 0)]);
        });

    private static TariffPublished Of(Case drawn)
    {
        var n = drawn.Numbers;
        return new(new("T"), 1, "EUR", drawn.At.Zone,
            [new(AllYear, AllDays, new(17, 0), new(20, 0), TariffPeriod.Peak),
                new(AllYear, AllDays, LocalTime.Midnight, null, TariffPeriod.Flat)],
            n.PeakPriced ? [new(TariffPeriod.Peak, n.PeakCents / 1_000m, n.ExportCents / 1_000m)] : [], [], 3, 2,
            TariffTerms.None with
            {
                Prices =
                [
                    new(AllYear, TariffPeriod.Flat, Direction.Import,
                        [new(n.TierKwh, TierUnit.Quantity, n.FlatCents / 1_000m),
                            new(null, TierUnit.Quantity, n.UpperCents / 1_000m)], null),
                    new(AllYear, TariffPeriod.Flat, Direction.Export,
                        [new(null, TierUnit.Quantity, n.ExportCents / 1_000m)], 0m),
                ],
                DemandCharges =
                [
                    new("demand", [new(AllYear, AllDays, LocalTime.Midnight, null)],
                        [new(AllYear, [new(null, TierUnit.Quantity, n.PerKw / 10m)])], 15, 15, DemandSpan.Month,
                        DemandRatchet.None with { MinimumKw = n.MinimumKw }, null),
                ],
                Fees = [new("standing", FeeBasis.Day, n.DayCents / 100m, 1, null)],
                TaxPercent = n.TaxPercent,
            });
    }

    private static List<BillLoad> Loads(Case drawn)
    {
        var start = drawn.At.Start.InZoneStrictly(DateTimeZoneProviders.Tzdb[drawn.At.Zone]).ToInstant();
        return [.. drawn.Import.Select((wh, i) => new BillLoad(
            Quarter(start, i), wh is { } known ? Energy.FromWattHours(known) : null,
            Energy.FromWattHours(drawn.Export[i]), []))];
    }

    private static Interval Quarter(Instant start, int i) =>
        new(start + Duration.FromMinutes(15 * i), start + Duration.FromMinutes(15 * i + 15));

    private static Bill Of(Case drawn, IReadOnlyList<BillLoad> loads) => Bill.Of(Of(drawn), new(loads, [], []));

    [Fact]
    public void Lines_sum_to_totals_and_what_is_missing_has_no_total()
    {
        var seen = new SampleShares(("two months", 20), ("incomplete", 10), ("a price missing", 3), ("a residual", 5));
        Cases.Sample(drawn =>
        {
            var bill = Of(drawn, Loads(drawn));
            bill.Lines.Index().All(line => line.Item.Number == line.Index + 1).ShouldBeTrue();
            var (lines, totals) = (bill.Lines, bill.Totals);
            foreach (var (part, total) in new[] { (BillPart.Energy, totals.Energy), (BillPart.Demand, totals.Demand),
                (BillPart.Fixed, totals.Fixed), (BillPart.Fees, totals.Fees), (BillPart.Tax, totals.Tax) })
                total.ShouldBe(lines.Any(line => line.Part == part && line.Amount is null) ? null
                    : lines.Where(line => line.Part == part).Sum(line => line.Amount));
            lines.All(line => line.Problem is null == line.Amount is not null).ShouldBeTrue();
            totals.Total.ShouldBe(bill.Incomplete ? null : lines.Sum(line => line.Amount));
            lines.Sum(line => line.AmountExact ?? 0m).ShouldBe(lines.Sum(line => line.Amount ?? 0m) + bill.Residual);
            Math.Abs(bill.Residual).ShouldBeLessThanOrEqualTo(0.005m);
            bill.Incomplete.ShouldBe(drawn.Import.Any(wh => wh is null)
                || lines.Any(line => line.Problem == "price missing"));
            seen.Add(lines.Select(line => line.Of.Month).Distinct().Count() > 1, bill.Incomplete,
                lines.Any(line => line.Problem == "price missing"), bill.Residual != 0m);
        }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);
    }

    /// <summary>A second computation that knows no lines: quarter by quarter, then month by month.</summary>
    [Fact]
    public void A_bill_is_what_a_second_computation_makes_of_the_same_numbers()
    {
        var seen = new SampleShares(("above the tier", 10), ("minimum demand", 5), ("export", 80));
        Cases.Where(drawn => drawn.Numbers.PeakPriced && drawn.Import.All(wh => wh is not null)).Sample(drawn =>
        {
            var n = drawn.Numbers;
            var zone = DateTimeZoneProviders.Tzdb[drawn.At.Zone];
            var start = drawn.At.Start.InZoneStrictly(zone).ToInstant();
            var months = Enumerable.Range(0, drawn.Import.Length)
                .Select(i => (At: (start + Duration.FromMinutes(15 * i)).InZone(zone).LocalDateTime,
                    Import: drawn.Import[i]!.Value / 1_000m, Export: drawn.Export[i] / 1_000m))
                .GroupBy(quarter => quarter.At.Month).ToList();
            var total = 0m;
            foreach (var month in months)
            {
                var peak = month.Where(q => q.At.Hour is >= 17 and < 20).Sum(q => q.Import) * n.PeakCents / 1_000m;
                var flat = month.Where(q => q.At.Hour is < 17 or >= 20).Sum(q => q.Import);
                var upper = Math.Max(0m, flat - n.TierKwh);
                var taxed = peak + (flat - upper) * n.FlatCents / 1_000m + upper * n.UpperCents / 1_000m
                    + Math.Max(n.MinimumKw, month.Max(q => q.Import) * 4m) * n.PerKw / 10m
                    + month.Select(q => q.At.Date).Distinct().Count() * n.DayCents / 100m
                    - month.Where(q => q.At.Hour is >= 17 and < 20).Sum(q => q.Export) * n.ExportCents / 1_000m;
                total += taxed * (100m + n.TaxPercent) / 100m
                    - month.Where(q => q.At.Hour is < 17 or >= 20).Sum(q => q.Export) * n.ExportCents / 1_000m;
                seen.Add(upper > 0m, month.Max(q => q.Import) * 4m < n.MinimumKw, month.Any(q => q.Export > 0m));
            }

            Of(drawn, Loads(drawn)).Lines.Sum(line => line.AmountExact!.Value).ShouldBe(total);
        }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);
    }

    [Fact]
    public void Periods_that_are_split_or_merged_cost_the_same()
    {
        Gen.Select(Cases, Gen.Int).Sample((drawn, seed) =>
        {
            var random = new Random(seed);
            var whole = Loads(drawn);
            var split = whole.SelectMany(load => Split(load, random)).ToList();
            var (bill, again) = (Of(drawn, whole), Of(drawn, split));
            again.Lines.Select(Costs).ShouldBe(bill.Lines.Select(Costs));
            again.Totals.ShouldBe(bill.Totals);
        }, iter: LongRun.Samples);

        static (int, BillPart, string, decimal?, decimal?, decimal?) Costs(BillLine line) =>
            (line.Number, line.Part, line.Name, line.Quantity, line.AmountExact, line.Amount);
    }

    private static IEnumerable<BillLoad> Split(BillLoad load, Random random)
    {
        var at = load.Period.Start;
        var (import, export) = (load.Import, load.Export);
        for (var minutes = random.Next(1, 15); minutes < 15; minutes += random.Next(1, 15))
        {
            var to = load.Period.Start + Duration.FromMinutes(minutes);
            var part = new BillLoad(new(at, to), Part(import, random), Part(export, random), []);
            yield return part;
            (at, import, export) = (to, import - part.Import, export - part.Export);
        }

        yield return new(new(at, load.Period.End), import, export, []);
    }

    private static Energy? Part(Energy? whole, Random random) =>
        whole is { } known ? new Energy(known.HalfNanojoules * random.Next(0, 101) / 100) : null;

    [Fact]
    public void A_bill_and_its_credit_are_nothing()
    {
        Cases.Sample(drawn =>
        {
            var bill = Of(drawn, Loads(drawn));
            var credit = bill.Credit();
            foreach (var (line, back) in bill.Lines.Zip(credit.Lines))
                (line.Amount + back.Amount, line.AmountExact + back.AmountExact, line.Problem, line.Number)
                    .ShouldBe((line.Amount is null ? null : 0m, line.Amount is null ? null : 0m, back.Problem,
                        back.Number));
            (bill.Totals.Total + credit.Totals.Total).ShouldBe(bill.Incomplete ? null : 0m);
            (bill.Residual + credit.Residual).ShouldBe(0m);
            // Rounding what is credited gives what was credited: nothing is rounded twice, or the other way.
            StatementRounding.Apply([.. credit.Lines.Select(line => line.AmountExact).OfType<decimal>()], 2).Rounded
                .ShouldBe(credit.Lines.Select(line => line.Amount).OfType<decimal>());
        }, iter: LongRun.Samples);
    }

    [Fact]
    public void Billed_demand_never_falls_where_a_peak_rises()
    {
        var seen = new SampleShares(("an earlier peak binds", 10), ("the least binds", 5), ("wraps", 20));
        Gen.Select(Gen.Int[0, 1_000].Array[12], Gen.Int[0, 1_000].Array[12], Gen.Int[0, 100].Array[12],
            Gen.Int[0, 12], Gen.Int[0, 800], Gen.Int[0, 23], Gen.Bool).Sample(
            (peaks, before, percents, lookback, least, raised, wraps) =>
            {
                var rule = new DemandRatchet([.. percents.Select(percent => (decimal)percent)],
                    lookback == 0 ? null : lookback, least, wraps);
                var (low, high) = (Of(peaks, before, 0), Of(peaks, before, 1));
                foreach (var (month, (was, now)) in low.Zip(high).Index())
                {
                    now.Kw!.Value.ShouldBeGreaterThanOrEqualTo(was.Kw!.Value);
                    was.Kw.Value.ShouldBe(Reference(month));
                }

                seen.Add(low.Any(billed => billed.Because.Contains('%')),
                    low.Any(billed => billed.Because.StartsWith("least", StringComparison.Ordinal)), wraps);

                IReadOnlyList<BilledDemand> Of(int[] own, int[] earlier, int more) => BillingDemand.Of(rule,
                    Months([.. own.Select((kw, i) => i == raised - 12 ? kw + more : kw)]),
                    Months([.. earlier.Select((kw, i) => i == raised ? kw + more : kw)]));

                // Twenty-four months in one row, and every month that may count asked by its number.
                decimal Reference(int month)
                {
                    var highest = Math.Max(peaks[month], least);
                    var kept = Enumerable.Range(0, 24).Where(at => lookback == 0
                            || (wraps ? Enumerable.Range(1, lookback).Any(back =>
                                at == 12 + ((month - back) % 12 + 12) % 12)
                                : at < 12 + month && at >= 12 + month - lookback))
                        .Select(at => (at < 12 ? before[at] : peaks[at - 12]) * (decimal)percents[at % 12] / 100m);
                    return kept.Append(highest).Max();
                }
            }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);

        static List<MonthPeak> Months(int[] peaks) => [.. peaks.Select((kw, i) => new MonthPeak(i + 1, kw))];
    }

    /// <summary>
    /// A month that is billed in two parts, the second after the peak of the first, costs what it costs whole: whatever
    /// a ratchet, the least that is agreed, or tiers make of its peaks, and whatever peak of the month before is kept.
    /// </summary>
    [Fact]
    public void Two_parts_of_a_month_cost_what_the_whole_of_it_costs()
    {
        var seen = new SampleShares(("a minimum holds for both", 8), ("a kept peak holds for both", 4),
            ("the second part grows it", 8), ("a first part of nothing", 4));
        Gen.Int[0, int.MaxValue].Sample(seed =>
        {
            var random = new Random(seed);
            var ratchet = new DemandRatchet(
                [.. Enumerable.Repeat(random.Next(3) * 40m, 12)], 1, random.Next(3) * 30m, false);
            var tariff = new TariffPublished(new("T"), 1, "EUR", "Etc/UTC",
                [new(AllYear, AllDays, LocalTime.Midnight, null, TariffPeriod.Flat)],
                [new(TariffPeriod.Flat, 0m, 0m)], [], 3, 2, TariffTerms.None with
                {
                    DemandCharges = [new("demand", [new(AllYear, AllDays, LocalTime.Midnight, null)],
                        [new(AllYear, [new(45m, TierUnit.Quantity, 10m), new(null, TierUnit.Quantity, 25m)])], 60, 60,
                        DemandSpan.Month, ratchet, null)],
                });
            var start = Instant.FromUtc(2026, 7, 1, 0, 0);
            var most = random.Next(1, 100);
            var kw = Enumerable.Range(0, 8).Select(_ => random.Next(4) == 0 ? 0 : random.Next(0, most)).ToList();
            var parted = random.Next(1, 8);
            if (random.Next(10) == 0) for (var i = 0; i < parted; i++) kw[i] = 0;
            IReadOnlyList<BillLoad> loads = [.. kw.Select((each, i) => new BillLoad(
                new(start + Duration.FromHours(i), start + Duration.FromHours(i + 1)),
                Energy.FromWattHours(each * 1000), Energy.Zero, []))];
            EarlierPeak Peak(int month, int peak) => new("demand", new(2026, month), peak);
            EarlierPeak[] june = random.Next(3) == 0 ? [] : [Peak(6, random.Next(0, 120))];
            decimal Demand(IReadOnlyList<BillLoad> of, params EarlierPeak[] earlier) =>
                Bill.Of(tariff, new(of, [], earlier)).Totals.Demand!.Value;
            var (first, second) = (kw[..parted].Max(), kw[parted..].Max());
            var whole = Demand(loads, june);
            (Demand([.. loads.Take(parted)], june) + Demand([.. loads.Skip(parted)], [.. june, Peak(7, first)]))
                .ShouldBe(whole, $"{ratchet} {string.Join(' ', kw)} at {parted}, June {june.FirstOrDefault()?.Kw}");
            var kept = (june.FirstOrDefault()?.Kw ?? 0m) * ratchet.PercentByMonth[0] / 100m;
            seen.Add(ratchet.MinimumKw > kept && ratchet.MinimumKw > Math.Max(first, second),
                kept > ratchet.MinimumKw && kept > Math.Max(first, second),
                second > first && second > Math.Max(kept, ratchet.MinimumKw), first == 0);
        }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);
    }
}
