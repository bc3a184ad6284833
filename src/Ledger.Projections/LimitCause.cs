using Ledger.Domain;
using NodaTime;
using static Ledger.Projections.CurtailmentCompliance;

namespace Ledger.Projections;

/// <summary>
/// Why a period was above its limit, as far as anything recorded says so: connectors that began to draw at once,
/// storage that was empty or took instead of giving, an instruction that came late.
/// A cause is what was recorded of the same time; nothing proves that it was the only one,
/// and where nothing is recorded none is made up.
/// </summary>
public static class LimitCause
{
    /// <summary>A point behind the limit, and its interval records of the period and of the one before.</summary>
    public sealed record Behind(
        MasterData.PointRow Point, VerifiedExport.PeriodRow? Before, VerifiedExport.PeriodRow? During,
        IReadOnlyList<FactRow> Facts);

    /// <summary>A dispatch instruction that was open in the period, with its targets behind the limit.</summary>
    public sealed record OpenCall(InstructionRow Order, IReadOnlyList<TargetRow> Targets);

    private const string Unknown = "none recorded";

    /// <summary>The causes in words, in this order: arrivals, storage, instructions; never empty.</summary>
    public static IReadOnlyList<string> Of(
        Direction direction, Instant start, IReadOnlyList<Behind> behind, IReadOnlyList<OpenCall> calls)
    {
        var storage = behind.Where(point => point.Point.Kind == SettlementPointKind.Storage).ToList();
        List<string> causes = direction == Direction.Import
            ? [.. Arrivals(behind), .. storage.SelectMany(Storage), .. calls.SelectMany(call => Late(call, start))]
            : [.. storage.SelectMany(Discharge), .. calls.SelectMany(Ordered)];
        return causes.Count == 0 ? [Unknown] : causes;
    }

    private static IEnumerable<string> Arrivals(IReadOnlyList<Behind> behind)
    {
        var connectors = behind.Where(point => point.Point.Kind == SettlementPointKind.Connector).ToList();
        var began = connectors.Where(Began).ToList();
        if (began.Count == 0) yield break;
        var mean = new Power(began.Sum(point => Mean(point.During!, point.During!.Import).Milliwatts));
        yield return (began.Count == 1 ? "one arrival" : "concurrent arrivals")
            + $": {began.Count} of {connectors.Count} connectors began to charge, {Rounded(mean)} in the mean";
    }

    // Idle at some instant of the period or of the one before, and taking more than in the one before.
    private static bool Began(Behind point) => point.During is { } now
        && (now.MinimumMilliwatts <= 0 || point.Before?.MinimumMilliwatts <= 0)
        && now.Import > (point.Before?.Import ?? Energy.Zero);

    private static IEnumerable<string> Storage(Behind storage)
    {
        var empty = storage.Facts.Where(fact => fact.Reason == ShortfallReason.StateOfChargeFloor).ToList();
        if (empty.Count > 0) yield return $"storage empty: {storage.Point.Point}, recorded by {empty[0].Source}";
        else if (storage.During is not { } now) yield break;
        else if (now.Import > now.Export)
            yield return $"storage charged: {storage.Point.Point}, {Rounded(Mean(now, now.Import))} in the mean";
        else if (now.Export == Energy.Zero) yield return $"storage gave nothing: {storage.Point.Point}";
    }

    private static IEnumerable<string> Discharge(Behind storage)
    {
        if (storage.During is { } now && now.Export > now.Import)
            yield return $"storage discharged: {storage.Point.Point}, {Rounded(Mean(now, now.Export))} in the mean";
    }

    private static IEnumerable<string> Late(OpenCall call, Instant start)
    {
        if (call.Order.Kind != InstructionKind.Curtail) yield break;
        var late = call.Targets.Count(target => target.Reach == InstructionReach.AcknowledgedLate);
        if (call.Order.IssuedAt > start)
            yield return $"late instruction: {call.Order.Instruction} issued after the period began";
        else if (late > 0)
            yield return $"late instruction: {call.Order.Instruction} acknowledged late at {late} of "
                + $"{call.Targets.Count} targets";
    }

    private static IEnumerable<string> Ordered(OpenCall call)
    {
        if (call.Order.Kind == InstructionKind.Export)
            yield return $"ordered: {call.Order.Instruction}, "
                + $"{new Power(call.Targets.Sum(target => target.QuantityMilliwatts))} of export";
    }

    private static Power Mean(VerifiedExport.PeriodRow record, Energy energy) =>
        energy.MeanOver(record.End - record.Start);

    /// <summary>To whole kW: a cause is named, not measured.</summary>
    private static Power Rounded(Power power) => Power.FromKilowatts((int)(power.Milliwatts / 1_000_000));
}
