using Ledger.Ingest.Frames;

namespace Ledger.Ingest.Streaming;

/// <summary>Where a block of the log is: its address, and the chain before and after it.</summary>
internal sealed class BlockPlace(FrameBlock block)
{
    private readonly byte[] before = block.ChainBefore.ToArray(), after = block.ChainAfter.ToArray();

    public FrameAddress Address { get; } = block.Address;

    /// <summary>The stretch from this block to a later one or itself.</summary>
    public FrameStretch To(BlockPlace last) => new(
        Address, Convert.ToHexStringLower(before), last.Address, Convert.ToHexStringLower(last.after));

    public static BlockPlace Earlier(BlockPlace a, BlockPlace b) => b.Address < a.Address ? b : a;
}
