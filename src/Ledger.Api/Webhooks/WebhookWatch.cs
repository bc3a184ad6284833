using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Api.Webhooks;

/// <summary>
/// Looks for what subscribers are to be told: facts in the journal, from where it stopped looking, so that none is
/// missed after a restart; and what has not happened in time, which only a clock can tell. Each subscriber is told of
/// what it reaches, and each thing once.
/// </summary>
/// <param name="newestOf">When the newest sample of a point was taken, as far as streams say it.</param>
internal sealed class WebhookWatch(
    OpenLedger ledger, WebhookStore store, WebhookOptions options, Func<SettlementPointId, Instant?> newestOf)
{
    /// <summary>A call is looked at for so long after its end.</summary>
    private static readonly Duration Afterwards = Duration.FromMinutes(5);
    /// <summary>Events of the journal that are looked at before it is noted how far.</summary>
    private const int NotedEvery = 10_000;
    private const int ToldMax = 100_000;
    private static readonly Duration LookEvery = Duration.FromSeconds(1), LookedNotedEvery = Duration.FromMinutes(1);

    private sealed record OpenCall(InstructionId Instruction, Instant IssuedAt, Instant Start, Instant End);

    private readonly Dictionary<string, OpenCall> calls = new(StringComparer.Ordinal);
    private readonly HashSet<(string Webhook, string Name)> told = [];
    private readonly NewestKnown newest = new(ledger, newestOf);
    private bool hasCalls;
    private long? next;
    private Instant looked, lookedNoted;

    /// <summary>Nobody is subscribed: who subscribes later is told of what comes later.</summary>
    public void Forget()
    {
        (hasCalls, next) = (false, null);
        calls.Clear();
        told.Clear();
    }

    /// <param name="subscriptions">Who may be told, asked when the views had come so far: who subscribed meanwhile is
    /// among them.</param>
    /// <param name="known">How far the views are.</param>
    public async Task LookAsync(
        IReadOnlyList<WebhookSubscription> subscriptions, long known, Instant now, CancellationToken ct)
    {
        if (!hasCalls)
        {
            // What was not looked at in time, as while the server was down, is told late.
            var since = store.Looked ?? now;
            foreach (var row in new Answers(ledger.Views).Instructions())
                if (!(row.WithdrawnAt <= now) && row.End + Afterwards > since)
                    calls[row.Instruction] = new(new(row.Instruction), row.IssuedAt, row.Start, row.End);
            hasCalls = true;
        }
        await FollowAsync(subscriptions, known, now, ct).ConfigureAwait(false);
        if (now - looked < LookEvery) return;
        foreach (var call in calls.Values.ToList())
            await LookAsync(call, subscriptions, now, ct).ConfigureAwait(false);
        looked = now;
        if (now - lookedNoted < LookedNotedEvery) return;
        store.Looked = lookedNoted = now;
    }

    /// <summary>Tells whoever subscribed to an event's type, holds its scope and reaches it.</summary>
    public void Tell(WebhookEvent happened, IReadOnlyList<WebhookSubscription> subscriptions, Instant now,
        Func<Principal, bool> reaches)
    {
        foreach (var one in subscriptions)
            if (one.Ended is null && one.Events.Contains(happened.Type) && WebhookAccess.Of(one) is var who
                && who.Holds(WebhookEvent.ScopeOf(happened.Type)) && reaches(who))
                store.Add(one, happened, now, options);
    }

    private async Task FollowAsync(
        IReadOnlyList<WebhookSubscription> subscriptions, long known, Instant now, CancellationToken ct)
    {
        next ??= store.Progress ?? known;
        if (next >= known) return;
        var isTold = false;
        await foreach (var recorded in ledger.Journal.ReadAllAsync(next.Value, ct).ConfigureAwait(false))
        {
            if (recorded.Position >= known) break;
            // Most events are interval records, which are not read for this.
            switch (recorded.Envelope.WireName)
            {
                case "settlement-run-published":
                    Published((SettlementRunPublished)EventCodec.Decode(recorded), recorded, subscriptions, now);
                    isTold = true;
                    break;
                case "dispatch-instructed":
                    var order = (DispatchInstructed)EventCodec.Decode(recorded);
                    calls[order.Instruction.Value] =
                        new(order.Instruction, order.IssuedAt, order.Period.Start, order.Period.End);
                    Ordered(WebhookEvent.Issued, order.Instruction, recorded, subscriptions, now);
                    isTold = true;
                    break;
                case "instruction-withdrawn":
                    var withdrawn = (InstructionWithdrawn)EventCodec.Decode(recorded);
                    Ordered(WebhookEvent.Withdrawn, withdrawn.Instruction, recorded, subscriptions, now);
                    isTold = true;
                    break;
            }
            next = recorded.Position + 1;
        }
        // What is told twice is taken once while it is listed, so nothing is lost where not every step is noted.
        if (!isTold && next - (store.Progress ?? 0) < NotedEvery) return;
        store.Progress = next;
    }

    private void Published(SettlementRunPublished run, RecordedEvent recorded,
        IReadOnlyList<WebhookSubscription> subscriptions, Instant now) =>
        // A run's name is its account's own, for a day.
        Tell(new(WebhookEvent.RunPublished, $"{run.Account}|{RowJson.Day(run.Day)}|{run.Run}",
            recorded.Envelope.RecordedAt,
            [("run", run.Run.Value), ("account", run.Account.Value), ("day", RowJson.Day(run.Day)), Place(recorded)]),
            Before(subscriptions, recorded), now, who => who.Reach.Covers(run.Account));

    /// <summary>An instruction concerns whoever reaches one of its targets, and who issued it.</summary>
    private void Ordered(string type, InstructionId instruction, RecordedEvent recorded,
        IReadOnlyList<WebhookSubscription> subscriptions, Instant now) =>
        Tell(new(type, instruction.Value, recorded.Envelope.RecordedAt,
            [("instruction", instruction.Value), Place(recorded)]), Before(subscriptions, recorded), now,
            who => new Answers(ledger.Views, null, who.Reach, now).Instruction(instruction) is not null);

    /// <summary>Those who had subscribed when it was recorded.</summary>
    private static List<WebhookSubscription> Before(
        IReadOnlyList<WebhookSubscription> subscriptions, RecordedEvent recorded) =>
        [.. subscriptions.Where(one => one.Created <= recorded.Envelope.RecordedAt)];

    private static (string, string) Place(RecordedEvent recorded) =>
        ("position", recorded.Position.ToString(CultureInfo.InvariantCulture));

    /// <summary>Tells what was not in time of a call; after its end as it was then, to who had subscribed. A call is
    /// let go when all of it was told.</summary>
    private async Task LookAsync(
        OpenCall call, IReadOnlyList<WebhookSubscription> subscriptions, Instant now, CancellationToken ct)
    {
        var at = Instant.Min(now, call.End);
        foreach (var one in subscriptions)
        {
            if (one.Ended is not null || one.Created >= call.End) continue;
            var after = Duration.FromSeconds(one.AfterSeconds);
            var due = call.IssuedAt + after;
            var late = one.Events.Contains(WebhookEvent.Unacknowledged) && at >= due && due < call.End;
            var during = one.Events.Contains(WebhookEvent.Stale) && at >= call.Start + after
                && call.Start + after < call.End;
            if (!late && !during) continue;
            var who = WebhookAccess.Of(one);
            if (!who.Holds(WebhookEvent.ScopeOf(WebhookEvent.Stale))) continue;
            var answers = new Answers(ledger.Views, null, who.Reach, now);
            if (answers.Instruction(call.Instruction) is not { } seen) continue;
            if (seen.Instruction.WithdrawnAt is { } withdrawn && withdrawn <= now)
            {
                calls.Remove(call.Instruction.Value);
                return;
            }
            foreach (var target in seen.Targets)
            {
                if (late && target.Clocks.All(
                    clock => clock.Clock != InstructionClock.Acknowledged || clock.At > due))
                    TellOnce(one, WebhookEvent.Unacknowledged, call, target.Point, call.IssuedAt, now);
                if (during && await newest.BetweenAsync(new(target.Point), call.Start, at, now, ct)
                    .ConfigureAwait(false) is var since && since + after <= at)
                    TellOnce(one, WebhookEvent.Stale, call, target.Point, since, now);
            }
        }
        if (now >= call.End + Afterwards) calls.Remove(call.Instruction.Value);
    }

    private void TellOnce(WebhookSubscription one, string type, OpenCall call, string point, Instant since, Instant now)
    {
        var name = $"{call.Instruction} {point} {since.ToUnixTimeTicks()}";
        if (told.Count > ToldMax) told.Clear(); // what is told twice is taken once
        if (told.Contains((one.Webhook, $"{type} {name}"))) return;
        store.Add(one, new(type, name, now, [("instruction", call.Instruction.Value), ("point", point),
            ("since", InstantPattern.ExtendedIso.Format(since))]), now, options);
        told.Add((one.Webhook, $"{type} {name}")); // only now, so that what could not be kept is told the next time
    }
}

/// <summary>As whom a subscriber is told: as whoever subscribed.</summary>
internal static class WebhookAccess
{
    public static Principal Of(WebhookSubscription one) => one.Role is { } role
        ? Roles.Principal(one.Holder, role, one.Party, [.. one.Stations])
        : new(one.Holder, one.Party, Scopes.All);

    /// <summary>What a subscription still reaches by its holder's keys; null where that is nothing.</summary>
    /// <param name="keys">The stations of each; none of a key for all that the role reaches, which of an aggregator are
    /// its own points.</param>
    public static WebhookSubscription? Within(
        WebhookSubscription one, IReadOnlyList<IReadOnlyList<StationId>> keys)
    {
        var isWhole = keys.Any(stations => stations.Count == 0);
        if (one.Role == Role.Aggregator ? one.Stations.Count == 0 : isWhole) return isWhole ? one : null;
        var reached = keys.SelectMany(stations => stations).Distinct().ToList();
        IReadOnlyList<StationId> left = one.Stations.Count == 0 ? reached : [.. one.Stations.Where(reached.Contains)];
        return left.Count == 0 ? null : one with { Stations = left };
    }
}
