using Ledger.Domain;

namespace Ledger.Cli.Listings;

/// <summary>Registers, charge records and settlement side by side, and what does not agree.</summary>
public static class ReconciliationListings
{
    public static Listing Days(IEnumerable<ReconciledDay> days) => Listing.Of(days,
        new("station", "station", row => row.Station.Value),
        new("day", "day", row => row.Day),
        new("sessions", "sessions", row => row.Sessions),
        new("records", "records", row => row.Records),
        new("measuredKwh", "measured kWh", row => row.Measured),
        new("billedKwh", "billed kWh", row => row.Billed),
        new("differenceKwh", "difference", row => row.Billed - row.Measured),
        new("cost", "cost", row => row.Cost),
        new("settledKwh", "settled kWh", row => row.SettledKwh),
        new("settledAmount", null, row => row.SettledAmount),
        new("exceptions", "exceptions", row => row.Exceptions),
        new("atStake", "at stake", row => row.AtStake),
        new("ofUnknownStake", "of unknown stake", row => row.OfUnknownStake));

    public static Listing Exceptions(IEnumerable<ReconciliationException> exceptions) => Listing.Of(exceptions,
        new("finding", "finding", row => row.Finding),
        new("station", null, row => row.Station.Value),
        new("point", "point", row => row.Point.Value),
        new("from", "from", row => row.From),
        new("to", null, row => row.To),
        new("record", "record", row => row.Record?.Value),
        new("measuredKwh", "measured kWh", row => row.Measured),
        new("statedKwh", "stated kWh", row => row.Stated),
        new("atStake", "at stake", row => row.AtStake),
        new("currency", null, row => row.Currency),
        new("resolvedBy", "resolved by", row => row.ResolvedBy));
}
