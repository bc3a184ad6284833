using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>
/// The response to a call by the power curves of its targets: their interval records as known after a position, and the
/// samples that the records' evidence shows.
/// </summary>
/// <param name="position">Null: as known now.</param>
public sealed class CallCurves(IJournal journal, RecordSamples samples, long? position)
{
    /// <summary>Samples of a response that is made while somebody waits: exact fractions cost.</summary>
    public const int SamplesAtOnce = 400_000;

    /// <summary>So many may still be read; <see cref="TooManySamplesException"/> before there are more.</summary>
    public required int SamplesLeft { get; set; }

    /// <summary>The response of some of the targets; null where there is no such instruction, or none of them is a
    /// target. A sum is told where all that it is of are among them.</summary>
    /// <param name="asked">Which targets are asked about.</param>
    public async Task<CallResponse?> ResponseAsync(
        InstructionId instruction, Func<SettlementPointId, bool> asked, CancellationToken ct)
    {
        var state = DispatchState.Empty;
        await foreach (var recorded in KnownAsync(Streams.Instruction(instruction), ct).ConfigureAwait(false))
            state = Dispatch.Evolve(state, EventCodec.Decode(recorded));
        if (state.Instructed is not { } order || !order.Targets.Any(target => asked(target.Point))) return null;
        var stations = new Dictionary<SettlementPointId, StationId?>();
        foreach (var target in order.Targets)
            stations[target.Point] = await StationAsync(target.Point, order.Period.Start, ct).ConfigureAwait(false);
        var curves = new List<TargetCurve>();
        foreach (var (point, _) in order.Targets.Where(target => asked(target.Point)))
            curves.Add(new(point, stations[point], CallResponse.TimeOf(order, state.Withdrawn?.At) is { } call
                ? await CurveAsync(point, order.IssuedAt, call, ct).ConfigureAwait(false) : KnownCurve.Of([])));
        return CallResponse.Of(state, curves, stations);
    }

    /// <summary>What is known of a point's power in a call, and when the call was issued.</summary>
    private async Task<KnownCurve> CurveAsync(
        SettlementPointId point, Instant issuedAt, Interval call, CancellationToken ct)
    {
        var records = new SortedDictionary<Instant, IntervalRecorded>();
        foreach (var window in (Interval[])[AtAndBefore(issuedAt), new(AtAndBefore(call.Start).Start, call.End)])
            foreach (var record in await CurveRecords.LatestAsync(journal, point, window, position, ct)
                .ConfigureAwait(false))
                records[record.Period.Start] = record;
        // A record says how many samples it has, so nothing is read of what would be too much.
        if (records.Values.Sum(record => (long)record.Samples + record.DuplicateSamples) > SamplesLeft)
            throw new TooManySamplesException();
        var parts = new List<CurvePart>(records.Count);
        foreach (var record in records.Values)
        {
            ct.ThrowIfCancellationRequested();
            var part = samples.Around(record, int.MaxValue, ct);
            SamplesLeft -= part.Samples.Count;
            parts.Add(part);
        }
        return KnownCurve.Of(parts);
    }

    // Where an instant is the edge of two periods, the one before says how the curve comes to it.
    private static Interval AtAndBefore(Instant at) => new(at - Duration.FromTicks(10), at + Duration.FromTicks(10));

    private async Task<StationId?> StationAsync(SettlementPointId point, Instant at, CancellationToken ct)
    {
        var state = SettlementPointState.Empty;
        await foreach (var recorded in KnownAsync(Streams.Point(point), ct).ConfigureAwait(false))
            state = SettlementPoint.Evolve(state, EventCodec.Decode(recorded), recorded.Envelope.ValidFrom);
        return state.HolderAt(at)?.Station;
    }

    private async IAsyncEnumerable<RecordedEvent> KnownAsync(
        string stream, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        await foreach (var recorded in journal.ReadStreamAsync(stream, 0, ct).ConfigureAwait(false))
            if (position is not { } last || recorded.Position <= last) yield return recorded;
    }
}
