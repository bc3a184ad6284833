using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Ingest;

/// <summary>The text of what a baseline is asked for: an event, and the metered days around it.</summary>
public static class BaselineQuestionText
{
    /// <summary>The members that <see cref="Read"/> knows.</summary>
    public static readonly IReadOnlyList<string> Members =
    [
        "zone", "eventStart", "eventEnd", "days", "eventDays", "holidays", "outageDays", "noticeAt", "contractKw",
        "vehicleLimitKw", "requestedKw", "declaredKwh", "declaredDays", "periodMinutes",
    ];

    /// <summary>More than a year of days, in values of a minute for a day of 25 hours.</summary>
    private const int DaysMax = 400, ValuesMax = 25 * 60;
    private const int EventHoursMax = 48;
    private const int MinutesOfDay = 24 * 60;
    /// <summary>10 GWh in one period, or 10 GW.</summary>
    private const decimal ValueMax = 10_000_000m;
    private const int PeriodMinutesDefault = 15;

    public static BaselineQuestion Read(InputObject asked)
    {
        var zone = Zone(asked.Required("zone"));
        var (start, end) = (asked.Required("eventStart"), asked.Required("eventEnd"));
        var (from, to) = (Moment(start, zone), Moment(end, zone));
        if (to <= from) throw end.Refused(Rejection.IntervalEmpty, "must be after eventStart");
        if (to - from > Duration.FromHours(EventHoursMax))
            throw end.Refused(Rejection.OutOfRange, $"an event lasts at most {EventHoursMax} hours");
        var days = Days(asked.Required("days"));
        var period = asked.Optional("periodMinutes") is { } minutes
            ? Duration.FromMinutes(minutes.Integer(1, MinutesOfDay))
            : Baseline.PeriodOf(zone, days) ?? Duration.FromMinutes(PeriodMinutesDefault);
        var midnight = SettlementCalendar.Day(zone, SettlementCalendar.DayContaining(zone, from)).Start;
        Aligned(start, from - midnight, period);
        Aligned(end, to - from, period);
        return new BaselineQuestion(zone, new Interval(from, to), period, days)
        {
            EventDays = Dates(asked, "eventDays"),
            Holidays = Dates(asked, "holidays"),
            OutageDays = Dates(asked, "outageDays"),
            NoticeAt = asked.Optional("noticeAt") is { } notice ? Moment(notice, zone) : null,
            ContractKw = asked.Optional("contractKw") is { } contract ? Power(contract) : null,
            VehicleLimitKw = asked.Optional("vehicleLimitKw") is { } limit ? Power(limit) : null,
            RequestedKw = asked.Optional("requestedKw") is { } requested ? OneOrMany(requested, Power) : [],
            DeclaredKwh = asked.Optional("declaredKwh") is { } declared ? OneOrMany(declared, Bounded) : [],
            DeclaredDays = asked.Optional("declaredDays") is { } earlier ? Days(earlier) : [],
        };
    }

    private static DateTimeZone Zone(InputValue input) => SettlementCalendar.TryZone(input.Text(), out var zone)
        ? zone
        : throw input.Refused(Rejection.UnknownZone, "must be a zone of the tz database, such as Asia/Shanghai");

    /// <summary>A time with its offset, or the local time of the zone, as long as that came exactly once.</summary>
    private static Instant Moment(InputValue input, DateTimeZone zone)
    {
        if (!LocalDateTimePattern.ExtendedIso.Parse(input.Text()).TryGetValue(default, out var local)
            || local.Year is < 1970 or > 2199) return input.At();
        var meant = zone.MapLocal(local);
        return meant.Count == 1
            ? meant.Single().ToInstant()
            : throw input.Refused(Rejection.InvalidTime,
                $"came {(meant.Count == 0 ? "never" : "twice")} in {zone.Id}: give its offset");
    }

    private static void Aligned(InputValue input, Duration elapsed, Duration period)
    {
        if (elapsed.ToInt64Nanoseconds() % period.ToInt64Nanoseconds() != 0)
            throw input.Refused(Rejection.PeriodMisaligned, $"must stand on the grid of {period.TotalMinutes} minutes");
    }

    private static List<BaselineDay> Days(InputValue input)
    {
        var seen = new HashSet<LocalDate>();
        return Few(input, DaysMax).ConvertAll(row =>
        {
            var day = row.Object("day", "kwh");
            var date = day.Required("day");
            if (!seen.Add(date.Day())) throw date.Refused(Rejection.EvidenceConflict, "is given twice");
            return new BaselineDay(date.Day(), Few(day.Required("kwh"), ValuesMax).ConvertAll(value =>
                value.Json.ValueKind == System.Text.Json.JsonValueKind.Null ? (decimal?)null : Bounded(value)));
        });
    }

    private static HashSet<LocalDate> Dates(InputObject asked, string name) =>
        asked.Optional(name) is { } dates ? [.. Few(dates, DaysMax).Select(date => date.Day())] : [];

    private static List<decimal> OneOrMany(InputValue input, Func<InputValue, decimal> read) =>
        input.Json.ValueKind == System.Text.Json.JsonValueKind.Array
            ? Few(input, ValuesMax).ConvertAll(value => read(value))
            : [read(input)];

    private static List<InputValue> Few(InputValue input, int most)
    {
        var values = input.Array();
        return values.Count <= most
            ? values
            : throw new InputRefusedException(Rejection.WrongCount, input.Path, "",
                $"must have at most {most} elements");
    }

    private static decimal Power(InputValue input) =>
        Bounded(input) is >= 0 and var value
            ? value : throw input.Refused(Rejection.OutOfRange, "must not be negative");

    private static decimal Bounded(InputValue input) => Math.Abs(input.Decimal()) <= ValueMax
        ? input.Decimal()
        : throw input.Refused(Rejection.OutOfRange, $"must be at most {ValueMax} either way");
}
