using Ledger.Domain;

namespace Ledger.Api.Resources;

/// <summary>What was refused, quarantined or kept without being settled, and why.</summary>
internal static class RefusedEvidence
{
    /// <summary>Rows of one page.</summary>
    private const int RowsMax = 1000;

    public static void Map(WebApplication app, OpenLedger ledger) =>
        app.MapGet("/v1/refusals", async (HttpContext context) =>
        {
            var from = Asking.Optional<long>(context.Request, "from", Asking.TryCount, Rejection.OutOfRange,
                "a position of the journal") ?? 0;
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var rows = answers.Refusals(from, RowsMax + 1);
            long? next = rows.Count > RowsMax ? rows[RowsMax].Position : null;
            return Answering.Read(new { asOf = position, refusals = rows.Take(RowsMax).ToList(), next }, position);
        }).Reads("refusals",
            $"What counts nowhere and why, {RowsMax} rows at a time; 'next' is the 'from' of the next page.", "from?");
}
