using Ledger.Domain;

namespace Ledger.Journal.Pipeline;

/// <summary>
/// What each standard input touches. An input that is not listed here is for those alone who reach everything: so a new
/// one is closed until somebody has thought of whose it is.
/// </summary>
internal static class StandardReach
{
    private static readonly Touched[] Nothing = [];

    public static CommandRoutes AddReach(this CommandRoutes routes) => routes
        .AddMeteringReach().AddDispatchReach().AddContractReach()
        .Touches<EvidenceToKeep>(_ => Nothing)
        .Touches<EvidenceToRefuse>(_ => Nothing)
        .Touches<AccessKeyIssued>(_ => Nothing)
        .Touches<AccessKeyRevoked>(_ => Nothing)
        .Touches<SigningKeyRegistered>(_ => Nothing)
        .Touches<MeterClassDeclared>(_ => Nothing)
        .Touches<MeterKeyRegistered>(_ => Nothing);

    private static CommandRoutes AddMeteringReach(this CommandRoutes routes) => routes
        .Touches<Dated<SettlementPointRegistered>>(input =>
            [new Touched.NewPoint(input.Fact.Point, input.Fact.Owner, input.Fact.Station, input.From)])
        .Touches<Dated<RegisterInstalled>>(input =>
            [new Touched.Point(input.Fact.Register.Point), new Touched.Meter(input.Fact.MeterSerial)])
        .Touches<RegisterReadings>(input => [new Touched.Point(input.Register.Point)])
        .Touches<RegisterReadingCorrected>(input => [new Touched.Point(input.Register.Point)])
        .Touches<IntervalReadingBatch>(input => [new Touched.Point(input.Register.Point)])
        .Touches<IntervalReadingCorrected>(input => [new Touched.Point(input.Register.Point)])
        .Touches<IntervalEstimated>(input => [new Touched.Point(input.Register.Point)])
        .Touches<PointPlaced>(input => [new Touched.Point(input.Point), new Touched.Point(input.Parent)])
        .Touches<LossFactorSet>(input => [new Touched.Point(input.Point)])
        .Touches<StandingLimitSet>(input => [new Touched.Point(input.Point)])
        .Touches<ChargingFactRecorded>(input => [new Touched.Point(input.Point)])
        .Touches<ChargingStateRecorded>(input => [new Touched.Point(input.Point)])
        .Touches<ChargingStateBatch>(input => [new Touched.Point(input.Point)])
        .Touches<SessionRequested>(input => [new Touched.Point(input.Point)])
        .Touches<OutageRecorded>(input => [new Touched.Point(input.Point)])
        .Touches<ChargeRecordInput>(input => [new Touched.Place(input.Places)]);

    private static CommandRoutes AddDispatchReach(this CommandRoutes routes) => routes
        .Touches<DispatchInstructed>(input =>
        [
            new Touched.Party(input.IssuedBy), new Touched.NewInstruction(input.Instruction),
            .. input.Targets.Select(target => new Touched.Point(target.Point)),
            .. input.Programme is { } programme ? new Touched[] { new Touched.OrderedIn(programme) } : [],
        ])
        .Touches<InstructionClockRecorded>(input =>
            [new Touched.Point(input.Point), new Touched.Instruction(input.Instruction)])
        .Touches<InstructionWithdrawn>(input => [new Touched.OwnInstruction(input.Instruction)])
        .Touches<ReasonClaimed>(input =>
        [
            new Touched.Point(input.Point), new Touched.Party(input.ClaimedBy),
            new Touched.Instruction(input.Instruction),
        ]);

    private static CommandRoutes AddContractReach(this CommandRoutes routes) => routes
        .Touches<ScheduleDeclared>(input => [new Touched.Point(input.Point), new Touched.Party(input.DeclaredBy)])
        .Touches<ProgrammePublished>(input =>
        [
            new Touched.Published(Streams.Programme(input.Programme)),
            .. input.Payer is { } payer ? new Touched[] { new Touched.Party(payer) } : [],
        ])
        .Touches<PointEnrolled>(input =>
            [
                new Touched.Point(input.Point), new Touched.Admitting(input.Programme),
                new Touched.PaidEnrolment(input.Programme),
            ])
        .Touches<EnrolmentEnded>(input => [new Touched.Point(input.Point), new Touched.Admitting(input.Programme)])
        .Touches<AvailabilityDeclared>(input =>
            [new Touched.Point(input.Point), new Touched.PaidReady(input.Programme, input.Point, input.Period)])
        .Touches<DeliveryClaim>(input => [new Touched.Point(input.Point), new Touched.Party(input.ClaimedBy)])
        .Touches<Dated<TariffPublished>>(input => [new Touched.Published(Streams.Tariff(input.Fact.Tariff))])
        .Touches<Dated<TariffAssigned>>(input =>
        [
            new Touched.Party(input.Fact.Account),
            new Touched.Used(Streams.Tariff(input.Fact.Tariff)),
        ])
        .Touches<Dated<RulePackPublished>>(input => [new Touched.Published(Streams.RulePack(input.Fact.Pack))])
        .Touches<DisputeOpened>(input =>
        [
            new Touched.Party(input.Account), new Touched.Party(input.OpenedBy), new Touched.NewDispute(input.Dispute),
        ])
        .Touches<DisputeAnswered>(input => [new Touched.Dispute(input.Dispute), new Touched.Party(input.AnsweredBy)])
        .Touches<DisputeClosed>(input => [new Touched.Dispute(input.Dispute), new Touched.Party(input.ClosedBy)]);
}
