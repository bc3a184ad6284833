using System.Buffers;
using System.Text;

namespace Ledger.Projections;

/// <summary>UTF-8 that is written, read and written anew, in the same bytes.</summary>
public sealed class TextBuffer : IBufferWriter<byte>
{
    private byte[] bytes = new byte[1024];
    private int length;

    /// <summary>Good until something is written or cleared.</summary>
    public ReadOnlySpan<byte> Written => bytes.AsSpan(0, length);

    public void Clear() => length = 0;

    public void Advance(int count) => length += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(1, sizeHint));
        return bytes.AsMemory(length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(Math.Max(1, sizeHint));
        return bytes.AsSpan(length);
    }

    public void Write(ReadOnlySpan<byte> text)
    {
        Reserve(text.Length);
        text.CopyTo(bytes.AsSpan(length));
        length += text.Length;
    }

    public void Write(byte sign)
    {
        Reserve(1);
        bytes[length++] = sign;
    }

    public void Write(ReadOnlySpan<char> text)
    {
        Reserve(Encoding.UTF8.GetMaxByteCount(text.Length));
        length += Encoding.UTF8.GetBytes(text, bytes.AsSpan(length));
    }

    private void Reserve(int count)
    {
        if (bytes.Length - length < count) Grow(count);
    }

    // Apart, so that to reserve what is there mostly is no call.
    private void Grow(int count) =>
        Array.Resize(ref bytes, checked((int)Math.Max(2L * bytes.Length, (long)length + count)));
}
