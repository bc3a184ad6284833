using System.Security.Cryptography;
using System.Text;
using Ledger.Ingest.Frames;
using Ledger.Journal;

namespace Ledger.Ingest.Streaming;

/// <summary>
/// From which block on the log has to be read after a start. It only saves time: where it is missing or damaged the log
/// is read from its beginning, and what is recorded already is recognised.
/// </summary>
internal sealed class LowWater(string folder)
{
    private const string FileName = "streams.resume";
    private FrameAddress? written;

    private string FilePath => Path.Combine(folder, FileName);

    public FrameAddress? Read()
    {
        if (!File.Exists(FilePath)) return null;
        var parts = File.ReadAllText(FilePath).Split(' ');
        return parts.Length == 2 && parts[1] == Sum(parts[0]) && FrameAddress.TryParse(parts[0], out var address)
            ? address : null;
    }

    /// <summary>Moves it on; it may be behind, and never ahead.</summary>
    public void Write(FrameAddress needed)
    {
        if (written == needed) return;
        DurableFiles.Replace(FilePath, Encoding.ASCII.GetBytes($"{needed} {Sum(needed.ToString())}"),
            DurableFiles.OwnerOnly);
        written = needed;
    }

    private static string Sum(string text) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(text)).AsSpan(0, 8));
}
