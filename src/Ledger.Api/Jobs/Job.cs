using Ledger.Domain;
using Ledger.Ingest;
using NodaTime;

namespace Ledger.Api.Jobs;

/// <summary>Long work that somebody asked for, and how it stands.</summary>
/// <param name="Asked">As <see cref="JobAsked"/> says it.</param>
/// <param name="Stations">To which whoever asked was limited, as <see cref="StationsOf"/> says it.</param>
/// <param name="Standing">waiting, running, done, failed, cancelled, or cut where the server ended while it
/// ran.</param>
/// <param name="Progress">What it does at the moment, or did last.</param>
/// <param name="Detail">What came of it, in a sentence.</param>
public sealed record Job(
    string Name, string Kind, string Asked, string Holder, Role? Role, PartyId Party, string? Stations, Instant Created,
    Instant? Started, Instant? Ended, string Standing, string? Progress, string? Detail, bool HasResult)
{
    public const string Waiting = "waiting", Running = "running", Done = "done", Failed = "failed",
        Cancelled = "cancelled", Cut = "cut";

    /// <summary>The stations to which somebody is limited, as text; null where it is limited to none. One holder may
    /// have keys of several reaches, and the result of a job has what was reached by the one that asked for it.
    /// </summary>
    public static string? StationsOf(Reach reach) => reach.Stations is not { } stations ? null
        : string.Join(' ', stations.Select(station => station.Value).Order(StringComparer.Ordinal));

    /// <summary>Whether it was asked for by who comes, with the same reach.</summary>
    public bool IsOf(Principal by) =>
        (Holder, Role, Party, Stations) == (by.Actor, by.Role, by.Party, StationsOf(by.Reach));

    public bool IsOver => Standing is not (Waiting or Running);
}

/// <summary>What came of long work.</summary>
/// <param name="Says">In a sentence.</param>
/// <param name="IsAsItShouldBe">False where the work was done, and what it looked at is not as it was recorded.</param>
public sealed record JobResult(string Media, byte[] Content, string Says, bool IsAsItShouldBe = true);

/// <summary>Long work ends without a result, for a reason that its asker can understand.</summary>
public sealed class JobFailedException(string why) : Exception(why);

/// <summary>The work itself; it says how far it is, and ends when it is cancelled.</summary>
public delegate Task<JobResult> JobWork(Action<string> progress, CancellationToken ct);

/// <summary>A kind of long work: who may ask for it, and how it is asked for.</summary>
/// <param name="Members">The members that a request may have beside <c>kind</c>.</param>
/// <param name="Read">Reads a request; throws <see cref="InputRefusedException"/> where it breaks a rule, and
/// <see cref="Resources.NotThereException"/> where the asker does not reach what it names.</param>
public sealed record JobKind(
    string Name, string Scope, string Does, IReadOnlyList<string> Members, Func<JobRequest, Task<JobWork>> Read)
{
    /// <summary>The kind whose finding that something is not as it was recorded is told to subscribers.</summary>
    public const string Verification = "verification";
}

/// <summary>Who asks for what.</summary>
/// <param name="Asked">Good until the first await of whoever reads it.</param>
/// <param name="Text">The request as it came.</param>
public sealed record JobRequest(InputObject Asked, ReadOnlyMemory<byte> Text, Principal By, OpenLedger Ledger);
