using System.Text;
using System.Text.Json;
using CsCheck;
using Ledger.Journal;
using Shouldly;

namespace Ledger.Tests;

public sealed class MerkleTreeTests
{
    private static JsonElement Sample(string name)
    {
        var samples = Environment.GetEnvironmentVariable("LEDGER_SAMPLES");
        if (string.IsNullOrEmpty(samples)) Assert.Skip("sample: set LEDGER_SAMPLES to the folder of vectors/merkle");
        return JsonDocument.Parse(File.ReadAllText(Path.Combine(samples, "vectors", "merkle", name))).RootElement;
    }

    [Fact]
    public void Roots_of_the_reference_tree_at_every_size()
    {
        var sample = Sample("reference-tree-8.json");
        var roots = sample.GetProperty("rootHashesHexBySize").EnumerateArray().Select(root => root.GetString())
            .ToArray();
        var tree = new MerkleTree();
        Convert.ToHexStringLower(tree.Root()).ShouldBe(roots[0]);
        foreach (var (leaf, size) in sample.GetProperty("leafInputsHex").EnumerateArray()
            .Select((leaf, i) => (leaf.GetString()!, i + 1)))
        {
            tree = MerkleTree.Restore(tree.Size, tree.SaveFrontier());
            tree.Append(Convert.FromHexString(leaf));
            Convert.ToHexStringLower(tree.Root()).ShouldBe(roots[size]);
        }
        tree.Size.ShouldBe(8);
    }

    [Fact]
    public void Hashes_of_the_reference_hasher()
    {
        foreach (var known in Sample("rfc6962-hasher.json").GetProperty("cases").EnumerateArray())
        {
            byte[] Input(string member) => Encoding.UTF8.GetBytes(known.GetProperty(member).GetString()!);
            var hash = known.GetProperty("op").GetString() switch
            {
                "emptyRoot" => new MerkleTree().Root(),
                "leaf" => MerkleTree.LeafHash(Input("dataUtf8")),
                _ => MerkleTree.NodeHash(Input("leftUtf8"), Input("rightUtf8")),
            };
            var wanted = known.TryGetProperty("wantBase64", out var base64)
                ? Convert.FromBase64String(base64.GetString()!)
                : Convert.FromHexString(known.GetProperty("want").GetString()!);
            hash.ShouldBe(wanted, known.GetProperty("desc").GetString());
        }
    }

    [Fact]
    public void Leaves_that_are_appended_together_make_the_tree_that_they_make_one_by_one() =>
        Gen.Int[0, 600].Array[1, 5].Sample(parts =>
        {
            var (alone, together) = (new MerkleTree(), new MerkleTree());
            foreach (var part in parts)
            {
                var hashes = new List<byte>();
                for (var i = 0; i < part; i++)
                {
                    byte[] entry = [.. BitConverter.GetBytes(alone.Size)];
                    alone.Append(entry);
                    hashes.AddRange(MerkleTree.LeafHash(entry));
                }
                together.AppendHashes(hashes.ToArray());
                together.Size.ShouldBe(alone.Size);
                together.SaveFrontier().ShouldBe(alone.SaveFrontier());
            }
        }, iter: 200);

    [Fact]
    public void A_frontier_that_does_not_fit_its_size_is_refused() =>
        Should.Throw<InvalidDataException>(() => MerkleTree.Restore(3, new byte[32]));
}
