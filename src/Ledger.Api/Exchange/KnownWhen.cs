using NodaTime;

namespace Ledger.Api.Exchange;

/// <summary>The time of what is known as of a position: when its event was recorded. So an answer as of a position is
/// the same for ever, its time stamps too.</summary>
internal static class KnownWhen
{
    public static async Task<Instant> OfAsync(OpenLedger ledger, long? position, CancellationToken ct)
    {
        if (position is { } at)
            await foreach (var recorded in ledger.Journal.ReadAllAsync(at, ct).ConfigureAwait(false))
                return recorded.Envelope.RecordedAt;
        return Instant.FromUnixTimeTicks(0);
    }
}
