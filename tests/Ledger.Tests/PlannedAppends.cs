using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Tests;

/// <summary>
/// The appends of a writer that is killed: the same facts in the same order, whatever happens to it. So each append has
/// its position before it is made, and a journal that holds them has one digest.
/// </summary>
internal static class PlannedAppends
{
    private const int Streams = 5;

    /// <summary>Facts of one append, over and over: mostly few, and now and then a whole import.</summary>
    private static readonly int[] Sizes = [1, 1, 2, 1, 5, 1, 1, 40];
    private static readonly int Round = Sizes.Sum();

    /// <summary>The position of an append's first fact.</summary>
    public static long First(int append) =>
        ((long)(append / Sizes.Length) * Round) + Sizes.Take(append % Sizes.Length).Sum();

    public static (string Stream, NewFact[] Facts) Of(int append) => (StreamOf(append), [.. Enumerable
        .Range((int)First(append), Sizes[append % Sizes.Length]).Select(number => TestFolder.Reading(number, number))]);

    /// <summary>The append to which a position belongs.</summary>
    public static int At(long position)
    {
        var append = (int)(position / Round) * Sizes.Length;
        while (First(append + 1) <= position) append++;
        return append;
    }

    public static string StreamOf(int append) =>
        string.Create(CultureInfo.InvariantCulture, $"register/{append % Streams}");
}
