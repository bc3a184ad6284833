using Ledger.Domain;
using MediatR;
using NodaTime;

namespace Ledger.Journal.Pipeline;

/// <summary>The caller's name for one attempt to record: the same key with the same input gets the first answer again.</summary>
public readonly record struct IdempotencyKey(string Value);

/// <summary>What every command has, whatever its input.</summary>
public interface ICommand
{
    Principal By { get; }
    IdempotencyKey Key { get; }
    object Content { get; }
}

/// <summary>The one command of every door: an input, who asks, and the key of the attempt.</summary>
public sealed record Command<TInput>(TInput Input, Principal By, IdempotencyKey Key) : IRequest<RecordOutcome>, ICommand
    where TInput : notnull
{
    object ICommand.Content => Input;
}

/// <summary>What a concept makes of an input: the recorder runs it.</summary>
public delegate Task<RecordOutcome> Recording(Recorder recorder, object input, Principal by, Instant now, CancellationToken ct);

/// <summary>The scope that an input needs and the concept that decides it, by the input's type.</summary>
public sealed class CommandRoutes
{
    private readonly Dictionary<Type, (string Scope, Recording Record)> routes = [];

    public IEnumerable<Type> Inputs => routes.Keys;

    public CommandRoutes Add<TInput>(
        string scope, Func<Recorder, TInput, Principal, Instant, CancellationToken, Task<RecordOutcome>> record) where TInput : notnull
    {
        routes.Add(typeof(TInput), (scope, (recorder, input, by, now, ct) => record(recorder, (TInput)input, by, now, ct)));
        return this;
    }

    internal (string Scope, Recording Record) Of(ICommand command) =>
        routes.TryGetValue(command.Content.GetType(), out var route)
            ? route
            : throw new InvalidOperationException($"no route for {command.Content.GetType().Name}: add it where the program is composed");
}

/// <summary>The one handler. MediatR 5 finds it as an open type only with both type parameters.</summary>
public sealed class RecordCommand<TRequest, TResponse>(CommandRoutes routes, Recorder recorder, IClock clock)
    : IRequestHandler<TRequest, TResponse> where TRequest : IRequest<TResponse>, ICommand
{
    public async Task<TResponse> Handle(TRequest request, CancellationToken ct) =>
        (TResponse)(object)await routes.Of(request).Record(recorder, request.Content, request.By, clock.GetCurrentInstant(), ct)
            .ConfigureAwait(false);
}
