using System.Globalization;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Journal;

namespace Ledger.Ingest.Streaming;

/// <summary>What a frame of the log announced and does not count, and who sent it.</summary>
internal sealed record RefusedAnnouncement(long Session, FrameSender? Sender, BlockPlace Block)
{
    /// <summary>Points of which that is said by name.</summary>
    public const int NamedMax = 4;

    private readonly List<SettlementPointId> named = new(NamedMax);
    private int count;

    public void Add(SettlementPointId point)
    {
        if (count++ < NamedMax) named.Add(point);
    }

    /// <summary>The first points.</summary>
    public IReadOnlyList<SettlementPointId> Named => named;

    /// <summary>How many there are beside them.</summary>
    public int Others => count - named.Count;
}

/// <summary>
/// What came by stream and does not count, until a fact says so. It was acknowledged, so nobody sends it again: it is
/// said in its sender's name, or in the ledger's own where no more is kept of his party today, and what finds no room
/// at all goes on waiting, and the log is read again from there. A fact says all that one sender was refused for one
/// reason since the last one, with the blocks that have it as its evidence, so a sender can make few of them, however
/// much he sends.
/// </summary>
internal sealed class StreamRefusals(Recorder recorder, Principal by)
{
    /// <summary>Characters of what is named one by one; the rest is counted.</summary>
    private const int NamedCharactersMax = 240;

    private readonly Lock gate = new();
    private readonly SemaphoreSlim writing = new(1);
    private Dictionary<(Rejection, string, FrameSender?), Waiting> waiting = [];
    private List<Waiting> inHand = [];

    private sealed record Waiting(Rejection Code, string Reason, FrameSender? Sender, BlockPlace From, BlockPlace Upto)
    {
        public IReadOnlyList<string> Named { get; init; } = [];
        public long Others { get; init; }

        public string Detail
        {
            get
            {
                var said = string.Join(", ", Named);
                if (Others > 0) said = string.Create(CultureInfo.InvariantCulture, $"{said} and {Others} more");
                return Reason.Length == 0 ? said : $"{said}: {Reason}";
            }
        }

        public Waiting With(Waiting later)
        {
            var more = later.Named.Except(Named).ToList();
            var isRoom = Others == 0 && Named.Concat(more).Sum(one => one.Length) <= NamedCharactersMax;
            return this with
            {
                From = BlockPlace.Earlier(From, later.From),
                Upto = BlockPlace.Earlier(Upto, later.Upto) == Upto ? later.Upto : Upto,
                Named = isRoom ? [.. Named, .. more] : Named,
                Others = Others + later.Others + (isRoom ? 0 : more.Count),
            };
        }
    }

    /// <summary>From which block on the log has what is not said yet; null where all is.</summary>
    public BlockPlace? Needed
    {
        get
        {
            lock (gate)
            {
                BlockPlace? needed = null;
                foreach (var one in waiting.Values.Concat(inHand))
                    needed = needed is null ? one.From : BlockPlace.Earlier(needed, one.From);
                return needed;
            }
        }
    }

    /// <summary>Something in a stretch of the log does not count.</summary>
    /// <param name="sender">Who sent it, where the log says so.</param>
    /// <param name="what">What it is, which may stand in a row with others.</param>
    /// <param name="reason">Why not, the same for all that stand in a row.</param>
    /// <param name="others">How many more there are.</param>
    public void Add(Rejection code, FrameSender? sender, string what, string reason, BlockPlace from, BlockPlace upto,
        int others = 0)
    {
        lock (gate) Add(new(code, reason, sender, from, upto) { Named = [what], Others = others });
    }

    private void Add(Waiting one)
    {
        var key = (one.Code, one.Reason, one.Sender);
        waiting[key] = waiting.TryGetValue(key, out var known) ? known.With(one) : one;
    }

    /// <summary>Says what waits.</summary>
    public async Task WriteAsync()
    {
        await writing.WaitAsync().ConfigureAwait(false);
        try
        {
            lock (gate)
            {
                if (waiting.Count == 0) return;
                (inHand, waiting) = ([.. waiting.Values], []);
            }
            var left = new List<Waiting>();
            foreach (var one in inHand)
                if (!await IsSaidAsync(one).ConfigureAwait(false)) left.Add(one);
            lock (gate)
            {
                inHand = [];
                left.ForEach(Add);
            }
        }
        finally
        {
            writing.Release();
        }
    }

    private async Task<bool> IsSaidAsync(Waiting one)
    {
        var said = new Submission(new FrameRange([one.From.To(one.Upto)]).ToBytes(), "streams") { Personal = [] };
        var outcome = await recorder.RefuseAsync(one.Code, one.Detail, said, NameOf(one.Sender), CancellationToken.None)
            .ConfigureAwait(false);
        if (outcome is RecordOutcome.Unkept { Why: Shortage.Allowance })
            outcome = await recorder.RefuseAsync(one.Code,
                $"of {one.Sender?.Party}, of whom no more is kept today: {one.Detail}", said, by,
                CancellationToken.None).ConfigureAwait(false);
        return outcome is RecordOutcome.Refused;
    }

    /// <summary>Frames were admitted when they came; what is recorded of them later is recorded by the ledger, in the
    /// name of who sent them.</summary>
    public Principal NameOf(FrameSender? sender) =>
        sender is null ? by : by with { Actor = sender.Holder, Party = sender.Party };
}
