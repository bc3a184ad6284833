using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Cli.Demonstration;

/// <summary>
/// For each instruction to more than one station, who followed it and what is said of those who did not.
/// Those to a single one are in its report.
/// </summary>
internal static class ComplianceSections
{
    public static IEnumerable<Section> Of(DemoOutcome outcome, Answers answers) =>
        outcome.Plan.Calls.Where(call => call.Targets.Select(target => target.Station).Distinct().Count() > 1)
            .OrderBy(call => call.FromSecond).Select(call => Of(outcome, answers.Instruction(call.Instruction)!));

    private static Section Of(DemoOutcome outcome, InstructionAnswer answer)
    {
        var (row, tally) = (answer.Instruction, answer.Instruction.Tally);
        var export = row.Kind == InstructionKind.Export;
        var quantity = new Power(answer.Targets[0].QuantityMilliwatts);
        var zone = DateTimeZoneProviders.Tzdb[outcome.Plan.Zone];
        return new Section(row.Instruction, $"Instruction {row.Instruction}",
            [
                $"{row.IssuedBy} ordered {(export ? $"an export of at least {quantity}" : $"an import of at most {quantity}")} at each of " +
                $"{Shown.Of(tally.Instructed, "connector")}, {Shown.Local(row.Start, zone)} to "
                + $"{Shown.Local(row.End, zone)} local time, tolerance {new Power(row.ToleranceMilliwatts)}; the first "
                + $"{row.RampAllowanceMs / 1000} s are not judged.",
                $"{tally.Instructed} instructed - {tally.Excused} excused by recorded facts = {tally.Eligible} "
                + $"eligible, of which {tally.Kept} kept it, {tally.PartlyKept} partly, {tally.Broken} broke it, "
                + $"{tally.Unproven} cannot be proven. A reason that is only claimed improves no verdict.",
            ],
            [new ReportTable(
                export
                    ? ["verdict", "connectors", ">ordered kWh", ">delivered kWh", "because"]
                    : ["verdict", "connectors", ">allowed kWh", ">above it kWh", "because"],
                [
                    .. answer.Targets.GroupBy(target => target.Verdict).OrderBy(group => group.Key)
                    .SelectMany(group => Rows(group, export)),
                ])],
            export
                ? [
                    $"For {Shown.Kwh(tally.Delivered)} kWh delivered, {Shown.Money(tally.Payment)} CNY; for "
                    + $"{Shown.Kwh(tally.Deficiency - tally.DeficiencyExcused)} kWh not delivered and not excused, a "
                    + $"penalty of {Shown.Money(tally.Penalty)} CNY; net {Shown.Money(tally.Net)} CNY. "
                    + $"({Shown.Kwh(tally.DeficiencyExcused)} kWh not delivered are excused.) Times in reasons are "
                    + "UTC.",
                ]
                : ["What a curtailment is worth needs a baseline, which this contract does not name. Times in reasons "
                    + "are UTC."]);
    }

    /// <summary>Who kept it stands in one row; each other has a row, because each has its own reasons.</summary>
    private static IEnumerable<string[]> Rows(IGrouping<ComplianceVerdict, CurtailmentCompliance.TargetRow> group,
        bool export)
    {
        if (group.Key == ComplianceVerdict.Kept)
            return [Row(group.Key, $"{group.Count()}", [.. group], export,
                Names(group.Select(target => target.Point)))];
        return group.Select(target => Row(group.Key, target.Point, [target], export,
            target.Reasons.Count == 0 ? "–" : string.Join("; ", target.Reasons)));
    }

    private static string[] Row(
        ComplianceVerdict verdict, string connectors, IReadOnlyList<CurtailmentCompliance.TargetRow> targets,
        bool export, string because) =>
    [
        Shown.Words(verdict), connectors,
        Shown.Kwh(targets.Aggregate(Energy.Zero, (sum, target) => sum + target.Ordered)),
        Shown.Kwh(targets.Aggregate(Energy.Zero, (sum, target) => sum + (export ? target.Delivered : target.Excess))),
        because,
    ];

    /// <summary>Connectors by station: "st01: c1 c2; st02: c2".</summary>
    private static string Names(IEnumerable<string> points) => string.Join("; ", points
        .GroupBy(point => point[..point.IndexOf('-')])
        .Select(station =>
            $"{station.Key}: {string.Join(' ', station.Select(point => point[(point.IndexOf('-') + 1)..]))}"));
}
