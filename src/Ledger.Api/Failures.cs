using System.Data.Common;
using Ledger.Api.Access;
using Ledger.Api.Resources;
using Ledger.Api.Tables;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Journal;
using Ledger.Projections;
using Microsoft.Net.Http.Headers;

namespace Ledger.Api;

/// <summary>
/// What is left when a resource could not answer. A storage error of the journal ends the service, and so does one of
/// the frame log or of the evidence that cannot be undone: the caller gets 503, and the server is told. What is told
/// outside names no path and no stack; standard error gets the whole.
/// </summary>
internal static class Failures
{
    /// <summary>What an answer says of itself beside it, and does not where it is not sent.</summary>
    private static readonly string[] OfAnswer = [HeaderNames.ContentDisposition, HeaderNames.Link, HeaderNames.ETag,
        Answering.PositionHeader, Representation.CheckpointHeader, InclusionProofs.SizeHeader, OcpiCdrs.TotalHeader,
        OcpiCdrs.LimitHeader];

    /// <param name="fault">Is told of a storage error that ends the service; null where there is no journal.</param>
    public static async Task Answer(HttpContext context, RequestDelegate next, TextWriter errors,
        Action<Exception>? fault)
    {
        try
        {
            await next(context).ConfigureAwait(false);
            if (IsOfMethods(context)) return;
            // What no resource has answered has no body yet.
            if (context.Response is
                {
                    HasStarted: false, ContentLength: null,
                    StatusCode: (400 or 404 or 405 or 415) and var status
                })
                await Answering.Problem(status, ProblemName.NoResource, status switch
                {
                    400 => "a part of the address is missing, or is not what it must be",
                    404 => "there is nothing at this address; /openapi/v1.json lists what there is",
                    405 => "this resource does not know this method",
                    _ => "this resource takes application/json",
                }).ExecuteAsync(context).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            context.Abort(); // The caller has gone; whatever was queued is recorded all the same.
        }
        catch (Exception failure) when (!context.Response.HasStarted)
        {
            if (failure is JournalFaultedException or FrameLogStoppedException or EvidenceStoppedException)
                fault?.Invoke(failure);
            // What a caller asks wrongly is told to the caller alone.
            if (failure is not (BadHttpRequestException or ProjectionStoppedException or RowVersionException
                or QueryRefusedException or BodyRefusedException or NotAcceptableException or ScopeMissingException
                or NotThereException or TablesBusyException or TableTooLongException or ProblemException))
                await errors.WriteLineAsync($"{context.Request.Method} {context.Request.Path}: {failure}")
                    .ConfigureAwait(false);
            foreach (var header in OfAnswer) context.Response.Headers.Remove(header);
            // What is left of a body that comes too slowly is not waited for.
            if (failure is BadHttpRequestException { StatusCode: 408 }) context.Response.Headers.Connection = "close";
            await Explained(failure).ExecuteAsync(context).ConfigureAwait(false);
        }
    }

    /// <summary>Says which methods an address knows, where it does not know this one (RFC 9110, 15.5.6): HEAD with GET,
    /// and always OPTIONS. Whether that was what was asked, and is the answer.</summary>
    private static bool IsOfMethods(HttpContext context)
    {
        var response = context.Response;
        if (response is not { HasStarted: false, StatusCode: 405 }) return false;
        var known = response.Headers.Allow.ToString().Split(',', StringSplitOptions.TrimEntries).ToList();
        if (known.Contains(HttpMethods.Get)) known.Add(HttpMethods.Head);
        response.Headers.Allow = string.Join(", ", known.Append(HttpMethods.Options));
        if (!HttpMethods.IsOptions(context.Request.Method)) return false;
        response.StatusCode = 204;
        return true;
    }

    private static IResult Explained(Exception failure) => failure switch
    {
        BadHttpRequestException { StatusCode: 413 } =>
            Answering.Problem(413, Rejection.TooLarge, "the body is larger than this resource takes"),
        BadHttpRequestException { StatusCode: 408 } slow => Answering.Problem(408, ProblemName.TooSlow, slow.Message),
        BadHttpRequestException bad => Answering.Problem(bad.StatusCode, Rejection.Malformed, bad.Message),
        QueryRefusedException query => Answering.Problem(400, query.Code, query.Message),
        BodyRefusedException body => Answering.Problem(Answering.StatusOf(body.Code), body.Code, body.Message),
        NotAcceptableException none => Answering.Problem(406, Rejection.UnknownFormat, none.Message),
        ScopeMissingException missing => Answering.Problem(403, Rejection.NotAuthorised, missing.Message),
        ProblemException { Code: var code, Status: var status } found => Answering.Problem(status, code, found.Message),
        NotThereException gone => Answering.Problem(404, Rejection.NotReached, gone.Message),
        TablesBusyException busy => Answering.Busy(busy.Message),
        TableTooLongException tooLong => Answering.Problem(422, Rejection.TooLarge, tooLong.Message),
        JournalFaultedException => Answering.Problem(503, ProblemName.JournalFaulted,
            "the journal has met a storage error and stops; nothing was acknowledged"),
        FrameLogStoppedException => Answering.Problem(503, ProblemName.FrameLogStopped,
            "the frame log has met a storage error and stops; nothing was acknowledged"),
        IssuerAwayException => Answering.Problem(503, ProblemName.IssuerAway, IssuerAwayException.Told),
        EvidenceStoppedException => Answering.Problem(503, ProblemName.EvidenceStopped,
            "the evidence archive has met a storage error and stops; nothing was acknowledged"),
        ProjectionStoppedException stopped => Answering.Problem(503, ProblemName.ViewsStopped, $"the views {stopped.Message}"),
        RowVersionException other => Answering.Problem(503, ProblemName.ViewsStopped, other.Message),
        DbException or IOException or InvalidDataException =>
            Answering.Problem(503, ProblemName.StorageFailed, "storage does not answer; see the server's standard error"),
        _ => Answering.Problem(500, ProblemName.Unexpected, "this is a fault of the program; see the server's standard error"),
    };
}
