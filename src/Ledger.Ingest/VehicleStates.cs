using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>
/// Why a charging stopped, as charger and vehicle tell each other (GB/T 27930: BST of the vehicle, CST of the charger).
/// </summary>
public enum ChargingStop { TargetReached = 1, ByDriver = 2, ByVehicle = 3, VehicleFault = 4, ChargerFault = 5 }

/// <summary>
/// What charger and vehicle said to each other beside a sample: current and voltage that the vehicle asks for (GB/T
/// 27930: BCL) and that the charger permits, in mA and mV, its state of charge in per mille (BCS), and why it stopped.
/// A current that is negative is one that the vehicle gives back. Null is what was not said.
/// </summary>
internal readonly record struct VehicleWords(
    int? RequestedMilliamperes, int? RequestedMillivolts, int? PermittedMilliamperes, int? PermittedMillivolts,
    int? StateOfChargePerMille, ChargingStop? Stop);

/// <summary>
/// From what vehicles say to charging states, the facts that excuse a shortfall (<see cref="ChargingState"/>). What a
/// vehicle asks for is the most that it takes or gives; one that stopped by itself gives nothing; a charger that
/// stopped for a fault is broken. What the charger permits limits the charger and not the vehicle, and why a driver
/// stopped is nobody's fault: both stay in the evidence and excuse nothing. A state is made where it differs from the
/// one before.
/// </summary>
internal sealed class VehicleStates
{
    /// <summary>The source of such a state: a part of its natural key, and so the same in whichever batch it came.
    /// </summary>
    public const string Source = "curve batch";

    /// <summary>States of one batch: a charge in steps of a per mille has a thousand.</summary>
    public const int StatesMax = 20_000;

    private readonly SortedDictionary<SettlementPointId, List<(long At, VehicleWords Words)>> said = [];

    public int Count { get; private set; }

    public void Add(SettlementPointId point, long atMicroseconds, VehicleWords words)
    {
        if (!said.TryGetValue(point, out var ofPoint)) said.Add(point, ofPoint = []);
        // What is repeated in a row says nothing new, and a 20 Hz sender repeats it for minutes.
        if (ofPoint.Count > 0 && ofPoint[^1].Words == words && ofPoint[^1].At <= atMicroseconds) return;
        ofPoint.Add((atMicroseconds, words));
        Count++;
    }

    /// <summary>The states, point by point and in order of time; of several at one instant the last said holds.
    /// </summary>
    public IReadOnlyList<ChargingStateRecorded> ToStates()
    {
        var states = new List<ChargingStateRecorded>();
        foreach (var (point, words) in said)
        {
            ChargingStateRecorded? before = null;
            foreach (var instant in words.OrderBy(each => each.At).GroupBy(each => each.At))
            {
                var state = Of(point, instant.Key, instant.Last().Words);
                if (before is not null && state == before with { At = state.At }) continue;
                states.Add(before = state);
            }
        }
        return states;
    }

    private static ChargingStateRecorded Of(SettlementPointId point, long atMicroseconds, VehicleWords words)
    {
        var asked = words is { RequestedMilliamperes: { } current, RequestedMillivolts: { } voltage }
            ? Milliwatts(current, voltage) : (long?)null;
        var stopped = words.Stop is ChargingStop.ByVehicle or ChargingStop.VehicleFault;
        return new(point, Instant.FromUnixTimeTicks(atMicroseconds * 10), Connected: true, words.StateOfChargePerMille,
            stopped ? Power.Zero : asked >= 0 ? new Power(asked.Value) : null,
            stopped ? Power.Zero : asked < 0 ? new Power(-asked.Value) : null,
            words.Stop == ChargingStop.ChargerFault ? "the charger stopped for a fault of its own" : null, Source);
    }

    /// <summary>A milliampere at a millivolt is a microwatt; half to even.</summary>
    private static long Milliwatts(long milliamperes, long millivolts)
    {
        var (whole, rest) = Math.DivRem(Math.Abs(milliamperes * millivolts), 1000);
        if (rest > 500 || (rest == 500 && whole % 2 != 0)) whole++;
        return milliamperes < 0 ? -whole : whole;
    }
}
