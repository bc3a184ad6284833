namespace Ledger.Journal;

/// <summary>What a constructor has opened so far: closed again, the last first, where it does not come to its end.
/// </summary>
internal sealed class OpenedParts : IDisposable
{
    private readonly Stack<IDisposable> parts = new();

    public T Add<T>(T part) where T : IDisposable
    {
        parts.Push(part);
        return part;
    }

    /// <summary>All of it is open, and its owner's from here on.</summary>
    public void Keep() => parts.Clear();

    public void Dispose()
    {
        while (parts.TryPop(out var part)) part.Dispose();
    }
}
