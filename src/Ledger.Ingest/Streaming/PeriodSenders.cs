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

    /// <summary>Who sent last; null where nobody's name is known.</summary>
    public FrameSender? Latest { get; private set; }

    /// <summary>A sample of a period (µs of its start) came from somebody.</summary>
    public void Sent(FrameSender? by, long period)
    {
        if (isBegun && by != Latest)
        {
            changes ??= [(long.MinValue, Latest)];
            changes.RemoveAll(one => one.From >= period);
            changes.Add((period, by));
        }
        (Latest, isBegun) = (by, true);
    }

    /// <summary>Who sent what there is of a period.</summary>
    public readonly FrameSender? Of(long period) =>
        changes is null ? Latest : changes.FindLast(one => one.From <= period).Sender;

    /// <summary>Periods before this one are told.</summary>
    public readonly void Forget(long period)
    {
        while (changes is { Count: > 1 } && changes[1].From <= period) changes.RemoveAt(0);
    }
}
