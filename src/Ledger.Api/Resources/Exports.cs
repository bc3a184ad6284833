using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Resources;

/// <summary>The verified energy of a day.</summary>
public sealed record ExportsAnswer(
    string Day, long? AsOf, IReadOnlyList<VerifiedExport.StationRow> Stations,
    IReadOnlyList<VerifiedExport.DayRow> Points);

/// <summary>The balance of a station's day; both are null where it has no connection.</summary>
public sealed record BalancesAnswer(
    string Station, string Day, long? AsOf, StationBalance.DayRow? Total,
    IReadOnlyList<StationBalance.PeriodRow>? Periods);

/// <summary>Verified export and import of a settlement day.</summary>
internal static class Exports
{
    public static void Map(WebApplication app, OpenLedger ledger)
    {
        app.MapGet("/v1/exports", async (HttpContext context) =>
        {
            var day = Asking.Day(context.Request);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(
                new ExportsAnswer(RowJson.Day(day), position, answers.Stations(day), answers.Export(day)), position);
        }).Reads("exports", "Verified energy of a settlement day, by station and by settlement point.", "day");

        app.MapGet("/v1/balances", async (HttpContext context) =>
        {
            var station = Asking.Required<StationId>(
                context.Request, "station", StationId.TryParse, Rejection.InvalidIdentifier, Asking.IdentifierRule);
            var day = Asking.Day(context.Request);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var balance = answers.Balance(station, day);
            if (balance is null && answers.PointsAt(station, new(Instant.MinValue, Instant.MaxValue)).Count == 0)
                throw new NotThereException($"there is no station {station}, or nothing of it is yours");
            return Answering.Read(new BalancesAnswer(
                station.Value, RowJson.Day(day), position, balance?.Day, balance?.Periods), position);
        }).Reads("balances", "The energy balance of a station: losses, verified V2G export, storage and photovoltaic.",
            "station", "day").Refuses(404);
    }
}
