using Ledger.Domain;
using Ledger.Ingest.Frames;
using NodaTime;

namespace Ledger.Ingest.Streaming;

/// <summary>A period of a point that is derived from a range of the log.</summary>
public readonly record struct DerivedPeriod(
    SettlementPointId Point, Interval Period, SampleDeclaration Declaration, FrameRange Range);

/// <summary>What became of a period that was to be derived.</summary>
/// <param name="Integral">Null where its range could not be read.</param>
/// <param name="Problem">Why not; null where it could.</param>
/// <param name="IsDropped">Whether the log begins after it: of its first segments, which the journal knows to be
/// dropped or nobody does.</param>
public readonly record struct DerivedIntegral(PeriodIntegral? Integral, string? Problem, bool IsDropped);

/// <summary>
/// Derives periods again from the frames of their ranges, by the reference integral over all samples that the blocks
/// have of them, in any order: what the engine summed while samples came has to be the same to the last integer.
/// Ranges that meet are read once, so one reading of the log serves many periods.
/// </summary>
public sealed class FrameDerivation(FrameLogReader log)
{
    private readonly PowerSample[] room = new PowerSample[Limits.SamplesPerBlockMax];

    /// <summary>Samples read of the points asked for.</summary>
    public long Samples { get; private set; }

    /// <summary>The integral of each period, in the order asked. Throws <see cref="InvalidDataException"/> where a
    /// range is not what the log has there.</summary>
    public IReadOnlyList<PeriodIntegral> Derive(IReadOnlyList<DerivedPeriod> asked) =>
        [.. TryDerive(asked).Select(one => one.Integral ?? throw new InvalidDataException(one.Problem))];

    /// <summary>The same, where what is wrong with one range says nothing of the others.</summary>
    public IReadOnlyList<DerivedIntegral> TryDerive(IReadOnlyList<DerivedPeriod> asked)
    {
        while (true)
        {
            var begins = First(out var damage);
            if (damage is not null) return [.. asked.Select(_ => new DerivedIntegral(null, damage, false))];
            var derived = TryDerive(asked, begins);
            // What is dropped while it is read looks damaged.
            if (derived.All(one => one.Problem is null || one.IsDropped) || First(out _) == begins) return derived;
        }
    }

    private FrameAddress? First(out string? damage)
    {
        damage = null;
        try
        {
            return log.First;
        }
        catch (FrameLogDamagedException damaged)
        {
            damage = damaged.Message;
            return null;
        }
    }

    private IReadOnlyList<DerivedIntegral> TryDerive(IReadOnlyList<DerivedPeriod> asked, FrameAddress? begins)
    {
        var streams = new Dictionary<SettlementPointId, List<Collected>>();
        var found = new Collected[asked.Count];
        for (var i = 0; i < found.Length; i++) found[i] = CollectedOf(streams, asked[i]);
        var stretches = asked.SelectMany(one => one.Range.Stretches).Distinct().ToList();
        var problems = new Dictionary<FrameStretch, DerivedIntegral>();
        foreach (var stretch in stretches)
            if (begins is not { } first) problems[stretch] = new(null, "there is no frame log", false);
            else if (stretch.First.Segment < first.Segment)
                problems[stretch] = new(null, $"the frame log begins at {first}", true);
        foreach (var together in Meeting(stretches.FindAll(stretch => !problems.ContainsKey(stretch))))
            Collect(together, streams, problems);
        return [.. asked.Select((one, i) =>
        {
            foreach (var stretch in one.Range.Stretches)
                if (problems.TryGetValue(stretch, out var problem)) return problem;
            return new DerivedIntegral(PowerCurve.Integrate(
                found[i].Of(one.Range), [one.Period], one.Declaration)[0], null, false);
        })];
    }

    private static Collected CollectedOf(
        Dictionary<SettlementPointId, List<Collected>> streams, DerivedPeriod period)
    {
        if (!streams.TryGetValue(period.Point, out var ofPoint)) streams[period.Point] = ofPoint = [];
        var collected = ofPoint.Find(one => one.IsOf(
            period.Declaration.Semantics, period.Declaration.NominalMicroseconds));
        if (collected is null) ofPoint.Add(collected = new(period.Declaration));
        collected.Widen(period.Period);
        return collected;
    }

    /// <summary>The stretches in groups that share blocks, each group in the order of its first blocks.</summary>
    private static IEnumerable<List<FrameStretch>> Meeting(List<FrameStretch> stretches)
    {
        var group = new List<FrameStretch>();
        FrameAddress last = default;
        foreach (var stretch in stretches.OrderBy(one => one.First).ThenBy(one => one.Last))
        {
            if (group.Count > 0 && stretch.First > last)
            {
                yield return group;
                group = [];
            }
            last = group.Count == 0 || stretch.Last > last ? stretch.Last : last;
            group.Add(stretch);
        }
        if (group.Count > 0) yield return group;
    }

