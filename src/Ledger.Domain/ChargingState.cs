using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// What a charger says of a connector, from <paramref name="At"/> until it says the next, or for
/// <see cref="ChargingState.AgeMax"/>: whether a vehicle is connected, and what that vehicle can do. It is observed
/// whether or not an instruction is open.
/// </summary>
/// <param name="StateOfChargePerMille">Of the vehicle's battery, 0 to 1000;
/// null where the charger cannot know it.</param>
/// <param name="VehicleImportMax">The most that the vehicle takes; null where it did not say.</param>
/// <param name="VehicleExportMax">The most that the vehicle gives back; zero where it can not.</param>
/// <param name="Fault">The charger's own words for what is broken; null where nothing is.</param>
public sealed record ChargingStateRecorded(
    SettlementPointId Point, Instant At, bool Connected, int? StateOfChargePerMille, Power? VehicleImportMax,
    Power? VehicleExportMax, string? Fault, string Source) : LedgerEvent;

/// <summary>A stretch of time that a recorded fact or state excuses.</summary>
/// <param name="Limit">What the vehicle can still give; null where nothing is owed.</param>
public sealed record Excuse(Interval Period, ShortfallReason Reason, Power? Limit, string Source);

/// <summary>The vehicles of one connector around an instruction.</summary>
/// <param name="AtNotice">Whether one was connected when the instruction was issued;
/// null where no state says so.</param>
/// <param name="AtStart">The same when the call began.</param>
/// <param name="Arrivals">Vehicles that were connected while the call ran, after nobody was.</param>
public sealed record Connection(bool? AtNotice, bool? AtStart, int Arrivals)
{
    public static readonly Connection Unknown = new(null, null, 0);
}

/// <summary>When a state may be recorded, and what follows from the states of one connector.</summary>
public static class ChargingState
{
    /// <summary>A full battery, in per mille.</summary>
    public const int Full = 1000;

    /// <summary>At or below this a vehicle owes no export (ours: no programme states a floor yet).</summary>
    public const int FloorPerMille = 200;

    /// <summary>
    /// For how long a state is believed that nobody repeats; afterwards it is unknown who is there (ours: no source
    /// states an age). A charger speaks when something changes, so a bound of minutes would ask for words where nothing
    /// happened; without any one word would excuse every call to come. Who has nothing new says the same once a day.
    /// </summary>
    public static readonly Duration AgeMax = Duration.FromHours(24);

    /// <summary>Guards stand in the order of their codes. Nobody observes what is to come.</summary>
    public static Decision Decide(ChargingStateRecorded state, Instant now, EvidenceKey evidence)
    {
        var (import, export) = (state.VehicleImportMax ?? Power.Zero, state.VehicleExportMax ?? Power.Zero);
        if (state.StateOfChargePerMille is < 0 or > Full)
            return Refuse(Rejection.OutOfRange,
                $"a state of charge is 0 to {Full} per mille, not {state.StateOfChargePerMille}");
        if (import < Power.Zero || export < Power.Zero)
            return Refuse(Rejection.OutOfRange, $"a vehicle's limit is not negative: {import} import, {export} export");
        if (Limits.IsInTheFuture(state.At, now))
            return Refuse(Rejection.ReadInTheFuture, $"observed at {state.At}");
        if (Math.Max(import.Milliwatts, export.Milliwatts) > Limits.PowerMilliwattsMax)
            return Refuse(Rejection.PowerAboveLimit, $"a vehicle's limit is at most "
                + $"{new Power(Limits.PowerMilliwattsMax)}: {import} import, {export} export");
        var vehicle = state.StateOfChargePerMille is not null || state.VehicleImportMax is not null
            || state.VehicleExportMax is not null;
        return vehicle && !state.Connected
            ? Refuse(Rejection.NoVehicleConnected, "a vehicle that is not connected says nothing")
            : new Decision.Accepted(NewFact.At(state, state.At, evidence));
    }

    /// <summary>Whether a reason can excuse from an order of a kind. A cap asks nothing of a vehicle but to be there:
    /// an empty battery, or a limit of what it gives, makes nobody charge.</summary>
    public static bool MayExcuse(InstructionKind kind, ShortfallReason reason) => kind != InstructionKind.Curtail
        || reason is not (ShortfallReason.StateOfChargeFloor or ShortfallReason.VehicleLimit);

    /// <summary>
    /// What the states excuse of an order inside a window: all of it while nobody is connected, while the charger is
    /// broken, or while a vehicle that should export is at its floor; the part that a vehicle cannot give while its own
    /// limit is below the order; of a cap what may (<see cref="MayExcuse"/>).
    /// </summary>
    public static IEnumerable<Excuse> Excuses(
        InstructionKind kind, Power ordered, Interval window, IEnumerable<ChargingStateRecorded> states)
    {
        var known = Ordered(states);
        for (var i = 0; i < known.Count; i++)
        {
            var (start, next) = (known[i].At, Until(known, i));
            var holds = new Interval(
                Instant.Max(start, window.Start),
                Instant.Max(Instant.Max(start, window.Start), Instant.Min(next, window.End)));
            if (holds.Duration > Duration.Zero && Reason(kind, ordered, known[i]) is { } reason)
                yield return new(holds, reason,
                    reason == ShortfallReason.VehicleLimit ? known[i].VehicleExportMax : null, known[i].Source);
        }
    }

    /// <summary>Who was connected at notice and at the start, and who came while the call ran.</summary>
    public static Connection Around(Instant notice, Interval call, IEnumerable<ChargingStateRecorded> states)
    {
        var known = Ordered(states);
        if (known.Count == 0) return Connection.Unknown;
        var arrivals = known.Where((state, i) =>
            state.Connected && call.Contains(state.At) && state.At > call.Start && i > 0 && !known[i - 1].Connected
            && Until(known, i - 1) == state.At).Count();
        return new(At(notice), At(call.Start), arrivals);

        bool? At(Instant at) => known.FindLastIndex(state => state.At <= at) is >= 0 and var last
            && at < Until(known, last) ? known[last].Connected : null;
    }

    /// <summary>A state ends where the next one begins, and of old age.</summary>
    private static Instant Until(List<ChargingStateRecorded> known, int index)
    {
        var old = known[index].At + AgeMax;
        return index + 1 < known.Count ? Instant.Min(known[index + 1].At, old) : old;
    }

    private static ShortfallReason? Reason(InstructionKind kind, Power ordered, ChargingStateRecorded state) =>
        !state.Connected ? ShortfallReason.NoVehicle
        : state.Fault is not null ? ShortfallReason.Fault
        : MayExcuse(kind, ShortfallReason.StateOfChargeFloor) && state.StateOfChargePerMille <= FloorPerMille
            ? ShortfallReason.StateOfChargeFloor
        : MayExcuse(kind, ShortfallReason.VehicleLimit) && state.VehicleExportMax < ordered
            ? ShortfallReason.VehicleLimit
        : null;

    // Two sources may speak at once; the order of their names decides, so that every machine takes the same.
    private static List<ChargingStateRecorded> Ordered(IEnumerable<ChargingStateRecorded> states) =>
        [.. states.OrderBy(state => state.At).ThenBy(state => state.Source, StringComparer.Ordinal)];

    private static Decision Refuse(Rejection code, string detail) => new Decision.Rejected(code, detail);
}
