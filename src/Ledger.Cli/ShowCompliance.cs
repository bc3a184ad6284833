using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>
/// One call as its grid operator asks of it: what was ordered, what came of it in all, at each target and why, and how
/// fast. A figure that nobody knows is said to be unknown, and is not 0.
/// </summary>
internal static class ShowCompliance
{
    /// <summary>What it means that a target is unknown to the ledger.</summary>
    public const string NobodyRegistered = "nobody registered such a settlement point, so nothing is measured there";

    /// <param name="unknown">Targets that nobody registered.</param>
    public static Page Of(Page page, InstructionAnswer answer, IReadOnlyList<string> unknown)
    {
        var (order, tally) = (answer.Instruction, answer.Instruction.Tally);
        page.Field(null, "instruction", $"{order.Instruction}: {Cell.Shown(order.Kind)}, issued by {order.IssuedBy} at "
                + Cell.Shown(order.IssuedAt))
            .Field(null, "holds", $"{Cell.Shown(order.Start)} to {Cell.Shown(order.End)}"
                + (order.WithdrawnAt is { } at ? $", withdrawn at {Cell.Shown(at)}: {order.WithdrawalReason}" : "")
                + (answer.IsNotOver ? $"; {CallTime.NotOverYet}" : ""))
            .Field("isNotOver", null, answer.IsNotOver);
        if (order.Programme is { } programme)
            page.Field(null, "programme", $"{programme}; what it pays: ledger show delivery {order.Instruction}");
        if (unknown.Count > 0)
            page.Field(null, "unknown", $"{string.Join(", ", unknown)}: {NobodyRegistered}");
        return page.Field("unknownTargets", null, unknown)
            .Field(null, "eligible", $"{tally.Eligible} of {tally.Instructed} targets, of {tally.EligiblePower}"
                + (answer.IsNotOver ? ", by what is known so far"
                    : tally.Excused > 0 ? "; the others are excused by recorded facts" : ""))
            .Field(null, "vehicles", Vehicles(answer))
            .Field(null, answer.IsNotOver ? "so far" : "in all", InAll(answer))
            .Table("instructions", null, DispatchListings.Instructions([order]))
            .Table("targets", "targets; net is by the order's own prices",
                DispatchListings.Targets(answer.Targets))
            .Table("clocks", "how fast: seconds after the order was issued, and after its start",
                DispatchListings.Clocks(order, answer.Targets));
    }

    /// <summary>A target of which no charging state is known may have a vehicle or none.</summary>
    private static string Vehicles(InstructionAnswer answer)
    {
        var tally = answer.Instruction.Tally;
        var known = answer.Targets.Count(target => target.Connection != Connection.Unknown);
        return known == 0 ? "not known: no charging state says of any target who was there"
            : $"{tally.ConnectedAtNotice} connected at notice, {tally.ConnectedAtStart} at the start, "
                + $"{tally.Arrivals} arrived during the call, by the charging states of {known} of "
                + $"{tally.Instructed} targets";
    }

    private static string InAll(InstructionAnswer answer) =>
        InAll(answer.Instruction.Kind, answer.Instruction.Tally, answer.IsNotOver);

    private static string InAll(InstructionKind kind, VerdictTally tally, bool isNotOver) =>
        kind == InstructionKind.Curtail
        ? $"{Cell.Shown(tally.Ordered)} kWh allowed, {Cell.Shown(tally.Excess)} kWh above cap and tolerance"
        : $"{Cell.Shown(tally.Ordered)} kWh ordered, {Cell.Shown(tally.Delivered)} delivered, "
            + $"{Cell.Shown(tally.Deficiency)} deficient"
            + (tally.DeficiencyExcused > Energy.Zero ? $" ({Cell.Shown(tally.DeficiencyExcused)} of it excused)" : "")
            + (!isNotOver && tally.OrderedUnmeasured() is var unmeasured && unmeasured > Energy.Zero
                ? $", {Cell.Shown(unmeasured)} of which nothing is proven" : "");
}
