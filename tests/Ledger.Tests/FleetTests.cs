using Ledger.Domain;
using Ledger.Ingest.Fleet;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The laws of the simulated fleet: what the demo and other tests rely on.</summary>
public sealed class FleetTests
{
    private static readonly FleetPlan Plan = FleetPlan.TwoStations(7);
    private static readonly IReadOnlyList<StationDay> Days =
        [.. Enumerable.Range(1, Plan.Stations).Select(n => StationDay.Simulate(Plan, n))];

    [Fact]
    public async Task A_day_depends_on_its_seed_alone_not_on_order_threads_or_time()
    {
        var again = await Task.WhenAll(Enumerable.Range(1, Plan.Stations).Reverse()
            .Select(n => Task.Run(() => StationDay.Simulate(Plan, n), TestContext.Current.CancellationToken)));
        foreach (var day in again)
            foreach (var (curve, other) in day.Curves.Zip(Days[day.Station - 1].Curves))
                curve.Milliwatts.SequenceEqual(other.Milliwatts).ShouldBeTrue($"{curve.Point}");
        StationDay.Simulate(FleetPlan.TwoStations(8),
            1).Curves[0].Milliwatts.SequenceEqual(Days[0].Curves[0].Milliwatts)
            .ShouldBeFalse();
    }

    [Fact]
    public void A_grid_connection_is_the_sum_of_what_is_behind_it()
    {
        foreach (var day in Days)
            for (var step = 0; step <= Plan.Steps; step++)
                day.Curves[^1].Milliwatts[step].ShouldBe(
                    day.Curves.SkipLast(1).Sum(curve => curve.Milliwatts[step]) + day.AuxiliaryMilliwatts[step]);
    }

    [Fact]
    public void Power_stays_within_its_rating_and_moves_through_zero()
    {
        foreach (var curve in Days.SelectMany(day => day.Curves.SkipLast(1)))
            for (var step = 0; step <= Plan.Steps; step++)
            {
                Math.Abs(curve.Milliwatts[step]).ShouldBeLessThanOrEqualTo(curve.Rated.Milliwatts / 1000 * 1002);
                if (step > 0) (Math.Sign(curve.Milliwatts[step]) * Math.Sign(curve.Milliwatts[step - 1]))
                    .ShouldBeGreaterThanOrEqualTo(0);
            }
    }

    [Fact]
    public void Charging_tapers_and_a_vehicle_is_never_over_full()
    {
        foreach (var day in Days)
            for (var connector = 0; connector < Plan.Connectors; connector++)
                foreach (var session in day.Sessions[connector])
                {
                    var stored = session.Vehicle.At(session.Vehicle.ArrivesAtPercent);
                    var last = Math.Min(session.PlugOutSecond, FleetPlan.DaySeconds) / Plan.StepSeconds;
                    for (var step = session.PlugInSecond / Plan.StepSeconds; step < last; step++)
                        stored += day.Curves[connector].Milliwatts[step] * Plan.StepSeconds;
                    // Noise is measured, not charged: a thousandth of what flowed, at most.
                    stored.ShouldBeInRange(0, session.Vehicle.At(100) / 1000 * 1005);
                }
    }

    [Fact]
    public void Vehicles_come_together_at_the_ends_of_shifts()
    {
        var city = FleetPlan.City(7) with { StepSeconds = 60 };
        var arrivals = Enumerable.Range(1, city.Stations)
            .SelectMany(n => StationDay.Simulate(city, n).Sessions.SelectMany(s => s))
            .Select(session => session.PlugInSecond / 900).GroupBy(quarter => quarter)
            .ToDictionary(g => g.Key, g => g.Count());
        // the quarter of an hour after 07:00
        arrivals[7 * 4].ShouldBeGreaterThan(3 * arrivals.GetValueOrDefault(7 * 4 - 2));
    }

