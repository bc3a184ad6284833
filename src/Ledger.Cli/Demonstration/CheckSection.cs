using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Cli.Demonstration;

/// <summary>Register against curve, at every settlement point and in both directions,
/// with what is left between them.</summary>
internal static class CheckSection
{
    /// <summary>Of the consistent points, those with the largest residuals are shown.</summary>
    private const int ConsistentShown = 4;

    private sealed record Side(string Point, Direction Direction, VerifiedExport.SideRow Row);

    public static Section Of(DemoOutcome outcome, Answers answers)
    {
        var sides = answers.Export(outcome.Plan.Day).SelectMany(day => new[]
        {
            new Side(day.Point, Direction.Import, day.Import), new Side(day.Point, Direction.Export, day.Export),
        }).ToList();
        int Count(RegisterVerdict check) => sides.Count(side => side.Row.Check == check);
        var shown = sides.Where(side => side.Row.Check != RegisterVerdict.Consistent)
            .Concat(sides.Where(side => side.Row.Check == RegisterVerdict.Consistent)
                .OrderByDescending(Residual).ThenBy(side => side.Point, StringComparer.Ordinal).Take(ConsistentShown))
            .OrderByDescending(side => side.Row.Check).ToList();
        return new Section("registerCheck", "Register check",
            [
                $"Of {Shown.Count(sides.Count)} registers, {Shown.Count(Count(RegisterVerdict.Consistent))} agree with "
                + $"the integral of their curve, {Count(RegisterVerdict.Inconsistent)} do not, and "
                + $"{Count(RegisterVerdict.Undecidable)} cannot be decided. Shown are those that do not agree, and the "
                + "largest residuals of those that do.",
            ],
            [new ReportTable(["point", "direction", ">register kWh", ">curve kWh", ">residual kWh", ">tolerance kWh",
                "check"],
            [
                .. shown.Select(side => (string[])
                [
                    side.Point, Shown.Words(side.Direction), side.Row.Register is { } register
                        ? Shown.Kwh(register) : "–",
                    Shown.Kwh(side.Row.Curve), side.Row.Residual is { } residual ? Shown.Kwh(residual) : "–",
                    side.Row.Tolerance is { } tolerance
                        ? Shown.Kwh(tolerance) : "–", $"{Shown.Words(side.Row.Check)}: {side.Row.Why}",
                ]),
            ])],
            []);
    }

    private static Energy Residual(Side side) =>
        side.Row.Residual is { } residual ? Energy.Max(residual, -residual) : Energy.Zero;
}
