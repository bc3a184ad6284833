using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Cli;

/// <summary><c>ledger show peak STATION --day DAY</c>:
/// what storage and management took off a connection's peak.</summary>
internal static class ShowPeak
{
    public static Page PageOf(Page page, Answers answers, string about, LocalDate? asked)
    {
        var station = CommandLine.Read<StationId>(about, StationId.TryParse, "STATION is an identifier");
        var day = asked ?? throw new UsageException("show peak needs --day");
        var peak = StationPeaks.Of(answers, station, day)
            ?? throw new CouldNotException($"{station} has no grid connection with a settlement day {Cell.Shown(day)}");
        page.Field("station", "station", station.Value).Field("day", "day", day)
            .Field("periods", "settlement periods", peak.Periods)
            .Field("unproven", "of them unproven", peak.Unproven)
            .Field("unknownConnectors", "charged without a known session", peak.Unknown);
        if (peak.Peaks is not { } peaks) return page.Note("No period is proven, so there is no peak to compare.");
        return page.Table("peaks", "highest mean power of a settlement period", Listing.Of(
            new (string Name, string? Method, Peak? Highest, Power? Shaved, int? MissingIn)[]
            {
                ("measured", "balance of the station, proven periods", peaks.Measured, null, null),
                Row("without storage", peaks.WithoutStorage), Row("without management", peaks.WithoutManagement),
            },
            new("peak", "peak", row => row.Name),
            new("kw", "kW", row => row.Highest?.Highest),
            new("start", "in the period from", row => row.Highest is { } found ? peak.Starts[found.Period] : null),
            new("shavedKw", "shaved kW", row => row.Shaved),
            new("missingFrom", "unknown from", row => row.MissingIn is { } missing ? peak.Starts[missing] : null),
            new("method", "method", row => row.Method)))
            .Note("Import is positive. The two counterfactuals answer different questions and are not added. Unproven "
                + "periods are in no figure, so the true peak may be higher.");
    }

    private static (string, string?, Peak?, Power?, int?) Row(string name, CounterfactualPeak peak) =>
        (name, peak.Method, peak.Highest, peak.Shaved, peak.MissingIn);
}
