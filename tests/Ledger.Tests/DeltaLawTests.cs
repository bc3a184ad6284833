using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Laws of corrections and of double entries: a run and its deltas are the run again, a run and its credit
/// are nothing, and nothing is made or lost in energy or money.</summary>
public sealed class DeltaLawTests(ITestOutputHelper output)
{
    private static readonly Instant Start = Instant.FromUtc(2026, 6, 2, 0, 0);

    /// <summary>Of each of twelve periods, of two points in both directions: energy or none, and present or
    /// not.</summary>
    private static readonly Gen<Statement> Statements = Gen.Select(
        Gen.Select(Gen.Int[0, 9], Gen.Long[0, 40_000_000_000_000_000]).Array[24], Gen.Int[0, 3], Gen.Int[0, 900],
        Gen.Select(Gen.Int[0, 5], Gen.Int[-900, 900]).Array[0, 4],
        (draws, priced, flat, paid) => Statement.Build(new("A"), new(2026, 6, 2), Tariff(priced, flat),
            draws.Select((draw, i) => (draw, i)).Where(each => each.draw.Item1 != 9).Select(each =>
                new MeteredQuantity(new(each.i < 12 ? "P1" : "P2"), each.i % 12 < 6 ? Direction.Import : Direction.Export,
                    Hour(each.i % 6), each.draw.Item1 == 0 ? null : new Energy(each.draw.Item2), "record",
                    ReadingQuality.Measured)), null, paid.Select((each, i) => Paid(i, each.Item1, each.Item2))));

    /// <summary>What a programme pays or takes back of an hour; unproven now and then.</summary>
    private static FlexibilityLine Paid(int i, int kind, int cents) => new(0, kind == 4 ? null : new("I1"), new("F"), "P1",
        Hour(i), (FlexibilityKind)Math.Clamp(kind, 1, 4), kind == 3 ? null : Math.Abs(cents) / 8m,
        kind == 5 ? null : cents / 100m, "CNY", new("dso"), new("A"), "pack v1", kind == 5 ? "unproven" : null);

    [Fact]
    public void A_run_and_its_deltas_are_the_day_run_again_and_a_run_and_its_credit_are_nothing() =>
        Gen.Select(Statements, Statements, Statements).Sample((original, second, third) =>
        {
            var (first, next) = (StatementDeltas.Between(original, second), StatementDeltas.Between(second, third));
            StatementDeltas.Unlike(original, [first], second).ShouldBeNull();
            StatementDeltas.Unlike(original, [first, next], third).ShouldBeNull();
            (original.Total + first.Total + next.Total).ShouldBe(third.Total);
            first.Postings(new("A")).Sum(posting => posting.Amount).ShouldBe(0m);
            var credit = StatementDeltas.Between(original, null);
            StatementDeltas.Unlike(original, [credit], null).ShouldBeNull();
            (original.Total + credit.Total).ShouldBe(0m);
            StatementDeltas.Between(original, original).Count.ShouldBe(0);
            // What changed in words is all that changed.
            static decimal Paid(Statement statement) => statement.Flexibility.Sum(line => line.Amount ?? 0m);
            (Paid(original) + FlexibilityLines.Difference(original, second)
                .Sum(each => (each.After ?? 0m) - (each.Before ?? 0m))).ShouldBe(Paid(second));
            // A delta that is another is seen.
            if (first.Lines.FirstOrDefault(line => line.Amount != 0m) is { } moved)
                StatementDeltas.Unlike(original, [first with
                {
                    Lines = [.. first.Lines.Select(line => line == moved
                        ? line with { Amount = line.Amount + 0.01m } : line)],
                }], second).ShouldNotBeNull();
        }, iter: LongRun.Samples);

    [Fact]
    public void What_another_pays_now_is_given_back_to_whoever_paid_it()
    {
        static Statement By(string payer) => Statement.Build(new("A"), new(2026, 6, 2), Tariff(0, 0), [], null,
            [Paid(0, 4, -1000) with { Payer = new(payer) }]);
        var (before, after) = (By("dso"), By("tso"));
        var deltas = StatementDeltas.Between(before, after);
        deltas.Flexibility.Select(line => $"{line.Number} {line.Payer} {line.Amount} {line.Source}")
            .ShouldBe(["1 dso 10.00 reverses line 1", "2 tso -10.00 pack v1"]);
        deltas.Postings(new("A")).Where(posting => posting.Amount != 0m)
            .Select(posting => $"{posting.Account} {posting.Amount}").ShouldBe(["flexibility/A 10.00", "flexibility/dso -10.00",
                "flexibility/A -10.00", "flexibility/tso 10.00"]);
        StatementDeltas.Unlike(before, [deltas], after).ShouldBeNull();
        StatementDeltas.Unlike(before, [], after).ShouldNotBeNull();
        FlexibilityLines.Difference(before, after).ShouldHaveSingleItem().Cause
            .ShouldBe("paid by dso → by tso, by pack v1");
    }

