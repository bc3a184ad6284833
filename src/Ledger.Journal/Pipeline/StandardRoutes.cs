using Ledger.Domain;
using Ledger.Journal.Proof;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Journal.Pipeline;

/// <summary>A fact about something that lasts, and from when on it holds.</summary>
public sealed record Dated<TFact>(TFact Fact, Instant From) where TFact : LedgerEvent;

/// <summary>Readings of one register, in the order in which they are judged,
/// each with the bytes that it was read from.</summary>
public sealed record RegisterReadings(RegisterId Register,
    IReadOnlyList<(RegisterReadingInput Reading, Submission Raw)> Readings);

/// <summary>Interval readings of one register that start on one UTC day.</summary>
public sealed record IntervalReadingBatch(RegisterId Register, LocalDate UtcDay,
    IReadOnlyList<IntervalReadingRecorded> Readings);

/// <summary>What vehicles at one point said on one UTC day, in order of time.</summary>
public sealed record ChargingStateBatch(SettlementPointId Point, LocalDate UtcDay,
    IReadOnlyList<ChargingStateRecorded> States);

/// <summary>Evidence from which nothing is settled, kept all the same.</summary>
public sealed record EvidenceToKeep(string Note);

/// <summary>Evidence that was refused before it became an input.</summary>
public sealed record EvidenceToRefuse(Rejection Code, string Detail);

