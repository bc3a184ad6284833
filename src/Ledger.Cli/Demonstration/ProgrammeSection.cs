using System.Globalization;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Cli.Demonstration;

/// <summary>The programmes of the day, and the rule packs that they are paid by.</summary>
internal static class ProgrammeSection
{
    public static Section Of(Answers answers)
    {
        var enrolled = answers.Enrolments().GroupBy(row => row.Programme)
            .ToDictionary(group => group.Key, group => group.Count(), StringComparer.Ordinal);
        return new Section("programmes", "Programmes and their rules",
            [
                "A market's rules are facts too: a programme names a baseline and a scoring rule, each a rule pack "
                + "with its version and where its numbers were read. A new number is a new version; what was settled "
                + "by the old one stays.",
            ],
            [
                new ReportTable(
                    ["programme", "version", "service", "baseline", "scoring", ">precedence", ">points", ">per kWh"],
                    [
                        .. answers.Programmes().Select(row => (string[])
                        [
                            row.Programme, Number(row.Version), Shown.Words(row.Service), row.BaselinePack,
                            row.ScoringPack,
                            Number(row.Precedence), Number(enrolled.GetValueOrDefault(row.Programme)),
                            $"{row.PricePerKwh.ToString("0.00", CultureInfo.InvariantCulture)} {row.Currency}",
                        ]),
                    ]),
                new ReportTable(["rule pack", "version", "rule of", "provisional", "source"],
                [
                    .. answers.RulePacks().Select(row => (string[])
                        [row.Pack, Number(row.Version), row.Family, Cell.Shown(row.Provisional), row.Source]),
                ]),
            ],
            []);
    }

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}

/// <summary>One kWh counts once: what was claimed of one connector's energy, what a claim lost,
/// and what was refused.</summary>
internal static class ClaimSection
{
    public static Section Of(DemoOutcome outcome, Answers answers)
    {
        var zone = NodaTime.DateTimeZoneProviders.Tzdb[outcome.Plan.Zone];
        var refused = answers.Refusals().Where(row => row.Code == (int)Rejection.AlreadyClaimed);
        return new Section("claims", "One kWh counts once",
            [
                "Two programmes pay for export from one connector. Where both claim the same time, the programme with "
                + "the higher precedence has it, and what the other loses is recorded; a claim that does not precede "
                + "is refused, and its sender is told when the energy is held and not by whom.",
            ],
            [new ReportTable(["claim", "by", "programme", "connector", "local time", ">claimed kWh", ">held kWh",
                "what became of it"],
            [
                .. answers.Claims().OrderBy(row => row.Claim, StringComparer.Ordinal).Select(row => (string[])
                [
                    row.Claim, row.ClaimedBy, row.Programme, row.Point,
                    $"{Shown.Local(row.Start, zone)}-{Shown.Local(row.End, zone)}", Shown.Kwh(row.Claimed),
                    Shown.Kwh(row.Held),
                    row.Lost.Count == 0 ? "held" : string.Join("; ", row.Lost.Select(loss =>
                        $"{Shown.Kwh(loss.Energy)} kWh displaced by {loss.By} of {loss.ByProgramme}")),
                ]),
            ])],
            [
                .. refused.Select(row => $"Refused, {row.Name} ({row.Code?.ToString(CultureInfo.InvariantCulture)}), " +
                    $"{row.Source}: {row.Detail} (UTC)."),
            ]);
    }
}
