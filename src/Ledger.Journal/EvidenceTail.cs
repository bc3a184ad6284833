namespace Ledger.Journal;

/// <summary>
/// A piece could not be written and what was written of it could not be taken back: nothing more is kept. Opening the
/// archive again cuts it off.
/// </summary>
public sealed class EvidenceStoppedException(Exception cause)
    : Exception($"the evidence archive has stopped: {cause.Message}", cause);

/// <summary>
/// Where an archive's next record goes: each is written whole and durably, or nothing of it is there. A record that was
/// torn, as by a full disk, must not stand in front of the next one, where it would be damage.
/// </summary>
internal sealed class EvidenceTail
{
    private EvidenceStoppedException? stopped;

    /// <summary>Appends a record and returns where it begins. What it throws of storage leaves the segment as it was;
    /// where that cannot be, it throws <see cref="EvidenceStoppedException"/>, and so does everything from then on.
    /// </summary>
    /// <param name="segment">It writes through to the disk.</param>
    public long Append(FileStream segment, byte[] record)
    {
        ThrowIfStopped();
        var offset = segment.Length;
        try
        {
            RandomAccess.Write(segment.SafeFileHandle, record, offset);
        }
        catch
        {
            OrStop(() =>
            {
                segment.SetLength(offset);
                DurableFiles.SyncFile(segment.Name);
            });
            throw;
        }
        return offset;
    }

    /// <summary>Does what has to be durable before anything else is appended.</summary>
    public void OrStop(Action durably)
    {
        ThrowIfStopped();
        try
        {
            durably();
        }
        catch (Exception cause)
        {
            throw stopped = new EvidenceStoppedException(cause);
        }
    }

    /// <summary>Whether nothing but zeros follows: the file grew before the crash,
    /// but its bytes were not written.</summary>
    public static bool IsUnwritten(FileStream segment, long offset)
    {
        var bytes = new byte[64 * 1024];
        for (int read; (read = RandomAccess.Read(segment.SafeFileHandle, bytes, offset)) > 0; offset += read)
            if (bytes.AsSpan(0, read).ContainsAnyExcept((byte)0)) return false;
        return true;
    }

    private void ThrowIfStopped()
    {
        if (stopped is { } why) throw why;
    }
}
