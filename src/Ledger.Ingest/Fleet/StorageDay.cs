using Ledger.Domain;

namespace Ledger.Ingest.Fleet;

/// <summary>
/// A station's storage unit: 500 kW and 2 MWh. It charges while energy is cheap (valley and deep valley) and gives
/// back while it is dear (peak and sharp peak), within a tenth and nine tenths of its capacity; of what it takes, 95 %
/// are stored.
/// </summary>
internal static class StorageDay
{
    public static readonly Power Rated = Power.FromKilowatts(500);
    private const long CapacityMilliwattSeconds = 2_000 * Vehicle.PerKilowattHour;
    private const long RampMilliwattsPerSecond = 25_000_000;
    private const int NoisePartsPerMillion = 800, Hour = 3600;

    /// <summary>The power of every step, in mW, positive when charging.</summary>
    public static long[] Simulate(FleetPlan plan, int station)
    {
        var chance = FleetChance.Of(plan.Seed, $"storage {FleetPlan.StorageOf(station)}");
        var (stored, power) = (CapacityMilliwattSeconds / 100 * chance.Number(20, 40), 0L);
        var charges = Power.FromKilowatts(chance.Number(300, 420)).Milliwatts;
        var gives = Power.FromKilowatts(chance.Number(350, 480)).Milliwatts;
        var delay = chance.Number(10, 300);
        var noise = chance.Number(0, int.MaxValue - 1);
        var milliwatts = new long[plan.Steps + 1];
        for (var step = 0; step < milliwatts.Length; step++)
        {
            var second = step * plan.StepSeconds - delay;
            var wanted = second switch
            {
                (>= 1 * Hour and < 6 * Hour) or (>= 11 * Hour and < 13 * Hour)
                    when stored < CapacityMilliwattSeconds / 10 * 9 => charges,
                (>= 9 * Hour and < 11 * Hour) or (>= 18 * Hour and < 20 * Hour)
                    when stored > CapacityMilliwattSeconds / 10 => -gives,
                _ => 0,
            };
            power = ConnectorDay.Towards(power, wanted, RampMilliwattsPerSecond * plan.StepSeconds);
            stored += (power > 0 ? power / 100 * 95 : power) * plan.StepSeconds;
            milliwatts[step] = FleetChance.Noisy(power, NoisePartsPerMillion, noise, step);
        }
        return milliwatts;
    }
}
