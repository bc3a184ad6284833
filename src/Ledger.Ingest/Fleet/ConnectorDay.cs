using Ledger.Domain;

namespace Ledger.Ingest.Fleet;

/// <summary>What a charger observed while a call lasted, in seconds of the day: the basis of an excuse.</summary>
public sealed record ChargingObservation(SettlementPointId Point, int FromSecond, int ToSecond, ShortfallReason Reason);

/// <summary>
/// A connector's day, step by step: the vehicle that is there charges at constant power up to three quarters of its
/// battery and then ever more slowly, obeys or disregards the calls, and discharges where it is called to and can.
/// Power changes at a bounded rate and passes through a sample of exactly zero where it changes sign.
/// </summary>
internal sealed class ConnectorDay
{
    /// <summary>Share of the battery from which on charging slows down.</summary>
    private const int TaperFromPercent = 75;
    /// <summary>How fast a charger moves, per second.</summary>
    private const long RampMilliwattsPerSecond = 40_000_000;
    /// <summary>Charging slower than this ends: 2 kW.</summary>
    private const long StopsBelowMilliwatts = 2_000_000;
    /// <summary>Noise of the measured power.</summary>
    private const int NoisePartsPerMillion = 1_000;
    private const int LateSeconds = 20 * 60;

    private readonly record struct Part(FleetCall Call, CallConduct Conduct, int ReactsAfterSeconds);

    private readonly FleetPlan plan;
    private readonly SettlementPointId point;
    private readonly Part[] parts;
    private readonly List<ChargingObservation> observations = [];

    private ConnectorDay(FleetPlan plan, int station, int connector)
    {
        this.plan = plan;
        point = FleetPlan.ConnectorOf(station, connector);
        var chance = FleetChance.Of(plan.Seed, $"reaction {point}");
        parts = [.. plan.Calls.Where(call => call.ConductOf(station, connector) is not null)
            .Select(call => new Part(call, call.ConductOf(station, connector)!.Value, chance.Number(3, 18)))];
    }

    /// <summary>The power of every step, in mW, and what the charger observed.</summary>
    public static (long[] Milliwatts, IReadOnlyList<ChargingObservation> Observed) Simulate(
        FleetPlan plan, int station, int connector, IReadOnlyList<ChargingSession> sessions)
    {
        var day = new ConnectorDay(plan, station, connector);
        var noise = FleetChance.Of(plan.Seed, $"noise {day.point}").Number(0, int.MaxValue - 1);
        var milliwatts = new long[plan.Steps + 1];
        var (next, stored, power) = (0, 0L, 0L);
        ChargingSession? present = null;
        for (var step = 0; step < milliwatts.Length; step++)
        {
            var second = step * plan.StepSeconds;
            if (present is not null && second >= present.PlugOutSecond) present = null;
            if (present is null && next < sessions.Count && sessions[next].PlugInSecond <= second)
            {
                present = sessions[next++];
                stored = present.Vehicle.At(present.Vehicle.ArrivesAtPercent);
            }
            var wanted = present is null ? 0 : day.Wanted(present.Vehicle, stored, second);
            // Nobody is plugged out under load: a vehicle that leaves has stopped before.
            power = present is null ? 0 : Towards(power, wanted, RampMilliwattsPerSecond * plan.StepSeconds);
            if (present is not null && second + day.Settling(power) >= present.PlugOutSecond)
                power = Towards(power, 0, RampMilliwattsPerSecond * plan.StepSeconds);
            stored += power * plan.StepSeconds;
            milliwatts[step] = FleetChance.Noisy(power, NoisePartsPerMillion, noise, step);
        }
        day.ObserveWholeCalls();
        return (milliwatts, day.observations);
    }

    /// <summary>From one power towards another, no faster than the ramp, and never across zero in one step.</summary>
    internal static long Towards(long power, long wanted, long rampMilliwatts)
    {
        var next = Math.Clamp(wanted, power - rampMilliwatts, power + rampMilliwatts);
        return Math.Sign(power) * Math.Sign(next) < 0 ? 0 : next;
    }

