using System.Globalization;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Doubts: what is foreign and what does not exist are answered alike, so that nobody learns by asking.</summary>
public sealed class DoubtAccessTests
{
    [Theory]
    [InlineData("reason-claims", """{"instruction":"{order}","point":"CP1","reason":"safety","claimedBy":"ACME"}""")]
    [InlineData("disputes", """{"dispute":"{dispute}","run":"R1","account":"ACME","day":"2026-02-27","openedBy":"ACME","lines":[1],"amount":"7.20","reason":"another reason"}""")]
    public async Task A_foreign_name_is_answered_as_one_that_does_not_exist(string path, string body)
    {
        await using var town = await AccessTown.StartAsync();
        foreach (var side in AccessTown.Sides) await town.RecordAllAsync(side);
        var key = town.Key(Role.ChargingOperator);
        var foreign = await town.PostAsync(key, $"/v1/{path}", AccessTown.Foreign.In(body));
        var missing = await town.PostAsync(key, $"/v1/{path}",
            body.Replace("{order}", "I99").Replace("{dispute}", "D99"));
        TestContext.Current.TestOutputHelper!.WriteLine($"foreign: {foreign.Status} {foreign.Text}\nmissing: {missing.Status} {missing.Text}");
        (foreign.Status, foreign.Text.Replace("I2", "I99").Replace("D2", "D99"))
            .ShouldBe((missing.Status, missing.Text));
    }

    [Fact]
    public async Task The_name_of_another_grid_operators_instruction_is_not_told_by_what_comes_of_using_it()
    {
        await using var town = await AccessTown.StartAsync();
        foreach (var side in AccessTown.Sides) await town.RecordAllAsync(side);
        const string body = """{"instruction":"NAME","kind":"curtail","issuedBy":"GRID","issuedAt":"2026-03-01T09:00:00Z","start":"2026-03-03T10:00:00Z","end":"2026-03-03T11:00:00Z","targets":[{"point":"CP1","kw":1}]}""";
        var foreign = await town.PostAsync(town.Key(Role.GridOperator), "/v1/instructions", body.Replace("NAME", "I2"));
        TestContext.Current.TestOutputHelper!.WriteLine($"{foreign.Status} {foreign.Text}");
        foreign.Text.ShouldNotContain("AlreadyRegistered");
    }

    /// <summary>ACME handed in a curve of a point that is BETA's now. Both have a run that is called R1.</summary>
    [Fact]
    public async Task What_a_fact_is_used_for_in_anothers_run_of_the_same_name_is_not_told()
    {
        await using var town = await AccessTown.StartAsync();
        foreach (var side in AccessTown.Sides) await town.RecordAllAsync(side);
        await town.TakeFileAsync("point,time,kw\n" + string.Concat(Enumerable.Range(0, 31).Select(minute =>
            string.Create(CultureInfo.InvariantCulture, $"G2,2026-02-26T18:{minute:D2}:00Z,10\n"))), "ACME");
        await town.TakeAsync("settlement-run", """{"run":"R1","account":"BETA","day":"2026-02-27"}""", "BETA");
        var fact = (await TestFolder.AllAsync(town.Served.Ledger.Journal)).Last(recorded =>
            recorded.Envelope.Tenant.Value == "ACME" && EventCodec.Decode(recorded) is IntervalRecorded { Point.Value: "G2" });
        var told = await town.GetAsync(town.Key(Role.ChargingOperator),
            string.Create(CultureInfo.InvariantCulture, $"/v1/fact-uses?position={fact.Position}"));
        TestContext.Current.TestOutputHelper!.WriteLine($"{told.Status} {told.Text}");
        (told.Status != 200 || told.Json.GetProperty("runs").GetArrayLength() == 0).ShouldBeTrue(told.Text);
    }
}
