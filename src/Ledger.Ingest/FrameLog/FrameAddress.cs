using System.Globalization;

namespace Ledger.Ingest.Frames;

/// <summary>
/// Where a block of the frame log begins: the number of its segment, and the byte in the segment as it was written. It
/// stays the same when the segment is sealed. Ordered as the log is. As text: <c>segment/byte</c>.
/// </summary>
public readonly record struct FrameAddress(int Segment, long Offset) : IComparable<FrameAddress>
{
    public int CompareTo(FrameAddress other) =>
        Segment != other.Segment ? Segment.CompareTo(other.Segment) : Offset.CompareTo(other.Offset);

    public static bool operator <(FrameAddress a, FrameAddress b) => a.CompareTo(b) < 0;
    public static bool operator >(FrameAddress a, FrameAddress b) => a.CompareTo(b) > 0;
    public static bool operator <=(FrameAddress a, FrameAddress b) => a.CompareTo(b) <= 0;
    public static bool operator >=(FrameAddress a, FrameAddress b) => a.CompareTo(b) >= 0;

    public static bool TryParse(string text, out FrameAddress address)
    {
        address = default;
        var parts = text.Split('/');
        if (parts.Length != 2
            || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var segment)
            || !long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var offset)) return false;
        address = new(segment, offset);
        return true;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Segment}/{Offset}");
}

/// <summary>The frame log is not what was acknowledged: the file, the byte, and what is wrong there.</summary>
public sealed class FrameLogDamagedException(string file, long at, string what) : Exception(
    string.Create(CultureInfo.InvariantCulture, $"{file} is damaged at byte {at}: {what}"))
{
    public string File => file;
    public long At => at;
    public string What => what;
}

/// <summary>
/// The frame log could not write and takes nothing any more: whatever waits or comes is not acknowledged. Opening the
/// log again finds what is durable.
/// </summary>
public sealed class FrameLogStoppedException(Exception cause)
    : Exception($"the frame log has stopped: {cause.Message}", cause);
