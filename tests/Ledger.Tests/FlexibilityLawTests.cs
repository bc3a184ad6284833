using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The payment curves and their second arithmetic agree: whatever the rule, the order and the
/// delivery.</summary>
public sealed class FlexibilityLawTests(ITestOutputHelper output)
{
    private static readonly Instant Start = Instant.FromUtc(2026, 2, 27, 10, 0);

    private static ScoringRule Rule(Random random)
    {
        decimal? Edge(int i) => i == 0 ? null : (i * 4 + random.Next(4)) / 10m;
        ScoringPrice Price() => random.Next(4) switch
        {
            0 => new(PriceSource.Fixed, random.Next(1, 300) / 100m, [], 1m),
            1 => new(PriceSource.PenaltyPrice, null, [], random.Next(1, 30) / 10m),
            2 => new(PriceSource.ByHours, null, [new(1m, 0.7m), new(2m, 0.9m)], 1m),
            _ => new(PriceSource.Price, null, [], random.Next(1, 20) / 10m),
        };
        IReadOnlyList<FactorStep> Factors() => [.. Enumerable.Range(0, random.Next(3)).Select(i =>
            new FactorStep(Edge(i), random.Next(2) == 0, random.Next(-5, 15) / 10m))];
        return new(random.Next(2) == 0 ? ScoringLevel.Interval : ScoringLevel.Event,
            new(random.Next(2) == 0 ? null : random.Next(0, 4), (RatioRounding)random.Next(1, 5),
                (RatioRoundingPlace)random.Next(1, 3), random.Next(2) == 0 ? null : random.Next(50, 200) / 100m),
            [.. Enumerable.Range(0, random.Next(1, 5)).Select(i => new ScoringBand(Edge(i), random.Next(2) == 0,
                random.Next(2) == 0 ? null : random.Next(-20, 120) / 100m, random.Next(-2, 8) / 4m))],
            [.. Enumerable.Range(0, random.Next(1, 3)).Select(_ => new ScoringTerm((ScoredQuantity)random.Next(1, 4),
                random.Next(4) > 0, Price(), Factors()))],
            random.Next(3) == 0 ? null : new(random.Next(2) == 0 ? null : random.Next(30, 120) / 100m,
                random.Next(2) == 0, random.Next(50, 110) / 100m, (ScoredQuantity)random.Next(1, 4), Price()),
            random.Next(3) == 0 ? 0.5m : null, random.Next(3) == 0 ? 1.5m : null, false);
    }

    [Fact]
    public void Two_arithmetics_of_a_payment_curve_agree()
    {
        var seen = new SampleShares(("an edge that is met exactly", 1), ("a penalty", 12), ("paid", 30), ("below zero", 5));
        Gen.Int[0, int.MaxValue].Sample(seed =>
        {
            var random = new Random(seed);
            var rule = Rule(random);
            if (rule.Incoherence() is not null) return;
            var prices = new ScoringPrices(random.Next(1, 300) / 100m, random.Next(2) == 0 ? null : 1.25m);
            var periods = Enumerable.Range(0, 8).Select(i =>
            {
                var ordered = random.Next(5) == 0 ? 0m : random.Next(1, 200);
                // Often a round part of the order, so that edges are met.
                var delivered = random.Next(2) == 0 ? ordered * random.Next(-4, 16) / 10m
                    : random.Next(-50_000, 250_000) / 1_000m;
                var at = Start + Duration.FromMinutes(15 * i);
                return new ScoredPeriod(new(at, at + Duration.FromMinutes(15)), ordered, delivered,
                    random.Next(3) == 0 ? ordered * random.Next(0, 1001) / 1000m : 0m);
            }).ToList();
            foreach (var (covers, input) in ScoringAggregation.Of(rule.Level, periods, DateTimeZone.Utc, prices))
            {
                if (Scoring.Refusal(rule, input) is not null) continue;
                Score score;
                try { score = Scoring.Evaluate(rule, input); }
                catch (OverflowException) { continue; } // a ratio of 28 digits times a price is no decimal
                var kwh = periods.Where(period =>
                    period.Period.Start >= covers.Start && period.Period.End <= covers.End).ToList();
                Fraction Sum(Func<ScoredPeriod, decimal> of) => kwh.Aggregate(Fraction.Zero, (sum, each) =>
                    sum + Fraction.Of(of(each)) * new Fraction(1, 4));
                var again = FlexibilityScores.Of(rule, Sum(each => each.OrderedKw), Sum(each => each.DeliveredKw),
                    new Fraction(kwh.Count, 4), prices, Sum(each => each.MayLackKw));
                var hours = Fraction.Of(input.Hours);
                again.Payment.ShouldBe(score.PaymentExact);
                again.Penalty.ShouldBe(Fraction.Of(score.Penalty));
                again.Effective.ShouldBe(Fraction.Of(score.EffectiveKw) * hours);
                again.Shortfall.ShouldBe(Fraction.Of(score.ShortfallKw) * hours);
                seen.Add(input.OrderedKw > 0 && rule.Bands.Skip(1)
                        .Any(band => input.DeliveredKw == band.From * input.OrderedKw),
                    score.Penalty > 0, score.Payment > 0, score.Payment < 0);
            }
        }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);
    }

