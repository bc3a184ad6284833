using System.Text.Json;
using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Two parties claim the energy of one point for programmes of theirs: who is only the point's guest does not
/// learn who the other is, and whose the point is, who called and who audits see both.</summary>
public sealed class AccessClaimTests
{
    private const string Claims = "/v1/delivery-claims";

    private static string Programme(string id, int precedence) =>
        $$"""{"type":"programme","programme":"{{id}}","version":1,"validFrom":"2026-01-01T00:00:00Z","service":"export","baselinePack":"zero","scoringPack":"uftp","noticeSeconds":3600,"tolerancePermille":50,"paidPer":"station","precedence":{{precedence}},"currency":"CNY","pricePerKwh":"1.5"}""";

    private static string Claim(string id, string programme, string by, int hour) =>
        $$"""{"claim":"{{id}}","programme":"{{programme}}","point":"CP1","direction":"export","start":"2026-03-01T{{hour}}:00:00Z","end":"2026-03-01T{{hour}}:30:00Z","energyKwh":"100","claimedBy":"{{by}}"}""";

    /// <summary>ACME's point is in two programmes. AGG claims for the one that yields, at 10 o'clock after ACME and at
    /// 11 before it.</summary>
    private static async Task<(AccessTown Town, Answer Refused)> TownAsync()
    {
        var town = await AccessTown.StartAsync();
        await town.TakeAsync("settlement-point", AccessTown.Own.In(AccessRequests.Posts
            .Single(post => post.Operation == "settlement-point").Body), "ACME");
        foreach (var (programme, precedence) in new[] { ("YIELDS", 1), ("PRECEDES", 2) })
        {
            await town.RecordAsync(Programme(programme, precedence));
            await town.RecordAsync($$"""{"type":"enrolment","programme":"{{programme}}","point":"CP1","prequalifiedKw":800,"from":"2026-01-01T00:00:00Z"}""");
        }
        var (owner, guest) = (town.Key(Role.ChargingOperator), town.Key(Role.Aggregator));
        (await town.PostAsync(owner, Claims, Claim("RIVAL-10", "PRECEDES", "ACME", 10))).Status.ShouldBe(201);
        var refused = await town.PostAsync(guest, Claims, Claim("GUEST-10", "YIELDS", "AGG", 10));
        (await town.PostAsync(guest, Claims, Claim("GUEST-11", "YIELDS", "AGG", 11))).Status.ShouldBe(201);
        (await town.PostAsync(owner, Claims, Claim("RIVAL-11", "PRECEDES", "ACME", 11))).Status.ShouldBe(201);
        return (town, refused);
    }

    private static readonly string[] Rivals = ["RIVAL", "PRECEDES", "ACME"];

    [Fact]
    public async Task Who_is_refused_a_claim_hears_when_the_energy_is_held_and_not_by_whom()
    {
        var (town, refused) = await TownAsync();
        await using var _ = town;
        refused["name"].ShouldBe("AlreadyClaimed");
        refused["detail"]!.ShouldContain("2026-03-01T10:00:00Z to 2026-03-01T10:30:00Z");
        Rivals.ShouldAllBe(name => !refused.Text.Contains(name, StringComparison.Ordinal));
        var kept = await town.GetAsync(town.Key(Role.Aggregator), "/v1/refusals");
        kept.Text.ShouldContain("AlreadyClaimed");
        Rivals.ShouldAllBe(name => !kept.Text.Contains(name, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Who_claims_at_anothers_point_reads_his_own_claims_and_not_to_whom_they_lost()
    {
        var (town, _) = await TownAsync();
        await using var __ = town;
        var answer = await town.GetAsync(town.Key(Role.Aggregator), Claims);
        Rivals.ShouldAllBe(name => !answer.Text.Contains(name, StringComparison.Ordinal));
        var claim = answer.Json.GetProperty("claims").EnumerateArray().ShouldHaveSingleItem();
        claim.GetProperty("claim").GetString().ShouldBe("GUEST-11");
        var lost = claim.GetProperty("lost").EnumerateArray().ShouldHaveSingleItem();
        (lost.GetProperty("start").GetString(), lost.GetProperty("by").ValueKind)
            .ShouldBe(("2026-03-01T11:00:00.000000000Z", JsonValueKind.Null));
    }

    [Theory]
    [InlineData(Role.ChargingOperator)]
    [InlineData(Role.GridOperator)]
    [InlineData(Role.Auditor)]
    public async Task The_points_owner_a_grid_operator_and_an_auditor_see_both(Role role)
    {
        var (town, _) = await TownAsync();
        await using var __ = town;
        var claims = (await town.GetAsync(town.Key(role), Claims)).Json.GetProperty("claims").EnumerateArray().ToList();
        claims.Select(claim => claim.GetProperty("claim").GetString()).ShouldBe(["RIVAL-10", "GUEST-11", "RIVAL-11"]);
        claims[1].GetProperty("lost")[0].GetProperty("by").GetString().ShouldBe("RIVAL-11");
    }
}
