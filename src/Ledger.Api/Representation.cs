using System.Buffers;
using System.Buffers.Text;
using System.Collections;
using System.Security.Cryptography;
using System.Text.Json;
using Ledger.Api.Resources;
using Ledger.Api.Tables;
using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Api;

/// <summary>
/// How an answer to a read is written: as JSON, or its table alone as CSV, a line of JSON a row, XLSX or Parquet, whole
/// or a page of it. Every form is made of the same JSON, so the numbers of all of them are the same. An answer has an
/// ETag, which is of its bytes; one as of a position that the caller named may be kept by it and asked for again.
/// </summary>
internal static class Representation
{
    /// <summary>The log's latest signed checkpoint, as base64: what is handed out can be held against it.</summary>
    public const string CheckpointHeader = "Ledger-Checkpoint";

    public static Task WriteAsync(HttpContext context, object found, long? position)
    {
        var request = context.Request;
        var table = context.GetEndpoint()?.Metadata.GetMetadata<ReadOperation>();
        var form = TableForm.Of(request, table);
        var limit = table is null ? null : PageCursor.LimitOf(request);
        if (form == TableForm.Json && limit is null) return SendAsync(context, Json(found), form.Media);
        var member = RowJson.Members(found.GetType())!.Single(member => member.Name == table!.Table);
        var rows = (IEnumerable?)member.Value(found) ?? Array.Empty<object>();
        string? next = null;
        if (limit is { } most) (rows, next) = Page(context, rows, most, position);
        if (form == TableForm.Json) return SendAsync(context, PageJson(found, member.Name, rows, next), form.Media);
        var answered = new AnsweredTable(table!.Name, ColumnsOf(member.Value(found)?.GetType() ?? member.Type, rows),
            () => rows.Cast<object>().Select(row => (ReadOnlyMemory<byte>)Json(row)));
        return WriteTableAsync(context, form, answered, position);
    }

    /// <summary>A table alone.</summary>
    private static async Task WriteTableAsync(
        HttpContext context, TableForm form, AnsweredTable table, long? position)
    {
        AddFileHeaders(context, form, table.Name);
        if (form.IsMadeWhole)
        {
            var file = await table.ToFileAsync(context, form, position).ConfigureAwait(false);
            await using (file.ConfigureAwait(false))
            {
                var content = file.Content;
                var digest = await SHA256.HashDataAsync(content, context.RequestAborted).ConfigureAwait(false);
                content.Position = 0;
                if (IsKnown(context, TagOf(digest))) return;
                (context.Response.ContentType, context.Response.ContentLength) = (form.Media, content.Length);
                await content.CopyToAsync(context.Response.Body, context.RequestAborted).ConfigureAwait(false);
            }
            return;
        }
        var text = new ArrayBufferWriter<byte>();
        table.WriteText(form, text);
        await SendAsync(context, text.WrittenMemory, form.Media).ConfigureAwait(false);
    }

    /// <summary>What a table as a file says of itself beside it.</summary>
    public static void AddFileHeaders(HttpContext context, TableForm form, string name)
    {
        var headers = context.Response.Headers;
        if (context.RequestServices.GetRequiredService<OpenLedger>().Log.Tiles.Checkpoint() is { } note)
            headers[CheckpointHeader] = Convert.ToBase64String(note.ToBytes());
        headers.ContentDisposition = $"attachment; filename=\"{name}.{form.Name}\"";
    }

    public static byte[] Json(object found)
    {
        var json = new ArrayBufferWriter<byte>(1024);
        RowJson.Write(json, found);
        return json.WrittenSpan.ToArray();
    }

    /// <summary>The columns of a list's rows, by their type; where that says nothing, by the rows.</summary>
    private static IReadOnlyList<TableColumn> ColumnsOf(Type list, IEnumerable rows) =>
        (list.GetInterfaces().Append(list).FirstOrDefault(each => each.IsGenericType
            && each.GetGenericTypeDefinition() == typeof(IEnumerable<>)) is { } of
            ? TableColumn.Of(of.GetGenericArguments()[0]) : null)
        ?? TableColumn.Of(rows.Cast<object>().Select(row => (ReadOnlyMemory<byte>)Json(row)));