    /// <summary>A term per kW counts the mean of the call's periods, however many they are and however long; where the
    /// mean has no end as a decimal, only the amount is rounded.</summary>
    [Fact]
    public void A_term_per_kW_is_paid_over_any_number_of_periods()
    {
        var seen = new SampleShares(("a mean without an end", 20), ("an hour or more", 20));
        Gen.Int[0, int.MaxValue].Sample(seed =>
        {
            var random = new Random(seed);
            var (minutes, count) = (random.Next(3) switch { 0 => 5, 1 => 15, _ => 30 }, random.Next(1, 13));
            var perKw = new ScoringTerm((ScoredQuantity)random.Next(1, 4), false,
                new(PriceSource.Fixed, random.Next(1, 300) / 100m, [], 1m), []);
            var perKwh = new ScoringTerm(ScoredQuantity.Effective, true, new(PriceSource.Price, null, [], 1m), []);
            var rule = new ScoringRule(ScoringLevel.Event, new(null, RatioRounding.HalfToEven,
                    RatioRoundingPlace.BeforeLookup, null), [new(null, false, null, 1m)],
                random.Next(2) == 0 ? [perKw, perKwh] : [perKw], null, null, null, false);
            var kwh = Enumerable.Range(0, count).Select(_ => (Ordered: random.Next(0, 90_000) / 1_000m,
                Delivered: random.Next(-9_000, 90_000) / 1_000m)).ToList();
            var periods = kwh.Select((each, i) => new BaselineBesideMeter(
                new(Start + Duration.FromMinutes(minutes * i), Start + Duration.FromMinutes(minutes * (i + 1))),
                each.Ordered * (60 / minutes), each.Delivered * (60 / minutes), 0m)).ToList();
            var pack = new RulePackPublished(new("per-kw"), 1, false, "a contract", null, rule);
            var line = FlexStatements.Of(pack, FlexDirection.Reduce, periods, DateTimeZone.Utc, new(0.3m), 2).Lines
                .ShouldHaveSingleItem();
            var again = FlexibilityScores.Of(rule, Fraction.Of(kwh.Sum(each => each.Ordered)),
                Fraction.Of(kwh.Sum(each => each.Delivered)), new Fraction(minutes * count, 60), new(0.3m));
            var cents = again.Payment * 200; // half away from zero: twice the cents, and one more towards the sign
            var rounded = (cents + (cents < Fraction.Zero ? -1 : 1)) * new Fraction(1, 2);
            Fraction.Of(line.Payment * 100m).ShouldBe(new(rounded.Numerator / rounded.Denominator, 1));
            var hasEnd = (System.Numerics.BigInteger.Pow(10, 40) % again.Payment.Denominator).IsZero;
            seen.Add(!hasEnd, minutes * count >= 60);
        }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);
    }

