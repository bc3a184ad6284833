using NodaTime;

namespace Ledger.Domain;

/// <summary>Why less than the prequalified power is eligible.</summary>
public enum EligibilityReason
{
    NotEnrolled = 1, DeclaredLess = 2, NoVehicle = 3, StateOfChargeFloor = 4, Safety = 5, VehicleLimit = 6, Fault = 7,
}

/// <summary>A stretch of time with one eligible power, and what binds it;
/// nothing does where all that was proven is eligible.</summary>
public sealed record EligibleStretch(Interval Period, Power Eligible, IReadOnlyList<EligibilityReason> Because);

/// <summary>
/// How much of a settlement point can be called on, at each instant:
/// the prequalified power of the enrolment that holds, no more than was declared, no more than charging facts and
/// states leave possible (<see cref="ChargingState.Excuses"/>, asked about the prequalified power).
/// Who declares nothing is in with all that was proven; of several declarations for one time the last recorded stands.
/// </summary>
public static class Eligibility
{
    /// <summary>The stretches of a window, in order and without gaps;
    /// neighbours differ in power or in reason.</summary>
    public static IReadOnlyList<EligibleStretch> Of(
        ProgrammeId programme, Interval window, EnrolmentState enrolment, IReadOnlyCollection<Excuse> excuses)
    {
        var declared = enrolment.Declared.Where(declared => declared.Programme == programme).ToList();
        var enrolled = enrolment.Enrolments.Where(known => known.Enrolled.Programme == programme).ToList();
        var edges = new SortedSet<Instant>(enrolled.SelectMany(Edges)
            .Concat(declared.SelectMany(known => Edges(known.Period)))
            .Concat(excuses.SelectMany(known => Edges(known.Period)))
            .Where(window.Contains)) { window.Start, window.End };
        var stretches = new List<EligibleStretch>();
        foreach (var (start, end) in edges.Zip(edges.Skip(1)))
        {
            var next = At(start, end, enrolled, declared, excuses);
            if (stretches is [.., var last] && last.Eligible == next.Eligible
                && last.Because.SequenceEqual(next.Because))
                stretches[^1] = last with { Period = new Interval(last.Period.Start, end) };
            else stretches.Add(next);
        }
        return stretches;
    }

    /// <summary>A time within which nothing changes.</summary>
    private static EligibleStretch At(
        Instant start, Instant end, List<Enrolment> enrolled, List<AvailabilityDeclared> declared,
        IReadOnlyCollection<Excuse> excuses)
    {
        var stretch = new Interval(start, end);
        if (enrolled.FirstOrDefault(known => known.Covers(stretch)) is not { Enrolled.Prequalified: var prequalified })
            return new(stretch, Power.Zero, [EligibilityReason.NotEnrolled]);
        var limits = excuses.Where(known => known.Period.Contains(start))
            .Select(known => (Most: known.Limit ?? Power.Zero, Reason: Named(known.Reason))).ToList();
        if (declared.LastOrDefault(known => known.Period.Contains(start)) is { Available: var available })
            limits.Add((available, EligibilityReason.DeclaredLess));
        var eligible = limits.Select(limit => limit.Most).Append(prequalified).Min();
        return new(stretch, eligible, eligible == prequalified ? [] :
            [.. limits.Where(limit => limit.Most == eligible).Select(limit => limit.Reason).Distinct().Order()]);
    }

    private static IEnumerable<Instant> Edges(Enrolment known) =>
        known.To is { } to ? [known.Enrolled.From, to] : [known.Enrolled.From];

    private static IEnumerable<Instant> Edges(Interval period) => [period.Start, period.End];

    private static EligibilityReason Named(ShortfallReason reason) => reason switch
    {
        ShortfallReason.NoVehicle => EligibilityReason.NoVehicle,
        ShortfallReason.StateOfChargeFloor => EligibilityReason.StateOfChargeFloor,
        ShortfallReason.Safety => EligibilityReason.Safety,
        ShortfallReason.VehicleLimit => EligibilityReason.VehicleLimit,
        _ => EligibilityReason.Fault,
    };
}
