using System.Buffers.Binary;

namespace Ledger.Journal.Proof;

/// <summary>
/// An entry bundle of c2sp.org/tlog-tiles: up to 256 entries, each a u16 length, big-endian, and its bytes. An entry of
/// ours is a leaf entry, 32 bytes that say nothing of anyone without the salt of their event.
/// </summary>
public static class EntryBundle
{
    /// <summary>What stands before each entry.</summary>
    public const int LengthBytes = 2;

    public static byte[] Write(IEnumerable<byte[]> entries)
    {
        using var bundle = new MemoryStream();
        Span<byte> length = stackalloc byte[LengthBytes];
        foreach (var entry in entries)
        {
            BinaryPrimitives.WriteUInt16BigEndian(length, checked((ushort)entry.Length));
            bundle.Write(length);
            bundle.Write(entry);
        }
        return bundle.ToArray();
    }

    /// <summary>Throws <see cref="InvalidDataException"/> where the bytes end within an entry.</summary>
    public static IReadOnlyList<byte[]> Read(ReadOnlySpan<byte> bundle)
    {
        var entries = new List<byte[]>();
        while (!bundle.IsEmpty)
        {
            var end = bundle.Length < 2 ? int.MaxValue : 2 + BinaryPrimitives.ReadUInt16BigEndian(bundle);
            if (end > bundle.Length)
                throw new InvalidDataException($"the bundle is cut short in entry {entries.Count}");
            entries.Add(bundle[2..end].ToArray());
            bundle = bundle[end..];
        }
        return entries;
    }
}
