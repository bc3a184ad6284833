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
    private const int SentAtOnce = 16; // subscribers
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
        var active = Store.Subscriptions().Where(one => one.Ended is null).ToList();
        if (active.Count(one => one.Party == by.Party) >= options.SubscriptionsPerPartyMax)
            throw new Resources.BodyRefusedException(Rejection.WrongCount,
                $"{by.Party} has {options.SubscriptionsPerPartyMax} subscriptions; end one");
        var secret = WebhookSignature.NewSecret();
        var one = new WebhookSubscription($"w{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}", url, events,
            afterSeconds, by.Actor, by.Role, by.Party, [.. by.Reach.Stations ?? new HashSet<StationId>()],
            by.Role is not null && await credentials.Keys.HasValidAsync(by, ct).ConfigureAwait(false),
            ledger.Clock.GetCurrentInstant(), null, null);
        // From now on: what was recorded before is not told to the first that subscribes.
        if (active.Count == 0) Store.Progress = ledger.Journal.Length;
        Store.Add(one, secret);
        return (one, WebhookSignature.Shown(secret));
    }

    /// <summary>Those that somebody may see: of the own party, and all for who gives access.</summary>
    public IReadOnlyList<WebhookSubscription> Of(Principal who) => [.. Store.Subscriptions()
        .Where(one => who.Role is null or Role.Administrator || one.Party == who.Party)];

    /// <summary>The views have stopped, so nothing is read that is true.</summary>
    public void ProjectionStopped(ProjectionStoppedException stopped)
    {
        var now = ledger.Clock.GetCurrentInstant();
        watch.Tell(new(WebhookEvent.ProjectionStopped, $"{stopped.Alarm.Projection} {stopped.Alarm.Position}", now,
            [("projection", stopped.Alarm.Projection), ("position", Text(stopped.Alarm.Position))]),
            Store.Subscriptions(), now, _ => true);
    }

    /// <summary>A verification has found what is not as it was recorded.</summary>
    public void JobDone(Job job, JobResult result)
    {
        if (job.Kind != JobKind.Verification || result.IsAsItShouldBe) return;
        var now = ledger.Clock.GetCurrentInstant();
        watch.Tell(new(WebhookEvent.VerificationFailed, job.Name, now, [("job", job.Name)]), Store.Subscriptions(), now,
            _ => true);
    }

    /// <summary>Looks once for what is to be told, and sends what is due.</summary>
    public async Task StepAsync(CancellationToken ct)
    {
        var now = ledger.Clock.GetCurrentInstant();
        var subscriptions = new List<WebhookSubscription>();
        foreach (var one in Store.Subscriptions())
        {
            if (one.Ended is not null) continue;
            if (await WhyEndedAsync(one, ct).ConfigureAwait(false) is { } why) Store.End(one.Webhook, why);
            else subscriptions.Add(one);
        }
        try
        {
            await watch.LookAsync(subscriptions, now, ct).ConfigureAwait(false);
        }
        catch (ProjectionStoppedException)
        {
            // That it has stopped is told by whoever follows; what is waiting is sent all the same.
        }
        await Parallel.ForEachAsync(subscriptions, new ParallelOptions
        {
            MaxDegreeOfParallelism = SentAtOnce,
            CancellationToken = ct,
        }, async (one, stop) =>
        {
            if (await sending.SendDueAsync(one, one.FailingSince, stop).ConfigureAwait(false) is > 0 and var taken)
                for (var i = 0; i < taken; i++) reads.Note(WebhookAccess.Of(one), "told by webhook", $"webhook {one.Webhook}");
        }).ConfigureAwait(false);
        if (now - forgotten < ForgetEvery) return;
        forgotten = now;
        Store.Forget(now - options.ListedFor);
    }

    /// <summary>Goes on until it is stopped. What goes wrong, as with its own file, is said and tried again: facts are
    /// recorded all the same.</summary>
    public async Task RunAsync(TextWriter errors, CancellationToken ct)
    {
        using var timer = new PeriodicTimer(options.Every.ToTimeSpan());
        string? said = null;
        try
        {
            while (await timer.WaitForNextTickAsync(ct).ConfigureAwait(false))
                try
                {
                    await StepAsync(ct).ConfigureAwait(false);
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
    }

    private async Task<string?> WhyEndedAsync(WebhookSubscription one, CancellationToken ct) =>
        keepsDataHere ? "data is kept here: nothing is sent to another machine"
        : one.NeedsKey && !await credentials.Keys.HasValidAsync(WebhookAccess.Of(one), ct).ConfigureAwait(false)
            ? $"{one.Holder} has no valid access key any more" : null;

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    public void Dispose()
    {
        client.Dispose();
        Store.Dispose();
    }
}
