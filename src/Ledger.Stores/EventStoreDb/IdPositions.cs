using Ledger.Journal;

namespace Ledger.Stores.EventStoreDb;

/// <summary>
/// At which position each event id is, for journals of many millions of events: the ids in the order of their
/// positions, and a table of positions by hash with open addressing. An event takes 24 to 32 bytes, in a dictionary
/// about 100. Ids end in bits of SHA-256, so their own low bits are the hash. For one thread at a time.
/// </summary>
internal sealed class IdPositions
{
    private const int ChunkBits = 14; // 16,384 ids, 256 KiB
    private const int ChunkIds = 1 << ChunkBits;
    private readonly List<UInt128[]> chunks = [];
    private int[] slots = new int[1024]; // position + 1; 0 is free; a power of two, at most half full
    private int count;

    /// <summary>The highest id; the lowest that there can be where there is none.</summary>
    public EventId Highest { get; private set; }

    /// <summary>Adds the id of the next position.</summary>
    public void Add(EventId id)
    {
        if (id.Value > Highest.Value) Highest = id;
        if ((count & (ChunkIds - 1)) == 0) chunks.Add(new UInt128[ChunkIds]);
        chunks[count >> ChunkBits][count & (ChunkIds - 1)] = id.Value;
        count++;
        if (count > slots.Length / 2) Grow();
        else Place(id.Value, count);
    }

    /// <summary>The position of the first event with this id; null where there is none.</summary>
    public long? Find(EventId id)
    {
        for (var slot = Slot(id.Value); slots[slot] != 0; slot = (slot + 1) & (slots.Length - 1))
            if (At(slots[slot] - 1) == id.Value) return slots[slot] - 1;
        return null;
    }

    private int Slot(UInt128 id) => (int)((uint)(ulong)(id & uint.MaxValue) & (uint)(slots.Length - 1));

    private UInt128 At(int position) => chunks[position >> ChunkBits][position & (ChunkIds - 1)];

    private void Place(UInt128 id, int positionAndOne)
    {
        var slot = Slot(id);
        while (slots[slot] != 0) slot = (slot + 1) & (slots.Length - 1);
        slots[slot] = positionAndOne;
    }

    private void Grow()
    {
        slots = new int[slots.Length * 2];
        for (var position = 0; position < count; position++) Place(At(position), position + 1);
    }
}
