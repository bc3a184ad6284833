using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>balance {connection: {importKwh, exportKwh}, points: [{id, kind, bidirectional, importKwh, exportKwh, lossFactor,
/// fixedLossKwh}]}</c>: the energy balance of a station in one period, with every step of it. What was not measured is
/// left out or null.
/// </summary>
static class BalanceCalculator
{
    /// <summary>Decimals of a kWh of which each is a whole number of half nanojoules: 1 kWh is 72·10¹⁴.</summary>
    const int decimalsMax = 14;
    const long halfNanojoulesPerStep = 72;
    /// <summary>Most energy of a point in a period, in steps of 10^-14 kWh: 90 000 kWh.</summary>
    const long stepsMax = 9_000_000_000_000_000_000;

    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("connection", "points");
        var connection = asked.Required("connection").Object("importKwh", "exportKwh");
        var at = new BalancePoint(new("connection"), SettlementPointKind.GridConnection, true,
            EnergyOf(connection, "importKwh"), EnergyOf(connection, "exportKwh"));
        return EnergyBalance.Of(at, Points(asked.Required("points"))) switch
        {
            StationEnergy.Proven proven => Answer(proven),
            StationEnergy.Unproven unproven => new JsonObject
            {
                ["proven"] = false,
                ["missing"] = new JsonArray([.. unproven.Missing.Select(register => (JsonNode)register.ToString())]),
            },
            var unknown => throw new InvalidOperationException(unknown.GetType().Name),
        };
    }

    static List<BalancePoint> Points(InputValue rows)
    {
        var named = new HashSet<SettlementPointId>();
        var points = new List<BalancePoint>();
        foreach (var row in rows.Array())
        {
            var members = row.Object(
                "id", "kind", "bidirectional", "importKwh", "exportKwh", "lossFactor", "fixedLossKwh");
            var id = members.Required("id");
            if (!SettlementPointId.TryParse(id.Text(), out var point))
                throw id.Refused(Rejection.InvalidIdentifier, "1 to 64 of A-Z a-z 0-9 . _ : * - /");
            if (!named.Add(point)) throw id.Refused(Rejection.NamedTwice, "each point may be named once");
            points.Add(new(
                point, Kind(members.Required("kind")), members.Optional("bidirectional") is { } said && Yes(said),
                EnergyOf(members, "importKwh"), EnergyOf(members, "exportKwh"),
                (int)(members.Optional("lossFactor")?.Units(6, 0, EnergyBalance.PartsPerWhole,
                    "must be 0 to 1 with at most 6 decimals") ?? 0),
                EnergyOf(members, "fixedLossKwh") ?? Energy.Zero));
        }
        return points;
    }

    static SettlementPointKind Kind(InputValue kind) => kind.Text() switch
    {
        "Connector" => SettlementPointKind.Connector,
        "Storage" => SettlementPointKind.Storage,
        "Photovoltaic" => SettlementPointKind.Photovoltaic,
        _ => throw kind.Refused(Rejection.OutOfRange, "must be \"Connector\", \"Storage\" or \"Photovoltaic\""),
    };

    static bool Yes(InputValue said) => said.Json.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw said.Refused(Rejection.Malformed, "must be true or false"),
    };

    static Energy? EnergyOf(InputObject members, string name) => members.Optional(name) is not { } value ? null
        : new Energy((Int128)value.Units(decimalsMax, 0, stepsMax, "must be 0 to 90000 kWh with at most 14 decimals")
            * halfNanojoulesPerStep);

    static JsonObject Answer(StationEnergy.Proven balance) => new()
    {
        ["proven"] = true,
        ["residualKwh"] = balance.Residual.ToKwh(),
        ["lossesKwh"] = balance.Losses.ToKwh(),
        ["surplusKwh"] = balance.Surplus.ToKwh(),
        ["ownUseKwh"] = balance.OwnUse.ToKwh(),
        ["v2gMeasuredKwh"] = balance.V2gMeasured.ToKwh(),
        ["v2gAfterLossesKwh"] = balance.V2gAfterLosses.ToKwh(),
        ["verifiedV2gKwh"] = balance.VerifiedV2g.ToKwh(),
        ["storageKwh"] = balance.Storage.ToKwh(),
        ["photovoltaicKwh"] = balance.Photovoltaic.ToKwh(),
        ["unattributedKwh"] = balance.Unattributed.ToKwh(),
        ["exportKwh"] = balance.Export.ToKwh(),
        ["points"] = new JsonArray([.. balance.Parts.Select(part => (JsonNode)new JsonObject
        {
            ["id"] = part.Point.Value,
            ["importLossesKwh"] = part.ImportLosses.ToKwh(),
            ["exportLossesKwh"] = part.ExportLosses.ToKwh(),
            ["attributedKwh"] = part.Attributed.ToKwh(),
            ["attributedHalfNanojoules"] = part.Attributed.HalfNanojoules.ToString(CultureInfo.InvariantCulture),
        })]),
    };
}
