using System.Globalization;
using System.Text;
using Ledger.Cli;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// One kWh that another programme holds is not paid again, in whichever direction it flowed: a load that ends is what a
/// claim of import holds, an export what one of export holds, and a call may be answered by both. All calls are of 27
/// February from 18 to 20 o'clock, pay 2 a kWh and penalise with 1; the baseline is 10 kWh an hour.
/// </summary>
public sealed class HeldElsewhereTests
{
    private const string Facts = """
        {"type":"settlement-point","point":"C1","station":"S01","kind":"connector","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"register","point":"C1","direction":"import","meterSerial":"M1","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"register","point":"C1","direction":"export","meterSerial":"M1","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"rule-pack","pack":"none","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00+08:00","baseline":{"method":"zero"}}
        """;

    /// <summary>
    /// Ordered to export 20 kW, of a load of 10 and then of 20 exported 30 kWh are asked and come. The 10 that ended
    /// are what another programme holds of the first hour: 20 at 2 less 10 at 1, and 30 at 2. Against a baseline of
    /// zero no load ended, so a claim of one holds nothing of the 20 that are asked and come.
    /// </summary>
    [Theory]
    [InlineData("days", "import", 10, "90", "10")]
    [InlineData("days", "import", 25, "90", "10")]
    [InlineData("days", "export", 15, "75", "15")] // of the order's own direction
    [InlineData("none", "import", 10, "80", "")]
    public void An_order_to_export_is_not_paid_for_the_load_that_a_claim_holds(
        string baseline, string direction, int kwh, string net, string held)
    {
        using var town = Town(baseline, "export", 20, [(0, 20), (0, 20)]);
        Claim(town, "D1", direction, kwh);
        var page = town.Delivery("I1");
        page.GetProperty("net").GetString().ShouldBe(net);
        if (held.Length == 0) page.TryGetProperty("heldElsewhere", out _).ShouldBeFalse();
        else CalledTown.Column(page, "heldElsewhere", "kwh").ShouldBe([held]);
    }

    /// <summary>
    /// Capped at 0, of a load of 10 kWh an hour 8 are still drawn in the first hour while 5 are exported: 2 ended and 5
    /// were exported, of 10 that are asked; all 10 come in the second. What claims hold of the export is 5 at most.
    /// </summary>
    [Theory]
    [InlineData(null, "31")] // 7 at 2 less 3, and 20
    [InlineData(4, "19")] // 3 at 2 less 7, and 20
    [InlineData(5, "16")]
    [InlineData(60, "16")]
    public void A_cap_is_not_paid_for_the_export_that_a_claim_holds(int? kwh, string net)
    {
        using var town = Town("days", "curtail", 0, [(8, 5), (0, 0)]);
        if (kwh is { } claimed) Claim(town, "D1", "export", claimed);
        town.Net("I1").ShouldBe(net);
    }

    /// <summary>Several claims hold together what was exported, in their order, and each no more than it
    /// claims.</summary>
    [Fact]
    public void Claims_of_the_other_direction_hold_what_came_in_it_and_no_more()
    {
        using var town = Town("days", "curtail", 0, [(8, 5), (0, 0)]);
        foreach (var (claim, from, to) in new[] { ("D1", "18:00", "18:15"), ("D2", "18:15", "18:30"), ("D3", "18:30", "19:00") })
            Claim(town, claim, "export", 2, from, to);
        CalledTown.Column(town.Delivery("I1"), "heldElsewhere", "kwh").ShouldBe(["2", "2", "1"]);
        town.Net("I1").ShouldBe("16");
    }

    /// <summary>
    /// A run of a former program did not look at the claim and says 31.00 for the call. It is verified and explained by
    /// the rules that it names, and what is booked on it are 15.00; a new run says 16.00, by its own.
    /// </summary>
    [Fact]
    public async Task A_run_of_an_earlier_version_is_verified_by_it_and_a_new_run_says_the_new_one()
    {
        using var town = Town("days", "curtail", 0, [(8, 5), (0, 0)]);
        town.Settled().ShouldBe(("-31.00", "statement-2"));
        Claim(town, "D1", "export", 5);
        await town.RecordRunAsync("R1", run => run with { Run = new("OLD") });
        town.Done("verify");
        town.Done("explain", "OLD", "total");
        town.Paid("OLD").ShouldBe("-31.00");

        town.Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "D1", "--kind", "correction",
            "--supersedes", "OLD", "--style", "deltas");
        town.Done("verify");
        town.Settled(run: "R2").ShouldBe(("-16.00", "statement-5"));
        town.Done("replay", "--diff");

        // By the version that it names: the former amounts under the new name are found.
        await town.RecordRunAsync("OLD", run => run with
        {
            Run = new("F1"),
            RuleVersion = Settlement.BothDirectionsRuleVersion,
        });
        town.Run("verify").Exit.ShouldBe(ExitCode.NotAsItShouldBe);
    }

    /// <summary>Seven days of 10 kWh an hour up to 18 o'clock of the 27th, then these two hours.</summary>
    private static CalledTown Town(string baseline, string kind, int kw, (int Import, int Export)[] hours)
    {
        var town = new CalledTown { Clock = Instant.FromUtc(2026, 2, 27, 10, 0) };
        town.Import(Facts);
        town.Bill("cpo");
        town.Publish("own", 1, "settlementPoint", ",\"payer\":\"dso\"", baseline);
        town.Publish("other", 1, "settlementPoint");
        town.Enrol("own", "C1");
        town.Import("""{"type":"enrolment","programme":"other","point":"C1","prequalifiedKw":500,"from":"2026-01-01T00:00:00+08:00"}""");
        var (history, import, export) = ((5 * 24) + 18, 0, 0);
        var rows = new StringBuilder("point,register,read_at,kwh\n");
        for (var hour = 0; hour <= history; hour++) Row(hour, hour * 10, 0);
        town.Import(rows.ToString());
        town.Import($$"""
            {"type":"instruction","instruction":"I1","kind":"{{kind}}","issuedBy":"dso","issuedAt":"2026-02-27T17:00:00+08:00","start":"2026-02-27T18:00:00+08:00","end":"2026-02-27T20:00:00+08:00","targets":[{"point":"C1","kw":{{kw}}}],"penaltyPerKwh":"1","programme":"own"}
            """);
        town.Freeze("I1");
        rows.Clear().Append("point,register,read_at,kwh\n");
        for (var hour = 0; hour < 6; hour++)
        {
            var (drawn, sent) = hour < hours.Length ? hours[hour] : (0, 0);
            (import, export) = (import + drawn, export + sent);
            Row(history + hour + 1, (history * 10) + import, export);
        }
        town.Import(rows.ToString());
        return town;

        void Row(int hour, int imported, int exported)
        {
            var at = Instant.FromUtc(2026, 2, 21, 16, 0) + Duration.FromHours(hour);
            rows.Append(CultureInfo.InvariantCulture, $"C1,1.8.0,{at},{imported}\nC1,2.8.0,{at},{exported}\n");
        }
    }

    private static void Claim(CalledTown town, string claim, string direction, int kwh, string from = "18:00",
        string to = "19:00") => town.Import($$"""
        {"type":"delivery-claim","claim":"{{claim}}","programme":"other","point":"C1","direction":"{{direction}}","start":"2026-02-27T{{from}}:00+08:00","end":"2026-02-27T{{to}}:00+08:00","energyKwh":{{kwh}},"claimedBy":"cpo"}
        """);
}
