namespace Ledger.Projections;

/// <summary>A row and the half-open range of positions in which it is current, up to <see cref="Open"/>.</summary>
public sealed record ViewRow(string Projection, string Key, long FromPosition, long ToPosition, string Json)
{
    /// <summary>The end of a row that is current now.</summary>
    public const long Open = long.MaxValue;
}

/// <summary>A row opened by the event at <paramref name="Position"/>, or ended by it where there is no JSON.</summary>
public sealed record PositionedChange(string Projection, long Position, string Key, string? Json);

/// <summary>Why the reader stopped: the event, the projection (or the codec), and the reason.</summary>
public sealed record ProjectionAlarm(long Position, string Projection, string WireName, string Reason);

/// <summary>
/// The read model. Rows are closed and opened, never rewritten, so "as known at position p" is the filter
/// from ≤ p &lt; to. The checkpoint is written in the same transaction as the rows.
/// </summary>
public interface IViewStore
{
    /// <summary>The next position that this projection has not yet applied; 0 on an empty store.</summary>
    long Checkpoint(string projection);
    /// <summary>One transaction: the changes in order, and the checkpoint of every projection named.</summary>
    void Commit(IReadOnlyDictionary<string, long> checkpoints, IReadOnlyList<PositionedChange> changes);
    string? Get(string projection, string key, long? asOf = null);
    IReadOnlyList<ViewRow> Range(string projection, string first, string last, long? asOf = null);
    /// <summary>Every version of every row, in order of key and position: for replay, diff and export.</summary>
    IReadOnlyList<ViewRow> Versions(string projection);
    /// <summary>Forgets the projection's rows and checkpoint, so that it is rebuilt from zero.</summary>
    void Reset(string projection);
    ProjectionAlarm? Alarm { get; set; }
}
