using System.Globalization;
using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Journal.Verification;

/// <summary>A fact by which frames were dropped, and when and where it was recorded.</summary>
public sealed record FrameDropping(long Position, Instant RecordedAt, FramesDropped Fact)
{
    /// <summary>When, by which fact and under which rule.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"dropped on {LocalDatePattern.Iso.Format(RecordedAt.InUtc().Date)} (UTC) by the fact at position {Position} under "
        + $"{Fact.RuleInWords()}");

    /// <summary>Which segments, as words.</summary>
    public string Segments => string.Create(CultureInfo.InvariantCulture,
        $"segments {Fact.Segments[0].Number} to {Fact.Segments[^1].Number}");
}

/// <summary>What the journal says was dropped of the frame log.</summary>
public sealed class FrameDroppings
{
    private readonly List<FrameDropping> all = [];

    private FrameDroppings() { }

    public IReadOnlyList<FrameDropping> All => all;

    public DroppedFrames State { get; private set; } = DroppedFrames.None;

    /// <summary>The fact by which a segment was dropped; null where it was not.</summary>
    public FrameDropping? Of(int segment) => State.Of(segment) is { } fact
        ? all.Find(one => ReferenceEquals(one.Fact, fact)) : null;

    public static async Task<FrameDroppings> ReadAsync(IJournal journal, CancellationToken ct)
    {
        var droppings = new FrameDroppings();
        await foreach (var recorded in journal.ReadStreamAsync(Streams.FrameDropping, 0, ct).ConfigureAwait(false))
        {
            if (EventCodec.Decode(recorded) is not FramesDropped fact) continue;
            droppings.all.Add(new(recorded.Position, recorded.Envelope.RecordedAt, fact));
            droppings.State = FrameRetention.Evolve(droppings.State, fact);
        }
        return droppings;
    }
}
