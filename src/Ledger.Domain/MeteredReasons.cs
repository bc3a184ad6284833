using System.Globalization;
using System.Numerics;
using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// Why a settlement period of one point and direction has the energy that it has: the rules of <see
/// cref="MeteredDay"/> a second time, written apart from it. That one folds a day from its readings forward; this one
/// begins at the period, looks for what decides it, and counts in whole numbers of any size. A test holds the two to
/// the same energy.
/// </summary>
public sealed class MeteredReasons
{
    /// <summary>A reading, record or estimate in its latest version. A record that proves nothing covers
    /// null.</summary>
    private sealed record Said(long Position, string Name, Interval Period, BigInteger Energy,
        long? CoveredMicroseconds);

    private sealed record Index(long Position, Instant At, long Steps);

    private readonly RegisterId register;
    private readonly IReadOnlyList<Interval> periods;
    private readonly Power? rated;
    private readonly List<Said> readings, records, estimates;
    private readonly List<Index> indices;
    private readonly List<Positioned<RegisterInForce>> installed;

    /// <param name="periods">The settlement periods of the day: in order, without holes between them.</param>
    /// <param name="rated">The most that can have flowed where a curve is not covered; null where none is
    /// known.</param>
    public MeteredReasons(SettlementPointId point, Direction direction, IReadOnlyList<Interval> periods,
        MeteredFacts facts, Power? rated)
    {
        (register, this.periods, this.rated) = (new(point, direction), periods, rated);
        readings = [.. Readings(facts)];
        indices = [.. Indices(facts)];
        installed = [.. facts.Installations.Where(entry => entry.Fact.Installed.Register == register)];
        estimates = [.. facts.Estimates.Where(estimate => estimate.Fact.Register == register)
            .GroupBy(estimate => estimate.Fact.Period).Select(versions => versions.MaxBy(each => each.Fact.Version)!)
            .Select(each => new Said(each.Position, $"estimate v{Number(each.Fact.Version)}", each.Fact.Period,
                each.Fact.Energy.HalfNanojoules, null))];
        records = [.. facts.IntervalRecords.Where(record => record.Fact.Point == point)
            .GroupBy(record => record.Fact.Period).Select(versions => versions.MaxBy(each => each.Fact.Version)!)
            .Where(each => each.Fact.State != IntervalRecordState.Superseded)
            .Select(each => new Said(each.Position, $"interval record v{Number(each.Fact.Version)}", each.Fact.Period,
                (direction == Direction.Import ? each.Fact.Import : each.Fact.Export).HalfNanojoules,
                each.Fact.Quality == ReadingQuality.Missing ? null : each.Fact.CoveredMicroseconds))];
    }

    /// <summary>The energy of the period at <paramref name="index"/> and all that it follows from.</summary>
    /// <param name="said">What the statement says of it.</param>
    public ExplainedValue Of(int index, Energy? said)
    {
        var period = periods[index];
        if (Filling(period, readings) is { } provided)
            return Value(said, Sum(provided), ExplanationRule.IntervalReadings, Sums(provided), Facts(provided));
        if (ByRegister(index, said) is { } counted) return counted;
        if (Covering(period) is { Count: > 0 } covered)
            return Value(said, Sum(covered), ExplanationRule.IntervalRecord, Sums(covered), Facts(covered));
        if (Filling(period, estimates) is { } estimated)
            return Value(said, Sum(estimated), ExplanationRule.Estimate, Sums(estimated), Facts(estimated));
        return Value(said, null, ExplanationRule.Missing, "no reading, record or estimate", []);
    }

    private ExplainedValue? ByRegister(int index, Energy? said)
    {
        var (first, end) = (Edge(at => at <= periods[index].Start, latest: true),
            Edge(at => at >= periods[index].End, latest: false));
        if (first is null || end is null || Counted(first.At, end.At) is not { } counted) return null;
        var inside = Enumerable.Range(0, periods.Count)
            .Where(i => periods[i].Start >= first.At && periods[i].End <= end.At).ToList();
        var provided = inside.Where(i => Filling(periods[i], readings) is not null).ToList();
        var open = inside.Except(provided).ToList();
        var less = provided.SelectMany(i => Filling(periods[i], readings)!).ToList();
        var left = counted.Energy - Sum(less);
        if (left < 0) return null;
        var register = new ExplainedValue("counted", ExplainedValue.HalfNanojoules, Text(counted.Energy),
            Text(counted.Energy), ExplanationRule.Register, counted.Arithmetic, counted.Facts);
        IReadOnlyList<ExplainedValue> from = [register, .. Facts(less)];
        var lessen = less.Count == 0 ? "" : $" − interval readings {Kwh(Sum(less))}";
        if (open.Count == 1 || left.IsZero)
            return Value(said, left, ExplanationRule.RegisterDifference, $"{Kwh(counted.Energy)}{lessen}", from);
        return Divided(index, said, left, open, from, $"{Kwh(counted.Energy)}{lessen}");
    }

