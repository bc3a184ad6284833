using System.Buffers;

namespace Ledger.Projections;

/// <summary>
/// Versions of one row, one after the other, that were closed together, in the few bytes in which each differs from the
/// one before: most of a version is what the one before says too. A single one stays its text.
/// <para>
/// Of each version: the positions between the end of the one before and its first, then those until its end, the length
/// of its text, and steps until the text is whole. A step copies bytes of the text before, passes over others, and adds
/// new ones. Each number has seven bits in a byte, the lowest first, and the highest bit where more follow.
/// </para>
/// </summary>
internal sealed class PackedVersions
{
    // Who asks for one version unpacks those before it, and all are read from the file.
    private const int VersionsMax = 64, BytesMax = 8 * 1024;
    private const int NumberBytesMax = 10;

    /// <summary>Where members of a row end: behind a difference both texts go on from there.</summary>
    private static readonly SearchValues<byte> Ends = SearchValues.Create(",}"u8);

    private readonly TextBuffer packed = new();
    private TextBuffer before = new(), next = new();

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }
    /// <summary>The first position of the first version.</summary>
    public long From { get; private set; }
    /// <summary>The first position behind the last version.</summary>
    public long To { get; private set; }

    /// <summary>The text of the last version.</summary>
    public ReadOnlySpan<byte> Last => before.Written;

    public ReadOnlySpan<byte> Written => packed.Written;

    /// <summary>Whether another version is better begun apart.</summary>
    public bool IsFull => Count == VersionsMax || packed.Written.Length >= BytesMax;

    public void Clear()
    {
        packed.Clear();
        before.Clear();
        Count = 0;
    }

    /// <summary>Where the text of the next version is written, before it is added.</summary>
    public TextBuffer Next()
    {
        next.Clear();
        return next;
    }

    /// <summary>Adds the version whose text was written into <see cref="Next"/>.</summary>
    public void Add(long from, long to)
    {
        if (Count == 0) From = To = from;
        Write(from - To);
        Write(to - from);
        Write(next.Written.Length);
        WriteSteps(before.Written, next.Written);
        (before, next) = (next, before);
        Count++;
        To = to;
    }

    private void WriteSteps(ReadOnlySpan<byte> old, ReadOnlySpan<byte> text)
    {
        while (!text.IsEmpty)
        {
            var copied = old.CommonPrefixLength(text);
            old = old[copied..];
            text = text[copied..];
            var (passed, added) = (Until(old), old.IsEmpty ? text.Length : Until(text));
            // Both stand at an end, and not at the same.
            if (passed == 0 && added == 0 && !text.IsEmpty) added = 1;
            Write(copied);
            Write(passed);
            Write(added);
            packed.Write(text[..added]);
            old = old[passed..];
            text = text[added..];
        }
    }

    private static int Until(ReadOnlySpan<byte> text) =>
        text.IndexOfAny(Ends) is var end and >= 0 ? end : text.Length;

    private void Write(long number)
    {
        var bytes = packed.GetSpan(NumberBytesMax);
        var length = 0;
        for (var rest = unchecked((ulong)number); ; rest >>= 7)
        {
            bytes[length++] = (byte)(rest < 0x80 ? rest : (rest & 0x7f) | 0x80);
            if (rest < 0x80) break;
        }
        packed.Advance(length);
    }
}

/// <summary>The versions of <see cref="PackedVersions"/>, one after the other. What is damaged is never read past its
/// end: there are then no more versions, and <see cref="IsWhole"/> stays false.</summary>
/// <param name="from">The first position of the first version.</param>
internal ref struct UnpackedVersions(ReadOnlySpan<byte> packed, long from, TextBuffer one, TextBuffer other)
{
    private ReadOnlySpan<byte> rest = packed;
    private TextBuffer before = other, now = Cleared(one);
    private bool isDamaged;

    public long From { get; private set; }
    /// <summary>The first position behind the version.</summary>
    public long To { get; private set; } = from;
    public readonly ReadOnlySpan<byte> Json => now.Written;

    /// <summary>Whether all are unpacked.</summary>
    public readonly bool IsWhole => rest.IsEmpty && !isDamaged;

    private static TextBuffer Cleared(TextBuffer text)
    {
        text.Clear();
        return text;
    }

    /// <summary>Whether there is another version, which is then this one.</summary>
    public bool Next()
    {
        if (rest.IsEmpty || isDamaged) return false;
        isDamaged = !TryUnpack();
        return !isDamaged;
    }

    private bool TryUnpack()
    {
        if (To < 0 || !TryRead(out var gap) || !TryRead(out var positions) || !TryRead(out var length)
            || gap > long.MaxValue - To || positions > long.MaxValue - To - gap) return false;
        (before, now) = (now, before);
        now.Clear();
        var old = before.Written;
        while (now.Written.Length < length)
        {
            if (!TryRead(out var copied) || !TryRead(out var passed) || !TryRead(out var added)
                || copied > old.Length || passed > old.Length - copied || added > rest.Length
                || copied + passed + added == 0) return false;
            now.Write(old[..(int)copied]);
            now.Write(rest[..(int)added]);
            old = old[(int)(copied + passed)..];
            rest = rest[(int)added..];
        }
        (From, To) = (To + gap, To + gap + positions);
        return now.Written.Length == length;
    }

    private bool TryRead(out long number)
    {
        var (read, shift) = (0UL, 0);
        number = 0;
        for (var length = 0; length < rest.Length && shift < 63; length++, shift += 7)
        {
            read |= (rest[length] & 0x7fUL) << shift;
            if (rest[length] >= 0x80) continue;
            rest = rest[(length + 1)..];
            number = (long)read;
            return true;
        }
        return false;
    }
}
