namespace Ledger.Ingest.Streaming;

/// <summary>
/// Numbers of a session's frames that were left out and may yet come, in stretches, so many at most: each frame is
/// looked up among them. What finds no room is forgotten; should it come, it is taken for a frame that came again, and
/// stays counted as missing.
/// </summary>
public sealed class MissingNumbers
{
    /// <summary>Stretches that are remembered.</summary>
    public const int StretchesMax = 64;

    private readonly List<(long From, long To)> stretches = [];

    /// <summary>Stretches that are remembered now.</summary>
    public int Stretches => stretches.Count;

    /// <summary>Numbers from one to another, both included, did not come.</summary>
    public void Add(long from, long to)
    {
        if (stretches.Count < StretchesMax) stretches.Add((from, to));
    }

    /// <summary>A number has come: whether it was missing; it is no longer.</summary>
    public bool Take(long number)
    {
        var at = stretches.FindIndex(one => one.From <= number && number <= one.To);
        if (at < 0) return false;
        var (from, to) = stretches[at];
        stretches.RemoveAt(at);
        if (from < number) Add(from, number - 1);
        if (number < to) Add(number + 1, to);
        return true;
    }
}
