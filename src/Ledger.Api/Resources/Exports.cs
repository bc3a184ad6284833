using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Api.Resources;

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
                new
                {
                    day = RowJson.Day(day),
                    asOf = position,
                    stations = answers.Stations(day),
                    points = answers.Export(day)
                }, position);
        }).Reads("exports", "Verified energy of a settlement day, by station and by settlement point.", "day");

        app.MapGet("/v1/balances", async (HttpContext context) =>
        {
            var station = Asking.Required<StationId>(
                context.Request, "station", StationId.TryParse, Rejection.InvalidIdentifier, Asking.IdentifierRule);
            var day = Asking.Day(context.Request);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var balance = answers.Balance(station, day);
            return Answering.Read(
                new
                {
                    station = station.Value,
                    day = RowJson.Day(day),
                    asOf = position,
                    total = balance?.Day,
                    periods = balance?.Periods
                },
                position);
        }).Reads("balances", "The energy balance of a station: losses, verified V2G export, storage and photovoltaic.",
            "station", "day");
    }
}
