using System.Runtime.CompilerServices;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Journal;

/// <summary>
/// A journal of which nothing remains: what is recorded, read only, and behind it what is appended here, which is kept
/// in memory. A dry run records into it through the same path and the same decisions as everything else, and leaves the
/// recorded journal as it was. One writer at a time.
/// </summary>
/// <param name="recorded">What is there already; null for a ledger that does not exist yet.</param>
public sealed class TrialJournal(LedgerId ledger, IJournal? recorded, IClock clock) : IJournal
{
    private readonly List<RecordedEvent> trial = [];
    private readonly long recordedLength = recorded?.Length ?? 0;

    public LedgerId Ledger => ledger;
    public long Length => recordedLength + trial.Count;
    public byte[] Root => throw new NotSupportedException("a trial proves nothing");

    public async ValueTask<AppendResult> AppendAsync(
        string stream, ExpectedRevision expected, IReadOnlyList<NewFact> facts, Principal by, EventId? causation,
        CancellationToken ct)
    {
        var known = new Dictionary<EventId, RecordedEvent>();
        var revision = -1L;
        await foreach (var before in ReadStreamAsync(stream, 0, ct).ConfigureAwait(false))
            (known[before.Envelope.Id], revision) = (before, before.Envelope.Revision);
        var appended = facts.Select(fact => EventOf(stream, fact, by, causation)).ToList();
        if (appended.All(fact => known.ContainsKey(fact.Envelope.Id)))
            return appended.FirstOrDefault(fact => !IsSame(known[fact.Envelope.Id], fact)) is { } other
                ? new AppendResult.Conflict(other.Envelope.Id, "the same evidence with other content")
                : new AppendResult.AlreadyRecorded(known[appended[0].Envelope.Id].Position);
        if (expected.Value >= -1 && expected.Value != revision) return new AppendResult.WrongRevision(revision);
        var first = Length;
        foreach (var fact in appended)
            trial.Add(fact with { Position = Length, Envelope = fact.Envelope with { Revision = ++revision } });
        return new AppendResult.Recorded(first, revision);
    }

    public async IAsyncEnumerable<RecordedEvent> ReadStreamAsync(
        string stream, long fromRevision, [EnumeratorCancellation] CancellationToken ct)
    {
        if (recorded is not null)
            await foreach (var before in recorded.ReadStreamAsync(stream, fromRevision, ct).ConfigureAwait(false))
                if (before.Position < recordedLength) yield return before;
        foreach (var fact in trial.FindAll(fact =>
            fact.Envelope.Stream == stream && fact.Envelope.Revision >= fromRevision)) yield return fact;
    }

    public async IAsyncEnumerable<RecordedEvent> ReadAllAsync(
        long fromPosition, [EnumeratorCancellation] CancellationToken ct)
    {
        if (recorded is not null)
            await foreach (var before in recorded.ReadAllAsync(fromPosition, ct).ConfigureAwait(false))
                if (before.Position < recordedLength) yield return before;
        foreach (var fact in trial.FindAll(fact => fact.Position >= fromPosition)) yield return fact;
    }

    public Task WaitForAsync(long position, CancellationToken ct) =>
        throw new NotSupportedException("nobody follows a trial");

    /// <summary>The recorded journal is its owner's to close.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private RecordedEvent EventOf(string stream, NewFact fact, Principal by, EventId? causation)
    {
        var content = EventCodec.Encode(fact.Event);
        return new(-1, new Envelope(
            ledger, stream, -1, EventId.From(fact.ValidTime.Start, fact.Evidence), content.WireName, content.Version,
            fact.ValidTime.Start, fact.ValidTime.End, clock.GetCurrentInstant(), by.Actor, by.Party, causation, [],
            content.ContentType), content.Payload);
    }

    private static bool IsSame(RecordedEvent a, RecordedEvent b) =>
        (a.Envelope.WireName, a.Envelope.WireVersion, a.Envelope.ValidFrom, a.Envelope.ValidTo)
            == (b.Envelope.WireName, b.Envelope.WireVersion, b.Envelope.ValidFrom, b.Envelope.ValidTo)
        && a.Payload.Span.SequenceEqual(b.Payload.Span);
}
