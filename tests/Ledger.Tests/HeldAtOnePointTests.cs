using System.Globalization;
using System.Text;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// What another programme holds at one point is taken from that point alone, and a claim at one share shows on the
/// statements of all shares where penalties are given back. A and B are ordered to export 20 kWh each in the last
/// quarter of the hour; a kWh that comes is paid with 1, one that is missing costs 1, against a baseline of zero.
/// </summary>
public sealed class HeldAtOnePointTests
{
    private const string Facts = """
        {"type":"rule-pack","pack":"none","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00+08:00","baseline":{"method":"zero"}}
        """;

    private const string Quarter = "\"start\":\"2026-02-27T18:45:00+08:00\",\"end\":\"2026-02-27T19:00:00+08:00\"";
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>The export of A and B in the quarter; below zero is drawn.</summary>
    private static CalledTown Town(string paidPer, int ofA, int ofB, string more = "", string ownerOfB = "cpo")
    {
        var town = new CalledTown { Clock = Instant.FromUtc(2026, 2, 27, 8, 30) };
        town.Import(Facts);
        town.Bill("cpo", "two");
        var rows = new StringBuilder("point,register,read_at,kwh\n");
        foreach (var (point, owner, kwh) in new[] { ("A", "cpo", ofA), ("B", ownerOfB, ofB) })
        {
            town.Import($$"""
                {"type":"settlement-point","point":"{{point}}","station":"S01","kind":"connector","owner":"{{owner}}","zone":"Asia/Shanghai","periodMinutes":15,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-01-01T00:00:00+08:00"}
                {"type":"register","point":"{{point}}","direction":"import","meterSerial":"M{{point}}","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}
                {"type":"register","point":"{{point}}","direction":"export","meterSerial":"M{{point}}","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}
                """);
            foreach (var (register, moved) in new[] { ("1.8.0", Math.Max(0, -kwh)), ("2.8.0", Math.Max(0, kwh)) })
                rows.Append(CultureInfo.InvariantCulture, $"{point},{register},2026-02-27T18:45:00+08:00,100\n"
                    + $"{point},{register},2026-02-27T19:00:00+08:00,{100 + moved}\n");
        }
        town.Publish("own", 1, paidPer, $",\"payer\":\"dso\"{more}", "none");
        town.Publish("other", 1, "settlementPoint");
        foreach (var point in (string[])["A", "B"]) town.Enrol("own", point);
        foreach (var point in (string[])["A", "B"])
            town.Import($$"""{"type":"enrolment","programme":"other","point":"{{point}}","prequalifiedKw":500,"from":"2026-01-01T00:00:00+08:00"}""");
        town.Import($$"""
            {"type":"instruction","instruction":"I1","kind":"export","issuedBy":"dso","issuedAt":"2026-02-27T08:00:00+08:00",{{Quarter}},"targets":[{"point":"A","kw":80},{"point":"B","kw":80}],"pricePerKwh":"1","penaltyPerKwh":"1","programme":"own"}
            """);
        town.Freeze("I1");
        town.Clock = SmallTown.Now;
        town.Import(rows.ToString());
        return town;
    }

    /// <summary>Of another programme, of an hour: a quarter of it in the call.</summary>
    private static void Claim(CalledTown town, string point, int kwh, string direction = "export") => town.Import($$"""
        {"type":"delivery-claim","claim":"D-{{point}}","programme":"other","point":"{{point}}","direction":"{{direction}}","start":"2026-02-27T18:00:00+08:00","end":"2026-02-27T19:00:00+08:00","energyKwh":{{kwh}},"claimedBy":"cpo"}
        """);

