using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Cli.Demonstration;

/// <summary>The reasons that the operator gave for not following: alone, and beside what a charger recorded.</summary>
internal static class ExcuseSection
{
    public static Section Of(Answers answers)
    {
        var claimed = answers.Instructions().OrderBy(order => order.Start)
            .SelectMany(order => answers.Instruction(new(order.Instruction))!.Targets)
            .Where(target => target.Claimed.Count > 0);
        return new Section("excuses", "Excuses: claimed, and supported by a fact",
            [
                "What the operator says afterwards is kept as a claim and improves nothing. What a charger recorded at "
                + "the time excuses, for as long as it lasted, whether or not anybody claims it.",
            ],
            [new ReportTable(["instruction", "connector", "claimed", "recorded by a charger", "verdict"],
            [
                .. claimed.Select(target => (string[])
                [
                    target.Instruction, target.Point,
                    string.Join(", ", target.Claimed.Select(claim => Shown.Words(claim.Reason))),
                    target.Supported.Count == 0 ? "nothing" : string.Join(", ", target.Supported.Select(Shown.Words)),
                    Shown.Words(target.Verdict),
                ]),
            ])],
            []);
    }
}
