using System.Globalization;
using Ledger.Api.Exchange;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Resources;

/// <summary>Usage of a settlement point as a Green Button feed.</summary>
internal static class GreenButton
{
    private const int DaysMax = 1_100; // three years

    public static void Map(WebApplication app, OpenLedger ledger) =>
        app.MapGet("/v1/green-button", async (HttpContext context) =>
        {
            var request = context.Request;
            var point = Asking.Required<SettlementPointId>(request, "point", SettlementPointId.TryParse,
                Rejection.InvalidIdentifier, Asking.IdentifierRule);
            var from = Asking.Required<LocalDate>(request, "from", Asking.TryDay, Rejection.InvalidTime, Asking.DayRule);
            var to = Asking.Required<LocalDate>(request, "to", Asking.TryDay, Rejection.InvalidTime, Asking.DayRule);
            if (to < from || Period.DaysBetween(from, to) >= DaysMax)
                throw new QueryRefusedException(Rejection.IntervalEmpty,
                    $"to is the last day: it must not be before from, and at most {DaysMax} days are asked for");
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var ct = context.RequestAborted;
            var known = await KnownWhen.OfAsync(ledger, position, ct).ConfigureAwait(false);
            if (answers.PointAt(point, known) is not { } row || answers.HolderOf(point.Value) is not { } holder)
                throw new NotThereException($"there is no settlement point {point}, or it is not yours");
            return new Feed(new(point, new(holder.Owner), row.Zone, row.PeriodMinutes, from, to, known,
                () => MeteredRange.DaysAsync(ledger.Journal, point, from, to, (position ?? -1) + 1, ct)), position);
        }).ReadsAs("application/atom+xml", "green-button", "Usage of a settlement point as a Green Button feed (ESPI in Atom), written day by day.",
            "point", "from", "to (the last day)").Refuses(404);

    /// <summary>Written while it is read, so it has no length and no tag.</summary>
    internal sealed class Feed(GreenButtonQuestion asked, long? position) : IResult
    {
        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            response.ContentType = "application/atom+xml; charset=utf-8";
            if (position is { } at)
                response.Headers[Answering.PositionHeader] = at.ToString(CultureInfo.InvariantCulture);
            await GreenButtonFeed.WriteAsync(response.Body, asked, httpContext.RequestAborted).ConfigureAwait(false);
        }
    }
}
