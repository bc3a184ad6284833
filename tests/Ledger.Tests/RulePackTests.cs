using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A pack file is a fact with a date: what a ledger records is what its text says,
/// version by version.</summary>
public sealed class RulePackTests
{
    [Theory]
    [InlineData("sichuan")]
    [InlineData("taipower-day-select")]
    [InlineData("taipower-guaranteed")]
    [InlineData("baseline-japan-high-4-of-5")]
    [InlineData("baseline-gb-dfs")]
    [InlineData("baseline-nyiso-average-day")]
    public async Task A_pack_file_is_recorded_as_it_reads_and_known_again(string name)
    {
        await using var ledger = new IntakeLedger();
        (await ledger.TakeAsync(Fact(name, 1))).Outcomes.Single().ShouldBeOfType<RecordOutcome.Recorded>();
        (await ledger.TakeAsync(Fact(name, 1))).Outcomes.Single().ShouldBeOfType<RecordOutcome.AlreadyRecorded>();
        var recorded = (await ledger.FactsAsync()).OfType<RulePackPublished>().Single();
        var file = StandardPacks.Find(name)!;
        (recorded.Scoring is { } scoring ? scoring.Says(file.Scoring!) : recorded.Baseline!.Says(file.Baseline!))
            .ShouldBeTrue();
        (recorded.Pack.Value, recorded.Version, recorded.Provisional).ShouldBe((name, 1, file.Provisional));
    }

    [Fact]
    public async Task A_changed_knot_needs_the_next_version()
    {
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(Fact("sichuan", 1));
        string Changed(int version) => Fact("sichuan", version)
            .Replace("\"1.1\", \"included\"", "\"1.2\", \"included\"", StringComparison.Ordinal);
        Code(await ledger.TakeAsync(Changed(1))).ShouldBe(Rejection.AlreadyRegistered);
        Code(await ledger.TakeAsync(Changed(3))).ShouldBe(Rejection.RulePackVersionSkipped);
        (await ledger.TakeAsync(Changed(2))).Outcomes.Single().ShouldBeOfType<RecordOutcome.Recorded>();
        (await ledger.FactsAsync()).OfType<RulePackPublished>().Select(pack => pack.Scoring!.Bands[1].From)
            .ShouldBe([1.1m, 1.2m]);
    }

    /// <summary>A version has one beginning: sent again with another it is not what is recorded.</summary>
    [Fact]
    public async Task A_version_from_another_instant_on_is_refused_with_the_one_that_stands()
    {
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(Fact("sichuan", 1));
        var refused = (await ledger.TakeAsync(Fact("sichuan", 1).Replace("2026-01-01T00", "2025-12-01T00",
            StringComparison.Ordinal))).Outcomes.Single().ShouldBeOfType<RecordOutcome.Refused>();
        (refused.Code, refused.Detail).ShouldBe((Rejection.AlreadyRegistered,
            "version 1 is published from 2025-12-31T16:00:00Z on, and not from 2025-11-30T16:00:00Z on"));
        (await ledger.TakeAsync(Fact("sichuan", 1))).Outcomes.Single().ShouldBeOfType<RecordOutcome.AlreadyRecorded>();
    }

    [Theory]
    [InlineData("\"level\": \"hour\"", "\"level\": \"year\"", Rejection.OutOfRange)]
    [InlineData("\"level\": \"hour\"", "\"levels\": \"hour\"", Rejection.UnknownField)]
    [InlineData("\"slope\": \"0.5\"", "\"slope\": \"half\"", Rejection.NotANumber)]
    [InlineData("\"price\": \"price\" }", "\"price\": \"fixed\" }", Rejection.RulePackIncoherent)]
    [InlineData("\"priceCap\": \"3\"", "\"priceCap\": \"-1\"", Rejection.RulePackIncoherent)]
    [InlineData("\"source\"", "\"origin\"", Rejection.UnknownField)]
    public async Task A_pack_that_says_no_rule_is_refused_by_name(string text, string instead, Rejection code)
    {
        await using var ledger = new IntakeLedger();
        var fact = Fact("sichuan", 1);
        fact.ShouldContain(text);
        Code(await ledger.TakeAsync(fact.Replace(text, instead, StringComparison.Ordinal))).ShouldBe(code);
    }

    private static Rejection Code(IntakeReport report) =>
        report.Outcomes.Single().ShouldBeOfType<RecordOutcome.Refused>().Code;

    /// <summary>The pack's file on one line, with the type and the date that a fact has beside it.</summary>
    private static string Fact(string name, int version) => Repository.Text($"src/Ledger.Ingest/Packs/{name}.json")
        .Replace("\n", " ", StringComparison.Ordinal)
        .Replace("\"version\": 1", $"\"version\": {version}", StringComparison.Ordinal)
        .Insert(1, "\"type\":\"rule-pack\",\"validFrom\":\"2026-01-01T00:00:00+08:00\",");
}
