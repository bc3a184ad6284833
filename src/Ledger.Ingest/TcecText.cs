using System.Text.Json.Nodes;
using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Ingest;

/// <summary>
/// Charge orders and their daily check as T/CEC 102 has them: times of China without an offset. Both are written in the
/// spelling of the 2016 edition ("Sevice"); readers take what is met in the field, as "Service" and "ElectMoney".
/// </summary>
public static class TcecText
{
    /// <summary>Longest connector id and the length of an order's number, in characters.</summary>
    public const int ConnectorIdMax = 26, SeqLength = 27, OperatorIdLength = 9;

    private static readonly DateTimeZone China = DateTimeZoneProviders.Tzdb["Asia/Shanghai"];
    private static readonly LocalDateTimePattern Pattern =
        LocalDateTimePattern.CreateWithInvariantCulture("uuuu-MM-dd HH:mm:ss");

    public static JsonObject Write(TcecOrder order) => new()
    {
        ["StartChargeSeq"] = order.StartChargeSeq,
        ["ConnectorID"] = order.ConnectorId,
        ["StartTime"] = Time(order.Start),
        ["EndTime"] = Time(order.End),
        ["TotalPower"] = order.TotalPower,
        ["TotalElecMoney"] = order.TotalElecMoney,
        ["TotalSeviceMoney"] = order.TotalServiceMoney,
        ["TotalMoney"] = order.TotalMoney,
        ["StopReason"] = order.StopReason,
        ["SumPeriod"] = order.Details.Count,
        ["ChargeDetails"] = new JsonArray([.. order.Details.Select(detail => (JsonNode)new JsonObject
        {
            ["DetailStartTime"] = Time(detail.Start),
            ["DetailEndTime"] = Time(detail.End),
            ["ElecPrice"] = detail.ElecPrice,
            ["SevicePrice"] = detail.ServicePrice,
            ["DetailPower"] = detail.Power,
            ["DetailElecMoney"] = detail.ElecMoney,
            ["DetailSeviceMoney"] = detail.ServiceMoney,
        })]),
    };

    public static JsonObject Write(TcecCheck check, string checkOrderSeq) => new()
    {
        ["CheckOrderSeq"] = checkOrderSeq,
        ["StartTime"] = Time(check.Start),
        ["EndTime"] = Time(check.End),
        ["OrderCount"] = check.OrderCount,
        ["TotalOrderPower"] = check.TotalOrderPower,
        ["TotalOrderMoney"] = check.TotalOrderMoney,
    };

    public static TcecOrder Order(InputValue input)
    {
        var order = input.OpenObject();
        var details = order.Optional("ChargeDetails")?.Array().ConvertAll(Detail) ?? [];
        return new(order.Required("StartChargeSeq").Text(), order.Required("ConnectorID").Text(),
            At(order.Required("StartTime")), At(order.Required("EndTime")),
            order.Required("StopReason").Integer(0, 99), order.Required("TotalPower").Decimal(),
            Either(order, "TotalElecMoney", "TotalElectMoney").Decimal(),
            Either(order, "TotalSeviceMoney", "TotalServiceMoney").Decimal(), details);
    }

    public static TcecCheck Check(InputValue input)
    {
        var check = input.OpenObject();
        return new(At(check.Required("StartTime")), At(check.Required("EndTime")),
            check.Required("OrderCount").Integer(0, int.MaxValue), check.Required("TotalOrderPower").Decimal(),
            check.Required("TotalOrderMoney").Decimal());
    }

    private static TcecDetail Detail(InputValue input)
    {
        var detail = input.OpenObject();
        return new(At(detail.Required("DetailStartTime")), At(detail.Required("DetailEndTime")),
            Either(detail, "ElecPrice", "ElectPrice").Decimal(), Either(detail, "SevicePrice", "ServicePrice").Decimal(),
            detail.Required("DetailPower").Decimal(), Either(detail, "DetailElecMoney", "DetailElectMoney").Decimal(),
            Either(detail, "DetailSeviceMoney", "DetailServiceMoney").Decimal());
    }

    private static InputValue Either(InputObject of, string name, string other) =>
        of.Optional(other) ?? of.Required(name);

    private static string Time(Instant at) => Pattern.Format(at.InZone(China).LocalDateTime);

    private static Instant At(InputValue input) => Pattern.Parse(input.Text()) is { Success: true } time
        ? time.Value.InZoneLeniently(China).ToInstant()
        : throw input.Refused(Rejection.InvalidTime, "must be a time of China, yyyy-MM-dd HH:mm:ss");
}
