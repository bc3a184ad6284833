using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// Follows the journal and tells streams what becomes known of their points: that a register was read, because a period
/// between two readings is final without waiting for the deadline, and other master data. It begins where the journal
/// was when the streams were opened; a reading from before is not known to it, and then the deadline decides.
/// </summary>
internal sealed class PointNews : IAsyncDisposable
{
    private static readonly string Read = NameOf<RegisterReadingRecorded>(),
        Registered = NameOf<SettlementPointRegistered>();

    private readonly CancellationTokenSource stopping = new();
    private readonly Task following;
    private long toldBefore;

    /// <summary>The next position of which the streams have not been told: of all before it they were.</summary>
    public long ToldBefore => Volatile.Read(ref toldBefore);

    /// <param name="changes">Gets the points that have other master data.</param>
    /// <param name="failed">Is told why it can follow no more.</param>
    public PointNews(IJournal journal, PointDirectory points, PointChanges changes, Action<Exception> failed) =>
        following = FollowAsync(journal, points, changes, failed, stopping.Token);

    private async Task FollowAsync(IJournal journal, PointDirectory points, PointChanges changes,
        Action<Exception> failed, CancellationToken ct)
    {
        Volatile.Write(ref toldBefore, journal.Length);
        try
        {
            while (true)
            {
                await foreach (var recorded in journal.ReadAllAsync(toldBefore, ct).ConfigureAwait(false))
                {
                    if (recorded.Envelope.WireName == Read
                        && EventCodec.Decode(recorded) is RegisterReadingRecorded { Quality: var quality } reading
                        && quality <= ReadingQuality.Measured)
                        points.RegisterRead(reading.Register.Point, PowerCurve.Microseconds(reading.ReadAt));
                    else if (recorded.Envelope.WireName == Registered
                        && EventCodec.Decode(recorded) is SettlementPointRegistered registered)
                    {
                        changes.Add(registered.Point);
                        points.Registered(registered.Point);
                    }
                    Volatile.Write(ref toldBefore, recorded.Position + 1);
                }
                await journal.WaitForAsync(toldBefore, ct).ConfigureAwait(false);
            }
        }
        catch (Exception cause) // when the streams are closed, their waiting ends in one too
        {
            if (!ct.IsCancellationRequested) failed(cause);
        }
    }

    private static string NameOf<TFact>() => EventCodec.WireNames.First(one => one.Fact == typeof(TFact)).WireName;

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync().ConfigureAwait(false);
        await following.ConfigureAwait(false);
        stopping.Dispose();
    }
}
