using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>
/// A charge detail record of OCPI 2.1.1, 2.2.1 or 2.3.0: of all that it says, what it bills. A place has several names
/// in a record; the first that is a registered settlement point holds.
/// </summary>
internal static class ChargeRecordText
{
    /// <summary>A member that every record has and no fact of ours.</summary>
    public const string Mark = "charging_periods";

    public static FactInput Record(InputValue input) => new FactInput.Of<ChargeRecordInput>(Read(input));

    public static ChargeRecordInput Read(InputValue input)
    {
        var cdr = input.OpenObject();
        var cost = OcpiText.Amount(cdr.Required("total_cost"));
        var credit = cdr.Optional("credit")?.Flag() ?? false;
        if (credit != cdr.Optional("credit_reference_id") is not null)
            throw cdr.Required("credit_reference_id").Refused(Rejection.OutOfRange, "must stand in a credit, and only there");
        var places = Places(cdr);
        return new(new(
            Operator(cdr), Id(cdr.Required("id")), places[0], OcpiText.At(cdr.Required("start_date_time")),
            OcpiText.At(OcpiText.End(cdr)), cdr.Required("total_energy").KilowattHours(),
            cdr.Required("currency").Currency(), cost.WithoutTax!.Value, cost.WithTax,
            cdr.Optional("credit_reference_id") is { } original ? Id(original) : null, null), places);
    }

    /// <summary>As OCPI writes parties: country and party, parted by a star; 2.1.1 has neither in its records.
    /// </summary>
    private static PartyId Operator(InputObject cdr) => cdr.Optional("party_id") is not { } party ? ChargeRecords.Unnamed
        : PartyId.TryParse($"{cdr.Required("country_code").Text()}*{party.Text()}", out var id) ? id
        : throw party.Refused(Rejection.InvalidIdentifier, "must be a party of OCPI");

    private static ChargeRecordId Id(InputValue input) => ChargeRecordId.TryParse(input.Text(), out var id) ? id
        : throw input.Refused(Rejection.InvalidIdentifier,
            $"must be {Identifier.Rule}");

    private static List<SettlementPointId> Places(InputObject cdr)
    {
        var (evseId, evseUid, connector) = cdr.Optional("cdr_location") is { } location
            ? Named(location.OpenObject(), location.OpenObject().Optional("connector_id")) : Within(cdr);
        return Places(cdr.Required(cdr.Optional("cdr_location") is null ? "location" : "cdr_location"),
            [evseId, evseUid], connector);
    }

    /// <summary>The names of a place from its parts, the finer ones first.</summary>
    public static List<SettlementPointId> Places(InputValue? at, IEnumerable<string?> evses, string? connector)
    {
        var places = new List<SettlementPointId>();
        foreach (var evse in evses.Where(name => name is not (null or "" or OcpiText.NotAvailable)))
            foreach (var name in connector is null ? [evse!] : new[] { $"{evse}:{connector}", evse! })
                if (SettlementPointId.TryParse(name, out var point) && !places.Contains(point)) places.Add(point);
        return places.Count > 0 ? places
            : at is { } where ? throw where.Refused(Rejection.MissingField, "must name an EVSE")
            : throw new InputRefusedException(Rejection.MissingField, "evse_id", "", "is needed");
    }

    private static (string?, string?, string?) Named(InputObject evse, InputValue? connector) =>
        (evse.Optional("evse_id")?.Text(), (evse.Optional("evse_uid") ?? evse.Optional("uid"))?.Text(),
            connector?.Text() is { } text and not OcpiText.NotAvailable ? text : null);

    // 2.1.1 repeats the whole location, cut down to the one connector.
    private static (string?, string?, string?) Within(InputObject cdr)
    {
        var evse = cdr.Required("location").OpenObject().Required("evses").Array() is [var only] ? only.OpenObject()
            : throw cdr.Required("location").Refused(Rejection.WrongCount, "must hold one EVSE");
        return Named(evse, evse.Optional("connectors")?.Array() is [var connector]
            ? connector.OpenObject().Optional("id") : null);
    }
}
