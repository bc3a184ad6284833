using System.Globalization;
using System.Numerics;
using NodaTime;

namespace Ledger.Domain;

/// <summary>A fact and its position in the journal,
/// so that what is computed from it can be traced back to it.</summary>
public sealed record Positioned<T>(long Position, T Fact)
{
    /// <summary>How a source names it: by its position,
    /// a correction also by its version and what it supersedes.</summary>
    public string Name { get; init; } = Position.ToString(CultureInfo.InvariantCulture);
}

/// <summary>A register as installed, and from when on it counts there.</summary>
public sealed record RegisterInForce(Instant From, RegisterInstalled Installed);

/// <summary>
/// What is known of one settlement point, in any order and of both directions: its installations, its accepted register
/// readings, its interval readings, and all versions of its interval records.
/// </summary>
public sealed record MeteredFacts(
    IReadOnlyList<Positioned<RegisterInForce>> Installations,
    IReadOnlyList<Positioned<RegisterReadingRecorded>> Readings,
    IReadOnlyList<Positioned<IntervalReadingRecorded>> IntervalReadings,
    IReadOnlyList<Positioned<IntervalRecorded>> IntervalRecords)
{
    public static readonly MeteredFacts None = new([], [], [], []);
    /// <summary>All corrections of the readings; the latest version of each counts.</summary>
    public IReadOnlyList<Positioned<RegisterReadingCorrected>> ReadingCorrections { get; init; } = [];
    /// <summary>The same of the interval readings.</summary>
    public IReadOnlyList<Positioned<IntervalReadingCorrected>> IntervalCorrections { get; init; } = [];
    /// <summary>All versions of estimates of intervals.</summary>
    public IReadOnlyList<Positioned<IntervalEstimated>> Estimates { get; init; } = [];
}

/// <summary>
/// What is settled of one settlement point, direction and settlement day. Energy truth is the register; the curve is
/// the shape and the check. For each settlement period the first of these rules that applies holds:
/// <list type="number">
/// <item>Interval readings that fill the period exactly, and may be finer than it, are its energy.</item>
/// <item>Between two consecutive register readings that stand on edges of periods, the register's difference is the
/// energy: of the one period between them, or divided among several (<see cref="Divided"/>). A difference that may not
/// be billed, or one across an exchanged meter, says nothing.</item>
/// <item>The interval record, as far as its curve is covered.</item>
/// <item>Estimates that fill the period exactly, as the last resort and with their method.</item>
/// <item>Nothing is known: no energy, and never a zero in its place.</item>
/// </list>
/// Of a reading that was corrected, the latest version counts.
/// The source of each quantity names the rule and the positions of its facts.
/// </summary>
public static class MeteredDay
{
    /// <param name="periods">The settlement periods of the day: in order, without holes between them.</param>
    /// <param name="rated">
    /// The most that can have flowed where the curve is not covered; null where no rated power is known.
    /// </param>
    public static IReadOnlyList<MeteredQuantity> Of(
        SettlementPointId point, Direction direction, IReadOnlyList<Interval> periods, MeteredFacts facts,
        Power? rated = null)
    {
        if (periods.Count == 0) return [];
        var register = new RegisterId(point, direction);
        facts = Corrected.Latest(facts);
        var estimates = facts.Estimates.Where(estimate => estimate.Fact.Register == register)
            .GroupBy(estimate => estimate.Fact.Period)
            .Select(versions => versions.MaxBy(estimate => estimate.Fact.Version)!);
        var estimated = new InTime<IntervalEstimated>(estimates, estimate => estimate.Period);
        var readings = new InTime<IntervalReadingRecorded>(facts.IntervalReadings.Where(reading =>
            reading.Fact.Register == register && reading.Fact.Quality != ReadingQuality.Missing),
            reading => reading.Period);
        var records = new InTime<IntervalRecorded>(facts.IntervalRecords.Where(record => record.Fact.Point == point)
            .GroupBy(record => record.Fact.Period).Select(versions => versions.MaxBy(record => record.Fact.Version)!)
            .Where(record => record.Fact.State != IntervalRecordState.Superseded), record => record.Period);

        var settled = periods.Select(period => Provided(period, readings.Inside(period))).ToArray();
        var curves = periods.Select(period => CurveOf(period, direction, records.Inside(period))).ToList();
        foreach (var bracket in Brackets(register, periods, facts))
            foreach (var (i, share) in Divided(bracket, periods, settled, curves, rated)) settled[i] = share;

        return [.. periods.Select((period, i) => Quantity(period, settled[i] ?? Known(period, curves[i])))];

        Share Known(Interval period, Curve curve) =>
            (curve.Quality == ReadingQuality.Missing
                ? Estimated(period, estimated.Inside(period)) : null) ?? Proven(curve);

        MeteredQuantity Quantity(Interval period, Share share) => new(
            point, direction, period, share.Energy,
            share.Quality == ReadingQuality.Suspect ? share.Source + ", suspect" : share.Source, share.Quality);
    }

