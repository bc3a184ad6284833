using Ledger.Projections;

namespace Ledger.Api;

/// <summary>
/// Whether the process lives, and whether it is ready: the views follow the journal. A view that has stopped is an
/// alarm that a person must see; facts are recorded all the same.
/// </summary>
internal sealed class Health
{
    private volatile string? stopped;

    public void Stopped(string why) => stopped = why;

    public void Map(WebApplication app, OpenLedger ledger)
    {
        app.MapGet("/health/live", () => Answering.Read(new { live = true }, null))
            .WithName("live").WithSummary("The process answers.").Produces(200, contentType: "application/json");
        app.MapGet("/health/ready", () => stopped is { } why
            ? Answering.Problem(503, "NotReady", why)
            : Answering.Read(new
            {
                ready = true,
                length = ledger.Journal.Length,
                viewsAt = new Answers(ledger.Views).KnownBefore
            }, null))
            .WithName("ready").WithSummary("The views follow the journal.")
            .Produces(200, contentType: "application/json")
            .Produces<ProblemAnswer>(503, "application/problem+json");
    }
}
