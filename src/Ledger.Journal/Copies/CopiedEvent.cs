using System.Globalization;
using System.Security.Cryptography;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Journal.Copies;

/// <summary>An event on its way from one journal into another, as it stands in both.</summary>
/// <param name="Header">The bytes of its envelope, which are the same wherever it is kept.</param>
/// <param name="Leaf">Its leaf entry, hashed again: SHA-256(salt ‖ header ‖ SHA-256(payload)).</param>
public sealed record CopiedEvent(RecordedEvent Recorded, byte[] Header, byte[] Leaf)
{
    /// <summary>Events of one call.</summary>
    public const int TogetherMax = 500;
    /// <summary>Bytes of one call, as <see cref="StoredBytes"/>: each store takes as many.</summary>
    public const int BytesMax = Limits.AppendBytesMax;

    /// <summary>What an event takes in a store at most: its header twice, because it may be kept as text.</summary>
    public static long StoredBytes(int payloadBytes, int headerBytes) => payloadBytes + (2L * headerBytes);

    /// <summary>The events with their bytes; the secret is the ledger's, which moves with it.</summary>
    public static IReadOnlyList<CopiedEvent> Of(IReadOnlyList<RecordedEvent> events, byte[] ledgerSecret)
    {
        using var salts = new LeafSalts(ledgerSecret);
        var copies = new CopiedEvent[events.Count];
        for (var i = 0; i < copies.Length; i++)
        {
            var header = EnvelopeBytes.Write(events[i].Envelope, events[i].Payload.Length);
            var leaf = EnvelopeBytes.LeafEntry(salts.Of(events[i].Envelope.Id), header,
                SHA256.HashData(events[i].Payload.Span));
            copies[i] = new(events[i], header, leaf);
        }
        return copies;
    }

    /// <summary>Why these events are not what comes next in a journal, with the place; null where they are.</summary>
    /// <param name="length">How many events the journal has.</param>
    /// <param name="recordedAt">Its highest recordedAt so far.</param>
    /// <param name="revisionOf">The last revision of a stream; -1 where there is none.</param>
    public static string? Refusal(IReadOnlyList<CopiedEvent> events, LedgerId ledger, long length, Instant recordedAt,
        Func<string, long> revisionOf)
    {
        var streams = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var (recorded, _, _) in events)
        {
            var envelope = recorded.Envelope;
            var revision = streams.TryGetValue(envelope.Stream, out var known) ? known : revisionOf(envelope.Stream);
            var wrong = recorded.Position != length ? Text($"position {length} comes next")
                : envelope.Ledger != ledger ? $"it is of ledger {envelope.Ledger}, and this is the journal of {ledger}"
                : envelope.Revision != revision + 1
                    ? Text($"{envelope.Stream} is at revision {revision}, and its next is not {envelope.Revision}")
                : envelope.RecordedAt < recordedAt
                    ? $"it was recorded at {envelope.RecordedAt}, before the event before it" : null;
            if (wrong is not null) return Text($"position {recorded.Position}: {wrong}");
            streams[envelope.Stream] = envelope.Revision;
            (length, recordedAt) = (length + 1, envelope.RecordedAt);
        }
        return null;
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
