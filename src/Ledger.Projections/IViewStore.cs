using System.Text;
using NodaTime;

namespace Ledger.Projections;

/// <summary>A row and the half-open range of positions in which it is current, up to <see cref="Open"/>.</summary>
public sealed record ViewRow(string Projection, string Key, long FromPosition, long ToPosition, RowContent Row)
{
    public string Json => Row.Json!;

    /// <summary>The end of a row that is current now.</summary>
    public const long Open = long.MaxValue;
}

/// <summary>
/// A row opened by the event at <paramref name="Position"/>, or ended by it. Texts of key and row are written by whoever
/// asks, which for a store is the thread that commits.
/// </summary>
public readonly record struct PositionedChange(string Projection, long Position, RowKey RowKey, RowContent Row)
{
    public string Key => RowKey.ToString();

    /// <summary>Null where the row ends.</summary>
    public string? Json => Row.Json;
}

/// <summary>Why the reader stopped: the event, the projection (or the codec), and the reason.</summary>
public sealed record ProjectionAlarm(long Position, string Projection, string WireName, string Reason);

/// <summary>How far the stored rows of a projection have come, and of which version they are.</summary>
/// <param name="Next">The next position that is not applied yet; 0 where nothing is stored.</param>
/// <param name="RowVersion">As of <see cref="IProjection.RowVersion"/>; 0 of rows that were stored when nobody kept it:
/// any program may have made them.</param>
public readonly record struct ViewCheckpoint(long Next, int RowVersion);

/// <summary>Takes the JSON of one row.</summary>
public delegate void RowTaker(ReadOnlySpan<byte> json);

/// <summary>Takes one version of a row as it is stored: its key and JSON as UTF-8, and where it is current.</summary>
public delegate void VersionTaker(ReadOnlySpan<byte> key, long fromPosition, long toPosition, ReadOnlySpan<byte> json);

/// <summary>Another runner writes these views now: what this one was about to write is not written.</summary>
public sealed class LeaseLostException(string lease) : Exception($"another runner has taken over the {lease} views");

/// <summary>
/// The read model. Rows are closed and opened, never rewritten, so "as known at position p" is the filter
/// from ≤ p &lt; to. The checkpoint, and with it the version of the rows, is written in the same transaction as the
/// rows, and no row is written to those of another version.
/// </summary>
/// <remarks>
/// One writes at a time. Whoever holds the lease has a token, each new holder a higher one, and every write checks the
/// writer's token in its own transaction: a holder that was paused or cut off writes nothing more once another has
/// taken over (<see cref="LeaseLostException"/>). Who opens the store without taking the lease writes under the token
/// of that moment. The live views and those that are built beside them (<see cref="NextViews"/>) have a lease each.
/// </remarks>
public interface IViewStore
{
    /// <summary>What has changed since somebody looked; null where other processes write these rows too, so that nobody
    /// here can know.</summary>
    ChangeCounts? Changes => null;

    /// <summary>
    /// Hands over the JSON of rows as it is stored, UTF-8, in order of key and without a string of any. What is handed
    /// over is good until <paramref name="take"/> returns, which must not ask the store anything.
    /// </summary>
    void Scan(string projection, string first, string last, long? asOf, RowTaker take)
    {
        foreach (var row in Range(projection, first, last, asOf)) take(Encoding.UTF8.GetBytes(row.Json));
    }

    /// <summary>How many rows of a projection a fold keeps known after a commit; what it forgets it asks again. Of a
    /// store in this process it forgets none, because to keep one costs nothing.</summary>
    int RowsKnownMax => 100_000;

    /// <summary>How far this projection has come; nothing on an empty store.</summary>
    ViewCheckpoint Reached(string projection);

    /// <summary>One transaction: the changes in order, and the checkpoint of every projection named. Throws
    /// <see cref="RowVersionException"/> and stores nothing where rows of another version are there.</summary>
    void Commit(IReadOnlyDictionary<string, ViewCheckpoint> checkpoints, IReadOnlyList<PositionedChange> changes);

    /// <summary>
    /// The same, one after the other. A store at a server may write while its caller goes on; nothing is stored before
    /// the task has ended, and until then the caller changes neither argument.
    /// </summary>
    Task CommitAsync(
        IReadOnlyDictionary<string, ViewCheckpoint> checkpoints, IReadOnlyList<PositionedChange> changes)
    {
        Commit(checkpoints, changes);
        return Task.CompletedTask;
    }

    string? Get(string projection, string key, long? asOf = null);
    IReadOnlyList<ViewRow> Range(string projection, string first, string last, long? asOf = null);
    /// <summary>Every version of every row, in order of key and position: to name what differs.</summary>
    IReadOnlyList<ViewRow> Versions(string projection);
    /// <summary>
    /// Hands over every version of every row, in order of key and position, and keeps none. What is handed over is good
    /// until <paramref name="take"/> returns, which must not ask the store anything.
    /// </summary>
    void ScanVersions(string projection, VersionTaker take)
    {
        foreach (var row in Versions(projection))
            take(Encoding.UTF8.GetBytes(row.Key), row.FromPosition, row.ToPosition, Encoding.UTF8.GetBytes(row.Json));
    }

    /// <summary>Forgets the projection's rows and checkpoint, so that it is rebuilt from zero.</summary>
    void Reset(string projection);
    ProjectionAlarm? Alarm { get; set; }

    /// <summary>
    /// Takes the lease, or keeps it, for so long from now. False where another holder's time has not run out. A holder
    /// of the same name is replaced at once: it is the same owner, started anew.
    /// </summary>
    /// <param name="lease">One of <see cref="ViewLease"/>.</param>
    /// <param name="length">At most <see cref="ViewLease.LengthMax"/>: a lease that has longer to run is of a clock
    /// that was set back since, and whoever asks takes it.</param>
    bool TryHold(string lease, string holder, Duration length);

    /// <summary>
    /// Keeps the lease that this holder took here. False where another has taken it since, even where that one's time
    /// has run out: whoever is amid a fold must not take it back, because it knows rows as they were before the other.
    /// To keep it for no time is to let go of it.
    /// </summary>
    bool TryKeep(string lease, string holder, Duration length);

    /// <summary>
    /// One transaction: the rows and checkpoints that were built as <see cref="NextViews.NameOf"/> of each projection
    /// become the live ones, and the live ones become those. Refused where a projection would fall back to an earlier
    /// position. Needs both leases.
    /// </summary>
    void Switch(IReadOnlyCollection<string> projections);
}

/// <summary>The leases of a view store.</summary>
public static class ViewLease
{
    public const string Live = "live", Next = "next";

    /// <summary>Beyond this no holder says that it will live.</summary>
    public static readonly Duration LengthMax = Duration.FromMinutes(1);

    /// <summary>How long a lease is held, for the clock of a store.</summary>
    public static long Milliseconds(Duration length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, LengthMax);
        return length.BclCompatibleTicks / NodaConstants.TicksPerMillisecond;
    }

    /// <summary>The lease under which this projection's rows are written.</summary>
    public static string Of(string projection) => NextViews.IsNext(projection) ? Next : Live;
}
