using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Projections;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Api.Exchange;

/// <summary>One value of an event in one interval. <paramref name="Number"/> is the interval's, where it has one of its
/// own.</summary>
public sealed record OpenAdrValue(Interval Period, string Type, decimal Kw, int? Number);

/// <summary>What the ledger knows of an event: the instructions and standing limits that it was recorded as.</summary>
/// <param name="IssuedAt">When it was created; null where it has limits alone, which do not say.</param>
/// <param name="LimitPosition">Of the last recorded of its limits; null where it has none.</param>
/// <param name="ModifiedAt">When it was changed, as its limits say; null where they do not.</param>
public sealed record OpenAdrEvent(
    string Id, string Programme, Instant? IssuedAt, long? LimitPosition, Instant? ModifiedAt,
    IReadOnlyList<string> Targets,
    IReadOnlyList<OpenAdrValue> Values, IReadOnlyList<InstructionId> Instructions);

/// <summary>
/// Events of OpenADR 3 out of the ledger (3.1, objects event and interval). An instruction that was recorded by another
/// door is an event too, under its own name, where that can be an id. Each interval of an event holds for all of its
/// targets, so what has another power for another target is no event: it is read as instructions and standing limits.
/// </summary>
public static partial class OpenAdrObjects
{
    /// <summary>The events whose targets are reached, of all programmes or of one, all or the one of an id; in order of
    /// id.</summary>
    public static IReadOnlyList<OpenAdrEvent> Events(Answers answers, ProgrammeId? programme, string? id) =>
    [
        .. Instructed(answers, programme, id).Concat(Limited(answers).Where(part => IsAsked(
                part.Id, part.Programme, programme, id))).GroupBy(part => (part.Id, part.Programme))
            .Where(AreOfAllTargets).OrderBy(parts => parts.Key.Id, StringComparer.Ordinal)
            .ThenBy(parts => parts.Key.Programme, StringComparer.Ordinal).Select(parts => new OpenAdrEvent(
                parts.Key.Id, parts.Key.Programme, parts.Min(part => part.IssuedAt),
                parts.Max(part => part.LimitPosition), parts.Max(part => part.ModifiedAt),
                [.. parts.SelectMany(part => part.Targets).Distinct().Order(StringComparer.Ordinal)],
                [.. parts.SelectMany(part => part.Values).Distinct()
                    .OrderBy(value => value.Period.Start).ThenBy(value => value.Type, StringComparer.Ordinal)],
                [.. parts.SelectMany(part => part.Instructions)])),
    ];

    /// <summary>The event as JSON.</summary>
    /// <param name="limitedAt">When the last of its limits was recorded; where it has none it is not used.</param>
    public static JsonObject Write(OpenAdrEvent happened, Instant limitedAt)
    {
        var createdAt = happened.IssuedAt ?? limitedAt;
        var used = happened.Values.Select(value => value.Number).OfType<int>().ToHashSet();
        var next = 0;
        return new()
        {
            ["id"] = happened.Id,
            ["createdDateTime"] = Time(createdAt),
            ["modificationDateTime"] = Time(happened.ModifiedAt ?? createdAt),
            ["objectType"] = "EVENT",
            ["programID"] = happened.Programme,
            ["targets"] = new JsonArray([.. happened.Targets.Select(target => (JsonNode)target)]),
            ["payloadDescriptors"] = new JsonArray([.. happened.Values.Select(value => value.Type).Distinct()
                .Order(StringComparer.Ordinal).Select(Descriptor)]),
            ["intervals"] = new JsonArray([.. happened.Values.GroupBy(value => value.Period).Select(period =>
                Interval(period.Select(value => value.Number).FirstOrDefault(number => number is not null) ?? Next(),
                    period.Key, period.Select(value => Payload(value.Type, value.Kw))))]),
        };

        int Next()
        {
            while (!used.Add(next)) next++;
            return next;
        }
    }

    /// <summary>What the values of a type in an event are measured in.</summary>
    public static JsonNode Descriptor(string type) => new JsonObject
    {
        ["objectType"] = "EVENT_PAYLOAD_DESCRIPTOR",
        ["payloadType"] = type,
        ["units"] = OpenAdrEventText.Kilowatts,
    };

    /// <summary>An interval with its own time.</summary>
    public static JsonNode Interval(int id, Interval period, IEnumerable<JsonNode> payloads) => new JsonObject
    {
        ["id"] = id,
        ["intervalPeriod"] = new JsonObject
        {
            ["start"] = Time(period.Start),
            ["duration"] = Length(period.Duration),
        },
        ["payloads"] = new JsonArray([.. payloads]),
    };

