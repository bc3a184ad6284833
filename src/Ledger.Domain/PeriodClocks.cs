namespace Ledger.Domain;

/// <summary>
/// What is known of the clocks that dated the samples of periods which are not told yet. All periods of which a call
/// speaks are one entry, so there are few; but a few bytes make a call, and a frame may have very many, each of other
/// periods. Where there are many, stretches are made of them, one after another in time, that say the same of each
/// period: so their number is bounded by that of the periods, and the work for a call by its logarithm.
/// </summary>
internal sealed class PeriodClocks
{
    /// <summary>Entries that are looked through one by one.</summary>
    private const int FewMax = 64;

    /// <summary>The starts of the first and the last period, and what is known of the clock of all of them.</summary>
    public readonly record struct Entry(long First, long Last, ClockEstimate Clock);

    private readonly List<Entry> entries = new(2); // in the order in which they were said last
    private List<Entry>? stretches; // of what was said before them all; few streams have any
    private int told; // so many stretches are of periods that are told

    /// <summary>Takes note of what a call says of some periods; the latest stands last.</summary>
    public void Know(in Entry said)
    {
        var known = ClockEstimate.None;
        for (var i = entries.Count - 1; i >= 0 && i >= entries.Count - FewMax; i--)
        {
            if (entries[i].First != said.First || entries[i].Last != said.Last) continue;
            known = entries[i].Clock;
            entries.RemoveAt(i);
            break;
        }
        entries.Add(said with { Clock = And(known, said.Clock) });
        if (entries.Count > Math.Max(FewMax, stretches?.Count - told ?? 0)) MakeStretches();
    }

    /// <summary>What is known of the clock of a period that is told now, as all before it are: what speaks of none
    /// after it is forgotten.</summary>
    public ClockEstimate Tell(long start)
    {
        if (entries.Count > FewMax) MakeStretches();
        var clock = ClockEstimate.None;
        if (stretches is not null)
        {
            while (told < stretches.Count && stretches[told].Last < start) told++;
            if (told == stretches.Count) stretches = null;
            else if (stretches[told].First <= start) clock = stretches[told].Clock;
        }
        foreach (var one in entries)
            if (one.First <= start && start <= one.Last) clock = And(clock, one.Clock);
        entries.RemoveAll(one => one.Last <= start);
        return clock;
    }

    /// <summary>Of a period's clock the largest offset and bound count, and the latest drift.</summary>
    private static ClockEstimate And(in ClockEstimate known, in ClockEstimate later) => later with
    {
        AheadMicroseconds = Math.Abs(known.AheadMicroseconds) >= Math.Abs(later.AheadMicroseconds)
            ? known.AheadMicroseconds : later.AheadMicroseconds,
        BoundMicroseconds = Math.Max(known.BoundMicroseconds, later.BoundMicroseconds),
    };

    /// <summary>Time between the edges of all entries is halved again and again. An entry is said of the largest parts
    /// that it is made of, which are few, and a stretch between two edges has what is said of all parts it is in.
    /// </summary>
    private void MakeStretches()
    {
        var all = All.ToList();
        long[] edges = [.. all.SelectMany(one => (long[])[one.First, one.Last + 1]).Distinct().Order()];
        var parts = new Said[2 * edges.Length];
        foreach (var (i, (first, last, clock)) in all.Index())
        {
            var said = new Said(clock, i + 1, i + 1);
            var from = edges.Length + Array.BinarySearch(edges, first);
            var to = edges.Length + Array.BinarySearch(edges, last + 1);
            for (; from < to; (from, to) = (from / 2, to / 2))
            {
                if (from % 2 == 1) Say(ref parts[from++], said);
                if (to % 2 == 1) Say(ref parts[--to], said);
            }
        }
        (stretches, told) = ([], 0);
        for (var i = 0; i + 1 < edges.Length; i++)
        {
            Said said = default;
            for (var part = edges.Length + i; part > 0; part /= 2) said = said.And(parts[part]);
            if (said.IsNothing) continue;
            var one = new Entry(edges[i], edges[i + 1] - 1, said.Clock);
            if (stretches.Count > 0 && stretches[^1] is var before && before.Last + 1 == one.First
                && before.Clock == one.Clock) stretches[^1] = one with { First = before.First };
            else stretches.Add(one);
        }
        entries.Clear();
    }

    private static void Say(ref Said part, in Said said) => part = part.And(said);

    /// <summary>All that is known of periods that are not told, the earliest said first.</summary>
    public IEnumerable<Entry> All => [.. stretches?.Skip(told) ?? [], .. entries];

    /// <summary>Takes what <see cref="All"/> gave, in its order.</summary>
    public void Restore(in Entry known) => entries.Add(known);

    /// <summary>What is said of a part of time, when that was first said which is largest, and when the latest was.
    /// </summary>
    private readonly record struct Said(ClockEstimate Clock, int Largest, int Latest)
    {
        public bool IsNothing => Latest == 0;

        /// <summary>Whichever of the two was said first.</summary>
        public Said And(in Said other)
        {
            if (IsNothing || other.IsNothing) return IsNothing ? other : this;
            var (ours, theirs) = (Math.Abs(Clock.AheadMicroseconds), Math.Abs(other.Clock.AheadMicroseconds));
            var isOurs = ours > theirs || (ours == theirs && Largest < other.Largest);
            var latest = Latest > other.Latest ? Clock : other.Clock;
            return new(latest with
            {
                AheadMicroseconds = isOurs ? Clock.AheadMicroseconds : other.Clock.AheadMicroseconds,
                BoundMicroseconds = Math.Max(Clock.BoundMicroseconds, other.Clock.BoundMicroseconds),
            }, isOurs ? Largest : other.Largest, Math.Max(Latest, other.Latest));
        }
    }
}