    private sealed record Share(Energy? Energy, string Source, ReadingQuality Quality);

    /// <summary>What the interval records say of a period; without any, all of it is uncovered.</summary>
    private sealed record Curve(Energy Energy, long UncoveredMicroseconds, string Records, ReadingQuality Quality);

    /// <summary>The periods between two edge readings, and the energy that the register counted in them.</summary>
    private sealed record Bracket(int First, int End, Energy Counted, string Source, ReadingQuality Quality);

    private static Share? Provided(Interval period, List<Positioned<IntervalReadingRecorded>> readings)
    {
        var filled = readings.Aggregate(Duration.Zero, (sum, reading) => sum + reading.Fact.Period.Duration);
        if (filled != period.Duration) return null;
        var names = readings.Select(reading => $"{reading.Name} {reading.Fact.Method}".TrimEnd());
        return new(Sum(readings.Select(reading => reading.Fact.Energy)),
            $"interval reading{(readings.Count == 1 ? "" : "s")} {string.Join(", ", names)}",
            readings.Max(reading => reading.Fact.Quality));
    }

    private static Share? Estimated(Interval period, List<Positioned<IntervalEstimated>> estimates)
    {
        var filled = estimates.Aggregate(Duration.Zero, (sum, estimate) => sum + estimate.Fact.Period.Duration);
        if (filled != period.Duration) return null;
        var names = estimates.Select(estimate =>
            $"{estimate.Name} v{estimate.Fact.Version} {(int)estimate.Fact.Method} {estimate.Fact.Method}");
        return new(Sum(estimates.Select(estimate => estimate.Fact.Energy)),
            $"estimate{(estimates.Count == 1 ? "" : "s")} {string.Join(", ", names)}",
            estimates.Max(estimate => estimate.Fact.Quality));
    }

    private static Curve CurveOf(Interval period, Direction direction, List<Positioned<IntervalRecorded>> records)
    {
        var proving = records.Where(record => record.Fact.Quality != ReadingQuality.Missing).ToList();
        var covered = proving.Sum(record => record.Fact.CoveredMicroseconds);
        var uncovered = Microseconds(period) - covered;
        var names = string.Join(", ", records.Select(record => $"{record.Position} v{record.Fact.Version}"));
        var source = $"interval record{(records.Count == 1 ? "" : "s")} {names}";
        if (covered == 0)
            return new(Energy.Zero, uncovered, records.Count == 0 ? "missing" : source + ", missing",
                ReadingQuality.Missing);
        return new(
            Sum(proving.Select(r => direction == Direction.Import ? r.Fact.Import : r.Fact.Export)), uncovered,
            uncovered == 0 ? source : $"{source}, {Seconds(uncovered)} s not covered",
            proving.Max(record => record.Fact.Quality));
    }

    private static Share Proven(Curve curve) =>
        new(curve.Quality == ReadingQuality.Missing ? null : curve.Energy, curve.Records, curve.Quality);

