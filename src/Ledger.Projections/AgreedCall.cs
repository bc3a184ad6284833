using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Projections;

/// <summary>Whether a point of a call takes part in its programme.</summary>
/// <param name="By">By which enrolment; null where <paramref name="WhyNot"/> says why it does not.</param>
public sealed record TakesPart(SettlementPointId Point, Positioned<PointEnrolled>? By, string? WhyNot);

/// <summary>
/// What was agreed before a call, as far as it decides whether somebody owes for it. A penalty is owed by whoever took
/// part in the programme when the call was ordered, for all of it, and of a call that came with the programme's notice;
/// and what may be missing by its ramp and tolerance is none. Everybody else is paid for what came and penalised for
/// nothing: who orders writes the penalty himself.
/// </summary>
internal static class AgreedCall
{
    /// <summary>Why a call that was recorded at an instant penalises nobody; null where it came in time. By rules
    /// before <see cref="Settlement.AgreedRuleVersion"/> the notice is nothing.</summary>
    public static string? TooLate(DispatchInstructed order, Instant recordedAt, long noticeMs)
    {
        var notice = Duration.FromMilliseconds(noticeMs);
        if (recordedAt <= order.Period.Start - notice + Duration.FromMilliseconds(Limits.OnItsWayMs)) return null;
        var at = InstantPattern.ExtendedIso.Format(recordedAt);
        return recordedAt > order.Period.Start + Duration.FromMilliseconds(Limits.OnItsWayMs)
            ? $"{order.Instruction} was recorded at {at}, after it had begun"
            : $"{order.Instruction} was recorded at {at}, less than the notice of "
                + $"{(noticeMs / 1000m).ToString(CultureInfo.InvariantCulture)} s before it begins";
    }

    /// <summary>Which points of an order take part, as it was known when the order was recorded: an enrolment that ends
    /// afterwards from before then takes nothing back.</summary>
    public static async Task<IReadOnlyList<TakesPart>> OfAsync(
        KnownFacts atOrder, DispatchInstructed order, ProgrammePublished programme)
    {
        // Who pays and who publishes enrol whom they like: that obliges nobody who has not declared anything by it.
        var buyers = (await atOrder.ReadAsync(Streams.Programme(programme.Programme)).ConfigureAwait(false))
            .Select(version => version.RecordedBy).Where(by => by != atOrder.Own)
            .Concat(programme.Payer is { } payer ? [payer] : Array.Empty<PartyId>()).ToHashSet();
        var points = new List<TakesPart>();
        foreach (var point in order.Targets.Select(target => target.Point).Order())
        {
            var stream = Streams.Enrolment(point);
            var enrolments = await atOrder.StateAsync(stream, EnrolmentState.Empty, Enrolments.Evolve)
                .ConfigureAwait(false);
            var covering = enrolments.Covering(programme.Programme, order.Period)
                .Select(each => each.Enrolled).ToList();
            var known = (await atOrder.ReadAsync(stream).ConfigureAwait(false))
                .Where(each => each.Event is PointEnrolled fact && covering.Contains(fact)).ToList();
            points.Add(known.Count == 0
                ? new(point, null, $"{point} was not enrolled in {programme.Programme} for all of the call")
                : known.Find(each => buyers.Contains(each.RecordedBy)) is { } buyer
                    && !enrolments.Declared.Any(each => each.Programme == programme.Programme)
                    ? new(point, null, $"{point} was enrolled in {programme.Programme} by {buyer.RecordedBy}, who buys "
                        + "there, and has declared nothing under it")
                    : new(point, new(known[0].Position, (PointEnrolled)known[0].Event), null));
        }
        return points;
    }

    /// <summary>
    /// What of an order may be missing in a period without a penalty, in kWh of
    /// <see cref="FrozenBaselines.KwhDecimals"/> decimals: all of it within the ramp, and the tolerance of the rest.
    /// The programme's terms are the least that is allowed, and an order may allow more.
    /// </summary>
    public static decimal MayLackKwh(
        DispatchInstructed order, ProgrammePublished programme, decimal orderedKwh, Interval period)
    {
        var ramp = order.Period.Start + Duration.FromMilliseconds(Math.Max(order.RampAllowanceMs, programme.RampMs));
        var (within, whole) = (Instant.Min(ramp, period.End) - period.Start, period.Duration);
        if (within < Duration.Zero) within = Duration.Zero;
        var (ordered, after) = (Fraction.Of(orderedKwh), new Fraction(
            (whole - within).ToInt64Nanoseconds(), whole.ToInt64Nanoseconds()));
        var tolerance = Fraction.Max(ordered * new Fraction(programme.TolerancePermille, 1000),
            Fraction.Of(order.Tolerance.Kilowatts)
                * new Fraction(whole.ToInt64Nanoseconds(), NodaConstants.NanosecondsPerHour));
        return (ordered - after * (ordered - Fraction.Min(tolerance, ordered))).ToDecimal(FrozenBaselines.KwhDecimals);
    }
}
