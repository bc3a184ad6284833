using Ledger.Domain;
using NodaTime;

namespace Ledger.Journal.Pipeline;

/// <summary>
/// What is planned at a point, and when it was out of service. A schedule is judged with the point's master data, which
/// are read first; the others by themselves.
/// </summary>
internal static class PlanRoutes
{
    public static CommandRoutes AddPlans(this CommandRoutes routes) => routes
        .Add<ScheduleDeclared>(Scopes.AvailabilityWrite, async (recorder, c, now, ct) =>
        {
            var (point, _) = await recorder.LoadAsync(
                Streams.Point(c.Input.Point), SettlementPointState.Empty, SettlementPoint.Evolve, ct)
                    .ConfigureAwait(false);
            return await recorder.RecordAsync(
                Streams.Schedules(c.Input.Point, UtcDay(c.Input.Start)), 0, (seen, _) => seen,
                _ => DeclaredSchedules.Decide(point, c.Input, now, new EvidenceKey(
                    $"schedule/{c.Input.Point}/{Ticks(c.Input.Start)}/{Ticks(c.Input.DeclaredAt)}")), c.By, ct, c.Raw)
                        .ConfigureAwait(false);
        })
        .Add<SessionRequested>(Scopes.DispatchAnswer, (recorder, c, now, ct) => recorder.RecordAsync(
            Streams.SessionRequests(c.Input.Point, UtcDay(c.Input.Arrival)), 0, (seen, _) => seen,
            _ => SessionRequests.Decide(c.Input, now, new EvidenceKey(
                $"session-request/{c.Input.Point}/{Ticks(c.Input.Arrival)}/{Ticks(c.Input.RequestedAt)}/{c.Input.Source}")),
                    c.By, ct, c.Raw))
        .Add<OutageRecorded>(Scopes.DispatchAnswer, (recorder, c, now, ct) => recorder.RecordAsync(
            Streams.Outages(c.Input.Point), 0, (seen, _) => seen,
            _ => Outages.Decide(c.Input, now, new EvidenceKey(
                $"outage/{c.Input.Point}/{Ticks(c.Input.Period.Start)}/{Ticks(c.Input.Period.End)}/{c.Input.Source}")),
                    c.By, ct, c.Raw));

    private static LocalDate UtcDay(Instant at) => at.InUtc().Date;

    // A key tells two requests of one second apart.
    private static long Ticks(Instant at) => at.ToUnixTimeTicks();
}
