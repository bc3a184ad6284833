using Ledger.Domain;
using NodaTime;

namespace Ledger.Journal;

/// <summary>
/// An event as its stored bytes say it, for who makes something else of it and keeps neither header nor payload: to
/// make objects of both takes as long as to decode the fact. Good until the next event is read.
/// </summary>
public readonly ref struct PassingEvent
{
    private readonly Header header;

    /// <exception cref="InvalidDataException">The header is none.</exception>
    /// <exception cref="JournalRefusedException">The payload is not of the header's length.</exception>
    public PassingEvent(long position, ReadOnlySpan<byte> header, ReadOnlySpan<byte> payload, RecentTexts texts)
    {
        Position = position;
        Payload = payload;
        this.header = EnvelopeBytes.ReadHeader(header, texts);
        if (this.header.PayloadLength != payload.Length)
            throw new JournalRefusedException($"position {position} has {payload.Length} bytes of payload, "
                + $"its header says {this.header.PayloadLength}");
    }

    public long Position { get; }
    public ReadOnlySpan<byte> Payload { get; }
    public string WireName => header.WireName;
    public int WireVersion => header.WireVersion;
    public Instant ValidFrom => header.ValidFrom;
    public Instant ValidTo => header.ValidTo;
    public Instant RecordedAt => header.RecordedAt;
    public PartyId Tenant => header.Origin.Tenant;

    /// <summary>The event for who keeps it.</summary>
    /// <param name="payload">The bytes, where nobody writes over them.</param>
    internal RecordedEvent Kept(ReadOnlyMemory<byte> payload) => new(Position, header.ToEnvelope(), payload);
}

/// <summary>Makes of an event what a reader needs of it; throws what the reader is to be told.</summary>
public delegate T EventMaker<T>(in PassingEvent stored);

/// <summary>
/// Events in order of position, of which whoever reads them may make what it needs, page by page. Who asks for the
/// events themselves gets them one after the other.
/// </summary>
public abstract class EventPages : IAsyncEnumerable<RecordedEvent>
{
    /// <summary>What is made of all events, in pages: each event of a page before anybody sees the page.</summary>
    public abstract IAsyncEnumerable<IReadOnlyList<T>> MadeAsync<T>(EventMaker<T> make);

    public abstract IAsyncEnumerator<RecordedEvent> GetAsyncEnumerator(CancellationToken cancellationToken = default);
}
