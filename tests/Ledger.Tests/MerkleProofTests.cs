using CsCheck;
using Ledger.Journal;
using Ledger.Journal.Proof;
using Shouldly;

namespace Ledger.Tests;

public sealed class MerkleProofTests
{
    private const int EverySizeUpTo = 300;
    private const long Million = 1_000_000;

    /// <summary>Trees whose proofs are mutated: every shape up to five levels, and around the sixth. LEDGER_LONG=1
    /// takes each of a hundred.</summary>
    private static IEnumerable<long> MutatedSizes => Environment.GetEnvironmentVariable("LEDGER_LONG") == "1"
        ? Enumerable.Range(1, 100).Select(size => (long)size)
        : [.. Enumerable.Range(1, 34).Select(size => (long)size), 63, 64, 65, 100];

    private static readonly Lazy<GrownTree> Large = new(() => new GrownTree(Million));

    /// <summary>The subtree's hash by the definition of MTH, from the leaves alone.</summary>
    private static byte[] Defined(int level, long index)
    {
        var tree = new MerkleTree();
        for (var leaf = index << level; leaf < (index + 1) << level; leaf++) tree.Append(GrownTree.Entry(leaf));
        return tree.Root();
    }

    private static readonly Dictionary<(int, long), byte[]> Known = [];

    private static byte[] Hash(int level, long index)
    {
        lock (Known) return Known.TryGetValue((level, index), out var known)
            ? known : Known[(level, index)] = Defined(level, index);
    }

    private static byte[] Leaf(long index) => Hash(0, index);
    private static byte[] Root(long size) => MerkleProof.Root(size, Hash);

    [Fact]
    public void The_tree_of_an_append_is_the_tree_of_the_definition()
    {
        var tree = new MerkleTree();
        for (var size = 0L; size <= EverySizeUpTo; size++)
        {
            Root(size).ShouldBe(tree.Root());
            tree.Append(GrownTree.Entry(size));
        }
    }

    [Fact]
    public void Every_leaf_of_every_tree_up_to_300_is_proven()
    {
        WholeMachine.SkipWhileMutating();
        for (var size = 1L; size <= EverySizeUpTo; size++)
            for (var index = 0L; index < size; index++)
                MerkleVerification.Includes(index, size, Leaf(index), MerkleProof.Inclusion(index, size, Hash),
                    Root(size))
                    .ShouldBeTrue($"leaf {index} of {size}");
    }

    [Fact]
    public void Every_tree_up_to_300_begins_with_every_smaller_one()
    {
        WholeMachine.SkipWhileMutating();
        for (var size = 0L; size <= EverySizeUpTo; size++)
            for (var old = 0L; old <= size; old++)
                MerkleVerification.IsConsistent(old, size, MerkleProof.Consistency(old, size, Hash), Root(old),
                    Root(size))
                    .ShouldBeTrue($"{old} in {size}");
    }

    [Fact]
    public void Proofs_of_any_size_up_to_a_million_are_read_from_tiles()
    {
        var sizes = Gen.Long[1, Million].SelectMany(size =>
            Gen.Select(Gen.Const(size), Gen.Long[0, size - 1], Gen.Long[0, size]));
        sizes.Sample((size, index, old) =>
        {
            var now = Large.Value.At(size);
            var root = now.Root();
            return MerkleVerification.Includes(index, size, MerkleTree.LeafHash(GrownTree.Entry(index)),
                MerkleProof.Inclusion(index, size, now.At), root)
                && MerkleVerification.IsConsistent(old, size, MerkleProof.Consistency(old, size, now.At),
                    Large.Value.At(old).Root(), root);
        }, iter: LongRun.Samples / 50, threads: 1);
    }

    [Fact]
    public void A_mutated_inclusion_proof_proves_nothing()
    {
        foreach (var size in MutatedSizes)
            for (var index = 0L; index < size; index++)
            {
                var (root, leaf, proof) = (Root(size), Leaf(index), MerkleProof.Inclusion(index, size, Hash));
                bool Proves(IReadOnlyList<byte[]> hashes) =>
                    MerkleVerification.Includes(index, size, leaf, hashes, root);
                foreach (var (how, mutated) in Mutations(proof, everyBit: size <= 12))
                    Proves(mutated).ShouldBeFalse($"leaf {index} of {size}: {how}");
                foreach (var flipped in Flips(leaf, size <= 12))
                    MerkleVerification.Includes(index, size, flipped, proof, root).ShouldBeFalse();
                foreach (var flipped in Flips(root, size <= 12))
                    MerkleVerification.Includes(index, size, leaf, proof, flipped).ShouldBeFalse();
                for (var other = -1L; other <= size; other++)
                    if (other != index) MerkleVerification.Includes(other, size, leaf, proof, root).ShouldBeFalse();
            }
    }

    [Fact]
    public void A_mutated_consistency_proof_proves_nothing()
    {
        foreach (var size in MutatedSizes)
            for (var old = 1L; old <= size; old++)
            {
                var (before, root, proof) = (Root(old), Root(size), MerkleProof.Consistency(old, size, Hash));
                foreach (var (how, mutated) in Mutations(proof, everyBit: size <= 12))
                    MerkleVerification.IsConsistent(old, size, mutated, before, root)
                        .ShouldBeFalse($"{old} in {size}: {how}");
                foreach (var flipped in Flips(before, size <= 12))
                    MerkleVerification.IsConsistent(old, size, proof, flipped, root).ShouldBeFalse();
                foreach (var flipped in Flips(root, size <= 12))
                    MerkleVerification.IsConsistent(old, size, proof, before, flipped).ShouldBeFalse();
            }
    }

