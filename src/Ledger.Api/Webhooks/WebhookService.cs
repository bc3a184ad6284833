using System.Collections.Concurrent;
using System.Data.Common;
using System.Globalization;
using System.Security.Cryptography;
using Ledger.Api.Access;
using Ledger.Api.Jobs;
using Ledger.Domain;
using Ledger.Ingest.Streaming;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Webhooks;

/// <summary>Subscribers, what they are to be told, and the telling of it, of one served ledger.</summary>
internal sealed class WebhookService : IDisposable
{
    private static readonly Duration ForgetEvery = Duration.FromHours(1);
    /// <summary>What is being sent, by subscriber: who is slow to answer keeps nobody else waiting.</summary>
    private readonly Dictionary<string, Task> turns = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<WebhookEvent> untold = [];
    private readonly OpenLedger ledger;
    private readonly Credentials credentials;
    private readonly ReadLog reads;
    private readonly WebhookOptions options;
    private readonly WebhookWatch watch;
    private readonly WebhookSending sending;
    private readonly HttpClient client;
    private readonly bool keepsDataHere;
    private Instant forgotten;

    public WebhookService(OpenLedger ledger, Credentials credentials, ReadLog reads, WebhookOptions options,
        StreamEngine? streams, bool keepsDataHere)
    {
        (this.ledger, this.credentials, this.reads, this.options) = (ledger, credentials, reads, options);
        this.keepsDataHere = keepsDataHere;
        Store = new WebhookStore(ledger.PathOf(WebhookStore.FileName), ledger.KeyFor("webhook secrets"));
        watch = new(ledger, Store, options, point => streams?.NewestOf(point));
        client = WebhookTargets.Client(options);
        sending = new(Store, options, client, ledger.Clock, () => RandomNumberGenerator.GetInt32(1001));
    }

    public WebhookStore Store { get; }

    /// <summary>Subscribes whoever asks; the secret is shown once. Throws
    /// <see cref="Resources.ScopeMissingException"/> where it would never be told of an event, and
    /// <see cref="Resources.BodyRefusedException"/> where an address cannot be sent to.</summary>
    public async Task<(WebhookSubscription Subscription, string Secret)> SubscribeAsync(
        Principal by, Uri url, IReadOnlyList<string> events, int afterSeconds, CancellationToken ct)
    {
        if (keepsDataHere)
            throw new Resources.BodyRefusedException(Rejection.NotAuthorised, "data is kept here: nothing is sent to another machine");
        foreach (var scope in events.Select(WebhookEvent.ScopeOf))
            if (!by.Holds(scope)) throw new Resources.ScopeMissingException(scope);
        if (WebhookTargets.WhyNot(url, options.AllowedNetworks) is { } why)
            throw new Resources.BodyRefusedException(Rejection.OutOfRange, $"url cannot be sent to: {why}");
        var active = Store.Active();
        if (active.Count(one => one.Party == by.Party) >= options.SubscriptionsPerPartyMax)
            throw new Resources.BodyRefusedException(Rejection.WrongCount,
                $"{by.Party} has {options.SubscriptionsPerPartyMax} subscriptions; end one");
        var secret = WebhookSignature.NewSecret();
        var one = new WebhookSubscription($"w{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}", url, events,
            afterSeconds, by.Actor, by.Role, by.Party, [.. by.Reach.Stations ?? new HashSet<StationId>()],
            by.Role is not null && (await credentials.Keys.StationsAsync(by.Actor, by.Role, by.Party, ct)
                .ConfigureAwait(false)).Count > 0, ledger.Clock.GetCurrentInstant(), null, null);
        // From now on: what was recorded before is not told to the first that subscribes.
        if (active.Count == 0) (Store.Progress, Store.Looked) = (ledger.Journal.Length, one.Created);
        Store.Forget(by.Party, options.EndedPerPartyMax);
        Store.Add(one, secret);
        return (one, WebhookSignature.Shown(secret));
    }

    /// <summary>Those that somebody may see: of the own party, and all for who gives access.</summary>
    public IReadOnlyList<WebhookSubscription> Of(Principal who) => [.. Store.Subscriptions()
        .Where(one => who.Role is null or Role.Administrator || one.Party == who.Party)];

    /// <summary>The views have stopped, so nothing is read that is true.</summary>
    public void ProjectionStopped(ProjectionStoppedException stopped) =>
        Tell(new(WebhookEvent.ProjectionStopped, $"{stopped.Alarm.Projection} {stopped.Alarm.Position}",
            ledger.Clock.GetCurrentInstant(),
            [("projection", stopped.Alarm.Projection), ("position", Text(stopped.Alarm.Position))]));

    /// <summary>A verification has found what is not as it was recorded.</summary>
    public void JobDone(Job job, JobResult result)
    {
        if (job.Kind == JobKind.Verification && !result.IsAsItShouldBe)
            Tell(new(WebhookEvent.VerificationFailed, job.Name, ledger.Clock.GetCurrentInstant(), [("job", job.Name)]));
    }

    /// <summary>What happens once is told at once, or, where that cannot be written down, when it is looked the next
    /// time.</summary>
    private void Tell(WebhookEvent happened)
    {
        try
        {
            watch.Tell(happened, Store.Active(), happened.At, _ => true);
        }
        catch (DbException)
        {
            untold.Enqueue(happened);
        }
    }

