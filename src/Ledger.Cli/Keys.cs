using System.Text.Json.Nodes;
using Ledger.Api.Access;
using Ledger.Api.Resources;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger keys create|list|revoke</c>: gives access, shows who has it, and takes it away. The secret is made here
/// and shown once; the ledger, also where another process owns the folder, is given its hash.
/// </summary>
public static class Keys
{
    private const int DaysDefault = 90;

    public static Verb Verb { get; } = new("keys", "create|list|revoke [KEY]",
        "gives somebody access to the served ledger, shows who has it, or takes it away",
        "ledger keys create --holder kim --role auditor --party audit-office --days 30",
        [
            new("--holder", "NAME", "who answers for what is done with the key; an identifier of staff, or of a device"),
            new("--role", "ROLE", "station, chargingOperator, aggregator, gridOperator, auditor or administrator"),
            new("--party", "PARTY", "for whom the holder acts"),
            new("--station", "STATION", "only points of this station; may be given more than once") { Repeats = true },
            new("--days", "N", "how long it is valid, at most 400; 90 where it is not given"),
            new("--reason", "TEXT", "why a key is revoked"),
        ],
        RunAsync);

    private static Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct) => line.Words switch
    {
        ["create"] => CreateAsync(line, shell, ct),
        ["list"] => ListAsync(line, shell, ct),
        ["revoke", var key] => RevokeAsync(line, shell, key, ct),
        _ => throw new UsageException("keys is followed by create, list or revoke KEY"),
    };

    private static async Task<int> CreateAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        var role = Choices.Of<Role>(line, "--role") ?? throw new UsageException("--role is needed");
        var days = line.Option<int>("--days", TryDays, "a number of days from 1 to 400") ?? DaysDefault;
        var key = AccessKeyText.Create();
        var expires = shell.Clock.GetCurrentInstant() + Duration.FromDays(days);
        var answer = await FactDoor.SendAsync(line, shell, "access-keys", "access-key", new JsonObject
        {
            ["key"] = key.Key.Value,
            ["secretSha256"] = key.Digest.Hex,
            ["holder"] = line.Required("--holder"),
            ["role"] = Choices.Text(role),
            ["party"] = line.Required("--party"),
            ["stations"] = new JsonArray([.. line.Each("--station").Select(station => (JsonNode)station)]),
            ["expires"] = InstantPattern.General.Format(expires),
        }, ct).ConfigureAwait(false);
        if (answer.Refused is { } refused) return Refused(shell, refused);
        new Page().Field("key", "key", key.Key.Value)
            .Field("secret", "shown once, and kept nowhere", key.Shown)
            .Field("expires", "valid until", InstantPattern.General.Format(expires))
            .Field("position", "the fact is at position", answer.Position).Write(shell.Output, line.Json);
        return ExitCode.Done;
    }

    private static async Task<int> ListAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        await using var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
        var state = AccessKeysState.Empty;
        await foreach (var recorded in ledger.Journal.ReadStreamAsync(Streams.AccessKeys, 0, ct).ConfigureAwait(false))
            state = AccessKeys.Evolve(state, EventCodec.Decode(recorded));
        var now = shell.Clock.GetCurrentInstant();
        var rows = state.Known.Values.Select(known => AccessKeyRow.Of(known, now)).ToList();
        new Page().Table("keys", "access keys", Listing.Of(rows,
            new("key", "key", row => row.Key), new("holder", "holder", row => row.Holder),
            new("role", "role", row => Choices.Text(row.Role)), new("party", "party", row => row.Party),
            new("stations", "stations", row => string.Join(' ', row.Stations)),
            new("expires", "valid until", row => row.Expires), new("standing", "standing", row => row.Standing),
            new("revoked", "revoked because", row => row.Revoked))).Write(shell.Output, line.Json);
        return ExitCode.Done;
    }

    private static async Task<int> RevokeAsync(CommandLine line, Shell shell, string key, CancellationToken ct)
    {
        var answer = await FactDoor.SendAsync(line, shell, "access-key-revocations", "access-key-revocation",
            new JsonObject { ["key"] = key, ["reason"] = line.Required("--reason") }, ct).ConfigureAwait(false);
        if (answer.Refused is { } refused) return Refused(shell, refused);
        new Page().Field("key", "key", key)
            .Field("standing", "is", answer.Outcome == "recorded" ? "revoked" : "already revoked")
            .Field("position", "the fact is at position", answer.Position).Write(shell.Output, line.Json);
        return ExitCode.Done;
    }

    private static int Refused(Shell shell, string why)
    {
        shell.Errors.WriteLine($"ledger keys: {why}");
        return ExitCode.NotAsItShouldBe;
    }

    private static bool TryDays(string text, out int days) =>
        int.TryParse(text, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture,
            out days) && days >= 1 && days <= AccessKeys.LifeMax.Days;
}
