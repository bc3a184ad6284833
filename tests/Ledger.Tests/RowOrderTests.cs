using CsCheck;
using Ledger.Projections;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Rows come in the order of their keys' bytes, however many there are and in whatever order they came.
/// </summary>
public sealed class RowOrderTests
{
    private sealed record Row(int Number);

    private static readonly Gen<string[]> Keys = Gen.OneOf(
        Gen.Int[0, 5000].Select(number => $"k|{number:D5}").Array[0, 1500],
        Gen.String[Gen.Char['a', 'c'], 0, 6].Array[0, 1500],
        Gen.Const(Enumerable.Range(0, 1500).Select(number => $"k|{number:D5}").ToArray()),
        Gen.Const(Enumerable.Range(0, 1500).Select(number => $"k|{9999 - number:D5}").ToArray()));

    private static string[] Expected(string[] keys, string first, string last) =>
    [
        .. keys.Distinct().Where(key => string.CompareOrdinal(key, first) >= 0 && string.CompareOrdinal(key, last) <= 0)
            .Order(StringComparer.Ordinal),
    ];

    private static (string First, string Last) Bounds(string[] keys, int one, int other) =>
        keys.Length == 0 ? ("", "~") : (keys[one % keys.Length], keys[other % keys.Length] + "~");

    [Fact]
    public void Views_in_memory_give_them_in_order() =>
        Gen.Select(Keys, Gen.Int[0, 1499], Gen.Int[0, 1499]).Sample((keys, one, other) =>
        {
            var views = new MemoryViews();
            views.Commit(Checkpoints.Of(),
                [.. keys.Select((key, number) => new PositionedChange("P", number, key, "{}"))]);
            var (first, last) = Bounds(keys, one, other);
            views.Range("P", first, last).Select(row => row.Key).ShouldBe(Expected(keys, first, last));
            views.Versions("P").Select(row => row.Key).Distinct().ShouldBe(Expected(keys, "", "~"));
        }, iter: LongRun.Samples / 50);

    /// <summary>Those of a projection that has none stored, and those beside stored ones.</summary>
    [Fact]
    public void Rows_that_a_fold_works_on_come_in_order() =>
        Gen.Select(Keys, Gen.Int[0, 1499], Gen.Int[0, 1499], Gen.Bool).Sample((keys, one, other, isEmpty) =>
        {
            var views = new MemoryViews();
            var stored = isEmpty ? 0 : keys.Length / 2;
            views.Commit(Checkpoints.Of(),
                [.. keys.Take(stored).Select((key, number) => new PositionedChange("P", number, key, "{\"number\":7}"))]);
            var rows = new WorkingRows(views, "P", isEmpty);
            foreach (var key in keys.Skip(stored)) rows.Accept([new(key, new Row(8))], 0, []);
            var (first, last) = Bounds(keys, one, other);
            rows.Range<Row>(first, last).Select(row => row.Key).ShouldBe(Expected(keys, first, last));
        }, iter: LongRun.Samples / 50);
}
