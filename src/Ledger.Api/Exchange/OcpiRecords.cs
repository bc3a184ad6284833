using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Api.Exchange;

/// <summary>The versions of OCPI in which records are written; they differ in how amounts are.</summary>
public enum OcpiVersion { V221 = 221, V230 = 230 }

/// <summary>
/// Charge detail records of OCPI 2.2.1 and 2.3.0 (module CDRs, CDR object) as JSON. What the ledger does not hold, as
/// the address of a location, comes from a header that the operator gives.
/// </summary>
public static class OcpiRecords
{
    /// <summary>Longest id of a record that is not a credit; "-C" and a number fit behind it.</summary>
    private const int IdLength = 24;

    /// <summary>The member by which a credit names the record that it takes back.</summary>
    public const string CreditReference = "credit_reference_id";

    /// <summary>The same arrival has the same id for ever, and the id says nothing of it.</summary>
    private static string IdOf(SettlementPointId point, Instant arrival) => Convert.ToHexStringLower(SHA256.HashData(
        Encoding.UTF8.GetBytes($"cdr/{point}/{InstantPattern.ExtendedIso.Format(arrival)}")))[..IdLength];

    /// <summary>Under which ids a session may have been issued: its own, and those of arrivals that an earlier one has
    /// corrected.</summary>
    public static IEnumerable<string> IdsOf(ChargingSession session) =>
        session.Connected.Distinct().Select(arrival => IdOf(session.Point, arrival));

    /// <param name="header">Members that the ledger does not hold; none of them replaces one that it does.</param>
    /// <param name="signed">The <c>signed_data</c> and the token, where somebody may read them.</param>
    public static JsonObject Write(
        OcpiSession session, JsonObject tariff, JsonObject header, JsonObject? signed, string? token, string currency,
        Instant issuedAt, OcpiVersion version)
    {
        var (stay, cost) = (session.Metered.Session, session.Cost);
        var id = IdOf(stay.Point, stay.Start);
        var cdr = new JsonObject
        {
            ["country_code"] = Header("country_code"),
            ["party_id"] = Header("party_id"),
            ["id"] = id,
            ["start_date_time"] = Time(stay.Start),
            ["end_date_time"] = Time(stay.End),
            ["session_id"] = id,
            ["cdr_token"] = Token(header["cdr_token"]?.AsObject(), token),
            ["auth_method"] = Header("auth_method") ?? "WHITELIST",
            ["cdr_location"] = Place(header["cdr_location"]?.AsObject(), stay.Point),
            ["currency"] = currency,
            ["tariffs"] = new JsonArray(tariff.DeepClone()),
            ["charging_periods"] = new JsonArray([.. session.Usage.Periods.Select(Period)]),
            ["signed_data"] = signed,
            ["total_cost"] = Amount(cost.Total, version),
            ["total_fixed_cost"] = Amount(cost.Fixed, version),
            ["total_energy"] = session.TotalEnergyKwh,
            ["total_energy_cost"] = Amount(cost.Energy, version),
            ["total_time"] = session.TotalTimeHours,
            ["total_time_cost"] = Amount(cost.Time, version),
            ["total_parking_time"] = session.TotalParkingHours,
            ["total_parking_cost"] = Amount(cost.Parking, version),
            ["total_reservation_cost"] = Amount(cost.Reservation, version),
            ["last_updated"] = Time(issuedAt),
        };
        if (signed is null) cdr.Remove("signed_data");
        foreach (var (name, value) in header) if (!cdr.ContainsKey(name)) cdr[name] = value?.DeepClone();
        return cdr;

        JsonNode? Header(string name) => header[name]?.DeepClone();
    }

    /// <summary>
    /// The record that takes another back: all the data of the original, its <c>total_cost</c> negated, named by
    /// <c>credit_reference_id</c> (module CDRs, Credit CDRs).
    /// </summary>
    public static JsonObject Credit(JsonObject original, Instant issuedAt)
    {
        var credit = original.DeepClone().AsObject();
        var id = (string)original["id"]!;
        credit["id"] = id + "-C";
        credit["credit"] = true;
        credit[CreditReference] = id;
        credit["total_cost"] = Negated(original["total_cost"]!);
        credit["last_updated"] = Time(issuedAt);
        return credit;
    }

    /// <summary>What is issued anew after a credit: the same session under the next id.</summary>
    public static JsonObject Reissued(JsonObject record, int number)
    {
        var again = record.DeepClone().AsObject();
        again["id"] = string.Create(CultureInfo.InvariantCulture, $"{record["id"]}-{number}");
        return again;
    }

