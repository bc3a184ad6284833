using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>A stretch of a day in which a point can be called on by a programme with one power.</summary>
public sealed record EligibilityRow(
    string Programme, Instant Start, Instant End, Power Eligible, IReadOnlyList<EligibilityReason> Because);

/// <summary>
/// What of a settlement point could be called on at each instant of a day (<see cref="Eligibility"/>), by every
/// programme that it is or was enrolled in, as known before a position.
/// </summary>
public static class PointEligibility
{
    /// <param name="before">Enrolments and declarations count up to this position, exclusive.</param>
    /// <param name="answers">The views as of the same position: charging facts and states, and programmes.</param>
    public static async Task<IReadOnlyList<EligibilityRow>> OfAsync(
        IJournal journal, long before, Answers answers, SettlementPointId point, Interval window, CancellationToken ct)
    {
        var enrolment = await new KnownFacts(journal, before, ct)
            .StateAsync(Streams.Enrolment(point), EnrolmentState.Empty, Enrolments.Evolve).ConfigureAwait(false);
        var facts = answers.ChargingFacts(point, window);
        var states = answers.ChargingStates(point, window);
        return [.. enrolment.Enrolments.Where(known => known.Meets(window.Start, window.End))
            .GroupBy(known => known.Enrolled.Programme).OrderBy(same => same.Key.Value, StringComparer.Ordinal)
            .SelectMany(same => Eligibility.Of(same.Key, window, enrolment, Excuses(
                KindOf(answers, same.Key, window.Start), same.Max(known => known.Enrolled.Prequalified), window,
                facts, states)).Select(stretch => new EligibilityRow(
                    same.Key.Value, stretch.Period.Start, stretch.Period.End, stretch.Eligible, stretch.Because)))];
    }

    private static List<Excuse> Excuses(
        InstructionKind kind, Power prequalified, Interval window,
        IEnumerable<CurtailmentCompliance.FactRow> facts, IEnumerable<ChargingStateRecorded> states) =>
        [.. facts.Where(fact => ChargingState.MayExcuse(kind, fact.Reason))
            .Select(fact => new Excuse(new Interval(fact.Start, fact.End), fact.Reason, null, fact.Source)),
            .. ChargingState.Excuses(kind, prequalified, window, states)];

    /// <summary>What a change of demand asks of a vehicle is to be there;
    /// its state of charge and its limits count where it has to give.</summary>
    private static InstructionKind KindOf(Answers answers, ProgrammeId programme, Instant at) =>
        answers.Programmes().Where(row => row.Programme == programme.Value && row.ValidFrom <= at)
            .OrderBy(row => row.ValidFrom).ThenBy(row => row.Version).LastOrDefault()?.Service
            is ServiceKind.DemandReduction or ServiceKind.DemandIncrease
            ? InstructionKind.Curtail : InstructionKind.Export;
}
