using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Laws of statements over days of 23 to 25 hours, with gaps, missing prices and tariff edges inside a period:
/// lines sum to the totals, the order in which quantities come changes nothing,
/// and a new statement is the old one and its changes. Each law is tried with 10 000 samples every day and a million
/// with LEDGER_LONG; what is asked of every line is asked without an expression that is compiled each time.
/// </summary>
public sealed class StatementLawTests(ITestOutputHelper output)
{
    private static readonly (string Zone, LocalDate Date)[] Dates =
    [
        ("Europe/Berlin", new(2026, 3, 29)), ("Europe/Berlin", new(2026, 10, 25)), ("Asia/Shanghai", new(2026, 7, 1)),
        ("Australia/Lord_Howe", new(2026, 4, 5)), ("Australia/Lord_Howe", new(2026, 10, 4)),
    ];

    /// <summary>The metered energy of every period of a day, in both directions of two points,
    /// and its prices.</summary>
    private sealed record Day((string Zone, LocalDate Date) Of, TariffPublished Tariff,
        IReadOnlyList<MeteredQuantity> Quantities);

    private static readonly Gen<Energy?> Energies = Gen.OneOf<Energy?>(
        Gen.Long[0, 400_000_000_000_000].Select(l => (Energy?)new Energy(l)),
        Gen.Int[0, 9].Select(i => (Energy?)Energy.FromWattHours(i)),
        Gen.Int[0, 6].Select(i => i == 0 ? null : (Energy?)new Energy(Energy.HalfNanojoulesPerWattHour * i / 2)));

    // Edges at half past two may lie inside an hour, and beside it where the clock changes.
    private static readonly Gen<TariffPublished> Tariffs = Gen.Select(
        Gen.Int[0, 3], Gen.Int[0, 2_000], Gen.Int[-300, 2_000], Gen.Int[0, 9], (edge, flat, peak, priced) =>
            new TariffPublished(
            new("T"), 1, "EUR", "UTC",
            [Rule(new(2, edge == 0 ? 30 : 0), new(7, 0), TariffPeriod.Peak),
                Rule(LocalTime.Midnight, null, TariffPeriod.Flat)],
            priced == 0 ? [new(TariffPeriod.Flat, flat / 1_000m, 0.1m)]
                : [new(TariffPeriod.Flat, flat / 1_000m, 0.1m), new(TariffPeriod.Peak, peak / 1_000m, flat / 800m)], [],
                3, 2));

    // One in eight is a whole day; of the others the hours around the change of the clock and the edges are tried.
    private static readonly Gen<Day> Days = Gen.Select(
        Gen.Int[0, Dates.Length - 1], Tariffs, Energies.Array[100], Gen.Int[0, 4], Gen.Int[0, 7],
        (date, tariff, energies, length, whole) =>
        {
            var of = Dates[date];
            SettlementCalendar.TryPeriods(DateTimeZoneProviders.Tzdb[of.Zone], of.Date, date > 2 || length == 0
                ? 30 : 60, out var all, out _)
                .ShouldBeTrue();
            var periods = whole == 0 ? all : [.. all.Skip(1).Take(12)];
            return new Day(of, tariff with { Zone = of.Zone },
                [.. energies.Take(2 * periods.Count).Select((energy, i) => new MeteredQuantity(
                new(i % 3 == 0 ? "P1" : "P2"), i < periods.Count
                    ? Direction.Import : Direction.Export, periods[i % periods.Count],
                energy, energy is null ? "missing" : $"record {i}", energy is null
                    ? ReadingQuality.Missing : ReadingQuality.Measured))]);
        });

