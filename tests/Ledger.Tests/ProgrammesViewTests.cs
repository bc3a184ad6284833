using Ledger.Cli;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Programmes from their text through the import to the pages that show them.</summary>
public sealed class ProgrammesViewTests
{
    private const string Facts = """
        {"type":"programme","programme":"reserve","version":1,"validFrom":"2026-01-01T00:00:00+08:00","service":"reserve","baselinePack":"zero","scoringPack":"uftp","noticeSeconds":600,"rampSeconds":60,"tolerancePermille":50,"paidPer":"station","precedence":1,"currency":"CNY","pricePerKwh":"0.8"}
        {"type":"programme","programme":"export","version":1,"validFrom":"2026-01-01T00:00:00+08:00","service":"export","baselinePack":"zero","scoringPack":"uftp","paidPer":"settlementPoint","precedence":2,"currency":"CNY","pricePerKwh":"3"}
        {"type":"enrolment","programme":"reserve","point":"S01-C1","prequalifiedKw":500,"from":"2026-01-01T00:00:00+08:00"}
        {"type":"enrolment","programme":"export","point":"S01-C1","prequalifiedKw":800,"from":"2026-02-01T00:00:00+08:00","to":"2026-06-01T00:00:00+08:00"}
        {"type":"enrolment","programme":"export","point":"S01-C9","prequalifiedKw":1,"from":"2026-02-01T00:00:00+08:00"}
        {"type":"availability","programme":"export","point":"S01-C1","declaredAt":"2026-02-26T12:00:00+08:00","start":"2026-03-01T18:00:00+08:00","end":"2026-03-01T20:00:00+08:00","availableKw":250}
        {"type":"delivery-claim","claim":"R-1","programme":"reserve","point":"S01-C1","direction":"export","start":"2026-02-27T18:00:00+08:00","end":"2026-02-27T19:00:00+08:00","energyKwh":180,"claimedBy":"cpo"}
        {"type":"delivery-claim","claim":"E-1","programme":"export","point":"S01-C1","direction":"export","start":"2026-02-27T18:45:00+08:00","end":"2026-02-27T19:15:00+08:00","energyKwh":"90.5","claimedBy":"cpo"}
        {"type":"delivery-claim","claim":"R-2","programme":"reserve","point":"S01-C1","direction":"export","start":"2026-02-27T19:00:00+08:00","end":"2026-02-27T19:15:00+08:00","energyKwh":40,"claimedBy":"cpo"}
        {"type":"enrolment-end","programme":"reserve","point":"S01-C1","at":"2026-03-01T00:00:00+08:00","reason":"contract ended"}
        """;

    [Fact]
    public void What_was_imported_is_shown_and_a_double_claim_is_refused_without_the_name_of_the_other()
    {
        using var town = new SmallTown();
        town.ImportMasterData().Exit.ShouldBe(ExitCode.Done);
        var import = town.Run("import", town.File("programmes.jsonl", Facts));
        import.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        import.Output.ShouldContain("AlreadyClaimed");
        import.Output.ShouldNotContain("E-1 of export");
        var pages = new[] { "programmes", "enrolments", "claims" }.Select(what =>
        {
            var page = town.Run("show", what);
            page.Exit.ShouldBe(ExitCode.Done, page.Errors);
            return page.Output;
        });
        Snapshot.Match(string.Join("\n", pages), "ProgrammesView.pages");
        town.Run("export", "claims").Output.ShouldContain("45.000000000000 kWh to E-1 of export, 2026-02-27T10:45:00Z");
        town.Run("replay", "--diff").Exit.ShouldBe(ExitCode.Done);
    }
}
