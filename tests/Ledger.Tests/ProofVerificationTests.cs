using System.Text;
using Ledger.Cli;
using Ledger.Journal.Proof;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// An event with its proof, as <c>ledger prove</c> writes it, is checked with the file and keys alone, by this program
/// and by one that shares no code with it; whatever somebody changes in it, neither says that it is verified.
/// </summary>
public sealed class ProofVerificationTests : IDisposable
{
    private static readonly SignerKey Witness =
        new("witness.example/w1", [.. Enumerable.Range(1, 32).Select(i => (byte)i)]);

    private readonly SmallTown town = SmallTown.WithItsDay();
    private readonly VerifierKey key;
    private readonly string keys, proof, cosigned;

    public ProofVerificationTests()
    {
        town.Run("checkpoint", "--origin", "ledger.example/town").Exit.ShouldBe(ExitCode.Done);
        key = VerifierKey.Parse(town.Run("checkpoint", "--key").Output.TrimEnd());
        keys = town.File("keys.txt", $"{key}\n{Witness.WitnessVerifier}\n");
        proof = town.File("2.tlog-proof", "");
        town.Run("prove", "2", "--out", proof).Exit.ShouldBe(ExitCode.Done);
        var text = File.ReadAllText(proof);
        var note = SignedNote.Parse(Encoding.UTF8.GetBytes(TlogProof.Parse(text).Checkpoint));
        cosigned = town.File("cosigned.tlog-proof", $"{text}{Witness.Cosign(note.Text, 1_772_323_200)}\n");
    }

    public void Dispose() => town.Dispose();

    private (int Exit, string Output) Verify(string path, params string[] options)
    {
        var run = town.Run(["verify", path, .. options]);
        return (run.Exit, run.Output + run.Errors);
    }

    private string Changed(Func<TlogProof, TlogProof> change) =>
        town.File("changed.tlog-proof", $"{change(TlogProof.Parse(File.ReadAllText(cosigned)))}");

    [Fact]
    public void Both_programs_verify_an_event_its_place_and_who_signed()
    {
        var (exit, said) = Verify(cosigned, "--keys", keys);
        exit.ShouldBe(ExitCode.Done, said);
        var last = said.TrimEnd().Split('\n')[^1];
        last.ShouldStartWith("VERIFIED events=1 checkpoint=");
        last.ShouldContain($" position=2 fact=register-installed digest=");
        last.ShouldEndWith($" key=ledger.example/town+{key.Id:x8} witnesses=1");
        said.ShouldContain("\"meterSerial\":\"M1\""); // what was proven is shown
        said.ShouldContain($"witness.example/w1+{Witness.WitnessVerifier.Id:x8}");
        said.ShouldContain("NOT CHECKED: what the ledger holds beside this event");
        Verify(cosigned, "--keys", keys, "--json").Output.ShouldContain("\"position\": \"2\"");

        Verify(proof, "--keys", keys).Output.ShouldContain("no witness that you trust vouches");
        var other = OtherProgram.Run("--keys", keys, cosigned);
        other.Exit.ShouldBe(0, other.Output);
        other.Output.TrimEnd().Split('\n')[^1].ShouldStartWith("VERIFIED events=1 position=2 fact=register-installed ");
        other.Output.ShouldContain("witnesses=1");
    }

    /// <summary>The file names no key: whoever made it could name any.</summary>
    [Fact]
    public void Without_a_key_nothing_is_said_of_it()
    {
        var (exit, said) = Verify(proof);
        (exit, said.TrimEnd()).ShouldBe((ExitCode.CouldNot, $"ledger verify: {proof} is one event with its proof, and "
            + "brings no key: name those that you trust with --keys FILE"));
        Verify(proof + ".none", "--keys", keys).Exit.ShouldBe(ExitCode.CouldNot);
        Verify(proof, "--keys", keys, "--since", keys).Exit.ShouldBe(ExitCode.Usage);
        OtherProgram.Says(2, proof);
    }

    [Fact]
    public void A_quorum_of_witnesses_is_asked_for_by_a_policy()
    {
        var policy = town.File("policy",
            $"log {key}\nwitness W {Witness.WitnessVerifier}\nquorum W\n");
        Verify(cosigned, "--policy", policy).Exit.ShouldBe(ExitCode.Done);
        var (exit, said) = Verify(proof, "--policy", policy);
        exit.ShouldBe(ExitCode.NotAsItShouldBe);
        said.ShouldContain("the quorum W of the policy");
    }

    /// <summary>A damaged line of a witness would look like one of a witness that nobody knows.</summary>
    [Fact]
    public void A_signature_that_nobody_can_check_is_a_fault()
    {
        var own = town.File("own.txt", $"{key}\n");
        var (exit, said) = Verify(cosigned, "--keys", own, "--json");
        exit.ShouldBe(ExitCode.NotAsItShouldBe);
        said.ShouldContain($"a signature of witness.example/w1+{Witness.WitnessVerifier.Id:x8}");
        said.ShouldContain("add this key, or take the line away");
        Verify(proof, "--keys", own).Exit.ShouldBe(ExitCode.Done);
        OtherProgram.Says(1, "--keys", own, cosigned);
        OtherProgram.Says(0, "--keys", own, proof);
        var stranger = town.File("stranger.txt", $"{new SignerKey("ledger.example/town", new byte[32]).Verifier}\n");
        Verify(proof, "--keys", stranger).Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        OtherProgram.Says(1, "--keys", stranger, proof);
    }

