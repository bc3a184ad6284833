using System.Buffers;
using System.Text;
using System.Text.Json;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Projections;

namespace Ledger.Api.Jobs;

/// <summary>What was asked for, as it is kept and listed: the members of the request, without its blanks, and of a
/// member that is no short value that it was there.</summary>
internal static class JobAsked
{
    private const int ValueLengthMax = 256;
    private const string There = "…";

    /// <summary>Members that say what a result is about.</summary>
    private static readonly string[] Named = ["point", "run", "account", "day"];

    /// <param name="request">One JSON object, which was read before.</param>
    public static string Of(ReadOnlyMemory<byte> request)
    {
        using var document = JsonDocument.Parse(IntakeText.WithoutByteOrderMark(request));
        var json = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(json, RowJson.Plain))
        {
            writer.WriteStartObject();
            foreach (var member in document.RootElement.EnumerateObject())
            {
                writer.WritePropertyName(member.Name);
                if (member.Value.ValueKind is not (JsonValueKind.Array or JsonValueKind.Object)
                    && member.Value.GetRawText() is { Length: <= ValueLengthMax } value) writer.WriteRawValue(value);
                else writer.WriteStringValue(There);
            }
            writer.WriteEndObject();
        }
        return Encoding.UTF8.GetString(json.WrittenSpan);
    }

    /// <summary>The identifiers in what was asked for, as the record of reads has them; null where there is none.
    /// </summary>
    public static string? SaysOf(Job job)
    {
        try
        {
            using var document = JsonDocument.Parse(job.Asked);
            var said = Named.Where(name => document.RootElement.TryGetProperty(name, out var value)
                    && value.ValueKind == JsonValueKind.String && Identifier.IsValid(value.GetString()))
                .Select(name => $"{name} {document.RootElement.GetProperty(name).GetString()}").ToList();
            return said.Count == 0 ? null : string.Join(", ", said);
        }
        catch (Exception unreadable) when (unreadable is JsonException or InvalidOperationException)
        {
            return null; // of before, when it was kept as it came, and is cut
        }
    }
}
