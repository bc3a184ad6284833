using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;

namespace Ledger.Cli.Listings;

/// <summary>What the ledger knows besides energy and money: master data, what it refused, and its journal.</summary>
public static class RecordListings
{
    private const int ShownDigestLength = 12; // enough to find it with; programs get all of it

    public static Listing Points(IEnumerable<MasterData.PointRow> points) => Listing.Of(points,
        new("point", "point", row => row.Point),
        new("station", "station", row => row.Station),
        new("kind", "kind", row => row.Kind),
        new("owner", "owner", row => row.Owner),
        new("zone", "zone", row => row.Zone),
        new("periodMinutes", "period min", row => row.PeriodMinutes),
        new("ratedKw", "rated kW", row => new Power(row.RatedMilliwatts)),
        new("bidirectional", "both ways", row => row.Bidirectional),
        new("gridOperator", null, row => row.GridOperator),
        new("validFrom", null, row => row.ValidFrom));

    public static Listing Registers(IEnumerable<MasterData.RegisterRow> registers) => Listing.Of(registers,
        new("register", "register", row => row.Register),
        new("meterSerial", "meter", row => row.MeterSerial),
        new("digits", "digits", row => row.Digits),
        new("decimals", "decimals", row => row.Decimals),
        new("factor", "factor", row => row.Factor),
        new("modulusSteps", "modulus steps", row => row.ModulusSteps),
        new("validFrom", "from", row => row.ValidFrom));

    public static Listing Tariffs(IEnumerable<MasterData.TariffRow> tariffs) => Listing.Of(tariffs,
        new("tariff", "tariff", row => row.Tariff),
        new("version", "v", row => row.Version),
        new("currency", "currency", row => row.Currency),
        new("zone", "zone", row => row.Zone),
        new("rules", "rules", row => row.Rules),
        new("prices", "prices", row => row.Prices),
        new("validFrom", "from", row => row.ValidFrom));

    public static Listing RulePacks(IEnumerable<MasterData.RulePackRow> packs) => Listing.Of(packs,
        new("pack", "pack", row => row.Pack),
        new("version", "v", row => row.Version),
        new("family", "family", row => row.Family),
        new(null, "numbers", row => row.Provisional ? "provisional" : "as read"),
        new("provisional", null, row => row.Provisional),
        new("source", null, row => row.Source),
        new("validFrom", "from", row => row.ValidFrom));

    public static Listing Assignments(IEnumerable<MasterData.AssignmentRow> assignments) => Listing.Of(assignments,
        new("account", "account", row => row.Account),
        new("tariff", "tariff", row => row.Tariff),
        new("seller", null, row => row.Seller),
        new("validFrom", "from", row => row.ValidFrom));

    public static Listing Refusals(IEnumerable<RefusalsView.Refusal> refusals) => Listing.Of(refusals,
        new("position", "position", row => row.Position),
        new("recordedAt", null, row => row.RecordedAt),
        new("standing", "standing", row => row.Standing),
        new("code", "code", row => row.Code),
        new("name", "name", row => row.Name),
        new("source", "source", row => row.Source),
        new("detail", "detail", row => row.Detail),
        new(null, "evidence", row => row.Evidence?[..ShownDigestLength]),
        new("evidence", null, row => row.Evidence),
        new("bytes", null, row => row.Bytes));

    /// <summary>Every event as it was recorded: the header's fields and the fact's canonical JSON.</summary>
    public static Listing Journal(IEnumerable<RecordedEvent> events) => Listing.Of(events,
        new("position", "position", row => row.Position),
        new("recordedAt", "recorded at", row => row.Envelope.RecordedAt),
        new("eventId", null, row => row.Envelope.Id.ToString()),
        new("stream", "stream", row => row.Envelope.Stream),
        new("revision", "revision", row => row.Envelope.Revision),
        new("wireName", "fact", row => row.Envelope.WireName),
        new("wireVersion", "v", row => row.Envelope.WireVersion),
        new("validFrom", null, row => row.Envelope.ValidFrom),
        new("validTo", null, row => row.Envelope.ValidTo),
        new("actor", "actor", row => row.Envelope.Actor),
        new("tenant", null, row => row.Envelope.Tenant.Value),
        new("causation", null, row => row.Envelope.Causation?.ToString()),
        new("contentType", null, row => row.Envelope.ContentType),
        new("event", null, row => new CanonicalJson(EventCodec.ToJson(row))));
}
