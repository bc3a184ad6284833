using System.Text.Json.Serialization;
using Ledger.Api.Access;
using Ledger.Api.Resources;
using Ledger.Ingest.Streaming;
using Ledger.Projections;

namespace Ledger.Api;

/// <summary>The process answers.</summary>
public sealed record LiveAnswer(bool Live);

/// <summary>The views follow the journal, and streams are taken. How much there is, is said where no keys are asked
/// for.
/// </summary>
/// <param name="Streams">Not there where the server takes no streams.</param>
public sealed record ReadyAnswer(
    bool Ready,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? Length = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? ViewsAt = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] BehindAnswer? Behind = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] StreamsAnswer? Streams = null);

/// <summary>How far the views are behind the journal.</summary>
public sealed record BehindAnswer(long Positions, long Seconds);

/// <summary>What of streams is under way.</summary>
public sealed record StreamsAnswer(int Points, long Samples, int BlocksWaiting);

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
        app.MapGet("/health/live", () => Answering.Read(new LiveAnswer(true), null)).ForAnybody()
            .WithName("live").WithSummary("The process answers.").TakesHeaders(Parameters.IfNoneMatch)
            .AnswersIn(200, "application/json").Refuses(400, 406, 429).Produces(304);
        app.MapGet("/health/ready", () => WhyNot(streams) is { } why
            ? Answering.Problem(503, ProblemName.NotReady, saysMore ? why : "the views or the streams are not ready")
            : Answering.Read(saysMore ? Ready(streams) : new ReadyAnswer(true), null)).ForAnybody()
            .WithName("ready").WithSummary("The views follow the journal, and streams are taken.")
            .TakesHeaders(Parameters.IfNoneMatch)
            .Answers<ReadyAnswer>(200).Refuses(400, 406, 429, 503).Produces(304);
    }

    private string? WhyNot(StreamEngine? streams) => stopped ?? progress.WhyStalled() ?? progress.WhyComputedAnew()
        ?? (streams is null ? null
            : streams.Faulted.IsFaulted ? $"the streams have stopped: {streams.Faulted.Exception!.GetBaseException().Message}"
            : streams.IsReplayed ? null : "the frame log is being read again after the start");

    private ReadyAnswer Ready(StreamEngine? streams)
    {
        var (length, viewsAt, lag) = (ledger.Journal.Length, new Answers(ledger.Views).KnownBefore, progress.Look());
        return new(true, length, viewsAt, new(lag.Positions, lag.Seconds), streams is null ? null
            : new(streams.StreamCount, streams.Samples, streams.BlocksWaiting));
    }

    public void Dispose() => progress.Dispose();
}
