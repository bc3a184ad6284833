using System.Data.Common;
using System.Text;
using System.Text.Json.Nodes;
using Ledger.Api.Jobs;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using NodaTime;

namespace Ledger.Api;

/// <summary>
/// How a subject is erased, held and released, and how a disclosure is recorded. Behind this door a subject has only
/// its pseudonym; a request that is refused is kept with that in the place of the name.
/// </summary>
public static class Erasing
{
    /// <summary>The routes that need the evidence archive, where the keys of the subjects are.</summary>
    /// <param name="directory">The data folder.</param>
    public static CommandRoutes AddTo(CommandRoutes routes, EvidenceArchive evidence, string directory) => routes
        .Add<SubjectToErase>(Scopes.SubjectsWrite, async (recorder, command, now, ct) =>
        {
            var outcome = await EraseAsync(evidence, recorder, command, now, ct).ConfigureAwait(false);
            if (outcome.IsDurable) ForgetShown(directory, Instant.MaxValue);
            return outcome;
        })
        .Add<SubjectToHold>(Scopes.SubjectsWrite, (recorder, c, now, ct) =>
        {
            var subject = evidence.PseudonymOf(c.Input.Subject);
            return recorder.RecordAsync(Streams.Subjects, SubjectsState.Empty, Erasure.Evolve, state => c.Input.Release
                ? Erasure.Decide(state, new LegalHoldReleased(subject, c.Input.Case), now)
                : Erasure.Decide(state, new LegalHoldSet(subject, c.Input.Case), now), c.By, ct,
                Nameless(c.Raw, "legal-hold", subject));
        })
        .Add<EvidenceToDisclose>(Scopes.EvidenceDisclose, (recorder, command, now, ct) =>
            DiscloseAsync(evidence, recorder, command, now, ct));

    /// <summary>The fact first, then the destruction: what happens between is finished by
    /// <see cref="FinishAsync"/>.</summary>
    private static async Task<RecordOutcome> EraseAsync(
        EvidenceArchive evidence, Recorder recorder, Command<SubjectToErase> command, Instant now, CancellationToken ct)
    {
        var subject = evidence.PseudonymOf(command.Input.Subject);
        var raw = Nameless(command.Raw, "subject-erasure", subject);
        var (generation, pieces, together) = evidence.CloseKeys(subject);
        EvidenceDigest? manifest = pieces.Count == 0 ? null : evidence.Put(EvidenceManifest.Of(pieces));
        var destroyed = 0;
        var outcome = await recorder.RecordAsync(Streams.Subjects, SubjectsState.Empty, Erasure.Evolve, state =>
        {
            var decision = Erasure.Decide(
                state, subject, generation, together, manifest, command.Input.Reason, now);
            destroyed = decision is Decision.Accepted { Facts: [{ Event: SubjectErased fact }] }
                ? fact.Generation : state.Of(subject).ErasedGeneration;
            return decision;
        }, command.By, ct, raw).ConfigureAwait(false);
        if (outcome.IsDurable && destroyed > 0) evidence.DestroyKeys(subject, destroyed);
        return outcome;
    }

    /// <summary>What was shown of persons, and is kept for whoever asked for it, would be read again.</summary>
    /// <param name="erasedAt">What was asked for until then.</param>
    private static void ForgetShown(string directory, Instant erasedAt) =>
        JobStore.ForgetDisclosed(Path.Combine(directory, JobStore.FileName), erasedAt);

    /// <summary>Destroys the keys that the journal says are destroyed: a crash may have come between.</summary>
    /// <param name="directory">The data folder.</param>
    public static async Task FinishAsync(
        IJournal journal, EvidenceArchive evidence, string directory, CancellationToken ct)
    {
        var (state, erasedAt) = (SubjectsState.Empty, (Instant?)null);
        await foreach (var recorded in journal.ReadStreamAsync(Streams.Subjects, 0, ct).ConfigureAwait(false))
        {
            var fact = EventCodec.Decode(recorded);
            state = Erasure.Evolve(state, fact);
            if (fact is SubjectErased) erasedAt = recorded.Envelope.RecordedAt;
        }
        foreach (var (subject, known) in state.Known)
            if (known.ErasedGeneration > 0) evidence.DestroyKeys(subject, known.ErasedGeneration);
        if (erasedAt is { } last)
            try
            {
                ForgetShown(directory, last);
            }
            catch (DbException)
            {
                // The server, which alone hands results out, cannot open them either and says so; others need them not.
            }
    }

    private static async Task<RecordOutcome> DiscloseAsync(
        EvidenceArchive evidence, Recorder recorder, Command<EvidenceToDisclose> command, Instant now,
        CancellationToken ct)
    {
        var asked = command.Input;
        if (asked.Evidence.Where(piece => !evidence.Has(piece)).Select(piece => piece.Hex)
            .FirstOrDefault() is { } unknown)
            return await recorder.RefuseAsync(Rejection.UnknownEvidence, $"the archive has no evidence {unknown}",
                command.Raw, command.By, ct).ConfigureAwait(false);
        var named = asked.Evidence is [var single] ? single : evidence.Put(EvidenceManifest.Of(asked.Evidence));
        return await recorder.AppendAsync(Streams.Disclosures(now.InUtc().Date),
            [Disclosure.Fact(new(named, asked.By, asked.What, asked.Purpose), now)], command.By, ct, command.Raw)
            .ConfigureAwait(false);
    }

    private static Submission Nameless(Submission raw, string type, SubjectPseudonym subject) => new(
        Encoding.UTF8.GetBytes(new JsonObject { ["type"] = type, ["pseudonym"] = subject.Hex }.ToJsonString()),
        raw.Source)
    { Personal = [] };
}
