using Ledger.Journal;

namespace Ledger.Stores;

/// <summary>
/// The events of one batch on their way to a server, and where each id is among them. Places are looked up by id only
/// for what may be a repeat, so they are noted when somebody asks. For one thread at a time.
/// </summary>
internal sealed class PlacedBatch
{
    private readonly List<PlacedEvent> placed = [];
    private readonly Dictionary<EventId, int> numbers = []; // of the first so many
    private int numbered;

    public IReadOnlyList<PlacedEvent> All => placed;

    public int Count => placed.Count;

    public void Add(in PlacedEvent next) => placed.Add(next);

    /// <summary>The event with this id; null where the batch has none.</summary>
    public StoredEvent? Find(EventId id)
    {
        for (; numbered < placed.Count; numbered++) numbers[placed[numbered].Envelope.Id] = numbered;
        return numbers.TryGetValue(id, out var number)
            ? new(placed[number].Position, placed[number].Header, placed[number].Payload) : null;
    }

    public void Clear()
    {
        placed.Clear();
        numbers.Clear();
        numbered = 0;
    }
}
