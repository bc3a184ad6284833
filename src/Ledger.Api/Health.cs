using Ledger.Api.Access;
using Ledger.Ingest.Streaming;
using Ledger.Projections;

namespace Ledger.Api;

/// <summary>
/// Whether the process lives, and whether it is ready: the views follow the journal, and the frame log is read. A view
/// that has stopped is an
/// alarm that a person must see; facts are recorded all the same.
/// </summary>
internal sealed class Health
{
    private volatile string? stopped;

    public void Stopped(string why) => stopped = why;

    /// <param name="saysMore">Whether whoever asks may know how much there is: not where keys are asked for, because
    /// this is answered to anybody.</param>
    public void Map(WebApplication app, OpenLedger ledger, StreamEngine? streams, bool saysMore)
    {
        app.MapGet("/health/live", () => Answering.Read(new { live = true }, null)).ForAnybody()
            .WithName("live").WithSummary("The process answers.").Produces(200, contentType: "application/json");
        app.MapGet("/health/ready", () => WhyNot(streams) is { } why
            ? Answering.Problem(503, "NotReady", saysMore ? why : "the views or the streams are not ready")
            : Answering.Read(saysMore ? Ready(ledger, streams) : new { ready = true }, null)).ForAnybody()
            .WithName("ready").WithSummary("The views follow the journal, and streams are taken.")
            .Produces(200, contentType: "application/json")
            .Produces<ProblemAnswer>(503, "application/problem+json");
    }

    private string? WhyNot(StreamEngine? streams) => stopped
        ?? (streams is null ? null
            : streams.Faulted.IsFaulted ? $"the streams have stopped: {streams.Faulted.Exception!.GetBaseException().Message}"
            : streams.IsReplayed ? null : "the frame log is being read again after the start");

    private static object Ready(OpenLedger ledger, StreamEngine? streams)
    {
        var (length, viewsAt) = (ledger.Journal.Length, new Answers(ledger.Views).KnownBefore);
        return streams is null
            ? new { ready = true, length, viewsAt }
            : new
            {
                ready = true,
                length,
                viewsAt,
                streams = new
                {
                    points = streams.StreamCount,
                    samples = streams.Samples,
                    blocksWaiting = streams.BlocksWaiting,
                },
            };
    }
}
