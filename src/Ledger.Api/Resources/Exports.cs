using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Api.Resources;

/// <summary>Verified export and import of a settlement day, and the interval records behind it.</summary>
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

        app.MapGet("/v1/interval-records", async (HttpContext context) =>
        {
            var point = Asking.Required<SettlementPointId>(
                context.Request, "point", SettlementPointId.TryParse, Rejection.InvalidIdentifier,
                Asking.IdentifierRule);
            var day = Asking.Day(context.Request);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(
                new
                {
                    point = point.Value,
                    day = RowJson.Day(day),
                    asOf = position,
                    records = answers.StoredIntervalRecords(point, day),
                    checks = answers.PeriodChecks(point, day),
                }, position);
        }).Reads("interval-records", "The latest interval records of a settlement point on a day of its zone, and the "
            + "register checks of single periods.", "point", "day");
    }
}
