using System.Net;
using NodaTime;

namespace Ledger.Api.Webhooks;

/// <summary>How subscribers are told.</summary>
public sealed record WebhookOptions
{
    /// <summary>Networks that are no public ones and may be sent to all the same, also without TLS.</summary>
    public IReadOnlyList<IPNetwork> AllowedNetworks { get; init; } = [];
    /// <summary>How long an answer is waited for.</summary>
    public Duration Patience { get; init; } = Duration.FromSeconds(10);
    /// <summary>The mean wait after the first attempt that failed; it doubles with each one.</summary>
    public Duration FirstWait { get; init; } = Duration.FromSeconds(5);
    public Duration LongestWait { get; init; } = Duration.FromHours(1);
    /// <summary>What could not be delivered for so long is a dead letter, and the next one is tried.</summary>
    public Duration DeadAfter { get; init; } = Duration.FromHours(24);
    /// <summary>A subscriber who took nothing for so long is told nothing more, when one more delivery has died.
    /// </summary>
    public Duration EndedAfter { get; init; } = Duration.FromDays(5);
    /// <summary>What was subscribed with a token of an identity provider ends after so long: nobody is asked whether
    /// its holder still has the role.</summary>
    public Duration TokenLife { get; init; } = Duration.FromDays(30);
    /// <summary>How long what was delivered is listed, and a subscription that ended.</summary>
    public Duration ListedFor { get; init; } = Duration.FromDays(30);
    public int SubscriptionsPerPartyMax { get; init; } = 16;
    /// <summary>Subscriptions of a party that ended and are listed; beyond these those go that ended first.</summary>
    public int EndedPerPartyMax { get; init; } = 100;
    /// <summary>Deliveries of one subscriber that may wait; one more is a dead letter at once.</summary>
    public int WaitingMax { get; init; } = 10_000;
    /// <summary>How often it is looked for what is to be told.</summary>
    public Duration Every { get; init; } = Duration.FromMilliseconds(500);
}
