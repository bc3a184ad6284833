using System.Globalization;

namespace Ledger.Journal.Proof;

/// <summary>
/// Where a part of the tree is published: c2sp.org/tlog-tiles. Hash tile (l, n) holds the roots of up to 256 perfect
/// subtrees of 256^l leaves, MTH(D[(n·256+i)·256^l : (n·256+i+1)·256^l]); an entry bundle holds up to 256 leaf entries.
/// </summary>
/// <param name="Level">0 to 63 of a hash tile; <see cref="Entries"/> of an entry bundle.</param>
/// <param name="Number">Its place in its level, from 0.</param>
/// <param name="Width">1 to 256 hashes or entries; fewer than 256 is a partial tile at the edge of the tree.</param>
public readonly record struct Tile(int Level, long Number, int Width)
{
    public const int Entries = -1;
    public const int FullWidth = 256;
    /// <summary>Levels of the tree in one tile.</summary>
    public const int Height = 8;
    private const int LevelMax = 63;
    private const string EntriesName = "entries";

    public bool IsPartial => Width < FullWidth;

    /// <summary>The tile below which node (level, index) of the tree lies,
    /// and how wide that tile is at this tree size.</summary>
    public static Tile Holding(int level, long index, long treeSize)
    {
        var tileLevel = level / Height;
        var number = index << level % Height >> Height;
        return new(tileLevel, number, WidthAt(tileLevel, number, treeSize));
    }

    /// <summary>The entry bundle in which leaf <paramref name="index"/> lies,
    /// and how many entries it has at this tree size.</summary>
    public static Tile HoldingEntry(long index, long treeSize)
    {
        var number = index >> Height;
        return new(Entries, number, WidthAt(Entries, number, treeSize));
    }

    /// <summary>Every tile of a tree, level by level; no tile is empty.
    /// Level l + 1 has one hash for each full tile of level l.</summary>
    public static IEnumerable<Tile> Of(long treeSize)
    {
        for (long number = 0; number << Height < treeSize; number++)
            yield return new(Entries, number, WidthAt(Entries, number, treeSize));
        for (var (level, hashes) = (0, treeSize); hashes > 0; (level, hashes) = (level + 1, hashes >> Height))
            for (long number = 0; number << Height < hashes; number++)
                yield return new(level, number, WidthAt(level, number, treeSize));
    }

    private static int WidthAt(int level, long number, long treeSize)
    {
        var hashes = level < 1 ? treeSize : level > LevelMax / Height ? 0 : treeSize >> level * Height;
        return (int)Math.Clamp(hashes - (number << Height), 0, FullWidth);
    }

    /// <summary>Its path below the log's prefix: tile/LEVEL/NUMBER, and .p/WIDTH where it is partial.</summary>
    public override string ToString()
    {
        var level = Level == Entries ? EntriesName : Level.ToString(CultureInfo.InvariantCulture);
        var partial = IsPartial ? string.Create(CultureInfo.InvariantCulture, $".p/{Width}") : "";
        return $"tile/{level}/{Grouped(Number)}{partial}";
    }

    /// <summary>Reads a path; only the one that <see cref="ToString"/> writes is right.</summary>
    public static bool TryParse(string path, out Tile tile)
    {
        tile = default;
        var parts = path.Split('/', 3);
        if (parts.Length < 3 || !TryLevel(parts[1], out var level)) return false;
        var (number, width) = parts[2].IndexOf(".p/", StringComparison.Ordinal) is >= 0 and var at
            ? (parts[2][..at], parts[2][(at + 3)..])
            : (parts[2], $"{FullWidth}");
        var digits = number.Replace("x", "", StringComparison.Ordinal).Replace("/", "", StringComparison.Ordinal);
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var n)
            || !int.TryParse(width, NumberStyles.None, CultureInfo.InvariantCulture, out var w)
            || w is 0 or > FullWidth) return false;
        tile = new(level, n, w);
        return tile.ToString() == path;
    }

    private static bool TryLevel(string text, out int level)
    {
        level = Entries;
        return text == EntriesName
            || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out level) && level <= LevelMax);
    }

    /// <summary>Groups of three digits, all but the last with an x: 1234067 is x001/x234/067.</summary>
    private static string Grouped(long number)
    {
        var last = (number % 1000).ToString("000", CultureInfo.InvariantCulture);
        for (number /= 1000; number > 0; number /= 1000)
            last = $"x{(number % 1000).ToString("000", CultureInfo.InvariantCulture)}/{last}";
        return last;
    }
}
