using System.Buffers.Binary;
using System.Globalization;
using Ledger.Api.Access;
using Ledger.Api.Streaming;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Microsoft.AspNetCore.Http.Features;

namespace Ledger.Api.Resources;

/// <summary>What became of the frames of a request: all of them are on the disk.</summary>
/// <param name="Session">The session that they are in the frame log.</param>
public sealed record FramesAnswer(long Session, int Frames, int Samples);

/// <summary>
/// <c>/v1/frames</c>: frames of senders that have no gRPC. A request is one session from its announcement on, each
/// frame
/// behind its length (four bytes, little-endian), and is answered when all of them are on the disk. A frame that breaks
/// a rule is refused before any is taken; one that only its session shows to be wrong ends the session there.
/// </summary>
internal static class StreamFrames
{
    /// <summary>The largest request, in bytes: what a log takes in a few group commits.</summary>
    public const int BytesMax = 16 * 1024 * 1024;
    /// <summary>Samples of a request: as many as may wait to be integrated, which few bytes may be.</summary>
    public const int SamplesMax = 32 * 1024 * 1024;
    private const int LengthBytes = sizeof(int), PauseMs = 5, PausesMax = 400;

    public static void Map(WebApplication app, OpenLedger ledger, StreamEngine streams) =>
        app.MapPost("/v1/frames", async (HttpContext context) =>
        {
            var answer = await TakeAsync(ledger, streams, context).ConfigureAwait(false);
            return answer;
        }).WithName("frames").WithSummary("Takes the frames of one short session.")
            .WithDescription("The body: each frame (docs/frame-format.md) behind its length, four bytes, little-endian; "
                + "the first announces the streams. Answered 201 when all are durable. Frames that are sent again have "
                + "no second effect.")
            .TakesHeaders(Parameters.IdempotencyKey)
            .RequireRateLimiting(Protection.FrameRequests).Needing(Scopes.CurvesWrite)
            .Accepts<IFormFile>("application/octet-stream")
            .Answers<FramesAnswer>(201).Refuses(400, 401, 403, 404, 408, 409, 413, 422, 429, 503);

    private static async Task<IResult> TakeAsync(OpenLedger ledger, StreamEngine streams, HttpContext context)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
            size.MaxRequestBodySize = Math.Min(size.MaxRequestBodySize ?? BytesMax, BytesMax);
        var body = (await Submissions.ReadAsync(context, "/v1/frames").ConfigureAwait(false)).Bytes;
        if (body.Length > BytesMax)
            return Answering.Problem(413, Rejection.TooLarge, "the body is larger than this resource takes");
        var frames = new List<CheckedFrame>();
        var (rest, samples) = (body, 0);
        try
        {
            while (!rest.IsEmpty)
            {
                var frame = Next(ref rest);
                try
                {
                    var read = CheckedFrame.Check(frame);
                    if (read.Samples > SamplesMax - samples)
                        return Answering.Problem(413, Rejection.TooLarge, string.Create(CultureInfo.InvariantCulture,
                            $"a request has at most {SamplesMax} samples; nothing of this one was taken"));
                    samples += read.Samples;
                    frames.Add(read);
                }
                catch (InputRefusedException refused)
                {
                    return await RefusedAsync(streams, frames.Count, frame, refused, context.By())
                        .ConfigureAwait(false);
                }
            }
        }
        catch (InputRefusedException cut) // no frame that could be kept
        {
            return Answering.Problem(400, cut.Code, cut.Detail);
        }
        var announced = new AnnouncedPoints(ledger.Recorder, streams.PointChanges, context.By());
        foreach (var frame in frames)
            if (await announced.WhyNotAsync(frame, context.RequestAborted).ConfigureAwait(false) is { } why)
                return Answering.Problem(404, Rejection.NotReached, why);
        return frames.Count == 0 ? Answering.Problem(400, Rejection.EmptyInput, "a request has a frame")
            : await AppendAsync(streams, frames, samples, context.By(), context.RequestAborted).ConfigureAwait(false);
    }

    private static ReadOnlyMemory<byte> Next(ref ReadOnlyMemory<byte> rest)
    {
        var length = rest.Length < LengthBytes ? -1 : BinaryPrimitives.ReadInt32LittleEndian(rest.Span);
        if (length < 0 || length > rest.Length - LengthBytes)
            throw new InputRefusedException(Rejection.Malformed, "length",
                length.ToString(CultureInfo.InvariantCulture), "four bytes and so many bytes of a frame behind them");
        var frame = rest.Slice(LengthBytes, length);
        rest = rest[(LengthBytes + length)..];
        return frame;
    }

    private static async Task<IResult> AppendAsync(
        StreamEngine streams, List<CheckedFrame> frames, int samples, Principal by, CancellationToken ct)
    {
        using var door = streams.Connect(by);
        ValueTask<FrameAddress> last = default;
        for (var i = 0; i < frames.Count; i++)
            try
            {
                var pauses = 0;
                while (door.Take(frames[i], out var durable) is var taken)
                {
                    // What came again was taken before the last one, with which all before it are durable.
                    if (taken == FrameTaken.Taken) last = durable;
                    if (taken != FrameTaken.Full) break;
                    if (pauses++ == PausesMax) return Answering.Busy("the frame log is full");
                    await Task.Delay(PauseMs, ct).ConfigureAwait(false);
                }
            }
            catch (InputRefusedException refused)
            {
                return await RefusedAsync(streams, i, frames[i].Bytes, refused, by).ConfigureAwait(false);
            }
        await last.ConfigureAwait(false); // frames become durable in their order
        return Answering.Read(new FramesAnswer(door.Session, frames.Count, samples), null, 201);
    }

    private static async Task<IResult> RefusedAsync(
        StreamEngine streams, int at, ReadOnlyMemory<byte> frame, InputRefusedException refused, Principal by)
    {
        var outcome = await streams.RefuseAsync(frame, refused, "/v1/frames", by, CancellationToken.None)
            .ConfigureAwait(false);
        if (outcome is not RecordOutcome.Refused) return Answering.Of(outcome);
        return Answering.Problem(refused.Code switch
        {
            Rejection.TooLarge => 413,
            Rejection.EvidenceConflict => 409,
            _ => 422,
        }, refused.Code, string.Create(CultureInfo.InvariantCulture, $"frame {at + 1} of the request: {refused.Detail}"));
    }
}
