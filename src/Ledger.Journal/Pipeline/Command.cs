using Ledger.Domain;
using MediatR;
using NodaTime;

namespace Ledger.Journal.Pipeline;

/// <summary>The caller's name for one attempt to record:
/// the same key with the same input gets the first answer again.</summary>
public readonly record struct IdempotencyKey(string Value);

/// <summary>What every command has, whatever its input.</summary>
public interface ICommand
{
    /// <summary>What came in, as received: kept where it is refused, compared where the key comes again.</summary>
    Submission Raw { get; }
    Principal By { get; }
    IdempotencyKey Key { get; }
    object Content { get; }
}

/// <summary>The one command of every door: an input, the bytes it was read from, who asks,
/// and the key of the attempt.</summary>
public sealed record Command<TInput>(TInput Input, Submission Raw, Principal By,
    IdempotencyKey Key) : IRequest<RecordOutcome>, ICommand
    where TInput : notnull
{
    object ICommand.Content => Input;
}

/// <summary>How a concept records an input.</summary>
public delegate Task<RecordOutcome> Recording<TInput>(
    Recorder recorder, Command<TInput> command, Instant now, CancellationToken ct) where TInput : notnull;

/// <summary>The scope that an input needs and the concept that decides it, by the input's type.</summary>
public sealed class CommandRoutes
{
    internal delegate Task<RecordOutcome> AnyRecording(Recorder recorder, ICommand command, Instant now,
        CancellationToken ct);

    private readonly Dictionary<Type, (string Scope, AnyRecording Record)> routes = [];
    private readonly Dictionary<Type, Func<object, IEnumerable<Touched>>> touches = [];

    public IEnumerable<Type> Inputs => routes.Keys;

    public CommandRoutes Add<TInput>(string scope, Recording<TInput> record) where TInput : notnull
    {
        routes.Add(typeof(TInput), (scope, (recorder, command, now, ct) =>
            record(recorder, (Command<TInput>)command, now, ct)));
        return this;
    }

    /// <summary>What an input of this type is about; without this it is for those alone who reach
    /// everything.</summary>
    public CommandRoutes Touches<TInput>(Func<TInput, IEnumerable<Touched>> touched) where TInput : notnull
    {
        touches.Add(typeof(TInput), input => touched((TInput)input));
        return this;
    }

    /// <summary>What a command is about; null where only who reaches everything may hand it in.</summary>
    internal IEnumerable<Touched>? TouchedBy(ICommand command) =>
        touches.TryGetValue(command.Content.GetType(), out var touched) ? touched(command.Content) : null;

    internal (string Scope, AnyRecording Record) Of(ICommand command) =>
        routes.TryGetValue(command.Content.GetType(), out var route)
            ? route
            : throw new InvalidOperationException(
                $"no route for {command.Content.GetType().Name}: add it where the program is composed");
}

/// <summary>The one handler. MediatR 5 finds it as an open type only with both type parameters.</summary>
public sealed class RecordCommand<TRequest, TResponse>(CommandRoutes routes, Recorder recorder, IClock clock)
    : IRequestHandler<TRequest, TResponse> where TRequest : IRequest<TResponse>, ICommand
{
    public async Task<TResponse> Handle(TRequest request, CancellationToken ct) =>
        (TResponse)(object)await routes.Of(request).Record(recorder, request, clock.GetCurrentInstant(), ct)
            .ConfigureAwait(false);
}
