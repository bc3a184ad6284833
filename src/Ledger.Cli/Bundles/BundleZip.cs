using System.Buffers.Binary;
using System.Text;
using Ledger.Domain;

namespace Ledger.Cli.Bundles;

/// <summary>
/// The one zip file of some files, after PKWARE's APPNOTE.TXT 6.3.3 §4.3: stored without compression, in order of their
/// names, dated 1980-01-01, without any optional field. So the same files are the same bytes on every machine,
/// and no two readers of zip files can find two things in one: whatever is not these bytes is refused.
/// </summary>
public static class BundleZip
{
    public const int FilesMax = ushort.MaxValue;
    /// <summary>2 GiB less what an array cannot hold.</summary>
    public const int BytesMax = 0x7fff_ffc7;

    private const uint LocalMark = 0x04034b50, CentralMark = 0x02014b50, EndMark = 0x06054b50;
    private const int LocalBytes = 30, CentralBytes = 46, EndBytes = 22;
    private const ushort VersionNeeded = 10; // §4.4.3.2: 1.0, stored files
    private const ushort FirstDay = 0x0021; // §4.4.6: 1980-01-01, the earliest that the format has

    /// <summary>How long the zip file of these files is, in bytes.</summary>
    public static long Length(IReadOnlyDictionary<string, byte[]> files) =>
        files.Sum(file => (long)LocalBytes + CentralBytes + 2 * file.Key.Length + file.Value.Length) + EndBytes;

    /// <summary>
    /// Writes the zip file of these files for whoever the command line says, which is recorded before the first byte
    /// where some of them name persons; one that the format cannot hold is refused before that.
    /// </summary>
    /// <param name="what">What is handed out, as it is recorded.</param>
    /// <param name="personal">The evidence in it that names persons.</param>
    public static async Task<byte[]> HandOutAsync(
        string path, IReadOnlyDictionary<string, byte[]> files, CommandLine line, Shell shell, string what,
        IReadOnlyList<EvidenceDigest> personal, CancellationToken ct)
    {
        if (files.Count > FilesMax || Length(files) > BytesMax)
            throw new CouldNotException($"there are {files.Count} files of {Length(files)} bytes; a bundle has at most "
                + $"{FilesMax} files and {BytesMax} bytes");
        await Disclosing.RecordAsync(line, shell, what, personal, ct).ConfigureAwait(false);
        var zip = Write(files);
        if (shell.HandedOut is { } handed) await handed.WriteAsync(zip, ct).ConfigureAwait(false);
        else await OutFile.WriteAsync(path, zip, ct).ConfigureAwait(false);
        return zip;
    }

    /// <param name="files">By name: ASCII, with / between folders.</param>
    public static byte[] Write(IReadOnlyDictionary<string, byte[]> files)
    {
        var zip = new byte[Length(files)];
        var (local, central) = (0, files.Sum(file => LocalBytes + file.Key.Length + file.Value.Length));
        var directory = central;
        foreach (var (name, content) in files.OrderBy(file => file.Key, StringComparer.Ordinal))
        {
            var entry = zip.AsSpan(central);
            BinaryPrimitives.WriteUInt32LittleEndian(entry, CentralMark);
            BinaryPrimitives.WriteUInt16LittleEndian(entry[4..], VersionNeeded);
            WriteFields(entry[6..], name, content);
            BinaryPrimitives.WriteInt32LittleEndian(entry[42..], local);
            Encoding.ASCII.GetBytes(name, entry[CentralBytes..]);
            central += CentralBytes + name.Length;

            BinaryPrimitives.WriteUInt32LittleEndian(zip.AsSpan(local), LocalMark);
            WriteFields(zip.AsSpan(local + 4), name, content);
            Encoding.ASCII.GetBytes(name, zip.AsSpan(local + LocalBytes));
            content.CopyTo(zip, local + LocalBytes + name.Length);
            local += LocalBytes + name.Length + content.Length;
        }
        var end = zip.AsSpan(central);
        BinaryPrimitives.WriteUInt32LittleEndian(end, EndMark);
        BinaryPrimitives.WriteUInt16LittleEndian(end[8..], checked((ushort)files.Count));
        BinaryPrimitives.WriteUInt16LittleEndian(end[10..], checked((ushort)files.Count));
        BinaryPrimitives.WriteInt32LittleEndian(end[12..], central - directory);
        BinaryPrimitives.WriteInt32LittleEndian(end[16..], directory);
        return zip;
    }

    /// <summary>
    /// The files of a zip file, read from its beginning;
    /// throws <see cref="InvalidDataException"/> where it does not have this form.
    /// Whether every byte is as it should be, only writing them again says.
    /// </summary>
    public static SortedDictionary<string, byte[]> Read(ReadOnlySpan<byte> zip)
    {
        var files = new SortedDictionary<string, byte[]>(StringComparer.Ordinal);
        var at = 0;
        while (zip.Length - at >= LocalBytes && BinaryPrimitives.ReadUInt32LittleEndian(zip[at..]) == LocalMark)
        {
            var size = BinaryPrimitives.ReadUInt32LittleEndian(zip[(at + 18)..]);
            var nameBytes = BinaryPrimitives.ReadUInt16LittleEndian(zip[(at + 26)..]);
            if (size + (long)nameBytes > zip.Length - at - LocalBytes)
                throw new InvalidDataException($"the file at byte {at} of the zip is longer than the zip");
            var name = Encoding.ASCII.GetString(zip.Slice(at + LocalBytes, nameBytes));
            if (!files.TryAdd(name, zip.Slice(at + LocalBytes + nameBytes, (int)size).ToArray()))
                throw new InvalidDataException($"the zip has two files named {name}");
            at += LocalBytes + nameBytes + (int)size;
        }
        return files.Count > 0
            ? files : throw new InvalidDataException("it does not begin with a file, so it is no zip");
    }

    /// <summary>§4.4: what a local header and the directory say alike, from the version needed on.</summary>
    private static void WriteFields(Span<byte> fields, string name, byte[] content)
    {
        BinaryPrimitives.WriteUInt16LittleEndian(fields, VersionNeeded);
        BinaryPrimitives.WriteUInt16LittleEndian(fields[8..], FirstDay);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[10..], Crc32(content));
        BinaryPrimitives.WriteInt32LittleEndian(fields[14..], content.Length);
        BinaryPrimitives.WriteInt32LittleEndian(fields[18..], content.Length);
        BinaryPrimitives.WriteUInt16LittleEndian(fields[22..], checked((ushort)name.Length));
    }

    private static readonly uint[] Remainders = [.. Enumerable.Range(0, 256).Select(index =>
    {
        var remainder = (uint)index;
        for (var bit = 0; bit < 8; bit++) remainder = (remainder >> 1) ^ ((remainder & 1) * 0xedb88320); // §4.4.7
        return remainder;
    })];

    private static uint Crc32(byte[] content)
    {
        var crc = uint.MaxValue;
        foreach (var next in content) crc = (crc >> 8) ^ Remainders[(crc ^ next) & 0xff];
        return ~crc;
    }
}
