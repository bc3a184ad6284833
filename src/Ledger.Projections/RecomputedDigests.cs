using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// What a recomputation hands its rows to where they are to be compared with stored ones: each change goes into a
/// digest and is forgotten, so that memory does not grow with the journal. What a fold has forgotten it asks here, and
/// the stored views answer, as of the position that it has come to.
/// <para>
/// So rows that are doubted answer in the recomputation that is to judge them, and yet nothing false passes. If any
/// stored change is not as the journal says, look at the first position that has one. What a fold reads there it has
/// computed itself, or it is stored as of an earlier position, and there every change is right. So what it computes at
/// this position is right, and is not what is stored: the digests are of different changes.
/// </para>
/// </summary>
internal sealed class RecomputedDigests(IViewStore stored, DigestPoint point) : IViewStore
{
    private readonly Dictionary<string, (ChangeDigest Changes, ViewCheckpoint Reached)> ofProjection = [];

    public ChangeDigest Of(string projection) => At(projection).Changes;

    private (ChangeDigest Changes, ViewCheckpoint Reached) At(string projection) =>
        ofProjection.TryGetValue(projection, out var at) ? at : ofProjection[projection] = (new(point), default);

    public ViewCheckpoint Reached(string projection) => At(projection).Reached;

    public void Commit(
        IReadOnlyDictionary<string, ViewCheckpoint> checkpoints, IReadOnlyList<PositionedChange> changes)
    {
        var (name, digest) = ("", default(ChangeDigest));
        for (var i = 0; i < changes.Count; i++)
        {
            var change = changes[i];
            if (digest is null || change.Projection != name)
                (name, digest) = (change.Projection, Of(change.Projection));
            digest.Add(change);
        }
        foreach (var (projection, reached) in checkpoints) ofProjection[projection] = (Of(projection), reached);
    }

    public int RowsKnownMax => stored.RowsKnownMax;

    public string? Get(string projection, string key, long? asOf = null) =>
        stored.Get(projection, key, asOf ?? Reached(projection).Next - 1);

    public IReadOnlyList<ViewRow> Range(string projection, string first, string last, long? asOf = null) =>
        stored.Range(projection, first, last, asOf ?? Reached(projection).Next - 1);

    public ProjectionAlarm? Alarm { get; set; }

    /// <summary>Always: nobody else can write these.</summary>
    public bool TryHold(string lease, string holder, Duration length) => true;

    /// <inheritdoc cref="TryHold"/>
    public bool TryKeep(string lease, string holder, Duration length) => true;

    public IReadOnlyList<ViewRow> Versions(string projection) => throw NotKept();
    public void Reset(string projection) => throw NotKept();
    public void Switch(IReadOnlyCollection<string> projections) => throw NotKept();

    private static NotSupportedException NotKept() => new("only digests of these rows are kept");
}