    /// <summary>Whether two records bill the same; when and under which id does not matter.</summary>
    public static bool IsSame(JsonObject issued, JsonObject now) =>
        new[] { "start_date_time", "end_date_time", "currency", "charging_periods", "total_energy", "total_cost" }
            .All(name => JsonNode.DeepEquals(issued[name], now[name]));

    /// <summary>What is left to issue of a session, after what was issued of it: a credit of each record that does not
    /// say the same, and a new one where none does.</summary>
    /// <param name="record">Null where nothing is proven, so that nothing is billed either.</param>
    /// <param name="issued">Under any id that the session has had.</param>
    public static IEnumerable<JsonObject> ToIssue(JsonObject? record, IReadOnlyList<JsonObject> issued, Instant now)
    {
        var credited = issued.Select(known => (string?)known[CreditReference]).ToHashSet(StringComparer.Ordinal);
        var charges = issued.Where(known => known[CreditReference] is null).ToList();
        var standing = charges.Where(known => !credited.Contains((string)known["id"]!)).ToList();
        var same = standing.Find(known => record is not null && IsSame(known, record));
        foreach (var wrong in standing) if (wrong != same) yield return Credit(wrong, now);
        if (same is not null || record is null) yield break;
        // Those of another arrival have numbers of their own.
        var before = charges.Count(known => (string?)known["session_id"] == (string?)record["session_id"]);
        yield return before == 0 ? record : Reissued(record, before + 1);
    }

    private static JsonNode Negated(JsonNode amount)
    {
        if (amount is JsonObject members)
        {
            var negated = new JsonObject();
            foreach (var (name, value) in members)
                negated[name] = name == "percentage" || value?.GetValueKind() is not (JsonValueKind.Number
                    or JsonValueKind.Object or JsonValueKind.Array) ? value?.DeepClone() : Negated(value);
            return negated;
        }
        if (amount is JsonArray taxes) return new JsonArray([.. taxes.Select(tax => Negated(tax!))]);
        return JsonValue.Create(
            -decimal.Parse(amount.ToJsonString(), NumberStyles.Float, CultureInfo.InvariantCulture));
    }

    private static JsonObject Token(JsonObject? header, string? token)
    {
        var written = header?.DeepClone().AsObject() ?? [];
        written["uid"] = token ?? (string?)written["uid"] ?? OcpiText.NotAvailable;
        written["type"] ??= "OTHER";
        written["contract_id"] ??= OcpiText.NotAvailable;
        return written;
    }

    private static JsonObject Place(JsonObject? header, SettlementPointId point)
    {
        var written = header?.DeepClone().AsObject() ?? [];
        written["evse_uid"] = point.Value;
        written["evse_id"] = point.Value;
        written["connector_id"] ??= "1";
        return written;
    }

    private static JsonNode Period(OcpiPeriod period)
    {
        var dimensions = new JsonArray();
        Add("ENERGY", period.EnergyKwh);
        Add("TIME", period.TimeHours);
        Add("PARKING_TIME", period.ParkingHours);
        return new JsonObject
        {
            ["start_date_time"] = Time(period.Start),
            ["dimensions"] = dimensions,
            ["tariff_id"] = period.TariffId,
        };

        void Add(string type, decimal? volume)
        {
            if (volume is { } stated)
                dimensions.Add((JsonNode)new JsonObject { ["type"] = type, ["volume"] = ExactDecimal.Trimmed(stated) });
        }
    }

    private static JsonObject Amount(OcpiAmount amount, OcpiVersion version)
    {
        var without = amount.WithoutTax
            ?? throw new InputRefusedException(Rejection.PriceMissing, "tariff", "",
                "its prices include a tax that it does not state, so they have no cost before taxes");
        if (version == OcpiVersion.V221)
            return new()
            {
                ["excl_vat"] = ExactDecimal.Trimmed(without),
                ["incl_vat"] = amount.WithTax is { } with ? ExactDecimal.Trimmed(with) : null,
            };
        var written = new JsonObject { ["before_taxes"] = ExactDecimal.Trimmed(without) };
        if (amount.WithTax is { } taxed)
            written["taxes"] = new JsonArray(new JsonObject
            {
                ["name"] = "VAT",
                ["amount"] = ExactDecimal.Trimmed(taxed - without),
            });
        return written;
    }

    /// <summary>RFC 3339 in UTC (types, DateTime).</summary>
    private static string Time(Instant at) => InstantPattern.ExtendedIso.Format(at);
}