/// <summary>
/// Every input that a door may hand in: its scope, its stream, and the concept that decides it. Curves and settlement
/// runs, which need more than their stream, are added where the program is composed.
/// </summary>
public static class StandardRoutes
{
    public static CommandRoutes Create() => new CommandRoutes()
        .Add<Dated<SettlementPointRegistered>>(Scopes.MasterDataWrite, (recorder, c, _, ct) => recorder.RecordAsync(
            Streams.Point(c.Input.Fact.Point), SettlementPointState.Empty, SettlementPoint.Evolve,
            state => SettlementPoint.Decide(state, c.Input.Fact, c.Input.From), c.By, ct, c.Raw))
        .Add<Dated<RegisterInstalled>>(Scopes.MasterDataWrite, (recorder, c, _, ct) => recorder.RecordAsync(
            Streams.Register(c.Input.Fact.Register), RegisterState.Empty, Register.Evolve,
            state => Register.DecideInstalled(state, c.Input.Fact, c.Input.From), c.By, ct, c.Raw))
        .Add<RegisterReadings>(Scopes.ReadingsWrite, async (recorder, c, now, ct) =>
        {
            var point = await PointAsync(recorder, c.Input.Register.Point, ct).ConfigureAwait(false);
            var pruned = await PrunedReadings.OfAsync(recorder, c.Input, ct).ConfigureAwait(false);
            return new RecordOutcome.Several(
                await recorder.RecordEachAsync(Streams.Register(c.Input.Register), RegisterState.Empty, Register.Evolve,
                    c.Input.Readings, (state, item) => pruned.Guard(item.Reading,
                        Register.Decide(state, item.Reading, now, new(Rated(point, item.Reading.ReadAt)))),
                    item => item.Raw, c.By, ct, placed: c.Input.Readings.Count == 1).ConfigureAwait(false));
        })
        .Add<RegisterReadingCorrected>(Scopes.ReadingsCorrect, (recorder, c, _, ct) => recorder.RecordAsync(
            Streams.Register(c.Input.Register), RegisterState.Empty, Register.Evolve,
            state => ReadingCorrections.Decide(state, c.Input), c.By, ct, c.Raw))
        .Add<IntervalReadingBatch>(Scopes.ReadingsWrite, async (recorder, c, now, ct) =>
        {
            var point = await PointAsync(recorder, c.Input.Register.Point, ct).ConfigureAwait(false);
            return new RecordOutcome.Several(
                await recorder.RecordEachAsync(Streams.IntervalReadings(c.Input.Register, c.Input.UtcDay),
                    IntervalReadingsState.Empty, IntervalReadings.Evolve, c.Input.Readings,
                    (state, reading) => IntervalReadings.Decide(state, reading, now,
                        Rated(point, reading.Period.Start)), _ => c.Raw, c.By, ct,
                    placed: c.Input.Readings.Count == 1).ConfigureAwait(false));
        })
        .Add<IntervalReadingCorrected>(Scopes.ReadingsCorrect, (recorder, c, _, ct) =>
            Intervals(recorder, c, c.Input.Register, c.Input.Period,
            state => IntervalCorrections.Decide(state, c.Input), ct))
        .Add<IntervalEstimated>(Scopes.ReadingsCorrect, (recorder, c, now, ct) =>
            Intervals(recorder, c, c.Input.Register, c.Input.Period,
            state => IntervalEstimates.Decide(state, c.Input, now), ct))
        .Add<MeterClassDeclared>(Scopes.MetersWrite, (recorder, c, _, ct) => recorder.RecordAsync(
            Streams.Meter(c.Input.MeterSerial), MeterState.Empty, Meters.Evolve,
            state => Meters.Decide(state, c.Input), c.By, ct, c.Raw))
        .Add<MeterKeyRegistered>(Scopes.MetersWrite, (recorder, c, _, ct) => recorder.RecordAsync(
            Streams.Meter(c.Input.MeterSerial), MeterState.Empty, Meters.Evolve,
            state => Meters.Decide(state, c.Input), c.By, ct, c.Raw))
        .Add<PointPlaced>(Scopes.MasterDataWrite, (recorder, c, _, ct) => recorder.RecordAsync(
            Streams.StationTree, StationTreeState.Empty, StationTree.Evolve,
            state => StationTree.Decide(state, c.Input), c.By, ct, c.Raw))
        .Add<LossFactorSet>(Scopes.MasterDataWrite, (recorder, c, _, ct) => recorder.RecordAsync(
            Streams.LossFactor(c.Input.Point), LossFactorState.Empty, StationTree.Evolve,
            state => StationTree.Decide(state, c.Input), c.By, ct, c.Raw))
        .Add<DispatchInstructed>(Scopes.DispatchWrite, async (recorder, c, now, ct) =>
        {
            var offers = await ProgrammeRoutes.OffersAsync(recorder, c.Input, ct).ConfigureAwait(false);
            var outcome = await Instruction(recorder, c, c.Input.Instruction, state => Dispatch.Decide(
                state, c.Input, now, Key($"{c.Input.Instruction}"), offers), ct).ConfigureAwait(false);
            return await UnknownTargets.SaidAsync(recorder, c.Input, outcome, ct).ConfigureAwait(false);
        })
        .Add<InstructionClockRecorded>(Scopes.DispatchAnswer, (recorder, c, now, ct) =>
            Instruction(recorder, c, c.Input.Instruction,
            state => Dispatch.Decide(state, c.Input, now,
                Key($"{c.Input.Instruction}/{c.Input.Point}/{c.Input.Clock}")), ct))
        .Add<InstructionWithdrawn>(Scopes.DispatchWrite, (recorder, c, now, ct) =>
            Instruction(recorder, c, c.Input.Instruction,
            state => Dispatch.Decide(state, c.Input, now, Key($"{c.Input.Instruction}/withdrawn")), ct))
        .Add<ReasonClaimed>(Scopes.DispatchAnswer, (recorder, c, now, ct) =>
            Instruction(recorder, c, c.Input.Instruction, state => Dispatch.Decide(state, c.Input, now,
                Key($"{c.Input.Instruction}/{c.Input.Point}/claim/{c.Input.Reason}/{c.Input.ClaimedBy}")), ct))
        .Add<ChargingFactRecorded>(Scopes.DispatchAnswer, (recorder, c, now, ct) => recorder.RecordAsync(
            Streams.ChargingFacts(c.Input.Point, c.Input.Period.Start.InUtc().Date), 0, (seen, _) => seen,
            _ => Dispatch.Decide(c.Input, now, new EvidenceKey(
                $"charging-fact/{c.Input.Point}/{c.Input.Period}/{c.Input.Reason}/{c.Input.Source}")), c.By, ct, c.Raw))
        .Add<ChargingStateRecorded>(Scopes.DispatchAnswer, (recorder, c, now, ct) => recorder.RecordAsync(
            Streams.ChargingStates(c.Input.Point, c.Input.At.InUtc().Date), 0, (seen, _) => seen,
            _ => ChargingState.Decide(c.Input, now, Key(c.Input)), c.By, ct, c.Raw))
        .Add<ChargingStateBatch>(Scopes.DispatchAnswer, async (recorder, c, now, ct) => new RecordOutcome.Several(
            await recorder.RecordEachAsync(Streams.ChargingStates(c.Input.Point, c.Input.UtcDay), 0, (seen, _) => seen,
                c.Input.States, (_, state) => ChargingState.Decide(state, now, Key(state)), _ => c.Raw, c.By, ct)
                .ConfigureAwait(false)))
        .AddProgrammes()
        .AddPlans()
        .AddChargeRecords()
        .AddDisputes()
        .AddAccess()
        .AddReach()
        .Add<StandingLimitSet>(Scopes.LimitsWrite, (recorder, c, now, ct) => recorder.RecordAsync(
            Streams.Limits(c.Input.Point), StandingLimitState.Empty, StandingLimit.Evolve,
            state => StandingLimit.Decide(state, c.Input, now), c.By, ct, c.Raw))
        .Add<Dated<TariffPublished>>(Scopes.TariffsWrite, (recorder, c, _, ct) => recorder.RecordAsync(
            Streams.Tariff(c.Input.Fact.Tariff), TariffState.Empty, Tariffs.Evolve,
            state => Tariffs.Decide(state, c.Input.Fact, c.Input.From,
                new EvidenceKey($"tariff/{c.Input.Fact.Tariff}/{c.Input.Fact.Version}")), c.By, ct, c.Raw))
        .Add<Dated<TariffAssigned>>(Scopes.TariffsWrite, (recorder, c, _, ct) => recorder.RecordAsync(
            Streams.Assignment(c.Input.Fact.Account), TariffAssignmentState.Empty, TariffAssignments.Evolve,
            state => TariffAssignments.Decide(state, c.Input.Fact, c.Input.From), c.By, ct, c.Raw))
        .Add<Dated<RulePackPublished>>(Scopes.RulesWrite, (recorder, c, _, ct) => recorder.RecordAsync(
            Streams.RulePack(c.Input.Fact.Pack), RulePackState.Empty, RulePacks.Evolve,
            state => RulePacks.Decide(state, c.Input.Fact, c.Input.From,
                new EvidenceKey($"rule-pack/{c.Input.Fact.Pack}/{c.Input.Fact.Version}")), c.By, ct, c.Raw))
        .Add<StandardDeclared>(Scopes.MasterDataWrite, (recorder, c, _, ct) => recorder.RecordAsync(
            Streams.Standards(c.Input.Station), StandardsState.Empty, Standards.Evolve,
            state => Standards.Decide(state, c.Input), c.By, ct, c.Raw))
        .Add<SigningKeyRegistered>(Scopes.KeysWrite, (recorder, c, now, ct) => recorder.RecordAsync(
            Streams.SigningKeys, SigningKeyState.Empty, SigningKeys.Evolve,
            state => SigningKeys.Decide(state, c.Input, now, LogKeys.Check(state, c.Input)), c.By, ct, c.Raw))
        .Add<EvidenceToKeep>(Scopes.EvidenceWrite, (recorder, c, _, ct) =>
            recorder.KeepAsync(c.Input.Note, c.Raw, c.By, ct))
        .Add<EvidenceToRefuse>(Scopes.EvidenceWrite, (recorder, c, _, ct) =>
            recorder.RefuseAsync(c.Input.Code, c.Input.Detail, c.Raw, c.By, ct));

