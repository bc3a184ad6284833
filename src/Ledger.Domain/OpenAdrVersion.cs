using System.Text.RegularExpressions;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>
/// The version of an event of OpenADR 3 that a standing limit comes from, as the limit's source names it (3.1, object
/// event: an event that is changed keeps its id, and <c>modificationDateTime</c> says when it was changed).
/// </summary>
/// <param name="ModifiedAt">Null of the event as it was created.</param>
public sealed partial record OpenAdrVersion(string Event, ProgrammeId Programme, Instant? ModifiedAt)
{
    public bool IsOfSameEvent(OpenAdrVersion other) => Event == other.Event && Programme == other.Programme;

    public bool IsOlderThan(OpenAdrVersion other) => IsOfSameEvent(other) && other.ModifiedAt is { } modified
        && (ModifiedAt is null || ModifiedAt < modified);

    /// <summary>The version that a source names; null of any other source.</summary>
    public static OpenAdrVersion? Of(string source)
    {
        if (Source().Match(source) is not { Success: true } match) return null;
        Instant? at = null;
        if (match.Groups["at"] is { Success: true, Value: var text })
        {
            if (!InstantPattern.ExtendedIso.Parse(text).TryGetValue(default, out var modified)) return null;
            at = modified;
        }
        return ProgrammeId.TryParse(match.Groups["programme"].Value, out var programme)
            ? new(match.Groups["event"].Value, programme, at) : null;
    }

    public override string ToString() => $"OpenADR event {Event} of {Programme}"
        + (ModifiedAt is { } at ? $", modified at {InstantPattern.ExtendedIso.Format(at)}" : "");

    [GeneratedRegex(@"^OpenADR event (?<event>[A-Za-z0-9_-]+) of (?<programme>[A-Za-z0-9_-]+)(?:, modified at (?<at>[0-9TZ:.-]+))?$")]
    private static partial Regex Source();
}