    [Fact]
    public void What_no_tree_has_is_neither_proven_nor_verified()
    {
        Should.Throw<ArgumentOutOfRangeException>(() => MerkleProof.Root(-1, Hash));
        Should.Throw<ArgumentOutOfRangeException>(() => MerkleProof.Inclusion(5, 5, Hash));
        Should.Throw<ArgumentOutOfRangeException>(() => MerkleProof.Inclusion(-1, 5, Hash));
        Should.Throw<ArgumentOutOfRangeException>(() => MerkleProof.Consistency(6, 5, Hash));
        MerkleVerification.Includes(0, 0, Leaf(0), [], Root(0)).ShouldBeFalse();
        MerkleVerification.Includes(0, 1, Leaf(0)[1..], [], Root(1)).ShouldBeFalse();
        MerkleVerification.IsConsistent(-1, 1, [], Root(0), Root(1)).ShouldBeFalse();
        MerkleVerification.IsConsistent(2, 1, [], Root(2), Root(1)).ShouldBeFalse();
        MerkleVerification.IsConsistent(0, 1, [Leaf(0)], Root(0), Root(1)).ShouldBeFalse();
        MerkleVerification.IsConsistent(0, 1, [], Root(1), Root(1)).ShouldBeFalse("the empty tree has one root");
        MerkleVerification.IsConsistent(3, 5, [], Root(3), Root(5)).ShouldBeFalse();
        MerkleVerification.IsConsistent(3, 3, [], Root(3), Root(4)).ShouldBeFalse();
    }

    [Fact]
    public void Roots_and_proofs_of_the_reference_tree()
    {
        var vector = ProofVectors.Read("merkle/reference-tree-8.json");
        var nodes = vector.List("nodeHashesHexByLevel")
            .Select(level => level.EnumerateArray().Select(node => Convert.FromHexString(node.GetString()!)).ToArray())
            .ToArray();
        var roots = vector.List("rootHashesHexBySize").Select(root => Convert.FromHexString(root.GetString()!))
            .ToArray();
        byte[] At(int level, long index) => nodes[level][index];
        for (var size = 0; size <= 8; size++)
        {
            MerkleProof.Root(size, At).ShouldBe(roots[size]);
            for (var index = 0; index < size; index++)
                MerkleVerification.Includes(index, size, nodes[0][index], MerkleProof.Inclusion(index, size, At),
                    roots[size]).ShouldBeTrue();
            for (var old = 0; old <= size; old++)
                MerkleVerification.IsConsistent(old, size, MerkleProof.Consistency(old, size, At), roots[old],
                    roots[size]).ShouldBeTrue();
        }
    }

    [Fact]
    public void A_proof_of_a_public_log_holds()
    {
        var vector = ProofVectors.Read("merkle/rekor-inclusion.json");
        var proof = vector.List("proofHex").Select(hash => Convert.FromHexString(hash.GetString()!)).ToArray();
        MerkleVerification.Includes(vector.GetProperty("index").GetInt64(), vector.GetProperty("treeSize").GetInt64(),
            MerkleTree.LeafHash(System.Text.Encoding.UTF8.GetBytes(vector.Text("leafData"))), proof,
            Convert.FromHexString(vector.Text("rootHex"))).ShouldBeTrue();
    }

    /// <summary>Every hash with a bit flipped, dropped, doubled, and exchanged with the next;
    /// one more at either end.</summary>
    private static IEnumerable<(string How, IReadOnlyList<byte[]> Proof)> Mutations(IReadOnlyList<byte[]> proof,
        bool everyBit)
    {
        for (var i = 0; i < proof.Count; i++)
        {
            foreach (var flipped in Flips(proof[i], everyBit))
                yield return ($"a bit of {i}", [.. proof.Take(i), flipped, .. proof.Skip(i + 1)]);
            yield return ($"without {i}", [.. proof.Take(i), .. proof.Skip(i + 1)]);
            yield return ($"{i} twice", [.. proof.Take(i + 1), .. proof.Skip(i)]);
            yield return ($"{i} cut short", [.. proof.Take(i), proof[i][1..], .. proof.Skip(i + 1)]);
            if (i + 1 < proof.Count)
                yield return ($"{i} after the next", [.. proof.Take(i), proof[i + 1], proof[i], .. proof.Skip(i + 2)]);
        }
        yield return ("one more", [.. proof, Leaf(0)]);
        yield return ("one before", [Leaf(0), .. proof]);
    }

    private static IEnumerable<byte[]> Flips(byte[] hash, bool everyBit)
    {
        for (var bit = everyBit ? 0 : hash[0]; bit < 256; bit += everyBit ? 1 : 256)
        {
            var flipped = hash.ToArray();
            flipped[bit / 8] ^= (byte)(1 << bit % 8);
            yield return flipped;
        }
    }
}
