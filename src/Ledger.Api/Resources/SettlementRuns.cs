using Ledger.Api.Access;
using Ledger.Api.Jobs;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using Microsoft.Net.Http.Headers;
using NodaTime;

namespace Ledger.Api.Resources;

/// <summary>Settlement runs in the order in which they were recorded.</summary>
public sealed record SettlementRunsAnswer(long? AsOf, IReadOnlyList<RunAnswer> Runs);

/// <summary>Publications of runs.</summary>
public sealed record RunPublicationsAnswer(long? AsOf, IReadOnlyList<RunPublicationAnswer> Publications);

/// <summary>Corrections that were booked as deltas.</summary>
public sealed record RunDeltasAnswer(long? AsOf, IReadOnlyList<DeltasAnswer> Deltas);

/// <summary>Months that were closed.</summary>
public sealed record MonthClosesAnswer(long? AsOf, IReadOnlyList<MonthCloseAnswer> Months);

/// <summary>Disputes as far as they went.</summary>
public sealed record DisputesAnswer(long? AsOf, IReadOnlyList<TimeOfUseSettlement.DisputeRow> Disputes);

/// <summary>Settlement runs: ask for one, list them, and what was said of them afterwards.</summary>
internal static class SettlementRuns
{
    private const string Members = "run, account, day, kind?: initial | interim | final | correction, supersedes?, "
        + "atPosition?, style?: whole | deltas | credit (of a correction), by?";

    public static void Map(WebApplication app, OpenLedger ledger, JobRunner jobs)
    {
        MapAfterwards(app, ledger);
        app.MapPost("/v1/settlement-runs", async (HttpContext context) =>
        {
            return await RunAsync(ledger, jobs, context).ConfigureAwait(false);
        }).TakesFact("settlement-run", "Calculates a settlement day of an account and records the run.",
                $"One JSON object: {Members}. With the header Prefer: respond-async it is taken as a job, and Location "
                + "says where its state is.", Members)
            .Answers<JobRow>(202).Gives(202, HeaderNames.Location, "of a job: where its state is")
            .Gives(202, "Preference-Applied", "of a job: respond-async (RFC 7240)")
            .RequireRateLimiting(Protection.HeavyRequests);

        app.MapGet("/v1/settlement-runs", async (HttpContext context) =>
        {
            var account = Asking.Optional<PartyId>(context.Request, "account", PartyId.TryParse,
                Rejection.InvalidIdentifier, Asking.IdentifierRule);
            var day = Asking.Optional<LocalDate>(context.Request, "day", Asking.TryDay, Rejection.InvalidTime,
                Asking.DayRule);
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var runs = (account is { } named ? answers.Runs(named, day) : answers.Runs())
                .Where(run => day is not { } asked || run.Day == RowJson.Day(asked)).ToList();
            var shown = await MoneyOf(ledger, answers, context).OfAsync(runs).ConfigureAwait(false);
            return Answering.Read(new SettlementRunsAnswer(position, [.. shown.Select(RunAnswer.Of)]), position);
        }).Reads("settlement-runs", "The settlement runs in the order in which they were recorded.", "account?",
            "day?");
    }

    private static MoneyDecimals MoneyOf(OpenLedger ledger, Answers answers, HttpContext context) =>
        new(ledger.Journal, answers.Runs(), context.RequestAborted);

    /// <summary>What was said of runs after they were calculated.</summary>
    private static void MapAfterwards(WebApplication app, OpenLedger ledger)
    {
        app.MapGet("/v1/run-publications", async (HttpContext context) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var shown = await MoneyOf(ledger, answers, context).OfAsync(answers.Publications()).ConfigureAwait(false);
            var runs = answers.Runs();
            return Answering.Read(new RunPublicationsAnswer(
                position, [.. shown.Select(row => RunPublicationAnswer.Of(row, runs))]), position);
        }).Reads("run-publications", "Every publication of a run, with what it rests on and how complete it was.");

        app.MapGet("/v1/run-deltas", async (HttpContext context) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var shown = await MoneyOf(ledger, answers, context).OfAsync(answers.Deltas()).ConfigureAwait(false);
            return Answering.Read(new RunDeltasAnswer(position, [.. shown.Select(DeltasAnswer.Of)]), position);
        }).Reads("run-deltas", "Every correction that was booked as deltas on a run.");

        app.MapGet("/v1/month-closes", async (HttpContext context) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            var shown = await MoneyOf(ledger, answers, context).OfAsync(answers.ClosedMonths()).ConfigureAwait(false);
            return Answering.Read(new MonthClosesAnswer(position, [.. shown.Select(MonthCloseAnswer.Of)]), position);
        }).Reads("month-closes", "The months that were closed.");

        app.MapGet("/v1/disputes", async (HttpContext context) =>
        {
            var (answers, position) = await Asking.AnswersAsync(ledger, context).ConfigureAwait(false);
            return Answering.Read(new DisputesAnswer(position, answers.Disputes()), position);
        }).Reads("disputes", "Every dispute of a run, as far as it went.");
    }

    private static async Task<IResult> RunAsync(OpenLedger ledger, JobRunner jobs, HttpContext context)
    {
        var source = context.Request.Path.Value!;
        var key = Submissions.Key(context, source);
        var text = await Submissions.ReadAsync(context, source).ConfigureAwait(false);
        if (JobResources.IsAsked(context.Request) && context.By().Holds(Scopes.SettlementRun))
            return await JobResources.StartAsync(jobs, SettlementJob.Kind, text.Bytes, context,
                SettlementJob.Of(text, context.By(), ledger)).ConfigureAwait(false);
        var refused = RunSettlement.Read(text.Bytes, out var asked);
        return Answering.Of(refused is null
            ? await SendAsync(ledger, asked!, text, context.By(), key).ConfigureAwait(false)
            : await SendAsync(ledger, new EvidenceToRefuse(refused.Code, refused.Detail), text, context.By(), key)
                .ConfigureAwait(false));
    }

    private static Task<RecordOutcome> SendAsync<TInput>(OpenLedger ledger, TInput input, Submission text,
        Principal by, IdempotencyKey key)
        where TInput : notnull =>
        ledger.Commands.Send(new Command<TInput>(input, text, by, key), CancellationToken.None);
}
