using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// A settlement point takes part in a programme from <paramref name="From"/> to <paramref name="To"/> (half-open; null
/// is until further notice), with the power that was proven before.
/// </summary>
public sealed record PointEnrolled(
    ProgrammeId Programme, SettlementPointId Point, Power Prequalified, Instant From, Instant? To) : LedgerEvent;

/// <summary>An enrolment ends before it would have: it holds to <paramref name="At"/> and no longer.</summary>
public sealed record EnrolmentEnded(
    ProgrammeId Programme, SettlementPointId Point, Instant At, string Reason) : LedgerEvent;

/// <summary>
/// The power that a participant declared at <paramref name="DeclaredAt"/> to have ready during a time to come. Of two
/// declarations for one time the later recorded one stands.
/// </summary>
public sealed record AvailabilityDeclared(
    ProgrammeId Programme, SettlementPointId Point, Instant DeclaredAt, Interval Period, Power Available) : LedgerEvent;

/// <summary>An enrolment as it holds now.</summary>
public sealed record Enrolment(PointEnrolled Enrolled, Instant? EndedAt)
{
    /// <summary>Its end, exclusive; null where none is known.</summary>
    public Instant? To => EndedAt ?? Enrolled.To;

    public bool Covers(Interval period) => Enrolled.From <= period.Start && (To is not { } to || period.End <= to);
    public bool Meets(Instant from, Instant? to) =>
        (to is not { } end || Enrolled.From < end) && (To is not { } mine || from < mine);
}

/// <summary>Enrolments and declarations of one settlement point in all programmes,
/// in the order of their recording.</summary>
public sealed record EnrolmentState(
    IReadOnlyList<Enrolment> Enrolments, IReadOnlyList<EnrolmentEnded> Ends,
    IReadOnlyList<AvailabilityDeclared> Declared)
{
    public static readonly EnrolmentState Empty = new([], [], []);

    /// <summary>The enrolments in a programme that cover a period one after another, in order of time; none where a
    /// time of it is not covered.</summary>
    public IReadOnlyList<Enrolment> Covering(ProgrammeId programme, Interval period)
    {
        var (found, at) = (new List<Enrolment>(), period.Start);
        while (at < period.End)
        {
            if (Enrolments.FirstOrDefault(each => each.Enrolled.Programme == programme && each.Enrolled.From <= at
                && !(each.To <= at)) is not { } next) return [];
            found.Add(next);
            at = next.To ?? period.End;
        }
        return found;
    }
}

/// <summary>When a point may be enrolled, leave, and declare what it has ready;
/// guards stand in the order of their codes.</summary>
public static class Enrolments
{
    /// <summary>A point is enrolled in a programme once at a time, with no more than it is rated for.</summary>
    public static Decision Decide(
        EnrolmentState state, SettlementPointState point, ProgrammeState programme, PointEnrolled enrolled,
        EvidenceKey evidence)
    {
        if (enrolled.Prequalified <= Power.Zero)
            return Refuse(Rejection.OutOfRange, "a prequalified power is positive");
        if (point.HolderAt(enrolled.From) is not { Rated: var rated })
            return Refuse(Rejection.UnknownSettlementPoint, $"{enrolled.Point} is not registered");
        if (state.Enrolments.Any(known => known.Enrolled == enrolled)) return new Decision.AlreadyRecorded();
        if (enrolled.To <= enrolled.From) return Refuse(Rejection.IntervalEmpty, "an enrolment ends after it begins");
        if (enrolled.Prequalified > rated)
            return Refuse(Rejection.PowerAboveLimit, $"{enrolled.Prequalified} is above the rated {rated}");
        if (programme.At(enrolled.From) is null)
            return Refuse(Rejection.UnknownProgramme, $"{enrolled.Programme} is not published for {enrolled.From}");
        return state.Enrolments.FirstOrDefault(known => known.Enrolled.Programme == enrolled.Programme
                && known.Meets(enrolled.From, enrolled.To)) is { } other
            ? Refuse(Rejection.EnrolmentsOverlap,
                $"enrolled from {other.Enrolled.From} to {other.To?.ToString() ?? "further notice"}")
            : new Decision.Accepted(new NewFact(
                enrolled, new Interval(enrolled.From, enrolled.To ?? enrolled.From), evidence));
    }

    /// <summary>An enrolment ends inside itself; its end may be known beforehand.</summary>
    public static Decision Decide(EnrolmentState state, EnrolmentEnded ended, EvidenceKey evidence) =>
        state.Ends.Contains(ended) ? new Decision.AlreadyRecorded()
        : state.Enrolments.Any(enrolment => EndsWith(enrolment, ended))
            ? new Decision.Accepted(NewFact.At(ended, ended.At, evidence))
            : Refuse(Rejection.NotEnrolled,
                $"{ended.Point} has no enrolment in {ended.Programme} that {ended.At} could end");

    /// <summary>What is declared is declared and recorded before it begins, as far as clocks agree, and is never more
    /// than was prequalified: of a time that is over everybody knows what would be paid best.</summary>
    public static Decision Decide(EnrolmentState state, AvailabilityDeclared declared, Instant now,
        EvidenceKey evidence)
    {
        if (declared.Available < Power.Zero) return Refuse(Rejection.OutOfRange, "an available power is not negative");
        if (state.Declared.Contains(declared)) return new Decision.AlreadyRecorded();
        if (Limits.IsInTheFuture(declared.DeclaredAt, now))
            return Refuse(Rejection.ReadInTheFuture, $"declared at {declared.DeclaredAt}");
        if (declared.Period.Duration <= Duration.Zero) return Refuse(Rejection.IntervalEmpty, "the period is empty");
        var enrolled = state.Covering(declared.Programme, declared.Period);
        if (enrolled.Count == 0)
            return Refuse(Rejection.NotEnrolled,
                $"{declared.Point} is not enrolled in {declared.Programme} for all of it");
        var prequalified = enrolled.Min(each => each.Enrolled.Prequalified);
        if (declared.Available > prequalified)
            return Refuse(Rejection.AbovePrequalified,
                $"{declared.Available} is above the prequalified {prequalified}");
        if (declared.DeclaredAt > declared.Period.Start)
            return Refuse(Rejection.DeclaredTooLate,
                $"begins {declared.Period.Start}, declared {declared.DeclaredAt}");
        return declared.Period.Start < now - Duration.FromMilliseconds(Limits.ClockSkewMs)
            ? Refuse(Rejection.DeclaredTooLate, $"begins {declared.Period.Start}, recorded at {now}")
            : new Decision.Accepted(new NewFact(declared, declared.Period, evidence));
    }

    public static EnrolmentState Evolve(EnrolmentState state, LedgerEvent happened) => happened switch
    {
        PointEnrolled enrolled => state with { Enrolments = [.. state.Enrolments, new(enrolled, null)] },
        EnrolmentEnded ended => state with
        {
            Ends = [.. state.Ends, ended],
            Enrolments = [.. state.Enrolments.Select(known =>
                EndsWith(known, ended) ? known with { EndedAt = ended.At } : known)],
        },
        AvailabilityDeclared declared => state with { Declared = [.. state.Declared, declared] },
        _ => state,
    };

    private static bool EndsWith(Enrolment enrolment, EnrolmentEnded ended) =>
        enrolment.Enrolled.Programme == ended.Programme && enrolment.Enrolled.From < ended.At
        && (enrolment.To is not { } to || ended.At < to);

    private static Decision Refuse(Rejection code, string detail) => new Decision.Rejected(code, detail);
}
