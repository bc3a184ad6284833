namespace Ledger.Cli;

/// <summary>A column of a text table.</summary>
/// <param name="Title">What it holds, with its unit.</param>
/// <param name="Right">Figures stand at the right; text stands at the left and may be wrapped.</param>
public sealed record TextColumn(string Title, bool Right);

/// <summary>
/// Rows for people, at most <see cref="WidthMax"/> characters wide: figures at the right, titles wrapped over them,
/// and where a row is too wide, its widest texts wrapped at blanks until it fits. Where that is not enough, words are
/// cut, an instant never: half an instant is another one. Where not even that is enough, the row is wider and no name
/// is cut, because a cut one can be neither searched nor copied. What is shown may be from anybody, and no control
/// character of it reaches a terminal, which would obey it.
/// </summary>
public static class TextTable
{
    public const int WidthMax = 100; // fits beside a line number, and in a mail
    private const int WrappedMin = 12; // narrower, wrapped text is harder to read than a wide table
    private const int WholeMax = 30; // longer words, digests say, are read character by character anyway
    private const int NameMax = 63; // shorter than any digest
    private const string Between = "  ";

    /// <summary>The lines of the table, without blanks at their ends.</summary>
    public static IEnumerable<string> Lines(IReadOnlyList<TextColumn> columns,
        IReadOnlyList<IReadOnlyList<string>> rows)
    {
        var widths = Widths(columns, rows);
        var title = columns.Select(column => column.Title).ToList();
        return rows.Prepend(title).SelectMany((row, i) => Row(columns, widths, row, atBottom: i == 0))
            .Concat(rows.Count == 0 ? ["(none)"] : []);
    }

    private static int[] Widths(IReadOnlyList<TextColumn> columns, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        var widths = columns.Select((column, i) => Math.Max(
            column.Title.Split(' ').Max(word => word.Length), rows.Select(row => row[i].Length).DefaultIfEmpty().Max()))
                .ToArray();
        return Narrowed(columns, rows, widths, IsWhole) is var whole && Fits(whole) ? whole
            : Narrowed(columns, rows, whole, IsInstant) is var cut && Fits(cut) ? cut
            : Narrowed(columns, rows, widths, IsName);
    }

    private static bool Fits(int[] widths) => widths.Sum() + Between.Length * (widths.Length - 1) <= WidthMax;

    /// <summary>The widest columns made narrower until the rows fit, as far as words that stay whole allow.</summary>
    private static int[] Narrowed(IReadOnlyList<TextColumn> columns, IReadOnlyList<IReadOnlyList<string>> rows,
        int[] from, Func<string, bool> isWhole)
    {
        var widths = from.ToArray();
        var least = columns.Select((column, i) => column.Right ? widths[i] : Math.Max(WrappedMin,
            rows.SelectMany(row => row[i].Split(' ')).Where(isWhole).Select(word => word.Length).DefaultIfEmpty()
                .Max())).ToArray();
        while (!Fits(widths))
        {
            var wrappable = Enumerable.Range(0, widths.Length).Where(i => widths[i] > least[i]).ToList();
            if (wrappable.Count == 0) break;
            widths[wrappable.MaxBy(i => widths[i])]--;
        }
        return widths;
    }

    /// <summary>Whether a text is one word that is read at a glance, a name or an instant.</summary>
    public static bool IsWhole(string text) => text.Length <= WholeMax && !text.Contains(' ');

    private static bool IsName(string word) => word.Length <= NameMax;

    // "2026-02-27T10:00:00Z", with or without decimals and punctuation after it.
    private static bool IsInstant(string word) => word.Length <= WholeMax
        && word.Length > 11 && word[4] == '-' && word[7] == '-' && word[10] == 'T' && char.IsAsciiDigit(word[11]);

    // A title stands at the bottom of its cell, next to its figures; a row begins at the top.
    private static IEnumerable<string> Row(
        IReadOnlyList<TextColumn> columns, int[] widths, IReadOnlyList<string> cells, bool atBottom)
    {
        var wrapped = cells.Select((cell, i) => Wrapped(cell, widths[i])).ToList();
        var height = wrapped.Max(lines => lines.Count);
        for (var line = 0; line < height; line++)
            yield return string.Join(Between, wrapped.Select((lines, i) =>
            {
                var at = atBottom ? line - (height - lines.Count) : line;
                var text = at >= 0 && at < lines.Count ? lines[at] : "";
                return columns[i].Right ? text.PadLeft(widths[i]) : text.PadRight(widths[i]);
            })).TrimEnd();
    }

    private static string Printable(string text) => !text.Any(char.IsControl) ? text
        : string.Concat(text.Select(character => char.IsControl(character) ? '?' : character));

    /// <summary>Text in lines of at most so many characters, broken at blanks; a longer word is cut.</summary>
    public static IReadOnlyList<string> Wrapped(string text, int width)
    {
        var lines = new List<string>();
        var line = "";
        foreach (var word in Printable(text).Split(' ')
            .SelectMany(word => word.Chunk(width).Select(part => new string(part)).DefaultIfEmpty("")))
        {
            if (line.Length > 0 && line.Length + 1 + word.Length > width)
            {
                lines.Add(line);
                line = word;
            }
            else line = line.Length == 0 ? word : $"{line} {word}";
        }
        lines.Add(line);
        return lines;
    }
}