    private int Settling(long power) =>
        (int)(Math.Abs(power) / RampMilliwattsPerSecond) + 2 * plan.StepSeconds;

    /// <summary>What the vehicle would take (positive) or give (negative) now, in mW.</summary>
    private long Wanted(Vehicle vehicle, long stored, int second)
    {
        var charging = stored >= vehicle.At(vehicle.TargetPercent) ? 0 : Tapered(vehicle, stored);
        foreach (var part in parts)
        {
            if (second < part.Call.FromSecond || second >= part.Call.ToSecond) continue;
            var since = second - part.Call.FromSecond;
            if (part.Call.Kind == InstructionKind.Export)
                return Exported(part, vehicle, stored, second, since, charging);
            return since >= CurtailsAfter(part) && !Unsafe(part, since)
                ? Math.Min(charging, part.Call.Quantity.Milliwatts * 98 / 100) : charging;
        }
        return charging;
    }

    /// <summary>Constant power, then falling in line with what is still free of the battery.</summary>
    private static long Tapered(Vehicle vehicle, long stored)
    {
        var full = vehicle.ChargesAtMost.Milliwatts;
        var knee = vehicle.At(TaperFromPercent);
        if (stored <= knee) return full;
        // In millionths of what was free at the knee, so that the product stays within 64 bits.
        var free = (vehicle.CapacityMilliwattSeconds - stored)
            / Math.Max(1, (vehicle.CapacityMilliwattSeconds - knee) / 1_000_000);
        var tapered = full * free / 1_000_000;
        return tapered < StopsBelowMilliwatts ? 0 : tapered;
    }

    private long Exported(Part part, Vehicle vehicle, long stored, int second, int since, long charging)
    {
        if (part.Conduct == CallConduct.Ignores) return charging;
        if (part.Conduct is CallConduct.ClaimsOnly or CallConduct.Silent || since < part.ReactsAfterSeconds) return 0;
        if (Unsafe(part, since)) return 0;
        if (stored <= vehicle.At(vehicle.FloorPercent))
        {
            // Seen once, and then until the call ends.
            if (observations.TrueForAll(seen =>
                seen.Reason != ShortfallReason.StateOfChargeFloor || seen.ToSecond != part.Call.ToSecond))
                observations.Add(new(point, second, part.Call.ToSecond, ShortfallReason.StateOfChargeFloor));
            return 0;
        }
        // One per cent more than ordered, so that noise makes no shortfall.
        return -Math.Min(part.Call.Quantity.Milliwatts / 100 * 101, vehicle.DischargesAtMost.Milliwatts);
    }

    private static int CurtailsAfter(Part part) => part.Conduct switch
    {
        CallConduct.Complies or CallConduct.Safety or CallConduct.NoVehicle => part.ReactsAfterSeconds,
        CallConduct.FallsShort => LateSeconds,
        _ => int.MaxValue,
    };

    /// <summary>Twenty minutes into the call this connector follows no more: too hot to go on,
    /// or to be throttled.</summary>
    private static bool Unsafe(Part part, int since) => part.Conduct == CallConduct.Safety && since >= LateSeconds;

    private void ObserveWholeCalls()
    {
        foreach (var (call, conduct, _) in parts)
        {
            if (conduct == CallConduct.NoVehicle)
                observations.Add(new(point, call.FromSecond, call.ToSecond, ShortfallReason.NoVehicle));
            if (conduct == CallConduct.Safety)
                observations.Add(new(point, call.FromSecond + LateSeconds, call.ToSecond, ShortfallReason.Safety));
            if (conduct == CallConduct.StateOfChargeFloor && call.Kind == InstructionKind.Curtail)
                observations.Add(new(point, call.FromSecond, call.ToSecond, ShortfallReason.StateOfChargeFloor));
        }
    }
}
