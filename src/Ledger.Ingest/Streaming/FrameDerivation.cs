using System.Runtime.InteropServices;
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
/// <param name="Uncounted">Samples that were too many for the time of the period, and do not count.</param>
public readonly record struct DerivedIntegral(
    PeriodIntegral? Integral, string? Problem, bool IsDropped, long Uncounted = 0);

/// <summary>
/// Derives periods again from the frames of their ranges, by the reference integral over all samples that the blocks
/// have of them, in any order: what the engine summed while samples came has to be the same to the last integer.
/// Ranges that meet are read once, so one reading of the log serves many periods, as many as there is room for. Of one
/// period as many samples count as its time has room for, the first in the log: few bytes may say very many, and say
/// them again and again.
/// </summary>
/// <param name="samplesHeldMax">Samples that are held at once, of 16 bytes each; a period has room always.</param>
public sealed class FrameDerivation(FrameLogReader log, long samplesHeldMax = FrameDerivation.SamplesHeldMax)
{
    /// <summary>What fits into a third of a gigabyte.</summary>
    public const long SamplesHeldMax = 20_000_000;

    private readonly PowerSample[] room = new PowerSample[Limits.SamplesPerBlockMax];

    /// <summary>Samples that may count in a period or beside it: as many for its time as of a frame.</summary>
    internal static int SamplesMax(Interval period, SampleDeclaration declaration)
    {
        var microseconds = PowerCurve.Microseconds(period.End) - PowerCurve.Microseconds(period.Start)
            + (2 * BesideMicroseconds(declaration));
        return (int)Math.Min(Limits.SamplesPerPeriodMax,
            Limits.SamplesTogetherMax + (microseconds / 1000 * Limits.SamplesPerMillisecondMax));
    }

    /// <summary>How far beside a period samples are looked at.</summary>
    internal static long BesideMicroseconds(SampleDeclaration declaration) =>
        declaration.ReachMicroseconds + declaration.NominalMicroseconds;

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

