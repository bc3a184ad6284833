using System.Text;
using Ledger.Journal.Proof;
using Shouldly;

namespace Ledger.Tests;

public sealed class SignedNoteTests
{
    private static readonly SignerKey Log =
        new("ledger.example/test", [.. Enumerable.Range(0, 32).Select(i => (byte)i)]);
    private static readonly SignerKey Witness =
        new("witness.example", [.. Enumerable.Range(32, 32).Select(i => (byte)i)]);
    private const long Seen = 1_772_323_200; // 2026-03-01T00:00:00Z in Unix seconds

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private static SignedNote Note(string text) => SignedNote.Parse(Utf8(text));

    /// <summary>RFC 8032 §7.1, test 1.</summary>
    [Fact]
    public void Ed25519_signs_as_its_document_says()
    {
        var key = new SignerKey("a",
            Convert.FromHexString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
        Convert.ToHexStringLower(Convert.FromBase64String($"{key.Verifier}".Split('+', 3)[2])[1..])
            .ShouldBe("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        Convert.ToHexStringLower(key.Sign("").Bytes)
            .ShouldBe("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            + "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
    }

    [Fact]
    public void A_cosigned_checkpoint_has_these_bytes()
    {
        var tree = new GrownTree(300);
        var note = SignedNote.Sign(new Checkpoint(Log.Verifier.Name, 300, tree.At(300).Root()).ToText(), Log);
        note = note with { Signatures = [.. note.Signatures, Witness.Cosign(note.Text, Seen)] };
        var proof = new TlogProof(123, MerkleProof.Inclusion(123, 300, tree.At(300).At), $"{note}");
        Snapshot.Match($"{Log.Verifier}\n{Witness.WitnessVerifier}\n\n{proof}", "Proof.tlog-proof");
        Note($"{note}").SignedBy([Log.Verifier, Witness.WitnessVerifier]).Count.ShouldBe(2);
        $"{Note($"{note}")}".ShouldBe($"{note}");
        var read = TlogProof.Parse($"{proof}");
        $"{read}".ShouldBe($"{proof}");
        read.Verify(GrownTree.Entry(123), Log.Verifier).Size.ShouldBe(300);
    }

    [Fact]
    public void A_proof_of_another_entry_index_log_or_key_is_refused()
    {
        var tree = new GrownTree(5);
        TlogProof Of(string origin, SignerKey key) => new(2, MerkleProof.Inclusion(2, 5, tree.At(5).At),
            $"{SignedNote.Sign(new Checkpoint(origin, 5, tree.At(5).Root()).ToText(), key)}");
        var proof = Of(Log.Verifier.Name, Log);
        proof.Verify(GrownTree.Entry(2), Log.Verifier).Origin.ShouldBe(Log.Verifier.Name);
        Should.Throw<NoteRefusedException>(() => proof.Verify(GrownTree.Entry(3), Log.Verifier));
        Should.Throw<NoteRefusedException>(() => (proof with { Index = 3 }).Verify(GrownTree.Entry(2), Log.Verifier));
        Should.Throw<NoteRefusedException>(() => proof.Verify(GrownTree.Entry(2), Witness.Verifier));
        Should.Throw<NoteRefusedException>(() => Of("another", Log).Verify(GrownTree.Entry(2), Log.Verifier));
    }

    [Fact]
    public void Every_flipped_bit_of_a_checkpoint_is_found()
    {
        var note = SignedNote.Sign(new Checkpoint(Log.Verifier.Name, 3, new GrownTree(3).At(3).Root()).ToText(), Log)
            .ToBytes();
        for (var bit = 0; bit < note.Length * 8; bit++)
        {
            var flipped = note.ToArray();
            flipped[bit / 8] ^= (byte)(1 << bit % 8);
            Should.Throw<NoteRefusedException>(() => SignedNote.Parse(flipped).SignedBy([Log.Verifier]), $"bit {bit}");
        }
    }

    [Fact]
    public void Every_flipped_bit_of_a_cosignature_is_found()
    {
        var cosigned = Witness.Cosign("a\n1\nb\n", Seen);
        for (var bit = 0; bit < cosigned.Bytes.Length * 8; bit++)
        {
            var flipped = cosigned.Bytes.ToArray();
            flipped[bit / 8] ^= (byte)(1 << bit % 8);
            Witness.WitnessVerifier.Verify("a\n1\nb\n", flipped).ShouldBeFalse($"bit {bit}");
        }
    }

    [Fact]
    public void Lines_of_unknown_keys_are_ignored_and_a_known_key_must_hold()
    {
        var note = SignedNote.Sign("text\n", Log);
        var both = note with { Signatures = [Witness.Sign(note.Text), .. note.Signatures] };
        Note($"{both}").SignedBy([Log.Verifier]).ShouldBe([Log.Verifier]);
        Should.Throw<NoteRefusedException>(() =>
            note.SignedBy([Witness.Verifier])).Message.ShouldContain("no known key");
        var broken = both with { Signatures = [Witness.Sign("other\n"), .. note.Signatures] };
        broken.SignedBy([Log.Verifier]).Count.ShouldBe(1);
        Should.Throw<NoteRefusedException>(() =>
            broken.SignedBy([Log.Verifier, Witness.Verifier])).Message.ShouldContain("does not hold");
    }

    [Theory]
    [InlineData("a\n", "no signatures")]
    [InlineData("a\n\n", "none after the empty line")]
    [InlineData("a\n\n— x AAAAAAA=", "the last line does not end")]
    [InlineData("a\n\nx AAAAAAA=\n", "no dash")]
    [InlineData("a\n\n— x AAAA\n", "no signature after the key id")]
    [InlineData("a\n\n— x AAAAAAB=\n", "another spelling of base64")]
    [InlineData("a\n\n— x+y AAAAAAA=\n", "a plus in the name")]
    [InlineData("a\tb\n\n— x AAAAAAA=\n", "a control character")]
    public void A_note_of_another_form_is_refused(string text, string why) =>
        Should.Throw<NoteRefusedException>(() => Note(text), why);

    [Fact]
    public void A_note_is_bounded()
    {
        var line = $"{Log.Sign("a\n")}\n";
        Note("a\n\n" + string.Concat(Enumerable.Repeat(line, SignedNote.SignaturesMax)))
            .SignedBy([Log.Verifier]).Count.ShouldBe(1);
        Should.Throw<NoteRefusedException>(() =>
            Note("a\n\n" + string.Concat(Enumerable.Repeat(line, SignedNote.SignaturesMax + 1))));
        Should.Throw<NoteRefusedException>(() => Note(new string('a', SignedNote.BytesMax) + "\n\n" + line));
    }

    [Fact]
    public void The_text_ends_at_the_last_empty_line()
    {
        var note = SignedNote.Sign("first\n\n— x AAAAAAA=\n", Log);
        Note($"{note}").Text.ShouldBe(note.Text);
        Note($"{note}").SignedBy([Log.Verifier]).Count.ShouldBe(1);
    }

    [Fact]
    public void A_private_key_comes_back_and_is_never_shown()
    {
        $"{SignerKey.Parse(Log.ToText()).Verifier}".ShouldBe($"{Log.Verifier}");
        $"{Log}".ShouldNotContain(Log.ToText().Split('+')[^1]);
        foreach (var bad in (string[])["", "PRIVATE+KEY+a+00000000+AQ==", Log.ToText()[..^1], Log.ToText()[1..],
            Log.ToText() + "\n"])
            Should.Throw<NoteRefusedException>(() => SignerKey.Parse(bad));
    }
}
