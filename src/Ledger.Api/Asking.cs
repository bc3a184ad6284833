using System.Globalization;
using Ledger.Api.Access;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Api;

/// <summary>A parameter of the address breaks its rule; nothing was asked, so nothing is kept.</summary>
public sealed class QueryRefusedException(Rejection code, string detail) : Exception(detail)
{
    public Rejection Code => code;
}

/// <summary>Reads the parameters of a request, and the answers as of the position that it names.</summary>
internal static class Asking
{
    public delegate bool TryParse<T>(string? text, out T value);

    public static T? Optional<T>(HttpRequest request, string name, TryParse<T> tryParse, Rejection code, string rule)
        where T : struct =>
        request.Query[name] is not { Count: > 0 } given ? null
        : given.Count == 1 && tryParse(given[0], out var value) ? value
        : throw new QueryRefusedException(code, $"{name} is '{given}': must be {rule}");

    public static T Required<T>(HttpRequest request, string name, TryParse<T> tryParse, Rejection code, string rule)
        where T : struct =>
        Optional(request, name, tryParse, code, rule)
        ?? throw new QueryRefusedException(Rejection.MissingField, $"{name} is needed: {rule}");

    public static readonly string IdentifierRule = $"an identifier, {Identifier.Rule}";
    public const string DayRule = "a day like 2026-06-02";

    public static LocalDate Day(HttpRequest request) =>
        Required<LocalDate>(request, "day", TryDay, Rejection.InvalidTime, DayRule);

    public static bool TryDay(string? text, out LocalDate day) => DayText.TryDay(text, out day);

    public static bool TryCount(string? text, out long count) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out count);

    /// <summary>
    /// The views with all that was acknowledged before the request, as known after the event at <c>asOf</c>, of whom
    /// the caller reaches; and the
    /// position of the last event that is in them, null before the first.
    /// </summary>
    public static async Task<(Answers Answers, long? Position)> AnswersAsync(OpenLedger ledger, HttpContext context)
    {
        var asOf = Optional<long>(context.Request, "asOf", TryCount, Rejection.OutOfRange, "a position of the journal")
            ?? PageCursor.Of(context.Request)?.AsOf;
        var known = await ledger.CatchUpAsync(context.RequestAborted).ConfigureAwait(false);
        if (asOf >= known)
            throw new QueryRefusedException(Rejection.OutOfRange, $"asOf is {asOf}: the journal has {known} events");
        var position = asOf ?? known - 1;
        // As of its last event even where the caller names none:
        // what is recorded while it reads is in no part of the answer.
        return (new Answers(ledger.Views, position, context.By().Reach, ledger.Clock.GetCurrentInstant()),
            position < 0 ? null : position);
    }
}
