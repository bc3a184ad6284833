using Ledger.Journal;
using Ledger.Journal.Proof;
using Shouldly;

namespace Ledger.Tests;

public sealed class TileTests
{
    [Theory]
    [InlineData(0, 0, 256, "tile/0/000")]
    [InlineData(0, 1234067, 256, "tile/0/x001/x234/067")]
    [InlineData(3, 999, 1, "tile/3/999.p/1")]
    [InlineData(2, 1000, 255, "tile/2/x001/000.p/255")]
    [InlineData(Tile.Entries, 1, 44, "tile/entries/001.p/44")]
    public void A_tile_has_one_path(int level, long number, int width, string path)
    {
        var tile = new Tile(level, number, width);
        $"{tile}".ShouldBe(path);
        Tile.TryParse(path, out var read).ShouldBeTrue();
        read.ShouldBe(tile);
    }

    [Theory]
    [InlineData("")]
    [InlineData("tile/0")]
    [InlineData("tile/0/1")]
    [InlineData("tile/00/001")]
    [InlineData("tile/0/x000/001")]
    [InlineData("tile/0/0x01")]
    [InlineData("tile/0/001.p/0")]
    [InlineData("tile/0/001.p/256")]
    [InlineData("tile/0/001.p/01")]
    [InlineData("tile/0/../001")]
    [InlineData("tiles/0/001")]
    public void Other_paths_are_none(string path) => Tile.TryParse(path, out _).ShouldBeFalse();

    [Fact]
    public void Tiles_of_a_tree_are_exactly_what_its_growth_has_written()
    {
        foreach (var size in (long[])[0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000])
        {
            var tree = new GrownTree(size);
            tree.Files.Keys.ShouldBe(Tile.Of(size).Select(tile => $"{tile}"), ignoreOrder: true);
            tree.At(size).Root().ShouldBe(Root(size));
        }
    }

    [Fact]
    public void A_tree_that_grows_in_steps_is_the_tree_that_grew_at_once()
    {
        var kept = new Dictionary<string, byte[]>();
        long size = 0;
        foreach (var next in (long[])[1, 2, 100, 256, 300, 512, 1_000, 66_000, 66_000, 70_000])
        {
            var growth = TileGrowth.From(size, tile => kept[$"{tile}"], (tile, content) => kept[$"{tile}"] = content);
            for (; size < next; size++) growth.Append(GrownTree.Entry(size));
            growth.WriteEdge();
            growth.Size.ShouldBe(next);
            var atOnce = new GrownTree(next);
            foreach (var (path, content) in atOnce.Files)
                kept[path].AsSpan().SequenceEqual(content).ShouldBeTrue($"{path} at {next}");
        }
    }

    [Fact]
    public void A_damaged_edge_is_not_grown_from() =>
        Should.Throw<InvalidDataException>(() => TileGrowth.From(3, _ => new byte[95], (_, _) => { }));

    [Fact]
    public void A_tile_of_another_width_is_not_read() =>
        Should.Throw<InvalidDataException>(() => new TileHashes(3, _ => new byte[64]).Root());

    [Fact]
    public void A_subtree_beyond_the_tree_has_no_hash() =>
        Should.Throw<ArgumentOutOfRangeException>(() => new GrownTree(3).At(3).At(1, 1));

    [Fact]
    public void An_entry_bundle_comes_back()
    {
        byte[][] entries = [[], [1], [.. Enumerable.Repeat((byte)7, 300)]];
        EntryBundle.Read(EntryBundle.Write(entries)).ShouldBe(entries);
        new GrownTree(300).Files["tile/entries/001.p/44"].Length.ShouldBe(44 * 10);
    }

    [Fact]
    public void Paths_of_the_published_vectors()
    {
        var vector = ProofVectors.Read("tiles/paths.json");
        foreach (var known in vector.List("entriesPathForLogIndex"))
            $"{Tile.HoldingEntry(known[0].GetInt64(), known[1].GetInt64())}".ShouldBe(known[2].GetString());
        foreach (var known in vector.List("tilePath"))
            $"{new Tile(known[0].GetInt32(), known[1].GetInt64(), Width(known[2].GetInt32()))}".ShouldBe(
                known[3].GetString());
        foreach (var known in vector.List("parse"))
        {
            Tile.TryParse($"tile/{known[0]}/{known[1]}", out var tile).ShouldBeTrue($"{known}");
            tile.ShouldBe(new Tile(known[2].GetInt32(), known[3].GetInt64(), Width(known[4].GetInt32())));
        }
        foreach (var bad in vector.List("parseMustFail"))
            Tile.TryParse($"tile/{bad[0]}/{bad[1]}", out _).ShouldBeFalse($"{bad}");
        foreach (var known in vector.List("nodeCoordsToTile"))
        {
            var (level, index) = (known[0].GetInt32(), known[1].GetInt64());
            var tile = Tile.Holding(level, index, 1L << 40);
            (tile.Level, tile.Number, level % Tile.Height, index - (tile.Number << Tile.Height >> level % Tile.Height))
                .ShouldBe(
                (known[2].GetInt32(), known[3].GetInt64(), known[4].GetInt32(), known[5].GetInt64()), $"{known}");
        }
    }

    [Fact]
    public void Sizes_and_bundles_of_the_published_vectors()
    {
        var vector = ProofVectors.Read("tiles/paths.json");
        foreach (var (size, name) in ((long, string)[])[(70_000, "tilesForSize70000"), (256, "tilesForSize256")])
        {
            var tiles = Tile.Of(size).ToList();
            foreach (var known in vector.GetProperty(name).EnumerateObject()
                .Where(known => known.Value.ValueKind == System.Text.Json.JsonValueKind.Number))
            {
                var level = known.Name[^1] - '0';
                var found = known.Name.StartsWith("full", StringComparison.Ordinal)
                    ? tiles.Count(tile => tile.Level == level && !tile.IsPartial)
                    : tiles.Single(tile => tile.Level == level && tile.IsPartial).Width;
                found.ShouldBe(known.Value.GetInt32(), known.Name);
            }
        }
        var bundles = vector.GetProperty("entryBundle");
        foreach (var valid in bundles.List("valid"))
            EntryBundle.Write(EntryBundle.Read(Convert.FromHexString(valid.GetString()!)))
                .ShouldBe(Convert.FromHexString(valid.GetString()!));
        foreach (var cut in bundles.List("invalidTruncated"))
            Should.Throw<InvalidDataException>(() => EntryBundle.Read(Convert.FromHexString(cut.GetString()!)));
    }

    private static int Width(int inVector) => inVector == 0 ? Tile.FullWidth : inVector;

    private static byte[] Root(long size)
    {
        var tree = new MerkleTree();
        for (var index = 0L; index < size; index++) tree.Append(GrownTree.Entry(index));
        return tree.Root();
    }
}
