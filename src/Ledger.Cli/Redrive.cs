using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Ingest;
using NodaTime;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger redrive DIGEST|--code CODE --by WHO --reason TEXT</c>: takes refused evidence, as it is kept, through the
/// intake again, as after the settlement point was registered. Doing it again records nothing again.
/// </summary>
public static class Redrive
{
    /// <summary>A rule by its number or its name.</summary>
    public static Option Code { get; } = new("--code", "CODE", "the rule, by its number or name");

    public static Verb Verb { get; } = new("redrive", "[DIGEST]",
        "releases refused evidence, one piece or all that a rule refused, and takes it through the intake again",
        "ledger redrive --code UnknownSettlementPoint --by staff-7 --reason \"the points are registered now\"",
        [
            Code with { Does = "all that this rule refused, by its number or name, in place of one DIGEST" },
            Release.By, Release.Reason,
            new("--point", "POINT", "the settlement point of a curve that names none"),
            new("--zone", "ZONE", "the IANA time zone of local times, like Europe/Berlin"),
            new("--subject", "NAME", "the person whom it is about, where it was handed in so"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        var request = RequestOf(line);
        var (answers, left) = await SendAsync(line, shell, request, ct).ConfigureAwait(false);
        if (answers.Count == 0) throw new CouldNotException("no refused evidence is so named: ledger show refusals");
        var page = new Page().Table("redrives", "refused evidence, taken again", Listing.Of(answers,
                new(null, "evidence", row => row.Evidence[..12]), new("evidence", null, row => row.Evidence),
                new("refusal", "refused at", row => row.Refusal), new("outcome", "outcome", row => row.Outcome),
                new("position", null, row => row.Position), new("recorded", "recorded", row => row.Recorded),
                new("alreadyThere", "already there", row => row.AlreadyThere),
                new("quarantined", "quarantined", row => row.Quarantined),
                new("refused", "refused", row => row.Refused), new("code", null, row => row.Code),
                new("name", "rule", row => row.Name), new("detail", "detail", row => row.Detail)))
            .Field("left", null, left);
        if (left > 0) page.Note($"{left} more pieces are so named: redrive again");
        page.Write(shell.Output, line.Json);
        return left == 0 && answers.All(answer => answer.Outcome != RedriveAnswer.NotTaken && answer.Refused == 0)
            ? ExitCode.Done : ExitCode.NotAsItShouldBe;
    }

    private static RedriveRequest RequestOf(CommandLine line)
    {
        var code = line.Option<Rejection>("--code", ChoiceNames.TryRule, "a rule's number or name, like 202");
        if (line.Words.Count > 1 || line.Words.Count == 0 == code is null)
            throw new UsageException("redrive needs one DIGEST, or --code CODE");
        EvidenceDigest? evidence = line.Words.Count == 0 ? null : CommandLine.Read<EvidenceDigest>(line.Words[0],
            (text, out digest) => EvidenceDigest.TryParse(text, out digest), "DIGEST is 64 lower-case hex digits");
        DateTimeZone? zone = null;
        if (line.Option("--zone") is { } name && !SettlementCalendar.TryZone(name, out zone))
            throw new UsageException($"--zone is an IANA time zone like Europe/Berlin, not '{name}'");
        return new(evidence, code, line.Required("--by"), line.Required("--reason"), new IntakeHints(
            line.Option<SettlementPointId>("--point", SettlementPointId.TryParse, "a settlement point's identifier"),
            zone, Subject: line.Option("--subject")));
    }

    private static async Task<RedrivesAnswer> SendAsync(
        CommandLine line, Shell shell, RedriveRequest request, CancellationToken ct)
    {
        try
        {
            await using var ledger = DataFolder.Open(line, shell);
            return await Redriving.TakeAsync(ledger, request, ledger.Operator("cli"), ct).ConfigureAwait(false);
        }
        catch (Journal.FolderOwnedException owned) when (owned.Url is not null)
        {
            return await SendAsync(new Uri(owned.Url), line, request, ct).ConfigureAwait(false);
        }
    }

    private static async Task<RedrivesAnswer> SendAsync(
        Uri owner, CommandLine line, RedriveRequest request, CancellationToken ct)
    {
        var asked = new JsonObject { ["by"] = request.By, ["reason"] = request.Reason };
        if (request.Evidence is { } evidence) asked["evidence"] = evidence.Hex;
        if (request.Code is { } code) asked["code"] = $"{code}";
        foreach (var name in new[] { "point", "zone", "subject" })
            if (line.Option($"--{name}") is { } value) asked[name] = value;
        using var client = OwnerClient.Create(owner, line.Data);
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(asked.ToJsonString()));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var response = await client.PostAsync(new Uri("v1/redrives", UriKind.Relative), content, ct)
            .ConfigureAwait(false);
        if (response.StatusCode == System.Net.HttpStatusCode.NotFound) return new([], 0);
        if (!response.IsSuccessStatusCode)
            throw new CouldNotException($"the owner at {owner} answers {(int)response.StatusCode}: "
                + await response.Content.ReadAsStringAsync(ct).ConfigureAwait(false));
        return await response.Content.ReadFromJsonAsync<RedrivesAnswer>(ct).ConfigureAwait(false)
            ?? throw new CouldNotException($"the owner at {owner} does not say what became of it");
    }
}
