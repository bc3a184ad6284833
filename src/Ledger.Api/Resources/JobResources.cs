using Ledger.Api.Access;
using Ledger.Api.Jobs;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Projections;
using Microsoft.Net.Http.Headers;
using Microsoft.OpenApi;
using NodaTime;

namespace Ledger.Api.Resources;

/// <summary>A job as whoever asked for it sees it.</summary>
/// <param name="Asked">The members of the request; of one that is no short value, that it was there.</param>
/// <param name="Result">Where the result is; null while there is none.</param>
public sealed record JobRow(
    string Job, string Kind, string Asked,
    [property: Choices("waiting", "running", "done", "failed", "cancelled", "cut")] string Standing, string? Progress, string? Detail, Instant Created,
    Instant? Started, Instant? Ended, string? Result)
{
    public static JobRow Of(Job job) => new(job.Name, job.Kind, job.Asked, job.Standing, job.Progress, job.Detail,
        job.Created, job.Started, job.Ended, job.HasResult ? $"/v1/jobs/{job.Name}/result" : null);
}

/// <summary>The jobs of whoever asks, newest first.</summary>
public sealed record JobsAnswer(IReadOnlyList<JobRow> Jobs);

/// <summary>
/// Long work: it is taken with 202 and a Location, and whoever asked looks there how far it is. A job is seen by who
/// asked for it alone, by the same reach, because its result has what that one reaches.
/// </summary>
internal static class JobResources
{
    /// <summary>A request may hold a list of what is an input by itself.</summary>
    private const int DepthMax = InputValue.DepthMax + 2;

    public static void Map(WebApplication app, OpenLedger ledger, JobRunner jobs, IReadOnlyList<JobKind> kinds)
    {
        app.MapPost("/v1/jobs", async (HttpContext context) =>
        {
            return await StartAsync(ledger, jobs, kinds, context).ConfigureAwait(false);
        })
            .WithName("job").WithSummary("Takes long work, and says where its state is.")
            .WithDescription("One JSON object: kind, and the members of the kind: " + string.Join("; ", kinds.Select(kind =>
                $"{kind.Name} {kind.Does} ({string.Join(", ", kind.Members)}; scope {kind.Scope})")) + ".")
            .WithMetadata(new Microsoft.AspNetCore.Mvc.RequestSizeLimitAttribute(Submissions.FactBytesMax),
                new RequestBodyText(null, """{"kind":"settlement-run","run":"R1","account":"ACME","day":"2026-02-27"}"""))
            .TakesHeaders(Parameters.IdempotencyKey)
            .RequireRateLimiting(Protection.FactRequests).NeedingToBeKnown()
            .TakesJson().Answers<JobRow>(202)
            .Gives(202, HeaderNames.Location, "where its state is")
            .Gives(202, "Preference-Applied", "respond-async, where it was preferred (RFC 7240)")
            .Refuses(400, 401, 403, 404, 413, 422, 429, 503);

        app.MapGet("/v1/jobs", (HttpContext context) => Answering.Read(new JobsAnswer(
            [.. jobs.Store.Of(context.By()).Select(JobRow.Of)]),
            null)).ReadsNow("jobs", "The jobs of the caller, newest first.");

        app.MapGet("/v1/jobs/{job}", (HttpContext context, string job) =>
            Answering.Read(JobRow.Of(Find(jobs, context, job)), null))
            .ReadsNow("job-state", "A job of the caller: its state, how far it is, and where its result is.").Refuses(404);

        app.MapGet("/v1/jobs/{job}/result", (HttpContext context, string job) =>
        {
            var of = Find(jobs, context, job);
            if (jobs.Store.ResultOf(of.Name) is not var (media, content))
                throw new NotThereException($"{job} has no result");
            context.Features.Set(new ReadOf(of.Kind, JobAsked.SaysOf(of)));
            return Results.Bytes(content, media);
        })
            .ReadsNow("job-result", "What came of a job of the caller: JSON whose members are those of the verb or resource "
                + "that did the work, or a bundle.").AnswersAs(new OpenApiSchema { Type = JsonSchemaType.Object })
            .AnswersIn(200, "application/zip").Refuses(404);

        app.MapPost("/v1/job-cancellations", async (HttpContext context) =>
        {
            var named = await WebhookResources.ReadAsync(context, input => input.Object("job").Required("job").Text())
                .ConfigureAwait(false);
            var job = Find(jobs, context, named);
            if (job.IsOver) return Answering.Problem(409, ProblemName.JobOver, $"{job.Name} is {job.Standing}");
            if (!await jobs.CancelAsync(job.Name).ConfigureAwait(false))
                return Answering.Busy("the job is not over yet, or that cannot be written down now");
            return (IResult)Answering.Read(JobRow.Of(Find(jobs, context, named)), null);
        }).WithName("job-cancellation").WithSummary("Ends a job of the caller that is under way.")
            .WithDescription("One JSON object: job. What it has recorded already stays recorded.")
            .WithMetadata(new RequestBodyText("job", """{"job":"j0123456789abcdef"}""")).TakesHeaders(Parameters.IdempotencyKey)
            .RequireRateLimiting(Protection.FactRequests).NeedingToBeKnown()
            .TakesJson().Answers<JobRow>(200).Refuses(400, 401, 403, 404, 409, 413, 422, 429, 503);
    }

