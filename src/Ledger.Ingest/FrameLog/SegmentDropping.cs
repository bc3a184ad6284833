using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Ingest.Frames;

/// <summary>
/// The oldest segments of a log as they lie in its folder, and their removal once the journal says that they are
/// dropped. Nothing here decides; what may go is <see cref="FrameRetention"/>'s.
/// </summary>
public static class SegmentDropping
{
    private const int TicksPerMicrosecond = 10;

    /// <summary>
    /// The segments of which every frame was received before an instant, from the oldest that is not dropped on; the
    /// first that is not sealed, or not whole, is the last. Sealed ones are read through, so that what is dropped was
    /// seen to be whole.
    /// </summary>
    /// <param name="seen">Is told of each segment's bytes when it is read.</param>
    public static IReadOnlyList<KeptSegment> Look(
        string folder, DroppedFrames dropped, Instant before, Action<long> seen, CancellationToken ct)
    {
        if (!Directory.Exists(folder)) return [];
        IReadOnlyList<int> numbers;
        try
        {
            numbers = SegmentFiles.Numbers(folder);
        }
        catch (FrameLogDamagedException damaged)
        {
            return [new(dropped.Next, Instant.MinValue, null, [], null, damaged.Message, null, null)];
        }
        var found = new List<KeptSegment>();
        var chain = dropped.ChainBeforeNext?.Hex;
        foreach (var number in numbers.Where(number => number >= dropped.Next))
        {
            ct.ThrowIfCancellationRequested();
            var missing = found.Count == 0 && number > dropped.Next ? string.Create(CultureInfo.InvariantCulture,
                $"the segments from {dropped.Next} to before {number} are missing, and no fact says that they were dropped")
                : null;
            var segment = missing is null ? Look(folder, number, chain)
                : new(number, Instant.MinValue, null, [], null, missing, null, null);
            if (segment.LastReceived >= before) break;
            found.Add(segment);
            if (segment.Sealed is not { } whole) break;
            chain = whole.ChainAfter.Hex;
            seen(whole.Bytes);
        }
        return found;
    }

    /// <summary>
    /// Removes what the journal says is dropped and is still there, the oldest first, so that a crash leaves a log that
    /// begins later. A file that is named after another digest is not the one that was dropped, and stays. Returns the
    /// bytes that are given back.
    /// </summary>
    public static long Remove(string folder, IEnumerable<DroppedSegment> segments)
    {
        var bytes = 0L;
        foreach (var segment in segments)
        {
            var path = SegmentFiles.Sealed(folder, segment.Number, segment.Digest.Hex);
            if (!File.Exists(path)) continue;
            bytes += new FileInfo(path).Length;
            File.Delete(path);
            DurableFiles.SyncDirectory(folder);
        }
        return bytes;
    }

    private static KeptSegment Look(string folder, int number, string? chainBefore)
    {
        try
        {
            return LookOnce(folder, number, chainBefore);
        }
        catch (FileNotFoundException)
        {
            return LookOnce(folder, number, chainBefore); // sealing has ended meanwhile, and taken the raw form away
        }
    }

    private static KeptSegment LookOnce(string folder, int number, string? chainBefore)
    {
        var last = Instant.MinValue;
        try
        {
            // While both forms are there, sealing has not ended.
            if (File.Exists(SegmentFiles.Raw(folder, number)))
            {
                using var raw = new RawSegment(SegmentFiles.Raw(folder, number));
                return new(number, LastReceived(raw), null, [], null, null, null, null);
            }
            var path = SegmentFiles.FindSealed(folder, number)
                ?? throw new FrameLogDamagedException(SegmentFiles.Raw(folder, number), 0, "the segment is missing");
            using var segment = new SealedSegment(path, path);
            last = At(segment.Description.LastReceivedAtMicroseconds);
            return new(number, last, Read(segment, chainBefore), [], null, null, null, null);
        }
        catch (FrameLogDamagedException damaged)
        {
            return new(number, last, null, [], null, damaged.Message, null, null);
        }
    }

    /// <summary>The receipt of its newest block; a segment without one is younger than any instant.</summary>
    private static Instant LastReceived(RawSegment segment)
    {
        var last = Instant.MaxValue;
        for (var at = (long)SegmentHead.Bytes; segment.BlockHead(at) is { } head;
            at += FrameBlockHead.Bytes + head.BodyBytes)
            last = At(head.ReceivedAtMicroseconds);
        return last;
    }

    private static DroppedSegment Read(SealedSegment segment, string? chainBefore)
    {
        var description = segment.Description;
        if (chainBefore is not null && chainBefore != description.ChainBefore)
            throw new FrameLogDamagedException(segment.Path, 0, "the chain does not continue the segment before");
        var (at, chain) = (new FrameAddress(description.Segment, SegmentHead.Bytes),
            Convert.FromHexString(description.ChainBefore));
        var (frames, earliest, latest) = (0L, long.MaxValue, long.MinValue);
        while (segment.Block(at, chain) is { } block)
        {
            frames += block.Frames.Count;
            (earliest, latest) = (Math.Min(earliest, block.Head.EarliestMicroseconds),
                Math.Max(latest, block.Head.LatestMicroseconds));
            (at, chain) = (block.Next, block.ChainAfter.ToArray());
        }
        if (Convert.ToHexStringLower(chain) != description.ChainAfter)
            throw new FrameLogDamagedException(segment.Path, segment.Length, "its index says another chain than its blocks");
        var last = description.LastReceivedAtMicroseconds;
        return new(description.Segment, new(Digest(description.FileName)),
            At(Math.Min(description.FirstReceivedAtMicroseconds, last)), At(last), At(earliest), At(latest), frames,
            description.RawBytes, description.SealedBytes, new(description.ChainBefore), new(description.ChainAfter));
    }

    /// <summary>The digest in a sealed file's name, NNNNNN-DIGEST.sealed, which opening it has verified.</summary>
    private static string Digest(string fileName) => Path.GetFileNameWithoutExtension(fileName).Split('-')[1];

    private static Instant At(long microseconds) => Instant.FromUnixTimeTicks(microseconds * TicksPerMicrosecond);
}
