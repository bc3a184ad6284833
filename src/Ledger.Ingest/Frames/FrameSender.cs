using System.Text;
using Ledger.Domain;

namespace Ledger.Ingest.Frames;

/// <summary>
/// Who sends in a session, as the ledger admitted him: the party, and the holder of the key, token or certificate. The
/// ledger writes it into its log before the session's first frame; nobody sends it.
/// </summary>
public sealed record FrameSender(PartyId Party, string Holder)
{
    /// <summary>Longest holder, in bytes of UTF-8.</summary>
    internal const int HolderBytesMax = 3 * Limits.TextLengthMax;

    /// <summary>The frame that says so, at an instant of the ledger's clock; it has no number of the
    /// session's.</summary>
    internal CheckedFrame ToFrame(long atMicroseconds)
    {
        var buffer = new byte[FrameWriter.HeadBytesMax + FrameWriter.SenderBytesMax];
        var frame = FrameWriter.Sender(buffer, atMicroseconds);
        frame.TryAdd(this);
        return CheckedFrame.OfSender(buffer.AsMemory(0, frame.Finish()));
    }

    /// <summary>As much of a holder's name as the log has room for.</summary>
    internal string HolderInLog
    {
        get
        {
            if (Encoding.UTF8.GetByteCount(Holder) <= HolderBytesMax) return Holder;
            var end = char.IsHighSurrogate(Holder[Limits.TextLengthMax - 1])
                ? Limits.TextLengthMax - 1 : Limits.TextLengthMax;
            return Holder[..end];
        }
    }
}
