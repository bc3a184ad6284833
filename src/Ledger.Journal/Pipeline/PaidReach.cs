using Ledger.Domain;
using NodaTime;

namespace Ledger.Journal.Pipeline;

/// <summary>
/// Whoever pays under a programme has a say in what is owed by it. A call is owed by the publisher's own order; power
/// held ready is owed by what others say of themselves, so who pays for it records the enrolment, which states how much
/// was proven, and everybody declares within that.
/// </summary>
internal static class PaidReach
{
    public static async Task<bool> IsReachedAsync(Principal by, Touched part, Recorder recorder, CancellationToken ct)
    {
        switch (part)
        {
            case Touched.OrderedIn(var programme):
                var publisher = await Reaching.PublisherAsync(recorder, Streams.Programme(programme), ct)
                    .ConfigureAwait(false);
                return publisher == by.Party || (publisher == Reaching.OwnOf(recorder)
                    && (await ProgrammeAsync(recorder, programme, ct).ConfigureAwait(false)).Published
                        .All(version => version.Payer is not { } payer || by.Reach.Covers(payer)));
            case Touched.Admitting(var programme):
                return by.Holds(Scopes.AvailabilityWrite)
                    || await Reaching.PublisherAsync(recorder, Streams.Programme(programme), ct).ConfigureAwait(false)
                        == by.Party
                    || ((await PayersAsync(recorder, programme, ct).ConfigureAwait(false)) is { Count: > 0 } paying
                        && paying.All(by.Reach.Covers));
            case Touched.PaidEnrolment(var programme):
                return (await PayersAsync(recorder, programme, ct).ConfigureAwait(false)).All(by.Reach.Covers);
            case Touched.PaidReady(var programme, var point, var period):
                var payers = await PayersAsync(recorder, programme, ct).ConfigureAwait(false);
                return payers.Count == 0 || (await EnrolledByAsync(recorder, programme, point, period, ct)
                    .ConfigureAwait(false)).All(by => by == Reaching.OwnOf(recorder)
                        || payers.All(payer => payer == by));
            default: throw new System.Diagnostics.UnreachableException($"{part}");
        }
    }

    /// <summary>Who pays for power held ready in a programme, by any of its versions.</summary>
    private static async Task<List<PartyId>> PayersAsync(
        Recorder recorder, ProgrammeId programme, CancellationToken ct) =>
        [.. (await ProgrammeAsync(recorder, programme, ct).ConfigureAwait(false)).Published
            .Where(version => version.AvailabilityPerKwHour is not null).Select(version => version.Payer!.Value)
            .Distinct()];

    private static async Task<ProgrammeState> ProgrammeAsync(
        Recorder recorder, ProgrammeId programme, CancellationToken ct) =>
        (await recorder.LoadAsync(Streams.Programme(programme), ProgrammeState.Empty, Programmes.Evolve, ct)
            .ConfigureAwait(false)).State;

    /// <summary>Who recorded the enrolments that cover a time; nobody where it is not covered, which is for its own
    /// rule to say.</summary>
    private static async Task<IReadOnlySet<PartyId>> EnrolledByAsync(Recorder recorder, ProgrammeId programme,
        SettlementPointId point, Interval period, CancellationToken ct)
    {
        var stream = Streams.Enrolment(point);
        var (state, _) = await recorder.LoadAsync(stream, EnrolmentState.Empty, Enrolments.Evolve, ct)
            .ConfigureAwait(false);
        var enrolled = state.Covering(programme, period).Select(each => each.Enrolled).ToHashSet();
        var recordedBy = new HashSet<PartyId>();
        if (enrolled.Count == 0) return recordedBy;
        await foreach (var recorded in recorder.Journal.ReadStreamAsync(stream, 0, ct).ConfigureAwait(false))
            if (EventCodec.Decode(recorded) is PointEnrolled known && enrolled.Contains(known))
                recordedBy.Add(recorded.Envelope.Tenant);
        return recordedBy;
    }
}
