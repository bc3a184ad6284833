using System.Diagnostics;
using System.Security.Cryptography;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Journal;

/// <summary>What a caller is told about what it sent in.</summary>
public abstract record RecordOutcome
{
    private RecordOutcome() { }
    /// <summary>Durable at this position.</summary>
    /// <param name="Detail">What whoever sent it ought to know all the same; null: nothing.</param>
    public sealed record Recorded(long Position, string? Detail = null) : RecordOutcome;
    /// <summary>Durable at this position as quarantined: counted only after a later fact releases it.</summary>
    public sealed record Quarantined(long Position, Rejection Code, string Detail) : RecordOutcome;
    /// <summary>It was there before with the same content; the position is null where nothing says which fact it is,
    /// and in a file, where nobody asks for that of each part.</summary>
    /// <param name="Detail">What whoever sent it ought to know all the same; null: nothing.</param>
    public sealed record AlreadyRecorded(long? Position, string? Detail = null) : RecordOutcome;
    /// <summary>The same evidence came before with other content; this one is kept as refused evidence.</summary>
    public sealed record Conflict(EventId Id, string Differs) : RecordOutcome;
    /// <summary>Refused by a named rule; the evidence is kept.</summary>
    public sealed record Refused(Rejection Code, string Detail) : RecordOutcome;
    /// <summary>Refused, by a named rule or as what counts nowhere, and not kept: whoever handed it in keeps it, and
    /// may hand it in again after a while.</summary>
    public sealed record Unkept(Rejection? Code, string Detail, Shortage Why, Duration Again) : RecordOutcome
    {
        /// <summary>What was refused, and why it is not kept.</summary>
        public string Said => $"{(Code is { } code ? $"{code} ({(int)code}): " : "")}{Detail}; it was not kept, because "
            + (Why == Shortage.Disk ? "the disk has no room but for facts"
                : "as much evidence of this party that does not count was kept today as may be");
    }
    /// <summary>Try again later: the queue is full, or the stream changed under every attempt.</summary>
    public sealed record Busy : RecordOutcome;
    /// <summary>The outcomes of the parts of one input, in the order of the parts.</summary>
    public sealed record Several(IReadOnlyList<RecordOutcome> Parts) : RecordOutcome;

    /// <summary>Whether the same input again would only find itself:
    /// nothing was refused and nothing has to be retried.</summary>
    public bool IsDurable => this switch
    {
        Recorded or Quarantined or AlreadyRecorded => true,
        Several several => several.Parts.All(part => part.IsDurable),
        _ => false,
    };
}

