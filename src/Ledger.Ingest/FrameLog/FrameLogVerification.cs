using System.Globalization;
using Ledger.Domain;
using Ledger.Journal.Verification;

namespace Ledger.Ingest.Frames;

/// <summary>What of a frame log is whole.</summary>
/// <param name="FirstSegment">The first segment that is there; null where there is no log.</param>
/// <param name="ChainBefore">The chain before it, in lower-case hex, as its head says.</param>
public sealed record FrameLogFound(int? FirstSegment, string? ChainBefore, long Blocks, long Frames, long Bytes)
{
    public static readonly FrameLogFound None = new(null, null, 0, 0, 0);
}

/// <summary>
/// Reads every block of a frame log up to its acknowledged end, in whichever form its segments are: digests, chain and
/// head. Of each segment the first damage is told with file and byte, and the next one is looked at all the same.
/// </summary>
public sealed class FrameLogVerification
{
    private readonly string folder;
    private readonly Findings findings;
    private readonly Action<long> seen;
    private readonly AcknowledgedFrames acknowledged;
    private long blocks, frames, bytes;

    private FrameLogVerification(
        string folder, AcknowledgedFrames acknowledged, Findings findings, Action<long> seen) =>
        (this.folder, this.acknowledged, this.findings, this.seen) = (folder, acknowledged, findings, seen);

    /// <summary>Verifies the log in a folder; a folder without a segment has none.</summary>
    /// <param name="dropped">What the journal says was dropped, from which on all is there; null where the journal is
    /// not sound, and nobody knows.</param>
    /// <param name="seen">Is told the number of bytes from time to time.</param>
    public static FrameLogFound Verify(
        string folder, DroppedFrames? dropped, Findings findings, Action<long> seen, CancellationToken ct)
    {
        if (!Directory.Exists(folder)) return FrameLogFound.None;
        try
        {
            // The head first: what is appended meanwhile stands after it.
            if (!Directory.EnumerateFileSystemEntries(folder).Any()) return FrameLogFound.None;
            var acknowledged = FrameLogHead.Read(folder);
            var numbers = SegmentFiles.Numbers(folder);
            if (numbers.Count == 0 && acknowledged.End == default) return FrameLogFound.None;
            if (numbers is [var first, ..]) Begins(folder, first, dropped, findings);
            return new FrameLogVerification(folder, acknowledged, findings, seen).Run(numbers, dropped, ct);
        }
        catch (FrameLogDamagedException damaged)
        {
            Tell(findings, damaged);
        }
        catch (FileNotFoundException)
        {
            findings.Add(Place(FrameLogHead.FileName, 0), "no such file", "how far the log is acknowledged");
        }
        return FrameLogFound.None;
    }

    /// <summary>What is missing at the beginning was dropped by a fact; what a fact has dropped and is still there, as
    /// after a crash, is the same that was dropped.</summary>
    private static void Begins(string folder, int first, DroppedFrames? dropped, Findings findings)
    {
        if (first == 0 && dropped?.Next is null or 0) return;
        if (dropped is null)
        {
            findings.LeaveOut(string.Create(CultureInfo.InvariantCulture,
                $"whether the segments of the frame log before {first} were dropped: the journal is not as it was"));
            return;
        }
        if (first > dropped.Next)
            findings.Add(Place(Path.GetFileName(SegmentFiles.Raw(folder, dropped.Next)), 0), "no such file",
                string.Create(CultureInfo.InvariantCulture, $"the segments before {first}"));
        foreach (var segment in dropped.Facts.SelectMany(fact => fact.Segments).Where(one => one.Number >= first))
            if (!File.Exists(SegmentFiles.Sealed(folder, segment.Number, segment.Digest.Hex)))
                findings.Add(Place(Path.GetFileName(SegmentFiles.FindSealed(folder, segment.Number)
                    ?? SegmentFiles.Raw(folder, segment.Number)), 0), "a segment that was dropped, with other bytes",
                    $"none, or the digest {segment.Digest}");
    }

    private FrameLogFound Run(IReadOnlyList<int> numbers, DroppedFrames? dropped, CancellationToken ct)
    {
        string? chainBefore = null;
        byte[]? chain = null;
        var end = default(FrameAddress);
        foreach (var number in numbers.Where(number => number <= acknowledged.End.Segment))
        {
            ct.ThrowIfCancellationRequested();
            try
            {
                using var segment = SegmentFiles.Open(folder, number)
                    ?? throw new FrameLogDamagedException(SegmentFiles.Raw(folder, number), 0, "the segment is missing");
                var head = segment.Head(number);
                chainBefore ??= Convert.ToHexStringLower(head.ChainBefore);
                if (number == dropped?.Next && dropped.ChainBeforeNext is { } left
                    && Convert.ToHexStringLower(head.ChainBefore) != left.Hex)
                    throw new FrameLogDamagedException(segment.Path, 0,
                        "the chain does not continue the segments that were dropped");
                if (chain is not null && !head.ChainBefore.AsSpan().SequenceEqual(chain))
                    throw new FrameLogDamagedException(segment.Path, 0, "the chain does not continue the segment before");
                chain = null; // until this segment is read through
                (end, chain) = Read(segment, number, head, ct);
            }
            catch (FrameLogDamagedException damaged)
            {
                chain = null;
                end = new(number, long.MaxValue); // of which the damage has told
                Tell(findings, damaged);
            }
        }
        if (end < acknowledged.End && acknowledged.End != default)
            findings.Add(Place(Path.GetFileName(SegmentFiles.Raw(folder, acknowledged.End.Segment)), end.Offset),
                "the end of the log", $"blocks up to {acknowledged.End}, which are acknowledged");
        return new(numbers.Count == 0 ? null : numbers[0], chainBefore, blocks, frames, bytes);
    }

    private (FrameAddress End, byte[] Chain) Read(
        SegmentBytes segment, int number, SegmentHead head, CancellationToken ct)
    {
        var (at, chain) = (new FrameAddress(number, SegmentHead.Bytes), head.ChainBefore);
        while (at < acknowledged.End && segment.Block(at, chain) is { } block)
        {
            ct.ThrowIfCancellationRequested();
            if (blocks++ % 64 == 0) seen(bytes);
            (frames, bytes) = (frames + block.Frames.Count, bytes + block.Bytes.Length);
            (at, chain) = (block.Next, block.ChainAfter.ToArray());
        }
        if (segment is SealedSegment whole && at.Offset == whole.Length
            && !chain.AsSpan().SequenceEqual(whole.ChainAtEnd))
            throw new FrameLogDamagedException(segment.Path, whole.Length, "its index says another chain than its blocks");
        if (at == acknowledged.End && !chain.AsSpan().SequenceEqual(acknowledged.Chain))
            throw new FrameLogDamagedException(Path.Combine(folder, FrameLogHead.FileName), 0,
                $"another chain than that of the blocks up to {at}");
        return (at, chain);
    }

    private static void Tell(Findings findings, FrameLogDamagedException damaged) =>
        findings.Add(Place(Path.GetFileName(damaged.File), damaged.At), damaged.What, "what was acknowledged");

    private static string Place(string file, long at) => string.Create(CultureInfo.InvariantCulture,
        $"{FrameLogOptions.FolderName}/{file}, byte {at}");
}
