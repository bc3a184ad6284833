using System.Buffers.Binary;

namespace Ledger.Domain;

/// <summary>Writes the state of a stream as bytes: integers little-endian, each list after its count.</summary>
internal sealed class StateWriter
{
    private byte[] bytes = new byte[512];
    private int length;

    public byte[] ToArray() => bytes[..length];

    public void Byte(byte value) => Take(1)[0] = value;
    public void Flag(bool value) => Byte(value ? (byte)1 : (byte)0);
    public void Int32(int value) => BinaryPrimitives.WriteInt32LittleEndian(Take(4), value);
    public void Int64(long value) => BinaryPrimitives.WriteInt64LittleEndian(Take(8), value);
    public void Int128(Int128 value) => BinaryPrimitives.WriteInt128LittleEndian(Take(16), value);

    public void Optional(long? value)
    {
        Flag(value is not null);
        if (value is { } known) Int64(known);
    }

    public void Bytes(ReadOnlySpan<byte> value)
    {
        Int32(value.Length);
        value.CopyTo(Take(value.Length));
    }

    private Span<byte> Take(int count)
    {
        if (length + count > bytes.Length) Array.Resize(ref bytes, Math.Max(bytes.Length * 2, length + count));
        length += count;
        return bytes.AsSpan(length - count, count);
    }
}

/// <summary>Reads what <see cref="StateWriter"/> wrote; anything else is an
/// <see cref="InvalidDataException"/>.</summary>
internal ref struct StateReader(ReadOnlySpan<byte> bytes)
{
    private ReadOnlySpan<byte> rest = bytes;

    public byte Byte() => Raw(1)[0];
    public int Int32() => BinaryPrimitives.ReadInt32LittleEndian(Raw(4));
    public long Int64() => BinaryPrimitives.ReadInt64LittleEndian(Raw(8));
    public Int128 Int128() => BinaryPrimitives.ReadInt128LittleEndian(Raw(16));
    public long? Optional() => Flag() ? Int64() : null;
    public ReadOnlySpan<byte> Bytes() => Raw(Count(1));

    public bool Flag() => Byte() switch
    {
        0 => false,
        1 => true,
        var flag => throw new InvalidDataException($"a flag of the state is {flag}, neither 0 nor 1"),
    };

    /// <summary>How many elements follow, of at least so many bytes each.</summary>
    public int Count(int elementBytes)
    {
        var count = Int32();
        return count >= 0 && count <= rest.Length / elementBytes
            ? count : throw new InvalidDataException($"{count} elements do not fit into the state");
    }

    public void Expect(byte layout)
    {
        if (Byte() is var found && found != layout)
            throw new InvalidDataException($"state layout {found} is unknown; this program reads {layout}");
    }

    public readonly void End()
    {
        if (!rest.IsEmpty) throw new InvalidDataException($"{rest.Length} bytes follow the state");
    }

    private ReadOnlySpan<byte> Raw(int count)
    {
        if (count > rest.Length) throw new InvalidDataException("the state is cut short");
        var taken = rest[..count];
        rest = rest[count..];
        return taken;
    }
}
