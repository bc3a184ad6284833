using Ledger.Api.Access;
using Ledger.Ingest.Streaming;
using Ledger.Projections;

namespace Ledger.Api;

/// <summary>
/// Whether the process lives, and whether it is ready: the views follow the journal, and the frame log is read. A view
/// that has stopped, or that is behind and takes no step, is an alarm that a person must see; facts are recorded all
/// the same.
/// </summary>
internal sealed class Health(OpenLedger ledger) : IDisposable
{
    private readonly ViewProgress progress =
        new(ledger.Journal, ledger.Views, StandardProjections.All, ledger.Clock);
    private volatile string? stopped;

    public void Stopped(string why) => stopped = why;

    /// <param name="saysMore">Whether whoever asks may know how much there is: not where keys are asked for, because
    /// this is answered to anybody.</param>
    public void Map(WebApplication app, StreamEngine? streams, bool saysMore)
    {
        app.MapGet("/health/live", () => Answering.Read(new { live = true }, null)).ForAnybody()
            .WithName("live").WithSummary("The process answers.").Produces(200, contentType: "application/json");
        app.MapGet("/health/ready", () => WhyNot(streams) is { } why
            ? Answering.Problem(503, "NotReady", saysMore ? why : "the views or the streams are not ready")
            : Answering.Read(saysMore ? Ready(streams) : new { ready = true }, null)).ForAnybody()
            .WithName("ready").WithSummary("The views follow the journal, and streams are taken.")
            .Produces(200, contentType: "application/json")
            .Produces<ProblemAnswer>(503, "application/problem+json");
    }

    private string? WhyNot(StreamEngine? streams) => stopped ?? progress.WhyStalled()
        ?? (streams is null ? null
            : streams.Faulted.IsFaulted ? $"the streams have stopped: {streams.Faulted.Exception!.GetBaseException().Message}"
            : streams.IsReplayed ? null : "the frame log is being read again after the start");

    private object Ready(StreamEngine? streams)
    {
        var (length, viewsAt, lag) = (ledger.Journal.Length, new Answers(ledger.Views).KnownBefore, progress.Look());
        var behind = new { positions = lag.Positions, seconds = lag.Seconds };
        return streams is null
            ? new { ready = true, length, viewsAt, behind }
            : new
            {
                ready = true,
                length,
                viewsAt,
                behind,
                streams = new
                {
                    points = streams.StreamCount,
                    samples = streams.Samples,
                    blocksWaiting = streams.BlocksWaiting,
                },
            };
    }

    public void Dispose() => progress.Dispose();
}