    /// <summary>Declarations that overlap, enrolments with an end, versions within the day, other points on the way:
    /// both walk to the same stretches and the same money.</summary>
    [Fact]
    public void Two_arithmetics_of_power_held_ready_agree()
    {
        var seen = new SampleShares(("several stretches", 50), ("one stands before another", 30), ("not enrolled", 20),
            ("two payees", 10), ("dated back", 20), ("less for others", 15), ("nothing beside another", 5),
            ("another is owed nothing", 1));
        var day = new Interval(Start, Start + Duration.FromHours(24));
        Gen.Int[0, int.MaxValue].Sample(seed =>
        {
            var random = new Random(seed);
            var ready = Ready(random);
            var (programme, declared) = (Programme, ready.Declared);
            var stretches = AvailabilityPay.Of(ready, day, 2);
            var reasons = new AvailabilityReasons(ready, "P1", new("A"), day, 2);
            var lines = stretches.Select((each, i) => new FlexibilityLine(i + 1, null, programme, "P1", each.Covers,
                FlexibilityKind.Availability, each.KwHours, each.Amount == 0m ? 0m : -each.Amount, "EUR", new("dso"),
                each.Programme.Fact.Payee ?? new("A"), "F", null)).ToList();
            foreach (var payee in (PartyId[])[new("A"), new("B")])
                reasons.DueTo(payee).Order().ShouldBe(
                    lines.Where(line => line.Payee == payee).Select(FlexibilityKey.From).Order());
            reasons.DueTo(new("dso")).ShouldBeEmpty();
            foreach (var line in lines)
            {
                reasons.Explain(FlexibilityKey.From(line), line, "EUR").Holds.ShouldBeTrue();
                reasons.Explain(FlexibilityKey.From(line), line with { Amount = line.Amount - 0.01m }, "EUR").Holds
                    .ShouldBeFalse();
                reasons.Explain(FlexibilityKey.From(line), line with { Payee = new("C") }, "EUR").Holds.ShouldBeFalse();
            }
            seen.Add(stretches.Count > 1, declared.Any(one => declared.Any(other => other != one
                    && other.Fact.Period.Start < one.Fact.Period.End && one.Fact.Period.Start < other.Fact.Period.End)),
                declared.Any(each => ready.Enrolments.Covering(programme, each.Fact.Period).Count == 0),
                lines.Select(line => line.Payee).Distinct().Count() > 1,
                !stretches.SequenceEqual(AvailabilityPay.Of(
                    ready with { RecordedAt = new Dictionary<long, Instant>() }, day, 2)),
                !stretches.SequenceEqual(AvailabilityPay.Of(ready with { Beside = [] }, day, 2)),
                stretches.Any(each => each.KwHours == 0m && each.Declared.Fact.Available > Power.Zero),
                !stretches.SequenceEqual(AvailabilityPay.Of(ready with
                {
                    Beside = [.. ready.Beside.Select(other => other with { Owner = new("C") })],
                }, day, 2)));
        }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);
    }

    /// <summary>Forty points behind each other, of which each declares 10 kW more than the one before: 10 kW count at
    /// each. Both arithmetics ask each point a few times for each other one, and not once for each way through all of
    /// them.</summary>
    [Fact]
    public void Points_behind_each_other_are_asked_a_bounded_number_of_times()
    {
        const int points = 40;
        var asked = 0;
        var terms = new Positioned<ProgrammePublished>(1, new(Programme, 1, Start - Duration.FromDays(1),
            ServiceKind.Reserve, new("b"), new("s"), 0, 0, 0, PaymentLevel.SettlementPoint, 1, [], "EUR", 1m,
            Payer: new("dso"), AvailabilityPerKwHour: 0.5m));
        var day = new Interval(Start, Start + Duration.FromHours(24));
        IReadOnlyList<ReadyPoint> all = [.. Enumerable.Range(1, points).Select(number =>
        {
            var point = new SettlementPointId($"P{number}");
            return new ReadyPoint([terms],
                new([new(new(Programme, point, Power.FromKilowatts(500), Start, null), null)], [], []), point,
                new CountedList<Positioned<AvailabilityDeclared>>([new(1 + number, new(Programme, point, Start, day,
                    Power.FromKilowatts(10 * number)))], () => (++asked).ShouldBeLessThan(200 * points * points)))
            { Owner = new("C") };
        })];
        var last = all[^1] with
        {
            Owner = null,
            Beside = [.. all.SkipLast(1)],
            OnOneWay = all.SelectMany(one => all.Where(other => other != one).Select(other => (one.Point, other.Point)))
                .ToHashSet(),
        };
        var paid = AvailabilityPay.Of(last, day, 2).ShouldHaveSingleItem();
        (paid.KwHours, paid.Amount).ShouldBe((240m, 120m));
        new AvailabilityReasons(last, last.Point.Value, new("A"), day, 2).DueTo(new("A")).Count().ShouldBe(1);
        var line = new FlexibilityLine(1, null, Programme, last.Point.Value, day, FlexibilityKind.Availability, 240m,
            -120m, "EUR", new("dso"), new("A"), "F", null);
        new AvailabilityReasons(last, last.Point.Value, new("A"), day, 2)
            .Explain(FlexibilityKey.From(line), line, "EUR").Holds.ShouldBeTrue();
    }

