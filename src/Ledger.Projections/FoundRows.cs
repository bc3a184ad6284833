namespace Ledger.Projections;

/// <summary>
/// Rows that a fold has found for one fact, those of one question behind those of the other: a list that nobody needs
/// after the fact is no object of its own.
/// </summary>
public sealed class FoundRows
{
    private const int KeptMax = 1024; // of a fact that asked for more the room is not kept
    private object[] rows = new object[16];

    public int Count { get; private set; }

    public void Add(object row)
    {
        if (Count == rows.Length) Array.Resize(ref rows, 2 * Count);
        rows[Count++] = row;
    }

    /// <summary>Those from one on. They stay what they are until the next fact, whatever is found meanwhile.</summary>
    public SeriesRows<T> From<T>(int first) where T : class => new(rows, first, Count - first);

    public void Clear()
    {
        if (rows.Length > KeptMax) rows = new object[KeptMax];
        else Array.Clear(rows, 0, Count);
        Count = 0;
    }
}

/// <summary>Some rows of a series, in order of key.</summary>
public readonly struct SeriesRows<T>(object[] rows, int first, int count) where T : class
{
    public int Count => count;
    public T this[int index] => (T)rows.AsSpan(first, count)[index];
    public IEnumerable<T> All => new ArraySegment<object>(rows, first, count).Cast<T>();
}