    /// <summary>What of the register's energy is this period's: first the time without a curve is filled, as far as
    /// the register counted more than the curves and the rated power allows; what is left is shared like the
    /// curves.</summary>
    private ExplainedValue Divided(int index, Energy? said, BigInteger left, List<int> open,
        IReadOnlyList<ExplainedValue> from, string whole)
    {
        var curves = open.ConvertAll(i => Covering(periods[i]));
        var energies = curves.ConvertAll(Sum);
        var holes = open.Zip(curves).Select(each => new BigInteger(
            Microseconds(periods[each.First]) - each.Second.Sum(record => record.CoveredMicroseconds!.Value))).ToList();
        var (measured, uncovered) = (Sum(energies), Sum(holes));
        var room = uncovered.IsZero ? 0 : rated is { } power ? uncovered * power.Milliwatts * 2 : left;
        var filling = BigInteger.Max(0, BigInteger.Min(left - measured, room));
        var byDuration = measured.IsZero && left > filling;
        var place = open.IndexOf(index);
        var filled = Part(filling, holes, place);
        var shared = Part(left - filling, byDuration
            ? open.ConvertAll(i => new BigInteger(Microseconds(periods[i]))) : energies, place);
        var by = byDuration ? "by duration, because the curves say that nothing flowed" : "like the curves";
        return Value(said, filled + shared, ExplanationRule.RegisterDivided,
            $"{whole} over {Number(open.Count)} periods: {Kwh(filling)} to the time without a curve, of it here "
            + $"{Kwh(filled)}; {Kwh(left - filling)} {by}, of it here {Kwh(shared)}",
            [.. from, .. open.Select((i, k) => new ExplainedValue(
                "curve of " + ExplainedValue.Text(periods[i].Start), ExplainedValue.HalfNanojoules, Text(energies[k]),
                Text(energies[k]), ExplanationRule.Curve,
                $"{Number((long)holes[k])} µs not covered", Facts(curves[k])))]);
    }

    /// <summary>The part of a whole at a place: what is due up to its end less what is due up to its start, each half
    /// to even.</summary>
    private static BigInteger Part(BigInteger whole, IReadOnlyList<BigInteger> weights, int place)
    {
        var all = Sum(weights);
        if (all.IsZero) return 0;
        return UpTo(place + 1) - UpTo(place);

        BigInteger UpTo(int count)
        {
            var twice = whole * Sum(weights.Take(count)) * 2;
            var down = BigInteger.Divide(twice, all * 2);
            var above = twice - down * all * 2;
            return above > all || (above == all && !down.IsEven) ? down + 1 : down;
        }
    }

    private Index? Edge(Func<Instant, bool> isBeyond, bool latest)
    {
        var edges = indices.Where(index => isBeyond(index.At)
            && (periods.Any(period => period.Start == index.At) || periods[^1].End == index.At));
        return latest ? edges.MaxBy(index => index.At) : edges.MinBy(index => index.At);
    }

    /// <summary>What the register counted between two instants; null where a difference may not be billed, or the
    /// meter was exchanged.</summary>
    private (BigInteger Energy, string Arithmetic, IReadOnlyList<ExplainedValue> Facts)? Counted(Instant from,
        Instant to)
    {
        var read = indices.Where(index => index.At >= from && index.At <= to).OrderBy(index => index.At).ToList();
        var meter = InForce(from);
        if (meter is null || read.Any(index => InForce(index.At)?.Position != meter.Position)) return null;
        var (steps, rolled) = (BigInteger.Zero, 0);
        var natural = BigInteger.Pow(10, meter.Fact.Installed.Digits);
        var modulus = meter.Fact.Installed.ModulusSteps ?? natural;
        for (var i = 1; i < read.Count; i++)
        {
            var (was, now) = (read[i - 1].Steps, read[i].Steps);
            steps += now - was;
            if (now >= was) continue;
            // A configured modulus may be passed anywhere; the natural one only from the last hundredth to the first.
            if (was > modulus || (meter.Fact.Installed.ModulusSteps is null
                && ((natural - was) * 100 > natural || (BigInteger)now * 100 >= natural))) return null;
            steps += modulus;
            rolled++;
        }
        var energy = steps * meter.Fact.Installed.Factor * KilowattHour / BigInteger.Pow(10,
            meter.Fact.Installed.Decimals);
        if (energy > Int128.MaxValue) return null;
        var times = meter.Fact.Installed.Factor == 1 ? "" : $" × {Number(meter.Fact.Installed.Factor)}";
        var over = rolled == 0 ? "" : $" + {Number(rolled)} × {modulus} over the top";
        return (energy,
            $"({Number(read[^1].Steps)} − {Number(read[0].Steps)}{over}) steps of 10^-"
                + $"{Number(meter.Fact.Installed.Decimals)} kWh{times}",
            [ExplainedValue.Of(meter.Position, "register as installed", "",
                $"{meter.Fact.Installed.MeterSerial}, {Number(meter.Fact.Installed.Decimals)} decimals, factor "
                + Number(meter.Fact.Installed.Factor)),
                .. read.Select(index => ExplainedValue.Of(index.Position,
                    "index at " + ExplainedValue.Text(index.At), "steps", Number(index.Steps)))]);

        Positioned<RegisterInForce>? InForce(Instant at) => installed.Where(entry => entry.Fact.From <= at)
            .OrderByDescending(entry => entry.Fact.From).ThenByDescending(entry => entry.Position).FirstOrDefault();
    }