    /// <summary>What somebody would change, each still a well-formed file.</summary>
    [Fact]
    public void Another_event_place_path_or_history_is_not_verified()
    {
        var third = town.File("3.tlog-proof", "");
        town.Run("prove", "3", "--out", third).Exit.ShouldBe(ExitCode.Done);
        var beside = TlogProof.Parse(File.ReadAllText(third));
        foreach (var change in (Func<TlogProof, TlogProof>[])
        [
            file => file with { Index = 3 },
            file => file with { Extra = beside.Extra }, file => file with { Extra = null },
            file => file with { Hashes = [.. file.Hashes.Skip(1)] }, file => file with { Hashes = beside.Hashes },
            file => file with { Checkpoint = file.Checkpoint + file.Checkpoint.Split('\n')[^2] + "\n" },
            file => file with { Extra = [.. file.Extra!, 0] }, file => file with { Extra = file.Extra![..^1] },
            file => file with { Checkpoint = file.Checkpoint.Replace("\n\n", "\nmore\n\n", StringComparison.Ordinal) },
        ])
        {
            var (exit, said) = Verify(Changed(change), "--keys", keys);
            exit.ShouldBe(ExitCode.NotAsItShouldBe, said);
            said.TrimEnd().Split('\n')[^1].ShouldStartWith("NOT VERIFIED faults=");
        }
    }

    /// <summary>One proof is one file: whoever writes the same in other bytes has not written it.</summary>
    [Fact]
    public void What_a_proof_says_has_one_spelling()
    {
        var text = File.ReadAllText(cosigned);
        foreach (var spelling in (string[])
        [
            text.Replace("\nindex 2\n", "\nindex 0_2\n", StringComparison.Ordinal),
            text.Replace("\nindex 2\n", "\nindex 02\n", StringComparison.Ordinal),
            text.Replace("\nindex 2\n", "\nindex +2\n", StringComparison.Ordinal),
            text.Replace("\nindex 2\n", "\nindex \u0662\n", StringComparison.Ordinal),
            text + text.TrimEnd('\n').Split('\n')[^1] + "\n",
            text + text.TrimEnd('\n').Split('\n')[^2] + "\n",
        ])
        {
            spelling.ShouldNotBe(text);
            var file = town.File("spelled.tlog-proof", spelling);
            var (exit, said) = Verify(file, "--keys", keys);
            exit.ShouldBe(ExitCode.NotAsItShouldBe, said);
            OtherProgram.Says(1, "--keys", keys, file);
        }
    }

    /// <summary>A log that vouches for itself with its own key, under whatever name, has no witness.</summary>
    [Fact]
    public void Nobody_is_his_own_witness()
    {
        var own = new SignerKey("ledger.example/town", new byte[32]);
        var other = new SignerKey("witness.example", new byte[32]);
        var was = TlogProof.Parse(File.ReadAllText(proof));
        var signed = SignedNote.Sign(SignedNote.Parse(Encoding.UTF8.GetBytes(was.Checkpoint)).Text, own);
        var vouched = signed with
        {
            Signatures = [other.Cosign(signed.Text, 1_772_323_200), own.Cosign(signed.Text, 1_772_323_200),
                .. signed.Signatures],
        };
        var file = town.File("own.tlog-proof", $"{was with { Checkpoint = $"{vouched}" }}");
        var known = town.File("known.txt", $"{own.Verifier}\n{own.WitnessVerifier}\n{other.WitnessVerifier}\n");
        foreach (var (exit, said) in ((int, string)[])
            [Verify(file, "--keys", known), OtherProgram.Run("--keys", known, file)])
        {
            exit.ShouldBe(ExitCode.Done, said);
            said.ShouldContain("witnesses=0");
            said.ShouldContain("NOT CHECKED: whether ");
        }
    }

    /// <summary>Each bit of each byte, by this program; by the other a bit of each third byte.</summary>
    [Fact]
    public void No_byte_can_be_changed()
    {
        var whole = File.ReadAllBytes(cosigned);
        VerifierKey[] trusted = [key, Witness.WitnessVerifier];
        FaultsOf(whole).ShouldBe(0);
        var paths = new List<string>();
        for (var at = 0; at < whole.Length; at++)
        {
            var changed = whole.ToArray();
            for (var bit = 0; bit < 8; bit++)
            {
                changed[at] = (byte)(whole[at] ^ (1 << bit));
                if (ProofVerification.IsProof(changed)) FaultsOf(changed).ShouldNotBe(0, $"byte {at}, bit {bit}");
            }
            changed[at] = (byte)(whole[at] ^ 1);
            if (at % 3 > 0 && at > 20) continue;
            paths.Add(town.File($"{at}.tlog-proof", ""));
            File.WriteAllBytes(paths[^1], changed);
            if (at <= 20) Verify(paths[^1], "--keys", keys).Exit.ShouldBeOneOf(1, 2);
        }
        var (exit, said) = OtherProgram.Run(["--keys", keys, .. paths]);
        exit.ShouldBe(1, said);
        said.Split('\n').Count(line => line.StartsWith("NOT VERIFIED", StringComparison.Ordinal)).ShouldBe(paths.Count);

        long FaultsOf(byte[] file)
        {
            var verification = new ProofVerification(file, trusted);
            verification.Run();
            return verification.Findings.FaultCount;
        }
    }
}
