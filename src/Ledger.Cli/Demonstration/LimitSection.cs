using Ledger.Domain;
using Ledger.Ingest.Fleet;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Cli.Demonstration;

/// <summary>The standing limits of one station's connection, and the periods in which it was above them.</summary>
internal static class LimitSection
{
    public static Section Of(DemoOutcome outcome, Answers answers)
    {
        var zone = DateTimeZoneProviders.Tzdb[outcome.Plan.Zone];
        var point = FleetPlan.GridOf(outcome.Plan.ShownStation);
        var limits = answers.Limits(outcome.Plan.Day, point);
        var above = limits.SelectMany(limit => limit.Periods).Where(period => period.Verdict == LimitVerdict.Above)
            .OrderBy(period => period.Start).ThenBy(period => period.Kind);
        return new Section("limits", $"Limits of {point}",
            [
                "A connection limit and an operating envelope limit the power itself, a contract demand the mean of "
                + "each settlement period. Each is a fact with its validity and source, judged by the interval "
                + "records.",
            ],
            [
                new ReportTable(["limit", "direction", ">periods", ">within", ">above", ">kWh above at least",
                    ">at most", "verdict"],
                [
                    .. limits.Select(limit => limit.Day).Select(day => (string[])
                    [
                        Shown.Words(day.Kind), Shown.Words(day.Direction), Shown.Count(day.Periods),
                        Shown.Count(day.Periods - day.PeriodsAbove - day.PeriodsUnproven),
                        Shown.Count(day.PeriodsAbove),
                        Shown.Kwh(day.Above.AtLeast), day.Above.AtMost is { } most
                            ? Shown.Kwh(most) : "–", Shown.Words(day.Verdict),
                    ]),
                ]),
                new ReportTable(["above", "local time", ">limit kW", ">highest kW", ">mean kW", "cause, as recorded"],
                [
                    .. above.Select(period => (string[])
                    [
                        Shown.Words(period.Kind), $"{Shown.Local(period.Start, zone)}-{Shown.Local(period.End, zone)}",
                        Shown.Kw(new Power(period.MostMilliwatts)), Shown.Kw(period.Highest.AtLeast),
                        Shown.Kw(period.Demand.AtLeast), string.Join("; ", period.Causes),
                    ]),
                ]),
            ],
            ["A cause is what was recorded of the same time; nothing proves that it was the only one."]);
    }
}
