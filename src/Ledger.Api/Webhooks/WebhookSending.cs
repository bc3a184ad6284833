using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using NodaTime;

namespace Ledger.Api.Webhooks;

/// <summary>
/// Sends what waits, each subscriber's in the order in which it happened: a later one is tried when the one before was
/// taken or is dead. What the subscriber refuses as such is dead at once, because it would be refused again and nothing
/// behind it is to wait; everything else is tried again, with waits that double and differ by chance, so that many
/// subscribers do not come back at the same moment.
/// </summary>
/// <param name="chance">From 0 to 1000, for the length of a wait.</param>
internal sealed class WebhookSending(
    WebhookStore store, WebhookOptions options, HttpClient client, IClock clock, Func<int> chance)
{
    private const int DeliveriesAtOnce = 100; // of a subscriber, before it is looked again whether it is one

    /// <summary>Sends what is due to a subscriber.</summary>
    /// <param name="mayBeTold">Is asked before each.</param>
    /// <param name="taken">Is told of each that was taken, before it is written down: told is told.</param>
    public async Task SendDueAsync(
        WebhookSubscription to, Func<CancellationToken, Task<bool>> mayBeTold, Action taken, CancellationToken ct)
    {
        var (secret, failingSince) = ((byte[]?)null, to.FailingSince);
        for (var i = 0; i < DeliveriesAtOnce; i++)
        {
            var now = clock.GetCurrentInstant();
            if (store.Due(to.Webhook, now) is not var (delivery, body, deadAfter)
                || !await mayBeTold(ct).ConfigureAwait(false)) break;
            secret ??= store.SecretOf(to.Webhook);
            if (secret is null) break;
            var (status, detail) = await AttemptAsync(to, delivery, body, secret, now, ct).ConfigureAwait(false);
            var after = After(delivery, status, detail, now, deadAfter);
            if (after.Standing == WebhookDelivery.Delivered) taken();
            failingSince = after.Standing == WebhookDelivery.Delivered ? null : failingSince ?? now;
            store.Attempted(after, failingSince);
            // RFC 9110, 15.5.11: who is gone wants nothing more.
            if (status == (int)HttpStatusCode.Gone) store.End(to.Webhook, "the address answered 410 Gone", now);
            // What is still tried may be taken, and for days there may have been nothing to tell.
            else if (after.Standing == WebhookDelivery.Dead && failingSince is { } since
                && now - since >= options.EndedAfter)
                store.End(to.Webhook, $"nothing was taken for {options.EndedAfter.TotalDays.ToString(CultureInfo.InvariantCulture)} days", now);
            if (after.Standing == WebhookDelivery.Waiting) break;
        }
    }

    private async Task<(int? Status, string? Detail)> AttemptAsync(WebhookSubscription to, WebhookDelivery delivery,
        byte[] body, byte[] secret, Instant now, CancellationToken ct)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, to.Url) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("ledger", null));
        request.Headers.Add(WebhookSignature.IdHeader, delivery.Delivery);
        request.Headers.Add(WebhookSignature.TimestampHeader, WebhookSignature.Timestamp(now));
        request.Headers.Add(WebhookSignature.SignatureHeader,
            WebhookSignature.Of(secret, delivery.Delivery, now, body));
        try
        {
            // The answer's body is not read: it is no business of the ledger's.
            using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct)
                .ConfigureAwait(false);
            return ((int)answer.StatusCode, answer.ReasonPhrase);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            return (null, $"no answer within {options.Patience.TotalSeconds.ToString(CultureInfo.InvariantCulture)} seconds");
        }
        catch (HttpRequestException failed)
        {
            return (null, failed.GetBaseException() is TargetRefusedException refused ? refused.Message
                : $"not reached: {failed.HttpRequestError}");
        }
    }

    private WebhookDelivery After(
        WebhookDelivery delivery, int? status, string? detail, Instant now, Instant deadAfter)
    {
        var tried = delivery with
        {
            Attempts = delivery.Attempts + 1,
            Status = status,
            Detail = detail,
            Last = now,
            Next = null,
        };
        if (status is >= 200 and < 300) return tried with { Standing = WebhookDelivery.Delivered };
        // Too early, too slow and too many are of the moment; any other 4xx is of the request.
        if (status is >= 400 and < 500 and not (408 or 425 or 429))
            return tried with { Standing = WebhookDelivery.Dead };
        var next = now + WaitAfter(tried.Attempts);
        return next >= deadAfter
            ? tried with { Standing = WebhookDelivery.Dead, Detail = $"given up: {detail}" }
            : tried with { Next = next };
    }

    /// <summary>From a half of the doubled wait to one and a half of it.</summary>
    private Duration WaitAfter(int attempts)
    {
        var doubled = options.FirstWait * (1L << Math.Min(attempts - 1, 20));
        var mean = Duration.Min(doubled, options.LongestWait);
        return mean / 2 + Duration.FromTicks(mean.BclCompatibleTicks / 1000 * chance());
    }
}
