namespace Ledger.Projections;

/// <summary>
/// The changes that stored versions are made of. A version that begins is a change to its row; a version that ends is
/// one to no row, unless the next one begins there. So versions that lie one behind the other and the changes that made
/// them say the same, and whoever counts changes has counted versions, with both of their ends.
/// </summary>
/// <param name="end">What is told is what was known before this position.</param>
internal sealed class VersionChanges(ChangeDigest into, long end)
{
    private readonly TextBuffer key = new(); // of the version before
    private long endsAt = ViewRow.Open;

    /// <summary>Versions that began before the end.</summary>
    public long Versions { get; private set; }

    /// <summary>Whether versions come in order of key and position, and those of a key do not overlap: changes make no
    /// others, so of others they would not say all.</summary>
    public bool IsInOrder { get; private set; } = true;

    /// <summary>As <see cref="IViewStore.ScanVersions"/> hands them over.</summary>
    public void Take(ReadOnlySpan<byte> nextKey, long from, long to, ReadOnlySpan<byte> json)
    {
        if (from >= end) return;
        var order = Versions == 0 ? 1 : nextKey.SequenceCompareTo(key.Written);
        if (from < 0 || to <= from || order < 0 || (order == 0 && from < endsAt)) IsInOrder = false;
        if (!IsInOrder) return;
        if (order != 0 || from != endsAt) End();
        into.Open(nextKey, from, json);
        endsAt = to >= end ? ViewRow.Open : to; // what was closed at or after the end was still open as known then
        Versions++;
        if (order == 0) return;
        key.Clear();
        key.Write(nextKey);
    }

    /// <summary>Tells of the last version's end too.</summary>
    public void Complete() => End();

    private void End()
    {
        if (endsAt != ViewRow.Open) into.End(key.Written, endsAt);
        endsAt = ViewRow.Open;
    }
}
