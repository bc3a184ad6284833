using System.Buffers;
using System.Buffers.Text;

namespace Ledger.Stores.EventStoreDb;

/// <summary>The header of an event as the server keeps it, which shows metadata as JSON:
/// <c>{"header":"BASE64"}</c>.</summary>
internal static class HeaderMetadata
{
    private static ReadOnlySpan<byte> Before => "{\"header\":\""u8;
    private static ReadOnlySpan<byte> After => "\"}"u8;

    // Base64 is padded here: the most that it takes is what it takes.
    public static int LengthOf(byte[] header) =>
        Before.Length + Base64.GetMaxEncodedToUtf8Length(header.Length) + After.Length;

    /// <param name="into">As long as <see cref="LengthOf"/> says.</param>
    public static void Write(byte[] header, Span<byte> into)
    {
        Before.CopyTo(into);
        Base64.EncodeToUtf8(header, into[Before.Length..], out _, out var written);
        After.CopyTo(into[(Before.Length + written)..]);
    }

    /// <summary>The header in it; null where there is none.</summary>
    public static ReadOnlyMemory<byte>? Read(ReadOnlySpan<byte> metadata)
    {
        if (metadata.Length < Before.Length + After.Length || !metadata.StartsWith(Before) || !metadata.EndsWith(After))
            return null;
        var header = new byte[Base64.GetMaxDecodedFromUtf8Length(metadata.Length)];
        if (Base64.DecodeFromUtf8(metadata[Before.Length..^After.Length], header, out _, out var length)
            != OperationStatus.Done)
            return null; // and not in a choice of two: there null would become memory of no bytes
        return header.AsMemory(0, length);
    }
}
