using Ledger.Domain;
using Ledger.Ingest.Frames;

namespace Ledger.Ingest.Simulation;

/// <summary>
/// What the vehicle at a connector says while it is plugged in: the current it asks for at its voltage, what it is
/// permitted, and its state of charge, which rises and falls with the energy that it takes and gives.
/// </summary>
internal static class SimulatedVehicle
{
    /// <summary>A vehicle says something so often, in seconds.</summary>
    public const int SpeaksEverySeconds = 10;
    /// <summary>A connector permits so much more than its vehicle's peak, per cent.</summary>
    private const int PermittedPercent = 110;

    public static VehicleFact At(SimulatedStream stream, SimulatedSession session, int streamNumber, long index)
    {
        var (level, taken, all) = stream.Levels(session, index);
        // Hundredths of a percent: from arrival to leaving in the proportion of the energy taken. A vehicle that gives
        // much before it has taken it stays at its floor.
        var rise = (session.LeavesAtPermille - session.ArrivesAtPermille) * 10L;
        var charge = (int)Math.Clamp(
            session.ArrivesAtPermille * 10L + (long)(rise * (Int128)taken / all), 0, 10_000);
        // The open-circuit voltage of a battery rises by about a tenth from empty to full; 700 V is a common one.
        var millivolts = 665_000 + 7 * charge;
        var power = Math.Abs(level) * stream.Fleet.Plan.PowerUnitMilliwatts;
        return new VehicleFact(streamNumber, stream.InstantOf(index),
            Milliamperes(power, millivolts), millivolts,
            Milliamperes(session.PeakMilliwatts * PermittedPercent / 100, millivolts), millivolts * 11 / 10, charge);
    }

    public static VehicleFact Stopped(SimulatedStream stream, SimulatedSession session, int streamNumber) =>
        At(stream, session, streamNumber, session.StopIndex) with { StopReason = (int)session.StopReason };

    private static int Milliamperes(long milliwatts, int millivolts) => (int)(milliwatts * 1000 / millivolts);
}
