using Ledger.Domain;
using static Ledger.Projections.MasterData;

namespace Ledger.Cli.Listings;

/// <summary>What was declared of meters and of a station's tree, each with when it holds from.</summary>
public static class MasterDataListings
{
    public static Listing Classes(IEnumerable<MeterClassRow> classes) => Listing.Of(classes,
        new("meterSerial", "meter", row => row.MeterSerial),
        new("accuracyClass", "class", row => row.AccuracyClass),
        new("validFrom", "from", row => row.ValidFrom));

    public static Listing Keys(IEnumerable<MeterKeyRow> keys) => Listing.Of(keys,
        new("meterSerial", "meter", row => row.MeterSerial),
        new("publicKey", "public key", row => row.PublicKey),
        new("validFrom", "from", row => row.ValidFrom));

    public static Listing Places(IEnumerable<PlaceRow> places) => Listing.Of(places,
        new("point", "point", row => row.Point),
        new("parent", "behind", row => row.Parent),
        new("validFrom", "from", row => row.ValidFrom));

    public static Listing LossFactors(IEnumerable<LossFactorRow> factors) => Listing.Of(factors,
        new("point", "point", row => row.Point),
        new("lossFactor", "loss factor", row => row.PartsPerMillion / (decimal)EnergyBalance.PartsPerWhole),
        new("fixedKw", "fixed kW", row => new Power(row.FixedMilliwatts)),
        new("validFrom", "from", row => row.ValidFrom));
}