    [Fact]
    public void Double_entries_conserve_energy_and_money_and_a_missing_one_is_seen()
    {
        var seen = new SampleShares(("without a price", 10), ("loss", 80), ("flexibility", 30), ("two grids", 20));
        Gen.Select(Statements, Gen.Bool, Gen.Int[0, 99]).Sample((statement, published, at) =>
        {
            var flexibility = statement.Flexibility;
            // Named or not, in one grid or in two, also where the account sells to itself in its own grid.
            PartyId[] parties = [new("A"), new("dso"), new("retail")];
            statement = statement with
            {
                Parties = new(at % 4 == 0 ? null : parties[at % 3], at % 5 == 0 ? StatementParties.Unnamed.Grids
                    : new Dictionary<SettlementPointId, PartyId>
                    {
                        [new("P1")] = parties[at % 3],
                        [new("P2")] = parties[at % 2],
                    }),
            };
            var entries = DoubleEntry.Of(statement, published);
            DoubleEntry.NotConserved(statement, entries).ShouldBeNull();
            entries.All(entry => entry.Energy is null != entry.Money is null && entry.From != entry.To
                && (entry.Energy ?? Energy.Zero) >= Energy.Zero && (entry.Money ?? 0m) >= 0m
                && (published || entry.Standing == EntryStanding.Pending)).ShouldBeTrue();
            // What has no price yet is pending also when the rest is posted.
            if (published)
                entries.Any(entry => entry.Standing == EntryStanding.Pending)
                    .ShouldBe(statement.Lines.Any(line => line is { Metered: not null, Amount: null }));
            var balances = DoubleEntry.Balances(entries).ToDictionary(each => each.Account);
            if (balances.TryGetValue(DoubleEntry.MoneyOf(new("A")), out var own))
                (own.MoneyPending + own.MoneyPosted).ShouldBe(-statement.Total);
            (balances.TryGetValue(DoubleEntry.SalesOf(statement.Parties.Seller), out var sales)
                ? sales.MoneyPending + sales.MoneyPosted : 0m).ShouldBe(statement.ImportTotal + statement.ExportTotal);
            foreach (var points in statement.Lines.GroupBy(line => statement.Parties.GridOf(line.Point)))
            {
                Energy Has(string account) => balances.TryGetValue(account, out var found)
                    ? found.EnergyPending + found.EnergyPosted : Energy.Zero;
                // What each grid gave is what the meters in it saw, and its loss what of that is billed to nobody.
                var saw = points.Aggregate(Energy.Zero, (sum, line) => line.Metered is not { } energy ? sum
                    : line.Direction == Direction.Import ? sum + energy : sum - energy);
                Has(DoubleEntry.GridOf(points.Key)).ShouldBe(-saw);
                (Int128.Abs(Has(DoubleEntry.LossOf(points.Key)).HalfNanojoules) / Energy.HalfNanojoulesPerWattHour)
                    .ShouldBeLessThan(4);
            }
            FlexibilityLines.Postings(flexibility).Sum(posting => posting.Amount).ShouldBe(0m);
            var real = entries.Where(entry => entry.Energy != Energy.Zero && entry.Money != 0m).ToList();
            if (real.Count > 0 && real[at % real.Count] is var left && !(left.From == DoubleEntry.EnergyOf(new("A"))
                && left.To == DoubleEntry.EnergyOf(new("A"))))
                DoubleEntry.NotConserved(statement, [.. entries.Where(entry => entry != left)])
                    .ShouldNotBeNull();
            seen.Add(statement.Lines.Any(line => line is { Metered: not null, Amount: null }),
                entries.Any(entry => entry.To.EndsWith("/loss", StringComparison.Ordinal)
                    || entry.From.EndsWith("/loss", StringComparison.Ordinal)), flexibility.Count > 0,
                entries.Select(entry => entry.From).Concat(entries.Select(entry => entry.To))
                    .Where(account => account.EndsWith("/grid-energy", StringComparison.Ordinal)).Distinct().Count() > 1);
        }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);
    }

    private static TariffPublished Tariff(int priced, int flat) => new(new("T"), 1, "CNY", "UTC",
        [new([.. Enumerable.Range(1, 12)], Enum.GetValues<DayClass>(), LocalTime.Midnight, new(3, 0),
            TariffPeriod.Peak),
            new([.. Enumerable.Range(1, 12)], Enum.GetValues<DayClass>(), LocalTime.Midnight, null, TariffPeriod.Flat)],
        priced == 0 ? [new(TariffPeriod.Flat, flat / 1_000m, 0.1m)]
            : [new(TariffPeriod.Flat, flat / 1_000m, 0.1m), new(TariffPeriod.Peak, flat / 500m, 0.3m)], [], 3, 2);

    private static Interval Hour(int hour) => new(Start + Duration.FromHours(hour),
        Start + Duration.FromHours(hour + 1));
}
