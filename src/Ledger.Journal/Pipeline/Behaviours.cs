using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using Ledger.Domain;
using MediatR;

namespace Ledger.Journal.Pipeline;

/// <summary>Counts every command and how it ended, and traces it: the outermost behaviour,
/// so refusals count too.</summary>
public sealed class MeasureCommand<TRequest, TResponse> : IPipelineBehavior<TRequest, TResponse>
    where TRequest : notnull
{
    public async Task<TResponse> Handle(TRequest request, CancellationToken ct, RequestHandlerDelegate<TResponse> next)
    {
        if (request is not ICommand command) return await next().ConfigureAwait(false);
        var input = command.Content.GetType().Name;
        using var activity = CommandTelemetry.Source.StartActivity(input);
        activity?.SetTag("actor", command.By.Actor);
        activity?.SetTag("party", command.By.Party.Value);
        var started = Stopwatch.GetTimestamp();
        var response = await next().ConfigureAwait(false);
        var outcome = response?.GetType().Name ?? "none";
        activity?.SetTag("outcome", outcome);
        var microseconds = (long)Stopwatch.GetElapsedTime(started).TotalMicroseconds;
        CommandTelemetry.Duration.Record(microseconds, new("input", input), new("outcome", outcome));
        return response;
    }
}

/// <summary>The instruments of the pipeline; a host exports them.</summary>
public static class CommandTelemetry
{
    public const string Name = "Ledger.Commands";
    internal static readonly ActivitySource Source = new(Name);
    private static readonly Meter Meter = new(Name);
    internal static readonly Histogram<long> Duration = Meter.CreateHistogram<long>("ledger.command.duration", "us");
}

/// <summary>Only who holds the input's scope may record it.</summary>
public sealed class AuthoriseByScope<TRequest, TResponse>(CommandRoutes routes) : IPipelineBehavior<TRequest, TResponse>
    where TRequest : notnull
{
    public Task<TResponse> Handle(TRequest request, CancellationToken ct, RequestHandlerDelegate<TResponse> next)
    {
        if (request is not ICommand command || routes.Of(command).Scope is var scope && command.By.Holds(scope))
            return next();
        return Task.FromResult((TResponse)(object)new RecordOutcome.Refused(Rejection.NotAuthorised,
            $"scope {scope} is needed"));
    }
}

/// <summary>Only who reaches all that an input is about may hand it in.</summary>
public sealed class AuthoriseByReach<TRequest, TResponse>(
    CommandRoutes routes, Recorder recorder, KnownOwners owners) : IPipelineBehavior<TRequest, TResponse>
    where TRequest : notnull
{
    public async Task<TResponse> Handle(TRequest request, CancellationToken ct, RequestHandlerDelegate<TResponse> next)
    {
        // Without a role it is the ledger's own operator, or the ledger itself.
        if (request is not ICommand command || command.By is { Role: null, Reach.IsEverything: true })
            return await next().ConfigureAwait(false);
        var refused = routes.TouchedBy(command) is { } touched
            ? await Reaching.WhyNotAsync(command.By, touched, recorder, owners, ct).ConfigureAwait(false)
            : new RecordOutcome.Refused(Rejection.NotAuthorised, "this is done at the ledger's own machine alone");
        return refused is null ? await next().ConfigureAwait(false) : (TResponse)(object)refused;
    }
}

/// <summary>
/// A key of somebody with the same bytes gets the first answer again; with other bytes it is refused. Only the latest
/// keys are remembered, because the event ids recognise a retry for ever.
/// </summary>
public sealed class AnswerOnce<TRequest, TResponse>(RecentAnswers answers) : IPipelineBehavior<TRequest, TResponse>
    where TRequest : notnull
{
    public async Task<TResponse> Handle(TRequest request, CancellationToken ct, RequestHandlerDelegate<TResponse> next)
    {
        if (request is not ICommand command) return await next().ConfigureAwait(false);
        var input = Fingerprint(command);
        if (answers.Find(command) is { } before)
            return before.Input == input
                ? (TResponse)(object)before.Outcome
                : (TResponse)(object)new RecordOutcome.Refused(Rejection.EvidenceConflict,
                    "the idempotency key came before with other content");
        var response = await next().ConfigureAwait(false);
        // A refusal or a full queue may end otherwise next time; only what is durable is remembered.
        if (response is RecordOutcome { IsDurable: true } outcome) answers.Keep(command, input, outcome);
        return response;
    }

    private static EvidenceDigest Fingerprint(ICommand command) =>
        new(Convert.ToHexStringLower(SHA256.HashData(command.Raw.Bytes.Span)));
}

/// <summary>The answers to the latest keys, bounded.</summary>
public sealed class RecentAnswers
{
    private const int KeptMax = 65_536; // some minutes of retries; about 10 MB
    private readonly Lock gate = new();
    private readonly Dictionary<Sender, (EvidenceDigest Input, RecordOutcome Outcome)> kept = [];
    private readonly Queue<Sender> order = [];

    /// <summary>Whose key it is: two stations of one operator count their keys each for itself.</summary>
    private readonly record struct Sender(PartyId Party, string Actor, string Key)
    {
        public static Sender Of(ICommand command) => new(command.By.Party, command.By.Actor, command.Key.Value);
    }

    internal (EvidenceDigest Input, RecordOutcome Outcome)? Find(ICommand command)
    {
        lock (gate) return kept.TryGetValue(Sender.Of(command), out var answer) ? answer : null;
    }

    internal void Keep(ICommand command, EvidenceDigest input, RecordOutcome outcome)
    {
        var key = Sender.Of(command);
        lock (gate)
        {
            if (!kept.TryAdd(key, (input, outcome))) return;
            order.Enqueue(key);
            if (order.Count > KeptMax) kept.Remove(order.Dequeue());
        }
    }
}