    /// <summary>The samples of which the integral of a period is made, and those beside it that are looked at, as they
    /// stand in the log. Throws <see cref="FrameLogDamagedException"/> where it is not as it was.</summary>
    public PowerSample[] SamplesOf(in DerivedPeriod asked, CancellationToken ct)
    {
        var streams = new Dictionary<SettlementPointId, List<Collected>>();
        var period = HeldOf(streams, asked);
        foreach (var together in Meeting([.. asked.Range.Stretches]))
            foreach (var _ in Blocks(together[0].First, together.Max(one => one.Last), streams))
                ct.ThrowIfCancellationRequested();
        samplesHeld = 0;
        return period.Taken;
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

    private List<DerivedIntegral> TryDerive(IReadOnlyList<DerivedPeriod> asked, FrameAddress? begins)
    {
        var derived = new List<DerivedIntegral>(asked.Count);
        while (derived.Count < asked.Count) Read([.. asked.Skip(derived.Count)], begins, derived);
        return derived;
    }

    /// <summary>Reads the log once, and derives as many of the periods, from the first on, as there is room
    /// for.</summary>
    private void Read(List<DerivedPeriod> asked, FrameAddress? begins, List<DerivedIntegral> derived)
    {
        var streams = new Dictionary<SettlementPointId, List<Collected>>();
        held = asked.ConvertAll(one => HeldOf(streams, one));
        var stretches = asked.SelectMany(one => one.Range.Stretches).Distinct().ToList();
        var problems = new Dictionary<FrameStretch, DerivedIntegral>();
        foreach (var stretch in stretches)
            if (begins is not { } first) problems[stretch] = new(null, "there is no frame log", false);
            else if (stretch.First.Segment < first.Segment)
                problems[stretch] = new(null, $"the frame log begins at {first}", true);
        foreach (var together in Meeting(stretches.FindAll(stretch => !problems.ContainsKey(stretch))))
            Collect(together, streams, problems);
        foreach (var one in held)
        {
            var problem = one.Asked.Range.Stretches.Select(stretch => problems.GetValueOrDefault(stretch))
                .FirstOrDefault(found => found.Problem is not null);
            derived.Add(problem.Problem is not null ? problem : one.Integrate());
        }
        held.Clear();
        samplesHeld = 0;
    }

    // The periods of this reading, and how many samples they have.
    private List<Held> held = [];
    private long samplesHeld;

    private static Held HeldOf(Dictionary<SettlementPointId, List<Collected>> streams, DerivedPeriod asked)
    {
        if (!streams.TryGetValue(asked.Point, out var ofPoint)) streams[asked.Point] = ofPoint = [];
        var collected = ofPoint.Find(one => one.IsOf(
            asked.Declaration.Semantics, asked.Declaration.NominalMicroseconds));
        if (collected is null) ofPoint.Add(collected = new(asked.Declaration));
        var held = new Held(asked);
        collected.Wanted.Add(held);
        return held;
    }

    /// <summary>Lets go of the last periods until there is room again: they are read another time.</summary>
    private void MakeRoom()
    {
        while (samplesHeld > samplesHeldMax && held.Count > 1)
        {
            samplesHeld -= held[^1].LetGo();
            held.RemoveAt(held.Count - 1);
        }
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
        if (SamplePlacing.IsAhead(reader.Head.SentAtMicroseconds, frame.ReceivedAtMicroseconds)) return;
        var dated = SamplePlacing.AsDated(frame.ReceivedAtMicroseconds);
        while (reader.TryRead(room, out var samples))
        {
            if (samples.Stream >= streams.Count || streams[samples.Stream] is not { } collected) continue;
            Samples += samples.Count;
            foreach (var one in collected.Wanted)
                samplesHeld += one.Add(room.AsSpan(0, samples.Count), reader.Times, dated, block);
            if (samplesHeld > samplesHeldMax) MakeRoom();
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

    /// <summary>What is asked of one declared stream.</summary>
    private sealed class Collected(SampleDeclaration declaration)
    {
        public List<Held> Wanted { get; } = [];

        public bool IsOf(SampleSemantics semantics, long nominal) =>
            declaration.Semantics == semantics && declaration.NominalMicroseconds == nominal;
    }

    /// <summary>The samples that may matter to a period, of the blocks of its range.</summary>
    private sealed class Held(DerivedPeriod asked)
    {
        private readonly long from =
            PowerCurve.Microseconds(asked.Period.Start) - BesideMicroseconds(asked.Declaration);
        private readonly long to = PowerCurve.Microseconds(asked.Period.End) + BesideMicroseconds(asked.Declaration);
        private readonly int most = SamplesMax(asked.Period, asked.Declaration);
        private List<PowerSample>? samples = [];
        private long uncounted;

        public DerivedPeriod Asked => asked;

        /// <summary>How many of these samples are held now.</summary>
        /// <param name="dated">When a sample may have been taken that counts where it is dated; others count elsewhere
        /// or nowhere, and are in no record that is derived.</param>
        public int Add(
            ReadOnlySpan<PowerSample> more, in TimeExtent times, in TimeExtent dated, FrameAddress block)
        {
            var (earliest, latest) = (Math.Max(from, dated.Earliest), Math.Min(to, dated.Latest));
            if (samples is null || times.Latest < earliest || times.Earliest > latest || !asked.Range.Holds(block))
                return 0;
            var before = samples.Count;
            if (times.Earliest >= earliest && times.Latest <= latest && before + more.Length <= most)
                samples.AddRange(more);
            else
                foreach (var sample in more)
                    if (sample.AtMicroseconds < earliest || sample.AtMicroseconds > latest) continue;
                    else if (samples.Count < most) samples.Add(sample);
                    else uncounted++;
            return samples.Count - before;
        }

        /// <summary>What it holds, in the order of the log.</summary>
        public PowerSample[] Taken => samples?.ToArray() ?? [];

        /// <summary>Holds nothing from now on; how many it held.</summary>
        public int LetGo()
        {
            var count = samples?.Count ?? 0;
            samples = null;
            return count;
        }

        public DerivedIntegral Integrate()
        {
            var integrals = PowerCurve.Integrate(
                CollectionsMarshal.AsSpan(samples), [asked.Period], asked.Declaration);
            LetGo();
            return new(integrals[0], null, false, uncounted);
        }
    }
}
