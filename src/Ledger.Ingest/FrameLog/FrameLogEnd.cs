namespace Ledger.Ingest.Frames;

/// <summary>Where a log goes on: its last segment, the byte after its last whole block, the chain there, and the
/// highest number of a session, now and before the segment.</summary>
internal sealed record FrameLogEnd(int Segment, long End, byte[] Chain, long LastSession, long SessionsBefore)
{
    /// <summary>
    /// Finds where a log goes on, and refuses one that is not what was acknowledged. All segments that are not sealed
    /// are read through. What stands after the acknowledged end was never acknowledged: a whole block that continues
    /// the chain is kept, because its sender will send it again and be told so; the first that is none, and all after
    /// it, is torn.
    /// </summary>
    public static FrameLogEnd Find(string folder, AcknowledgedFrames acknowledged)
    {
        var numbers = SegmentFiles.Numbers(folder);
        if (numbers[^1] < acknowledged.End.Segment)
            throw new FrameLogDamagedException(SegmentFiles.Raw(folder, numbers[^1]), 0,
                $"acknowledged up to {acknowledged.End}, but no later segment is there");
        FrameLogEnd? found = null;
        foreach (var number in numbers)
        {
            using var segment = SegmentFiles.Open(folder, number)
                ?? throw new FrameLogDamagedException(SegmentFiles.Raw(folder, number), 0, "the segment is missing");
            if (IsTornBeginning(segment, number, acknowledged))
            {
                File.Delete(segment.Path);
                break;
            }
            var head = segment.Head(number);
            if (found is not null && !head.ChainBefore.AsSpan().SequenceEqual(found.Chain))
                throw new FrameLogDamagedException(segment.Path, 0, "the chain does not continue the segment before");
            found = segment is SealedSegment whole
                ? new(number, whole.Length, whole.ChainAtEnd, head.SessionsBefore, head.SessionsBefore)
                : Scan(segment, number, head, acknowledged);
        }
        if (found is null || found.Segment == acknowledged.End.Segment && found.End < acknowledged.End.Offset)
            throw new FrameLogDamagedException(SegmentFiles.Raw(folder, numbers[^1]), found?.End ?? 0,
                $"acknowledged up to {acknowledged.End}");
        return found;
    }

    /// <summary>Whether a crash tore the head of the very first segment.</summary>
    public static bool IsUnbegun(string folder, AcknowledgedFrames acknowledged)
    {
        if (acknowledged.End != default || SegmentFiles.Numbers(folder) is not [0]) return false;
        using var segment = SegmentFiles.Open(folder, 0);
        return segment is RawSegment && SegmentHead.Read(HeadBytes(segment)) is null;
    }

    /// <summary>Whether a segment was begun, its head not written, and nothing in it acknowledged.</summary>
    private static bool IsTornBeginning(SegmentBytes segment, int number, AcknowledgedFrames acknowledged) =>
        number > acknowledged.End.Segment && segment is RawSegment
        && SegmentHead.Read(HeadBytes(segment)) is null;

    private static byte[] HeadBytes(SegmentBytes segment)
    {
        var bytes = new byte[SegmentHead.Bytes];
        return bytes[..segment.Read(0, bytes)];
    }

    private static FrameLogEnd Scan(SegmentBytes segment, int number, SegmentHead head, AcknowledgedFrames acknowledged)
    {
        var (at, chain) = (new FrameAddress(number, SegmentHead.Bytes), head.ChainBefore);
        var (lastSession, length) = (head.SessionsBefore, segment.Length);
        while (at.Offset < length)
        {
            if (segment.TryBlock(at, chain, out var damage) is not { } block)
            {
                if (at < acknowledged.End) throw new FrameLogDamagedException(segment.Path, at.Offset, damage);
                break;
            }
            foreach (var frame in block.Frames) lastSession = Math.Max(lastSession, frame.Session);
            (at, chain) = (block.Next, block.ChainAfter.ToArray());
            if (at == acknowledged.End && !chain.AsSpan().SequenceEqual(acknowledged.Chain))
                throw new FrameLogDamagedException(segment.Path, block.Address.Offset, "another chain was acknowledged");
        }
        return new(number, at.Offset, chain, lastSession, head.SessionsBefore);
    }
}
