using System.Collections.Concurrent;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Journal;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// The settlement points that streams are of, each once for as long as the engine runs, with its periods by the master
/// data in force. A point that is not registered has none; it is asked for again when it is announced again.
/// </summary>
internal sealed class PointDirectory(Recorder recorder)
{
    /// <summary>So many times a point may be declared otherwise while the engine runs.</summary>
    private const int DeclarationsMax = 16;

    /// <summary>So many times a point's master data are read, while points are being registered, for one
    /// stream.</summary>
    private const int LoadsMax = 3;

    private readonly ConcurrentDictionary<SettlementPointId, LiveStream> live = [];
    // Points of which something was sent that no curve took: the log has it, and the sums have not.
    private readonly HashSet<SettlementPointId> unknown = [];
    private readonly Dictionary<SettlementPointId, (long First, long Last)> read = [];
    private readonly Dictionary<(string Zone, int Minutes), PointPeriods> periods = [];
    private readonly Dictionary<SampleDeclaration, SampleDeclaration> declarations = [];
    // Streams whose point was declared otherwise since: what they have begun is still told.
    private readonly Dictionary<SettlementPointId, List<LiveStream>> earlier = [];
    private readonly List<LiveStream> all = [];
    private readonly Lock gate = new();
    private long registrations; // heard of since the start
    private long created;

    /// <summary>All streams, for the thread that takes the steps, and while it finds none.</summary>
    public IReadOnlyList<LiveStream> Streams => all;

    public int Count => live.Count;

    /// <summary>How many streams were made so far; where it is another number, there are others.</summary>
    public long Created => Volatile.Read(ref created);

    /// <summary>Of a point's newest sample (µs); null where it streams nothing.</summary>
    public long? NewestOf(SettlementPointId point) => live.TryGetValue(point, out var stream) ? stream.Newest : null;

    /// <summary>
    /// The stream of a point with the meaning that is announced; null where the point is not registered, or was
    /// declared in too many ways. Each meaning is a curve of its own, whatever else was announced of the point and
    /// when: what a sample counts in is what was announced of it, which the log says by itself. Of a period of which
    /// two curves speak one is recorded, and the other refused on record.
    /// </summary>
    public LiveStream? Find(Announcement announced)
    {
        var declaration = DeclarationOf(announced);
        if (Known(announced.Point, declaration) is { } known) return known;
        for (var attempt = 1; ; attempt++)
        {
            var before = Volatile.Read(ref registrations);
            // The caller waits: what follows in the log is about this stream.
            var state = Load(announced.Point);
            lock (gate)
            {
                // The point may have been registered again meanwhile.
                if (before == registrations || attempt == LoadsMax) return Add(announced.Point, declaration, state);
            }
        }
    }

    private LiveStream? Add(SettlementPointId point, SampleDeclaration declaration, SettlementPointState state)
    {
        if (state.Standing.Count == 0)
        {
            unknown.Add(point);
            return null;
        }
        if (live.TryGetValue(point, out var before))
        {
            if (!earlier.TryGetValue(point, out var others)) earlier[point] = others = [];
            if (others.Count >= DeclarationsMax)
            {
                unknown.Add(point);
                return null;
            }
            others.Add(before);
        }
        if (!declarations.TryGetValue(declaration, out var shared)) declarations[declaration] = shared = declaration;
        var stream = new LiveStream(point, PeriodsOf(state), shared, unknown.Contains(point));
        Volatile.Write(ref created, created + 1);
        if (read.TryGetValue(point, out var between)) Tell(stream, between);
        all.Add(stream);
        return live[point] = stream;
    }

    /// <summary>The stream that was made for what is announced; null where there is none.</summary>
    public LiveStream? Known(Announcement announced) => Known(announced.Point, DeclarationOf(announced));

    private LiveStream? Known(SettlementPointId point, SampleDeclaration declaration)
    {
        if (!live.TryGetValue(point, out var last)) return null;
        if (last.Declaration == declaration) return last;
        lock (gate)
        {
            if (earlier.GetValueOrDefault(point) is not { } others
                || others.FindIndex(one => one.Declaration == declaration) is var at && at < 0) return null;
            (live[point], others[at]) = (others[at], last);
            return live[point];
        }
    }

    private static SampleDeclaration DeclarationOf(Announcement announced) =>
        new(announced.Semantics, announced.NominalPeriodMicroseconds);

    /// <summary>A register of a point was read.</summary>
    public void RegisterRead(SettlementPointId point, long at)
    {
        lock (gate)
        {
            var (first, last) = read.GetValueOrDefault(point, (at, at));
            read[point] = (Math.Min(first, at), Math.Max(last, at));
            if (live.TryGetValue(point, out var stream)) Tell(stream, read[point]);
            foreach (var past in earlier.GetValueOrDefault(point) ?? []) Tell(past, read[point]);
        }
    }

    /// <summary>A point was registered again, perhaps with other periods.</summary>
    public void Registered(SettlementPointId point)
    {
        lock (gate) registrations++;
        if (!live.ContainsKey(point)) return; // it is asked for when it is announced
        var state = Load(point);
        lock (gate)
        {
            var now = PeriodsOf(state);
            foreach (var stream in (earlier.GetValueOrDefault(point) ?? []).Append(live[point]))
                lock (stream.Gate) stream.Use(now);
        }
    }

    private static void Tell(LiveStream stream, (long First, long Last) between)
    {
        lock (stream.Gate) stream.RegisterRead(between.First, between.Last);
    }

    private SettlementPointState Load(SettlementPointId point) =>
        recorder.LoadAsync(Journal.Streams.Point(point), SettlementPointState.Empty, SettlementPoint.Evolve,
            CancellationToken.None).GetAwaiter().GetResult().State;

    /// <summary>Most points have one version, and share what they have in common.</summary>
    private PointPeriods PeriodsOf(SettlementPointState state)
    {
        var (zone, minutes) = (state.Standing[0].Registered.Zone, state.Standing[0].Registered.PeriodMinutes);
        if (state.Standing.Count == 1 && periods.TryGetValue((zone, minutes), out var known)) return known;
        var own = PointPeriods.Of(state.Standing);
        return own.IsOne ? periods[(zone, minutes)] = own : own;
    }
}
