using Ledger.Api.Access;
using Ledger.Api.Webhooks;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using Microsoft.AspNetCore.Mvc;
using NodaTime;

namespace Ledger.Api.Resources;

/// <summary>A subscription as its party sees it: all but its secret.</summary>
/// <param name="Standing">active, failing (nothing was taken lately) or ended.</param>
public sealed record WebhookRow(
    string Webhook, string Url, IReadOnlyList<string> Events, int AfterSeconds, string Holder, string Party,
    Instant Created, [property: Choices("active", "failing", "ended")] string Standing, Instant? FailingSince, string? Ended)
{
    public static WebhookRow Of(WebhookSubscription one) => new(
        one.Webhook, one.Url.ToString(), one.Events, one.AfterSeconds, one.Holder, one.Party.Value, one.Created,
        one.Ended is not null ? "ended" : one.FailingSince is not null ? "failing" : "active", one.FailingSince, one.Ended);
}

/// <summary>A subscription that was made, with its secret, which is shown this once.</summary>
public sealed record WebhookMade(string Webhook, string Secret, WebhookRow Subscription);

/// <summary>The subscriptions of a party.</summary>
public sealed record WebhooksAnswer(IReadOnlyList<WebhookRow> Webhooks);

/// <summary>What a subscriber was told, waits for and could not be told; newest first.</summary>
/// <param name="LeftOff">How many older ones there are that are not listed.</param>
public sealed record WebhookDeliveriesAnswer(string Webhook, IReadOnlyList<WebhookDelivery> Deliveries, int LeftOff);

/// <summary>A subscription was ended.</summary>
public sealed record WebhookEnded([property: Choices("ended")] string Outcome, string Webhook);

/// <summary>How many dead letters wait to be tried again.</summary>
public sealed record WebhookRedriven(string Webhook, int Waiting);

/// <summary>Who is told what, what became of it, and how it is ended or tried again.</summary>
internal static class WebhookResources
{
    private const int AfterSecondsDefault = 60, AfterSecondsMax = 86_400, DeliveriesMax = 10_000;

    private sealed record Asked(Uri Url, IReadOnlyList<string> Events, int AfterSeconds);

    public static void Map(WebApplication app, OpenLedger ledger, WebhookService webhooks, WebhookOptions options)
    {
        app.MapPost("/v1/webhooks", async (HttpContext context) =>
        {
            var asked = await ReadAsync(context, Subscription).ConfigureAwait(false);
            var (one, secret) = await webhooks.SubscribeAsync(context.By(), asked.Url, asked.Events, asked.AfterSeconds,
                context.RequestAborted).ConfigureAwait(false);
            return Answering.Read(new WebhookMade(one.Webhook, secret, WebhookRow.Of(one)), null, 201);
        }).TakesOrder("webhook", "Subscribes an address to events; the secret that signs them is shown this once.",
            "A delivery is signed as Standard Webhooks has it: webhook-id, webhook-timestamp, webhook-signature. ",
            $"url, events: [{string.Join(" | ", WebhookEvent.Types)}], afterSeconds? (how long an instruction may be "
            + $"unacknowledged and telemetry be silent; {AfterSecondsDefault})",
            """{"url":"https://hooks.example/ledger","events":["instruction.issued","run.published"]}""").Answers<WebhookMade>(201);

        app.MapGet("/v1/webhooks", (HttpContext context) => Answering.Read(
            new WebhooksAnswer([.. webhooks.Of(context.By()).Select(WebhookRow.Of)]), null))
            .ReadsNow("webhooks", "The subscriptions of the caller's party, and all of them for an administrator.");

        app.MapGet("/v1/webhook-deliveries", (HttpContext context) =>
        {
            var one = Find(webhooks, context.By(), context.Request.Query["webhook"].ToString());
            var listed = webhooks.Store.Deliveries(one.Webhook, DeliveriesMax);
            return Answering.Read(new WebhookDeliveriesAnswer(one.Webhook, listed,
                listed.Count < DeliveriesMax ? 0 : webhooks.Store.DeliveriesOf(one.Webhook) - DeliveriesMax), null);
        }).ReadsNow("webhook-deliveries", "What a subscriber was told, waits for, and could not be told; the newest "
            + "10 000, newest first.",
            "webhook").Refuses(404);

        app.MapPost("/v1/webhook-endings", async (HttpContext context) =>
        {
            var (webhook, reason) = await ReadAsync(context, input =>
            {
                var asked = input.Object("webhook", "reason");
                return (asked.Required("webhook").Text(), asked.Required("reason").Line(Limits.TextLengthMax));
            }).ConfigureAwait(false);
            var one = Find(webhooks, context.By(), webhook);
            webhooks.Store.End(one.Webhook, $"{context.By().Actor}: {reason}", ledger.Clock.GetCurrentInstant());
            return Answering.Read(new WebhookEnded("ended", one.Webhook), null);
        }).TakesOrder("webhook-ending", "Ends a subscription; what waits for it is sent no more.",
            "", "webhook, reason", """{"webhook":"w0123456789abcdef","reason":"moved"}""").Answers<WebhookEnded>(200).Refuses(404);

        app.MapPost("/v1/webhook-redrives", async (HttpContext context) =>
        {
            var (webhook, delivery) = await ReadAsync(context, input =>
            {
                var asked = input.Object("webhook", "delivery");
                return (asked.Required("webhook").Text(), asked.Optional("delivery")?.Text());
            }).ConfigureAwait(false);
            var one = Find(webhooks, context.By(), webhook);
            if (one.Ended is not null)
                return Answering.Problem(409, ProblemName.WebhookEnded, $"{webhook} was ended: {one.Ended}");
            var now = ledger.Clock.GetCurrentInstant();
            var count = webhooks.Store.Redrive(one.Webhook, delivery, now, now + options.DeadAfter);
            return count == 0 ? Answering.Problem(404, ProblemName.NoDelivery, "no dead letter is so named")
                : (IResult)Answering.Read(new WebhookRedriven(webhook, count), null, 202);
        }).TakesOrder("webhook-redrive", "Has dead letters of a subscriber tried again: all, or one.",
            "", "webhook, delivery?", """{"webhook":"w0123456789abcdef"}""").Answers<WebhookRedriven>(202).Refuses(404, 409);
    }