    [Fact]
    public void Lines_sum_to_the_totals_and_their_order_changes_nothing()
    {
        var seen = new SampleShares(("23 h", 5), ("25 h", 5), ("Lord Howe", 10), ("gaps", 50), ("a price missing", 5),
            ("an edge inside a period", 5), ("a residual", 20));
        Gen.Select(Days, Gen.Int).Sample((day, seed) =>
        {
            var statement = Build(day);
            var lines = statement.Lines;
            statement.Total.ShouldBe(lines.Sum(line => line.Amount ?? 0m));
            (statement.ImportTotal + statement.ExportTotal).ShouldBe(statement.Total);
            statement.Postings.Sum(posting => posting.Amount).ShouldBe(0m);
            lines.Sum(line => line.AmountExact ?? 0m).ShouldBe(statement.Total + statement.Residual);
            statement.Incomplete.ShouldBe(lines.Any(line => line.Amount is null));
            foreach (var series in lines.Where(line => line.Metered is not null)
                .GroupBy(line => (line.Point, line.Direction)))
                BilledIsMetered(series.ToList());

            var shuffled = day.Quantities.ToArray();
            new Random(seed).Shuffle(shuffled);
            Build(day with { Quantities = shuffled }).LinesRoot.ShouldBe(statement.LinesRoot);
            seen.Add(Hours(day) == 23, Hours(day) == 25, day.Of.Zone == "Australia/Lord_Howe",
                lines.Any(line => line.Metered is null),
                lines.Any(line => line.Problem == "price missing"),
                lines.Any(line => line.Problem == "tariff edge inside the period"),
                statement.Residual != 0);
        }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);
    }

    /// <summary>A period that is told in parts costs what it costs as one: what is billed up to any instant is what was
    /// metered up to it, rounded, and money is exact before it is rounded.</summary>
    [Fact]
    public void Periods_that_are_split_cost_the_same_on_a_statement()
    {
        var seen = new SampleShares(("gaps", 40), ("a residual", 20));
        Gen.Select(Days, Gen.Int).Sample((day, seed) =>
        {
            var random = new Random(seed);
            var whole = Build(day);
            var edged = whole.Lines.Where(line => line.Problem == "tariff edge inside the period")
                .Select(line => (line.Point, line.Direction, line.Period)).ToHashSet();
            var split = Build(day with
            {
                Quantities = [.. day.Quantities.SelectMany(quantity =>
                    edged.Contains((quantity.Point, quantity.Direction, quantity.Period)) ? [quantity]
                        : Split(quantity, random))],
            });
            // To the cent it may be either neighbour of a half.
            (split.Total + split.Residual).ShouldBe(whole.Total + whole.Residual);
            Math.Abs(split.Total - whole.Total).ShouldBeLessThanOrEqualTo(0.01m);
            split.Incomplete.ShouldBe(whole.Incomplete);
            Billed(split).SequenceEqual(Billed(whole)).ShouldBeTrue();
            seen.Add(whole.Lines.Any(line => line.Metered is null), whole.Residual != 0m);
        }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);
    }

    private static IEnumerable<(SettlementPointId, Direction, TariffPeriod?, bool, decimal)> Billed(
        Statement statement) => statement.Lines.Where(line => line.Metered is not null)
            .GroupBy(line => (line.Point, line.Direction, line.TariffPeriod, line.Problem is null))
            .OrderBy(same => same.Key).Select(same => (same.Key.Point, same.Key.Direction, same.Key.TariffPeriod,
                same.Key.Item4, same.Sum(line => line.BilledKwh ?? 0m)));

    private static IEnumerable<MeteredQuantity> Split(MeteredQuantity whole, Random random)
    {
        var at = whole.Period.Start + Duration.FromMinutes(random.Next(1, (int)whole.Period.Duration.TotalMinutes));
        Energy? first = whole.Metered is { } energy ? new(energy.HalfNanojoules * random.Next(0, 101) / 100) : null;
        yield return whole with { Period = new(whole.Period.Start, at), Metered = first };
        yield return whole with { Period = new(at, whole.Period.End), Metered = whole.Metered - first };
    }

    [Fact]
    public void A_new_statement_is_the_old_one_and_its_changes()
    {
        var seen = new SampleShares(("changed lines", 60), ("appeared", 2), ("vanished", 2), ("carried only", 50));
        Gen.Select(Days, Gen.Int[0, 99], Energies.Array[1, 6]).Sample((day, at, corrections) =>
        {
            var from = at % day.Quantities.Count;
            var (before, after) = (Build(day), Build(day with
            {
                Quantities = [.. day.Quantities.Select((quantity, i) => i >= from && i < from + corrections.Length
                    ? quantity with { Metered = corrections[i - from], Source = "corrected" } : quantity)],
            }));
            var changes = Statement.Difference(before, after);
            (before.Total + changes.Sum(change => (change.After ?? 0m) - (change.Before ?? 0m))).ShouldBe(after.Total);
            // A line whose amount is not the same has its change.
            var named = changes.Select(change => (change.Point, change.Direction, change.Period)).ToHashSet();
            foreach (var (was, now) in before.Lines.Zip(after.Lines))
                if (was.Amount != now.Amount) named.ShouldContain((now.Point, now.Direction, now.Period));
            seen.Add(changes.Count > 0, changes.Any(change => change.Before is null && change.After is not null),
                changes.Any(change => change.Before is not null && change.After is null),
                changes.Any(change => change.Cause.StartsWith("rounding", StringComparison.Ordinal)));
        }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);
    }

