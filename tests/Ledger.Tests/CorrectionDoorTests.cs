using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

/// <summary>At the interface a correction is one of the run that holds, as at the command line, and two currencies are
/// never subtracted.</summary>
public sealed class CorrectionDoorTests
{
    private static string Run(string run, string more = "", string day = "2026-02-27") =>
        $$"""{"run":"{{run}}","account":"ACME","day":"{{day}}","kind":"correction"{{more}}}""";

    [Fact]
    public async Task A_correction_is_one_of_the_run_that_holds()
    {
        await using var town = await AccessTown.StartAsync();
        await town.RecordAllAsync(AccessTown.Own);
        var key = town.Key(Role.ChargingOperator);
        Task<Answer> SettleAsync(string body) => town.PostAsync(key, "/v1/settlement-runs", body);
        var nothing = await SettleAsync(Run("N1", day: "2026-02-20"));
        (nothing.Status, nothing["name"]).ShouldBe((422, "UnknownRun"), nothing.Text);
        (await town.GetAsync(key, "/v1/settlement-runs?account=ACME&day=2026-02-20")).Json.GetProperty("runs")
            .GetArrayLength().ShouldBe(0);
        // CR1 holds, and R1 does no longer.
        var past = await SettleAsync(Run("N2", ",\"supersedes\":\"R1\""));
        (past.Status, past["name"]).ShouldBe((422, "RunSuperseded"), past.Text);
        past["detail"].ShouldNotBeNull().ShouldContain("CR1 holds for this day, and not R1");
        (await SettleAsync(Run("N3"))).Status.ShouldBe(201);
        var run = (await town.GetAsync(key, "/v1/settlement-runs?account=ACME&day=2026-02-27")).Json.GetProperty("runs")
            .EnumerateArray().Last();
        (run.GetProperty("run").GetString(), run.GetProperty("supersedes").GetString(),
            run.GetProperty("changeFromSuperseded").GetString()).ShouldBe(("N3", "CR1", "3.50"));
        // Asked for again it corrects what it corrected before, and not itself.
        (await SettleAsync(Run("N3"))).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Two_currencies_are_never_subtracted()
    {
        await using var town = await AccessTown.StartAsync();
        await town.RecordAllAsync(AccessTown.Own);
        var key = town.Key(Role.ChargingOperator);
        await town.RecordAsync("""
            {"type":"tariff","tariff":"T1","version":2,"currency":"EUR","zone":"Asia/Shanghai","validFrom":"2026-02-01T00:00:00Z","rules":[{"period":"flat"}],"prices":[{"period":"flat","importPerKwh":"0.7","exportPerKwh":"0.6"}]}
            """, "ACME");
        var preview = await town.GetAsync(key, "/v1/settlement-previews?account=ACME&day=2026-02-27");
        (preview["currency"], preview["besideCurrency"], preview["besideTotal"], preview["changeFromBeside"])
            .ShouldBe(("EUR", "CNY", preview["total"], ""));
        (await town.PostAsync(key, "/v1/settlement-runs", Run("E1"))).Status.ShouldBe(201);
        var runs = (await town.GetAsync(key, "/v1/settlement-runs?account=ACME&day=2026-02-27")).Json.GetProperty("runs")
            .EnumerateArray().ToDictionary(row => row.GetProperty("run").GetString()!);
        (runs["E1"].GetProperty("supersedes").GetString(), $"{runs["E1"].GetProperty("changeFromSuperseded")}")
            .ShouldBe(("CR1", ""));
        runs["CR1"].GetProperty("changeFromSuperseded").GetString().ShouldNotBeNull();
        var refused = await town.GetAsync(key, "/v1/run-differences?before=CR1&after=E1");
        (refused.Status, refused["name"]).ShouldBe((422, "CurrencyDiffers"), refused.Text);
        refused["detail"].ShouldNotBeNull().ShouldContain("CR1 is in CNY and E1 in EUR");
        (await town.GetAsync(key, "/v1/run-differences?before=R1&after=CR1")).Status.ShouldBe(200);
    }
}
