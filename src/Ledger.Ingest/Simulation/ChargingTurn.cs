namespace Ledger.Ingest.Simulation;

/// <summary>
/// A stretch of a connector's samples whose power, without noise, is a whole-numbered line or stair of the index:
/// <c>Level + Step · ((i − First) / Hold)</c>, in units of power. It ends before <paramref name="End"/>.
/// </summary>
/// <param name="NoiseShift">How often the entries of the noise are halved.</param>
/// <param name="NoiseMask">All bits, or none where the stretch has no noise.</param>
internal readonly record struct CurvePiece(
    long First, long End, long Level, long Step, long Hold, int NoiseShift, long NoiseMask)
{
    public bool Holds(long index) => First <= index && index < End;
    public long LevelAt(long index) => Level + Step * ((index - First) / Hold);
    /// <summary>The levels of the stretch added up, of its samples before an index.</summary>
    public long LevelsUpTo(long index)
    {
        var samples = Math.Clamp(index, First, End) - First;
        var (stairs, rest) = Math.DivRem(samples, Hold);
        return Level * samples + Step * (Hold * (stairs * (stairs - 1) / 2) + rest * stairs);
    }

    public bool Noisy => NoiseMask != 0;

    /// <summary>Noise is a share of the least power of the stretch, so that it changes no sign.</summary>
    public static CurvePiece Of(long first, long end, long level, long step, long hold)
    {
        var last = level + step * ((end - 1 - first) / hold);
        var least = Math.Sign(level) * Math.Sign(last) <= 0 ? 0 : Math.Min(Math.Abs(level), Math.Abs(last));
        var shift = StreamNoise.ShiftFor(least);
        return new(first, end, level, step, hold, shift ?? 0, shift is null ? 0 : -1L);
    }
}

/// <summary>Why a session ended, as the vehicle or the driver says.</summary>
public enum SimulatedStopReason { TargetReached = 1, StoppedByDriver = 2, StoppedByVehicle = 3 }

/// <summary>
/// A charging session, by the connector's own samples: plugged in, power begins, power has ended, plugged out.
/// </summary>
/// <param name="Number">Which turn of the connector this is.</param>
/// <param name="TurnEndIndex">The first sample of the next turn.</param>
/// <param name="PeakMilliwatts">What it charges with until it tapers.</param>
/// <param name="ArrivesAtPermille">The battery's state of charge at the start; per thousand.</param>
public sealed record SimulatedSession(
    long Number, long PlugInIndex, long StartIndex, long StopIndex, long PlugOutIndex, long TurnEndIndex,
    long PeakMilliwatts,
    int ArrivesAtPermille, int LeavesAtPermille, bool Discharges, SimulatedStopReason StopReason);

/// <summary>
/// One turn of a connector: a time of fixed length, from 30 to 90 min, in which one vehicle comes, charges and leaves.
/// Turns follow each other without end in both directions of time, and each is drawn by its number alone, so any
/// instant of a connector is found without simulating what was before.
/// </summary>
internal static class ChargingTurn
{
    /// <summary>Stretches of a turn: idle, ramp, hold, ramp, discharge, ramp, hold, taper, ramp, idle.</summary>
    public const int PiecesMax = 10;
    /// <summary>How fast a charger moves: 25 kW a second.</summary>
    private const long RampMilliwattsPerSecond = 25_000_000;
    private const int SecondsMin = 1800, SecondsMax = 5400;
    /// <summary>A connector may turn its power round at most to this.</summary>
    private const long DischargeMilliwattsMax = 200_000_000;

    /// <summary>The length of a connector's turns, in samples, and how far it is in one at sample 0.</summary>
    public static (long Samples, long Phase) Of(StreamPlan plan, int connector)
    {
        var draws = StreamDraws.Of(plan.Seed, StreamPurpose.Turn, connector, 0);
        var samples = draws.Between(SecondsMin, SecondsMax) * plan.RateHz;
        return (samples, draws.Between(0, samples - 1));
    }

    /// <summary>Which turn a sample is in.</summary>
    public static long NumberAt(long index, long samples, long phase) =>
        (index + phase) / samples - ((index + phase) % samples < 0 ? 1 : 0);

    /// <summary>The session of a turn, without what is written of it: 60 to 600 kW, one in five discharges.</summary>
    private readonly record struct Drawn(
        long PlugIn, long Start, long Hold, long Taper, long Peak, long TaperStep, long TaperTo, long Discharge,
        long PlugOutAfter, int Arrives, int Leaves, SimulatedStopReason Reason);

