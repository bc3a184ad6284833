using System.Globalization;
using Ledger.Journal;
using Ledger.Projections;

namespace Ledger.Cli.Demonstration;

/// <summary>What was refused or quarantined and why, and what was there already.</summary>
internal static class RefusedSection
{
    public static Section Of(DemoOutcome outcome, Answers answers)
    {
        var refusals = answers.Refusals();
        var again = outcome.Taken.Where(taken => taken.Report.Parts.Count > 0
            && taken.Report.Outcomes.All(part => part is RecordOutcome.AlreadyRecorded)).ToList();
        return new Section("refused", "What was refused, and why",
            [
                "Bad input changed no total. What is refused is kept as evidence; what is quarantined counts only "
                + "after a later fact releases it.",
            ],
            [new ReportTable(["handed in as", "standing", ">code", "name", "because"],
            [
                .. refusals.Select(row => (string[])
                [
                    row.Source, row.Standing, row.Code?.ToString(CultureInfo.InvariantCulture) ?? "–", row.Name
                        ?? "–", row.Detail,
                ]),
            ])],
            [
                .. again.Select(taken =>
                    $"{taken.Name} came twice: all {Shown.Count(taken.Report.Outcomes.Count())} parts of it were "
                    + "already recorded, and nothing counts twice."),
            ]);
    }
}
