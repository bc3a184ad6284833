using Ledger.Domain;

namespace Ledger.Ingest.Fleet;

/// <summary>Energy taken and given, kept apart.</summary>
public readonly record struct EnergyPair(Energy Import, Energy Export)
{
    public static EnergyPair operator +(EnergyPair a, EnergyPair b) => new(a.Import + b.Import, a.Export + b.Export);
    public Energy Of(Direction direction) => direction == Direction.Import ? Import : Export;
}

/// <summary>
/// The energy that really flowed, known to the simulator alone: power is straight between steps, so a step's energy is
/// its trapezoid, and where it changes sign a triangle on each side of zero. It is computed here from the steps,
/// without the ledger's integrator, so that the one can be held against the other.
/// </summary>
public static class TrueEnergy
{
    /// <summary>Between two steps of a curve.</summary>
    public static EnergyPair Between(SimulatedCurve curve, int fromStep, int toStep, int stepSeconds)
    {
        var microseconds = stepSeconds * 1_000_000L;
        var (import, export) = ((Int128)0, (Int128)0);
        for (var step = fromStep; step < toStep; step++)
        {
            long a = curve.Milliwatts[step], b = curve.Milliwatts[step + 1];
            if (a >= 0 && b >= 0) import += (Int128)(a + b) * microseconds;
            else if (a <= 0 && b <= 0) export -= (Int128)(a + b) * microseconds;
            else
            {
                // The triangle before the zero, rounded half to even; the other is the rest of the trapezoid.
                var before = Energy.DivideHalfEven((Int128)a * a * microseconds, Math.Abs(b - a));
                var net = (Int128)(a + b) * microseconds;
                import += a > 0 ? before : before + net;
                export += a > 0 ? before - net : before;
            }
        }
        return new EnergyPair(new Energy(import), new Energy(export));
    }

    /// <summary>
    /// The energy that had flowed at every edge of a settlement period since midnight: one more than there are periods.
    /// </summary>
    public static IReadOnlyList<EnergyPair> AtEdges(SimulatedCurve curve, FleetPlan plan)
    {
        var stepsPerPeriod = plan.PeriodMinutes * 60 / plan.StepSeconds;
        var edges = new List<EnergyPair> { new(Energy.Zero, Energy.Zero) };
        for (var step = 0; step < plan.Steps; step += stepsPerPeriod)
            edges.Add(edges[^1] + Between(curve, step, step + stepsPerPeriod, plan.StepSeconds));
        return edges;
    }
}
