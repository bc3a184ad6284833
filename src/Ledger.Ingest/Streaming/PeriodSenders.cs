using Ledger.Ingest.Frames;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// Who sent what a stream has of its periods, in whose name they are recorded. It is nearly always the same sender, so
/// only changes are kept: from the period on in which the first sample of the next one lies.
/// </summary>
internal struct PeriodSenders
{
    private List<(long From, FrameSender? Sender)>? changes;
    private bool isBegun;

    private FrameSender? latest;

    /// <summary>Whether somebody, or who has no name, sent what came last.</summary>
    public readonly bool IsLatest(FrameSender? by) => isBegun && ReferenceEquals(by, latest);

    /// <summary>Samples of a period (µs) came from somebody. Where they are not the newest, they are of this period and
    /// say nothing of the ones after it.</summary>
    public void Sent(FrameSender? by, (long Start, long End) period, bool isNewest)
    {
        if (!isBegun) (latest, isBegun) = (by, true);
        if (isNewest && by != latest)
        {
            changes ??= [(long.MinValue, latest)];
            changes.RemoveAll(one => one.From >= period.Start);
            changes.Add((period.Start, by));
        }
        if (isNewest) latest = by;
        else if (by != Of(period.Start))
        {
            var after = Of(period.End);
            changes ??= [(long.MinValue, latest)];
            changes.RemoveAll(one => one.From >= period.Start && one.From <= period.End);
            var at = changes.FindLastIndex(one => one.From < period.Start) + 1;
            changes.InsertRange(at, [(period.Start, by), (period.End, after)]);
        }
    }

    /// <summary>Who sent what there is of a period.</summary>
    public readonly FrameSender? Of(long period) =>
        changes is null ? latest : changes.FindLast(one => one.From <= period).Sender;

    /// <summary>Periods before this one are told.</summary>
    public readonly void Forget(long period)
    {
        while (changes is { Count: > 1 } && changes[1].From <= period) changes.RemoveAt(0);
    }
}
