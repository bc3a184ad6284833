using System.Globalization;
using System.Text.RegularExpressions;
using Ledger.Api.Exchange;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Api.Resources;

/// <summary>What a grid operator's orders of a month came to, as the message that settles them.</summary>
internal static partial class FlexSettlements
{
    private const string DomainRule = "an Internet domain in lower case like dso.example";

    public static void Map(WebApplication app, OpenLedger ledger) =>
        app.MapGet("/v1/flex-settlements", async (HttpContext context) =>
        {
            var request = context.Request;
            var issuer = Asking.Required<PartyId>(request, "issuer", PartyId.TryParse, Rejection.InvalidIdentifier,
                Asking.IdentifierRule);
            var account = Asking.Required<PartyId>(request, "account", PartyId.TryParse, Rejection.InvalidIdentifier,
                Asking.IdentifierRule);
            var month = Asking.Required<YearMonth>(request, "month", TryMonth, Rejection.InvalidTime, "a month like 2026-06");
            var parties = new FlexParties(DomainOf(request, "senderDomain"), DomainOf(request, "recipientDomain"),
                Asking.Required<YearMonth>(request, "domainSince", TryMonth, Rejection.InvalidTime,
                    "a month like 2020-01, in which the sender owned its domain"));
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var orders = await FlexOrders.OfAsync(ledger.Journal, answers, new(ledger.Views, position), issuer, account,
                month, (position ?? -1) + 1, context.RequestAborted).ConfigureAwait(false);
            if (orders.Unsettled is [var first, ..])
                return Answering.Problem(422, Rejection.NotSettled,
                    string.Create(CultureInfo.InvariantCulture, $"{first.Instruction} is not settled: {first.Why}")
                    + (orders.Unsettled.Count == 1 ? "" : string.Create(CultureInfo.InvariantCulture,
                        $"; {orders.Unsettled.Count - 1} more are not")));
            if (orders.Orders.Count == 0)
                return Answering.Problem(404, Rejection.NotReached,
                    $"no order of {issuer} to {account} begins in that month, or none is yours");
            if (orders.Currency is null)
                return Answering.Problem(422, Rejection.NotSettled, "the orders are paid in several currencies");
            return new Message(FlexSettlementText.Write(orders, parties, month,
                await KnownWhen.OfAsync(ledger, position, context.RequestAborted).ConfigureAwait(false)), position);
        }).ReadsAs("application/xml", "flex-settlement", "The orders of a month between a grid operator and whom it pays, as a FlexSettlement "
            + "message of the Shapeshifter specification.", "issuer", "account", "month", "senderDomain",
            "recipientDomain", "domainSince (of entity addresses)").Refuses(404, 422);

    private static bool TryMonth(string? text, out YearMonth month) => DayText.TryMonth(text, out month);

    private static string DomainOf(HttpRequest request, string name) =>
        request.Query[name] is [{ Length: <= 200 } domain] && Domain().IsMatch(domain) ? domain
        : throw new QueryRefusedException(Rejection.InvalidIdentifier, $"{name} is needed: {DomainRule}");

    [GeneratedRegex(@"^([a-z0-9]+(-[a-z0-9]+)*\.)+[a-z]{2,}$")]
    private static partial Regex Domain();

    private sealed class Message(string xml, long? position) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            response.ContentType = "application/xml; charset=utf-8";
            if (position is { } at)
                response.Headers[Answering.PositionHeader] = at.ToString(CultureInfo.InvariantCulture);
            return response.WriteAsync(xml, httpContext.RequestAborted);
        }
    }
}
