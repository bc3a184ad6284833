using Ledger.Domain;
using Ledger.Ingest.Fleet;
using NodaTime;

namespace Ledger.Ingest.Simulation;

/// <summary>
/// A stretch of a period of which no sample arrived, from the last one before it to the next. Where several causes
/// follow each other the stretch is divided among them.
/// </summary>
/// <param name="Samples">How many samples of the period are missing.</param>
/// <param name="Energy">What flowed meanwhile.</param>
/// <param name="Counted">What a straight line across counts instead; zero where the gap is longer than may be bridged.
/// </param>
public sealed record FaultGap(
    FaultCause Cause, Interval Missing, int Samples, EnergyPair Energy, EnergyPair Counted, bool Bridged);

/// <summary>
/// What is to be found of a connector and period when everything has arrived that will: what flowed, what of it the
/// samples that arrive prove, how many come twice or late, and by which gap the one differs from the other:
/// <c>Proven = True − Σ Energy + Σ Counted</c>.
/// </summary>
/// <param name="Samples">Instants of the period with a sample; repeats do not count.</param>
/// <param name="Late">Samples that come minutes or hours late; <paramref name="Overtaken"/>: at most 4 s.</param>
public sealed record FaultAccount(
    int Connector, Interval Period, EnergyPair True, EnergyPair Proven, int Samples, int Duplicates, int Conflicts,
    int Late, int Overtaken, IReadOnlyList<FaultGap> Gaps);

/// <summary>
/// The account of one connector: what the faults do to its samples, without generating one. Not for several threads at
/// once.
/// </summary>
public sealed class ConnectorAccount
{
    private readonly StreamTruth truth;
    private readonly SimulatedStream stream;
    private readonly List<SampleStretch> missing = [new(long.MinValue, 0, FaultCause.Outside)];
    private readonly List<(long First, long End)> late = [], overtaken = [], twice = [], conflicts = [];

    public ConnectorAccount(SimulatedStream stream)
    {
        (this.stream, truth) = (stream, new StreamTruth(stream));
        var plan = stream.Fleet.Plan;
        MaxGapMicroseconds = Math.Max(3L * plan.StepMicroseconds, 2_000_000);
        var gateway = new GatewayFaults(plan, plan.GatewayOf(stream.Connector));
        var faults = new ConnectorFaults(stream, gateway);
        if (plan.Faults != StreamFaults.None)
            for (var second = 0; second < plan.Seconds; second++) Take(second, gateway, faults);
        Miss(new SampleStretch(stream.EndIndex, long.MaxValue, FaultCause.Outside));
    }

    /// <summary>The longest gap that a straight line may bridge: three steps, at least 2 s.</summary>
    public long MaxGapMicroseconds { get; }

    /// <summary>Samples that come dated by a clock that was not set, repeats among them.</summary>
    public int UnsetClockSamples { get; private set; }

    private void Take(int second, GatewayFaults gateway, ConnectorFaults faults)
    {
        var fate = gateway.FateOf(second);
        Span<SampleStretch> stretches = stackalloc SampleStretch[3];
        var count = faults.StretchesOf(second, fate, stretches);
        var repeats = gateway.ComesTwice(second);
        var conflict = faults.ConflictIn(second);
        foreach (var stretch in stretches[..count])
        {
            if (stretch.Cause is not null)
            {
                Miss(stretch);
                if (stretch.Cause == FaultCause.UnsetClock && fate is not (FrameFate.Lost or FrameFate.Disconnected))
                    UnsetClockSamples += (int)stretch.Count * (repeats ? 2 : 1);
                continue;
            }
            if (fate == FrameFate.KeptBack) late.Add((stretch.First, stretch.End));
            if (fate == FrameFate.Overtaken) overtaken.Add((stretch.First, stretch.End));
            if (repeats) twice.Add((stretch.First, stretch.End));
            var (first, end) = (Math.Max(conflict.First, stretch.First), Math.Min(conflict.End, stretch.End));
            if (first < end) conflicts.Add((first, end));
        }
    }

    /// <summary>Stretches that follow each other for the same cause are one.</summary>
    private void Miss(SampleStretch stretch)
    {
        if (missing[^1].End == stretch.First && missing[^1].Cause == stretch.Cause)
            missing[^1] = missing[^1] with { End = stretch.End };
        else missing.Add(stretch);
    }

    public FaultAccount Of(Interval period)
    {
        var (start, end) = (PowerCurve.Microseconds(period.Start), PowerCurve.Microseconds(period.End));
        var (first, last) = (stream.IndexAt(start - 1) + 1, stream.IndexAt(end - 1) + 1);
        var gaps = new List<FaultGap>();
        for (var i = 0; i < missing.Count;)
        {
            var next = i + 1;
            while (next < missing.Count && missing[next].First == missing[next - 1].End) next++;
            AddGap(gaps, i, next, start, end);
            i = next;
        }
        var flowed = truth.Between(start, end);
        var proven = gaps.Aggregate(flowed, (sum, gap) => Sum(sum, gap.Counted, Negative(gap.Energy)));
        int Count(IEnumerable<(long First, long End)> stretches) =>
            stretches.Sum(one => (int)Math.Max(0, Math.Min(one.End, last) - Math.Max(one.First, first)));
        var lost = Count(missing.Select(one => (one.First, one.End)));
        return new FaultAccount(stream.Connector, period, flowed, proven, (int)(last - first) - lost, Count(twice),
            Count(conflicts), Count(late), Count(overtaken), gaps);
    }

    /// <summary>Adds what of missing stretches that follow each other lies in the period.</summary>
    private void AddGap(List<FaultGap> gaps, int from, int to, long start, long end)
    {
        var opens = missing[from].First == long.MinValue ? long.MinValue : stream.InstantOf(missing[from].First - 1);
        var closes = missing[to - 1].End == long.MaxValue ? long.MaxValue : stream.InstantOf(missing[to - 1].End);
        if (closes <= start || opens >= end) return;
        var bridged = opens != long.MinValue && closes != long.MaxValue && closes - opens <= MaxGapMicroseconds;
        for (var i = from; i < to; i++)
        {
            var one = missing[i];
            var begins = Math.Max(start, i == from ? opens : stream.InstantOf(one.First));
            var ends = Math.Min(end, i == to - 1 ? closes : stream.InstantOf(one.End));
            if (begins >= ends) continue;
            var counted = new EnergyPair(Energy.Zero, Energy.Zero);
            if (bridged)
            {
                var (a, b) = (stream.SampleAt(missing[from].First - 1), stream.SampleAt(missing[to - 1].End));
                counted = Sum(TrueSegment.UpTo(a, b, ends), Negative(TrueSegment.UpTo(a, b, begins)));
            }
            var samples = Math.Min(one.End, stream.IndexAt(end - 1) + 1)
                - Math.Max(one.First, stream.IndexAt(start - 1) + 1);
            gaps.Add(new FaultGap(one.Cause!.Value, new Interval(At(begins), At(ends)), (int)Math.Max(0, samples),
                truth.Between(begins, ends), counted, bridged));
        }
    }

    private static EnergyPair Sum(params ReadOnlySpan<EnergyPair> pairs)
    {
        var sum = new EnergyPair(Energy.Zero, Energy.Zero);
        foreach (var pair in pairs) sum += pair;
        return sum;
    }

    private static EnergyPair Negative(EnergyPair pair) => new(-pair.Import, -pair.Export);

    private static Instant At(long microseconds) => Instant.FromUnixTimeTicks(microseconds * 10);
}
