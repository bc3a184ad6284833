using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using MediatR;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>
/// The taking of one input: hands each part to the pipeline and notes what became of it, in the order of the input.
/// Readings wait and are handed in together, register by register, so that many share one append.
/// </summary>
internal sealed class IntakeRun(
    IMediator mediator, Recorder recorder, FindMeters findMeters, IntakeHints hints, Principal by,
    CancellationToken ct)
{
    /// <summary>Attempts so far in this process: a file has no key of its own,
    /// and every taking of it is another attempt.</summary>
    private static long attempts;

    private readonly List<IntakePart?> parts = [];
    private readonly List<WaitingReading> waiting = [];
    private readonly Dictionary<Submission, HeldEvidence?> held = new(ReferenceEqualityComparer.Instance);

    /// <summary>A reading that waits, and the place of its part.</summary>
    /// <param name="Received">The bytes that it is from as they came in, which are its evidence; null: it has
    /// none.</param>
    private sealed record WaitingReading(
        int Part, string What, IndexRead Read, Submission Raw, Submission? Received, SignedVerdicts? Signed);

    public IntakeHints Hints => hints;
    public PartyId Party => by.Party;
    /// <summary>The sender's key, where the input is one fact.</summary>
    public IdempotencyKey? Key { get; init; }

    /// <summary>The register that a meter counted at an instant; one at a point that the sender does not reach is none
    /// to him.</summary>
    public async ValueTask<RegisterId?> FindAsync(string meterSerial, Direction direction, Instant at) =>
        (await findMeters(ct).ConfigureAwait(false)).At(meterSerial, direction, at) is { } register
            && await ReachesAsync(register.Point).ConfigureAwait(false) ? register : null;

    /// <summary>The installation of a meter that ended last before an instant, where the sender reaches it.</summary>
    public async ValueTask<MeterInstalled?> EndedAsync(string meterSerial, Direction direction, Instant at) =>
        (await findMeters(ct).ConfigureAwait(false)).EndedBefore(meterSerial, direction, at) is { } ended
            && await ReachesAsync(ended.Register.Point).ConfigureAwait(false) ? ended : null;

    private async ValueTask<bool> ReachesAsync(SettlementPointId point) => by.Reach.IsEverything
        || await Reaching.CoversAsync(by.Reach, point, recorder, ct).ConfigureAwait(false);

    /// <summary>What is known of a meter itself; of one that never counted at a point that the sender reaches, nothing.
    /// </summary>
    public async Task<MeterState> MeterAsync(string meterSerial) =>
        by.Reach.IsEverything || await CountsWhereReachedAsync(meterSerial).ConfigureAwait(false)
            ? (await recorder.LoadAsync(Streams.Meter(meterSerial), MeterState.Empty, Meters.Evolve, ct)
                .ConfigureAwait(false)).State
            : MeterState.Empty;

    private async Task<bool> CountsWhereReachedAsync(string meterSerial)
    {
        foreach (var register in (await findMeters(ct).ConfigureAwait(false)).Ever(meterSerial))
            if (await ReachesAsync(register.Point).ConfigureAwait(false)) return true;
        return false;
    }

    /// <summary>
    /// Keeps the bytes that something comes from, once however much does; only for who may write readings, and where
    /// it is about a point that he reaches. Or says why what comes from them cannot be recorded now.
    /// </summary>
    private async Task<(HeldEvidence? Evidence, RecordOutcome? WhyNot)> HoldAsync(
        Submission? received, SettlementPointId? about)
    {
        if (received is null || !by.Holds(Scopes.ReadingsWrite)
            || (about is { } point && !await ReachesAsync(point).ConfigureAwait(false))) return default;
        if (!held.TryGetValue(received, out var evidence))
            held[received] = evidence = await recorder.HoldAsync(Named(received), by, ct).ConfigureAwait(false);
        return (evidence, evidence is null ? recorder.NotHeld("nothing") : null);
    }

    /// <summary>Every submission passes here before anything is kept of it.</summary>
    private Submission Named(Submission raw) => PersonalData.Named(raw, hints.Subject);

    /// <summary>Reads one fact from its text and hands it in, or lets it wait with the other readings.</summary>
    public async Task FactAsync(string what, Submission text, string? type = null)
    {
        if (FactText.Read(text.Bytes, type, out var fact) is { } refused)
            await RefuseAsync(what, refused, text).ConfigureAwait(false);
        else if (fact is FactInput.Reading reading) Wait(what, reading.Index, text, null);
        else if (fact is FactInput.Event happened)
            foreach (var part in happened.Parts(Party))
                await SendAsync($"{what}, {part.What}", part.Fact, text).ConfigureAwait(false);
        else if (fact is FactInput.Of<ChargeRecordInput> { Input: var record })
            await RecordAsync(what, record, text, text).ConfigureAwait(false);
        else await SendAsync(what, (FactInput.Complete)fact!, text).ConfigureAwait(false);
    }

    /// <summary>A charge record, at the hinted point where the file does not know its name.</summary>
    public Task RecordAsync(string what, ChargeRecordInput record, Submission raw, Submission received) =>
        SendAsync(what, evidence => new FactInput.Of<ChargeRecordInput>(record with
        {
            Record = record.Record with { Evidence = evidence },
            Places = hints.Point is { } point ? [point] : record.Places,
        }), raw, received, hints.Point);

    public Task SendAsync(string what, FactInput.Complete input, Submission raw) =>
        SendAsync(what, _ => input, raw, null, null);

    /// <summary>The same of what names its evidence.</summary>
    /// <param name="input">What is handed in, with that evidence.</param>
    /// <param name="received">The evidence, as it came in.</param>
    /// <param name="about">The point that it is about, where that is known.</param>
    public async Task SendAsync(string what, Func<EvidenceDigest?, FactInput.Complete> input, Submission raw,
        Submission? received, SettlementPointId? about)
    {
        // A register may be installed here that the readings before it must not know.
        await HandInWaitingAsync().ConfigureAwait(false);
        var (evidence, whyNot) = await HoldAsync(received, about).ConfigureAwait(false);
        var outcome = whyNot ?? await HandInAsync(input(evidence?.Digest), raw).ConfigureAwait(false);
        evidence?.Note(outcome);
        parts.Add(new IntakePart(what, outcome));
    }

    /// <param name="received">The reading's evidence, as it came in; null: it has none.</param>
    public void Wait(string what, IndexRead read, Submission raw, Submission? received, SignedVerdicts? signed = null)
    {
        waiting.Add(new WaitingReading(parts.Count, what, read, raw, received, signed));
        parts.Add(null);
    }

    public async Task RefuseAsync(
        string what, Refusal refusal, Submission raw, SignedVerdicts? signed = null,
        IReadOnlyList<FieldFault>? faults = null) =>
        parts.Add(new IntakePart(what, await RefusedAsync(refusal, raw).ConfigureAwait(false), signed, faults));

    public async Task KeepAsync(string what, string note, Submission raw, SignedVerdicts? signed = null) =>
        parts.Add(new IntakePart(what,
            await HandInAsync(new FactInput.Of<EvidenceToKeep>(new(note)), raw).ConfigureAwait(false), signed));

    public async Task<IReadOnlyList<IntakePart>> FinishAsync()
    {
        await HandInWaitingAsync().ConfigureAwait(false);
        return [.. parts.Select(part => part!)];
    }

    private async Task HandInWaitingAsync()
    {
        foreach (var ofRegister in waiting.GroupBy(reading => reading.Read.Register))
            await HandInAsync(ofRegister.Key, [.. ofRegister]).ConfigureAwait(false);
        waiting.Clear();
    }

    private async Task HandInAsync(RegisterId register, IReadOnlyList<WaitingReading> readings)
    {
        var (state, _) = await recorder.LoadAsync(Streams.Register(register), RegisterState.Empty, Register.Evolve, ct)
            .ConfigureAwait(false);
        var ready = new List<(WaitingReading Waiting, RegisterReadingInput Input, HeldEvidence? Evidence)>();
        var unreadable = new List<(WaitingReading Waiting, Refusal Why)>();
        var isReached = await ReachesAsync(register.Point).ConfigureAwait(false);
        foreach (var reading in readings)
        {
            if (reading.Read.InSteps(state.InForce(reading.Read.ReadAt), out var input) is { } refused)
            {
                unreadable.Add((reading, refused));
                continue;
            }
            var (evidence, whyNot) = await HoldAsync(isReached ? reading.Received : null, null).ConfigureAwait(false);
            if (whyNot is not null) Note(reading, whyNot);
            else ready.Add((reading, input! with { Evidence = evidence?.Digest }, evidence));
        }
        if (unreadable.Count > 0) await RefuseAsync(register, unreadable).ConfigureAwait(false);
        if (ready.Count == 0) return;
        var batch = new RegisterReadings(register, [.. ready.Select(item => (item.Input, Named(item.Waiting.Raw)))]);
        var outcome = await HandInAsync(new FactInput.Of<RegisterReadings>(batch), ready[0].Waiting.Raw)
            .ConfigureAwait(false);
        // Where the pipeline answers for the batch (not authorised, busy), it answers for each.
        for (var i = 0; i < ready.Count; i++)
        {
            var became = outcome is RecordOutcome.Several several ? several.Parts[i] : outcome;
            ready[i].Evidence?.Note(became);
            Note(ready[i].Waiting, became);
        }
    }

    /// <summary>
    /// Why readings are none of a register is kept, and told, where the sender may hand in readings of it. The pipeline
    /// is asked with none: whoever may not would learn which registers there are, and keep here what could be taken
    /// again.
    /// </summary>
    private async Task RefuseAsync(RegisterId register, List<(WaitingReading Waiting, Refusal Why)> unreadable)
    {
        var may = await new FactInput.Of<RegisterReadings>(new(register, [])).SendAsync(
            mediator, unreadable[0].Waiting.Raw, by, NextAttempt(), ct).ConfigureAwait(false);
        foreach (var (reading, why) in unreadable)
            Note(reading, may is RecordOutcome.Refused ? may
                : await RefusedAsync(why, reading.Raw).ConfigureAwait(false));
    }

    private void Note(WaitingReading reading, RecordOutcome outcome) =>
        parts[reading.Part] = new IntakePart(reading.What, outcome, reading.Signed);

    /// <summary>Who may not write readings is told why all the same, but leaves no evidence.</summary>
    private async Task<RecordOutcome> RefusedAsync(Refusal refusal, Submission raw)
    {
        var outcome = await HandInAsync(new FactInput.Of<EvidenceToRefuse>(new(refusal.Code, refusal.Detail)), raw)
            .ConfigureAwait(false);
        return outcome is RecordOutcome.Refused { Code: Rejection.NotAuthorised }
            ? new RecordOutcome.Refused(refusal.Code, refusal.Detail)
            : outcome;
    }

    private Task<RecordOutcome> HandInAsync(FactInput.Complete input, Submission raw) =>
        input.SendAsync(mediator, Named(raw), by, Key ?? NextAttempt(), ct);

    // No sender's key begins with a blank.
    private static IdempotencyKey NextAttempt() => new($" intake {Interlocked.Increment(ref attempts)}");
}