    /// <summary>The rows of a page, and where the next one is: in the answer, and in the header Link (RFC 8288).
    /// </summary>
    private static (IEnumerable Rows, string? Next) Page(
        HttpContext context, IEnumerable rows, int most, long? position)
    {
        var request = context.Request;
        var cursor = PageCursor.Of(request);
        var first = cursor?.Row ?? 0;
        // A page that is not the first one is read from the row before it on.
        var some = rows.Cast<object>().Skip(Math.Max(first - 1, 0)).Take(most + (first > 0 ? 2 : 1)).ToList();
        if (first > 0)
        {
            if (some.Count == 0 || PageCursor.MarkOf(some[0]) != cursor!.Value.Before)
                throw new QueryRefusedException(Rejection.InvalidIdentifier,
                    "what you reach has changed since the page before this one; begin again without cursor");
            some.RemoveAt(0);
        }
        if (some.Count <= most) return (some, null);
        some.RemoveAt(most);
        if (position is not { } at) return (some, null); // what is of now has a beginning, and no further pages
        var next = new PageCursor(at, first + most, PageCursor.MarkOf(some[^1]), ReadInstant.NowOf(context))
            .For(request);
        var others = request.Query.Where(part => part.Key != "cursor")
            .Select(part => $"{Uri.EscapeDataString(part.Key)}={Uri.EscapeDataString(part.Value.ToString())}");
        context.Response.Headers.Link = $"<{request.Path}?{string.Join('&', others.Append($"cursor={next}"))}>; rel=\"next\"";
        return (some, next);
    }

    private const string NextName = "next";

    /// <summary>The answer with a page in place of its table, and where the next one is in place of what it says of
    /// that.
    /// </summary>
    private static ReadOnlyMemory<byte> PageJson(object found, string table, IEnumerable page, string? next)
    {
        var json = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(json, RowJson.Plain))
        {
            writer.WriteStartObject();
            foreach (var member in RowJson.Members(found.GetType())!.Where(member => member.Name != NextName))
            {
                writer.WritePropertyName(member.Name);
                RowJson.Write(writer, member.Name == table ? page : member.Value(found));
            }
            writer.WriteString(NextName, next);
            writer.WriteEndObject();
        }
        return json.WrittenMemory;
    }

    private static Task SendAsync(HttpContext context, ReadOnlyMemory<byte> bytes, string media) =>
        SendAsync(context, TagOf(SHA256.HashData(bytes.Span)), media, bytes, default);

    /// <summary>Sends an answer in two parts, whose tag is known.</summary>
    public static async Task SendAsync(HttpContext context, string tag, string media, ReadOnlyMemory<byte> head,
        ReadOnlyMemory<byte> tail)
    {
        if (IsKnown(context, tag)) return;
        var response = context.Response;
        (response.ContentType, response.ContentLength) = (media, head.Length + tail.Length);
        response.BodyWriter.Write(head.Span);
        response.BodyWriter.Write(tail.Span);
        await response.BodyWriter.FlushAsync(context.RequestAborted).ConfigureAwait(false);
    }

    public static string TagOf(ReadOnlySpan<byte> digest) => $"\"{Base64Url.EncodeToString(digest[..16])}\"";

    /// <summary>Tags the answer; whether the caller has it already, and is told so.</summary>
    public static bool IsKnown(HttpContext context, string tag)
    {
        var response = context.Response;
        response.Headers.ETag = tag;
        response.Headers.Vary = "Accept, Authorization";
        if (context.Request.Query.ContainsKey("asOf")) response.Headers.CacheControl = "private, no-cache";
        // RFC 9110, 13.1.2: a strong tag and a weak one are the same here.
        if (context.Request.Headers.IfNoneMatch.Count == 0 || !context.Request.Headers.IfNoneMatch.ToString()
            .Split(',', StringSplitOptions.TrimEntries)
            .Any(known => known == "*" || Strong(known) == Strong(tag))) return false;
        response.StatusCode = 304;
        response.ContentType = null;
        return true;
    }

    private static string Strong(string tag) => tag.StartsWith("W/", StringComparison.Ordinal) ? tag[2..] : tag;
}
