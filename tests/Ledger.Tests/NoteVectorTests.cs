using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Ledger.Journal;
using Ledger.Journal.Proof;
using Shouldly;
using static Ledger.Tests.ProofVectors;

namespace Ledger.Tests;

/// <summary>The known answers of other programs for notes, checkpoints, cosignatures and proofs.</summary>
public sealed class NoteVectorTests
{
    private static SignedNote Note(string text) => SignedNote.Parse(Encoding.UTF8.GetBytes(text));

    private static void Refused(Action read, string? why = null) => Should.Throw<NoteRefusedException>(read, why);

    [Fact]
    public void The_example_of_the_format()
    {
        var vector = Read("note/c2sp-signed-note-example.json");
        Note(vector.Text("signedNote")).SignedBy([VerifierKey.Parse(vector.Text("vkey"))]).Count.ShouldBe(1);
    }

    [Fact]
    public void Notes_of_Go_are_signed_and_verified_alike()
    {
        var vector = Read("note/golang-mod-note.json");
        var (peter, enoch) = (vector.List("keys").First(), vector.List("keys").Last());
        SignerKey[] signers =
        [
            SignerKey.Parse(peter.Text("skey")), new(enoch.Text("name"), Convert.FromHexString(enoch.Text("seedHex"))),
        ];
        signers.Select(signer => $"{signer.Verifier}").ShouldBe([peter.Text("vkey"), enoch.Text("vkey")]);
        var text = vector.Text("text");
        signers.Select(signer => $"{signer.Sign(text)}\n")
            .ShouldBe(vector.List("signaturesInOrder").Select(line => line.GetString()!));
        $"{SignedNote.Sign(text, signers[0])}".ShouldBe(vector.Text("signedByPeter"));
        var both = Note(vector.Text("signedByBoth"));
        both.SignedBy([.. signers.Select(signer => signer.Verifier)]).Count.ShouldBe(2);
        $"{both}".ShouldBe(vector.Text("signedByBoth"));
    }

    [Fact]
    public void Keys_and_notes_that_Go_refuses_are_refused()
    {
        var vector = Read("note/golang-mod-note.json");
        foreach (var bad in vector.List("badVkeys").Where(bad => bad.TryGetProperty("vkey", out _)))
            Refused(() => VerifierKey.Parse(bad.Text("vkey")), bad.Text("why"));
        var peter = vector.List("keys").First();
        foreach (var (key, parse) in ((string, Action<string>)[])
            [(peter.Text("vkey"), text => VerifierKey.Parse(text)),
                (peter.Text("skey"), text => SignerKey.Parse(text))])
        {
            for (var at = 0; at < key.Length; at++)
            {
                Refused(() => parse(key[..at]));
                Refused(() => parse(key[..at] + (char)(key[at] + 1) + key[(at + 1)..]), $"{at}");
                if (at > 0) Refused(() => parse(key[at..]));
            }
        }
        foreach (var bad in vector.List("malformedNotes"))
            Refused(() => SignedNote.Parse(Convert.FromBase64String(bad.Text("b64"))), bad.Text("why"));
    }

    [Fact]
    public void Key_ids_of_every_algorithm()
    {
        var vector = Read("note/key-ids.json");
        foreach (var known in vector.List("cases"))
        {
            if (!known.TryGetProperty("vkey", out var vkey))
            {
                KeyId(known).ShouldBe(known.GetProperty("keyIdDecimal").GetUInt32(), known.Text("alg"));
                continue;
            }
            var parts = vkey.GetString()!.Split('+', 3);
            var key = Convert.FromBase64String(parts[2]);
            $"{VerifierKey.IdOf(parts[0], (NoteAlgorithm)key[0], key[1..]):x8}".ShouldBe(parts[1], vkey.GetString());
            if (key[0] is 0x01 or 0x04) $"{VerifierKey.Parse(vkey.GetString()!)}".ShouldBe(vkey.GetString());
            else Refused(() => VerifierKey.Parse(vkey.GetString()!));
            if (known.TryGetProperty("skey", out var skey)) $"{SignerKey.Parse(skey.GetString()!).Verifier}".ShouldBe(
                vkey.GetString());
        }
        foreach (var bad in vector.List("mustReject"))
            Refused(() => VerifierKey.Parse(bad.GetString()!), bad.GetString());
    }

