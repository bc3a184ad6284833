using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Cli.Calculators;

/// <summary><c>calendar {zone, day, periodMinutes}</c> → <c>{periods, start, end}</c>:
/// how many periods a local day has.</summary>
static class CalendarCalculator
{
    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("zone", "day", "periodMinutes");
        var zoneName = asked.Required("zone");
        if (!SettlementCalendar.TryZone(zoneName.Text(), out var zone))
            throw zoneName.Refused(Rejection.UnknownZone, "must be a zone of the tz database, such as Asia/Shanghai");
        var dayText = asked.Required("day");
        var day = LocalDatePattern.Iso.Parse(dayText.Text());
        if (!day.Success) throw dayText.Refused(Rejection.InvalidTime, "must be a date yyyy-MM-dd");
        var minutes = asked.Required("periodMinutes");
        var length = minutes.Integer(1, 60);
        if (!SettlementCalendar.IsPeriodLength(length))
            throw minutes.Refused(Rejection.OutOfRange, "must be 5, 15, 30 or 60");
        if (!SettlementCalendar.TryPeriods(zone, day.Value, length, out var periods, out var problem))
            throw dayText.Refused(Rejection.DayNotWholePeriods, WithoutCode(problem));
        return new JsonObject
        {
            ["periods"] = periods.Count,
            ["start"] = InstantPattern.ExtendedIso.Format(periods[0].Start),
            ["end"] = InstantPattern.ExtendedIso.Format(periods[^1].End),
        };
    }

    /// <summary>The calendar's message begins with the name of the refusal, which the answer already bears.</summary>
    static string WithoutCode(string problem) => problem[(problem.IndexOf(": ", StringComparison.Ordinal) + 2)..];
}
