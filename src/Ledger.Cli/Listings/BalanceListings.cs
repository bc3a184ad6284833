using Ledger.Projections;
using static Ledger.Projections.StationBalance;

namespace Ledger.Cli.Listings;

/// <summary>The energy balance of a station: its day, its periods, and each point's part of them.</summary>
public static class BalanceListings
{
    public static Listing Days(IEnumerable<DayRow> days) => Listing.Of(days,
        new("station", null, row => row.Station),
        new("day", "day", row => row.Day),
        new("zone", null, row => row.Zone),
        new("periods", "periods", row => row.Periods),
        new("unproven", "unproven", row => row.Unproven),
        new("importKwh", null, row => row.Import),
        new("exportKwh", "export kWh", row => row.Export),
        new("lossesKwh", "losses kWh", row => row.Losses),
        new("surplusKwh", null, row => row.Surplus),
        new("v2gMeasuredKwh", null, row => row.V2gMeasured),
        new("verifiedV2gKwh", "V2G kWh", row => row.VerifiedV2g),
        new("storageKwh", "storage kWh", row => row.Storage),
        new("photovoltaicKwh", "PV kWh", row => row.Photovoltaic),
        new("unattributedKwh", "nobody kWh", row => row.Unattributed));

    public static Listing Periods(IEnumerable<PeriodRow> periods) => Listing.Of(periods,
        new("start", "from", row => row.Start),
        new("end", null, row => row.End),
        new("proven", null, row => row.Proven),
        new("importKwh", null, row => row.Import),
        new("exportKwh", "export kWh", row => row.Export),
        new("lossesKwh", "losses kWh", row => row.Losses),
        new("surplusKwh", null, row => row.Surplus),
        new("v2gMeasuredKwh", null, row => row.V2gMeasured),
        new("verifiedV2gKwh", "V2G kWh", row => row.VerifiedV2g),
        new("storageKwh", "storage kWh", row => row.Storage),
        new("photovoltaicKwh", "PV kWh", row => row.Photovoltaic),
        new("unattributedKwh", null, row => row.Unattributed),
        new("why", "unproven, because", row => row.Why));

    /// <summary>For programs: what each point measured, lost and was attributed, period by period.</summary>
    public static Listing Parts(IEnumerable<PeriodRow> periods) => Listing.Of(
        periods.SelectMany(period => period.Parts.Select(part => (period.Start, Part: part))),
        new("start", null, row => row.Start),
        new("point", "point", row => row.Part.Point),
        new("kind", "kind", row => row.Part.Kind),
        new("importKwh", "import kWh", row => row.Part.Import),
        new("exportKwh", "export kWh", row => row.Part.Export),
        new("importLossesKwh", null, row => row.Part.ImportLosses),
        new("exportLossesKwh", null, row => row.Part.ExportLosses),
        new("attributedKwh", "attributed kWh", row => row.Part.Attributed));
}
