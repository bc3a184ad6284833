using Ledger.Domain;
using Ledger.Journal.Pipeline;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Names of instructions and disputes are the whole ledger's. Of one that is somebody else's nothing is told but that
/// it is not there, or not one's own.
/// </summary>
public sealed class AccessNameTests
{
    [Theory]
    [InlineData(Role.ChargingOperator, "reason-claims", "instruction",
        """{"instruction":"{order}","point":"CP1","reason":"safety","claimedBy":"ACME"}""")]
    [InlineData(Role.ChargingOperator, "disputes", "dispute",
        """{"dispute":"{dispute}","run":"R1","account":"ACME","day":"2026-02-27","openedBy":"ACME","lines":[1],"amount":"7.20","reason":"another reason"}""")]
    [InlineData(Role.GridOperator, "instructions", "instruction",
        """{"instruction":"{order}","kind":"curtail","issuedBy":"GRID","issuedAt":"2026-03-01T09:00:00Z","start":"2026-03-03T10:00:00Z","end":"2026-03-03T11:00:00Z","targets":[{"point":"CP1","kw":1}]}""")]
    public async Task Of_a_foreign_name_nothing_is_told(Role role, string path, string what, string body)
    {
        await using var town = await AccessTown.StartAsync();
        foreach (var side in AccessTown.Sides) await town.RecordAllAsync(side);
        var foreign = await town.PostAsync(town.Key(role), $"/v1/{path}", AccessTown.Foreign.In(body));
        foreign.Status.ShouldBeOneOf(403, 404, 422);
        foreign.Text.ShouldContain($"there is no such {what}, or it is not yours");
    }

    [Fact]
    public async Task A_reason_for_a_foreign_instruction_is_answered_as_one_for_none()
    {
        await using var town = await AccessTown.StartAsync();
        foreach (var side in AccessTown.Sides) await town.RecordAllAsync(side);
        const string body = """{"instruction":"{order}","point":"CP1","reason":"safety","claimedBy":"ACME"}""";
        var key = town.Key(Role.ChargingOperator);
        var foreign = await town.PostAsync(key, "/v1/reason-claims", AccessTown.Foreign.In(body));
        var missing = await town.PostAsync(key, "/v1/reason-claims", body.Replace("{order}", "I99", StringComparison.Ordinal));
        (foreign.Status, foreign.Text).ShouldBe((missing.Status, missing.Text));
    }
}