    /// <summary>A exported what the other programme holds there; what B exported is this programme's. What A drew
    /// against the order stays A's too, and is not made up for by energy that another holds at B.</summary>
    [Theory]
    [InlineData("station", 5, 20, "A", 80, "0", "0.00", "statement-7")] // 20 come, 20 are missing
    [InlineData("account", 5, 20, "A", 80, "0", "0.00", "statement-7")]
    [InlineData("settlementPoint", 5, 20, "A", 80, "0", "0.00", "statement-2")]
    [InlineData("station", -10, 20, "A", 80, "-20", "20.00", "statement-7")] // 10 come, 30 are missing
    [InlineData("station", -10, 20, "B", 80, "-50", "50.00", "statement-7")] // 10 less than nothing, 50 are missing
    [InlineData("station", 20, 20, "A", 40, "20", "-20.00", "statement-2")] // 30 come, 10 are missing
    [InlineData("station", 5, 20, null, 0, "10", "-10.00", "statement-2")]
    public void Energy_that_is_held_at_a_point_is_taken_from_no_other(
        string paidPer, int ofA, int ofB, string? at, int kwh, string net, string paid, string version)
    {
        using var town = Town(paidPer, ofA, ofB);
        if (at is not null) Claim(town, at, kwh);
        town.Net("I1").ShouldBe(net);
        town.Settled().ShouldBe((paid, version));
    }

    [Fact]
    public async Task An_earlier_version_takes_it_from_all_of_them()
    {
        using var town = Town("station", 5, 20);
        Claim(town, "A", 80);
        (await town.NetAsync("I1", Settlement.AsRecordedRuleVersion)).ShouldBe(-30m);
        await using var ledger = await town.OpenAsync();
        // The message to whoever is paid has the powers of the delivery: 20 kWh in a quarter of an hour are 80 kW.
        var order = (await FlexOrders.OfAsync(ledger.Journal, new(ledger.Views), new(ledger.Views), new("dso"), new("cpo"), new(2026, 2),
            ledger.Journal.Length, Ct)).Orders.ShouldHaveSingleItem();
        var period = order.Periods.ShouldHaveSingleItem();
        (period.DeliveredWatts, period.DeficiencyWatts).ShouldBe((-80_000, 80_000));
        (order.Payment, order.Penalty).ShouldBe((20m, 20m));
    }

    /// <summary>
    /// Both are capped at 0, of a load of 10 kWh an hour. A draws 8 and exports 5 in the first hour, which a claim of
    /// export holds: so A's penalty is 8 and not 3, and B, which delivers 20 of 20, gets 20/32 of it back and not 20/37
    /// of 3. B's statement follows from the claim at A as A's does.
    /// </summary>
    [Fact]
    public void A_claim_of_the_other_direction_at_one_share_is_named_on_the_statements_of_all()
    {
        using var town = new CalledTown(more: ",\"payer\":\"dso\",\"redistribution\":\"delivered\"")
        {
            Clock = Instant.FromUtc(2026, 2, 27, 10, 0),
        };
        town.Import(Facts);
        town.Bill("cpo", "two");
        foreach (var (point, owner) in new[] { ("A", "cpo"), ("B", "two") })
        {
            town.Connector(point, owner: owner);
            town.Meter(point, CalledTown.Hours((5 * 24) + 18, 10));
        }
        town.Import("""{"type":"register","point":"A","direction":"export","meterSerial":"M-A","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}""");
        var rows = new StringBuilder("point,register,read_at,kwh\n");
        for (var hour = 0; hour <= (5 * 24) + 18; hour++)
            rows.Append(CultureInfo.InvariantCulture, $"A,2.8.0,{town.MeteredFrom + Duration.FromHours(hour)},0\n");
        town.Import(rows.ToString());
        town.Publish("other", 1, "settlementPoint");
        town.Import("""{"type":"enrolment","programme":"other","point":"A","prequalifiedKw":500,"from":"2026-01-01T00:00:00+08:00"}""");
        town.Cap("I1", """{"point":"A","kw":0},{"point":"B","kw":0}""");
        town.Freeze("I1");
        town.Meter("A", 8, 0, 0, 0, 0, 0);
        town.Meter("B", 0, 0, 0, 0, 0, 0);
        town.Import("""
            point,register,read_at,kwh
            A,2.8.0,2026-02-27T19:00:00+08:00,5
            A,2.8.0,2026-02-27T20:00:00+08:00,5

            """);
        Claim(town, "A", 5);
        town.Settled("two").ShouldBe(("-45.00", "statement-5"));
        town.Settled(run: "R2").Version.ShouldBe("statement-5");
    }
}
