using Microsoft.OpenApi;

namespace Ledger.Api;

/// <summary>An answer in the words of another standard, whose schema is not derived from a type of ours.</summary>
internal sealed record ForeignAnswer(IOpenApiSchema Schema);

/// <summary>The facts that are told live, as the data of events.</summary>
internal sealed record EventData(IReadOnlyList<Type> Facts);

/// <summary>The media type of an answer.</summary>
internal sealed record AnswerForm(int Status, string Media);

/// <summary>A header of an answer that not all operations of its kind have.</summary>
internal sealed record AnswerHeader(int Status, string Name, string Does);

/// <summary>The operation takes bytes of any format, and answers what became of their parts.</summary>
internal sealed record TakenFile;

/// <summary>How an operation says what it answers, where the type that its handler returns does not.</summary>
internal static class Said
{
    /// <summary>Answers in a media type; what JSON it is, the type says that its handler returns.</summary>
    public static RouteHandlerBuilder AnswersIn(this RouteHandlerBuilder route, int status, string media) =>
        route.Produces(status).WithMetadata(new AnswerForm(status, media));

    /// <summary>Answers JSON that is written from a type.</summary>
    /// <param name="statuses">With which it does.</param>
    public static RouteHandlerBuilder Answers<T>(this RouteHandlerBuilder route, params int[] statuses) where T : class
    {
        foreach (var status in statuses)
            route.AnswersIn(status, "application/json").WithMetadata(new AnswerType(status, typeof(T)));
        return route;
    }

    /// <summary>Answers in the words of another standard.</summary>
    public static RouteHandlerBuilder AnswersAs(this RouteHandlerBuilder route, IOpenApiSchema schema) =>
        route.WithMetadata(new ForeignAnswer(schema));

    /// <summary>Tells facts as they are recorded.</summary>
    public static RouteHandlerBuilder Tells(this RouteHandlerBuilder route, params Type[] facts) =>
        route.AnswersIn(200, "text/event-stream").WithMetadata(new EventData(facts));

    /// <summary>Has a header of its own.</summary>
    public static RouteHandlerBuilder Gives(this RouteHandlerBuilder route, int status, string header, string does) =>
        route.WithMetadata(new AnswerHeader(status, header, does));
}
