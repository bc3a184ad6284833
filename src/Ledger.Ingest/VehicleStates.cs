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

    public static readonly Refusal TooMany =
        Refusal.Of(Rejection.TooLarge, $"vehicles say more than {StatesMax} different things");

    /// <summary>Point by point what was said, each with its instants as long as it was repeated line by line: a line
    /// that comes later may lie between them.</summary>
    private readonly SortedDictionary<SettlementPointId, List<(VehicleWords Words, List<long> At)>> said = [];

    /// <summary>How often something else was said, line by line.</summary>
    public int Count { get; private set; }

    public void Add(SettlementPointId point, long atMicroseconds, VehicleWords words)
    {
        if (!said.TryGetValue(point, out var ofPoint)) said.Add(point, ofPoint = []);
        // A 20 Hz sender repeats the same for minutes.
        if (ofPoint.Count > 0 && ofPoint[^1].Words == words)
        {
            ofPoint[^1].At.Add(atMicroseconds);
            return;
        }
        ofPoint.Add((words, [atMicroseconds]));
        Count++;
    }

    /// <summary>The states, point by point and in order of time; of several at one instant the last said holds.
    /// </summary>
    public IReadOnlyList<ChargingStateRecorded> ToStates()
    {
        var states = new List<ChargingStateRecorded>();
        foreach (var (point, runs) in said)
        {
            ChargingStateRecorded? before = null;
            foreach (var (at, last) in InTime(runs))
            {
                var state = Of(point, at, last);
                if (before is not null && state == before with { At = state.At }) continue;
                states.Add(before = state);
            }
        }
        return states;
    }

    /// <summary>What was said last at each instant, where that is not what was said at the one before.</summary>
    private static IEnumerable<(long At, VehicleWords Words)> InTime(List<(VehicleWords Words, List<long> At)> runs)
    {
        VehicleWords? told = null;
        (long At, VehicleWords Words)? latest = null;
        foreach (var line in runs.SelectMany(run => run.At.Select(at => (At: at, run.Words))).OrderBy(line => line.At))
        {
            if (latest is { } before && before.At < line.At && before.Words != told)
            {
                yield return before;
                told = before.Words;
            }
            latest = line;
        }
        if (latest is { } last && last.Words != told) yield return last;
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