/// <summary>
/// The one write path: load the stream, fold it, ask the concept's pure decision, append with the revision that was
/// read; where another writer came first, load and decide again.
/// </summary>
/// <param name="beside">Of a trial: the ledger's evidence, of which it is only asked what is there.</param>
public sealed class Recorder(
    IJournal journal, EvidenceArchive archive, IClock clock, EvidenceLimits? limits = null,
    EvidenceArchive? beside = null)
{
    private const int AttemptsMax = 16;
    private const int PlacesAtOnce = 512; // facts that are looked through before the ones before them
    private readonly RecentStates recent = new();
    private readonly SemaphoreSlim turn = new(1);

    /// <summary>How much evidence of each party is kept that does not count, such as what was refused.</summary>
    public UncountedEvidence Uncounted { get; } =
        new(journal, limits ?? EvidenceLimits.None, clock, () => archive.FreeBytes);

    public IJournal Journal => journal;

    /// <summary>Whether any evidence was pruned.</summary>
    public bool HasPruned => archive.HasPruned;

    /// <summary>Whether this piece of evidence was pruned.</summary>
    public bool IsPruned(EvidenceDigest evidence) => archive.PrunedBy(evidence) is not null;

    /// <summary>The first of these pieces that was never kept; null where all were, erased or pruned since or not.
    /// </summary>
    public EvidenceDigest? Unknown(IEnumerable<EvidenceDigest> evidence) => evidence.Cast<EvidenceDigest?>()
        .FirstOrDefault(piece => !archive.Has(piece!.Value) && beside?.Has(piece.Value) != true);

    /// <summary>The time now, at which it is judged whose a point is.</summary>
    public Instant Now => clock.GetCurrentInstant();

    /// <summary>Decides and records alone among what comes here: for what is judged by streams that others of its kind
    /// append to. One process writes a ledger, so its memory is enough.</summary>
    public async Task<RecordOutcome> InTurnAsync(Func<Task<RecordOutcome>> record, CancellationToken ct)
    {
        await turn.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            return await record().ConfigureAwait(false);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>Loads a stream, asks the decision, appends what it accepts and answers what came of it; where another
    /// writer was faster, all of it again, at most 16 times, and then <see cref="RecordOutcome.Busy"/>.</summary>
    /// <param name="submission">What is kept as evidence where the decision refuses; null: nothing is kept.</param>
    /// <param name="causation">The event because of which this is recorded; null where there is none.</param>
    public Task<RecordOutcome> RecordAsync<TState>(
        string stream, TState initial, Func<TState, LedgerEvent, TState> evolve, Func<TState, Decision> decide,
        Principal by, CancellationToken ct, Submission? submission = null, EventId? causation = null) =>
        RecordAsync(stream, () => LoadAsync(stream, initial, evolve, ct),
            state => ValueTask.FromResult(decide(state)),
            (known, revision) => PlaceAsync(stream, known, revision, initial,
                (state, recorded) => evolve(state, EventCodec.Decode(recorded)), decide, ct),
            by, ct, submission, causation);

    /// <summary>
    /// The same with a decision that calculates from more than the stream. It is asked again at each attempt, so that
    /// nothing is appended which was calculated beside another state of the stream than the one that it follows.
    /// </summary>
    public Task<RecordOutcome> RecordAsync<TState>(
        string stream, TState initial, Func<TState, LedgerEvent, TState> evolve,
        Func<TState, ValueTask<Decision>> decide, Principal by, CancellationToken ct, Submission? submission = null,
        EventId? causation = null) =>
        RecordAsync(stream, () => LoadAsync(stream, initial, evolve, ct), decide,
            (known, revision) => PlaceAsync(stream, known, revision, ct), by, ct, submission, causation);

    /// <summary>The same where the state also depends on when each fact holds from.</summary>
    public Task<RecordOutcome> RecordAsync<TState>(
        string stream, TState initial, Func<TState, LedgerEvent, Instant, TState> evolve,
        Func<TState, Decision> decide, Principal by, CancellationToken ct, Submission? submission = null,
        EventId? causation = null) =>
        RecordAsync(stream, () => LoadAsync(stream, initial, evolve, ct),
            state => ValueTask.FromResult(decide(state)),
            (known, revision) => PlaceAsync(stream, known, revision, initial, (state, recorded) =>
                evolve(state, EventCodec.Decode(recorded), recorded.Envelope.ValidFrom), decide, ct),
            by, ct, submission, causation);

    private async Task<RecordOutcome> RecordAsync<TState>(
        string stream, Func<Task<(TState State, long Revision)>> load, Func<TState, ValueTask<Decision>> decide,
        Func<Decision.AlreadyRecorded, long, Task<long?>> place, Principal by, CancellationToken ct,
        Submission? submission, EventId? causation)
    {
        for (var attempt = 0; attempt < AttemptsMax; attempt++)
        {
            var (state, revision) = await load().ConfigureAwait(false);
            var decision = await decide(state).ConfigureAwait(false);
            if (decision is Decision.AlreadyRecorded known)
                return new RecordOutcome.AlreadyRecorded(
                    await place(known, revision).ConfigureAwait(false), known.Detail);
            if (decision is not Decision.Accepted { Facts: var facts })
                return await AnswerAsync(decision, submission, by, ct).ConfigureAwait(false);
            var result = await journal.AppendAsync(stream, At(revision), facts, by, causation, ct)
                .ConfigureAwait(false);
            if (result is not AppendResult.WrongRevision)
                return await AnswerAsync(result, 0, facts, submission, by, ct).ConfigureAwait(false);
        }
        return new RecordOutcome.Busy();
    }

    /// <summary>
    /// Decides items one after another, each seeing what the ones before it made, and appends what is accepted in
    /// batches: one fsync for many. An item that is refused stops no other; its own evidence is kept.
    /// </summary>
    /// <param name="placed">Whether of what a rule knows already the position is looked for: where a person asks for
    /// one fact, and not for the rows of a file.</param>
    public Task<IReadOnlyList<RecordOutcome>> RecordEachAsync<TState, TItem>(
        string stream, TState initial, Func<TState, LedgerEvent, TState> evolve, IReadOnlyList<TItem> items,
        Func<TState, TItem, Decision> decide, Func<TItem, Submission> evidenceOf, Principal by, CancellationToken ct,
        bool placed = false) =>
        RecordEachAsync(stream, () => LoadAsync(stream, initial, evolve, ct),
            (state, fact) => evolve(state, fact.Event), items, decide, !placed ? null
                : (item, known, revision) => PlaceAsync(stream, known, revision, initial,
                    (state, recorded) => evolve(state, EventCodec.Decode(recorded)), state => decide(state, item), ct),
            evidenceOf, by, ct);

    /// <summary>The same where the state also depends on when each fact holds from.</summary>
    public Task<IReadOnlyList<RecordOutcome>> RecordEachAsync<TState, TItem>(
        string stream, TState initial, Func<TState, LedgerEvent, Instant, TState> evolve, IReadOnlyList<TItem> items,
        Func<TState, TItem, Decision> decide, Func<TItem, Submission> evidenceOf, Principal by, CancellationToken ct,
        bool placed = false) =>
        RecordEachAsync(stream, () => LoadAsync(stream, initial, evolve, ct),
            (state, fact) => evolve(state, fact.Event, fact.ValidTime.Start), items, decide, !placed ? null
                : (item, known, revision) => PlaceAsync(stream, known, revision, initial, (state, recorded) =>
                    evolve(state, EventCodec.Decode(recorded), recorded.Envelope.ValidFrom),
                    state => decide(state, item), ct),
            evidenceOf, by, ct);

    private async Task<IReadOnlyList<RecordOutcome>> RecordEachAsync<TState, TItem>(
        string stream, Func<Task<(TState State, long Revision)>> load, Func<TState, NewFact, TState> evolve,
        IReadOnlyList<TItem> items, Func<TState, TItem, Decision> decide,
        Func<TItem, Decision.AlreadyRecorded, long, Task<long?>>? place, Func<TItem, Submission> evidenceOf,
        Principal by, CancellationToken ct)
    {
        var outcomes = new RecordOutcome?[items.Count];
        var (done, attempts, batchMax) = (0, 0, int.MaxValue);
        while (done < items.Count && attempts++ < AttemptsMax)
        {
            var (state, revision) = await load().ConfigureAwait(false);
            var batch = new Batch(stream, by);
            var next = done;
            for (; next < items.Count && batch.Items.Count < batchMax; next++)
            {
                var decision = decide(state, items[next]);
                if (decision is Decision.Accepted { Facts: var facts })
                {
                    if (!batch.TryAdd(next, facts)) break;
                    foreach (var fact in facts) state = evolve(state, fact);
                }
                else if (place is not null && decision is Decision.AlreadyRecorded known)
                    outcomes[next] = new RecordOutcome.AlreadyRecorded(
                        await place(items[next], known, revision).ConfigureAwait(false), known.Detail);
                else outcomes[next] = await AnswerAsync(decision, evidenceOf(items[next]), by, ct)
                    .ConfigureAwait(false);
            }
            var result = batch.Facts.Count == 0
                ? null
                : await journal.AppendAsync(stream, At(revision), batch.Facts, by, null, ct).ConfigureAwait(false);
            if (result is AppendResult.WrongRevision) continue;
            // Of several one conflicts, or each was there at a place of its own: one at a time says which and where.
            if (result is AppendResult.Conflict or AppendResult.AlreadyRecorded && batch.Items.Count > 1)
                (batchMax, attempts) = (1, 0);
            else
            {
                foreach (var (item, offset, count) in batch.Items)
                    outcomes[item] = await AnswerAsync(
                        result!, offset, batch.Facts.GetRange(offset, count), evidenceOf(items[item]), by, ct)
                            .ConfigureAwait(false);
                (done, attempts) = (next, 0);
            }
        }
        return [.. outcomes.Select(outcome => outcome ?? new RecordOutcome.Busy())];
    }

    /// <summary>The items of one append, and the facts that they became.</summary>
    private sealed class Batch(string stream, Principal by)
    {
        private long payloads, stored;
        public List<NewFact> Facts { get; } = [];
        public List<(int Item, int Offset, int Count)> Items { get; } = [];

        public bool TryAdd(int item, IReadOnlyList<NewFact> facts)
        {
            var contents = facts.Select(fact => EventCodec.Encode(fact.Event)).ToList();
            var payload = contents.Sum(content => content.Payload.Length);
            var more = PendingAppend.StoredBytes(stream, contents, by.Actor, by.Party);
            var isWithin = payloads + payload <= Limits.DecisionBytesMax && stored + more <= Limits.AppendBytesMax;
            if (Facts.Count > 0 && !isWithin) return false;
            (payloads, stored) = (payloads + payload, stored + more);
            Items.Add((item, Facts.Count, facts.Count));
            Facts.AddRange(facts);
            return true;
        }
    }

    /// <summary>
    /// A stream's folded state and its last revision, -1 where there is no such stream. What was folded lately is
    /// folded on, so only what is new since then is read; a fold is a pure function, and its state a value.
    /// </summary>
    public Task<(TState State, long Revision)> LoadAsync<TState>(
        string stream, TState initial, Func<TState, LedgerEvent, TState> evolve, CancellationToken ct) =>
        LoadAsync(stream, initial, evolve, (state, recorded) => evolve(state, EventCodec.Decode(recorded)), ct);

    /// <summary>The same where the state also depends on when each fact holds from.</summary>
    public Task<(TState State, long Revision)> LoadAsync<TState>(
        string stream, TState initial, Func<TState, LedgerEvent, Instant, TState> evolve, CancellationToken ct) =>
        LoadAsync(stream, initial, evolve,
            (state, recorded) => evolve(state, EventCodec.Decode(recorded), recorded.Envelope.ValidFrom), ct);

    private async Task<(TState State, long Revision)> LoadAsync<TState>(
        string stream, TState initial, Delegate evolve, Func<TState, RecordedEvent, TState> fold, CancellationToken ct)
    {
        var (state, revision) = recent.Find(stream, initial, evolve) ?? (initial, -1L);
        var known = revision;
        await foreach (var recorded in journal.ReadStreamAsync(stream, known + 1, ct).ConfigureAwait(false))
            (state, revision) = (fold(state, recorded), recorded.Envelope.Revision);
        if (revision > known) recent.Keep(stream, initial, evolve, state, revision);
        return (state, revision);
    }

    /// <summary>Where the fact stands that a rule knew: the one that it says, else the last of the stream with which
    /// it came to know it. Null where neither finds one: what it knows without a fact, it does not know from one.
    /// </summary>
    private async Task<long?> PlaceAsync<TState>(string stream, Decision.AlreadyRecorded known, long revision,
        TState initial, Func<TState, RecordedEvent, TState> fold, Func<TState, Decision> decide, CancellationToken ct)
    {
        if (known.Is is not null) return await PlaceAsync(stream, known, revision, ct).ConfigureAwait(false);
        var (state, was, place) = (initial, decide(initial) is Decision.AlreadyRecorded, (long?)null);
        await foreach (var recorded in journal.ReadStreamAsync(stream, 0, ct).ConfigureAwait(false))
        {
            state = fold(state, recorded);
            var isKnown = decide(state) is Decision.AlreadyRecorded;
            if (isKnown && !was) place = recorded.Position;
            was = isKnown;
        }
        return place;
    }

    /// <summary>From the end of the stream on, because what is sent twice mostly was so lately.</summary>
    private async Task<long?> PlaceAsync(
        string stream, Decision.AlreadyRecorded known, long revision, CancellationToken ct)
    {
        for (var last = revision; known.Is is { } isIt && last >= 0; last -= PlacesAtOnce)
            await foreach (var recorded in journal.ReadStreamAsync(stream, Math.Max(0, last - PlacesAtOnce + 1), ct)
                .ConfigureAwait(false))
                if (recorded.Envelope.Revision > last) break;
                else if (isIt(EventCodec.Decode(recorded))) return recorded.Position;
        return null;
    }

    private static ExpectedRevision At(long revision) =>
        revision < 0 ? ExpectedRevision.NoStream : ExpectedRevision.Exactly(revision);

    /// <summary>Appends facts that need no state to be decided, idempotent by their ids.</summary>
    public async Task<RecordOutcome> AppendAsync(
        string stream, IReadOnlyList<NewFact> facts, Principal by, CancellationToken ct, Submission? submission = null)
    {
        var result = await journal.AppendAsync(stream, ExpectedRevision.Any, facts, by, null, ct).ConfigureAwait(false);
        return await AnswerAsync(result, 0, facts, submission, by, ct).ConfigureAwait(false);
    }

    /// <summary>Keeps what was refused and records the refusal, once a day for the same bytes,
    /// source and code.</summary>
    public async Task<RecordOutcome> RefuseAsync(
        Rejection code, string detail, Submission? submission, Principal by, CancellationToken ct)
    {
        var unkept = submission is null ? null
            : await KeepRefusedAsync(code, detail, submission, by, ct).ConfigureAwait(false);
        return unkept ?? new RecordOutcome.Refused(code, submission is null ? detail : Told(detail, submission));
    }

    /// <summary>What the sender is told beside why it is refused, where the same bytes came before and nobody said whom
    /// they name: they stay as they were kept then.</summary>
    private string Told(string detail, Submission submission) => submission.NamesSomebody
        && archive.NamesNobody(new(Convert.ToHexStringLower(SHA256.HashData(submission.Bytes.Span))))
        ? $"{detail}; the same bytes came before without a name, so they lie open, and erasing the person does not reach them"
        : detail;

    private async Task<RecordOutcome> AnswerAsync(
        Decision decision, Submission? submission, Principal by, CancellationToken ct) => decision switch
        {
            Decision.AlreadyRecorded known => new RecordOutcome.AlreadyRecorded(null, known.Detail),
            Decision.Rejected refused =>
                await RefuseAsync(refused.Code, refused.Detail, submission, by, ct).ConfigureAwait(false),
            _ => throw new UnreachableException($"{decision} is for the journal to answer"),
        };

    /// <param name="offset">Where in the append the facts of this item begin.</param>
    private async Task<RecordOutcome> AnswerAsync(
        AppendResult result, int offset, IReadOnlyList<NewFact> facts, Submission? submission, Principal by,
        CancellationToken ct)
    {
        switch (result)
        {
            case AppendResult.Recorded recorded:
                var position = recorded.FirstPosition + offset;
                return facts.Select(fact => fact.Event).OfType<RegisterReadingQuarantined>()
                    .FirstOrDefault() is { } kept
                    ? new RecordOutcome.Quarantined(position, kept.Code, kept.Detail)
                    : new RecordOutcome.Recorded(position);
            case AppendResult.AlreadyRecorded before:
                return new RecordOutcome.AlreadyRecorded(before.FirstPosition + offset);
            case AppendResult.Conflict conflict:
                var second = submission ?? new Submission(EventCodec.Encode(facts[0].Event).Payload, "second facts");
                return await KeepRefusedAsync(Rejection.EvidenceConflict, conflict.Differs, second, by, ct)
                    .ConfigureAwait(false) ?? new RecordOutcome.Conflict(conflict.Id, conflict.Differs);
            default: return new RecordOutcome.Busy();
        }
    }

    /// <summary>Keeps evidence from which facts are about to be made. Null where nothing is kept, because as much
    /// evidence of the sender's party as may be was kept today without any of it coming to count.</summary>
    public async ValueTask<HeldEvidence?> HoldAsync(Submission submission, Principal by, CancellationToken ct)
    {
        var (share, shortage) = await Uncounted.HoldAsync(by, submission.Bytes.Length, ct).ConfigureAwait(false);
        if (shortage is not null) return null;
        var digest = archive.Hold(submission, out var isNew);
        if (!isNew) Uncounted.GiveBack(share, share.Bytes);
        return new(digest, Uncounted, isNew ? share : share with { Bytes = 0 });
    }

    /// <summary>What is answered of a submission for which there was nothing to hold.</summary>
    public RecordOutcome.Unkept NotHeld(string what) => Unkept(null, $"{what} may be recorded of it", Shortage.Allowance);

    /// <summary>Keeps evidence from which nothing is settled and records that it is there.</summary>
    public Task<RecordOutcome> KeepAsync(string note, Submission submission, Principal by, CancellationToken ct) =>
        KeepAsync(submission, by, null, note, digest => ($"kept {digest}", new EvidenceKept(digest,
            SourceOf(submission), DetailOf(note, submission, digest), submission.Bytes.Length)), ct);

    /// <summary>Keeps what was refused; null where it is kept, else what is answered instead of the refusal.</summary>
    private async Task<RecordOutcome?> KeepRefusedAsync(Rejection code, string detail, Submission submission,
        Principal by, CancellationToken ct) =>
        await KeepAsync(submission, by, code, detail, digest => ($"refused {digest} {(int)code}", new EvidenceRefused(
            digest, SourceOf(submission), code, DetailOf(detail, submission, digest), submission.Bytes.Length)), ct)
            .ConfigureAwait(false) is (RecordOutcome.Unkept or RecordOutcome.Busy) and var instead
                ? instead : null;

    private async Task<RecordOutcome> KeepAsync(Submission submission, Principal by, Rejection? code, string detail,
        Func<EvidenceDigest, (string Key, LedgerEvent Fact)> fact, CancellationToken ct)
    {
        var bytes = submission.Bytes.Length;
        var (share, shortage) = await Uncounted.TakeAsync(by, bytes + UncountedEvidence.RefusalBytes, ct)
            .ConfigureAwait(false);
        if (shortage is { } why) return Unkept(code, detail, why);
        var digest = archive.Put(submission, out var isNew);
        var (key, kept) = fact(digest);
        var (stream, said) = Today(key, kept);
        var result = await journal.AppendAsync(stream, ExpectedRevision.Any, [said], by, null, ct)
            .ConfigureAwait(false);
        Uncounted.GiveBack(share, (isNew ? 0 : bytes)
            + (result is AppendResult.Recorded ? 0 : UncountedEvidence.RefusalBytes));
        return result switch
        {
            AppendResult.Recorded recorded => new RecordOutcome.Recorded(recorded.FirstPosition),
            AppendResult.AlreadyRecorded before => new RecordOutcome.AlreadyRecorded(before.FirstPosition),
            AppendResult.Conflict conflict => new RecordOutcome.Conflict(conflict.Id, conflict.Differs),
            _ => new RecordOutcome.Busy(),
        };
    }

    private RecordOutcome.Unkept Unkept(Rejection? code, string detail, Shortage why) =>
        new(code, detail, why, Uncounted.Until(why));

    /// <summary>The day's stream of evidence that does not count, and the fact;
    /// the same content is there once a day.</summary>
    private (string Stream, NewFact Fact) Today(string key, LedgerEvent evidence)
    {
        var day = clock.GetCurrentInstant().InUtc().Date;
        var content = Convert.ToHexStringLower(SHA256.HashData(EventCodec.Encode(evidence).Payload).AsSpan(0, 8));
        return (Streams.Refusals(day),
            NewFact.At(evidence, day.AtStartOfDayInZone(DateTimeZone.Utc).ToInstant(),
                new EvidenceKey($"{key} {content}")));
    }

    /// <summary>
    /// What a refusal says of evidence that names somebody, as it may stay for ever: without what it quotes, which
    /// begins at the first quotation mark, and without any of the subjects' names. The sender hears all of it.
    /// </summary>
    private string DetailOf(string detail, Submission submission, EvidenceDigest kept)
    {
        if (!submission.NamesSomebody && (archive.NamesNobody(kept) || archive.PrunedBy(kept) is not null))
            return Short(detail);
        var quoted = detail.IndexOfAny(['\'', '"']);
        return Nameless(quoted < 0 ? detail : detail[..quoted] + Withheld, submission);
    }

    private static string SourceOf(Submission submission) =>
        submission.NamesSomebody ? Nameless(submission.Source, submission) : Short(submission.Source);

    private static string Nameless(string text, Submission submission) => Short(
        (submission.Personal ?? []).SelectMany(part => part.Subjects).Where(subject => subject.Length > 0)
            .Aggregate(text, (left, subject) => left.Replace(subject, Withheld, StringComparison.OrdinalIgnoreCase)));

    private const string Withheld = "[sealed]";

    /// <summary>Text as it may stand in a fact: bounded, and without what no store keeps.</summary>
    private static string Short(string text)
    {
        var clean = string.Concat(text.EnumerateRunes().Select(rune => rune.Value == 0 ? "\uFFFD" : rune.ToString()));
        if (clean.Length <= Limits.TextLengthMax) return clean;
        var end = char.IsHighSurrogate(clean[Limits.TextLengthMax - 1])
            ? Limits.TextLengthMax - 1 : Limits.TextLengthMax;
        return clean[..end];
    }
}
