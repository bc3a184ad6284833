using Ledger.Domain;

namespace Ledger.Ingest.Fleet;

/// <summary>
/// A register of the simulated fleet: what it stood at when the day began, in its own steps, and what it shows after
/// some energy has flowed. It counts whole steps, keeps what is less, and returns to zero after its last digit.
/// </summary>
public sealed record SimulatedRegister(RegisterInstalled Installed, long StartSteps)
{
    /// <summary>Half nanojoules that one step of this register stands for.</summary>
    private Int128 PerStep
    {
        get
        {
            var step = (Int128)Energy.HalfNanojoulesPerWattHour * 1000;
            for (var i = 0; i < Installed.Decimals; i++) step /= 10;
            return step * Installed.Factor;
        }
    }

    /// <summary>The steps after which it shows zero again.</summary>
    private Int128 ModulusSteps
    {
        get
        {
            Int128 modulus = 1;
            for (var i = 0; i < Installed.Digits; i++) modulus *= 10;
            return modulus;
        }
    }

    /// <summary>The index, in steps, after this energy has flowed since midnight.</summary>
    public long IndexAfter(Energy sinceMidnight) =>
        (long)((StartSteps + sinceMidnight.HalfNanojoules / PerStep) % ModulusSteps);

    /// <summary>
    /// Both registers of a point. A grid connection is metered behind transformers, 10 kV / 100 V and 300 A / 5 A: 8
    /// digits, 4 decimals, factor 6000. Connectors and storage have meters of 9 digits, 3 decimals, factor 1.
    /// </summary>
    public static IReadOnlyList<SimulatedRegister> Of(FleetPlan plan, SimulatedCurve curve)
    {
        var chance = FleetChance.Of(plan.Seed, $"meter {curve.Point}");
        var serial = $"M{chance.Number(10_000_000, 99_999_999)}";
        var (digits, decimals, factor) = curve.Kind == SettlementPointKind.GridConnection ? (8, 4, 6_000) : (9, 3, 1);
        var registers = new List<SimulatedRegister>();
        foreach (var direction in new[] { Direction.Import, Direction.Export })
        {
            var rollsOver = direction == Direction.Import
                && curve.Point == FleetPlan.GridOf(plan.Disturbances.RolloverStation);
            // 12 000 steps of 0.6 kWh before all digits turn: that much is imported in some hours.
            var start = rollsOver ? 99_988_000L : chance.Number(2_000_000, 80_000_000);
            registers.Add(new(new RegisterInstalled(
                new RegisterId(curve.Point, direction), serial, digits, decimals, factor, null), start));
        }
        return registers;
    }
}
