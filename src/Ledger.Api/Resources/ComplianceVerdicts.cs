using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Api.Resources;

/// <summary>Instructions with the tally of their verdicts.</summary>
public sealed record InstructionsAnswer(long? AsOf, IReadOnlyList<CurtailmentCompliance.InstructionRow> Instructions);

/// <summary>An instruction with the verdict of each target.</summary>
/// <param name="IsNotOver">Whether some of what is judged is to come.</param>
/// <param name="UnknownTargets">Targets that nobody registered as settlement points: nothing is measured
/// there.</param>
public sealed record ComplianceAnswer(
    long? AsOf, CurtailmentCompliance.InstructionRow Instruction, bool IsNotOver, IReadOnlyList<string> UnknownTargets,
    IReadOnlyList<CurtailmentCompliance.TargetRow> Targets);

/// <summary>Dispatch instructions and the verdicts of their targets.</summary>
internal static class ComplianceVerdicts
{
    public static void Map(WebApplication app, OpenLedger ledger)
    {
        app.MapGet("/v1/instructions", async (HttpContext context) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var at = await ReadInstant.OfAsync(ledger, context, position).ConfigureAwait(false);
            return Answering.Read(new InstructionsAnswer(position, answers.Instructions().ReadAt(at)), position);
        }).Reads("instructions", "Every dispatch instruction with the tally of its verdicts.");

        app.MapGet("/v1/compliance", async (HttpContext context) =>
        {
            var instruction = Asking.Required<InstructionId>(
                context.Request, "instruction", InstructionId.TryParse, Rejection.InvalidIdentifier,
                Asking.IdentifierRule);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var at = await ReadInstant.OfAsync(ledger, context, position).ConfigureAwait(false);
            return answers.Instruction(instruction)?.ReadAt(at) is { } found
                ? Answering.Read(new ComplianceAnswer(position, found.Instruction, found.IsNotOver,
                    answers.UnknownTargets(found), found.Targets), position)
                : throw new ProblemException(404, Rejection.UnknownInstruction, $"there is no instruction {instruction}");
        }).Reads("compliance", "One instruction with the verdict and reasons of each target.", "instruction")
            .Refuses(404);
    }
}
