using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Resources;

/// <summary>One view, and how far it is behind the journal.</summary>
/// <param name="Next">The next position that it applies.</param>
public sealed record ProjectionRow(string View, long Next, long Behind)
{
    internal static ProjectionRow Of(IProjection view, IViewStore views, long length)
    {
        var next = views.Checkpoint(view.Name);
        return new(view.Name, next, Math.Max(0, length - next));
    }
}

/// <summary>A window of a station's calls; powers in kW, null where too few calls support the figure.</summary>
/// <param name="Of">all, a local hour of the week as "Wednesday 18:00", or a number of connected vehicles.</param>
/// <param name="SuccessRateAtLeast">At the stated confidence.</param>
public sealed record WindowRow(
    string Of, int Calls, int? Successes, decimal? SuccessRateAtLeast, decimal? Delivered90Kw, decimal? Delivered95Kw,
    decimal? Credible90Kw, decimal? Credible95Kw, decimal? OrderedMostKw)
{
    public static IReadOnlyList<WindowRow> AllOf(StationWindows windows) =>
    [
        From("all", windows.All),
        .. windows.ByHour.Select(each => From(StationWindows.HourOf(each.HourOfWeek), each.Window)),
        .. windows.ByConnected.Select(each => From(StationWindows.VehiclesOf(each.Connected), each.Window)),
    ];

    private static WindowRow From(string of, DispatchWindow window) => new(
        of, window.Calls, window.Successes, window.SuccessRateAtLeastMillionths / 1_000_000m, Kw(window.Delivered90),
        Kw(window.Delivered95), Kw(window.Credible90), Kw(window.Credible95), Kw(window.OrderedMost));

    private static decimal? Kw(long? milliwatts) => milliwatts / 1_000_000m;
}

/// <summary>What a station delivered in its calls.</summary>
/// <param name="CallsWithoutSample">Real calls that are in no window, because they are caps, were not judged, or may
/// still be proven.</param>
public sealed record CredibleWindowsAnswer(
    string Station, long? AsOf, int CallsWithoutSample, IReadOnlyList<WindowRow> Windows);

/// <summary>Every view, and how long the journal is.</summary>
public sealed record ProjectionsAnswer(long? AsOf, long Length, IReadOnlyList<ProjectionRow> Projections);

/// <summary>What a station can be relied on for, and how the ledger itself stands.</summary>
internal static class OperationReads
{
    public static void Map(WebApplication app, OpenLedger ledger)
    {
        app.MapGet("/v1/credible-windows", async (HttpContext context) =>
        {
            var station = Asking.Required<StationId>(context.Request, "station", StationId.TryParse,
                Rejection.InvalidIdentifier, Asking.IdentifierRule);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            if (answers.PointsAt(station, new(Instant.MinValue, Instant.MaxValue)).Count == 0)
                throw new NotThereException($"there is no station {station}, or nothing of it is yours");
            var at = await ReadInstant.OfAsync(ledger, context, position).ConfigureAwait(false);
            var asked = answers.Reaches(station) ? answers.OfEveryIssuer() : answers;
            var windows = StationWindows.Of(asked.Calls(station, at));
            return Answering.Read(new CredibleWindowsAnswer(
                station.Value, position, windows.NoSample, WindowRow.AllOf(windows)), position);
        }).Reads("credible-windows", "What a station delivered in its calls, and what it can be relied on for.", "station")
            .Refuses(404);

        app.MapGet("/v1/projections", async (HttpContext context) =>
        {
            var (_, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var length = ledger.Journal.Length;
            return Answering.Read(new ProjectionsAnswer(position, length,
                [.. StandardProjections.All.Select(view => ProjectionRow.Of(view, ledger.Views, length))]), position);
        }).Reads("projections", "Every view, and how many facts it is behind the journal.");
    }
}
