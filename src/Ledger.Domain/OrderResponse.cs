using NodaTime;

namespace Ledger.Domain;

/// <summary>How much a curve tells of the response to an order.</summary>
public enum ResponseStanding
{
    /// <summary>The curve is known from the start of the order to its end.</summary>
    Whole = 1,
    /// <summary>It is known from the start on, and not to the end.</summary>
    Partial = 2,
    /// <summary>At the start the power was already where the order lets it be.</summary>
    NothingOrdered = 3,
    /// <summary>The power at the start, or from there on, is not known.</summary>
    Unknown = 4,
}

/// <summary>
/// How the power of a target, or of several together, followed an order from its start on. An order says where the
/// power shall be, at most its cap or at least its export; what it asks to change is the power at the start less that.
/// What the curve does not tell is null, and <paramref name="Why"/> says why.
/// </summary>
/// <param name="Initial">Power at the start, in mW, import positive; null where it is not known.</param>
/// <param name="Change">What was to be changed, in mW, negative for less import or more export; null where nothing was
/// or it is not known.</param>
/// <param name="Measure">Of the time of which the curve is known; null where nothing is measured.</param>
/// <param name="KnownUntil">To where the curve is known without a gap; null where it is not known at the
/// start.</param>
public sealed record OrderResponse(
    ResponseStanding Standing, Fraction? Initial, Fraction? Change, ResponseMeasure? Measure, Instant? KnownUntil,
    string? Why)
{
    public Fraction? TenPercent => Measure?.TenPercent;
    public Fraction? NinetyPercent => Measure?.NinetyPercent;
    public Fraction? Ramp => Measure?.Ramp;

    /// <summary>Null too where a gap may hide more of it.</summary>
    public Fraction? Overshoot => Standing == ResponseStanding.Whole ? Measure!.Overshoot : null;

    public Fraction? Settled => Standing == ResponseStanding.Whole ? Measure!.Settled : null;
    public Fraction? Sustained => Standing == ResponseStanding.Whole ? Measure!.Sustained : null;

    /// <summary>Until 90 %, or until the end where that was never reached.</summary>
    public Energy? Shortfall =>
        Standing == ResponseStanding.Whole || NinetyPercent is not null ? Measure?.Shortfall : null;

    public Fraction? WidestStep => Measure?.WidestStep;

    public static OrderResponse Unknown(string why) => new(ResponseStanding.Unknown, null, null, null, null, why);

    /// <summary>The response of one target.</summary>
    /// <param name="call">From the order's start to its end, or to its withdrawal.</param>
    /// <param name="level">Where the power shall be at most: a cap, or an export as a negative power.</param>
    public static OrderResponse Of(KnownCurve curve, Interval call, Power level, Power tolerance)
    {
        var start = PowerCurve.Microseconds(call.Start);
        if (curve.At(call.Start) is not { } line)
            return Unknown("the power at the start is not known: "
                + WhyFrom(curve, new(call.Start, call.Start + Duration.FromTicks(10))));
        var initial = line.Before(start);
        if (initial <= (Fraction)(level + tolerance).Milliwatts)
            return new(ResponseStanding.NothingOrdered, initial, null, null, null,
                $"nothing was to be changed: at the start it {Words(initial)}, and the order lets it "
                + $"{Allowed(level)}" + (tolerance > Power.Zero ? $", with a tolerance of {tolerance}" : ""));
        var until = Math.Min(line.To, PowerCurve.Microseconds(call.End));
        var change = (Fraction)level.Milliwatts - initial;
        if (until <= start)
            return Unknown("nothing is known after the start: " + WhyFrom(curve, call)) with { Initial = initial };
        return Measured(Followed(line, call, until), call, change, tolerance.Milliwatts, until,
            until < PowerCurve.Microseconds(call.End) ? WhyFrom(curve, new(At(until), call.End)) : null);
    }

    /// <summary>
    /// The response of several targets together: the sum of the power of those that had something to change. What one
    /// has to spare under its cap takes nothing from what another owes. Unknown as soon as one of them is.
    /// </summary>
    public static OrderResponse OfAll(
        IReadOnlyList<(string Name, KnownCurve Curve, OrderResponse Response)> targets, Interval call, Power tolerance)
    {
        var unknown = targets.Where(target => target.Response.Standing == ResponseStanding.Unknown).ToList();
        if (unknown.Count > 0)
            return Unknown("not known of " + string.Join(", ", unknown.Select(target => target.Name)));
        var moving = targets.Where(target => target.Response.Standing != ResponseStanding.NothingOrdered).ToList();
        if (moving.Count == 0)
            return new(ResponseStanding.NothingOrdered, null, null, null, null, "nothing was to be changed at any of them");
        var first = moving.MinBy(target => target.Response.KnownUntil!.Value);
        var until = PowerCurve.Microseconds(first.Response.KnownUntil!.Value);
        var sum = PowerLine.Sum(moving.ConvertAll(
            target => Followed(target.Curve.At(call.Start)!, call, until)));
        var change = moving.Aggregate(Fraction.Zero, (all, target) => all + target.Response.Change!.Value);
        var response = Measured(sum, call, change, tolerance.Milliwatts * moving.Count, until,
            until < PowerCurve.Microseconds(call.End) ? $"{first.Name}: "
                + WhyFrom(first.Curve, new(At(until), call.End)) : null);
        // The steps of the sum are shorter than those in which each of its parts is known.
        return response with
        {
            Measure = response.Measure! with
            {
                WidestStep = moving.Select(target => target.Response.WidestStep!.Value).Max(),
            },
        };
    }

    /// <summary>The curve of the call as far as it is known. Where that is to the end, its last step is level: what
    /// comes at the end is a release.</summary>
    private static PowerLine Followed(PowerLine line, Interval call, long until)
    {
        var from = PowerCurve.Microseconds(call.Start);
        return until == PowerCurve.Microseconds(call.End) ? line.PartHeld(from, until) : line.Part(from, until);
    }

    /// <param name="line">Of the call, from its start on.</param>
    private static OrderResponse Measured(
        PowerLine line, Interval call, Fraction change, Fraction tolerance, long until, string? broken)
    {
        var measure = Response.Measure(
            line, change, tolerance, PowerCurve.Microseconds(call.Start), until, isBound: true)!;
        var said = broken is not null
            ? $"the curve is known for {Seconds(until - PowerCurve.Microseconds(call.Start))} s only ({broken}): what did "
                + "not come in that time, and what is asked of the whole call, is not told"
            : measure.TenPercent is null ? "10 % of the change was never reached"
            : measure.NinetyPercent is null ? "90 % of the change was never reached"
            : measure.Settled is null ? "the power did not stay within the tolerance to the end" : null;
        return new(broken is null ? ResponseStanding.Whole : ResponseStanding.Partial, measure.Initial, change, measure,
            At(until), said);
    }

    private static string WhyFrom(KnownCurve curve, Interval missing) =>
        curve.Holes(missing) is [var first, ..] ? first.Why : "no sample near enough";

    private static string Words(Fraction milliwatts) => milliwatts < Fraction.Zero
        ? $"exported {Kilowatts(Fraction.Zero - milliwatts)} kW" : $"imported {Kilowatts(milliwatts)} kW";

    private static string Allowed(Power level) =>
        level < Power.Zero ? $"export no less than {-level}" : $"import {level} at most";

    private static string Kilowatts(Fraction milliwatts) => (milliwatts / 1_000_000L).ToText(6);
    private static string Seconds(Fraction microseconds) => (microseconds / 1_000_000L).ToText(6);
    private static Instant At(long microseconds) => Instant.FromUnixTimeTicks(microseconds * 10);
}
