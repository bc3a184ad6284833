using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Api;

/// <summary>Asks for a settlement run of an account's day.</summary>
/// <param name="AtPosition">From the facts before this position; null: from all that there are when it is run.</param>
/// <param name="Style">How a correction is booked; any other run is whole.</param>
/// <param name="By">Who of the staff has it calculated; null: nobody but the door is named.</param>
public sealed record RunSettlement(
    RunId Run, PartyId Account, LocalDate Day, RunKind Kind, RunId? Supersedes, long? AtPosition,
    CorrectionStyle Style = CorrectionStyle.Whole, string? By = null)
{
    /// <summary>The route that calculates the statement and records the run.</summary>
    public static CommandRoutes AddTo(CommandRoutes routes, OpenLedger ledger) =>
        routes.Add<RunSettlement>(Scopes.SettlementRun, (recorder, command, now, ct) => ledger.Turns.BesideRunsAsync(
            command.Input.Account, () => RecordAsync(ledger, recorder, command, now, ct), ct));

    /// <summary>The day is calculated within the decision: where another run or correction came first, it is
    /// calculated again beside that one, and not booked twice.</summary>
    private static Task<RecordOutcome> RecordAsync(
        OpenLedger ledger, Recorder recorder, Command<RunSettlement> command, Instant now, CancellationToken ct)
    {
        var asked = command.Input;
        var by = asked.By is { } named ? command.By with { Actor = named } : command.By;
        return recorder.RecordAsync(Streams.Settlement(asked.Account, asked.Day), SettlementState.Empty,
            Settlement.Evolve, day => DecideAsync(ledger, recorder, asked, day, now, ct), by, ct, command.Raw);
    }

    private static async ValueTask<Decision> DecideAsync(
        OpenLedger ledger, Recorder recorder, RunSettlement asked, SettlementState day, Instant now,
        CancellationToken ct)
    {
        // A retry means the run that it asked for before, not one of everything that came in between.
        var repeated = day.Runs.FirstOrDefault(run => run.Run == asked.Run);
        var position = asked.AtPosition ?? repeated?.AtPosition
            ?? day.Deltas.FirstOrDefault(deltas => deltas.Run == asked.Run)?.AtPosition ?? ledger.Journal.Length;
        if (position > ledger.Journal.Length)
            return new Decision.Rejected(Rejection.OutOfRange,
                $"atPosition is {position}: the journal has {ledger.Journal.Length} events");
        await ledger.CatchUpAsync(ct).ConfigureAwait(false);
        var calculation = await Settlements.CalculateAsync(
            ledger.Journal, ledger.Views, asked.Account, asked.Day, position, ct).ConfigureAwait(false);
        if (calculation is not SettlementCalculation.Calculated calculated)
        {
            var not = (SettlementCalculation.NotPossible)calculation;
            return new Decision.Rejected(not.Code, not.Detail);
        }
        if (asked.Style != CorrectionStyle.Whole)
            return await BookAsync(ledger, asked, day, calculated, now, ct).ConfigureAwait(false);
        // A correction that names no run is one of the run that holds, and a retry of what it was one of.
        var supersedes = asked.Supersedes ?? (asked.Kind != RunKind.Correction ? null
            : repeated is null ? day.Holding?.Run : repeated.Supersedes);
        if (asked.Kind == RunKind.Correction && supersedes is null && repeated is null) return NothingThere(asked);
        var (month, _) = await recorder.LoadAsync(Streams.SettlementMonth(asked.Account, MonthClose.MonthOf(asked.Day)),
            MonthCloseState.Empty, MonthClose.Evolve, ct).ConfigureAwait(false);
        return Settlement.Decide(day, calculated.Request(asked.Run, asked.Kind, supersedes),
            calculated.Statement, now, Settlement.KeyOf(asked.Run, asked.Account, asked.Day), month.Closed is not null);
    }

    /// <summary>Books what the day is more or less than the run that holds and the deltas on it.</summary>
    private static async ValueTask<Decision> BookAsync(
        OpenLedger ledger, RunSettlement asked, SettlementState day, SettlementCalculation.Calculated calculated,
        Instant now, CancellationToken ct)
    {
        if (asked.Kind != RunKind.Correction)
            return new Decision.Rejected(Rejection.OutOfRange, "only a correction is booked as deltas or a credit");
        // A retry corrects what it corrected before, whatever holds by now.
        var name = asked.Supersedes ?? day.Deltas.FirstOrDefault(deltas => deltas.Run == asked.Run)?.Corrects
            ?? day.Holding?.Run;
        if (day.Runs.FirstOrDefault(run => run.Run == name) is not { } corrected) return NothingThere(asked);
        var (deltas, whyNot) = await StatementCorrections.OfAsync(
            ledger.Journal, ledger.Views, day, corrected, asked.Run, asked.Style, calculated, ct).ConfigureAwait(false);
        return deltas is null
            ? whyNot!
            : StatementDeltas.Decide(day, deltas, now);
    }

    private static Decision.Rejected NothingThere(RunSettlement asked) => new(Rejection.UnknownRun,
        $"there is no run of {asked.Account} on {RowJson.Day(asked.Day)} to correct");

    /// <summary>Reads one strict JSON object; the refusal names field, value and rule.</summary>
    public static Refusal? Read(ReadOnlyMemory<byte> json, out RunSettlement? asked)
    {
        asked = null;
        if (IntakeText.Check(json.Span) is { } unreadable) return unreadable;
        try
        {
            using var document = InputValue.Parse(IntakeText.WithoutByteOrderMark(json));
            var input = new InputValue("input", document.RootElement)
                .Object("run", "account", "day", "kind", "supersedes", "atPosition", "style", "by");
            asked = new RunSettlement(
                input.Required("run").Run(), input.Required("account").Party(), ReadDay(input.Required("day")),
                ReadKind(input.Optional("kind")), input.Optional("supersedes")?.Run(),
                input.Optional("atPosition")?.Units(0, 0, long.MaxValue, "must be a position of the journal"),
                ReadStyle(input.Optional("style")), input.Optional("by") is { } by ? ReadBy(by) : null);
            return null;
        }
        catch (InputRefusedException refused)
        {
            return Refusal.Of(refused.Code, refused.Detail);
        }
    }

    private static LocalDate ReadDay(InputValue value) => DayText.TryDay(value.Text(), out var day)
        ? day
        : throw value.Refused(Rejection.InvalidTime, $"must be {Asking.DayRule}");

    private static CorrectionStyle ReadStyle(InputValue? value) => value?.Text() switch
    {
        null or "whole" => CorrectionStyle.Whole,
        "deltas" => CorrectionStyle.Deltas,
        "credit" => CorrectionStyle.Credit,
        _ => throw value.Value.Refused(Rejection.UnknownField, "must be whole, deltas or credit"),
    };

    private static string ReadBy(InputValue value) =>
        value.Text() is { Length: > 0 and <= Limits.IdentifierLengthMax } by
        && !by.Any(char.IsControl) ? by : throw value.Refused(Rejection.OutOfRange,
            $"must have 1 to {Limits.IdentifierLengthMax} characters, and no control character");

    private static RunKind ReadKind(InputValue? value) => value?.Text() switch
    {
        null or "initial" => RunKind.Initial,
        "interim" => RunKind.Interim,
        "final" => RunKind.Final,
        "correction" => RunKind.Correction,
        _ => throw value.Value.Refused(Rejection.UnknownField, "must be initial, interim, final or correction"),
    };
}
