using Ledger.Journal;

namespace Ledger.Stores.EventStoreDb;

/// <summary>
/// At which position each event id is, for journals of many millions of events: the ids in the order of their
/// positions, and a table of positions by hash with open addressing. An event takes 26 to 36 bytes, in a dictionary
/// about 100. Ids end in bits of SHA-256, so their own low bits are the hash. Beside each place of the table stands a
/// byte of the id: to learn that an id is new, which most are, one byte is read of a table that is small, and not two
/// words of large ones. For one thread at a time.
/// </summary>
internal sealed class IdPositions
{
    private const int ChunkBits = 14; // 16,384 ids, 256 KiB
    private const int ChunkIds = 1 << ChunkBits;
    private readonly List<UInt128[]> chunks = [];
    private int[] slots = new int[1024]; // positions; a power of two, at most half full
    private byte[] tags = new byte[1024]; // of the id in each slot; 0 is free
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
        else Place(id.Value, count - 1);
    }

    /// <summary>The position of the first event with this id; null where there is none.</summary>
    public long? Find(EventId id)
    {
        var tag = Tag(id.Value);
        for (var slot = Slot(id.Value); tags[slot] != 0; slot = (slot + 1) & (tags.Length - 1))
            if (tags[slot] == tag && At(slots[slot]) == id.Value) return slots[slot];
        return null;
    }

    /// <summary>Bits of the id that do not say its slot, and one, so that it is never 0.</summary>
    private static byte Tag(UInt128 id) => (byte)((uint)(id >> 32 & 0xff) | 1);

    private int Slot(UInt128 id) => (int)((uint)(ulong)(id & uint.MaxValue) & (uint)(slots.Length - 1));

    private UInt128 At(int position) => chunks[position >> ChunkBits][position & (ChunkIds - 1)];

    private void Place(UInt128 id, int position)
    {
        var slot = Slot(id);
        while (tags[slot] != 0) slot = (slot + 1) & (tags.Length - 1);
        (slots[slot], tags[slot]) = (position, Tag(id));
    }

    private void Grow()
    {
        (slots, tags) = (new int[slots.Length * 2], new byte[slots.Length * 2]);
        for (var position = 0; position < count; position++) Place(At(position), position);
    }
}