    [Fact]
    public void The_ledgers_integral_of_what_was_sent_is_the_true_energy_less_what_a_gap_hides()
    {
        var hidden = 0;
        foreach (var day in Days.Where(day => day.Station != Plan.Disturbances.ClockStation))
            foreach (var curve in day.Curves)
            {
                var edges = TrueEnergy.AtEdges(curve, Plan);
                var integrals = PowerCurve.Integrate([.. day.Sent(curve)], Periods(),
                    Duration.FromSeconds(3 * Plan.StepSeconds));
                for (var i = 0; i < integrals.Count; i++)
                {
                    var missing = Missing(day, curve, integrals[i]);
                    if (missing != default) hidden++;
                    (integrals[i].Import + missing.Import)
                        .ShouldBe(edges[i + 1].Import - edges[i].Import, $"{curve.Point} {i}");
                    (integrals[i].Export + missing.Export)
                        .ShouldBe(edges[i + 1].Export - edges[i].Export, $"{curve.Point} {i}");
                }
            }
        hidden.ShouldBe(1);
    }

    [Fact]
    public void A_register_shows_the_true_energy_to_one_step_also_where_it_rolls_over()
    {
        var rollovers = 0;
        foreach (var day in Days)
            foreach (var curve in day.Curves)
            {
                var edges = TrueEnergy.AtEdges(curve, Plan);
                foreach (var register in SimulatedRegister.Of(Plan, curve))
                {
                    var direction = register.Installed.Register.Direction;
                    var counted = Energy.Zero;
                    for (var i = 1; i < edges.Count; i++)
                    {
                        var before = register.IndexAfter(edges[i - 1].Of(direction));
                        var now = register.IndexAfter(edges[i].Of(direction));
                        if (now < before) rollovers++;
                        counted += Register.Difference(register.Installed, before, now).Delta!.Value;
                        var residual = edges[i].Of(direction) - counted;
                        residual.ShouldBeInRange(Energy.Zero,
                            Register.Difference(register.Installed, 0, 1).Delta!.Value);
                    }
                }
            }
        rollovers.ShouldBe(1);
    }

    [Fact]
    public void Every_conduct_shows_in_the_energy_of_the_call()
    {
        foreach (var call in Plan.Calls)
            foreach (var target in call.Targets)
            {
                var day = Days[target.Station - 1];
                var flowed = TrueEnergy.Between(day.Curves[target.Connector - 1],
                    (call.FromSecond + 60) / Plan.StepSeconds,
                    call.ToSecond / Plan.StepSeconds, Plan.StepSeconds);
                // Half nanojoules: milliwatts times microseconds, doubled.
                var ordered = new Energy((Int128)call.Quantity.Milliwatts * (call.ToSecond - call.FromSecond - 60)
                    * 2_000_000);
                var follows = call.Kind == InstructionKind.Export ? flowed.Export >= ordered : flowed.Import <= ordered;
                var expected = target.Conduct == CallConduct.Complies
                    || (call.Kind == InstructionKind.Curtail && target.Conduct == CallConduct.NoVehicle);
                follows.ShouldBe(expected, $"{call.Instruction} {target}");
                day.Observations.Any(seen => seen.Point == day.Curves[target.Connector - 1].Point
                    && seen.FromSecond >= call.FromSecond && seen.ToSecond <= call.ToSecond)
                    .ShouldBe(target.Conduct is CallConduct.NoVehicle or CallConduct.Safety
                        or CallConduct.StateOfChargeFloor, $"{target}");
                CallClocks.Of(day, call).Any(clock => clock.Point == day.Curves[target.Connector - 1].Point)
                    .ShouldBe(target.Conduct != CallConduct.Silent);
            }
    }

    private static Interval[] Periods() =>
        [.. Enumerable.Range(0, 96).Select(i => new Interval(Plan.At(i * 900), Plan.At((i + 1) * 900)))];

    /// <summary>The true energy of the period's gaps; only those of the plan are gaps.</summary>
    private static EnergyPair Missing(StationDay day, SimulatedCurve curve, PeriodIntegral integral) =>
        integral.Gaps.Aggregate(default(EnergyPair), (sum, gap) => sum + TrueEnergy.Between(
            curve, Step(gap.Missing.Start), Step(gap.Missing.End), Plan.StepSeconds));

    private static int Step(Instant at) => (int)((at - Plan.Start).TotalSeconds / Plan.StepSeconds);
}
