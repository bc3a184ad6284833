namespace Ledger.Projections;

/// <summary>
/// Keys of rows in the order of their bytes, in blocks: a fold asks for a few keys that follow one another far more
/// often than it adds one, and a tree costs a visit for each of its levels and an object for each question. For one
/// thread at a time, and not changed while a range of it is looked through.
/// </summary>
internal sealed class RowKeys
{
    private const int BlockKeysMax = 256; // so many are moved at most for one that is added
    private readonly List<Block> blocks = [new()];

    private sealed class Block
    {
        public string[] Keys { get; } = new string[BlockKeysMax];
        public int Count { get; set; }
    }

    /// <summary>Adds a key; false where it is there already.</summary>
    public bool Add(string key)
    {
        var number = BlockOf(key);
        var block = blocks[number];
        var at = PlaceOf(block, key);
        if (at < block.Count && block.Keys[at] == key) return false;
        if (block.Count == BlockKeysMax)
        {
            var half = at == BlockKeysMax ? BlockKeysMax : BlockKeysMax / 2; // what comes in order fills each block
            var behind = new Block { Count = BlockKeysMax - half };
            Array.Copy(block.Keys, half, behind.Keys, 0, behind.Count);
            Array.Clear(block.Keys, half, behind.Count);
            block.Count = half;
            blocks.Insert(number + 1, behind);
            if (at >= half) (block, at) = (behind, at - half);
        }
        Array.Copy(block.Keys, at, block.Keys, at + 1, block.Count - at);
        block.Keys[at] = key;
        block.Count++;
        return true;
    }

    /// <summary>The keys from the first to the last, both of them if they are there.</summary>
    public IEnumerable<string> Between(string first, string last)
    {
        var number = BlockOf(first);
        for (var at = PlaceOf(blocks[number], first); number < blocks.Count; number++, at = 0)
            for (var block = blocks[number]; at < block.Count; at++)
            {
                if (string.CompareOrdinal(block.Keys[at], last) > 0) yield break;
                yield return block.Keys[at];
            }
    }

    /// <summary>All keys.</summary>
    public IEnumerable<string> All => blocks.SelectMany(block => block.Keys.Take(block.Count));

    public void Clear()
    {
        blocks.RemoveRange(1, blocks.Count - 1);
        Array.Clear(blocks[0].Keys, 0, blocks[0].Count);
        blocks[0].Count = 0;
    }

    /// <summary>The last block that does not begin behind the key; the first where all do.</summary>
    private int BlockOf(string key)
    {
        var (from, to) = (0, blocks.Count - 1);
        while (from < to)
        {
            var middle = (from + to + 1) / 2;
            if (string.CompareOrdinal(blocks[middle].Keys[0], key) <= 0) from = middle;
            else to = middle - 1;
        }
        return from;
    }

    /// <summary>The place of the first key that is not before this one.</summary>
    private static int PlaceOf(Block block, string key)
    {
        var (from, to) = (0, block.Count);
        while (from < to)
        {
            var middle = (from + to) / 2;
            if (string.CompareOrdinal(block.Keys[middle], key) < 0) from = middle + 1;
            else to = middle;
        }
        return from;
    }
}