    private static Drawn Draw(StreamPlan plan, int connector, long number, long first, long samples)
    {
        var draws = StreamDraws.Of(plan.Seed, StreamPurpose.Session, connector, number);
        var rate = plan.RateHz;
        var plugIn = first + draws.Between(30, samples / rate / 6 - 45) * rate;
        // Cable check and precharge take 10 to 40 s before power flows.
        var start = plugIn + draws.Between(10, 40) * rate;
        var unit = plan.PowerUnitMilliwatts;
        // 60 to 600 kW in whole watts; the lower of two draws, because fast ones are fewer.
        var peak = Math.Min(draws.Between(60_000, 600_000), draws.Between(60_000, 600_000)) * 1000 / unit;
        var discharges = draws.Happens(20);
        var discharge = discharges
            ? -Math.Min(peak * draws.Between(20, 100) / 100, DischargeMilliwattsMax / unit) : 0;
        return new Drawn(plugIn, start,
            Hold: samples * draws.Between(25, 50) / 100, Taper: samples * draws.Between(12, 25) / 100, peak,
            TaperStep: draws.Between(400_000, 1_500_000) / unit, // one ampere or two less at the battery's voltage
            TaperTo: peak / draws.Between(4, 12), discharge, PlugOutAfter: draws.Between(5, 30) * rate,
            Arrives: (int)draws.Between(50, 450), Leaves: (int)draws.Between(700, 980),
            Reason: (SimulatedStopReason)draws.Between(1, 3));
    }

    /// <summary>Writes the pieces of a turn, which follow each other without a hole, and gives how many there are.
    /// </summary>
    public static int Pieces(
        StreamPlan plan, int connector, long number, long samples, long phase, Span<CurvePiece> pieces)
    {
        var first = number * samples - phase;
        var drawn = Draw(plan, connector, number, first, samples);
        var ramp = Math.Max(1, RampMilliwattsPerSecond / plan.PowerUnitMilliwatts / plan.RateHz);
        var line = new PieceLine(pieces, first, first + samples, ramp);
        line.Hold(drawn.Start, 0);
        line.RampTo(drawn.Peak);
        if (drawn.Discharge < 0)
        {
            line.Hold(line.At + drawn.Hold * 2 / 5, drawn.Peak);
            line.RampTo(drawn.Discharge);
            line.Hold(line.At + drawn.Hold / 5, drawn.Discharge);
            line.RampTo(drawn.Peak);
            line.Hold(line.At + drawn.Hold * 2 / 5, drawn.Peak);
        }
        else line.Hold(line.At + drawn.Hold, drawn.Peak);
        line.StairTo(drawn.TaperTo, drawn.TaperStep, drawn.Taper);
        line.RampTo(0);
        line.Hold(first + samples, 0);
        return line.Count;
    }

    /// <summary>The session of a turn. Its power ends where the last piece, of zero, begins.</summary>
    public static SimulatedSession Session(StreamPlan plan, int connector, long number, long samples, long phase)
    {
        Span<CurvePiece> pieces = stackalloc CurvePiece[PiecesMax];
        var count = Pieces(plan, connector, number, samples, phase, pieces);
        var first = number * samples - phase;
        var drawn = Draw(plan, connector, number, first, samples);
        var stop = pieces[count - 1].First;
        return new SimulatedSession(number, drawn.PlugIn, drawn.Start, stop,
            Math.Min(stop + drawn.PlugOutAfter, first + samples - 1), first + samples,
            drawn.Peak * plan.PowerUnitMilliwatts,
            drawn.Arrives, drawn.Leaves, drawn.Discharge < 0, drawn.Reason);
    }

    /// <summary>Appends pieces one behind the other; none reaches beyond the end of the turn.</summary>
    private ref struct PieceLine(Span<CurvePiece> pieces, long at, long end, long ramp)
    {
        private readonly Span<CurvePiece> pieces = pieces;
        private long level;

        public int Count { get; private set; }
        public long At { get; private set; } = at;

        public void Hold(long until, long power)
        {
            Add(until, power, 0, 1);
            level = power;
        }

        /// <summary>A straight line from the level on, which ends one step before it would reach the target.</summary>
        public void RampTo(long target)
        {
            var step = target < level ? -ramp : ramp;
            var steps = (Math.Abs(target - level) - 1) / ramp;
            Add(At + steps, level + step, step, 1);
            level = target;
        }

        /// <summary>Steps down, each of the same height and length, as a vehicle asks for one ampere less.</summary>
        public void StairTo(long target, long height, long samples)
        {
            var stairs = Math.Max(1, (level - target) / height);
            var hold = Math.Max(1, samples / stairs);
            Add(At + stairs * hold, level - height, -height, hold);
            level -= stairs * height;
        }

        private void Add(long until, long power, long step, long hold)
        {
            until = Math.Min(until, end);
            if (until <= At) return;
            pieces[Count++] = CurvePiece.Of(At, until, power, step, hold);
            At = until;
        }
    }
}
