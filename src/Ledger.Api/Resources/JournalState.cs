using Ledger.Api.Access;

namespace Ledger.Api.Resources;

/// <summary>The journal of a moment.</summary>
/// <param name="Digest">The Merkle root over all its facts, as hex.</param>
public sealed record JournalAnswer(string Ledger, long Length, string Digest);

/// <summary>How long the journal is, and its digest: the RFC 6962 root over all its facts.</summary>
internal static class JournalState
{
    public static void Map(WebApplication app, OpenLedger ledger) =>
        app.MapGet("/v1/journal", () =>
        {
            var (length, root) = Read(ledger);
            return Answering.Read(new JournalAnswer(ledger.Journal.Ledger.Value, length, root), length == 0
                ? null : length - 1);
        }).WithName("journal").WithSummary("The journal's length and its digest, the Merkle root over all its facts.")
            .RequireRateLimiting(Protection.ReadRequests).NeedingToBeKnown()
            .TakesHeaders(Parameters.IfNoneMatch).Gives(200, Answering.PositionHeader, "of the last event")
            .Gives(304, Answering.PositionHeader, "of the last event")
            .AnswersIn(200, "application/json").Refuses(400, 401, 406, 429, 503).Produces(304);

    /// <summary>Length and root of the same moment, though facts come in between.</summary>
    public static (long Length, string Root) Read(OpenLedger ledger)
    {
        while (true)
        {
            var length = ledger.Journal.Length;
            var root = Convert.ToHexStringLower(ledger.Journal.Root);
            if (ledger.Journal.Length == length) return (length, root);
        }
    }
}
