using Ledger.Domain;
using Ledger.Journal.Copies;
using NodaTime;

namespace Ledger.Journal;

/// <summary>What waits for the writer, encoded on its submitter's thread.</summary>
/// <param name="StoredBytesMax">What it takes in a store at most: payloads, and headers twice, because a store may keep
/// them as text.</param>
internal abstract record PendingWrite(long StoredBytesMax)
{
    /// <summary>How many events it is.</summary>
    public abstract int Events { get; }

    /// <summary>Adds the ids of which it has to be known whether they are there already.</summary>
    public virtual void AddIds(List<EventId> ids) { }

    /// <summary>What it is answered with, once it has its places.</summary>
    public AppendResult Result { get; set; } = NotTaken;

    private static readonly AppendResult NotTaken = new AppendResult.Busy();

    /// <summary>Whoever waits goes on where this is set: by <see cref="BatchAnswers"/>, on a thread of the pool.</summary>
    public TaskCompletionSource<AppendResult> Answer { get; } = new();
}

/// <summary>Events that another journal recorded.</summary>
internal sealed record PendingCopy(IReadOnlyList<CopiedEvent> Copied)
    : PendingWrite(Copied.Sum(copied =>
        CopiedEvent.StoredBytes(copied.Recorded.Payload.Length, copied.Header.Length)))
{
    public override int Events => Copied.Count;
}