    /// <summary>
    /// The register's energy in the periods of a bracket, less what interval readings say of some of them.
    /// It is divided by the curve: each period gets its curve's energy,
    /// and what the register counted beyond the curves flowed while they were not covered, as far as the rated power
    /// allows. Any other deviation is the curve's and is shared in proportion to its energy; or to the duration,
    /// where the curves say that nothing flowed.
    /// </summary>
    private static IEnumerable<(int Period, Share Share)> Divided(
        Bracket bracket, IReadOnlyList<Interval> periods, Share?[] settled, List<Curve> curves, Power? rated)
    {
        var open = Enumerable.Range(bracket.First, bracket.End - bracket.First).Where(i => settled[i] is null).ToList();
        var provided = settled[bracket.First..bracket.End].OfType<Share>().ToList();
        var counted = bracket.Counted - Sum(provided.Select(share => share.Energy!.Value));
        // Interval readings beyond the register contradict it, so it can not say what is left for the others.
        if (counted < Energy.Zero) return [];
        var source = provided.Count == 0 ? bracket.Source
            : $"{bracket.Source}, less interval readings of {provided.Count} period{(provided.Count == 1 ? "" : "s")}";
        // A register that stood still proves zero for each of its periods; there is nothing to divide.
        if (open.Count == 1 || counted == Energy.Zero)
            return open.Select(i => (i, new Share(counted, source, bracket.Quality)));

        var measured = Sum(open.Select(i => curves[i].Energy));
        var uncovered = open.Sum(i => curves[i].UncoveredMicroseconds);
        var room = uncovered == 0 ? Energy.Zero : rated is { } power ? Flow(power, uncovered) : counted;
        var filling = Energy.Max(Energy.Zero, Energy.Min(counted - measured, room));
        var byDuration = measured == Energy.Zero && counted > filling;
        var filled = Parts(filling, [.. open.Select(i => (Int128)curves[i].UncoveredMicroseconds)]);
        var shaped = Parts(counted - filling, [.. open.Select(i =>
            byDuration ? Microseconds(periods[i]) : curves[i].Energy.HalfNanojoules)]);
        return open.Select((i, k) =>
        {
            var curve = curves[i];
            var shape = byDuration ? "by duration"
                : curve.Quality == ReadingQuality.Missing ? "no curve" : "shaped by " + curve.Records;
            var guessed = byDuration || curve.Quality == ReadingQuality.Missing || filled[k] > Energy.Zero;
            return (i, new Share(filled[k] + shaped[k], $"{source}, {shape}",
                Worse(bracket.Quality, guessed ? ReadingQuality.Estimated : curve.Quality)));
        });
    }

    private static IEnumerable<Bracket> Brackets(
        RegisterId register, IReadOnlyList<Interval> periods, MeteredFacts facts)
    {
        // A period begins at the edge of its own index; the day ends at one more.
        var edges = periods.Select(period => period.Start).Append(periods[^1].End).ToList();
        var installations = facts.Installations.Where(entry => entry.Fact.Installed.Register == register)
            .OrderBy(entry => entry.Fact.From).ThenBy(entry => entry.Position).ToList();
        var readings = facts.Readings.Where(reading =>
                reading.Fact.Register == register && reading.Fact.Quality != ReadingQuality.Missing)
            .OrderBy(reading => reading.Fact.ReadAt).ToList();
        var onEdges = Enumerable.Range(0, readings.Count)
            .Where(i => edges.BinarySearch(readings[i].Fact.ReadAt) >= 0).ToList();
        foreach (var (from, to) in onEdges.Zip(onEdges.Skip(1)))
        {
            var between = readings[from..(to + 1)];
            if (Counted(between, installations) is { } counted)
                yield return new(
                    edges.BinarySearch(between[0].Fact.ReadAt), edges.BinarySearch(between[^1].Fact.ReadAt), counted,
                    $"register: readings {between[0].Name}, {between[^1].Name}",
                    between.Max(reading => reading.Fact.Quality));
        }
    }

