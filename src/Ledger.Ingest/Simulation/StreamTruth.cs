using Ledger.Domain;
using Ledger.Ingest.Fleet;
using NodaTime;

namespace Ledger.Ingest.Simulation;

/// <summary>
/// The energy that a simulated connector really moves, known in closed form: the power between samples is straight, so
/// twice the energy is the sum of every power times the time between its neighbours, and both are lines, stairs and
/// sequences of the index whose sums are known. No sample is generated and none is added up, so a period costs as much
/// as it has pieces of a session, and the ledger's integral can be held against it to the last half nanojoule.
/// Instants are those of the station's own clock. Not for several threads at once.
/// </summary>
public sealed class StreamTruth(SimulatedStream stream)
{
    /// <summary>By shift of the noise: sums within one cycle of noise times the weight of its sample.</summary>
    private readonly Dictionary<int, long[]> jitteredNoise = [];
    private readonly long step = stream.Fleet.Plan.StepMicroseconds;
    private readonly bool jitters = stream.Fleet.Plan.JitterMs > 0;

    public SimulatedStream Stream => stream;

    /// <summary>Import and export of a period that begins and ends on whole µs.</summary>
    public EnergyPair Of(Interval period) =>
        Between(PowerCurve.Microseconds(period.Start), PowerCurve.Microseconds(period.End));

    /// <summary>Import and export between two instants, in Unix µs.</summary>
    public EnergyPair Between(long from, long to)
    {
        var (first, last) = (stream.IndexAt(from), stream.IndexAt(to));
        var sum = new EnergySum();
        for (var index = first; index < last;)
        {
            var piece = stream.PieceAt(index);
            var end = Math.Min(piece.End - 1, last);
            AddRun(ref sum, piece, index, end);
            if (end < last) sum.Add(TrueSegment.Whole(stream.SampleAt(end), stream.SampleAt(end + 1)));
            index = end < last ? end + 1 : last;
        }
        sum.Add(UpTo(last, to));
        sum.Take(UpTo(first, from));
        return sum.ToPair();
    }

    private EnergyPair UpTo(long index, long at) =>
        TrueSegment.UpTo(stream.SampleAt(index), stream.SampleAt(index + 1), at);

    /// <summary>Adds what lies between two samples of one piece; noise changes no sign,
    /// so only a line without noise passes zero.</summary>
    private void AddRun(ref EnergySum sum, CurvePiece piece, long from, long to)
    {
        if (from == to) return;
        var (start, end) = (piece.LevelAt(from), piece.LevelAt(to));
        if (Math.Sign(start) * Math.Sign(end) >= 0)
        {
            sum.AddSigned(DoubledArea(piece, from, to));
            return;
        }
        // The last sample that has not changed its sign; where it is zero, no stretch passes zero between samples.
        var zero = from + Math.Abs(start) / Math.Abs(piece.Step);
        sum.AddSigned(DoubledArea(piece, from, zero));
        if (piece.LevelAt(zero) != 0)
        {
            sum.Add(TrueSegment.Whole(stream.SampleAt(zero), stream.SampleAt(zero + 1)));
            zero++;
        }
        sum.AddSigned(DoubledArea(piece, zero, to));
    }

    /// <summary>
    /// Twice the area under the samples from x to y of one piece, in mW·µs: the sum of all powers, each times the time
    /// between its neighbours, less what the first and the last have beyond the stretch.
    /// </summary>
    private Int128 DoubledArea(CurvePiece piece, long x, long y)
    {
        if (x == y) return 0;
        var unit = stream.Fleet.Plan.PowerUnitMilliwatts;
        var beyond = (Int128)stream.MilliwattsAt(piece, x) * (stream.InstantOf(x) - stream.InstantOf(x - 1))
            + (Int128)stream.MilliwattsAt(piece, y) * (stream.InstantOf(y + 1) - stream.InstantOf(y));
        return unit * (WeighedLevels(piece, x, y) + WeighedNoise(piece, x, y)) - beyond;
    }

    /// <summary>
    /// The time between the neighbours of every sample before the index, summed from a fixed sample on: neighbouring
    /// terms cancel, and two instants are left.
    /// </summary>
    private long Weight(long index) => 2 * step * index + stream.Jitter(index) + stream.Jitter(index - 1);

    /// <summary>
    /// The levels of samples x to y, each times its weight. A level is a base and a number of stairs, and every stair
    /// raises all samples from it to the end: one term for each, of which lines have theirs summed.
    /// </summary>
    private Int128 WeighedLevels(CurvePiece piece, long x, long y)
    {
        var end = Weight(y + 1);
        var sum = (Int128)piece.LevelAt(x) * (end - Weight(x));
        long before = (x - piece.First) / piece.Hold, stairs = (y - piece.First) / piece.Hold - before;
        if (piece.Step == 0 || stairs == 0) return sum;
        // Stair k begins at First + k·Hold, for k from before + 1 to before + stairs.
        var places = (Int128)stairs * piece.First + (Int128)piece.Hold * stairs * (2 * before + stairs + 1) / 2;
        var starts = 2 * step * places + StairJitter(piece, before, stairs);
        return sum + piece.Step * ((Int128)stairs * end - starts);
    }

    private long StairJitter(CurvePiece piece, long before, long stairs)
    {
        if (!jitters) return 0;
        var first = piece.First + (before + 1) * piece.Hold;
        if (piece.Hold == 1)
            return stream.JitterBefore(first + stairs) - stream.JitterBefore(first)
                + stream.JitterBefore(first + stairs - 1) - stream.JitterBefore(first - 1);
        var sum = 0L;
        for (var k = 0; k < stairs; k++)
            sum += stream.Jitter(first + k * piece.Hold) + stream.Jitter(first + k * piece.Hold - 1);
        return sum;
    }

    private Int128 WeighedNoise(CurvePiece piece, long x, long y)
    {
        if (!piece.Noisy) return 0;
        if (!jitters)
            return (Int128)(2 * step) * (stream.NoiseBefore(piece, y + 1) - stream.NoiseBefore(piece, x));
        if (!jitteredNoise.TryGetValue(piece.NoiseShift, out var sums))
            jitteredNoise[piece.NoiseShift] = sums = JitteredNoise(piece);
        return StreamNoise.SumBefore(sums, y + 1) - StreamNoise.SumBefore(sums, x);
    }

    /// <summary>Noise and jitter have the same cycle, so their product has it too.</summary>
    private long[] JitteredNoise(CurvePiece piece)
    {
        var sums = new long[StreamNoise.Cycle + 1];
        for (var i = 0; i < StreamNoise.Cycle; i++)
            sums[i + 1] = sums[i] + stream.NoiseAt(piece, i) * (Weight(i + 1) - Weight(i));
        return sums;
    }

    private struct EnergySum
    {
        private Int128 import, export;

        public void AddSigned(Int128 doubled)
        {
            if (doubled > 0) import += doubled;
            else export -= doubled;
        }

        public void Add(EnergyPair pair)
        {
            import += pair.Import.HalfNanojoules;
            export += pair.Export.HalfNanojoules;
        }

        public void Take(EnergyPair pair)
        {
            import -= pair.Import.HalfNanojoules;
            export -= pair.Export.HalfNanojoules;
        }

        public readonly EnergyPair ToPair() => new(new Energy(import), new Energy(export));
    }
}
