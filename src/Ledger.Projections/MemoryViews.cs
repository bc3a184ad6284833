using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// A read model in memory with the promises of the stored one: what replay recomputes into. Rows stay as the fold made
/// them, and their versions are put in order when somebody asks for the first.
/// </summary>
public sealed class MemoryViews : IViewStore
{
    private readonly Dictionary<string, ViewCheckpoint> checkpoints = [];
    private readonly Dictionary<string, Rows> projections = [];
    private readonly Lock gate = new(); // a read puts in order too
    private const int SegmentChanges = 1024; // more in one piece would be an object that is collected late
    private List<List<PositionedChange>> came = []; // of all projections, and are not in order yet

    private readonly record struct Version(long From, long To, RowContent Row);

    /// <summary>The rows of one projection.</summary>
    private sealed class Rows
    {
        private readonly RowKeys keys = new();
        private readonly Dictionary<string, List<Version>> versions = new(StringComparer.Ordinal);

        public void Place(in PositionedChange change)
        {
            var key = change.Key;
            if (!versions.TryGetValue(key, out var ofKey))
            {
                versions[key] = ofKey = new(1);
                keys.Add(key);
            }
            if (ofKey.Count > 0 && ofKey[^1].To == ViewRow.Open)
                ofKey[^1] = ofKey[^1] with { To = change.Position };
            if (!change.Row.IsNone) ofKey.Add(new(change.Position, ViewRow.Open, change.Row));
        }

        public IEnumerable<string> Keys => keys.All;
        public IEnumerable<string> KeysBetween(string first, string last) => keys.Between(first, last);

        /// <summary>Of one of the keys.</summary>
        public IEnumerable<Version> Of(string key) => versions[key];

        public Version? Current(string key, long? asOf)
        {
            if (!versions.TryGetValue(key, out var ofKey)) return null;
            var found = asOf is { } position
                ? ofKey.FindLastIndex(row => row.From <= position && position < row.To)
                : ofKey.Count > 0 && ofKey[^1].To == ViewRow.Open ? ofKey.Count - 1 : -1;
            return found < 0 ? null : ofKey[found];
        }
    }

    public int RowsKnownMax => int.MaxValue;
    public ProjectionAlarm? Alarm { get; set; }

    public ViewCheckpoint Reached(string projection)
    {
        lock (gate) return checkpoints.GetValueOrDefault(projection);
    }

    public void Commit(IReadOnlyDictionary<string, ViewCheckpoint> next, IReadOnlyList<PositionedChange> changes)
    {
        lock (gate)
        {
            foreach (var (projection, reached) in next)
                RowVersions.Refuse(projection, checkpoints.GetValueOrDefault(projection), reached);
            var segment = came.Count > 0 ? came[^1] : null;
            for (var i = 0; i < changes.Count; i++)
            {
                if (segment is null || segment.Count == SegmentChanges) came.Add(segment = new(SegmentChanges));
                segment.Add(changes[i]);
            }
            foreach (var (projection, reached) in next) checkpoints[projection] = reached;
        }
    }

    public string? Get(string projection, string key, long? asOf = null)
    {
        lock (gate)
            return Ordered(projection)?.Current(key, asOf)?.Row.Json;
    }

    public IReadOnlyList<ViewRow> Range(string projection, string first, string last, long? asOf = null)
    {
        lock (gate)
        {
            var found = new List<ViewRow>();
            if (Ordered(projection) is not { } rows) return found;
            foreach (var key in rows.KeysBetween(first, last))
                if (rows.Current(key, asOf) is { } row) found.Add(new(projection, key, row.From, row.To, row.Row));
            return found;
        }
    }

    public IReadOnlyList<ViewRow> Versions(string projection)
    {
        lock (gate)
            return Ordered(projection) is { } rows
                ? [.. rows.Keys.SelectMany(key => rows.Of(key)
                    .Select(row => new ViewRow(projection, key, row.From, row.To, row.Row)))]
                : [];
    }

    public void Reset(string projection)
    {
        lock (gate)
        {
            Ordered(projection);
            projections.Remove(projection);
            checkpoints.Remove(projection);
        }
    }

    /// <summary>Always: nobody else can write these.</summary>
    public bool TryHold(string lease, string holder, Duration length) => true;

    /// <inheritdoc cref="TryHold"/>
    public bool TryKeep(string lease, string holder, Duration length) => true;

    public void Switch(IReadOnlyCollection<string> switched)
    {
        lock (gate)
            foreach (var projection in switched)
            {
                Ordered(projection);
                var next = NextViews.NameOf(projection);
                if (checkpoints.GetValueOrDefault(next).Next < checkpoints.GetValueOrDefault(projection).Next)
                    throw NextViews.FallsBack(projection);
                Exchange(checkpoints, projection, next);
                Exchange(projections, projection, next);
            }
    }

    /// <summary>The rows of a projection, in order, for whoever reads; null where it has none.</summary>
    private Rows? Ordered(string projection)
    {
        foreach (var change in came.SelectMany(segment => segment))
        {
            if (!projections.TryGetValue(change.Projection, out var rows))
                projections[change.Projection] = rows = new();
            rows.Place(change);
        }
        if (came.Count > 0) came = [];
        return projections.GetValueOrDefault(projection);
    }

    private static void Exchange<T>(Dictionary<string, T> values, string one, string other)
    {
        var (hasOne, hasOther) = (values.Remove(one, out var first), values.Remove(other, out var second));
        if (hasOne) values[other] = first!;
        if (hasOther) values[one] = second!;
    }
}
