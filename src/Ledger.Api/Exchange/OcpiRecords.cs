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

    /// <summary>The id of the session of which a record of this id was issued; null where it cannot be one of ours.
    /// </summary>
    public static string? SessionOf(string? record) =>
        record is { Length: >= IdLength } && (record.Length == IdLength || record[IdLength] == '-')
            ? record[..IdLength] : null;

    /// <summary>Under which session ids a record may stand: by its own id, and by what it says.</summary>
    public static IEnumerable<string> SessionsOf(JsonObject record) =>
        new[] { SessionOf(Text(record["id"])), Text(record["session_id"]) }.OfType<string>()
            .Distinct(StringComparer.OrdinalIgnoreCase);

    /// <summary>What of a header is read, and not only taken over as it is.</summary>
    public static InputObject Header(InputValue input)
    {
        var header = input.OpenObject();
        _ = (header.Optional("country_code")?.Text(), header.Optional("party_id")?.Text());
        _ = header.Optional("cdr_location")?.OpenObject();
        _ = header.Optional("cdr_token")?.OpenObject().Optional("uid")?.Text();
        return header;
    }

    /// <param name="header">Members that the ledger does not hold; none of them replaces one that it does. Who issues
    /// is written in upper case, since it is the same in any.</param>
    /// <param name="signed">The <c>signed_data</c> and the token, where somebody may read them.</param>
    public static JsonObject Write(
        OcpiSession session, JsonObject tariff, JsonObject header, JsonObject? signed, string? token, string currency,
        Instant issuedAt, OcpiVersion version)
    {
        var (stay, cost) = (session.Metered.Session, session.Cost);
        var id = IdOf(stay.Point, stay.Start);
        var cdr = new JsonObject
        {
            ["country_code"] = Text(header["country_code"])?.ToUpperInvariant(),
            ["party_id"] = Text(header["party_id"])?.ToUpperInvariant(),
            ["id"] = id,
            ["start_date_time"] = OcpiText.Time(stay.Start),
            ["end_date_time"] = OcpiText.Time(stay.End),
            ["session_id"] = id,
            ["cdr_token"] = Token(header["cdr_token"]?.AsObject(), token),
            ["auth_method"] = header["auth_method"]?.DeepClone() ?? "WHITELIST",
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
            ["last_updated"] = OcpiText.Time(issuedAt),
        };
        if (signed is null) cdr.Remove("signed_data");
        foreach (var (name, value) in header) if (!cdr.ContainsKey(name)) cdr[name] = value?.DeepClone();
        return cdr;
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
        credit["last_updated"] = OcpiText.Time(issuedAt);
        return credit;
    }

    /// <summary>What is issued anew after a credit: the same session under the next id.</summary>
    public static JsonObject Reissued(JsonObject record, int number)
    {
        var again = record.DeepClone().AsObject();
        again["id"] = string.Create(CultureInfo.InvariantCulture, $"{record["id"]}-{number}");
        return again;
    }

    /// <summary>Whether two records bill the same; when, under which id and in which version of OCPI does not matter,
    /// and of a time nothing below what OCPI can say.</summary>
    public static bool IsSame(JsonObject issued, JsonObject now) =>
        IsAlike(issued, now, "currency", "total_energy") && IsAtOnce(issued, now, "start_date_time", "end_date_time")
        && CostOf(issued) == CostOf(now)
        && issued["charging_periods"] is JsonArray before && now["charging_periods"] is JsonArray after
        && before.Count == after.Count && before.Zip(after).All(pair => pair is (JsonObject one, JsonObject other)
            && IsAlike(one, other, "dimensions", "tariff_id") && IsAtOnce(one, other, "start_date_time"));

    private static bool IsAlike(JsonObject one, JsonObject other, params string[] members) =>
        members.All(name => JsonNode.DeepEquals(one[name], other[name]));

    private static bool IsAtOnce(JsonObject one, JsonObject other, params string[] members) =>
        members.All(name => OcpiText.TryTime(Text(one[name]), out var at)
            && OcpiText.TryTime(Text(other[name]), out var same) && OcpiText.Time(at) == OcpiText.Time(same));

    private static OcpiAmount CostOf(JsonObject record)
    {
        using var cost = InputValue.Parse(Encoding.UTF8.GetBytes(record["total_cost"]!.ToJsonString()));
        return OcpiText.Amount(new InputValue("total_cost", cost.RootElement));
    }

    /// <summary>The text of a member; null where it is none.</summary>
    public static string? Text(JsonNode? member) =>
        member is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    /// <summary>What is left to issue of a session, after what was issued of it: a credit of each record that does not
    /// say the same, and a new one where none does.</summary>
    /// <param name="record">Null where nothing is proven, so that nothing is billed either.</param>
    /// <param name="issued">Under any id that the session has had.</param>
    public static IEnumerable<JsonObject> ToIssue(JsonObject? record, IReadOnlyList<JsonObject> issued, Instant now)
    {
        var charges = issued.Where(known => known[CreditReference] is null).ToList();
        var standing = Standing(issued).ToList();
        var same = standing.Find(known => record is not null && IsSame(known, record));
        foreach (var wrong in standing) if (wrong != same) yield return Credit(wrong, now);
        if (same is not null || record is null) yield break;
        // Those of another arrival have numbers of their own.
        var before = charges.Count(known => SessionsOf(known)
            .Contains((string)record["id"]!, StringComparer.OrdinalIgnoreCase));
        yield return before == 0 ? record : Reissued(record, before + 1);
    }

    /// <summary>The charges that no credit has taken back. Ids are the same in any case of their letters.</summary>
    public static IEnumerable<JsonObject> Standing(IReadOnlyCollection<JsonObject> issued)
    {
        var credited = issued.Select(known => Text(known[CreditReference])).OfType<string>()
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
        return issued.Where(known => known[CreditReference] is null && !credited.Contains((string)known["id"]!));
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
        written["uid"] = token ?? Text(written["uid"]) ?? OcpiText.NotAvailable;
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
            ["start_date_time"] = OcpiText.Time(period.Start),
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
            ?? throw new InvalidOperationException("a session without a cost before taxes has no record");
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
}
