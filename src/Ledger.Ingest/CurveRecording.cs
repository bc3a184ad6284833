using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>
/// Records a batch of power curves. Each period that the batch touches is integrated anew over the union of all its
/// evidence, so that the last record is the same in whatever order batches came and however often. Device time is
/// never rewritten: a clock that is off is stated and flagged. Points are computed in parallel and appended in order
/// of name, so that the journal does not depend on the number of cores.
/// </summary>
public sealed class CurveRecording(EvidenceArchive archive)
{
    // What is recorded was computed from what was read before, so two batches of a point take turns.
    private readonly SemaphoreSlim[] turns = [.. Enumerable.Range(0, 64).Select(_ => new SemaphoreSlim(1))];

    /// <summary>Adds the route of curve batches; the composition root calls it once.</summary>
    public static CommandRoutes AddTo(CommandRoutes routes, EvidenceArchive archive) =>
        routes.Add<CurveBatch>(Scopes.CurvesWrite, new CurveRecording(archive).RecordAsync);

    public async Task<RecordOutcome> RecordAsync(Recorder recorder, Command<CurveBatch> command, Instant now,
        CancellationToken ct)
    {
        var curves = command.Input.Curves;
        // Everyone takes turns in the same order, so no two batches wait for each other.
        var mine = curves.Select(curve => (curve.Point.GetHashCode() & int.MaxValue) % turns.Length).Distinct().Order()
            .ToList();
        var taken = 0;
        try
        {
            foreach (var turn in mine)
            {
                await turns[turn].WaitAsync(ct).ConfigureAwait(false);
                taken++;
            }
            return await RecordInTurnAsync(recorder, command, now, ct).ConfigureAwait(false);
        }
        finally
        {
            foreach (var turn in mine.Take(taken)) turns[turn].Release();
        }
    }

    private async Task<RecordOutcome> RecordInTurnAsync(
        Recorder recorder, Command<CurveBatch> command, Instant now, CancellationToken ct)
    {
        var batch = command.Input;
        if (await recorder.HoldAsync(command.Raw, command.By, ct).ConfigureAwait(false) is not { } received)
            return recorder.NotHeld("no sample");
        var library = new CurveEvidence(archive, received.Digest, batch);
        var computed = new CurveCandidates[batch.Curves.Count];
        await Parallel.ForAsync(0, computed.Length, ct, async (i, inner) =>
            computed[i] = await CurveCandidates.ComputeAsync(recorder, library, batch.Curves[i], batch.SentAt, now,
                inner).ConfigureAwait(false))
            .ConfigureAwait(false);
        var outcomes = new List<RecordOutcome>();
        foreach (var point in computed)
        {
            IntakeTelemetry.Late.Add(point.Late);
            if (point.Refused is { } refused)
                outcomes.Add(await recorder.RefuseAsync(refused.Code, refused.Detail, command.Raw, command.By, ct)
                    .ConfigureAwait(false));
            foreach (var (day, records) in point.Records)
                outcomes.AddRange(await recorder.RecordEachAsync(Streams.Curve(point.Point, day),
                    IntervalRecordsState.Empty,
                    IntervalRecords.Evolve, records, (state, record) => Decide(state, record, now),
                    _ => command.Raw, command.By, ct).ConfigureAwait(false));
        }
        IntakeTelemetry.Samples.Add(batch.Samples);
        var outcome = new RecordOutcome.Several(outcomes);
        received.Note(outcome);
        return outcome;
    }

    /// <summary>A stream may have recorded a period since this batch was computed: then the period has that kind of
    /// evidence. What holds no sample of it has nothing to say of it.</summary>
    private static Decision Decide(IntervalRecordsState state, IntervalRecorded record, Instant now) =>
        state.Latest.TryGetValue(record.Period.Start, out var latest) && latest.Stream is not null
            ? record.Samples == 0 ? new Decision.AlreadyRecorded() : new Decision.Rejected(Rejection.EvidenceConflict,
                CurveCandidates.StreamedAlready(record.Point, latest.Period))
            : IntervalRecords.Decide(state, record, now);
}
