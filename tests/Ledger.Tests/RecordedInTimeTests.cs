using Ledger.Cli;
using Ledger.Domain;
using NodaTime;
using Shouldly;
using static Ledger.Tests.CalledTown;

namespace Ledger.Tests;

/// <summary>
/// What an instruction, its withdrawal or a declaration says of its own time counts no earlier than it is recorded: who
/// pays, or is paid, does not choose the money when everybody knows what was delivered. C1 draws 100 kWh an hour and is
/// capped at 60 on 27 February from 18:00 to 20:00; a kWh that comes is paid with 2, one that is missing costs 1.
/// </summary>
public sealed class RecordedInTimeTests
{
    private static readonly Instant Begins = Instant.FromUtc(2026, 2, 27, 10, 0);

    /// <summary>The order is recorded at an instant, and the two hours draw what is said.</summary>
    private static CalledTown Called(Instant recordedAt, int first, int second, string more = "")
    {
        var town = new CalledTown(more: $",\"payer\":\"dso\"{more}") { Clock = recordedAt };
        town.Connector("C1");
        town.Bill("cpo");
        town.Meter("C1", Hours((5 * 24) + 18, 100));
        town.Clock = recordedAt;
        town.Cap("I1", """{"point":"C1","kw":60}""");
        town.Freeze("I1");
        town.Meter("C1", [first, second, .. Hours(4, 100)]);
        return town;
    }

    [Theory]
    [InlineData("2026-02-27T18:00:00+08:00", "DeclaredTooLate")] // as if it had been before the call
    [InlineData("2026-03-01T07:58:59+08:00", "DeclaredTooLate")]
    [InlineData("2026-01-01T00:00:00+08:00", "ClockOutOfOrder")] // before it was issued
    public void A_delivered_call_is_not_withdrawn_afterwards(string at, string refused)
    {
        using var town = Called(Begins, 60, 60);
        town.Net("I1").ShouldBe("160");
        var run = town.TryImport($$"""{"type":"instruction-withdrawal","instruction":"I1","at":"{{at}}","reason":"enough"}""");
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        run.Output.ShouldContain(refused);
        town.Net("I1").ShouldBe("160");
    }

    [Fact]
    public void A_withdrawal_holds_from_when_it_is_recorded_and_the_call_is_paid_until_then()
    {
        using var town = Called(Begins, 60, 60);
        town.Import("""{"type":"instruction-withdrawal","instruction":"I1","at":"2026-03-01T07:59:00+08:00","reason":"enough"}""");
        town.Net("I1").ShouldBe("160");
    }

    [Fact]
    public void Power_is_not_declared_ready_for_a_time_that_has_begun()
    {
        using var town = Called(Begins, 100, 100, ",\"availabilityPerKwHour\":\"0.1\"");
        var run = town.TryImport("""
            {"type":"availability","programme":"reduce","point":"C1","declaredAt":"2026-02-01T00:00:00+08:00","start":"2026-02-01T00:00:00+08:00","end":"2026-02-28T00:00:00+08:00","availableKw":50}
            """);
        run.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        run.Output.ShouldContain("DeclaredTooLate");
    }

    /// <summary>40 of 80 kWh come: 80 less 40, and 80 where nobody can have known of the order. An order may be a
    /// minute on its way.</summary>
    [Theory]
    [InlineData(60, "-40.00", "statement-2")]
    [InlineData(61, "-80.00", "statement-6")]
    [InlineData(100_000, "-80.00", "statement-6")]
    public void An_order_that_is_recorded_after_it_has_begun_penalises_nobody(
        int secondsLate, string paid, string version)
    {
        using var town = Called(Begins + Duration.FromSeconds(secondsLate), 60, 100);
        town.Settled().ShouldBe((paid, version));
    }

    /// <summary>Nothing is left out of a call that is followed, so nothing shows that it was recorded late.</summary>
    [Fact]
    public void An_order_that_is_recorded_late_is_paid_as_any_other()
    {
        using var town = Called(Begins + Duration.FromDays(1), 60, 60);
        town.Settled().ShouldBe(("-160.00", "statement-2"));
    }

    /// <summary>A cheaper order of the same hours comes two days later and says that it was issued a minute before.
    /// Until statement-6 it took the place of the one that was followed.</summary>
    [Fact]
    public async Task An_order_that_is_dated_back_does_not_displace_the_one_that_was_recorded_first()
    {
        using var town = Called(Begins, 60, 60);
        town.Import("""
            {"type":"instruction","instruction":"I0","kind":"curtail","issuedBy":"dso","issuedAt":"2026-02-27T07:59:00+08:00","start":"2026-02-27T18:00:00+08:00","end":"2026-02-27T20:00:00+08:00","targets":[{"point":"C1","kw":60}],"pricePerKwh":"0.01","programme":"reduce"}
            """);
        town.Freeze("I0");
        (town.Net("I1"), town.Net("I0")).ShouldBe(("160", null));
        town.Settled().ShouldBe(("-160.00", "statement-6"));
        town.BundleIsVerified();
        foreach (var (version, of, ofDatedBack) in ((string, decimal?, decimal?)[])[
            (Settlement.AsRecordedRuleVersion, 160, null), (Settlement.BothDirectionsRuleVersion, null, 0.80m)])
            (await town.NetAsync("I1", version), await town.NetAsync("I0", version)).ShouldBe((of, ofDatedBack));
    }

    /// <summary>What a run of an earlier version is calculated again by: the penalty of an order that was recorded late
    /// is in it.</summary>
    [Fact]
    public async Task An_earlier_version_believes_when_an_order_was_issued()
    {
        using var town = Called(Begins + Duration.FromDays(1), 60, 100);
        (await town.NetAsync("I1", Settlement.AsRecordedRuleVersion)).ShouldBe(80m);
        (await town.NetAsync("I1", Settlement.BothDirectionsRuleVersion)).ShouldBe(40m);
    }
}
