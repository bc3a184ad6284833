using System.Text.Json.Nodes;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest.Fleet;

/// <summary>What stands before the day begins: settlement points, their registers,
/// the tariff and whom it prices.</summary>
public static class FleetMasterData
{
    /// <summary>The company that owns all stations; its account is settled.</summary>
    public static readonly PartyId Operator = new("city-charging");
    /// <summary>Who gives instructions.</summary>
    public static readonly PartyId GridOperator = new("grid-operator");
    public static readonly TariffId Tariff = new("city-tou");

    /// <summary>All points and registers hold from two weeks before the day.</summary>
    internal static string ValidFrom(FleetPlan plan) => FleetText.Time(plan, plan.At(-14 * FleetPlan.DaySeconds));

    public static byte[] Points(FleetPlan plan, IReadOnlyList<StationDay> days) => FleetText.Lines(
        from day in days
        from curve in day.Curves
        select new JsonObject
        {
            ["type"] = "settlement-point",
            ["point"] = curve.Point.Value,
            ["station"] = FleetPlan.StationOf(day.Station).Value,
            ["kind"] = FleetText.Word(curve.Kind),
            ["owner"] = Operator.Value,
            ["zone"] = plan.Zone,
            ["periodMinutes"] = plan.PeriodMinutes,
            ["ratedKw"] = curve.Rated.Kilowatts,
            ["bidirectional"] = true,
            ["validFrom"] = ValidFrom(plan),
        });

    public static byte[] Registers(FleetPlan plan, IReadOnlyList<StationDay> days) => FleetText.Lines(
        from day in days
        from curve in day.Curves
        from register in SimulatedRegister.Of(plan, curve)
        let installed = register.Installed
        select new JsonObject
        {
            ["type"] = "register",
            ["point"] = curve.Point.Value,
            ["direction"] = FleetText.Word(installed.Register.Direction),
            ["meterSerial"] = installed.MeterSerial,
            ["digits"] = installed.Digits,
            ["decimals"] = installed.Decimals,
            ["factor"] = installed.Factor,
            ["validFrom"] = ValidFrom(plan),
        });

    /// <summary>
    /// The five-period tariff, and its assignment to the operator. Its shape (sharp peak on summer and winter evenings,
    /// a deep valley at noon) follows those of Chinese provinces with much sun; the prices, in CNY a kWh before tax,
    /// are invented.
    /// </summary>
    public static byte[] TariffAndAssignment(FleetPlan plan) => FleetText.Lines(
    [
        new JsonObject
        {
            ["type"] = "tariff", ["tariff"] = Tariff.Value, ["version"] = 1, ["currency"] = "CNY", ["zone"] = plan.Zone,
            ["validFrom"] = ValidFrom(plan), ["energyDecimals"] = 3, ["moneyDecimals"] = 2,
            ["rules"] = new JsonArray(
                Rule([1, 7, 8, 12], "18:00", "20:00", TariffPeriod.SharpPeak),
                Rule(AllMonths, "09:00", "11:00", TariffPeriod.Peak),
                Rule(AllMonths, "16:00", "22:00", TariffPeriod.Peak),
                Rule(AllMonths, "11:00", "13:00", TariffPeriod.DeepValley),
                Rule(AllMonths, "00:00", "07:00", TariffPeriod.Valley),
                Rule(AllMonths, "00:00", "24:00", TariffPeriod.Flat)),
            ["prices"] = new JsonArray(
                Price(TariffPeriod.SharpPeak, 1.3862m, 1.0500m), Price(TariffPeriod.Peak, 1.1552m, 0.8800m),
                Price(TariffPeriod.Flat, 0.6930m, 0.5200m), Price(TariffPeriod.Valley, 0.3465m, 0.2600m),
                Price(TariffPeriod.DeepValley, 0.2079m, 0.1500m)),
        },
        new JsonObject
        {
            ["type"] = "tariff-assignment", ["account"] = Operator.Value, ["tariff"] = Tariff.Value,
            ["validFrom"] = ValidFrom(plan),
        },
    ]);

    private static int[] AllMonths => [.. Enumerable.Range(1, 12)];

    private static JsonObject Rule(int[] months, string from, string to, TariffPeriod period) => new()
    {
        ["months"] = new JsonArray([.. months.Select(month => (JsonNode)month)]),
        ["days"] = new JsonArray([.. Enum.GetValues<DayClass>().Select(day => (JsonNode)FleetText.Word(day))]),
        ["from"] = from,
        ["to"] = to,
        ["period"] = FleetText.Word(period),
    };

    private static JsonObject Price(TariffPeriod period, decimal import, decimal export) => new()
    {
        ["period"] = FleetText.Word(period),
        ["importPerKwh"] = import,
        ["exportPerKwh"] = export,
    };
}
