using System.Net;
using Ledger.Journal;
using Ledger.Journal.Proof;

namespace Ledger.Cli.Witnessing;

/// <summary>
/// A log as somebody publishes it over HTTP, c2sp.org/tlog-tiles: <c>/checkpoint</c> and <c>/tile/…</c> below a prefix.
/// Nothing that comes is believed; each answer has a bound and a time.
/// </summary>
internal sealed class PublishedLog : IDisposable
{
    private const int HashTileBytesMax = Tile.FullWidth * MerkleTree.HashBytes;
    private const int EntriesBytesMax = Tile.FullWidth * (2 + ushort.MaxValue); // u16 length and its bytes
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30); // for one answer
    private readonly HttpClient client = new() { Timeout = Timeout.InfiniteTimeSpan };
    private readonly Uri prefix;
    private readonly CancellationToken ct;

    public PublishedLog(Uri prefix, CancellationToken ct) => (this.prefix, this.ct) = (prefix, ct);

    /// <summary>The prefix that a word of a command line names; null where the word is no HTTP address.</summary>
    public static Uri? Address(string word) =>
        Uri.TryCreate(word, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"
            ? new(url.GetLeftPart(UriPartial.Path).TrimEnd('/') + '/')
            : null;

    public string Url => prefix.ToString();

    /// <summary>The checkpoint as it is published now; throws <see cref="CouldNotException"/> where none comes,
    /// <see cref="NoteRefusedException"/> where it is no note.</summary>
    public async Task<SignedNote> CheckpointAsync() => SignedNote.Parse(
        await GetAsync(TileFolder.CheckpointName, SignedNote.BytesMax).ConfigureAwait(false)
            ?? throw new CouldNotException($"{new Uri(prefix, TileFolder.CheckpointName)} is not there"));

    /// <summary>A tile; null where it is not there. A part of a tile that has become full is cut from the full
    /// one.</summary>
    public byte[]? Find(Tile tile) => FindAsync(tile).GetAwaiter().GetResult();

    /// <summary>A tile; throws <see cref="CouldNotException"/> where it is not there.</summary>
    public byte[] Read(Tile tile) =>
        Find(tile) ?? throw new CouldNotException($"{new Uri(prefix, $"{tile}")} is not there");

    private async Task<byte[]?> FindAsync(Tile tile)
    {
        var bytesMax = tile.Level == Tile.Entries ? EntriesBytesMax : HashTileBytesMax;
        if (await GetAsync($"{tile}", bytesMax).ConfigureAwait(false) is { } there) return there;
        if (!tile.IsPartial) return null;
        return await GetAsync($"{tile with { Width = Tile.FullWidth }}", bytesMax).ConfigureAwait(false) is { } full
            ? Cut(full, tile)
            : null;
    }

    private static byte[] Cut(byte[] full, Tile tile) => tile.Level == Tile.Entries
        ? EntryBundle.Write(EntryBundle.Read(full).Take(tile.Width))
        : full[..Math.Min(full.Length, tile.Width * MerkleTree.HashBytes)];

    /// <summary>Null where it is not there.</summary>
    private async Task<byte[]?> GetAsync(string path, int bytesMax)
    {
        var url = new Uri(prefix, path);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(ct);
        patience.CancelAfter(Patience);
        try
        {
            using var response = await client
                .GetAsync(url, HttpCompletionOption.ResponseHeadersRead, patience.Token).ConfigureAwait(false);
            if (response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Gone) return null;
            if (!response.IsSuccessStatusCode)
                throw new CouldNotException($"{url} answers {(int)response.StatusCode}");
            using var stream = await response.Content.ReadAsStreamAsync(patience.Token).ConfigureAwait(false);
            return await BoundedAsync(stream, bytesMax, patience.Token).ConfigureAwait(false)
                ?? throw new CouldNotException($"{url} has more than {bytesMax} bytes");
        }
        catch (Exception failed) when (failed is HttpRequestException or IOException)
        {
            throw new CouldNotException($"{url} does not answer: {failed.Message}");
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            throw new CouldNotException($"{url} has not answered within {Patience.TotalSeconds} s");
        }
    }

    /// <summary>Reads to the end; null where there is more than <paramref name="bytesMax"/>.</summary>
    internal static async Task<byte[]?> BoundedAsync(Stream stream, int bytesMax, CancellationToken ct)
    {
        using var content = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (await stream.ReadAsync(buffer, ct).ConfigureAwait(false) is > 0 and var read)
        {
            if (content.Length + read > bytesMax) return null;
            content.Write(buffer, 0, read);
        }
        return content.ToArray();
    }

    public void Dispose() => client.Dispose();
}
