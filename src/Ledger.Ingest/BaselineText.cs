using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Ingest;

/// <summary>
/// The text of a baseline rule, as a pack file or anybody's own parameters state it. Every parameter is named in
/// <see cref="BaselineRule"/>; what a method does not use is refused.
/// </summary>
public static class BaselineText
{
    /// <summary>A year and a day: no rule looks further back.</summary>
    private const int DaysMax = 366;
    /// <summary>Two days either way, in minutes.</summary>
    private const int WindowMinutesMax = 2 * 24 * 60;
    private const int LookbackDaysDefault = 45;
    private const decimal PowerKwMax = 10_000_000m;
    private const decimal MultipleMax = 1_000m;

    private static readonly string[] OfDays =
    [
        "dayClass", "pool", "keep", "minDays", "weights", "weekend", "keepBy", "measure", "aggregate", "newestDaysBack",
        "lookbackDaysMax", "lookbackSince", "exclude", "holidays", "lowUsageFraction", "adjacentMinutes", "fallback",
        "adjustment",
    ];

    private enum Excluded { EventDays = 1, OutageDays = 2 }

    public static BaselineRule Rule(InputValue input)
    {
        var method = (input.Member("method") ?? throw new InputRefusedException(
            Rejection.MissingField, $"{input.Path}.method", "", "is needed")).Choice<BaselineMethod>();
        string[] own = method switch
        {
            BaselineMethod.Days => OfDays,
            BaselineMethod.SameDay => ["windows"],
            BaselineMethod.Declared => ["gate"],
            _ => [],
        };
        var rule = input.Object(["method", "clampAtZero", "capAtContract", .. own]);
        return new BaselineRule(
            method,
            method == BaselineMethod.Days ? Selection(rule) : null,
            method == BaselineMethod.SameDay ? Windows(rule.Required("windows")) : [],
            rule.Optional("adjustment") is { } adjustment ? Adjustment(adjustment) : null,
            method == BaselineMethod.Declared ? Gate(rule.Required("gate")) : null,
            Flag(rule, "clampAtZero"), Flag(rule, "capAtContract"));
    }

    private static BaselineSelection Selection(InputObject rule)
    {
        var aggregate = Choice(rule, "aggregate", BaselineAggregate.Mean);
        var weekday = Pool(rule, aggregate);
        var lookback = Number(rule, "lookbackDaysMax", 1, DaysMax, LookbackDaysDefault);
        List<Excluded> exclude = rule.Optional("exclude") is { } days
            ? days.Array().ConvertAll(day => day.Choice<Excluded>())
            : [Excluded.EventDays, Excluded.OutageDays];
        return new BaselineSelection(
            Choice(rule, "dayClass", BaselineDayClass.Same), weekday,
            rule.Optional("weekend") is { } weekend
                ? Pool(weekend.Object("pool", "keep", "minDays", "weights"), aggregate)
                : weekday,
            Choice(rule, "keepBy", BaselineKeep.All), Choice(rule, "measure", BaselineMeasure.Event), aggregate,
            Number(rule, "newestDaysBack", 1, DaysMax, 1), lookback,
            rule.Optional("lookbackSince") is { } since ? Annual(since) : null,
            exclude.Contains(Excluded.EventDays), exclude.Contains(Excluded.OutageDays),
            Choice(rule, "holidays", BaselineHolidays.Excluded),
            rule.Optional("lowUsageFraction") is { } low ? Between(low, 0m, 1m) : null,
            Number(rule, "adjacentMinutes", 0, WindowMinutesMax, 0),
            rule.Optional("fallback")?.Array().ConvertAll(step => Fallback(step, lookback)) ?? []);
    }

    private static BaselinePool Pool(InputObject rule, BaselineAggregate aggregate)
    {
        var pool = rule.Required("pool").Integer(1, DaysMax);
        var keep = rule.Required("keep").Integer(1, pool);
        var least = Number(rule, "minDays", 1, pool, pool);
        List<int> weights = rule.Optional("weights")?.Array().ConvertAll(weight => weight.Integer(1, 1_000)) ?? [];
        return weights.Count == (aggregate == BaselineAggregate.Weighted ? keep : 0)
            ? new BaselinePool(pool, keep, least, weights)
            : throw new InputRefusedException(Rejection.WrongCount, $"{rule.Path}.weights", "",
                "there must be one weight for each kept day, and only for the weighted aggregate");
    }

    private static BaselineFallbackStep Fallback(InputValue input, int lookback)
    {
        var step = input.Object("kind", "lookbackDaysMax");
        var kind = step.Required("kind").Choice<BaselineFallback>();
        return new BaselineFallbackStep(kind, kind == BaselineFallback.ExtendLookback
            ? step.Required("lookbackDaysMax").Integer(lookback, DaysMax)
            : null);
    }

    private static BaselineAdjustment Adjustment(InputValue input)
    {
        var adjustment = input.Object("kind", "windows", "least", "most", "capKw", "positiveOnly");
        return new BaselineAdjustment(
            adjustment.Required("kind").Choice(BaselineAdjustmentKind.Additive, BaselineAdjustmentKind.Ratio),
            Windows(adjustment.Required("windows")),
            adjustment.Optional("least") is { } least ? Between(least, 0m, 1m) : null,
            adjustment.Optional("most") is { } most ? Between(most, 1m, MultipleMax) : null,
            adjustment.Optional("capKw") is { } cap ? Between(cap, 0m, PowerKwMax) : null,
            Flag(adjustment, "positiveOnly"));
    }

    private static BaselineGate Gate(InputValue input)
    {
        var gate = input.Object("rrmseMax", "biasMax", "minDays", "lookbackDaysMax");
        return new BaselineGate(
            Between(gate.Required("rrmseMax"), 0m, 1m), Between(gate.Required("biasMax"), 0m, 1m),
            gate.Required("minDays").Integer(1, DaysMax), gate.Required("lookbackDaysMax").Integer(1, DaysMax));
    }

    private static List<BaselineWindow> Windows(InputValue input)
    {
        var windows = input.Array().ConvertAll(Window);
        return windows.Count is >= 1 and <= 10
            ? windows
            : throw new InputRefusedException(Rejection.WrongCount, input.Path, "", "there must be 1 to 10 windows");
    }

    private static BaselineWindow Window(InputValue input)
    {
        var window = input.Object("anchor", "fromMinutes", "toMinutes");
        var from = window.Required("fromMinutes").Integer(-WindowMinutesMax, WindowMinutesMax);
        return new BaselineWindow(window.Required("anchor").Choice<BaselineAnchor>(),
            from, window.Required("toMinutes").Integer(from, WindowMinutesMax));
    }

    private static AnnualDate Annual(InputValue input) =>
        AnnualDatePattern.Iso.Parse(input.Text()) is { Success: true } date
        ? date.Value
        : throw input.Refused(Rejection.InvalidTime, "must be a day of every year, MM-dd");

    private static decimal Between(InputValue input, decimal least, decimal most) =>
        input.Decimal() is var value && value >= least && value <= most
            ? value
            : throw input.Refused(Rejection.OutOfRange, $"must be from {least} to {most}");

    private static int Number(InputObject from, string name, int least, int most, int absent) =>
        from.Optional(name)?.Integer(least, most) ?? absent;

    private static T Choice<T>(InputObject from, string name, T absent) where T : struct, Enum =>
        from.Optional(name)?.Choice<T>() ?? absent;

    private static bool Flag(InputObject from, string name) => from.Optional(name)?.Flag() ?? false;
}