    /// <summary>Whether the caller would rather look later (RFC 7240, 4.1).</summary>
    public static bool IsAsked(HttpRequest request) => request.Headers["Prefer"].ToString()
        .Split(',', StringSplitOptions.TrimEntries).Contains("respond-async", StringComparer.OrdinalIgnoreCase);

    /// <summary>Takes a job, and answers where it is.</summary>
    public static async Task<IResult> StartAsync(
        JobRunner jobs, JobKind kind, ReadOnlyMemory<byte> request, HttpContext context, JobWork work)
    {
        if (await jobs.StartAsync(kind, JobAsked.Of(request), context.By(), work, context.RequestAborted)
            .ConfigureAwait(false) is not { } job)
            return Answering.Busy("as many jobs as can be are under way");
        context.Response.Headers.Location = $"/v1/jobs/{job.Name}";
        if (IsAsked(context.Request)) context.Response.Headers["Preference-Applied"] = "respond-async";
        return Answering.Read(JobRow.Of(job), null, 202);
    }

    private static async Task<IResult> StartAsync(
        OpenLedger ledger, JobRunner jobs, IReadOnlyList<JobKind> kinds, HttpContext context)
    {
        var text = await Submissions.ReadAsync(context, "/v1/jobs").ConfigureAwait(false);
        var reading = BodyReading.Read(text.Bytes, input =>
        {
            var open = input.OpenObject();
            var kind = kinds.FirstOrDefault(each => each.Name == open.Required("kind").Text())
                ?? throw open.Required("kind").Refused(Rejection.OutOfRange,
                    $"must be one of {string.Join(", ", kinds.Select(each => each.Name))}");
            if (!context.By().Holds(kind.Scope)) throw new ScopeMissingException(kind.Scope);
            return (Kind: kind, Work: kind.Read(new(input.Object([.. kind.Members, "kind"]), text.Bytes, context.By(), ledger)));
        }, DepthMax);
        JobWork work;
        try
        {
            work = await reading.Work.ConfigureAwait(false);
        }
        catch (InputRefusedException refused)
        {
            throw new BodyRefusedException(refused.Code, refused.Detail);
        }
        return await StartAsync(jobs, reading.Kind, text.Bytes, context, work).ConfigureAwait(false);
    }

    private static Job Find(JobRunner jobs, HttpContext context, string name) =>
        jobs.Store.Find(name) is { } job && job.IsOf(context.By())
            ? job : throw new NotThereException($"there is no job {name}, or it is not yours");
}

/// <summary>The caller does not hold the scope that its request needs.</summary>
public sealed class ScopeMissingException(string scope) : Exception($"scope {scope} is needed");