    public static JsonNode Payload(string type, JsonNode value) =>
        new JsonObject { ["type"] = type, ["values"] = new JsonArray(value) };

    public static JsonNode Payload(string type, decimal value) =>
        Payload(type, JsonValue.Create(ExactDecimal.Trimmed(value)));

    /// <summary>RFC 3339 in UTC.</summary>
    public static string Time(Instant at) => InstantPattern.ExtendedIso.Format(at);

    /// <summary>ISO 8601, as PT15M.</summary>
    public static string Length(Duration duration) =>
        PeriodPattern.NormalizingIso.Format(NodaTime.Period.FromNanoseconds(duration.ToInt64Nanoseconds()));

    /// <summary>The event and interval that an instruction's name says; an instruction of another door is an event of
    /// one interval.</summary>
    private static (string Event, int? Interval)? Named(string instruction) =>
        OpenAdrEventText.IsObjectId(instruction) ? (instruction, null)
        : OfEvent().Match(instruction) is { Success: true } match && int.TryParse(match.Groups["interval"].ValueSpan,
            NumberStyles.None, CultureInfo.InvariantCulture, out var interval) ? (match.Groups["event"].Value, interval)
        : null;

    private static bool IsAsked(string of, string under, ProgrammeId? programme, string? id) =>
        (id is null || of == id) && (programme is not { } named || under == named.Value);

    // A VTN deletes an event that is cancelled; one that is cut short ends there.
    private static IEnumerable<OpenAdrEvent> Instructed(Answers answers, ProgrammeId? asked, string? eventId)
    {
        foreach (var row in answers.Instructions())
        {
            if (row.Programme is not { } programme || !OpenAdrEventText.IsObjectId(programme)
                || Named(row.Instruction) is not (var id, var interval) || row.WithdrawnAt <= row.Start
                || !IsAsked(id, programme, asked, eventId)
                || answers.Instruction(new(row.Instruction)) is not { Targets: var targets }
                || targets.Select(target => target.QuantityMilliwatts).Distinct().Count() != 1) continue;
            var kw = targets[0].QuantityMilliwatts / 1_000_000m;
            var end = row.WithdrawnAt < row.End ? row.WithdrawnAt.Value : row.End;
            yield return new(id, programme, row.IssuedAt, null, null, [.. targets.Select(target => target.Point)],
                [new(new(row.Start, end), row.Kind == InstructionKind.Export ? OpenAdrEventText.ExportSetPoint
                    : OpenAdrEventText.SetPoint, kw, interval)], [new(row.Instruction)]);
        }
    }

    /// <summary>An event that came again set its limits again: those that stand are the event's.</summary>
    private static IEnumerable<OpenAdrEvent> Limited(Answers answers) =>
        from limit in answers.StandingLimits()
        let version = OpenAdrVersion.Of(limit.Source)
        where version is not null
        select new OpenAdrEvent(version.Event, version.Programme.Value, null, limit.Position, version.ModifiedAt,
            [limit.Point], [.. Values(limit)], []);

    /// <summary>Whether each of the targets has all of the values.</summary>
    private static bool AreOfAllTargets(IEnumerable<OpenAdrEvent> parts)
    {
        var values = parts.SelectMany(part => part.Targets.SelectMany(target =>
            part.Values.Select(value => (target, Value: (value.Period, value.Type, value.Kw))))).Distinct()
            .GroupBy(each => each.Value).Select(targets => targets.Count()).ToList();
        var targets = parts.SelectMany(part => part.Targets).Distinct().Count();
        return values.TrueForAll(count => count == targets);
    }

    private static IEnumerable<OpenAdrValue> Values(MasterData.LimitRow limit)
    {
        if (limit.ValidTo is not { } until) yield break;
        var type = limit.Direction == Direction.Import ? OpenAdrEventText.ImportLimit : OpenAdrEventText.ExportLimit;
        if (limit.MostMilliwatts is { } most)
            yield return new(new(limit.ValidFrom, until), type, most / 1_000_000m, null);
        for (var i = 0; i < limit.Steps.Count; i++)
            if (limit.Steps[i] is { At: { } from, MostMilliwatts: { } step })
                yield return new(new(from, i + 1 < limit.Steps.Count ? limit.Steps[i + 1].At!.Value : until), type,
                    step / 1_000_000m, null);
    }

    [GeneratedRegex(@"^(?<event>[A-Za-z0-9_-]+)\.(?<interval>[0-9]{1,10})$")]
    private static partial Regex OfEvent();
}
