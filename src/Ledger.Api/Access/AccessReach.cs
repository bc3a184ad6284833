using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal.Pipeline;

namespace Ledger.Api.Access;

/// <summary>What those inputs touch that need more than their stream, as the standard ones say it for theirs.</summary>
internal static class AccessReach
{
    public static CommandRoutes AddTo(CommandRoutes routes) => routes
        .Touches<CurveBatch>(input => input.Curves.Select(curve => new Touched.Point(curve.Point)))
        .Touches<FreezeBaseline>(input => [new Touched.OwnInstruction(input.Instruction)])
        .Touches<RunSettlement>(input => input.By is { } by
            ? [new Touched.Party(input.Account), new Touched.Person(by)] : [new Touched.Party(input.Account)])
        .Touches<PublishRun>(input => [new Touched.Party(input.Account), new Touched.Person(input.By)])
        .Touches<CloseMonth>(input => [new Touched.Party(input.Account), new Touched.Person(input.By)])
        .Touches<RefusalToRelease>(input => [new Touched.Fact(input.Position), new Touched.Person(input.By)])
        .Touches<EvidenceToDisclose>(input => [new Touched.Person(input.By)])
        .Touches<SubjectToErase>(_ => [])
        .Touches<SubjectToHold>(_ => [])
        .Touches<MonthToPrune>(_ => [])
        .Touches<FramesToDrop>(input => input.Rule is DropRule.Order { By: var by } ? [new Touched.Person(by)] : []);
}
