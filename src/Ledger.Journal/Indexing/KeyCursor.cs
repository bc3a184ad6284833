namespace Ledger.Journal.Indexing;

/// <summary>A place among sorted keys. It keeps the block that it read last, so that keys which are asked for in their
/// order read each block once. Used by one thread.</summary>
public sealed class KeyCursor
{
    private readonly byte[] bytes = new byte[SortedKeys.BlockBytes];
    private SortedKeys? keys; // null where no block is read
    private int block, entries, at;

    /// <summary>The key where it stands.</summary>
    public UInt128 Key => SortedKeys.KeyOf(bytes, at);

    /// <summary>The position of the event with this key.</summary>
    public long Position => SortedKeys.PositionOf(bytes, at);

    /// <summary>Goes to the first key that is not before this one; false where there is none.</summary>
    public bool Seek(SortedKeys among, UInt128 key)
    {
        Read(among, keys == among && among.IsIn(block, key) ? block : among.BlockOf(key));
        at = FirstFrom(key);
        return at < entries || ReadNext();
    }

    /// <summary>Goes to the last key before this one; false where there is none.</summary>
    public bool SeekBefore(SortedKeys among, UInt128 key)
    {
        if (key <= among.First) return false;
        Read(among, among.BlockOf(key - 1));
        at = FirstFrom(key) - 1;
        return true;
    }

    /// <summary>Goes to the next key; false behind the last.</summary>
    public bool MoveNext() => ++at < entries || ReadNext();

    private bool ReadNext()
    {
        if (block + 1 == keys!.Blocks) return false;
        Read(keys, block + 1);
        at = 0;
        return true;
    }

    private void Read(SortedKeys among, int next)
    {
        if (keys == among && block == next) return;
        keys = null;
        entries = among.Read(next, bytes);
        (keys, block) = (among, next);
    }

    /// <summary>The first entry of the block whose key is not before this one.</summary>
    private int FirstFrom(UInt128 key)
    {
        var (low, high) = (0, entries);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (SortedKeys.KeyOf(bytes, middle) < key) low = middle + 1;
            else high = middle;
        }
        return low;
    }
}
