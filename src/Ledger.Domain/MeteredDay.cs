using System.Globalization;
using System.Numerics;
using NodaTime;

namespace Ledger.Domain;

/// <summary>A fact and its position in the journal,
/// so that what is computed from it can be traced back to it.</summary>
public sealed record Positioned<T>(long Position, T Fact)
{
    private readonly string? name;

    /// <summary>How a source names it: by its position,
    /// a correction also by its version and what it supersedes.</summary>
    public string Name
    {
        get => name ?? Position.ToString(CultureInfo.InvariantCulture);
        init => name = value;
    }
}

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
        var estimated = InTime<IntervalEstimated>.Of(facts.Estimates, estimate => estimate.Register == register,
            estimate => estimate.Period, estimate => estimate.Version);
        var readings = InTime<IntervalReadingRecorded>.Of(facts.IntervalReadings, reading =>
            reading.Register == register && reading.Quality != ReadingQuality.Missing, reading => reading.Period);
        var records = InTime<IntervalRecorded>.Of(facts.IntervalRecords, record => record.Point == point,
            record => record.Period, record => record.Version,
            record => record.State != IntervalRecordState.Superseded);

        var (settled, curves) = (new Share?[periods.Count], new Curve[periods.Count]);
        for (var i = 0; i < settled.Length; i++)
        {
            settled[i] = Provided(periods[i], readings.Inside(periods[i]));
            curves[i] = CurveOf(periods[i], direction, records.Inside(periods[i]));
        }
        foreach (var bracket in Brackets(register, periods, facts))
            foreach (var (i, share) in Divided(bracket, periods, settled, curves, rated)) settled[i] = share;

        var quantities = new MeteredQuantity[periods.Count];
        for (var i = 0; i < quantities.Length; i++)
            quantities[i] = Quantity(periods[i], settled[i] ?? Known(periods[i], curves[i]));
        return quantities;

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

    private static Share? Provided(Interval period, ArraySegment<Positioned<IntervalReadingRecorded>> readings)
    {
        if (readings.Count == 0) return null;
        var filled = readings.Aggregate(Duration.Zero, (sum, reading) => sum + reading.Fact.Period.Duration);
        if (filled != period.Duration) return null;
        var names = readings.Select(reading => $"{reading.Name} {reading.Fact.Method}".TrimEnd());
        return new(Sum(readings.Select(reading => reading.Fact.Energy)),
            $"interval reading{(readings.Count == 1 ? "" : "s")} {string.Join(", ", names)}",
            readings.Max(reading => reading.Fact.Quality));
    }

    private static Share? Estimated(Interval period, ArraySegment<Positioned<IntervalEstimated>> estimates)
    {
        if (estimates.Count == 0) return null;
        var filled = estimates.Aggregate(Duration.Zero, (sum, estimate) => sum + estimate.Fact.Period.Duration);
        if (filled != period.Duration) return null;
        var names = estimates.Select(estimate =>
            $"{estimate.Name} v{estimate.Fact.Version} {(int)estimate.Fact.Method} {estimate.Fact.Method}");
        return new(Sum(estimates.Select(estimate => estimate.Fact.Energy)),
            $"estimate{(estimates.Count == 1 ? "" : "s")} {string.Join(", ", names)}",
            estimates.Max(estimate => estimate.Fact.Quality));
    }

    private static Curve CurveOf(
        Interval period, Direction direction, ArraySegment<Positioned<IntervalRecorded>> records)
    {
        var (energy, covered, quality) = (Energy.Zero, 0L, ReadingQuality.MeasuredSigned);
        foreach (var (_, record) in records)
        {
            if (record.Quality == ReadingQuality.Missing) continue;
            energy += direction == Direction.Import ? record.Import : record.Export;
            covered += record.CoveredMicroseconds;
            quality = Worse(quality, record.Quality);
        }
        var uncovered = Microseconds(period) - covered;
        if (records.Count == 0) return new(Energy.Zero, uncovered, "missing", ReadingQuality.Missing);
        var source = records is [var only]
            ? string.Create(CultureInfo.InvariantCulture, $"interval record {only.Position} v{only.Fact.Version}")
            : "interval records " + string.Join(", ", records.Select(record =>
                string.Create(CultureInfo.InvariantCulture, $"{record.Position} v{record.Fact.Version}")));
        return covered == 0 ? new(Energy.Zero, uncovered, source + ", missing", ReadingQuality.Missing)
            : new(energy, uncovered, uncovered == 0 ? source : $"{source}, {Seconds(uncovered)} s not covered", quality);
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
        Bracket bracket, IReadOnlyList<Interval> periods, Share?[] settled, Curve[] curves, Power? rated)
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
        if (facts.Readings.Count == 0) yield break;
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
        private static readonly InTime<T> None = new([]);
        private readonly (Interval Time, Positioned<T> Fact)[] facts;
        private readonly Positioned<T>[] inOrder;
        private readonly Instant[] latest; // the latest end of the facts up to each

        private InTime((Interval Time, Positioned<T> Fact)[] facts)
        {
            this.facts = facts;
            inOrder = Array.ConvertAll(facts, fact => fact.Fact);
            latest = new Instant[facts.Length];
            for (var i = 0; i < latest.Length; i++)
                latest[i] = i == 0 ? facts[i].Time.End : Instant.Max(latest[i - 1], facts[i].Time.End);
        }

        /// <param name="counts">Which of the facts are asked for.</param>
        /// <param name="version">Of several facts of one interval the highest version holds; null where each
        /// counts.</param>
        /// <param name="stands">Whether what holds says anything.</param>
        public static InTime<T> Of(IReadOnlyList<Positioned<T>> all, Func<T, bool> counts, Func<T, Interval> interval,
            Func<T, int>? version = null, Func<T, bool>? stands = null)
        {
            if (all.Count == 0) return None;
            var facts = new List<(Interval Time, Positioned<T> Fact)>(all.Count);
            foreach (var fact in all) if (counts(fact.Fact)) facts.Add((interval(fact.Fact), fact));
            // Where each begins later than the one before, there is one of each interval, in order: as a journal mostly
            // gives them.
            var rises = true;
            for (var i = 1; i < facts.Count && rises; i++) rises = facts[i].Time.Start > facts[i - 1].Time.Start;
            if (!rises)
                facts = [.. (version is null ? facts : facts.GroupBy(fact => fact.Time)
                    .Select(versions => versions.MaxBy(fact => version(fact.Fact.Fact))))
                    .OrderBy(fact => fact.Time.Start).ThenBy(fact => fact.Time.End)];
            if (stands is not null) facts.RemoveAll(fact => !stands(fact.Fact.Fact));
            return new([.. facts]);
        }

        /// <summary>Those inside a period; none of them where one reaches outside or two overlap.</summary>
        public ArraySegment<Positioned<T>> Inside(Interval period)
        {
            if (facts.Length == 0) return ArraySegment<Positioned<T>>.Empty;
            var (first, end) = (FirstFrom(period.End), period.Start);
            while (first > 0 && latest[first - 1] > period.Start) first--;
            var (from, count) = (first, 0);
            for (var i = first; i < facts.Length && facts[i].Time.Start < period.End; i++)
            {
                if (facts[i].Time.End <= period.Start)
                {
                    // What ends no later than the period begins stands before those inside.
                    if (count == 0) from = i + 1;
                    continue;
                }
                if (facts[i].Time.Start < end) return ArraySegment<Positioned<T>>.Empty;
                end = facts[i].Time.End;
                count++;
            }
            return end <= period.End ? new(inOrder, from, count) : ArraySegment<Positioned<T>>.Empty;
        }

        /// <summary>The first fact that begins at an instant or later.</summary>
        private int FirstFrom(Instant at)
        {
            var (low, high) = (0, facts.Length);
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
