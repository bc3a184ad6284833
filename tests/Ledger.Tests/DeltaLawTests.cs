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
        (draws, priced, flat) => Statement.Build(new("A"), new(2026, 6, 2), Tariff(priced, flat),
            draws.Select((draw, i) => (draw, i)).Where(each => each.draw.Item1 != 9).Select(each =>
                new MeteredQuantity(new(each.i < 12 ? "P1" : "P2"), each.i % 12 < 6 ? Direction.Import : Direction.Export,
                    Hour(each.i % 6), each.draw.Item1 == 0 ? null : new Energy(each.draw.Item2), "record",
                    ReadingQuality.Measured))));

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
            // A delta that is another is seen.
            if (first.Lines.FirstOrDefault(line => line.Amount != 0m) is { } moved)
                StatementDeltas.Unlike(original, [first with
                {
                    Lines = [.. first.Lines.Select(line => line == moved
                        ? line with { Amount = line.Amount + 0.01m } : line)],
                }], second).ShouldNotBeNull();
        }, iter: LongRun.Samples);

    [Fact]
    public void Double_entries_conserve_energy_and_money_and_a_missing_one_is_seen()
    {
        var seen = new SampleShares(("without a price", 10), ("loss", 80), ("flexibility", 30));
        Gen.Select(Statements, Gen.Bool, Gen.Long[-500, 500], Gen.Int[0, 99]).Sample((statement, published, cents,
            at) =>
        {
            var flexibility = cents % 2 == 0 ? [] : new List<FlexibilityLine>
            {
                new(1, new("I1"), new("F"), "P1", Hour(1), FlexibilityKind.Energy, 1m, cents / 100m, "CNY", new("dso"),
                    new("A"), "pack v1", null),
                new(2, new("I1"), new("F"), "P1", Hour(2), FlexibilityKind.Energy, null, null, "CNY", new("dso"),
                    new("A"), "pack v1", "unproven"),
            };
            statement = statement with
            {
                Flexibility = flexibility,
                Total = statement.Total + flexibility.Sum(line => line.Amount ?? 0m),
            };
            var entries = DoubleEntry.Of(statement, published);
            DoubleEntry.NotConserved(statement, entries).ShouldBeNull();
            entries.ShouldAllBe(entry => entry.Energy == null != (entry.Money == null) && entry.From != entry.To);
            entries.ShouldAllBe(entry => (entry.Energy ?? Energy.Zero) >= Energy.Zero && (entry.Money ?? 0m) >= 0m);
            if (!published) entries.ShouldAllBe(entry => entry.Standing == EntryStanding.Pending);
            // What has no price yet is pending also when the rest is posted.
            if (published)
                entries.Any(entry => entry.Standing == EntryStanding.Pending)
                    .ShouldBe(statement.Lines.Any(line => line is { Metered: not null, Amount: null }));
            foreach (var balance in DoubleEntry.Balances(entries).Where(each => each.Account == DoubleEntry.MoneyOf(new("A"))))
                (balance.MoneyPending + balance.MoneyPosted).ShouldBe(-statement.Total);
            FlexibilityLines.Postings(flexibility).Sum(posting => posting.Amount).ShouldBe(0m);
            var real = entries.Where(entry => entry.Energy != Energy.Zero && entry.Money != 0m).ToList();
            if (real.Count > 0 && real[at % real.Count] is var left && !(left.From == DoubleEntry.EnergyOf(new("A"))
                && left.To == DoubleEntry.EnergyOf(new("A"))))
                DoubleEntry.NotConserved(statement, [.. entries.Where(entry => entry != left)])
                    .ShouldNotBeNull();
            seen.Add(statement.Lines.Any(line => line is { Metered: not null, Amount: null }),
                entries.Any(entry => entry.To == DoubleEntry.Loss || entry.From == DoubleEntry.Loss),
                flexibility.Count > 0);
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
