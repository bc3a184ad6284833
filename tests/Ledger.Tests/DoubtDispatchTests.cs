using Ledger.Cli;
using Ledger.Domain;
using Shouldly;
using static Ledger.Tests.CalledTown;

namespace Ledger.Tests;

/// <summary>Doubts: what who pays, or who is paid, dates back after the event decides the money. The clock of these towns
/// shows 1 March 2026 08:00 in Shanghai; the call was on 27 February from 18 to 20.</summary>
public sealed class DoubtDispatchTests
{
    /// <summary>Capped at 60 of 100 kWh, and followed for both hours: 160 are owed.</summary>
    private static CalledTown Followed(string more = "")
    {
        var town = new CalledTown(more: more);
        town.Connector("C1");
        town.Meter("C1", Hours((5 * 24) + 8, 100));
        town.Cap("I1", """{"point":"C1","kw":60}""");
        town.Freeze("I1");
        town.Meter("C1", [.. Hours(10, 100), 60, 60]);
        return town;
    }

    [Fact]
    public void A_withdrawal_that_is_recorded_after_a_delivered_call_takes_no_payment_back()
    {
        using var town = Followed();
        town.Net("I1").ShouldBe("160");
        // Two days later whoever pays says that it had withdrawn before the call began.
        town.TryImport("""{"type":"instruction-withdrawal","instruction":"I1","at":"2026-02-27T18:00:00+08:00","reason":"enough"}""");
        town.Net("I1").ShouldBe("160");
    }

    [Fact]
    public void An_instruction_is_not_withdrawn_before_it_was_issued()
    {
        using var town = Followed();
        town.TryImport("""{"type":"instruction-withdrawal","instruction":"I1","at":"2026-01-01T00:00:00+08:00","reason":"never meant"}""")
            .Exit.ShouldNotBe(ExitCode.Done);
    }

    [Fact]
    public void An_instruction_that_is_recorded_after_its_call_has_ended_penalises_nobody()
    {
        using var town = new CalledTown();
        town.Connector("C1");
        town.Meter("C1", Hours((6 * 24), 100));
        // Recorded on 1 March; its call was on 27 February and nobody can have known of it.
        town.TryImport("""
            {"type":"instruction","instruction":"I9","kind":"curtail","issuedBy":"dso","issuedAt":"2026-02-27T08:00:00+08:00","start":"2026-02-27T18:00:00+08:00","end":"2026-02-27T20:00:00+08:00","targets":[{"point":"C1","kw":60}],"penaltyPerKwh":"50","programme":"reduce"}
            """);
        town.Run("freeze", "I9");
        var page = town.Run("show", "delivery", "I9", "--json");
        (page.Exit == ExitCode.Done ? town.Net("I9") : null).ShouldBeNull();
    }

    [Fact]
    public void An_instruction_that_is_dated_back_does_not_displace_the_payment_of_the_call_that_was_recorded_first()
    {
        using var town = Followed();
        town.Net("I1").ShouldBe("160");
        // Recorded two days after the call, at a hundredth of the price, and said to be issued a minute before the first.
        town.TryImport("""
            {"type":"instruction","instruction":"I0","kind":"curtail","issuedBy":"dso","issuedAt":"2026-02-27T07:59:00+08:00","start":"2026-02-27T18:00:00+08:00","end":"2026-02-27T20:00:00+08:00","targets":[{"point":"C1","kw":60}],"pricePerKwh":"0.01","programme":"reduce"}
            """);
        town.Net("I1").ShouldBe("160");
    }

    [Fact]
    public void Power_that_is_declared_ready_after_the_time_is_over_is_not_paid()
    {
        using var town = new CalledTown(more: ",\"payer\":\"dso\",\"availabilityPerKwHour\":\"0.1\"");
        town.Connector("C1");
        town.Meter("C1", Hours(6 * 24, 100));
        town.Import("""{"type":"enrolment","programme":"reduce","point":"C1","prequalifiedKw":50,"from":"2026-02-01T00:00:00+08:00"}""");
        // Recorded on 1 March: all of February at once, dated back to its first day.
        town.TryImport("""
            {"type":"availability","programme":"reduce","point":"C1","declaredAt":"2026-02-01T00:00:00+08:00","start":"2026-02-01T00:00:00+08:00","end":"2026-02-28T00:00:00+08:00","availableKw":50}
            """).Exit.ShouldNotBe(ExitCode.Done);
    }
}
