using Ledger.Cli.Bundles;
using Ledger.Journal.Proof;
using Ledger.Journal.Verification;

namespace Ledger.Cli;

/// <summary>Whose signatures a person believes, and whose word they ask for: the files of <c>--keys</c> and
/// <c>--policy</c>.</summary>
/// <param name="Keys">The keys of both; null where neither is given.</param>
/// <param name="Policy">Null where none is given.</param>
internal sealed record TrustedKeys(IReadOnlyList<VerifierKey>? Keys, WitnessPolicy? Policy)
{
    public static Option KeysOption { get; } = new("--keys", "FILE",
        "the public keys that you trust, one a line, of the log and of witnesses");

    public static Option PolicyOption { get; } = new("--policy", "FILE",
        "a c2sp.org/tlog-policy file: its logs and witnesses are trusted, and its quorum has to vouch");

    public static TrustedKeys Of(CommandLine line)
    {
        var keys = line.Option("--keys") is { } file ? Read(file, "--keys", BundleKeys.Read) : null;
        if (line.Option("--policy") is not { } policyFile) return new(keys, null);
        var policy = Read(policyFile, "--policy", bytes => WitnessPolicy.Parse(bytes));
        if (keys is null && policy.Logs.Count == 0)
            throw new UsageException($"--policy {policyFile} names no log: add its line, or give its key with --keys");
        return new([.. (keys ?? []).Concat(policy.Keys).DistinctBy(key => $"{key}")], policy);
    }

    /// <summary>Reads a file of keys or a policy; with one that is none nothing can be verified.</summary>
    public static T Read<T>(string file, string option, Func<byte[], T> parse)
    {
        var bytes = File.ReadAllBytes(file);
        try
        {
            return parse(bytes);
        }
        catch (NoteRefusedException refused)
        {
            throw new CouldNotException($"{option} {file}: {refused.Message}");
        }
    }

    /// <summary>Adds a fault where the policy asks for more than what stands under the checkpoint.</summary>
    public void Require(CheckpointSigners? signers, Findings findings)
    {
        if (Policy is null) return;
        if (signers is null)
        {
            findings.Add("checkpoint", "none that a log of the policy signed", "one that its quorum vouches for");
            return;
        }
        if (Policy.Logs.Count > 0 && !Policy.Logs.Any(signers.Log.IsSameKeyAs))
            findings.Add("checkpoint", $"signed by {signers.Log.Name}+{signers.Log.Id:x8}",
                "the signature of a log of the policy");
        if (Missing(Policy, [.. signers.Witnesses.Select(vouching => vouching.Witness)]) is { } missing)
            findings.Add("checkpoint", missing, $"the quorum {Policy.Quorum} of the policy");
    }

    /// <summary>Who vouches and who does not, where that is not the quorum; null where it is.</summary>
    public static string? Missing(WitnessPolicy policy, IReadOnlyCollection<VerifierKey> vouching)
    {
        if (policy.IsSatisfiedBy(vouching)) return null;
        var (with, without) = (policy.Witnesses.Where(witness => vouching.Any(witness.Key.IsSameKeyAs)).ToList(),
            policy.Witnesses.Where(witness => !vouching.Any(witness.Key.IsSameKeyAs)).ToList());
        return $"vouched for by {Names(with)}, not by {Names(without)}";
    }

    private static string Names(List<PolicyWitness> witnesses) => witnesses.Count == 0
        ? "nobody" : string.Join(", ", witnesses.Select(witness => witness.Name));
}