    /// <summary>Looks once for what is to be told, and sends what is due, to the end.</summary>
    public async Task StepAsync(CancellationToken ct)
    {
        await LookAsync(ct).ConfigureAwait(false);
        await BeginTurnsAsync(ct).ConfigureAwait(false);
        await Task.WhenAll(turns.Values).ConfigureAwait(false);
    }

    /// <summary>Brings the views up to the journal, which takes hours where all of their rows are computed, and looks
    /// for what is to be told.</summary>
    private async Task LookAsync(CancellationToken ct)
    {
        if (Store.Active().Count == 0)
        {
            watch.Forget();
            return;
        }
        try
        {
            var known = await ledger.CatchUpAsync(ct).ConfigureAwait(false);
            await watch.LookAsync(await SubscribersAsync(ct).ConfigureAwait(false), known,
                ledger.Clock.GetCurrentInstant(), ct).ConfigureAwait(false);
        }
        catch (Exception stopped) when (stopped is ProjectionStoppedException or RowVersionException)
        {
            // That it has stopped is said by whoever follows; what is waiting is sent all the same.
        }
    }

    /// <summary>Those who may be told now.</summary>
    private async Task<IReadOnlyList<WebhookSubscription>> SubscribersAsync(CancellationToken ct)
    {
        var subscriptions = new List<WebhookSubscription>();
        foreach (var one in Store.Active())
            if (await OfNowAsync(one, ct).ConfigureAwait(false) is { } told) subscriptions.Add(told);
        return subscriptions;
    }

    /// <summary>Begins to send to each that is not being sent to. What went wrong in a turn is thrown when it is over.
    /// </summary>
    private async Task BeginTurnsAsync(CancellationToken ct)
    {
        var subscriptions = await SubscribersAsync(ct).ConfigureAwait(false);
        var now = ledger.Clock.GetCurrentInstant();
        while (untold.TryPeek(out var happened))
        {
            watch.Tell(happened, subscriptions, now, _ => true);
            untold.TryDequeue(out _);
        }
        if (now - forgotten >= ForgetEvery)
        {
            Store.Forget(now, options.ListedFor);
            forgotten = now;
        }
        var over = turns.Where(turn => turn.Value.IsCompleted).ToList();
        foreach (var (webhook, _) in over) turns.Remove(webhook);
        foreach (var one in subscriptions)
            if (!turns.ContainsKey(one.Webhook)) turns[one.Webhook] = SendAsync(one, ct);
        await Task.WhenAll(over.Select(turn => turn.Value)).ConfigureAwait(false);
    }

    private Task SendAsync(WebhookSubscription one, CancellationToken ct) => sending.SendDueAsync(one,
        async stop => await OfNowAsync(one, stop).ConfigureAwait(false) is not null,
        () => reads.Note(WebhookAccess.Of(one), "told by webhook", $"webhook {one.Webhook}"), ct);

    /// <summary>Goes on until it is stopped. Looking may take longer than from one time to the next, and what waits is
    /// sent meanwhile. What goes wrong, as with its own file, is said and tried again: facts are recorded all the same.
    /// </summary>
    public async Task RunAsync(TextWriter errors, CancellationToken ct)
    {
        using var timer = new PeriodicTimer(options.Every.ToTimeSpan());
        Task? looking = null;
        string? said = null;
        try
        {
            for (var next = timer.WaitForNextTickAsync(ct).AsTask(); await next.ConfigureAwait(false);)
                try
                {
                    next = timer.WaitForNextTickAsync(ct).AsTask();
                    looking ??= LookAsync(ct);
                    var first = await Task.WhenAny(looking, next).ConfigureAwait(false);
                    if (first == looking) looking = null;
                    await first.ConfigureAwait(false);
                    await BeginTurnsAsync(ct).ConfigureAwait(false);
                    said = null;
                }
                catch (Exception failed) when (failed is not OperationCanceledException)
                {
                    if (said != failed.Message)
                        await errors.WriteLineAsync($"ALARM webhooks: {failed}").ConfigureAwait(false);
                    said = failed.Message;
                }
        }
        catch (OperationCanceledException) when (ct.IsCancellationRequested)
        {
            // The server was asked to stop; what waits is sent by the next one.
        }
        await Task.WhenAll([looking ?? Task.CompletedTask, .. turns.Values])
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>A subscription with what its holder reaches now; null where that is nothing, and it ends.</summary>
    private async Task<WebhookSubscription?> OfNowAsync(WebhookSubscription one, CancellationToken ct)
    {
        string why;
        if (keepsDataHere) why = "data is kept here: nothing is sent to another machine";
        else if (one.Role is null) return one;
        else if (one.NeedsKey)
        {
            var keys = await credentials.Keys.StationsAsync(one.Holder, one.Role, one.Party, ct).ConfigureAwait(false);
            if (WebhookAccess.Within(one, keys) is { } left) return left;
            why = $"{one.Holder} has no valid access key any more"
                + (keys.Count > 0 ? " that reaches what it is about" : "");
        }
        else if (ledger.Clock.GetCurrentInstant() - one.Created < options.TokenLife) return one;
        else why = $"it was subscribed with a token {Text((long)options.TokenLife.TotalDays)} days ago: subscribe again";
        Store.End(one.Webhook, why, ledger.Clock.GetCurrentInstant());
        return null;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    public void Dispose()
    {
        client.Dispose();
        Store.Dispose();
    }
}
