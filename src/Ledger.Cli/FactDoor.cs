using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;

namespace Ledger.Cli;

/// <summary>
/// Hands one fact in as text, as anybody would: to the ledger in the folder, or to the process that owns the folder,
/// over HTTP on this machine.
/// </summary>
internal static class FactDoor
{
    /// <param name="Outcome">recorded, alreadyRecorded or refused.</param>
    /// <param name="Position">Null where it is not recorded now.</param>
    /// <param name="Refused">The refusal's code, name and reason; null where it is none.</param>
    public sealed record Answer(string Outcome, long? Position, string? Refused);

    /// <param name="resource">The owner's resource for it.</param>
    /// <param name="type">Which fact it is.</param>
    public static async Task<Answer> SendAsync(
        CommandLine line, Shell shell, string resource, string type, JsonObject fact, CancellationToken ct)
    {
        var text = Encoding.UTF8.GetBytes(fact.ToJsonString());
        try
        {
            await using var ledger = DataFolder.Open(line, shell);
            var outcome = await ledger.Intake.TakeFactAsync(new Submission(text, $"ledger {line.Verb}"), type,
                ledger.Operator("cli"), new IdempotencyKey($" {line.Verb}"), ct).ConfigureAwait(false);
            await ledger.CatchUpAsync(ct).ConfigureAwait(false);
            return Of(outcome);
        }
        catch (FolderOwnedException owned) when (owned.Url is not null)
        {
            return await SendAsync(new Uri(owned.Url), line, resource, text, ct).ConfigureAwait(false);
        }
    }

    private static Answer Of(RecordOutcome outcome) => outcome switch
    {
        RecordOutcome.Recorded recorded => new("recorded", recorded.Position, null),
        RecordOutcome.AlreadyRecorded before => new("alreadyRecorded", before.Position, null),
        RecordOutcome.Refused refused =>
            new("refused", null, $"{refused.Code} ({(int)refused.Code}): {refused.Detail}"),
        RecordOutcome.Conflict conflict => new("refused", null, $"{Rejection.EvidenceConflict}: {conflict.Differs}"),
        RecordOutcome.Unkept unkept => throw new CouldNotException($"{unkept.Said}; nothing was recorded"),
        _ => throw new CouldNotException("the ledger is busy; nothing was recorded, try again"),
    };

    private static async Task<Answer> SendAsync(
        Uri owner, CommandLine line, string resource, byte[] text, CancellationToken ct)
    {
        using var client = OwnerClient.Create(owner, line.Data);
        using var content = new ByteArrayContent(text);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var response = await client.PostAsync(new Uri($"v1/{resource}", UriKind.Relative), content, ct)
            .ConfigureAwait(false);
        if (response.IsSuccessStatusCode)
            return await response.Content.ReadFromJsonAsync<FactAnswer>(ct).ConfigureAwait(false) is { } answer
                ? new(answer.Outcome, answer.Position, null)
                : throw new CouldNotException($"the owner at {owner} does not say what became of it");
        var problem = await response.Content.ReadFromJsonAsync<ProblemAnswer>(ct).ConfigureAwait(false);
        return problem is { Code: { } code }
            ? new("refused", null, $"{problem.Name} ({code}): {problem.Detail}")
            : throw new CouldNotException($"the owner at {owner} answers {(int)response.StatusCode}: {problem?.Detail}");
    }
}
