using Ledger.Api.Access;
using Ledger.Journal.Proof;

namespace Ledger.Api.Resources;

/// <summary>
/// The ledger as a transparency log that anyone may read, c2sp.org/tlog-tiles with this server as its prefix. It serves
/// the files of <c>log/</c> as they are: they say nothing of anyone,
/// and a checkpoint is made by <c>ledger checkpoint</c>.
/// </summary>
internal static class LogFiles
{
    private const string ForEver = "public, max-age=31536000, immutable"; // a year in seconds: a tile never changes
    private const string ForMoments = "public, max-age=5"; // seconds: the next checkpoint may come at any time

    public static void Map(WebApplication app, OpenLedger ledger)
    {
        app.MapGet("/checkpoint", () => ledger.Log.Tiles.Checkpoint() is { } note
            ? new PublishedFile(note.ToBytes(), "text/plain; charset=utf-8", ForMoments)
            : Answering.Problem(404, ProblemName.NotPublished, "no checkpoint was signed yet; make one with: ledger checkpoint"))
            .Publishes("checkpoint", "The latest signed checkpoint: the log's name, its length and its Merkle root.",
                "text/plain");

        app.MapGet("/tile/{**path}", (string path) =>
            Tile.TryParse($"tile/{path}", out var tile) && ledger.Log.Tiles.Find(tile) is { } content
            ? new PublishedFile(content, "application/octet-stream", ForEver)
            : Answering.Problem(404, ProblemName.NotPublished,
                $"the log has no tile/{path}; a part of a full tile is in the full one"))
            .Publishes("tile", "A tile of the Merkle tree, or a bundle of its entries.", "application/octet-stream");
    }

    private static void Publishes(this RouteHandlerBuilder route, string name, string does, string media) => route
        .WithName(name).WithSummary(does).RequireRateLimiting(Protection.ReadRequests).ForAnybody()
        .AnswersIn(200, media)
        .Refuses(404, 429);

    private sealed record PublishedFile(byte[] Content, string Media, string CacheControl) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            (response.ContentType, response.ContentLength) = (Media, Content.Length);
            response.Headers.CacheControl = CacheControl;
            return response.Body.WriteAsync(Content, httpContext.RequestAborted).AsTask();
        }
    }
}