/// <summary>An append on its way to the writer.</summary>
internal sealed record PendingAppend(
    string Stream, ExpectedRevision Expected, PendingFact[] Facts, string Actor, PartyId Tenant, EventId? Causation)
    : PendingWrite(StoredBytes(Stream, Facts, Actor, Tenant))
{
    public override int Events => Facts.Length;

    public override void AddIds(List<EventId> ids)
    {
        foreach (var fact in Facts) ids.Add(fact.Id);
    }

    private const int StreamLengthMax = 200; // characters; the longest stream name, of a charge record, has 198
    private const int EncodedAloneMax = 128; // facts, which take less time than another thread to begin
    private const int HeaderBytes = 160; // of a header without its texts but with the ledger's id: journal-format.md

    /// <summary>The ids of an append of many facts are hashed here, together, and what their leaves are made of. That
    /// of a fact which comes alone is left to <see cref="Identify"/>, which hashes those of many appends.</summary>
    /// <param name="leafKey">Of the ledger's secret; null where the sequencer makes the leaves as a whole.</param>
    public static PendingAppend Encode(string stream, ExpectedRevision expected, IReadOnlyList<NewFact> facts,
        Principal by, EventId? causation, Sha256Lanes.HmacKey? leafKey = null)
    {
        if (stream.Length is 0 or > StreamLengthMax)
            throw new ArgumentException($"a stream's name has 1 to {StreamLengthMax} characters", nameof(stream));
        if (facts.Count == 0) throw new ArgumentException("an append has at least one fact", nameof(facts));
        PayloadText.Checked(stream);
        PayloadText.Checked(by.Actor);
        var encoded = Encode(facts, leafKey);
        var bytes = 0L;
        foreach (var fact in encoded) bytes += fact.Content.Payload.Length;
        if (bytes > Limits.DecisionBytesMax)
            throw new ArgumentException($"one append holds at most {Limits.DecisionBytesMax} bytes, not {bytes}",
                nameof(facts));
        var append = new PendingAppend(stream, expected, encoded, by.Actor, by.Party, causation);
        if (facts.Count == 1) append.lone = facts[0];
        return append;
    }

    /// <summary>Of very many facts one half is encoded and hashed beside the other: who appends them waits for it.
    /// </summary>
    private static PendingFact[] Encode(IReadOnlyList<NewFact> facts, Sha256Lanes.HmacKey? leafKey)
    {
        var encoded = new PendingFact[facts.Count];
        if (facts.Count < EncodedAloneMax) Encode(facts, 0, encoded, leafKey);
        else EncodeHalves(facts, encoded, leafKey);
        return encoded;
    }

    private static void EncodeHalves(IReadOnlyList<NewFact> facts, PendingFact[] encoded, Sha256Lanes.HmacKey? leafKey)
    {
        var half = facts.Count / 2;
        var rest = Task.Run(() => Encode(facts, half, encoded.AsSpan(half), leafKey));
        Encode(facts, 0, encoded.AsSpan(0, half), leafKey); // where it throws nobody waits for the rest
        rest.GetAwaiter().GetResult(); // done here where no thread has begun it
    }

    private static void Encode(
        IReadOnlyList<NewFact> facts, int from, Span<PendingFact> encoded, Sha256Lanes.HmacKey? leafKey)
    {
        for (var i = 0; i < encoded.Length; i++) encoded[i] = PendingFact.Encode(facts[from + i]);
        if (facts.Count == 1) return;
        Give(encoded, EventId.From(facts, from, encoded.Length));
        if (leafKey is not null) Hash(encoded, leafKey);
    }

    private static void Hash(ReadOnlySpan<PendingFact> facts, Sha256Lanes.HmacKey leafKey)
    {
        var events = new (EventId, byte[])[facts.Length];
        for (var i = 0; i < events.Length; i++) events[i] = (facts[i].Id, facts[i].Content.Payload);
        var inputs = LeafInputs.Of(events, leafKey);
        for (var i = 0; i < events.Length; i++)
            facts[i].LeafInput = inputs.AsMemory(i * LeafInputs.Bytes, LeafInputs.Bytes);
    }

    private NewFact? lone; // the only fact, while it has no id

    /// <summary>Gives the facts their ids that came alone.</summary>
    public static void Identify(ReadOnlySpan<PendingWrite> taken)
    {
        var (facts, appends) = (new List<NewFact>(taken.Length), new List<PendingAppend>(taken.Length));
        foreach (var write in taken)
        {
            if (write is not PendingAppend { lone: { } fact } append) continue;
            facts.Add(fact);
            appends.Add(append);
        }
        if (facts.Count == 0) return;
        var ids = EventId.From(facts, 0, facts.Count);
        for (var i = 0; i < ids.Length; i++) (appends[i].Facts[0].Id, appends[i].lone) = (ids[i], null);
    }

    private static void Give(ReadOnlySpan<PendingFact> facts, EventId[] ids)
    {
        for (var i = 0; i < facts.Length; i++) facts[i].Id = ids[i];
    }

    /// <summary>What facts of a stream take in a store at most.</summary>
    public static long StoredBytes(string stream, IEnumerable<EncodedEvent> contents, string actor, PartyId tenant)
    {
        var (header, bytes) = (CommonBytes(stream, actor, tenant), 0L);
        foreach (var content in contents) bytes += StoredBytes(header, content);
        return bytes;
    }

    private static long StoredBytes(string stream, PendingFact[] facts, string actor, PartyId tenant)
    {
        var (header, bytes) = (CommonBytes(stream, actor, tenant), 0L);
        foreach (var fact in facts) bytes += StoredBytes(header, fact.Content);
        return bytes;
    }

    private static long StoredBytes(int header, in EncodedEvent content) =>
        content.Payload.Length + (2L * (header + content.WireName.Length + content.ContentType.Length));

    /// <summary>Of the header of each of them.</summary>
    private static int CommonBytes(string stream, string actor, PartyId tenant) =>
        HeaderBytes + JournalBytes.Utf8.GetByteCount(stream) + JournalBytes.Utf8.GetByteCount(actor)
            + JournalBytes.Utf8.GetByteCount(tenant.Value);
}

/// <summary>A fact with its payload.</summary>
internal sealed record PendingFact(Instant ValidFrom, Instant ValidTo, EncodedEvent Content)
{
    /// <summary>Given to it before it is sequenced.</summary>
    public EventId Id { get; set; }

    /// <summary>Given to it where it comes with others: <see cref="LeafInputs"/>.</summary>
    public ReadOnlyMemory<byte> LeafInput { get; set; }

    public static PendingFact Encode(NewFact fact) =>
        new(OnATick(fact.ValidTime.Start), OnATick(fact.ValidTime.End), EventCodec.Encode(fact.Event));

    /// <summary>Refused here, before the queue, where the submitter hears of it and not the writer.</summary>
    private static Instant OnATick(Instant value) => Instant.FromUnixTimeTicks(JournalBytes.Ticks(value));
}
