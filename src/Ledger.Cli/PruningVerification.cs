using System.Globalization;
using Ledger.Api;
using Ledger.Cli.Months;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Proof;
using Ledger.Journal.Verification;
using NodaTime.Text;

namespace Ledger.Cli;

/// <summary>
/// What a ledger says was pruned, held against what is there and against the archives of months that are at hand. What
/// no archive has is not verified and no fault; with all archives nothing is left out.
/// </summary>
/// <param name="directories">The archives of months.</param>
internal sealed class PruningVerification(
    IReadOnlyList<string> directories, LedgerOptions options, Findings findings, Shell shell,
    CancellationToken ct)
{
    private readonly List<string> verified = [];

    /// <summary>Each archive's signed log as a claim of the journal's root; what is wrong in an archive is a fault.
    /// </summary>
    /// <param name="known">The keys that may have signed.</param>
    public IReadOnlyList<RootClaim> VerifyArchives(IReadOnlyList<VerifierKey> known)
    {
        var claims = new List<RootClaim>();
        foreach (var directory in directories)
        {
            if (!File.Exists(Path.Combine(directory, MonthArchive.FileName)))
                throw new CouldNotException($"{directory} is no month's archive ({MonthArchive.FileName} is missing)");
            var archive = new MonthVerification(directory, options, known, null, isThorough: false, shell, ct);
            archive.Run();
            foreach (var fault in archive.Findings.Faults)
                findings.Add($"{directory}, {fault.Place}", fault.Found, fault.Expected);
            if (archive.Verified is not { } month) continue;
            if (month.Ledger != options.Ledger)
                findings.Add(directory, $"an archive of ledger {month.Ledger}", options.Ledger.Value);
            else
            {
                claims.Add(new(directory, month.Size, Convert.FromHexString(month.Root.Hex)));
                verified.Add(directory);
            }
        }
        return claims;
    }

    /// <summary>From now on, what was pruned is taken from the archives that were found to be sound.</summary>
    public void Lend(EvidenceArchive evidence)
    {
        foreach (var directory in verified) evidence.TakePrunedFrom(directory, options.Secret);
    }

    /// <summary>Compares the marks with the facts, and says of each month what is not at hand. Returns how many pieces
    /// were read from archives.</summary>
    public async Task<long> VerifyAsync(IJournal journal, EvidenceArchive? evidence, EvidenceFound found)
    {
        var lists = new Dictionary<EvidenceDigest, EvidenceDigest[]>();
        var prunings = await Prunings.ReadAsync(journal, Listed, ct).ConfigureAwait(false);
        EvidenceVerification.Verify(found, prunings, findings);
        var atHand = 0L;
        foreach (var (position, fact) in prunings.Months)
        {
            var pieces = fact.Evidence is { } manifest ? Listed(manifest) : [];
            var missing = pieces.Count(piece => found.Pruned.ContainsKey(piece) && !IsAtHand(piece));
            atHand += pieces.Length - missing;
            var month = YearMonthPattern.Iso.Format(fact.Month);
            findings.Prune(new(month, position, fact.Retention, fact.Sums, pieces.Length, missing));
            if (missing > 0)
                findings.LeaveOut($"{missing.ToString(CultureInfo.InvariantCulture)} pieces of evidence pruned with "
                    + $"{month} (retention {fact.Retention}): give its archive with --archive DIR");
        }
        return atHand;

        EvidenceDigest[] Listed(EvidenceDigest manifest)
        {
            if (!lists.TryGetValue(manifest, out var pieces)) lists[manifest] = pieces = Read(manifest);
            return pieces;
        }

        EvidenceDigest[] Read(EvidenceDigest manifest)
        {
            try
            {
                return evidence?.Get(manifest) is { } bytes ? [.. EvidenceManifest.Listed(manifest, bytes)] : [];
            }
            catch (InvalidDataException)
            {
                return []; // of which the evidence's own step has told
            }
        }

        bool IsAtHand(EvidenceDigest piece)
        {
            try
            {
                return evidence?.Find(piece) is not null;
            }
            catch (EvidencePrunedException)
            {
                return false;
            }
        }
    }
}