    /// <summary>The differences from reading to reading;
    /// null where one may not be billed or the meter is another.</summary>
    private static Energy? Counted(
        List<Positioned<RegisterReadingRecorded>> readings, List<Positioned<RegisterInForce>> installations)
    {
        var sum = Energy.Zero;
        foreach (var (from, to) in readings.Zip(readings.Skip(1)))
        {
            var meter = InForce(from.Fact.ReadAt);
            if (meter is null || meter != InForce(to.Fact.ReadAt)) return null;
            if (Register.Difference(meter.Fact.Installed, from.Fact.IndexSteps,
                to.Fact.IndexSteps).Delta is not { } delta)
                return null;
            sum += delta;
        }
        return sum;

        // An exchanged meter counts from its own instant on; of two facts for one instant the later recorded one holds.
        Positioned<RegisterInForce>? InForce(Instant at) => installations.LastOrDefault(entry => entry.Fact.From <= at);
    }

    /// <summary>Facts in order of time, each sorted once and not for every period.</summary>
    private sealed class InTime<T>
    {
        private readonly List<(Interval Time, Positioned<T> Fact)> facts;
        private readonly Instant[] latest; // the latest end of the facts up to each

        public InTime(IEnumerable<Positioned<T>> facts, Func<T, Interval> interval)
        {
            this.facts = [.. facts.Select(fact => (interval(fact.Fact), fact)).OrderBy(fact => fact.Item1.Start)];
            latest = new Instant[this.facts.Count];
            for (var i = 0; i < latest.Length; i++)
                latest[i] = i == 0 ? this.facts[i].Time.End : Instant.Max(latest[i - 1], this.facts[i].Time.End);
        }

        /// <summary>Those inside a period; none of them where one reaches outside or two overlap.</summary>
        public List<Positioned<T>> Inside(Interval period)
        {
            var (first, end) = (FirstFrom(period.End), period.Start);
            while (first > 0 && latest[first - 1] > period.Start) first--;
            var inside = new List<Positioned<T>>();
            for (var i = first; i < facts.Count && facts[i].Time.Start < period.End; i++)
            {
                if (facts[i].Time.End <= period.Start) continue;
                if (facts[i].Time.Start < end) return [];
                end = facts[i].Time.End;
                inside.Add(facts[i].Fact);
            }
            return end <= period.End ? inside : [];
        }

        /// <summary>The first fact that begins at an instant or later.</summary>
        private int FirstFrom(Instant at)
        {
            var (low, high) = (0, facts.Count);
            while (low < high)
            {
                var middle = (low + high) / 2;
                if (facts[middle].Time.Start < at) low = middle + 1;
                else high = middle;
            }
            return low;
        }
    }

    /// <summary>
    /// A whole in proportion to weights. What is given out up to each part is rounded half to even, so that parts are
    /// never negative, sum to the whole, and those of a finer division sum to those of a coarser one.
    /// </summary>
    private static Energy[] Parts(Energy whole, Int128[] weights)
    {
        var all = weights.Aggregate(BigInteger.Zero, (sum, weight) => sum + weight);
        if (all.IsZero) return new Energy[weights.Length];
        var parts = new Energy[weights.Length];
        var (seen, given) = (BigInteger.Zero, Energy.Zero);
        for (var i = 0; i < parts.Length; i++)
        {
            seen += weights[i];
            var upToHere = new Energy(Energy.DivideHalfEven(whole.HalfNanojoules * seen, all));
            parts[i] = upToHere - given;
            given = upToHere;
        }
        return parts;
    }

    private static ReadingQuality Worse(ReadingQuality a, ReadingQuality b) => a > b ? a : b;

    private static Energy Sum(IEnumerable<Energy> energies) =>
        energies.Aggregate(Energy.Zero, (sum, next) => sum + next);

    // A milliwatt times a microsecond is a nanojoule.
    private static Energy Flow(Power power, long microseconds) => new((Int128)power.Milliwatts * microseconds * 2);

    private static long Microseconds(Interval period) => period.Duration.ToInt64Nanoseconds() / 1000;

    private static string Seconds(long microseconds) =>
        (microseconds / 1_000_000m).ToString(CultureInfo.InvariantCulture);
}
