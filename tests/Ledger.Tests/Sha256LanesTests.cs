using System.Security.Cryptography;
using CsCheck;
using Ledger.Journal;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Hashes of many texts at once against those of the platform, one by one.</summary>
public sealed class Sha256LanesTests
{
    // Lengths about the edges of blocks, where padding does or does not need another block.
    private static readonly Gen<int> Lengths =
        Gen.OneOf(Gen.Int[0, 300], Gen.Int[53, 66], Gen.Int[117, 130], Gen.Const(4096));

    private static readonly Gen<byte[][]> Texts =
        Lengths.SelectMany(length => Gen.Byte.Array[length]).Array[0, 40];

    [Fact]
    public void The_examples_of_the_standard_have_their_digests()
    {
        // FIPS 180-2, appendix B.1 and B.2.
        Convert.ToHexStringLower(Hashed(["abc"u8.ToArray()])[0])
            .ShouldBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        Convert.ToHexStringLower(
            Hashed(["abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"u8.ToArray()])[0])
            .ShouldBe("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    }

    [Fact]
    public void Each_text_has_the_digest_that_it_has_alone() => Texts.Sample(texts =>
        Hashed(texts).ShouldBe(texts.Select(SHA256.HashData)), iter: 1_000);

    [Fact]
    public void Each_text_is_authenticated_as_it_is_alone() =>
        Gen.Select(Texts, Gen.OneOf(Gen.Byte.Array[32], Gen.Byte.Array[0, 100])).Sample((texts, key) =>
        {
            var (buffer, pieces) = Laid(texts);
            Sha256Lanes.Authenticate(buffer, pieces, new(key));
            Digests(buffer, pieces).ShouldBe(texts.Select(text => HMACSHA256.HashData(key, text)));
        }, iter: 1_000);

    [Fact]
    public void A_long_text_beside_short_ones_is_hashed_to_its_end()
    {
        var texts = Enumerable.Range(0, 30).Select(i => new byte[i == 7 ? 1_000_003 : i]).ToArray();
        Hashed(texts).ShouldBe(texts.Select(SHA256.HashData));
    }

    private static byte[][] Hashed(byte[][] texts)
    {
        var (buffer, pieces) = Laid(texts);
        Sha256Lanes.Hash(buffer, pieces);
        return Digests(buffer, pieces);
    }

    /// <summary>The texts one after the other, and behind each the place of its digest.</summary>
    private static (byte[] Buffer, HashPiece[] Pieces) Laid(byte[][] texts)
    {
        var buffer = new byte[texts.Sum(text => text.Length + Sha256Lanes.DigestBytes)];
        var pieces = new HashPiece[texts.Length];
        for (var (i, at) = (0, 0); i < texts.Length; at += texts[i].Length + Sha256Lanes.DigestBytes, i++)
        {
            texts[i].CopyTo(buffer, at);
            pieces[i] = new(at, texts[i].Length, at + texts[i].Length);
        }
        return (buffer, pieces);
    }

    private static byte[][] Digests(byte[] buffer, HashPiece[] pieces) =>
        [.. pieces.Select(piece => buffer.AsSpan(piece.Into, Sha256Lanes.DigestBytes).ToArray())];
}
