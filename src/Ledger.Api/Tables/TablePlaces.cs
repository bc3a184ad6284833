namespace Ledger.Api.Tables;

/// <summary>
/// Places for tables that are answered as files. A file takes time of a processor while it is made, and room on the
/// disk until its reader has all of it, which may be days: so few are made at once, some more are there at once, and
/// of these one holder's leave room for others'.
/// </summary>
public sealed class TablePlaces
{
    /// <summary>Files that are made at once, that are there at once, and that are there of one holder.</summary>
    public const int MadeMax = 4, FilesMax = 16, FilesOfHolderMax = 4;

    private readonly Lock gate = new();
    private readonly Dictionary<string, int> ofHolders = new(StringComparer.Ordinal);
    private int made, files;

    /// <summary>The place of one file, which is being made from now on.</summary>
    private sealed record Place(string? Holder)
    {
        public bool IsMade { get; set; }
    }

    /// <summary>Makes a file, whose place is taken until it is closed. Throws <see cref="TablesBusyException"/> where
    /// there is none.</summary>
    /// <param name="holder">Whose it is; null where he has no bound of his own, as who may write the data folder.
    /// </param>
    public async Task<PlacedFile> MakeAsync(string? holder, Func<Task<FileStream>> make)
    {
        var place = new Place(holder);
        if (!TryTake(place)) throw new TablesBusyException();
        try
        {
            var file = new PlacedFile(await make().ConfigureAwait(false), () => Leave(place));
            Made(place);
            return file;
        }
        catch
        {
            Leave(place);
            throw;
        }
    }

    private bool TryTake(Place place)
    {
        lock (gate)
        {
            var his = place.Holder is { } holder ? ofHolders.GetValueOrDefault(holder) : 0;
            if (made == MadeMax || files == FilesMax || his == FilesOfHolderMax) return false;
            if (place.Holder is { } known) ofHolders[known] = his + 1;
            (made, files) = (made + 1, files + 1);
            return true;
        }
    }

    private void Made(Place place)
    {
        lock (gate)
        {
            if (!place.IsMade) made--;
            place.IsMade = true;
        }
    }

    private void Leave(Place place)
    {
        Made(place);
        lock (gate)
        {
            files--;
            if (place.Holder is { } holder && --ofHolders[holder] == 0) ofHolders.Remove(holder);
        }
    }
}

/// <summary>A table as a file from its beginning, which is gone, and gives its place back, when it is closed.</summary>
public sealed class PlacedFile(FileStream content, Action leave) : IAsyncDisposable
{
    private Action? leave = leave;

    public FileStream Content => content;

    public async ValueTask DisposeAsync()
    {
        try
        {
            await content.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Exchange(ref leave, null)?.Invoke();
        }
    }
}
