using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>
/// The interval records that a batch makes of one point, day by day, or why the point's curve is refused. A period is
/// computed from all its samples, those before it over one ramp window, and the first at or after its end, which closes
/// it: so neither the order nor the size of batches changes the last record.
/// </summary>
internal sealed record CurveCandidates(
    SettlementPointId Point, Refusal? Refused,
    IReadOnlyList<(LocalDate Day, IReadOnlyList<IntervalRecorded> Records)> Records)
{
    /// <summary>Samples of the curve that came after the record of their period was final, and restate it.</summary>
    public long Late { get; private init; }

    /// <summary>Settlement days that one curve may touch: a leap year and the days beside it.</summary>
    private const int DaysMax = 368;
    /// <summary>How far a sender's clock may be ahead before what it says of time is not believed: 1 hour,
    /// in ms.</summary>
    private const int ClockAheadMaxMs = 3_600_000;

    public static async Task<CurveCandidates> ComputeAsync(
        Recorder recorder, CurveEvidence evidence, PointCurve curve, Instant? sentAt, Instant now, CancellationToken ct)
    {
        if (await PointCalendar.OfAsync(recorder.Journal, curve.Point, ct).ConfigureAwait(false) is not { } calendar)
            return Refuse(curve, Rejection.UnknownSettlementPoint, $"settlement point {curve.Point} is not registered");
        var samples = evidence.Samples(evidence.Received, curve.Point);
        if (Misdated(samples) is { } misdated)
            return Refuse(curve, Rejection.InvalidTime, $"{curve.Point}: {misdated}");
        if (Ahead(samples[^1], sentAt, now) is { } ahead)
            return Refuse(curve, Rejection.ReadInTheFuture, $"{curve.Point}: {ahead}");

        if (calendar.Cover(samples, DaysMax) is { } uncovered)
            return Refuse(curve, uncovered.Code, $"{curve.Point}: {uncovered.Detail}");
        foreach (var day in calendar.Days)
        {
            var (state, _) = await recorder.LoadAsync(
                Streams.Curve(curve.Point, day), IntervalRecordsState.Empty, IntervalRecords.Evolve, ct)
                    .ConfigureAwait(false);
            calendar.Know(day, state);
        }
        // A message may be late, but it never comes before it was sent: only a clock that is ahead is proven.
        var offset = sentAt is { } sent && sent > now ? (sent - now).ToInt64Nanoseconds() / 1000 : 0;
        var periods = new CurvePeriods(evidence, curve.Point, samples, calendar, offset);
        var records = calendar.Days.Select(day => (day, (IReadOnlyList<IntervalRecorded>)periods.RecordsOf(day)))
            .Where(of => of.Item2.Count > 0).ToList();
        return new(curve.Point, RefusalOf(curve.Point, periods), records)
        {
            Late = records.SelectMany(of => of.Item2).Where(record => calendar.Known(record.Period) is
            { State: not IntervalRecordState.Provisional } known && known != record)
                .Sum(record => Within(samples, record.Period)),
        };
    }

    private static Refusal? RefusalOf(SettlementPointId point, CurvePeriods periods)
    {
        if (periods.Streamed is { } streamed)
            return Refusal.Of(Rejection.EvidenceConflict, StreamedAlready(point, streamed));
        return periods.Gone is var (period, isPruned)
            ? Refusal.Of(isPruned ? Rejection.EvidencePruned : Rejection.EvidenceErased,
                $"{point}: the record of {period.Start} to {period.End} stays as it is, because evidence of it "
                + $"was {(isPruned ? "pruned" : "erased")}") : null;
    }

    /// <summary>Why a file says nothing of a period that a stream recorded.</summary>
    public static string StreamedAlready(SettlementPointId point, Interval period) =>
        $"{point}: the record of {period.Start} to {period.End} was made from a stream and stays as it is: "
        + "send what is missing over the stream, late samples are taken; the file is kept";

    private static long Within(PowerSample[] samples, Interval period) =>
        CurveWindow.FirstAtOrAfter(samples, PowerCurve.Microseconds(period.End))
        - CurveWindow.FirstAtOrAfter(samples, PowerCurve.Microseconds(period.Start));

    /// <summary>Of samples in order of time the first and the last say it.</summary>
    private static string? Misdated(PowerSample[] samples)
    {
        foreach (var sample in (PowerSample[])[samples[0], samples[^1]])
            if (At(sample) is var at && !MeasuredTime.Has(at.InUtc().Year))
                return $"a sample of {at} is {MeasuredTime.Rule}";
        return null;
    }

    private static Instant At(PowerSample sample) => Instant.FromUnixTimeTicks(sample.AtMicroseconds * 10);

    /// <summary>A sample may be later than now only as far as its sender's clock,
    /// which is then recorded as ahead.</summary>
    private static string? Ahead(PowerSample last, Instant? sentAt, Instant now)
    {
        var skew = Duration.FromMilliseconds(Limits.ClockSkewMs);
        var at = At(last);
        if (sentAt is { } sent && sent > now + Duration.FromMilliseconds(ClockAheadMaxMs))
            return $"the sender's clock says {sent}, now is {now}";
        return at > Instant.Max(now, sentAt ?? now) + skew ? $"a sample of {at} is after now, {now}" : null;
    }

    private static CurveCandidates Refuse(PointCurve curve, Rejection code, string detail) =>
        new(curve.Point, Refusal.Of(code, detail), []);
}