    private static uint KeyId(JsonElement known)
    {
        if (known.TryGetProperty("pkcs8PrivateKeyBase64", out var pkcs8)) // the seed ends it, RFC 8410 §7
            return new SignerKey(known.Text("name"), Convert.FromBase64String(pkcs8.GetString()!)[^32..]).Verifier.Id;
        using var ecdsa = ECDsa.Create();
        ecdsa.ImportECPrivateKey(Convert.FromBase64String(known.Text("sec1PrivateKeyBase64")), out _);
        return VerifierKey.IdOf(known.Text("name"), NoteAlgorithm.Ecdsa, ecdsa.ExportSubjectPublicKeyInfo());
    }

    [Fact]
    public void Checkpoints_of_public_logs_hold()
    {
        foreach (var known in Read("checkpoint/real-signed.json").List("cases"))
        {
            var note = Note(known.Text("signedNote"));
            note.SignedBy([VerifierKey.Parse(known.Text("vkey"))]).Count.ShouldBe(1, known.Text("desc"));
            var checkpoint = Checkpoint.Parse(note.Text);
            checkpoint.ToText().ShouldBe(note.Text);
            if (known.TryGetProperty("skey", out var skey))
                $"{SignedNote.Sign(note.Text, SignerKey.Parse(skey.GetString()!))}".ShouldBe(known.Text("signedNote"));
            if (!known.TryGetProperty("consistencyProof5to8Hex", out var proof)) continue;
            byte[] Root(string member) => Convert.FromBase64String(known.Text(member));
            checkpoint.Root.ShouldBe(Root("root8Base64"));
            MerkleVerification.IsConsistent(5, 8,
                [.. proof.EnumerateArray().Select(hash => Convert.FromHexString(hash.GetString()!))],
                Root("root5Base64"), Root("root8Base64")).ShouldBeTrue();
        }
    }

    /// <summary>The vectors have short roots, because they try the codec alone;
    /// ours takes 32 bytes and nothing else.</summary>
    [Fact]
    public void Texts_of_checkpoints()
    {
        var vector = Read("checkpoint/parse-format.json");
        foreach (var known in vector.List("marshal"))
        {
            var root = known.TryGetProperty("hashUtf8", out var text)
                ? Encoding.UTF8.GetBytes(text.GetString()!)
                : MerkleTree.LeafHash("hello world"u8);
            var checkpoint = new Checkpoint(known.Text("origin"), known.GetProperty("size").GetInt64(), root);
            checkpoint.ToText().ShouldBe(known.Text("want"));
            if (root.Length == MerkleTree.HashBytes)
                Checkpoint.Parse(known.Text("want")).ToText().ShouldBe(known.Text("want"));
            else Refused(() => Checkpoint.Parse(known.Text("want")));
        }
        foreach (var known in vector.List("validWithRest"))
        {
            var lines = known.Text("m").Split('\n');
            lines[2] = Convert.ToBase64String(new byte[32]);
            var read = Checkpoint.Parse(string.Join('\n', lines));
            string.Concat(read.Extensions.Select(line => line + '\n')).ShouldBe(known.Text("rest"));
            read.ToText().ShouldBe(string.Join('\n', lines));
        }
        foreach (var bad in vector.List("invalid")) Refused(() => Checkpoint.Parse(bad.Text("m")), bad.Text("desc"));
        Refused(() => Checkpoint.Parse($"Log\n012\n{Convert.ToBase64String(new byte[32])}\n"));
    }

    [Fact]
    public void Cosignatures_of_public_witnesses_hold()
    {
        foreach (var known in Read("cosignature/sunlight-skylight.json").List("cases"))
            Note(known.Text("signedNote")).SignedBy([VerifierKey.Parse(known.Text("vkey"))]).Count.ShouldBe(1);
        foreach (var known in Read("cosignature/timestamp.json").List("cases"))
        {
            var timed = Cosignature.TryRead(Convert.FromBase64String(known.Text("sigBase64"))[4..], out var unixSeconds,
                out _);
            if (known.TryGetProperty("mustFail", out _)) timed.ShouldBeFalse();
            else unixSeconds.ShouldBe(known.GetProperty("unixSeconds").GetInt64());
        }
    }

    [Fact]
    public void Proof_files_of_the_published_vectors()
    {
        var vector = Read("tlog-proof/format.json");
        foreach (var valid in vector.List("valid")) $"{TlogProof.Parse(valid.GetString()!)}".ShouldBe(
            valid.GetString());
        foreach (var bad in vector.List("invalid")) Refused(() => TlogProof.Parse(bad.GetString()!), bad.GetString());
    }
}
