using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Verification;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Cli;

/// <summary>
/// Calculates frozen baselines again from the facts before their own position, and completed ones from the facts before
/// the position of their completion, each by the version of the engine's rules that it names, and compares what they
/// say; and decides again, in the order of their recording, whether each might be frozen at all: who could freeze a
/// baseline twice, or from other facts than those before it, could choose what to be paid. A delivery is no fact: it is
/// derived from these whenever somebody asks for it.
/// </summary>
internal static class BaselineVerification
{
    /// <summary>Late enough for all that could be awaited: when it was recorded is the journal's to say.</summary>
    private static readonly Instant Whenever = Instant.MaxValue - Duration.FromDays(1);

    public static async Task VerifyAsync(
        IJournal journal, IViewStore views, IReadOnlyList<(long Position, BaselineFrozen Frozen)> all,
        Findings findings, CancellationToken ct)
    {
        var states = new Dictionary<InstructionId, FrozenBaselinesState>();
        foreach (var (position, frozen) in all)
        {
            var place = $"position {position.ToString(CultureInfo.InvariantCulture)}, baseline of {frozen.Point} for "
                + frozen.Instruction;
            try
            {
                var recorded = await BaselineCalculations.FindAsync(journal, frozen.Instruction, ct)
                    .ConfigureAwait(false)
                    ?? throw new InvalidOperationException($"there is no instruction {frozen.Instruction}");
                var state = states.GetValueOrDefault(frozen.Instruction, FrozenBaselinesState.Empty);
                states[frozen.Instruction] = FrozenBaselines.Evolve(state, frozen);
                if (WhyNot(state, recorded, frozen, position) is { } reason)
                    findings.Add(place, "a baseline that is frozen", $"none: {reason}");
                var again = await AgainAsync(journal, views, all, recorded, frozen, ct).ConfigureAwait(false);
                if (again is null) findings.Add(place, "a completion", "a baseline that it completes");
                else if (!frozen.Says(again)) Compare(place, frozen, again, findings);
            }
            catch (Exception wrong) when (wrong is InvalidOperationException or ArgumentException
                or NodaTime.TimeZones.DateTimeZoneNotFoundException)
            {
                findings.Add(place, $"a baseline that cannot be calculated: {wrong.Message}", "facts that give one");
            }
        }
    }

    /// <summary>Why it might not be frozen there and then; null where it might.</summary>
    private static string? WhyNot(
        FrozenBaselinesState state, RecordedOrder recorded, BaselineFrozen frozen, long position) =>
        Math.Max(frozen.AtPosition, frozen.CompletedAtPosition ?? 0) > position
            ? "it counts facts that are not before it"
        : FrozenBaselines.Decide(state, recorded.Order, recorded.Position, frozen, Whenever) switch
        {
            Decision.Rejected refused => refused.Detail,
            Decision.AlreadyRecorded => "it is frozen before, with the same result",
            _ => null,
        };

    private static async Task<BaselineFrozen?> AgainAsync(
        IJournal journal, IViewStore views, IReadOnlyList<(long Position, BaselineFrozen Frozen)> all,
        RecordedOrder recorded, BaselineFrozen frozen, CancellationToken ct)
    {
        if (frozen.CompletedAtPosition is { } completedAt)
        {
            var first = all.Select(known => known.Frozen).FirstOrDefault(known =>
                known.Instruction == frozen.Instruction && known.Point == frozen.Point
                && known.CompletedAtPosition is null);
            return first is null ? null : (await BaselineCalculations.CompleteAsync(
                journal, views, recorded.Order, [first], completedAt, ct).ConfigureAwait(false))[0];
        }
        var calculated = await BaselineCalculations.FreezeAsync(journal, views, recorded, [frozen.Point],
            new([frozen]), frozen.AtPosition, frozen.Holidays, ct).ConfigureAwait(false);
        return calculated is BaselineCalculation.Calculated { Baselines: [var again] }
            ? again
            : throw new InvalidOperationException("its rule or its point is not known at its position");
    }

    /// <summary>Names the first period that differs, else everything that the two say.</summary>
    private static void Compare(string place, BaselineFrozen recorded, BaselineFrozen again, Findings findings)
    {
        var differs = recorded.Periods.Zip(again.Periods).FirstOrDefault(pair => pair.First != pair.Second);
        if (differs.First is not null && recorded.Periods.Count == again.Periods.Count)
            findings.Add(place, Text(differs.First), $"{Text(differs.Second)} by the facts before its position");
        else findings.Add(place, Text(recorded), $"{Text(again)} by the facts before its position");
    }

    private static string Text(FrozenPeriod period) => string.Create(CultureInfo.InvariantCulture,
        $"{period.Kwh?.ToString(CultureInfo.InvariantCulture) ?? "unknown"} kWh, unadjusted "
        + $"{period.UnadjustedKwh?.ToString(CultureInfo.InvariantCulture) ?? "unknown"}, in {period.Period}");

    private static string Text(BaselineFrozen frozen) => string.Create(CultureInfo.InvariantCulture,
        $"{frozen.Pack} v{frozen.PackVersion} {frozen.Method}, {frozen.Periods.Count} periods, days "
        + $"{string.Join(' ', frozen.Days)}, awaits {frozen.Awaits}, {frozen.Insufficient}, events "
        + $"{string.Join(' ', frozen.EventDays)}");
}
