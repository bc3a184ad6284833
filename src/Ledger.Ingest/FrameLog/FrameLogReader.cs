namespace Ledger.Ingest.Frames;

/// <summary>
/// Reads a frame log that is acknowledged, also beside its owner, in whichever form its segments are. Each block is
/// verified as it is read; what is not as it was written throws <see cref="FrameLogDamagedException"/>.
/// </summary>
public sealed class FrameLogReader(string folder)
{
    /// <summary>The address of the first block that is there; null where none is acknowledged.</summary>
    public FrameAddress? First
    {
        get
        {
            if (!Directory.Exists(folder)) return null;
            var numbers = SegmentFiles.Numbers(folder);
            if (numbers.Count == 0) return null;
            var first = new FrameAddress(numbers[0], SegmentHead.Bytes);
            return first < FrameLogHead.Read(folder).End ? first : null;
        }
    }

    /// <summary>How far the log is acknowledged; null where it has no segment.</summary>
    public AcknowledgedFrames? Acknowledged =>
        SegmentFiles.Numbers(folder).Count == 0 ? null : FrameLogHead.Read(folder);

    /// <summary>All blocks up to the acknowledged end, each continuing the one before.</summary>
    public IEnumerable<FrameBlock> ReadAll()
    {
        if (First is not { } first) yield break;
        var end = FrameLogHead.Read(folder);
        foreach (var block in Blocks(first, at => at < end.End)) yield return block;
    }

    /// <summary>The blocks from one address to another, both included. Each continues the one before; the first one's
    /// chain is that which the block before it, or the head of the segment, says.</summary>
    public IEnumerable<FrameBlock> Read(FrameAddress from, FrameAddress to) => Blocks(from, at => at <= to);

    /// <summary>
    /// The announcing frames that tell what the streams of the block at an address, and of those after it, are: from
    /// the beginning of its segment up to it, in order. A later one replaces an earlier of the same session and stream.
    /// </summary>
    public IReadOnlyList<LoggedFrame> AnnouncedBefore(FrameAddress address) => Before(address, FrameKind.Announce);

    /// <summary>The same, and who sends in these sessions, as far as the log says so.</summary>
    public IReadOnlyList<LoggedFrame> OpenedBefore(FrameAddress address) =>
        Before(address, FrameKind.Announce, FrameKind.Sender);

    private List<LoggedFrame> Before(FrameAddress address, params FrameKind[] kinds)
    {
        using var segment = Open(address.Segment);
        var announced = new List<LoggedFrame>();
        var (at, chain) = (SegmentHead.Bytes * 1L, segment.Head(address.Segment).ChainBefore);
        while (at < address.Offset && segment.BlockHead(at) is { } head)
        {
            if (kinds.Any(head.Has) && segment.Block(new(address.Segment, at), chain) is { } block)
                announced.AddRange(block.Frames.Where(
                    frame => kinds.Contains(FrameReader.Open(frame.Bytes.Span).Head.Kind)));
            chain = segment.ChainAfter(at);
            at += FrameBlockHead.Bytes + head.BodyBytes;
        }
        return at == address.Offset ? announced
            : throw new FrameLogDamagedException(segment.Path, at, $"no block begins at {address}");
    }

    private IEnumerable<FrameBlock> Blocks(FrameAddress from, Func<FrameAddress, bool> isWanted)
    {
        var at = from;
        byte[]? chain = null;
        while (isWanted(at))
        {
            if (SegmentFiles.Open(folder, at.Segment) is not { } segment)
            {
                if (at.Segment == from.Segment) throw Missing(at.Segment);
                yield break;
            }
            using (segment)
            {
                var head = segment.Head(at.Segment);
                if (chain is not null && !head.ChainBefore.AsSpan().SequenceEqual(chain))
                    throw new FrameLogDamagedException(segment.Path, 0,
                        "the chain does not continue the segment before");
                chain ??= ChainBefore(segment, head, at);
                while (isWanted(at) && segment.Block(at, chain) is { } block)
                {
                    yield return block;
                    (at, chain) = (block.Next, block.ChainAfter.ToArray());
                }
            }
            at = new(at.Segment + 1, SegmentHead.Bytes);
        }
    }

    /// <summary>The chain before a block, from the heads of the blocks before it.</summary>
    private static byte[] ChainBefore(SegmentBytes segment, SegmentHead head, FrameAddress address)
    {
        var (at, chain) = (SegmentHead.Bytes * 1L, head.ChainBefore);
        while (at < address.Offset && segment.BlockHead(at) is { } block)
        {
            chain = segment.ChainAfter(at);
            at += FrameBlockHead.Bytes + block.BodyBytes;
        }
        return at == address.Offset ? chain
            : throw new FrameLogDamagedException(segment.Path, at, $"no block begins at {address}");
    }

    private SegmentBytes Open(int number) => SegmentFiles.Open(folder, number) ?? throw Missing(number);

    private FrameLogDamagedException Missing(int number) =>
        new(SegmentFiles.Raw(folder, number), 0, "the segment is missing");
}
