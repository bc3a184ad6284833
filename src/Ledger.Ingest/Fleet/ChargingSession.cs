using Bogus;
using Ledger.Domain;

namespace Ledger.Ingest.Fleet;

/// <summary>
/// A vehicle as it is plugged in. Energies are in watt-seconds, times 1000 (mW·s); shares of the battery in percent.
/// It charges up to the target, and does not discharge below the floor.
/// </summary>
public sealed record Vehicle(
    long CapacityMilliwattSeconds, int ArrivesAtPercent, int TargetPercent, int FloorPercent, Power ChargesAtMost,
    Power DischargesAtMost)
{
    /// <summary>mW·s in a kilowatt-hour.</summary>
    public const long PerKilowattHour = 3_600_000_000;

    public long At(int percent) => CapacityMilliwattSeconds / 100 * percent;
}

/// <summary>A vehicle at a connector, from plugging in to plugging out, in seconds of the day.</summary>
public sealed record ChargingSession(int PlugInSecond, int PlugOutSecond, Vehicle Vehicle);

/// <summary>
/// Who comes when to a connector. Vehicles come one by one all day, and many at once after the ends of shifts; where a
/// call needs a certain vehicle at a certain time (or none), that is arranged first and the others keep clear of it.
/// </summary>
internal static class Arrivals
{
    private const int Minute = 60, Hour = 3600;

    /// <summary>Ends of shifts, in seconds of the day.</summary>
    private static readonly int[] ShiftEnds =
        [7 * Hour, 12 * Hour, 15 * Hour + 30 * Minute, 19 * Hour + 45 * Minute, 23 * Hour];

    /// <summary>A stretch of the day that is spoken for: with this session, or without any.</summary>
    private readonly record struct Reserved(int FromSecond, int ToSecond, ChargingSession? Session);

    public static IReadOnlyList<ChargingSession> At(FleetPlan plan, int station, int connector, Power rated)
    {
        var chance = FleetChance.Of(plan.Seed, $"arrivals {FleetPlan.ConnectorOf(station, connector)}");
        var reserved = plan.Calls
            .Select(call => call.ConductOf(station, connector) is { } conduct ? Reserve(call, conduct, chance) : null)
            .OfType<Reserved>().OrderBy(one => one.FromSecond).ToList();
        var sessions = reserved.Select(one => one.Session).OfType<ChargingSession>().ToList();
        var second = chance.Number(-40, 60) * Minute;
        while (second < FleetPlan.DaySeconds)
        {
            var leaves = second + chance.Number(25, 80) * Minute;
            var vehicle = ByChance(chance, rated);
            var clash = reserved.FindIndex(one => second < one.ToSecond && one.FromSecond < leaves);
            if (clash < 0) sessions.Add(new ChargingSession(Math.Max(second, 0), leaves, vehicle));
            second = Next(chance, clash < 0 ? leaves : reserved[clash].ToSecond);
        }
        return [.. sessions.OrderBy(session => session.PlugInSecond)];
    }

    private static int Next(Randomizer chance, int free)
    {
        var shift = Array.Find(ShiftEnds, end => end >= free);
        var atShiftEnd = chance.Number(1, 100) <= 60;
        if (shift > 0 && shift - free <= 2 * Hour && atShiftEnd) return shift + chance.Number(0, 12) * Minute;
        var night = free is < 6 * Hour or > 22 * Hour;
        return free + chance.Number(4, night ? 150 : 55) * Minute + chance.Number(0, 59);
    }

    private static Vehicle ByChance(Randomizer chance, Power rated)
    {
        var (capacityKwh, chargesKw) = chance.Number(1, 10) switch
        {
            <= 3 => (chance.Number(500, 700), 1_000), // heavy lorry with a megawatt inlet
            <= 6 => (chance.Number(280, 400), 450),   // bus
            _ => (chance.Number(70, 120), 250),       // car or van
        };
        var charges = Power.FromKilowatts(chargesKw);
        return new Vehicle(
            capacityKwh * Vehicle.PerKilowattHour, chance.Number(10, 55), chance.Number(82, 100), 20,
            charges < rated ? charges : rated, Power.Zero);
    }

    /// <summary>The vehicle, or its absence, that makes a connector behave as the plan says.</summary>
    private static Reserved? Reserve(FleetCall call, CallConduct conduct, Randomizer chance)
    {
        if (conduct == CallConduct.Silent && call.Kind == InstructionKind.Curtail) return null;
        if (conduct == CallConduct.NoVehicle)
            return new(call.FromSecond - 20 * Minute, call.ToSecond + 10 * Minute, null);
        // Most who are to curtail do so with whatever vehicle is there, or with none.
        if (conduct == CallConduct.Complies && call.Kind == InstructionKind.Curtail) return null;
        var plugIn = call.FromSecond - chance.Number(15, 40) * Minute;
        var plugOut = call.ToSecond + chance.Number(15, 40) * Minute;
        var vehicle = (call.Kind, conduct) switch
        {
            // At 150 kW it stays below its floor, 300 kWh, until it leaves.
            (InstructionKind.Curtail, CallConduct.StateOfChargeFloor) => new Vehicle(
                1_200 * Vehicle.PerKilowattHour, 2, 95, 25, Power.FromKilowatts(150), Power.Zero),
            // Empty enough to take 300 kW until it leaves.
            (InstructionKind.Curtail, _) => new Vehicle(
                chance.Number(880, 920) * Vehicle.PerKilowattHour, chance.Number(8, 12), 95, 20,
                Power.FromKilowatts(300),
                Power.Zero),
            // 35 % of it, the energy above the floor, lasts less than half an hour at 303 kW.
            (_, CallConduct.StateOfChargeFloor) => new Vehicle(
                400 * Vehicle.PerKilowattHour, 60, 60, 25, Power.FromKilowatts(300), Power.FromKilowatts(400)),
            (_, CallConduct.FallsShort) => new Vehicle(
                800 * Vehicle.PerKilowattHour, 80, 85, 20, Power.FromKilowatts(300), Power.FromKilowatts(180)),
            _ => new Vehicle(
                chance.Number(760, 840) * Vehicle.PerKilowattHour, chance.Number(72, 84), 85, 20,
                Power.FromKilowatts(350), Power.FromKilowatts(400)),
        };
        return new(plugIn, plugOut, new ChargingSession(plugIn, plugOut, vehicle));
    }
}
