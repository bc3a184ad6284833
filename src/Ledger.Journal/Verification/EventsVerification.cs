using System.Globalization;
using Ledger.Domain;
using Ledger.Journal.Copies;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Journal.Verification;

/// <summary>
/// Hashes every event of a journal anew as its store gives it: header, payload, salt, leaf and tree. It compares their
/// order, revisions and ids, and every root that somebody names. Of a store that is a file of this machine
/// <see cref="JournalVerification"/> sees more: here the bytes are those that a server answers with.
/// </summary>
public sealed class EventsVerification
{
    private readonly IJournal journal;
    private readonly byte[] secret;
    private readonly Findings findings;
    private readonly List<RootClaim> claims;
    private readonly MerkleTree tree = new();
    private readonly Dictionary<string, long> revisions = new(StringComparer.Ordinal);
    private readonly DistinctIds ids = new();
    private Instant recordedAt = Instant.FromUnixTimeTicks(0);

    private EventsVerification(IJournal journal, byte[] secret, IEnumerable<RootClaim> claims, Findings findings) =>
        (this.journal, this.secret, this.findings, this.claims) =
            (journal, secret, findings,
                [.. claims, new RootClaim("the journal's own root", journal.Length, journal.Root)]);

    /// <summary>Verifies a journal through the port.</summary>
    /// <param name="claims">What checkpoints say of the journal: each is compared at its length.</param>
    /// <param name="seen">Is told the number of events from time to time.</param>
    /// <param name="clock">The verifier's own: nothing was recorded after now; null where it is not to be asked.</param>
    public static async Task<JournalFound> VerifyAsync(IJournal journal, byte[] secret, IEnumerable<RootClaim> claims,
        Findings findings, Action<long> seen, CancellationToken ct, IClock? clock = null)
    {
        var before = findings.FaultCount;
        var verification = new EventsVerification(journal, secret, claims, findings);
        using var ids = verification.ids;
        try
        {
            await verification.VerifyAsync(seen, ct).ConfigureAwait(false);
        }
        catch (Exception damaged) when (damaged is InvalidDataException or JournalRefusedException)
        {
            findings.Add(At(verification.tree.Size), damaged.Message, "an event that can be read");
        }
        foreach (var (id, position, _) in ids.Repeated())
            findings.Add(At(position), $"event id {id} for the second time", "an id of its own");
        RecordingTimes.VerifyPast(verification.tree.Size, verification.recordedAt, clock, findings);
        return new(verification.tree.Size, verification.tree.Root(), findings.FaultCount == before);
    }

    private async Task VerifyAsync(Action<long> seen, CancellationToken ct)
    {
        VerifyRoots();
        await foreach (var recorded in journal.ReadAllAsync(0, ct).ConfigureAwait(false))
        {
            // What is recorded while this reads is of a later journal.
            if (tree.Size == journal.Length) break;
            Verify(recorded);
            tree.Append(CopiedEvent.Of([recorded], secret)[0].Leaf);
            VerifyRoots();
            if (tree.Size % 4096 == 0) seen(tree.Size);
        }
        foreach (var claim in claims)
            if (claim.Length > tree.Size)
                findings.Add(claim.Place, $"{Count(tree.Size)} events in the journal", Count(claim.Length));
    }

    private void Verify(RecordedEvent recorded)
    {
        var envelope = recorded.Envelope;
        var next = revisions.TryGetValue(envelope.Stream, out var last) ? last + 1 : 0;
        var place = $"{At(recorded.Position)}, {envelope.Stream} revision {Count(envelope.Revision)}";
        Same(place, "position", Count(recorded.Position), Count(tree.Size));
        Same(place, "ledger", envelope.Ledger.Value, journal.Ledger.Value);
        Same(place, "revision", Count(envelope.Revision), Count(next));
        if (!envelope.Id.IsOf(envelope.ValidFrom))
            findings.Add(place, $"event id {envelope.Id}", $"an id of the valid time {Text(envelope.ValidFrom)}");
        ids.Add(envelope.Id, recorded.Position);
        if (envelope.RecordedAt < recordedAt)
            findings.Add(place, $"recorded at {Text(envelope.RecordedAt)}",
                $"no earlier than {Text(recordedAt)}, the event before");
        revisions[envelope.Stream] = Math.Max(next, envelope.Revision);
        recordedAt = Instant.Max(recordedAt, envelope.RecordedAt);
    }

    /// <summary>Everyone who names this length names this root.</summary>
    private void VerifyRoots()
    {
        foreach (var claim in claims)
            if (claim.Length == tree.Size)
            {
                Same(claim.Place, $"root of {Count(claim.Length)} events", Convert.ToHexStringLower(claim.Root),
                    Convert.ToHexStringLower(tree.Root()));
                RecordingTimes.VerifyWitnessed(claim, recordedAt, findings);
            }
    }

    private void Same(string place, string what, string found, string expected)
    {
        if (found != expected) findings.Add(place, $"{what} {found}", expected);
    }

    private static string At(long position) => $"position {Count(position)}";
    private static string Count(long number) => number.ToString(CultureInfo.InvariantCulture);
    private static string Text(Instant at) => InstantPattern.ExtendedIso.Format(at);
}