    /// <summary>The records that cover some of a period; none where one reaches out of it, or two overlap.</summary>
    private List<Said> Covering(Interval period)
    {
        var proving = Within(period, records).Where(record => record.CoveredMicroseconds is not null).ToList();
        return proving.Sum(record => record.CoveredMicroseconds) > 0 ? proving : [];
    }

    /// <summary>What fills a period without a hole; null where something does not.</summary>
    private static List<Said>? Filling(Interval period, List<Said> said)
    {
        var within = Within(period, said);
        return within.Sum(each =>
            Microseconds(each.Period)) == Microseconds(period) && within.Count > 0 ? within : null;
    }

    private static List<Said> Within(Interval period, List<Said> said)
    {
        var touching = said.Where(each => each.Period.Start < period.End && each.Period.End > period.Start)
            .OrderBy(each => each.Period.Start).ToList();
        var isBroken = touching.Any(each => each.Period.Start < period.Start || each.Period.End > period.End)
            || touching.Zip(touching.Skip(1)).Any(pair => pair.Second.Period.Start < pair.First.Period.End);
        return isBroken ? [] : touching;
    }

    private IEnumerable<Said> Readings(MeteredFacts facts)
    {
        foreach (var reading in facts.IntervalReadings.Where(reading => reading.Fact.Register == register))
        {
            var latest = facts.IntervalCorrections.Where(correction => correction.Fact.Register == register
                && correction.Fact.Period == reading.Fact.Period).MaxBy(correction => correction.Fact.Version);
            var quality = latest?.Fact.Quality ?? reading.Fact.Quality;
            if (quality != ReadingQuality.Missing)
                yield return new(latest?.Position ?? reading.Position,
                    latest is null ? "interval reading" : $"interval reading v{Number(latest.Fact.Version)}",
                    reading.Fact.Period, (latest?.Fact.Energy ?? reading.Fact.Energy).HalfNanojoules, null);
        }
    }

    private IEnumerable<Index> Indices(MeteredFacts facts)
    {
        var corrected = facts.ReadingCorrections.Where(correction => correction.Fact.Register == register)
            .GroupBy(correction => correction.Fact.ReadAt)
            .ToDictionary(versions => versions.Key, versions => versions.MaxBy(each => each.Fact.Version)!);
        foreach (var reading in facts.Readings.Where(reading => reading.Fact.Register == register))
            if (!corrected.ContainsKey(reading.Fact.ReadAt) && reading.Fact.Quality != ReadingQuality.Missing)
                yield return new(reading.Position, reading.Fact.ReadAt, reading.Fact.IndexSteps);
        foreach (var correction in corrected.Values)
            if (correction.Fact.Quality != ReadingQuality.Missing)
                yield return new(correction.Position, correction.Fact.ReadAt, correction.Fact.IndexSteps);
    }

    private static ExplainedValue Value(Energy? said, BigInteger? follows, ExplanationRule rule, string arithmetic,
        IReadOnlyList<ExplainedValue> from) => new("metered", ExplainedValue.HalfNanojoules,
        ExplainedValue.Text(said), follows is { } energy ? Text(energy) : ExplainedValue.None, rule, arithmetic, from);

    private static List<ExplainedValue> Facts(List<Said> said) => said.ConvertAll(each => ExplainedValue.Of(
        each.Position, each.Name, ExplainedValue.HalfNanojoules, Text(each.Energy)));

    private static string Sums(List<Said> said) => string.Join(" + ", said.Select(each => Kwh(each.Energy)));

    private static BigInteger Sum(List<Said> said) => Sum(said.Select(each => each.Energy));

    private static BigInteger Sum(IEnumerable<BigInteger> numbers) =>
        numbers.Aggregate(BigInteger.Zero, (sum, next) => sum + next);

    private static BigInteger KilowattHour => (BigInteger)Energy.HalfNanojoulesPerWattHour * 1000;

    private static long Microseconds(Interval period) => period.Duration.ToInt64Nanoseconds() / 1000;

    private static string Kwh(BigInteger energy) => new Energy((Int128)energy).ToKwh(6) + " kWh";

    private static string Text(BigInteger number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
