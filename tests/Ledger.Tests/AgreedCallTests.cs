using Ledger.Cli;
using Ledger.Domain;
using Shouldly;
using static Ledger.Tests.CalledTown;

namespace Ledger.Tests;

/// <summary>
/// A call is held to what was agreed before it: only who takes part owes a penalty, and by the programme's notice, ramp
/// and tolerance. C1 draws 100 kWh an hour and is capped at 40 on 27 February from 18:00 to 20:00 by an order that is
/// recorded at 16:30; a kWh that comes is paid with 2, one that is missing costs 1.
/// </summary>
public sealed class AgreedCallTests
{
    /// <param name="terms">Of the programme.</param>
    /// <param name="order">What the order says beside.</param>
    /// <param name="enrolment">The end of the enrolment's text; null where there is none.</param>
    private static CalledTown Called(string terms, string order, string? enrolment, int first = 100, int second = 46)
    {
        var town = new CalledTown(more: $",\"payer\":\"dso\"{terms}") { Enrols = false };
        town.Connector("C1");
        if (enrolment is not null)
            town.Import($$"""{"type":"enrolment","programme":"reduce","point":"C1","prequalifiedKw":500,"from":"2026-01-01T00:00:00+08:00"{{enrolment}}}""");
        town.Bill("cpo");
        town.Meter("C1", Hours((5 * 24) + 8, 100));
        town.Cap("I1", """{"point":"C1","kw":40}""", more: order);
        town.Freeze("I1");
        town.Meter("C1", [.. Hours(10, 100), first, second, .. Hours(4, 100)]);
        return town;
    }

    /// <summary>60 kWh are asked of each hour. Nothing and 54 come: 108.00 less 60.00 and 6.00.</summary>
    [Theory]
    [InlineData("", "", "42", "statement-2")]
    // An hour and a half of notice, and an order may be a minute on its way; what it says of itself counts for nothing.
    [InlineData(",\"noticeSeconds\":5460", "", "42", "statement-2")]
    [InlineData(",\"noticeSeconds\":5461", "", "108", "statement-10")]
    [InlineData(",\"noticeSeconds\":43200", "", "108", "statement-10")]
    // In the first half hour, or hour, nothing need come; in the second hour all of it.
    [InlineData(",\"rampSeconds\":1800", "", "72", "statement-10")]
    [InlineData(",\"rampSeconds\":3600", "", "102", "statement-10")]
    [InlineData(",\"rampSeconds\":7200", "", "108", "statement-10")]
    // 6 of 60 kWh may be missing in each hour, or 12, which are more than are in the second; or 50.
    [InlineData(",\"tolerancePermille\":100", "", "54", "statement-10")]
    [InlineData(",\"tolerancePermille\":200", "", "60", "statement-10")]
    [InlineData(",\"tolerancePermille\":1000", "", "108", "statement-10")]
    [InlineData(",\"rampSeconds\":1800,\"tolerancePermille\":100", "", "81", "statement-10")] // 33 and 6
    [InlineData(",\"rampSeconds\":3600,\"tolerancePermille\":200", "", "108", "statement-10")]
    // An order may allow more than its programme does, and not less.
    [InlineData("", ",\"rampSeconds\":3600", "102", "statement-10")]
    [InlineData("", ",\"toleranceKw\":6", "54", "statement-10")]
    [InlineData(",\"rampSeconds\":3600,\"tolerancePermille\":200", ",\"rampSeconds\":60,\"toleranceKw\":1", "108", "statement-10")]
    public void The_terms_of_a_programme_say_what_may_be_missing(string terms, string order, string net, string version)
    {
        using var town = Called(terms, order, "");
        town.Net("I1").ShouldBe(net);
        town.Settled().ShouldBe(($"-{net}.00", version));
        if (version == "statement-10") town.Done("explain", "R1#25").ShouldContain("C1 in reduce"); // the enrolment
        town.BundleIsVerified();
    }

    /// <summary>Who did not take part when he was called is paid for what came, and owes nothing.</summary>
    [Theory]
    [InlineData(null, "108", "statement-10")]
    [InlineData(",\"to\":\"2026-02-27T19:30:00+08:00\"", "108", "statement-10")] // for a part of the call
    [InlineData(",\"to\":\"2026-02-27T20:00:00+08:00\"", "42", "statement-2")]
    public void Who_takes_part_in_nothing_owes_nothing(string? enrolment, string net, string version)
    {
        using var town = Called("", "", enrolment);
        town.Net("I1").ShouldBe(net);
        var said = town.Delivery("I1").GetProperty("shares")[0].GetProperty("whyNoPenalty").GetString();
        said.ShouldBe(version == "statement-2" ? null : "C1 was not enrolled in reduce for all of the call");
        town.Settled().ShouldBe(($"-{net}.00", version));
        if (said is not null) town.Run("explain", "R1#25").Output.ReplaceLineEndings(" ").ShouldContain("no penalty: C1");
        town.BundleIsVerified();
    }

    /// <summary>Nothing is missing, so nothing falls away, and the statement has the bytes that it had.</summary>
    [Fact]
    public void A_call_that_is_followed_says_nothing_of_penalties()
    {
        using var town = Called(",\"noticeSeconds\":43200,\"rampSeconds\":3600", "", null, 40, 40);
        town.Delivery("I1").GetProperty("shares")[0].GetProperty("whyNoPenalty").GetString().ShouldBeNull();
        town.Settled().ShouldBe(("-240.00", "statement-2"));
    }

    /// <summary>He leaves on paper when he knows what he owes.</summary>
    [Fact]
    public void An_enrolment_that_ends_after_the_order_takes_no_penalty_back()
    {
        using var town = Called("", "", "");
        town.Import("""{"type":"enrolment-end","programme":"reduce","point":"C1","at":"2026-02-27T09:00:00+08:00","reason":"left"}""");
        town.Net("I1").ShouldBe("42");
        town.Settled().ShouldBe(("-42.00", "statement-2"));
    }

    /// <summary>Whoever is enrolled for it afterwards was not when he was called.</summary>
    [Fact]
    public void An_enrolment_that_comes_after_the_order_makes_no_penalty()
    {
        using var town = Called("", "", null);
        town.Enrol("reduce", "C1");
        town.Net("I1").ShouldBe("108");
    }

    /// <summary>A run of a former program asked no enrolment and says 42.00. It is verified and explained by the rules
    /// that it names; the same under the new name is found.</summary>
    [Fact]
    public async Task A_run_of_an_earlier_version_is_verified_by_it()
    {
        using var former = Called("", "", "");
        former.Settled().ShouldBe(("-42.00", "statement-2"));
        var was = (await former.FactsAsync<SettlementRunCompleted>()).Single();
        // Its facts stand at the same positions, but that the enrolment ended before the call.
        using var town = Called("", "", ",\"to\":\"2026-02-01T00:00:00+08:00\"");
        // Before the ledger has named a later version anything else is by its rules.
        town.Done("settle", "--account", "cpo", "--day", "2026-02-26", "--run", "R0");
        await town.RecordRunAsync("R0", _ => was with { Run = new("OLD") });
        town.Done("verify");
        town.Done("explain", "OLD", "total");
        town.Settled().ShouldBe(("-108.00", "statement-10"));
        await town.RecordRunAsync("R1", _ => was with
        {
            Run = new("F1"),
            RuleVersion = Settlement.AgreedRuleVersion,
        });
        town.Run("verify").Exit.ShouldBe(ExitCode.NotAsItShouldBe);
    }
}
