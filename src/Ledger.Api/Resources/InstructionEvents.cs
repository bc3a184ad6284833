using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Ledger.Api.Access;
using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Api.Resources;

/// <summary>
/// What is recorded of an instruction, as it is recorded: server-sent events (WHATWG HTML, 9.2). An event's id is its
/// position in the journal, so whoever was cut off sends it as <c>Last-Event-ID</c> and misses nothing. The facts come
/// from the instruction's own streams, and each is durable before it is told. Whether the caller may still listen, and
/// which targets he reaches, is asked again twice a second: what is live is told by what holds now.
/// </summary>
internal static class InstructionEvents
{
    /// <summary>How often somebody is told that there is nothing to tell, so that a dead connection is noticed; and how
    /// often it is seen whether the caller may still listen, and whether something was recorded.</summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(15), Asked = TimeSpan.FromMilliseconds(500),
        Pause = TimeSpan.FromMilliseconds(20);

    public static void Map(WebApplication app, OpenLedger ledger) =>
        app.MapGet("/v1/instruction-events", async (HttpContext context) =>
        {
            var instruction = Asking.Required<InstructionId>(context.Request, "instruction", InstructionId.TryParse,
                Rejection.InvalidIdentifier, Asking.IdentifierRule);
            var after = After(context.Request);
            if (await OwnAsync(ledger, context, instruction).ConfigureAwait(false) is null)
                return Answering.Problem(404, Rejection.UnknownInstruction, $"there is no instruction {instruction}");
            var stopping = context.RequestServices.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping;
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
            try
            {
                await FollowAsync(ledger, context, instruction, after, ended.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (ended.IsCancellationRequested)
            {
                // The caller has gone, or the server stops: whoever comes again says where it was.
            }
            return Results.Empty;
        }).WithName("instruction-events")
            .WithSummary("What is recorded of an instruction, as it is recorded: server-sent events.")
            .TakesParameters(["instruction", "after? (a position: what comes behind it)"],
                RequestParameter.Header("Last-Event-ID", "the position of the last event that the caller has"))
            .WithDescription("Query: instruction, after? (a position; also the header Last-Event-ID). An event's id is its "
                + "position, its name the fact's, its data the fact as JSON. It ends when the caller goes, and takes no asOf: what is told live "
                + "is told as it is.")
            .RequireRateLimiting(Protection.LiveRequests).AsRead("instruction-events")
            .Tells(typeof(DispatchInstructed), typeof(InstructionWithdrawn), typeof(InstructionClockRecorded),
                typeof(ReasonClaimed), typeof(BaselineFrozen)).Refuses(400, 401, 403, 404, 429, 503);

    /// <summary>The last position that the caller has; -1 where it has none.</summary>
    private static long After(HttpRequest request)
    {
        if (request.Headers["Last-Event-ID"] is [{ } last])
            return Asking.TryCount(last, out var known) ? known
                : throw new QueryRefusedException(Rejection.OutOfRange, "Last-Event-ID must be a position of the journal");
        return Asking.Optional<long>(request, "after", Asking.TryCount, Rejection.OutOfRange,
            "a position of the journal") ?? -1;
    }

    /// <summary>The targets of an instruction that the caller reaches now; null where he reaches none of it.</summary>
    private static async Task<HashSet<string>?> OwnAsync(
        OpenLedger ledger, HttpContext context, InstructionId instruction) =>
        (await Asking.AnswersAsync(ledger, context).ConfigureAwait(false)).Answers.Instruction(instruction)
            ?.Targets.Select(target => target.Point).ToHashSet(StringComparer.Ordinal);

    private static async Task FollowAsync(
        OpenLedger ledger, HttpContext context, InstructionId instruction, long after, CancellationToken gone)
    {
        var response = context.Response;
        var credentials = context.RequestServices.GetRequiredService<Credentials>();
        var told = Stopwatch.GetTimestamp();
        response.ContentType = "text/event-stream";
        // Who waits for the first one knows that it is heard.
        await response.Body.FlushAsync(gone).ConfigureAwait(false);
        var recent = new RecordedOf(ledger.Journal, instruction);
        while (await credentials.OfAsync(context).ConfigureAwait(false) is not null
            && await OwnAsync(ledger, context, instruction).ConfigureAwait(false) is { } own)
        {
            var asked = Stopwatch.GetTimestamp();
            while (Stopwatch.GetElapsedTime(asked) < Asked)
            {
                var upTo = ledger.Journal.Length;
                await foreach (var recorded in recent.BeforeAsync(upTo, gone).ConfigureAwait(false))
                {
                    if (recorded.Position <= after
                        || IsOf(EventCodec.Decode(recorded), instruction.Value, own) is not { } fact) continue;
                    await TellAsync(response, recorded, fact, gone).ConfigureAwait(false);
                    told = Stopwatch.GetTimestamp();
                    if (Stopwatch.GetElapsedTime(asked) >= Asked) break;
                }
                await Task.Delay(Pause, gone).ConfigureAwait(false);
                await NextAsync(ledger.Journal, upTo, asked, gone).ConfigureAwait(false);
            }
            if (Stopwatch.GetElapsedTime(told) < Quiet) continue;
            told = Stopwatch.GetTimestamp();
            await response.WriteAsync(": nothing yet\n\n", gone).ConfigureAwait(false);
            await response.Body.FlushAsync(gone).ConfigureAwait(false);
        }
    }

    /// <summary>Waits until something is recorded, and no longer than until the caller is to be asked for again.
    /// </summary>
    private static async Task NextAsync(IJournal journal, long next, long asked, CancellationToken gone)
    {
        var left = Asked - Stopwatch.GetElapsedTime(asked);
        if (left <= TimeSpan.Zero) return;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(gone);
        patience.CancelAfter(left);
        try
        {
            await journal.WaitForAsync(next, patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!gone.IsCancellationRequested)
        {
            // Nothing was; it is time to ask again.
        }
    }

    /// <summary>What is recorded of an instruction, in order: its own stream and that of its frozen baselines.
    /// </summary>
    private sealed class RecordedOf(IJournal journal, InstructionId instruction)
    {
        private readonly string[] streams = [Streams.Instruction(instruction), Streams.Baselines(instruction)];
        private readonly long[] read = [0, 0];

        /// <summary>What was recorded before a position and not yet read; who stops reading goes on there.</summary>
        public async IAsyncEnumerable<RecordedEvent> BeforeAsync(
            long position, [EnumeratorCancellation] CancellationToken ct)
        {
            var found = new List<(int Stream, RecordedEvent Recorded)>();
            for (var i = 0; i < streams.Length; i++)
                await foreach (var recorded in journal.ReadStreamAsync(streams[i], read[i], ct).ConfigureAwait(false))
                    if (recorded.Position < position) found.Add((i, recorded));
            foreach (var (stream, recorded) in found.OrderBy(each => each.Recorded.Position))
            {
                read[stream] = recorded.Envelope.Revision + 1;
                yield return recorded;
            }
        }
    }

    /// <summary>The fact, where it is one of the instruction that the caller may see.</summary>
    private static LedgerEvent? IsOf(LedgerEvent happened, string instruction, HashSet<string> own) => happened switch
    {
        DispatchInstructed e when e.Instruction.Value == instruction =>
            e with { Targets = [.. e.Targets.Where(target => own.Contains(target.Point.Value))], Activation = null },
        InstructionWithdrawn e when e.Instruction.Value == instruction => e,
        InstructionClockRecorded e when e.Instruction.Value == instruction && own.Contains(e.Point.Value) => e,
        ReasonClaimed e when e.Instruction.Value == instruction && own.Contains(e.Point.Value) => e,
        BaselineFrozen e when e.Instruction.Value == instruction && own.Contains(e.Point.Value) => e,
        _ => null,
    };

    private static async Task TellAsync(
        HttpResponse response, RecordedEvent recorded, LedgerEvent fact, CancellationToken gone)
    {
        var text = new StringBuilder()
            .Append(CultureInfo.InvariantCulture, $"id: {recorded.Position}\nevent: {recorded.Envelope.WireName}\n")
            .Append(CultureInfo.InvariantCulture, $"data: {EventCodec.ToldJson(fact)}\n\n");
        await response.Body.WriteAsync(Encoding.UTF8.GetBytes(text.ToString()), gone).ConfigureAwait(false);
        await response.Body.FlushAsync(gone).ConfigureAwait(false);
    }
}
