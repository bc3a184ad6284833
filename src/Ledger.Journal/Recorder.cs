using System.Security.Cryptography;
using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Journal;

/// <summary>What a caller is told about what it sent in.</summary>
public abstract record RecordOutcome
{
    private RecordOutcome() { }
    /// <summary>Durable at this position.</summary>
    public sealed record Recorded(long Position) : RecordOutcome;
    /// <summary>It was there before with the same content; null where the rule knew it by its state alone.</summary>
    public sealed record AlreadyRecorded(long? Position) : RecordOutcome;
    /// <summary>The same evidence came before with other content; this one is kept as refused evidence.</summary>
    public sealed record Conflict(EventId Id, string Differs) : RecordOutcome;
    /// <summary>Refused by a named rule; the evidence is kept.</summary>
    public sealed record Refused(Rejection Code, string Detail) : RecordOutcome;
    /// <summary>Try again later: the queue is full, or the stream changed under every attempt.</summary>
    public sealed record Busy : RecordOutcome;
}

/// <summary>The raw bytes that a caller sent in, and where they came from (a file's name, a route): kept when refused.</summary>
public sealed record Submission(ReadOnlyMemory<byte> Bytes, string Source);

/// <summary>
/// The one write path: load the stream, fold it, ask the concept's pure decision, append with the revision that was
/// read; where another writer came first, load and decide again.
/// </summary>
public sealed class Recorder(IJournal journal, EvidenceArchive archive, IClock clock)
{
    private const int AttemptsMax = 16;

    public IJournal Journal => journal;

    public async Task<RecordOutcome> RecordAsync<TState>(
        string stream, TState initial, Func<TState, LedgerEvent, TState> evolve, Func<TState, Decision> decide,
        Principal by, CancellationToken ct, Submission? submission = null, EventId? causation = null)
    {
        for (var attempt = 0; attempt < AttemptsMax; attempt++)
        {
            var (state, revision) = (initial, -1L);
            await foreach (var recorded in journal.ReadStreamAsync(stream, 0, ct).ConfigureAwait(false))
                (state, revision) = (evolve(state, EventCodec.Decode(recorded)), recorded.Envelope.Revision);
            switch (decide(state))
            {
                case Decision.AlreadyRecorded:
                    return new RecordOutcome.AlreadyRecorded(null);
                case Decision.Rejected refused:
                    return await RefuseAsync(refused.Code, refused.Detail, submission, by, ct).ConfigureAwait(false);
                case Decision.Accepted { Facts: var facts }:
                    var expected = revision < 0 ? ExpectedRevision.NoStream : ExpectedRevision.Exactly(revision);
                    var result = await journal.AppendAsync(stream, expected, facts, by, causation, ct).ConfigureAwait(false);
                    if (result is AppendResult.WrongRevision) continue;
                    return await AnswerAsync(result, facts, submission, by, ct).ConfigureAwait(false);
            }
        }
        return new RecordOutcome.Busy();
    }

    /// <summary>Appends facts that need no state to be decided, idempotent by their ids.</summary>
    public async Task<RecordOutcome> AppendAsync(
        string stream, IReadOnlyList<NewFact> facts, Principal by, CancellationToken ct, Submission? submission = null)
    {
        var result = await journal.AppendAsync(stream, ExpectedRevision.Any, facts, by, null, ct).ConfigureAwait(false);
        return await AnswerAsync(result, facts, submission, by, ct).ConfigureAwait(false);
    }

    /// <summary>Keeps what was refused and records the refusal, once a day for the same bytes, source and code.</summary>
    public async Task<RecordOutcome> RefuseAsync(
        Rejection code, string detail, Submission? submission, Principal by, CancellationToken ct)
    {
        if (submission is not null && !await KeepRefusedAsync(code, detail, submission, by, ct).ConfigureAwait(false))
            return new RecordOutcome.Busy();
        return new RecordOutcome.Refused(code, detail);
    }

    private async Task<RecordOutcome> AnswerAsync(
        AppendResult result, IReadOnlyList<NewFact> facts, Submission? submission, Principal by, CancellationToken ct)
    {
        switch (result)
        {
            case AppendResult.Recorded recorded: return new RecordOutcome.Recorded(recorded.FirstPosition);
            case AppendResult.AlreadyRecorded before: return new RecordOutcome.AlreadyRecorded(before.FirstPosition);
            case AppendResult.Conflict conflict:
                var kept = submission ?? new Submission(EventCodec.Encode(facts[0].Event).Payload, "second facts");
                return await KeepRefusedAsync(Rejection.EvidenceConflict, conflict.Differs, kept, by, ct).ConfigureAwait(false)
                    ? new RecordOutcome.Conflict(conflict.Id, conflict.Differs)
                    : new RecordOutcome.Busy();
            default: return new RecordOutcome.Busy();
        }
    }

    private async Task<bool> KeepRefusedAsync(Rejection code, string detail, Submission submission, Principal by, CancellationToken ct)
    {
        var digest = archive.Put(submission.Bytes.Span);
        var day = clock.GetCurrentInstant().InUtc().Date;
        var refused = new EvidenceRefused(digest, Short(submission.Source), code, Short(detail), submission.Bytes.Length);
        var key = new EvidenceKey($"refused {digest} {(int)code} {Convert.ToHexStringLower(SHA256.HashData(EventCodec.Encode(refused).Payload).AsSpan(0, 8))}");
        var fact = NewFact.At(refused, day.AtStartOfDayInZone(DateTimeZone.Utc).ToInstant(), key);
        var result = await journal.AppendAsync($"refusals/{LocalDatePattern.Iso.Format(day)}", ExpectedRevision.Any, [fact], by, null, ct).ConfigureAwait(false);
        return result is not AppendResult.Busy;
    }

    /// <summary>Text as it may stand in a fact: bounded, and without what no store keeps.</summary>
    private static string Short(string text)
    {
        var clean = string.Concat(text.EnumerateRunes().Select(rune => rune.Value == 0 ? "\uFFFD" : rune.ToString()));
        if (clean.Length <= Limits.TextLengthMax) return clean;
        var end = char.IsHighSurrogate(clean[Limits.TextLengthMax - 1]) ? Limits.TextLengthMax - 1 : Limits.TextLengthMax;
        return clean[..end];
    }
}
