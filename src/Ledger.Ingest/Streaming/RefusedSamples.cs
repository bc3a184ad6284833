using System.Globalization;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// Samples of a stream that count nowhere, because no time is known at which they could (<see cref="SamplePlacing"/>),
/// from one block of the log to another. They are refused on record some time after they came, those of one stream and
/// sender together, because a station whose clock is wrong sends such samples every second; the log has them.
/// </summary>
internal readonly record struct RefusedSamples(
    LiveStream Stream, FrameSender? Sender, UnplacedSamples Samples, BlockPlace From, BlockPlace Upto)
{
    /// <summary>Adds samples to those that are known of their stream and sender: a point may have another sender soon
    /// after, who must hear of his own, and of no other's.</summary>
    public static void Add(Dictionary<(LiveStream, FrameSender?), RefusedSamples> known, RefusedSamples more)
    {
        var whose = (more.Stream, more.Sender);
        known[whose] = known.TryGetValue(whose, out var before)
            ? before with { Samples = before.Samples.And(more.Samples), Upto = more.Upto } : more;
    }

    /// <summary>How many they are, and when the first of them was dated.</summary>
    public string What => string.Create(CultureInfo.InvariantCulture,
        $"{Samples.Count} samples of {Stream.Point}, the first dated {Text(Samples.FirstMicroseconds)}");

    private static string Text(long microseconds) =>
        InstantPattern.ExtendedIso.Format(Instant.FromUnixTimeTicks(microseconds * 10));
}
