using System.Globalization;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Cli.Listings;

/// <summary>The calls of a station, and what they let anyone promise of it.</summary>
public static class CallListings
{
    public static Listing Calls(IEnumerable<StationCall> calls) => Listing.Of(calls,
        new("instruction", "instruction", call => call.Order.Instruction),
        new("kind", null, call => call.Order.Kind),
        new("issuedBy", null, call => call.Order.IssuedBy),
        new("programme", null, call => call.Order.Programme),
        new("start", "from", call => call.Order.Start),
        new("end", null, call => call.Order.End),
        new("withdrawnAt", null, call => call.Order.WithdrawnAt),
        new("connected", null, call => call.Connected),
        new("targets", null, call => call.Targets.Count),
        new(null, "vehicles", call => call.Connected is { } connected
            ? string.Create(CultureInfo.InvariantCulture, $"{connected} of {call.Targets.Count}") : "not known"),
        new("orderedKwh", "ordered kWh", call => call.Ordered),
        new("deliveredKwh", "delivered kWh", call => call.Order.Kind == InstructionKind.Export ? call.Delivered : null),
        new("excessKwh", "excess kWh", call => call.Order.Kind == InstructionKind.Curtail ? call.Excess : null),
        new("delaySeconds", null, call => Seconds(call.Delay)),
        new("ninetyPercentSeconds", null, call => Seconds(call.NinetyPercentAfter)),
        new("verdicts", "verdicts", call => string.Join(", ", call.Targets.GroupBy(target => target.Verdict)
            .OrderBy(group => group.Key).Select(group => $"{group.Count()} {Cell.Shown(group.Key)}"))),
        new("whyNoSample", null, call => call.WhyNot));

    public static Listing Tests(IEnumerable<StationCall> calls) => Listing.Of(calls,
        new("instruction", "test", call => call.Order.Instruction),
        new("kind", null, call => call.Order.Kind),
        new("start", "from", call => call.Order.Start),
        new("targets", "points", call => call.Targets.Count),
        new("mustDeliverPermille", null, call => call.Order.Test!.DeliveredPermilleMin),
        new(null, "must deliver %", call => call.Order.Test!.DeliveredPermilleMin / 10m),
        new("orderedKwh", null, call => call.Ordered),
        new("deliveredKwh", null, call => call.Order.Kind == InstructionKind.Export ? call.Delivered : null),
        new(null, "delivered %", call => call.Order.Kind == InstructionKind.Export
            ? Percent(call.Delivered, call.Ordered) : null),
        new("mustReachNinetySeconds", "90 % within s", call => call.Order.Test!.T90MsMax / 1000m),
        new("ninetyPercentSeconds", "90 % after s", call => Seconds(call.NinetyPercentAfter)),
        new("outcome", "outcome", call => call.Test),
        new("whyNoSample", null, call => call.WhyNot));

    public static Listing Windows(StationWindows windows) => Listing.Of<(string Which, DispatchWindow Window)>(
        [
            ("all real calls", windows.All),
            .. windows.ByHour.Select(each => (StationWindows.HourOf(each.HourOfWeek), each.Window)),
            .. windows.ByConnected.Select(each => (StationWindows.VehiclesOf(each.Connected), each.Window)),
        ],
        new("which", "calls", row => row.Which),
        new("calls", "number", row => row.Window.Calls),
        new("successes", "followed", row => row.Window.Successes),
        new("successRateAtLeast", null, row => row.Window.SuccessRateAtLeastMillionths / 1_000_000m),
        // Cut off, as the bound is.
        new(null, "rate at least %", row => row.Window.SuccessRateAtLeastMillionths is { } rate
            ? rate / 1_000 / 10m : null),
        new("deliveredKw90", "kW in 90 %", row => Kilowatts(row.Window.Delivered90)),
        new("deliveredKw95", "kW in 95 %", row => Kilowatts(row.Window.Delivered95)),
        new("credibleKw90", "credible kW 90 %", row => Kilowatts(row.Window.Credible90)),
        new("credibleKw95", "credible kW 95 %", row => Kilowatts(row.Window.Credible95)),
        new("orderedKwMost", "most ordered kW", row => Kilowatts(row.Window.OrderedMost)));

    /// <summary>What the figures of <see cref="Windows"/> mean, and why one is missing.</summary>
    public static string Promise(StationWindows windows) =>
        "A call followed if what it delivered for certain, after the measurement's uncertainty, reaches its order; kW "
        + "in 90 % and 95 % are what so many of the known calls delivered for certain, and time without data counts as "
        + $"nothing delivered. Below {Credibility.CallsMin} calls there is no figure. Rates and credible powers are "
        + "lower bounds at 95 % confidence (Clopper and Pearson): of calls to come nothing is credible before "
        + $"{StationWindows.CallsFor(90)} calls for 90 % and {StationWindows.CallsFor(95)} for 95 %. Real calls that "
        + "are no sample of delivered power, because they are caps, were not judged, or may still be proven: "
        + $"{windows.NoSample}. Tests are announced, and no sample.";

    public static Listing Response(DispatchWindow window) =>
        Listing.Of<(string What, int Known, object? P5, object? P50, object? P95)>(
        [
            ("delay to 10 %, s", window.Delay.Values, Delay(window.Delay.Fifth), Delay(window.Delay.Median),
                Delay(window.Delay.NinetyFifth)),
            ("ramp 10 to 90 %, kW/s", window.Ramp.Values, window.Ramp.Fifth, window.Ramp.Median,
                window.Ramp.NinetyFifth),
        ],
        new("figure", "figure", row => row.What),
        new("calls", "calls where known", row => row.Known),
        new("p5", null, row => row.P5),
        new("p50", null, row => row.P50),
        new("p95", null, row => row.P95),
        new(null, "p5", row => Rounded(row.P5)),
        new(null, "p50", row => Rounded(row.P50)),
        new(null, "p95", row => Rounded(row.P95)));

    // To a thousandth of a second, and of a kW/s.
    private static object? Rounded(object? figure) => figure is decimal number ? decimal.Round(number, 3) : figure;

    /// <summary>Cut off to one decimal, so that what is short of its order is never shown as 100.</summary>
    private static decimal? Percent(Energy part, Energy whole) =>
        whole == Energy.Zero ? null : (long)(part.HalfNanojoules * 1000 / whole.HalfNanojoules) / 10m;

    private static Power? Kilowatts(long? milliwatts) => milliwatts is { } power ? new Power(power) : null;
    private static object? Delay(long? microseconds) =>
        microseconds is { } delay ? EnergyListings.Seconds(delay) : null;
    private static decimal? Seconds(Duration? time) => time?.ToInt64Nanoseconds() / 1_000_000_000m;
}
