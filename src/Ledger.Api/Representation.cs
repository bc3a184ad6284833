using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Api.Resources;
using Ledger.Domain;

namespace Ledger.Api;

/// <summary>
/// How an answer to a read is written: as JSON, or its table alone as CSV or as a line of JSON a row, whole or a page
/// of it. Every form is made of the same JSON, so the numbers of all of them are the same. An answer has an ETag, which
/// is of its bytes; one as of a position that the caller named may be kept by it and asked for again.
/// </summary>
internal static class Representation
{
    /// <summary>The log's latest signed checkpoint, as base64: what is handed out can be held against it.</summary>
    public const string CheckpointHeader = "Ledger-Checkpoint";

    public static Task WriteAsync(HttpContext context, string json, long? position)
    {
        var request = context.Request;
        var table = context.GetEndpoint()?.Metadata.GetMetadata<ReadOperation>();
        var format = FormatOf(request, table);
        var limit = table is null ? null : PageCursor.LimitOf(request);
        if (format == "json" && limit is null) return SendAsync(context, Encoding.UTF8.GetBytes(json), "application/json");
        var answer = JsonNode.Parse(json)!.AsObject();
        var rows = answer[table!.Table!] as JsonArray ?? [];
        if (limit is { } most) rows = Page(context, answer, table.Table!, rows, most, position);
        if (format != "json" && context.RequestServices.GetRequiredService<OpenLedger>().Log.Tiles.Checkpoint() is { } note)
            context.Response.Headers[CheckpointHeader] = Convert.ToBase64String(note.ToBytes());
        return format switch
        {
            "csv" => SendAsync(context, Encoding.UTF8.GetBytes(TableText.Csv(rows)), "text/csv; charset=utf-8"),
            "ndjson" => SendAsync(context, Encoding.UTF8.GetBytes(TableText.Lines(rows)), "application/x-ndjson"),
            _ => SendAsync(context, Encoding.UTF8.GetBytes(answer.ToJsonString()), "application/json"),
        };
    }

    private static string FormatOf(HttpRequest request, ReadOperation? table)
    {
        var asked = request.Query["format"] is { Count: > 0 } given ? given.ToString()
            : request.Headers.Accept.ToString() switch
            {
                var accept when accept.StartsWith("text/csv", StringComparison.OrdinalIgnoreCase) => "csv",
                var accept when accept.StartsWith("application/x-ndjson", StringComparison.OrdinalIgnoreCase) => "ndjson",
                _ => "json",
            };
        return asked == "json" || (table is not null && asked is "csv" or "ndjson") ? asked
            : throw new QueryRefusedException(Rejection.UnknownFormat, table is null
                ? $"format is '{asked}': this answer is no table, it is json"
                : $"format is '{asked}': must be json, csv or ndjson");
    }

    /// <summary>Leaves a page in the answer, and says in it and in the header Link (RFC 8288) where the next one
    /// is.</summary>
    private static JsonArray Page(
        HttpContext context, JsonObject answer, string table, JsonArray rows, int most, long? position)
    {
        var request = context.Request;
        var first = Math.Min(PageCursor.Of(request)?.Row ?? 0, rows.Count);
        var page = new JsonArray([.. rows.Skip(first).Take(most).Select(row => row?.DeepClone())]);
        answer[table] = page;
        var next = first + page.Count < rows.Count && position is { } at
            ? new PageCursor(at, first + page.Count).For(request) : null;
        answer["next"] = next;
        if (next is null) return page;
        var others = request.Query.Where(part => part.Key != "cursor")
            .Select(part => $"{Uri.EscapeDataString(part.Key)}={Uri.EscapeDataString(part.Value.ToString())}");
        context.Response.Headers.Link = $"<{request.Path}?{string.Join('&', others.Append($"cursor={next}"))}>; rel=\"next\"";
        return page;
    }

    private static Task SendAsync(HttpContext context, byte[] bytes, string media)
    {
        var response = context.Response;
        var tag = $"\"{Base64Url.EncodeToString(SHA256.HashData(bytes).AsSpan(0, 16))}\"";
        response.Headers.ETag = tag;
        response.Headers.Vary = "Accept, Authorization";
        if (context.Request.Query.ContainsKey("asOf")) response.Headers.CacheControl = "private, no-cache";
        if (context.Request.Headers.IfNoneMatch.ToString().Split(',', StringSplitOptions.TrimEntries)
            .Any(known => known == tag || known == "*" || known == $"W/{tag}"))
        {
            response.StatusCode = 304;
            response.ContentType = null;
            return Task.CompletedTask;
        }
        response.ContentType = media;
        response.ContentLength = bytes.Length;
        return response.Body.WriteAsync(bytes, context.RequestAborted).AsTask();
    }
}
