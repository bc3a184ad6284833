using Ledger.Domain;
using Ledger.Ingest.Frames;
using NodaTime;

namespace Ledger.Ingest.Streaming;

/// <summary>A period of a point that is derived from the log.</summary>
public readonly record struct DerivedPeriod(SettlementPointId Point, Interval Period, SampleDeclaration Declaration);

/// <summary>
/// Derives periods again from the frames of a range, by the reference integral over all samples that its blocks have of
/// them, in any order: what the engine summed while samples came has to be the same to the last integer. One reading of
/// the log serves many periods.
/// </summary>
public sealed class FrameDerivation(FrameLogReader log)
{
    private readonly PowerSample[] room = new PowerSample[Limits.SamplesPerBlockMax];

    /// <summary>Samples read of the points asked for.</summary>
    public long Samples { get; private set; }

    /// <summary>
    /// The integral of each period, in the order asked. Throws <see cref="InvalidDataException"/> where the range is
    /// not what the log has there, and <see cref="FrameLogDamagedException"/> where the log is damaged.
    /// </summary>
    public IReadOnlyList<PeriodIntegral> Derive(FrameRange range, IReadOnlyList<DerivedPeriod> asked)
    {
        var wanted = new Dictionary<SettlementPointId, Wanted>();
        foreach (var period in asked)
        {
            if (!wanted.TryGetValue(period.Point, out var point)) wanted[period.Point] = point = new();
            point.Widen(period);
        }
        foreach (var stretch in range.Stretches) Collect(stretch, wanted);
        return [.. asked.Select(period => PowerCurve.Integrate(
            wanted[period.Point].Samples.ToArray(), [period.Period], period.Declaration)[0])];
    }

    private void Collect(FrameStretch stretch, Dictionary<SettlementPointId, Wanted> wanted)
    {
        var sessions = new Dictionary<long, List<Wanted?>>();
        foreach (var frame in log.AnnouncedBefore(stretch.First)) Announce(frame, sessions, wanted);
        FrameBlock? first = null, last = null;
        foreach (var block in log.Read(stretch.First, stretch.Last))
        {
            (first, last) = (first ?? block, block);
            foreach (var frame in block.Frames)
            {
                var reader = FrameReader.Open(frame.Bytes.Span);
                if (reader.Head.Kind == FrameKind.Announce) Announce(frame, sessions, wanted);
                else if (reader.Head.Kind == FrameKind.Samples
                    && sessions.TryGetValue(frame.Session, out var streams) && streams.Exists(one => one is not null))
                    Collect(ref reader, streams);
            }
        }
        if (first is null || Hex(first.ChainBefore) != stretch.ChainBefore || last!.Address != stretch.Last
            || Hex(last.ChainAfter) != stretch.ChainAfter)
            throw new InvalidDataException($"the frame log from {stretch.First} to {stretch.Last} is not what was recorded");
    }

    private void Collect(ref FrameReader reader, List<Wanted?> streams)
    {
        while (reader.TryRead(room, out var block))
        {
            if (block.Stream >= streams.Count || streams[block.Stream] is not { } wanted) continue;
            Samples += wanted.Add(room.AsSpan(0, block.Count));
        }
    }

    private static void Announce(
        LoggedFrame frame, Dictionary<long, List<Wanted?>> sessions, Dictionary<SettlementPointId, Wanted> wanted)
    {
        if (!sessions.TryGetValue(frame.Session, out var streams)) sessions[frame.Session] = streams = [];
        var reader = FrameReader.Open(frame.Bytes.Span);
        while (reader.TryRead(out Announcement announced))
        {
            while (streams.Count <= announced.Stream) streams.Add(null);
            streams[announced.Stream] = wanted.GetValueOrDefault(announced.Point);
        }
    }

    private static string Hex(ReadOnlyMemory<byte> chain) => Convert.ToHexStringLower(chain.Span);

    /// <summary>The samples of one point that may matter to the periods asked for.</summary>
    private sealed class Wanted
    {
        private long from = long.MaxValue, to = long.MinValue;

        public List<PowerSample> Samples { get; } = [];

        public void Widen(DerivedPeriod period)
        {
            var reach = Math.Max(period.Declaration.MaxGapMicroseconds, PowerCurve.LongRampWindowMicroseconds)
                + period.Declaration.NominalMicroseconds;
            from = Math.Min(from, PowerCurve.Microseconds(period.Period.Start) - reach);
            to = Math.Max(to, PowerCurve.Microseconds(period.Period.End) + reach);
        }

        public int Add(ReadOnlySpan<PowerSample> samples)
        {
            foreach (var sample in samples)
                if (sample.AtMicroseconds >= from && sample.AtMicroseconds <= to) Samples.Add(sample);
            return samples.Length;
        }
    }
}
