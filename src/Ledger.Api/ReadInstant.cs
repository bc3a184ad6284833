using Ledger.Projections;
using NodaTime;

namespace Ledger.Api;

/// <summary>
/// The instant at which an answer reads what has a time to come, a call say (<see cref="CallReading"/>): the server's
/// clock, or, as of a position that the caller names, when the event there was recorded, so that such an answer stays
/// the same. Further pages are read at the instant of the first.
/// </summary>
internal static class ReadInstant
{
    private sealed record Now(long Ticks);

    /// <param name="position">Of the last event that is in the answer; null before the first.</param>
    public static async Task<Instant> OfAsync(OpenLedger ledger, HttpContext context, long? position)
    {
        var cursor = PageCursor.Of(context.Request);
        if (position is { } at && cursor?.ReadAt is null
            && (cursor is not null || context.Request.Query.ContainsKey("asOf")))
            return await Replay.RecordedAtAsync(ledger.Journal, at, context.RequestAborted).ConfigureAwait(false);
        var now = cursor?.ReadAt is { } ticks
            ? Instant.FromUnixTimeTicks(ticks) : ledger.Clock.GetCurrentInstant();
        context.Features.Set(new Now(now.ToUnixTimeTicks()));
        return now;
    }

    /// <summary>The instant by the clock at which an answer was read, in ticks; null where no clock was asked.
    /// </summary>
    public static long? NowOf(HttpContext context) => context.Features.Get<Now>()?.Ticks;
}
