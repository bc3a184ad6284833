using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Ledger.Journal.Proof;
using Microsoft.Net.Http.Headers;

namespace Ledger.Api.Resources;

/// <summary>
/// A fact with the proof that it is in the log, under the latest signed checkpoint: the bytes of <c>ledger prove</c>,
/// c2sp.org/tlog-proof. It discloses that fact and its salt, so it is for who may read the fact; that a leaf is in the
/// tree anybody can see in the tiles.
/// </summary>
internal static class InclusionProofs
{
    /// <summary>Of how many events the checkpoint is that stands in a proof.</summary>
    public const string SizeHeader = "Ledger-Checkpoint-Size";

    private const string Name = "inclusion-proofs", Media = "text/plain";
    private const string OfSize = "of how many events the proof's checkpoint is", OfEvent = "of the proven event",
        OfFile = "the name of the file as ledger prove writes it";

    public static void Map(WebApplication app, OpenLedger ledger) =>
        app.MapGet("/v1/inclusion-proofs", (HttpContext context) => AnswerAsync(ledger, context))
            .WithName(Name).WithSummary("A fact with the proof that it is in the log, under the latest signed checkpoint.")
            .WithDescription("Query: position. The file that ledger prove writes (c2sp.org/tlog-proof), for who handed the "
                + "fact in and for an auditor. The ETag of an answer can be sent as If-None-Match.")
            .TakesParameters(["position"], Parameters.IfNoneMatch)
            .RequireRateLimiting(Protection.ReadRequests).AsRead(Name)
            .AnswersIn(200, Media).Gives(200, Answering.PositionHeader, OfEvent).Gives(200, SizeHeader, OfSize)
            .Gives(200, HeaderNames.ContentDisposition, OfFile)
            .Produces(304).Gives(304, Answering.PositionHeader, OfEvent).Gives(304, SizeHeader, OfSize)
            .Gives(304, HeaderNames.ContentDisposition, OfFile)
            .Refuses(400, 401, 403, 404, 429, 503);

    private static async Task<IResult> AnswerAsync(OpenLedger ledger, HttpContext context)
    {
        var position = ReachedFact.PositionOf(context.Request);
        var recorded = await ReachedFact.FindAsync(ledger, context, position).ConfigureAwait(false);
        var size = ledger.Log.Tiles.Checkpoint() is { } note ? Checkpoint.Parse(note.Text).Size : 0;
        if (position >= size)
            return Answering.Problem(404, ProblemName.NotPublished, size == 0
                ? "no checkpoint was signed yet; make one with: ledger checkpoint"
                : $"the latest checkpoint is of {size} events and does not cover position {position}");
        return new ProofFile(ledger.Log.Prove(recorded));
    }

    /// <summary>A proof as its file, with a tag: it is another one under the next checkpoint.</summary>
    private sealed record ProofFile(TlogProof Proof) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            var (headers, content) = (httpContext.Response.Headers, Encoding.UTF8.GetBytes($"{Proof}"));
            var under = Checkpoint.Parse(SignedNote.Parse(Encoding.UTF8.GetBytes(Proof.Checkpoint)).Text);
            var position = Proof.Index.ToString(CultureInfo.InvariantCulture);
            headers[Answering.PositionHeader] = position;
            headers[SizeHeader] = under.Size.ToString(CultureInfo.InvariantCulture);
            headers.ContentDisposition = $"attachment; filename=\"{position}{TlogProof.FileExtension}\"";
            return Representation.SendAsync(httpContext, Representation.TagOf(SHA256.HashData(content)),
                $"{Media}; charset=utf-8", content, default);
        }
    }
}
