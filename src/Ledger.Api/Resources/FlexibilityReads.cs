using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Resources;

/// <summary>The peak of a station's day; null where it has no connection with such a day.</summary>
public sealed record PeaksAnswer(string Station, string Day, long? AsOf, StationPeak? Peak);

/// <summary>What of a point could be called on.</summary>
public sealed record EligibilitiesAnswer(
    string Point, string Day, long? AsOf, IReadOnlyList<EligibilityRow> Eligible);

/// <summary>What a station took off its peak, and what of a point could be called on.</summary>
internal static class FlexibilityReads
{
    public static void Map(WebApplication app, OpenLedger ledger)
    {
        app.MapGet("/v1/peaks", async (HttpContext context) =>
        {
            var station = Asking.Required<StationId>(context.Request, "station", StationId.TryParse,
                Rejection.InvalidIdentifier, Asking.IdentifierRule);
            var day = Asking.Day(context.Request);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(new PeaksAnswer(
                station.Value, RowJson.Day(day), position, StationPeaks.Of(answers, station, day)), position);
        }).Reads("peaks", "The measured peak of a station's connection beside those without storage and without "
            + "management, each with its method.", "station", "day");

        app.MapGet("/v1/eligibilities", async (HttpContext context) =>
        {
            var point = Asking.Required<SettlementPointId>(context.Request, "point", SettlementPointId.TryParse,
                Rejection.InvalidIdentifier, Asking.IdentifierRule);
            var day = Asking.Day(context.Request);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var zone = answers.PointOn(point, day)?.Zone;
            if (zone is null)
                throw new NotThereException($"there is no settlement point {point}, or it is not yours");
            var eligible = await PointEligibility.OfAsync(ledger.Journal, (position ?? -1) + 1, answers, point,
                SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[zone], day), context.RequestAborted)
                .ConfigureAwait(false);
            return Answering.Read(new EligibilitiesAnswer(point.Value, RowJson.Day(day), position, eligible), position);
        }).Reads("eligibilities", "What of a settlement point could be called on at each instant of a day, by "
            + "programme, and what bound it.", "point", "day").Refuses(404);
    }
}
