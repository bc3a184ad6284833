namespace Ledger.Stores.Postgres;

/// <summary>
/// Versions of one row, one after the other, that one batch of a fold made and closed again. They share a row of
/// <c>view_history</c>: a row and its place in an index cost the server more than what stands in it. It is bounded,
/// because who asks for one version has the server read all that share its row.
/// </summary>
internal sealed class ClosedVersions
{
    private const int VersionsMax = 256, BytesMax = 64 * 1024;
    private int bytes;

    /// <param name="from">The first position of the first version.</param>
    /// <param name="to">The first position behind it.</param>
    /// <param name="json">Of the version, UTF-8.</param>
    public ClosedVersions(string projection, string key, long from, long to, ReadOnlyMemory<byte> json)
    {
        (Projection, Key) = (projection, key);
        Add(from, to, json);
    }

    public string Projection { get; }
    public string Key { get; }
    public List<long> From { get; } = [];
    public List<long> To { get; } = [];
    public List<ReadOnlyMemory<byte>> Json { get; } = [];

    /// <summary>Adds the next version; false where there is no room.</summary>
    public bool TryAdd(long from, long to, ReadOnlyMemory<byte> json)
    {
        if (Json.Count == VersionsMax || bytes > BytesMax - json.Length) return false;
        Add(from, to, json);
        return true;
    }

    private void Add(long from, long to, ReadOnlyMemory<byte> json)
    {
        From.Add(from);
        To.Add(to);
        Json.Add(json);
        bytes += json.Length;
    }
}
