using Ledger.Domain;
using Ledger.Projections;
using NodaTime;
using Shouldly;
using static Ledger.Projections.CurtailmentCompliance;

namespace Ledger.Tests;

/// <summary>Doubts: who sends nothing when a call goes badly keeps a clean record of calls.</summary>
public sealed class DoubtCredibilityTests
{
    private static readonly Instant Start = Instant.FromUtc(2026, 1, 5, 10, 0);

    private static StationCall Call(int day, bool kept)
    {
        var at = Start + Duration.FromDays(day);
        var name = $"I{day}";
        var ordered = Energy.FromWattHours(100_000);
        var order = new InstructionRow(name, InstructionKind.Export, "grid", at - Duration.FromHours(1), at,
            at + Duration.FromHours(1), null, null, 0, 0, 1m, 1m, null, null, VerdictTally.Empty);
        var target = new TargetRow(name, "C1", 100_000_000, kept ? ComplianceVerdict.Kept : ComplianceVerdict.Unproven, [],
            [], [], ordered, Energy.Zero, kept ? ordered : Energy.Zero, Energy.Zero, Energy.Zero, 0,
            kept ? 0 : 3_600_000_000, null, null, null, [], new(Energy.Zero, Energy.Zero), InstructionReach.Acknowledged,
            Connection.Unknown, 100_000_000);
        return StationCall.Of(order, [target], DateTimeZone.Utc);
    }

    /// <summary>Thirty calls were followed. In thirty others the station acknowledged the order and then sent no data. Decision 35:
    /// doubt is not in the station's favour, because the window is a promise to others.</summary>
    [Fact]
    public void A_call_of_which_a_station_sent_nothing_lowers_what_may_be_promised_of_it()
    {
        var clean = StationWindows.Of([.. Enumerable.Range(0, 30).Select(day => Call(day, true))]).All;
        var silent = StationWindows.Of([.. Enumerable.Range(0, 60).Select(day => Call(day, day % 2 == 0))]).All;
        clean.Credible90.ShouldBe(100_000_000);
        silent.SuccessRateAtLeastMillionths!.Value.ShouldBeLessThan(clean.SuccessRateAtLeastMillionths!.Value);
        silent.Credible90.ShouldNotBe(clean.Credible90);
    }
}
