using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Api;

/// <summary>
/// Where the next page of a table begins. What is asked for stands still, because the cursor holds the position as of
/// which the first page was answered: rows that come in between are on no page, and none is seen twice. It is opaque to
/// callers, and good for the question alone that it is from. Whose a point is, is judged by now, so what the question
/// is of may have become another; then the row before the page is another too, and the pages begin again.
/// </summary>
/// <param name="Row">The first row of the page, counted from 0.</param>
/// <param name="Before">As <see cref="MarkOf"/> says it of the row before the page.</param>
/// <param name="ReadAt">The instant at which the first page was read, in ticks; null where that follows from the
/// position, or plays no part.</param>
internal readonly record struct PageCursor(long AsOf, int Row, string Before, long? ReadAt)
{
    /// <summary>The most rows of a page.</summary>
    public const int RowsMax = 10_000;

    private const string Name = "cursor", LimitName = "limit";
    private const int QuestionBytes = 8, MarkBytes = 8;
    private static readonly Instant ReadBefore = Instant.FromUtc(3000, 1, 1, 0, 0); // far from where a calendar ends

    /// <summary>The cursor of a request; null where it has none.</summary>
    public static PageCursor? Of(HttpRequest request)
    {
        if (request.Query[Name] is not { Count: > 0 } given) return null;
        var room = new byte[96];
        if (given is [{ Length: > 0 and < 120 } text]
            && Convert.TryFromBase64String(Padded(text), room, out var length)
            && Encoding.ASCII.GetString(room, 0, length).Split(' ') is
                [var at, var row, var question, var before, .. var read]
            && Asking.TryCount(at, out var asOf) && Asking.TryCount(row, out var first) && first <= int.MaxValue
            && question == Question(request) && TryRead(read, out var readAt)
            && (request.Query["asOf"] is not { Count: > 0 } named
                || (Asking.TryCount(named, out var also) && also == asOf)))
            return new(asOf, (int)first, before, readAt);
        throw new QueryRefusedException(Rejection.InvalidIdentifier,
            "cursor must be the 'next' of an answer to the same question");
    }

    private static bool TryRead(string[] given, out long? readAt)
    {
        readAt = given is [var text] && Asking.TryCount(text, out var ticks)
            && ticks < ReadBefore.ToUnixTimeTicks() ? ticks : null;
        return given.Length == (readAt is null ? 0 : 1);
    }

    /// <summary>How many rows a request asks for; null where it asks for all.</summary>
    public static int? LimitOf(HttpRequest request) => (int?)Asking.Optional<long>(request, LimitName,
        (string? text, out long count) => Asking.TryCount(text, out count) && count is >= 1 and <= RowsMax,
        Rejection.OutOfRange, $"a number from 1 to {RowsMax}")
        ?? (request.Query.ContainsKey(Name) ? RowsMax : (int?)null);

    /// <summary>The cursor as a caller sees it.</summary>
    public string For(HttpRequest request) => Convert.ToBase64String(Encoding.ASCII.GetBytes(string.Create(
        CultureInfo.InvariantCulture, $"{AsOf} {Row} {Question(request)} {Before}{(ReadAt is { } ticks ? $" {ticks}" : "")}")))
        .TrimEnd('=').Replace('+', '-').Replace('/', '_');

    /// <summary>What tells a row from others.</summary>
    public static string MarkOf(object row) => Convert.ToHexStringLower(
        SHA256.HashData(Representation.Json(row)).AsSpan(0, MarkBytes));

    /// <summary>What is asked, but for where the page begins and how long it is.</summary>
    private static string Question(HttpRequest request)
    {
        var parts = request.Query.Where(part => part.Key is not (Name or LimitName or "asOf"))
            .OrderBy(part => part.Key, StringComparer.Ordinal).Select(part => $"{part.Key}={part.Value}");
        var text = $"{request.Path}?{string.Join('&', parts)}";
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, QuestionBytes));
    }

    private static string Padded(string text) =>
        text.Replace('-', '+').Replace('_', '/') + new string('=', (4 - text.Length % 4) % 4);
}
