using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Cli.Listings;

/// <summary>What a station declares, and what there is of its evidence.</summary>
public static class StationListings
{
    public static Listing Standards(IEnumerable<MasterData.StandardRow> standards) => Listing.Of(standards,
        new("standard", "standard", row => row.Standard),
        new("point", "of", row => row.Point ?? "the station"),
        new("certificate", "certificate", row => row.Certificate ?? "none: declared only"),
        new("issuer", "issuer", row => row.Issuer),
        new("validFrom", "valid from", row => row.ValidFrom),
        new("validTo", "valid to", row => row.ValidTo));

    public static Listing Evidence(IEnumerable<PointEvidence> points) => Listing.Of(points,
        new("point", "point", row => row.Point.Point),
        new("kind", "kind", row => row.Point.Kind),
        new("ratedKw", "rated kW", row => new Power(row.Point.RatedMilliwatts)),
        new("periodsExpected", "periods", row => row.Expected),
        new("periodsRecorded", "recorded", row => row.Recorded),
        new("periodsFinal", "final", row => row.Final),
        new("periodsSuspect", "suspect", row => row.Suspect),
        new("periodsMissing", "missing", row => row.Missing),
        new("readings", "register readings", row => row.Readings),
        new("readingsSigned", "of them signed", row => row.Signed));
}