    private static Asked Subscription(InputValue input)
    {
        var asked = input.Object("url", "events", "afterSeconds");
        var url = asked.Required("url");
        var events = asked.Required("events").Array().ConvertAll(each => WebhookEvent.Types.Contains(each.Text())
            ? each.Text()
            : throw each.Refused(Rejection.OutOfRange, $"must be one of {string.Join(", ", WebhookEvent.Types)}"));
        if (events.Count == 0) throw asked.Required("events").Refused(Rejection.EmptyInput, "must name an event");
        return new(Uri.TryCreate(url.Line(Limits.TextLengthMax), UriKind.Absolute, out var address) ? address
                : throw url.Refused(Rejection.OutOfRange, "must be an https address"),
            [.. events.Distinct()], asked.Optional("afterSeconds")?.Integer(1, AfterSecondsMax) ?? AfterSecondsDefault);
    }

    /// <summary>A subscription of the caller's; what is another's is answered as what does not exist.</summary>
    private static WebhookSubscription Find(WebhookService webhooks, Principal by, string webhook) =>
        webhooks.Of(by).FirstOrDefault(one => one.Webhook == webhook)
        ?? throw new NotThereException($"there is no webhook {webhook}, or it is not yours");

    internal static async Task<T> ReadAsync<T>(HttpContext context, Func<InputValue, T> read)
    {
        var text = await Submissions.ReadAsync(context, context.Request.Path.Value!).ConfigureAwait(false);
        return BodyReading.Read(text.Bytes, read);
    }

    /// <summary>What every resource that takes an order to the server itself has in common: it is no fact.</summary>
    public static RouteHandlerBuilder TakesOrder(this RouteHandlerBuilder route, string name, string does, string body,
        string members, string example) => route
        .WithName(name).WithSummary(does).TakesHeaders(Parameters.IdempotencyKey)
        .WithMetadata(new RequestBodyText(members, example))
        .WithDescription($"One JSON object: {members}. {body}Send an Idempotency-Key to get the first answer again after a lost one.")
        .WithMetadata(new RequestSizeLimitAttribute(Submissions.FactBytesMax))
        .RequireRateLimiting(Protection.FactRequests).Needing(Scopes.WebhooksWrite)
        .TakesJson().Refuses(400, 401, 403, 413, 422, 429, 503);

    /// <summary>What every read of the server itself has in common: it is of now, and of no position.</summary>
    public static RouteHandlerBuilder ReadsNow(this RouteHandlerBuilder route, string name, string does,
        params string[] parameters) => route
        .WithName(name).WithSummary(does)
        .WithDescription("It is of now.")
        .TakesParameters([.. parameters, .. ReadOperations.ParametersOfNow(name)], Parameters.IfNoneMatch)
        .RequireRateLimiting(Protection.ReadRequests).AsRead(name)
        .AnswersIn(200, "application/json").Produces(304).Refuses(400, 401, 403, 429, 503);
}

/// <summary>What is asked for is not there, or not the caller's.</summary>
public sealed class NotThereException(string detail) : Exception(detail);