    private sealed class CountedList<T>(IReadOnlyList<T> items, Action ask) : IReadOnlyList<T>
    {
        public int Count => items.Count;

        public T this[int index] => items[index];

        public IEnumerator<T> GetEnumerator()
        {
            ask();
            return items.GetEnumerator();
        }

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }

    private static readonly ProgrammeId Programme = new("F");

    /// <summary>A point, mostly with two others of which one lies before it.</summary>
    private static ReadyPoint Ready(Random random)
    {
        static Instant Hour(int hour) => Start + Duration.FromMinutes(20 * hour);
        Positioned<ProgrammePublished> Version(int version, int from, long position) => new(position, new(
            Programme, version, Hour(from), ServiceKind.Reserve, new("b"), new("s"), 0, 0, 0, PaymentLevel.SettlementPoint, 1, [], "EUR", 1m,
            Payer: new("dso"), Payee: random.Next(3) switch { 0 => new("A"), 1 => new("B"), _ => null },
            AvailabilityPerKwHour: random.Next(6) == 0 ? null : random.Next(1, 900) / 1_000m));
        // The second version is recorded before, between or after the declarations, and before or after it begins.
        var (late, recorded) = (9L + (2 * random.Next(0, 20)), Hour(random.Next(-10, 80)));
        Positioned<ProgrammePublished>[] versions = [Version(1, -99, 1), Version(2, random.Next(-20, 80), late)];
        ReadyPoint At(int number)
        {
            var (point, end) = (new SettlementPointId($"P{number}"), random.Next(20, 90));
            return new(versions, new(
                [new(new(Programme, point, Power.FromKilowatts(500), Hour(random.Next(-20, 10)), null),
                    random.Next(2) == 0 ? Hour(end) : null)], [], []), point,
                [.. Enumerable.Range(0, random.Next(1, 7)).Select(i =>
                {
                    var from = random.Next(-10, 70);
                    return new Positioned<AvailabilityDeclared>(8 + (2 * number) + (6 * i), new(Programme, point,
                        Hour(from), new(Hour(from), Hour(from + random.Next(1, 30))),
                        new Power(random.NextInt64(0, 4) * random.NextInt64(1, 30_000_000))));
                })])
            {
                RecordedAt = new Dictionary<long, Instant> { [1] = Hour(-99), [late] = recorded },
            };
        }
        // P2 lies before P1 and P3, which may lie behind each other too.
        (int, int)[] ways = random.Next(3) switch { 0 => [], 1 => [(1, 2), (2, 3)], _ => [(1, 2), (2, 3), (1, 3)] };
        return At(1) with
        {
            Beside = ways.Length == 0 ? [] : [.. ((ReadyPoint[])[At(2), At(3)]).Select(other =>
                other with { Owner = new(random.Next(3) == 0 ? "dso" : "C") })],
            OnOneWay = ways.SelectMany(way => new[] { way, (way.Item2, way.Item1) }).Select(way => (
                new SettlementPointId($"P{way.Item1}"), new SettlementPointId($"P{way.Item2}"))).ToHashSet(),
        };
    }
}