    /// <summary>Every value of every line follows from its children and what the lines before leave over; a value that
    /// is another does not. The text of a line says all of it.</summary>
    [Fact]
    public void Every_value_follows_from_its_children_and_no_other_does()
    {
        var seen = new SampleShares(("energy carried", 50), ("money carried", 20));
        Gen.Select(Days, Gen.Int[0, 99]).Sample((day, at) =>
        {
            var lines = Build(day).Lines;
            at %= lines.Count;
            var (carry, carriesEnergy) = (LineCarry.None, false);
            for (var i = 0; i < lines.Count; i++)
            {
                carriesEnergy |= carry.Energy != Energy.Zero;
                StatementNodes.Of(lines[i], day.Tariff, carry).All(node => node.Holds).ShouldBeTrue();
                if (i == at) LineCarry.Before(lines, i).ShouldBe(carry);
                carry = carry.After(lines[i], i + 1 < lines.Count ? lines[i + 1] : null);
            }
            var (line, before) = (lines[at], LineCarry.Before(lines, at));
            StatementText.Parse(line.Canonical()).ShouldBe(line);
            StatementNodes.With(line, line.Metered, line.Quality, line.Source, day.Tariff, before).ShouldBe(line);
            foreach (var other in (StatementLine[])
            [
                line with { BilledKwh = (line.BilledKwh ?? 0m) + 0.001m },
                line with { PricePerKwh = (line.PricePerKwh ?? 0m) + 0.001m },
                line with { AmountExact = (line.AmountExact ?? 0m) + 0.000001m },
                line with { Amount = (line.Amount ?? 0m) - 0.01m },
                line with { Problem = line.Problem is null ? "price missing" : null },
                line with { TariffPeriod = TariffPeriod.DeepValley },
            ])
                StatementNodes.Of(other, day.Tariff, before).Any(node => !node.Holds).ShouldBeTrue();
            seen.Add(carriesEnergy, carry.Money != 0m);
        }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);
    }

    [Theory]
    [InlineData("")]
    [InlineData("1|P|Import")]
    [InlineData("01|P|Import|2026-01-01T00:00:00Z|2026-01-01T01:00:00Z|Flat|0|0|1|0|0|x|Measured|-")]
    [InlineData("1|P|Import|2026-01-01T00:00:00Z|2026-01-01T01:00:00Z|Flat|0|0.0|1|0|0|x|Measured|-")]
    [InlineData("1|P|Import|2026-01-01T00:00:00Z|2026-01-01T01:00:00Z|Night|0|0|1|0|0|x|Measured|-")]
    public void What_is_no_canonical_line_is_not_read(string text) =>
        Should.Throw<FormatException>(() => StatementText.Parse(text));

    /// <summary>What is billed of a meter differs from what it metered by half a quantum at most,
    /// and nothing is negative.</summary>
    private static void BilledIsMetered(List<StatementLine> series)
    {
        series.TrueForAll(line => line.BilledKwh >= 0m).ShouldBeTrue();
        var billedWh = (Int128)(series.Sum(line => line.BilledKwh!.Value) * 1_000m);
        var metered = series.Aggregate(Energy.Zero, (sum, line) => sum + line.Metered!.Value);
        (Int128.Abs(billedWh * Energy.HalfNanojoulesPerWattHour - metered.HalfNanojoules) * 2)
            .ShouldBeLessThanOrEqualTo(Energy.HalfNanojoulesPerWattHour);
    }

    private static Statement Build(Day day) => Statement.Build(new("A"), day.Of.Date, day.Tariff, day.Quantities);

    private static double Hours(Day day) =>
        SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[day.Of.Zone], day.Of.Date).Duration.TotalHours;

    private static TariffRule Rule(LocalTime from, LocalTime? to, TariffPeriod period) =>
        new([.. Enumerable.Range(1, 12)], Enum.GetValues<DayClass>(), from, to, period);
}
