using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Ingest;

/// <summary>
/// Reads the text again from which a charge record came, a record of OCPI or a row of a table, and compares all that it
/// bills. A record has several names for its place, of which the one counts that was registered then, and a place may
/// be given beside a file: where the text does not name the point of the fact, nothing that is kept does.
/// </summary>
/// <param name="evidence">The bytes of a digest; null where they are not kept. May throw
/// <see cref="EvidenceErasedException"/> or <see cref="EvidencePrunedException"/>.</param>
public sealed class ChargeRecordVerification(Func<EvidenceDigest, byte[]?> evidence, Findings findings)
{
    private const int PiecesKept = 8; // of one file are many rows, and files may have come together

    private readonly List<(EvidenceDigest Digest,
        ILookup<(PartyId, ChargeRecordId), ChargeRecordInput>? Shown)> read = [];

    /// <summary>Of a piece that is gone it is not asked again for each record that it shows.</summary>
    private readonly Dictionary<EvidenceDigest, string> gone = [];

    /// <summary>Records that were compared.</summary>
    public long Compared { get; private set; }

    /// <summary>What was found in them.</summary>
    public long Faults { get; private set; }

    /// <summary>Compares one; what of it could not be compared is returned, null where nothing is left.</summary>
    public string? Verify(string place, ChargeRecorded record)
    {
        if (record.Evidence is not { } digest) return "charge records that name no evidence";
        if (gone.TryGetValue(digest, out var why)) return why;
        try
        {
            return Shown(digest) is not { } shown ? "charge records whose evidence is not there to be read"
                : Compare(place, record, [.. shown[(ChargeRecords.Issuer(record.Operator), record.Record)]],
                    digest);
        }
        catch (EvidenceErasedException)
        {
            return gone[digest] = "charge records whose evidence was erased";
        }
        catch (EvidencePrunedException)
        {
            return gone[digest] = "charge records whose evidence was pruned";
        }
        catch (Exception unreadable) when (unreadable is InvalidDataException or InputRefusedException)
        {
            Fault(place, unreadable.Message, "the evidence that the charge record names");
            return null;
        }
    }

    private string? Compare(
        string place, ChargeRecorded record, List<ChargeRecordInput> shown, EvidenceDigest digest)
    {
        if (shown.Count == 0)
        {
            Fault(place, $"charge record {record.Record} of {record.Operator}", $"one that evidence {digest} has");
            return null;
        }
        Compared++;
        // Of two rows with one number the second was refused.
        var right = shown.Find(each => !Differences(record, each.Record).Any()) ?? shown[0];
        foreach (var (found, expected) in Differences(record, right.Record))
            Fault(place, found, $"{expected} by the evidence");
        return right.Places.Contains(record.Point) ? null
            : "points of charge records that their evidence does not name: they were given beside a file";
    }

    private static IEnumerable<(string Found, string Expected)> Differences(ChargeRecorded of, ChargeRecorded shown)
    {
        (string Name, string Found, string Expected)[] members =
        [
            ("start", At(of.Start), At(shown.Start)), ("end", At(of.End), At(shown.End)),
            ("energy", $"{of.Energy.ToKwh()} kWh", $"{shown.Energy.ToKwh()} kWh"),
            ("currency", of.Currency, shown.Currency),
            ("cost without tax", Text(of.CostWithoutTax), Text(shown.CostWithoutTax)),
            ("cost with tax", Text(of.CostWithTax), Text(shown.CostWithTax)),
            ("credits", of.Credits?.Value ?? "none", shown.Credits?.Value ?? "none"),
        ];
        return members.Where(member => member.Found != member.Expected)
            .Select(member => ($"{member.Name} {member.Found}", member.Expected));
    }

    private void Fault(string place, string found, string expected)
    {
        Faults++;
        findings.Add(place, found, expected);
    }

    /// <summary>The records of a piece of evidence by their numbers; null where it is not kept.</summary>
    private ILookup<(PartyId, ChargeRecordId), ChargeRecordInput>? Shown(EvidenceDigest digest)
    {
        foreach (var known in read)
            if (known.Digest == digest) return known.Shown;
        var shown = evidence(digest) is { } bytes
            ? ChargeRecordFiles.ReadAgain(bytes).ToLookup(
                input => (ChargeRecords.Issuer(input.Record.Operator), input.Record.Record)) : null;
        if (read.Count == PiecesKept) read.RemoveAt(0);
        read.Add((digest, shown));
        return shown;
    }

    private static string At(Instant at) => InstantPattern.ExtendedIso.Format(at);

    private static string Text(decimal? amount) => amount is { } known
        ? ExactDecimal.Trimmed(known).ToString(CultureInfo.InvariantCulture) : "none";
}
