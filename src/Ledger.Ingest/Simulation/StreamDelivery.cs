using NodaTime;

namespace Ledger.Ingest.Simulation;

/// <summary>
/// What arrives of a fleet, frame by frame in the order of arrival. Gateways know nothing of each other, so several
/// threads may deliver some each; what a gateway sends is the same then, to the last byte. A delivery is read once.
/// </summary>
/// <param name="firstGateway">The first gateway that is delivered.</param>
/// <param name="endGateway">The first one after it that is not.</param>
public sealed class StreamDelivery(StreamFleet fleet, int firstGateway, int endGateway)
{
    private readonly GatewayFeed[] feeds =
    [
        .. Enumerable.Range(firstGateway, endGateway - firstGateway).Select(gateway => new GatewayFeed(fleet, gateway))
            .OrderBy(feed => feed.LatencyMicroseconds).ThenBy(feed => feed.Gateway),
    ];

    public static StreamDelivery Of(StreamFleet fleet) => new(fleet, 0, fleet.Plan.Gateways);

    /// <summary>The frames that were sent and never arrived, of what was delivered so far.</summary>
    public IEnumerable<LostFrame> Lost => feeds.OrderBy(feed => feed.Gateway).SelectMany(feed => feed.Lost);

    /// <summary>How many frames each connection has sent so far, lost ones included.</summary>
    public IEnumerable<SessionFrames> Sessions =>
        feeds.OrderBy(feed => feed.Gateway).SelectMany(feed => feed.Sessions);

    /// <summary>All frames; the same object each time, which holds until the next.</summary>
    public IEnumerable<DeliveredFrame> Frames()
    {
        var frame = new DeliveredFrame(fleet.Plan);
        var due = new List<DueFrame>();
        foreach (var second in Seconds())
        {
            due.Clear();
            foreach (var feed in feeds) feed.AddDue(second, due);
            InOrderOfArrival(due);
            for (var i = 0; i < due.Count; i++)
            {
                var one = due[i];
                one.Feed.Fill(one, frame);
                yield return frame;
            }
        }
    }

    /// <summary>The seconds of the plan, the one after it, and those in which something is sent that was kept back.
    /// </summary>
    private IEnumerable<int> Seconds() => Enumerable.Range(0, fleet.Plan.Seconds + 1)
        .Concat(feeds.SelectMany(feed => feed.ReleasesAfter(fleet.Plan.Seconds)).Distinct().Order());

    /// <summary>Gateways stand in the order of their latency, so there is little to sort, and mostly nothing.</summary>
    private static void InOrderOfArrival(List<DueFrame> due)
    {
        for (var i = 1; i < due.Count; i++)
            if (due[i].ArrivesAtMicroseconds < due[i - 1].ArrivesAtMicroseconds)
            {
                due.Sort((a, b) => a.ArrivesAtMicroseconds != b.ArrivesAtMicroseconds
                    ? a.ArrivesAtMicroseconds.CompareTo(b.ArrivesAtMicroseconds)
                    : (a.Feed.Gateway, a.Sequence).CompareTo((b.Feed.Gateway, b.Sequence)));
                return;
            }
    }
}

/// <summary>A frame that a connection sent and that never arrived: a hole in its numbers.</summary>
public readonly record struct LostFrame(int Gateway, int Session, long Sequence);

/// <summary>How many frames a connection sent: its numbers go from 0 to below this.</summary>
public readonly record struct SessionFrames(int Gateway, int Session, long Frames);
