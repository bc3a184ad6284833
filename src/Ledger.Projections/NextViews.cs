using System.Collections.Concurrent;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// The views that are built beside the live ones: the same store, in which each projection has a second name that
/// nobody asks for until <see cref="IViewStore.Switch"/>.
/// </summary>
public sealed class NextViews(IViewStore store) : IViewStore
{
    private const string Suffix = "~next";
    private static readonly ConcurrentDictionary<string, string> Names = new(StringComparer.Ordinal); // a dozen

    /// <summary>Under which name a projection is built beside the live one.</summary>
    public static string NameOf(string projection) =>
        Names.GetOrAdd(projection, static name => name + Suffix);

    public static bool IsNext(string projection) => projection.EndsWith(Suffix, StringComparison.Ordinal);

    /// <summary>Why views that were built to an earlier position than the live ones do not take their place.</summary>
    public static InvalidOperationException FallsBack(string projection) =>
        new($"{projection} would fall back to an earlier position");

    public int RowsKnownMax => store.RowsKnownMax;

    public ViewCheckpoint Reached(string projection) => store.Reached(NameOf(projection));

    public void Commit(
        IReadOnlyDictionary<string, ViewCheckpoint> checkpoints, IReadOnlyList<PositionedChange> changes) =>
        store.Commit(Named(checkpoints), Named(changes));

    public Task CommitAsync(
        IReadOnlyDictionary<string, ViewCheckpoint> checkpoints, IReadOnlyList<PositionedChange> changes) =>
        store.CommitAsync(Named(checkpoints), Named(changes));

    private static Dictionary<string, ViewCheckpoint> Named(IReadOnlyDictionary<string, ViewCheckpoint> checkpoints) =>
        checkpoints.ToDictionary(next => NameOf(next.Key), next => next.Value);

    private static List<PositionedChange> Named(IReadOnlyList<PositionedChange> changes) =>
        [.. changes.Select(change => change with { Projection = NameOf(change.Projection) })];

    public string? Get(string projection, string key, long? asOf = null) =>
        store.Get(NameOf(projection), key, asOf);

    public IReadOnlyList<ViewRow> Range(string projection, string first, string last, long? asOf = null) =>
        Named(projection, store.Range(NameOf(projection), first, last, asOf));

    public IReadOnlyList<ViewRow> Versions(string projection) =>
        Named(projection, store.Versions(NameOf(projection)));

    public void ScanVersions(string projection, VersionTaker take) => store.ScanVersions(NameOf(projection), take);

    public void Reset(string projection) => store.Reset(NameOf(projection));

    /// <summary>Of building these views: the alarm of the live ones is theirs.</summary>
    public ProjectionAlarm? Alarm { get; set; }

    /// <summary>Never anew: what another one built meanwhile is not to be gone on with. Whoever begins to build takes
    /// the lease from the store.</summary>
    public bool TryHold(string lease, string holder, Duration length) => TryKeep(lease, holder, length)
        ? true : throw new LeaseLostException(ViewLease.Next);

    public bool TryKeep(string lease, string holder, Duration length) =>
        store.TryKeep(ViewLease.Next, holder, length);

    public void Switch(IReadOnlyCollection<string> projections) =>
        throw new NotSupportedException("the live views are switched, not those beside them");

    private static IReadOnlyList<ViewRow> Named(string projection, IReadOnlyList<ViewRow> rows) =>
        [.. rows.Select(row => row with { Projection = projection })];
}
