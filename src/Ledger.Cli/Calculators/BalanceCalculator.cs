using System.Globalization;
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>balance {connection: {importKwh, exportKwh}, points: [{id, kind, parent, bidirectional, importKwh, exportKwh,
/// lossFactor, fixedLossKwh}]}</c>: the energy balance of a station in one period, with every step of it. What was not
/// measured is left out or null.
/// </summary>
static class BalanceCalculator
{
    /// <summary>Decimals of a kWh of which each is a whole number of half nanojoules: 1 kWh is 72·10¹⁴.</summary>
    const int decimalsMax = 14;
    const long halfNanojoulesPerStep = 72;
    /// <summary>Most energy of a point in a period, in kWh: more than the largest plant in an hour.</summary>
    const int kilowattHoursMax = 100_000_000;

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
        var inputs = new Dictionary<SettlementPointId, InputObject>();
        var points = new List<BalancePoint>();
        foreach (var row in rows.Array())
        {
            var members = row.Object(
                "id", "kind", "parent", "bidirectional", "importKwh", "exportKwh", "lossFactor", "fixedLossKwh");
            var id = members.Required("id");
            var point = Id(id);
            if (inputs.ContainsKey(point)) throw id.Refused(Rejection.NamedTwice, "each point may be named once");
            points.Add(new(
                point, Kind(members.Required("kind")), members.Optional("bidirectional") is { } said && Yes(said),
                EnergyOf(members, "importKwh"), EnergyOf(members, "exportKwh"),
                (int)(members.Optional("lossFactor")?.Units(6, 0, EnergyBalance.PartsPerWhole,
                    "must be 0 to 1 with at most 6 decimals") ?? 0),
                EnergyOf(members, "fixedLossKwh") ?? Energy.Zero,
                members.Optional("parent") is { } parent ? Id(parent) : null));
            inputs.Add(point, members);
        }
        foreach (var point in points) CheckPlace(point, points, inputs[point.Point]);
        return points;
    }

    /// <summary>A parent is one of the points, nothing lies behind itself, and a feeder has others behind it.</summary>
    static void CheckPlace(BalancePoint point, List<BalancePoint> points, InputObject input)
    {
        if (point.Kind == SettlementPointKind.GridConnection && points.All(other => other.Parent != point.Point))
            throw input.Required("kind").Refused(Rejection.OutOfRange, "a grid connection has points behind it");
        var seen = new HashSet<SettlementPointId> { point.Point };
        for (var parent = point.Parent; parent is { } id; parent = points.Find(other => other.Point == id)!.Parent)
            if (points.All(other => other.Point != id))
                throw input.Required("parent").Refused(Rejection.UnknownSettlementPoint, $"no point is named {id}");
            else if (!seen.Add(id))
                throw input.Required("parent")
                    .Refused(Rejection.BehindItself, $"{point.Point} would lie behind itself");
    }

    static SettlementPointId Id(InputValue id) => SettlementPointId.TryParse(id.Text(), out var point)
        ? point
        : throw id.Refused(Rejection.InvalidIdentifier, Identifier.Rule);

    static SettlementPointKind Kind(InputValue kind) => kind.Text() switch
    {
        "Connector" => SettlementPointKind.Connector,
        "Storage" => SettlementPointKind.Storage,
        "Photovoltaic" => SettlementPointKind.Photovoltaic,
        "GridConnection" => SettlementPointKind.GridConnection,
        _ => throw kind.Refused(Rejection.OutOfRange,
            "must be \"GridConnection\", \"Connector\", \"Storage\" or \"Photovoltaic\""),
    };

    static bool Yes(InputValue said) => said.Json.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw said.Refused(Rejection.Malformed, "must be true or false"),
    };

    static Energy? EnergyOf(InputObject members, string name)
    {
        if (members.Optional(name) is not { } value) return null;
        var steps = value.Number().InUnits(decimalsMax, out var rounded);
        return !rounded && steps >= 0 && steps <= kilowattHoursMax * BigInteger.Pow(10, decimalsMax)
            ? new Energy((Int128)(steps * halfNanojoulesPerStep))
            : throw value.Refused(
                Rejection.OutOfRange, $"must be 0 to {kilowattHoursMax} kWh with at most {decimalsMax} decimals");
    }

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