    private void Collect(List<FrameStretch> together, Dictionary<SettlementPointId, List<Collected>> wanted,
        Dictionary<FrameStretch, DerivedIntegral> problems)
    {
        var (first, last) = (together[0].First, together.Max(one => one.Last));
        var (before, after) = (new Dictionary<FrameAddress, string>(), new Dictionary<FrameAddress, string>());
        try
        {
            foreach (var block in Blocks(first, last, wanted))
            {
                before[block.Address] = Hex(block.ChainBefore);
                after[block.Address] = Hex(block.ChainAfter);
            }
        }
        catch (Exception damaged) when (damaged is FrameLogDamagedException or IOException)
        {
            foreach (var stretch in together) problems[stretch] = new(null, damaged.Message, false);
            return;
        }
        foreach (var stretch in together)
            if (before.GetValueOrDefault(stretch.First) != stretch.ChainBefore
                || after.GetValueOrDefault(stretch.Last) != stretch.ChainAfter)
                problems[stretch] = new(null,
                    $"the frame log from {stretch.First} to {stretch.Last} is not what was recorded", false);
    }

    /// <summary>Reads blocks, and puts their samples where they are wanted.</summary>
    private IEnumerable<FrameBlock> Blocks(
        FrameAddress first, FrameAddress last, Dictionary<SettlementPointId, List<Collected>> wanted)
    {
        var sessions = new Dictionary<long, List<Collected?>>();
        foreach (var frame in log.AnnouncedBefore(first)) Announce(frame, sessions, wanted);
        foreach (var block in log.Read(first, last))
        {
            foreach (var frame in block.Frames) Take(frame, block.Address, sessions, wanted);
            yield return block;
        }
    }

    private void Take(LoggedFrame frame, FrameAddress block, Dictionary<long, List<Collected?>> sessions,
        Dictionary<SettlementPointId, List<Collected>> wanted)
    {
        var reader = FrameReader.Open(frame.Bytes.Span);
        if (reader.Head.Kind == FrameKind.Announce) Announce(frame, sessions, wanted);
        if (reader.Head.Kind != FrameKind.Samples || !sessions.TryGetValue(frame.Session, out var streams)
            || !streams.Exists(one => one is not null)) return;
        while (reader.TryRead(room, out var samples))
        {
            if (samples.Stream >= streams.Count || streams[samples.Stream] is not { } collected) continue;
            collected.Add(room.AsSpan(0, samples.Count), block, SamplePlacing.AsDated(frame.ReceivedAtMicroseconds));
            Samples += samples.Count;
        }
    }

    private static void Announce(LoggedFrame frame, Dictionary<long, List<Collected?>> sessions,
        Dictionary<SettlementPointId, List<Collected>> wanted)
    {
        if (!sessions.TryGetValue(frame.Session, out var streams)) sessions[frame.Session] = streams = [];
        var reader = FrameReader.Open(frame.Bytes.Span);
        while (reader.TryRead(out Announcement announced))
        {
            while (streams.Count <= announced.Stream) streams.Add(null);
            // Samples that were declared otherwise are of another curve.
            streams[announced.Stream] = wanted.GetValueOrDefault(announced.Point)?.Find(one =>
                one.IsOf(announced.Semantics, announced.NominalPeriodMicroseconds));
        }
    }

    private static string Hex(ReadOnlyMemory<byte> chain) => Convert.ToHexStringLower(chain.Span);

    /// <summary>The samples of one declared stream that may matter to the periods asked for, and which block has
    /// them.</summary>
    private sealed class Collected(SampleDeclaration declaration)
    {
        private readonly long reach = declaration.ReachMicroseconds + declaration.NominalMicroseconds;
        private readonly List<PowerSample> samples = [];
        private readonly List<(FrameAddress Block, int From)> runs = [];
        private long from = long.MaxValue, to = long.MinValue;

        public bool IsOf(SampleSemantics semantics, long nominal) =>
            declaration.Semantics == semantics && declaration.NominalMicroseconds == nominal;

        public void Widen(Interval period)
        {
            from = Math.Min(from, PowerCurve.Microseconds(period.Start) - reach);
            to = Math.Max(to, PowerCurve.Microseconds(period.End) + reach);
        }

        /// <param name="times">When a sample may have been taken that counts where it is dated; others count elsewhere or
        /// nowhere, and are in no record that is derived.</param>
        public void Add(ReadOnlySpan<PowerSample> more, FrameAddress block, TimeExtent times)
        {
            var (earliest, latest) = (Math.Max(from, times.Earliest), Math.Min(to, times.Latest));
            if (runs.Count == 0 || runs[^1].Block != block) runs.Add((block, samples.Count));
            foreach (var sample in more)
                if (sample.AtMicroseconds >= earliest && sample.AtMicroseconds <= latest) samples.Add(sample);
        }

        /// <summary>What the blocks of a range have.</summary>
        public PowerSample[] Of(FrameRange range)
        {
            var found = new List<PowerSample>(samples.Count);
            for (var i = 0; i < runs.Count; i++)
                if (range.Holds(runs[i].Block))
                    for (var at = runs[i].From; at < (i + 1 < runs.Count ? runs[i + 1].From : samples.Count); at++)
                        found.Add(samples[at]);
            return found.ToArray();
        }
    }
}
