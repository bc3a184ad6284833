using System.Text.RegularExpressions;

namespace Ledger.Api.Resources;

/// <summary>One member of a request's body.</summary>
/// <param name="Does">What it is, as written; null where its name says it.</param>
/// <param name="Choices">All that it may be; null where it is no choice.</param>
internal sealed record RequestMember(
    string Name, bool IsRequired, string? Does, IReadOnlyList<string>? Choices, bool IsList, bool IsObject);

/// <summary>What the document says of a request's body.</summary>
/// <param name="Members">As <see cref="RequestMembers"/> reads them; null where another standard says them.</param>
/// <param name="Example">One that is taken, as JSON; null where there is none.</param>
internal sealed record RequestBodyText(string? Members, string? Example);

/// <summary>The scope that the document names, where the pipeline asks for it and not the operation.</summary>
internal sealed record NeededScope(string Scope);

/// <summary>
/// The members of a body as they are written for people, read for the document too, so that both say the same:
/// <c>a, b?, c: x | y, d: [item], e: {f, g?}, h | i, j (what it is)</c>. A '?' marks what may be left out, and of two
/// with '|' between them one is given.
/// </summary>
internal static partial class RequestMembers
{
    public static IReadOnlyList<RequestMember> Of(string text) =>
    [
        .. Split(text, ',').SelectMany(part =>
        {
            var named = Split(part, '|');
            // Behind a colon the bars part what a member may be, before it the members.
            return named[0].Contains(':', StringComparison.Ordinal) ? [One(part, false)]
                : named.Select(one => One(one, named.Count > 1));
        }),
    ];

    private static RequestMember One(string text, bool isOneOfSeveral)
    {
        var match = Written().Match(text);
        if (!match.Success) throw new InvalidOperationException($"'{text}' is no member of a request");
        var value = match.Groups["value"].Value;
        var choices = value.Length > 0 && value[0] is not ('[' or '{') ? Split(value, '|') : null;
        return new(match.Groups["name"].Value, !isOneOfSeveral && !match.Groups["may"].Success,
            value.Length > 0 && choices is null ? value : match.Groups["does"] is { Success: true, Value: var does } ? does : null,
            choices, value.StartsWith('['), value.StartsWith('{'));
    }

    /// <summary>Parts a text where a character stands outside all brackets.</summary>
    private static List<string> Split(string text, char at)
    {
        var (parts, depth, from) = (new List<string>(), 0, 0);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] is '(' or '[' or '{') depth++;
            else if (text[i] is ')' or ']' or '}') depth--;
            else if (text[i] == at && depth == 0)
            {
                parts.Add(text[from..i].Trim());
                from = i + 1;
            }
        }
        parts.Add(text[from..].Trim());
        return parts;
    }

    /// <summary>What it is written as: <c>one of these</c>, from the names of an enumeration.</summary>
    public static string OneOf<T>() where T : struct, Enum => string.Join(" | ",
        Enum.GetNames<T>().Select(name => char.ToLowerInvariant(name[0]) + name[1..]));

    [GeneratedRegex(@"^(?<name>\w+)(?<may>\?)?(: (?<value>.+?))?( \((?<does>.+)\))?$")]
    private static partial Regex Written();
}
