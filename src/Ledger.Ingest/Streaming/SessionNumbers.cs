using System.Globalization;
using Ledger.Journal;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// Numbers of sessions that may have been given. A sender that was given one before a crash, and of whom nothing was
/// written, must not find another's frames under it when it asks how far it came: so numbers are set aside on the disk,
/// many at once, before the first of them is given.
/// </summary>
internal sealed class SessionNumbers
{
    private const string FileName = "streams.sessions";
    private const int AtOnce = 1024;

    private readonly string path;
    private readonly Lock gate = new();
    private long setAside;

    public SessionNumbers(string folder)
    {
        path = Path.Combine(folder, FileName);
        if (File.Exists(path)
            && long.TryParse(File.ReadAllText(path), NumberStyles.None, CultureInfo.InvariantCulture, out var known))
            setAside = known;
        Given = setAside;
    }

    /// <summary>Numbers up to this one may have been given before this run.</summary>
    public long Given { get; }

    /// <summary>Makes sure that a number, which is given now, is never given again.</summary>
    public void SetAside(long number)
    {
        lock (gate)
        {
            if (number <= setAside) return;
            var upto = number + AtOnce;
            DurableFiles.Replace(path, System.Text.Encoding.ASCII.GetBytes(upto.ToString(CultureInfo.InvariantCulture)),
                DurableFiles.OwnerOnly);
            setAside = upto;
        }
    }
}
