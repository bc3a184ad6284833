using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A tally is nothing but its verdicts: each counted once and summed,
/// and taken out again without a trace.</summary>
public sealed class VerdictTallyTests
{
    [Fact]
    public void Each_verdict_is_counted_by_its_name_and_its_energies_and_money_are_summed()
    {
        var tally = Verdicts().Aggregate(VerdictTally.Empty, (sum, next) => sum.Plus(next));
        tally.ShouldBe(new VerdictTally(
            6, 1, 1, 1, 1, 1, Wh(10 + 20 + 30 + 40 + 50 + 60), Wh(1 + 2 + 3 + 4 + 5 + 6),
            Wh(100 + 200 + 300 + 400 + 500 + 600),
            Wh(6 + 7 + 8 + 9 + 10 + 11), Wh(11 + 12 + 13 + 14 + 15 + 16), 1m + 2m + 3m + 4m, 5m + 6m + 7m + 8m,
            -4m - 4m - 4m - 4m, Power.FromKilowatts(20 + 21 + 22 + 23 + 24 + 25),
            Wh(30 + 31 + 32 + 33 + 34 + 35), Wh(40 + 41 + 42 + 43 + 44 + 45), 2, 3, 0 + 1 + 2 + 3 + 4 + 5));
        tally.Eligible.ShouldBe(5);
        tally.NotOverYet().ShouldBe(1);
    }

    [Fact]
    public void What_was_counted_can_be_taken_out_again()
    {
        var verdicts = Verdicts();
        var all = verdicts.Aggregate(VerdictTally.Empty, (sum, next) => sum.Plus(next));
        foreach (var verdict in verdicts)
            all.Less(verdict).ShouldBe(
                verdicts.Where(other => other != verdict).Aggregate(VerdictTally.Empty, (sum, next) => sum.Plus(next)));
        verdicts.Aggregate(all, (sum, next) => sum.Less(next)).ShouldBe(VerdictTally.Empty);
    }

    /// <summary>One of each verdict; the last two have no worth, as a curtailment has none.</summary>
    private static List<TargetVerdict> Verdicts() => [.. Enum.GetValues<ComplianceVerdict>().Select((verdict, i) =>
        new TargetVerdict(new($"C{i}"), verdict, [], [], [], Wh(10 * (i + 1)), Wh(i + 1), Wh(100 * (i + 1)), Wh(i + 6),
            Wh(i + 11), Duration.Zero, Duration.Zero, i >= 4 ? null : new DeliveryPeriod(0, 0, i + 1, i + 5, -4),
            new(Wh(i + 30), Wh(i + 40)), InstructionReach.Acknowledged, [],
            new(i < 2 ? true : i < 4 ? false : null, i < 3 ? true : null, i), Power.FromKilowatts(i + 20)))];

    private static Energy Wh(long wattHours) => Energy.FromWattHours(wattHours);
}
