using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger freeze INSTRUCTION</c>: fixes what would be metered without the call, from the facts before it, and shows
/// every day with its reason; later it completes what had to wait for meter values.
/// </summary>
public static class Freeze
{
    public static Verb Verb { get; } = new("freeze", "INSTRUCTION",
        "fixes the baselines of an instruction's targets from the facts before it, or completes those that await meter "
        + "values",
        "ledger freeze I-1 --holidays 2026-05-01,2026-05-04",
        [
            new("--point", "POINT", "one target only"),
            new("--at", "POSITION",
                "from the facts before this position; a freeze: before the instruction, a completion: all"),
            new("--complete", null, "completes what awaits meter values"),
            new("--holidays", "DAY[,DAY]", "days that the rule treats as holidays"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count != 1) throw new UsageException("freeze needs one INSTRUCTION");
        var asked = new FreezeBaseline(
            CommandLine.Read<InstructionId>(line.Words[0], InstructionId.TryParse, "INSTRUCTION is an identifier"),
            line.Option<SettlementPointId>("--point", SettlementPointId.TryParse, "a settlement point's identifier"),
            line.Option<long>("--at", LedgerReader.TryPosition, "a position"), line.Flag("--complete"),
            [.. (line.Option("--holidays")?.Split(',') ?? [])
                .Select(day => CommandLine.Read<LocalDate>(day, CommandLine.TryDay,
                    "--holidays are days like 2026-05-01")).Distinct().Order()]);
        await using var ledger = DataFolder.Open(line, shell);
        var outcome = await ledger.Commands.Send(new Command<FreezeBaseline>(
            asked, new Submission(Encoding.UTF8.GetBytes(Text(asked).ToJsonString()), "ledger freeze"),
            ledger.Operator("cli"), new IdempotencyKey($" freeze {asked.Instruction}")), ct).ConfigureAwait(false);
        var frozen = await Deliveries.FrozenAsync(ledger.Journal, asked.Instruction, ledger.Journal.Length, ct)
            .ConfigureAwait(false);
        new Page().Field("ledger", "ledger", ledger.Journal.Ledger.Value)
            .Field("instruction", "instruction", asked.Instruction.Value)
            .Field("outcome", "outcome", OutcomeOf(outcome)).Add(frozen).Write(shell.Output, line.Json);
        return outcome.IsDurable ? ExitCode.Done : ExitCode.NotAsItShouldBe;
    }

    private static JsonObject Text(FreezeBaseline asked) => new()
    {
        ["instruction"] = $"{asked.Instruction}",
        ["point"] = asked.Point?.Value,
        ["atPosition"] = asked.AtPosition,
        ["complete"] = asked.Complete,
        ["holidays"] = new JsonArray([.. asked.Holidays.Select(day => JsonValue.Create(Cell.Exact(day)))]),
    };

    private static string OutcomeOf(RecordOutcome outcome) => outcome switch
    {
        RecordOutcome.Recorded recorded =>
            string.Create(CultureInfo.InvariantCulture, $"recorded at position {recorded.Position}"),
        RecordOutcome.AlreadyRecorded => "already recorded, with the same result",
        RecordOutcome.Refused refused => $"refused, {refused.Code} ({(int)refused.Code}): {refused.Detail}",
        RecordOutcome.Conflict conflict => $"refused, it is frozen with another result: {conflict.Differs}",
        RecordOutcome.Unkept unkept => $"not recorded: {unkept.Said}",
        _ => "not recorded: the ledger is busy, try again",
    };
}
