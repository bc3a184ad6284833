using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using NodaTime.Text;

namespace Ledger.Tests;

/// <summary>
/// The schemas of a document, held against values strictly: what a schema does not name is a fault, and so is a schema
/// that says something which this does not know how to check.
/// </summary>
internal sealed class StrictSchemas(JsonObject document)
{
    private static readonly HashSet<string> Known = ["$ref", "anyOf", "type", "enum", "pattern", "format", "properties",
        "required", "additionalProperties", "items", "description"];

    /// <summary>The named schemas that a value was held against.</summary>
    public HashSet<string> Seen { get; } = new(StringComparer.Ordinal);

    /// <summary>What of a value is not as its schema says; empty where all is.</summary>
    public IReadOnlyList<string> Faults(JsonNode schema, JsonElement value, string at = "")
    {
        var said = schema.AsObject();
        if (said.Select(part => part.Key).Except(Known).ToList() is [var unknown, ..])
            throw new InvalidDataException($"{at}: what {unknown} says is not checked");
        if ((string?)said["$ref"] is { } named)
        {
            var name = named["#/components/schemas/".Length..];
            Seen.Add(name);
            return Faults(document["components"]!["schemas"]![name]!, value, at);
        }
        if (said["anyOf"] is JsonArray several)
        {
            var each = several.Select(one => Faults(one!, value, at)).ToList();
            return each.Exists(faults => faults.Count == 0) ? [] : each.MinBy(faults => faults.Count)!;
        }
        return [.. OfType(said, value, at), .. OfValue(said, value, at), .. OfParts(said, value, at)];
    }

    private static IEnumerable<string> OfType(JsonObject said, JsonElement value, string at)
    {
        if (said["type"] is not { } type) yield break;
        var allowed = type is JsonArray list ? list.Select(one => (string)one!).ToList() : [(string)type!];
        var its = value.ValueKind switch
        {
            JsonValueKind.Null => "null",
            JsonValueKind.String => "string",
            JsonValueKind.True or JsonValueKind.False => "boolean",
            JsonValueKind.Number => value.TryGetInt32(out _) ? "integer" : "number",
            JsonValueKind.Array => "array",
            _ => "object",
        };
        if (!allowed.Contains(its)) yield return $"{at} is {its}: {value.GetRawText()}, and not {type.ToJsonString()}";
    }

    private static IEnumerable<string> OfValue(JsonObject said, JsonElement value, string at)
    {
        if (value.ValueKind != JsonValueKind.String) yield break;
        var text = value.GetString()!;
        if (said["enum"] is JsonArray choices && choices.All(choice => (string?)choice != text))
            yield return $"{at} is '{text}', none of {choices.ToJsonString()}";
        if ((string?)said["pattern"] is { } pattern && !Regex.IsMatch(text, pattern))
            yield return $"{at} is '{text}', not as {pattern}";
        if (!((string?)said["format"] switch
        {
            null => true,
            "date-time" => InstantPattern.ExtendedIso.Parse(text).Success,
            "date" => LocalDatePattern.Iso.Parse(text).Success,
            var other => throw new InvalidDataException($"{at}: format {other} is not checked"),
        })) yield return $"{at} is '{text}', no {said["format"]}";
    }

    private IEnumerable<string> OfParts(JsonObject said, JsonElement value, string at)
    {
        if (value.ValueKind == JsonValueKind.Array && said["items"] is { } items)
            return value.EnumerateArray().SelectMany((item, i) => Faults(items, item, $"{at}[{i}]"));
        return value.ValueKind == JsonValueKind.Object && said["properties"] is JsonObject members
            ? OfMembers(said, members, value, at) : [];
    }

    private IEnumerable<string> OfMembers(JsonObject said, JsonObject members, JsonElement value, string at)
    {
        if (said["additionalProperties"] is not JsonValue more || more.GetValue<bool>())
            yield return $"{at}: the schema leaves open what else there may be";
        foreach (var needed in said["required"]?.AsArray() ?? [])
            if (!value.TryGetProperty((string)needed!, out _)) yield return $"{at} has no {needed}";
        foreach (var member in value.EnumerateObject())
            if (members[member.Name] is { } its)
                foreach (var fault in Faults(its, member.Value, $"{at}.{member.Name}")) yield return fault;
            else yield return $"{at} has {member.Name}, which the schema does not name";
        if (value.EnumerateObject().GroupBy(member => member.Name).FirstOrDefault(name => name.Count() > 1)
            is { } twice)
            yield return $"{at} has {twice.Key} twice";
    }
}
