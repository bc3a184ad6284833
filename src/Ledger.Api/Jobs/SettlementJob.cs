using System.Text;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Ledger.Projections;

namespace Ledger.Api.Jobs;

/// <summary>A settlement run as a job: the same command as the resource's, so the same rules judge it.</summary>
internal static class SettlementJob
{
    private static readonly string[] Members =
        ["run", "account", "day", "supersedes", "atPosition", "style", "by", "runKind"];

    private static long attempts;

    public static JobKind Kind { get; } = new("settlement-run", Scopes.SettlementRun,
        "calculates and records the settlement run of an account's day", Members, request =>
        {
            // The resource says "kind" of the run, where a job's kind is this one.
            var run = new StringBuilder("{");
            foreach (var name in Members)
                if (request.Asked.Optional(name) is { } member)
                    run.Append(run.Length > 1 ? "," : "").Append('"').Append(name == "runKind" ? "kind" : name).Append("\":")
                        .Append(member.Json.GetRawText());
            return Task.FromResult(Of(new Submission(Encoding.UTF8.GetBytes(run.Append('}').ToString()),
                "/v1/settlement-runs"), request.By, request.Ledger));
        });

    /// <summary>The work of a run as the resource takes it; throws where its text breaks a rule.</summary>
    public static JobWork Of(Submission text, Principal by, OpenLedger ledger)
    {
        if (RunSettlement.Read(text.Bytes, out var asked) is { } refused)
            throw new Resources.BodyRefusedException(refused.Code, refused.Detail);
        if (!by.Reach.Covers(asked!.Account))
            throw new Resources.NotThereException($"there is no account {asked.Account}, or it is not yours");
        return async (progress, ct) =>
        {
            progress($"calculating {asked.Account} on {RowJson.Day(asked.Day)}");
            var outcome = await ledger.Commands.Send(new Command<RunSettlement>(asked, text, by,
                new IdempotencyKey($" job {Interlocked.Increment(ref attempts)}")), ct).ConfigureAwait(false);
            return outcome switch
            {
                RecordOutcome.Recorded recorded => Result("recorded", recorded.Position),
                RecordOutcome.AlreadyRecorded before => Result("alreadyRecorded", before.Position),
                RecordOutcome.Refused not => throw new JobFailedException($"{not.Code} ({(int)not.Code}): {not.Detail}"),
                RecordOutcome.Conflict conflict => throw new JobFailedException(
                    $"{Rejection.EvidenceConflict}: the same run came before with other content: {conflict.Differs}"),
                RecordOutcome.Unkept unkept => throw new JobFailedException(unkept.Said),
                _ => throw new JobFailedException("the ledger has as much to write as it can hold; ask for it again"),
            };
        };
    }

    private static JobResult Result(string outcome, long? position) => new("application/json",
        Encoding.UTF8.GetBytes(RowJson.Write(new FactAnswer(outcome, position))), outcome);
}