    /// <summary>The most that can flow through a point, as it is registered now; null where it is not,
    /// or with no power.</summary>
    private static async Task<SettlementPointState> PointAsync(
        Recorder recorder, SettlementPointId point, CancellationToken ct) =>
        (await recorder.LoadAsync(Streams.Point(point), SettlementPointState.Empty, SettlementPoint.Evolve, ct)
            .ConfigureAwait(false)).State;

    /// <summary>What a point was rated for at an instant; null where it is not known.</summary>
    private static Power? Rated(SettlementPointState point, Instant at) =>
        point.HolderAt(at)?.Rated is { Milliwatts: > 0 } rated ? rated : null;

    private static Task<RecordOutcome> Intervals<TInput>(
        Recorder recorder, Command<TInput> c, RegisterId register, Interval period,
        Func<IntervalReadingsState, Decision> decide,
        CancellationToken ct) where TInput : notnull =>
        recorder.RecordAsync(Streams.IntervalReadings(register, period.Start.InUtc().Date), IntervalReadingsState.Empty,
            IntervalReadings.Evolve, decide, c.By, ct, c.Raw);

    private static Task<RecordOutcome> Instruction<TInput>(
        Recorder recorder, Command<TInput> c, InstructionId instruction, Func<DispatchState, Decision> decide,
        CancellationToken ct)
        where TInput : notnull =>
        recorder.RecordAsync(Streams.Instruction(instruction), DispatchState.Empty, Dispatch.Evolve, decide, c.By, ct,
            c.Raw);

    private static EvidenceKey Key(ChargingStateRecorded state) =>
        new($"charging-state/{state.Point}/{InstantPattern.ExtendedIso.Format(state.At)}/{state.Source}");

    private static EvidenceKey Key(string instruction) => new($"instruction/{instruction}");
}
