using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;
using NodaTime;

namespace Ledger.Journal;

/// <summary>
/// How values stand in the journal's own bytes: integers big-endian, a text as a u16 byte count and UTF-8, an instant
/// as an i64 of 100 ns ticks since the Unix epoch. Each value has one form, and no other is read.
/// </summary>
internal static class JournalBytes
{
    public static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    public static readonly long TicksMin = Instant.MinValue.ToUnixTimeTicks();
    public static readonly long TicksMax = Instant.MaxValue.ToUnixTimeTicks();

    /// <summary>The instant as ticks; one that is finer would come back as another and is refused.</summary>
    public static long Ticks(Instant value)
    {
        var ticks = value.ToUnixTimeTicks();
        return Instant.FromUnixTimeTicks(ticks) == value
            ? ticks
            : throw new ArgumentException($"{value} is finer than the journal's tick of 100 ns", nameof(value));
    }
}

/// <summary>Writes values one after the other, into the caller's buffer as long as it lasts.</summary>
internal ref struct ByteWriter(Span<byte> buffer)
{
    private Span<byte> bytes = buffer;
    private int length;

    public readonly byte[] ToArray() => bytes[..length].ToArray();

    private Span<byte> Take(int count)
    {
        if (length + count > bytes.Length)
        {
            var larger = new byte[Math.Max(bytes.Length * 2, length + count)];
            bytes[..length].CopyTo(larger);
            bytes = larger;
        }
        length += count;
        return bytes.Slice(length - count, count);
    }

    public void Byte(byte value) => Take(1)[0] = value;
    public void UInt16(int value) => BinaryPrimitives.WriteUInt16BigEndian(Take(2), checked((ushort)value));
    public void Int32(int value) => BinaryPrimitives.WriteInt32BigEndian(Take(4), value);
    public void Int64(long value) => BinaryPrimitives.WriteInt64BigEndian(Take(8), value);
    public void Int128(Int128 value) => BinaryPrimitives.WriteInt128BigEndian(Take(16), value);
    public void Id(EventId value) => BinaryPrimitives.WriteUInt128BigEndian(Take(16), value.Value);
    public void Time(Instant value) => Int64(JournalBytes.Ticks(value));
    public void Raw(scoped ReadOnlySpan<byte> value) => value.CopyTo(Take(value.Length));

    public void Text(string value)
    {
        if (JournalBytes.Utf8.GetMaxByteCount(value.Length) > bytes.Length - length - sizeof(ushort))
        {
            var needed = JournalBytes.Utf8.GetByteCount(value);
            UInt16(needed);
            JournalBytes.Utf8.GetBytes(value, Take(needed));
            return;
        }
        // Where there is room for any text of so many characters they are gone through once.
        var count = JournalBytes.Utf8.GetBytes(value, bytes[(length + sizeof(ushort))..]);
        UInt16(count);
        length += count;
    }
}

/// <summary>Reads what <see cref="ByteWriter"/> wrote; anything else is an <see
/// cref="InvalidDataException"/>.</summary>
/// <param name="texts">Texts that may come again; null where each is made anew.</param>
internal ref struct ByteReader(ReadOnlySpan<byte> bytes, string what, RecentTexts? texts = null)
{
    private ReadOnlySpan<byte> rest = bytes;

    public ReadOnlySpan<byte> Raw(int count)
    {
        if (count > rest.Length) throw new InvalidDataException($"the {what} is cut short");
        var taken = rest[..count];
        rest = rest[count..];
        return taken;
    }

    public byte Byte() => Raw(1)[0];
    public ushort UInt16() => BinaryPrimitives.ReadUInt16BigEndian(Raw(2));
    public int Int32() => BinaryPrimitives.ReadInt32BigEndian(Raw(4));
    public long Int64() => BinaryPrimitives.ReadInt64BigEndian(Raw(8));
    public Int128 Int128() => BinaryPrimitives.ReadInt128BigEndian(Raw(16));
    public EventId Id() => new(BinaryPrimitives.ReadUInt128BigEndian(Raw(16)));

    /// <summary>A presence flag: 0 or 1.</summary>
    public bool Flag() => Byte() switch
    {
        0 => false,
        1 => true,
        var flag => throw new InvalidDataException($"a flag of the {what} is {flag}, neither 0 nor 1"),
    };

    public string Text()
    {
        if (texts is not null) return texts.Of(Raw(UInt16())) ?? throw NoText();
        try
        {
            return JournalBytes.Utf8.GetString(Raw(UInt16()));
        }
        catch (DecoderFallbackException e)
        {
            throw NoText(e);
        }
    }

    private readonly InvalidDataException NoText(Exception? e = null) => new($"a text of the {what} is not UTF-8", e);

    /// <summary>A value by its text; false where the text is none's.</summary>
    public bool TryValue<T>(RecentValues<T> recent, out T value) where T : struct
    {
        var text = Raw(UInt16());
        if (recent.TryGet(text, out value)) return true;
        if (!Utf8.IsValid(text)) throw NoText();
        return false;
    }

    /// <summary>What is not read yet, but for so many bytes at the end; empty where there are no more.</summary>
    public readonly ReadOnlySpan<byte> RestBefore(int end) => rest[..Math.Max(0, rest.Length - end)];

    /// <summary>The bytes of a text, which are UTF-8.</summary>
    public ReadOnlySpan<byte> TextBytes()
    {
        var text = Raw(UInt16());
        return Utf8.IsValid(text) ? text : throw NoText();
    }

    public Instant Time()
    {
        var ticks = Int64();
        return ticks >= JournalBytes.TicksMin && ticks <= JournalBytes.TicksMax
            ? Instant.FromUnixTimeTicks(ticks)
            : throw new InvalidDataException($"an instant of the {what} is {ticks} ticks, which no calendar reaches");
    }

    public readonly void End()
    {
        if (!rest.IsEmpty) throw new InvalidDataException($"{rest.Length} bytes follow the {what}");
    }
}
