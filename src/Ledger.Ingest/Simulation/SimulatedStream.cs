using Ledger.Domain;

namespace Ledger.Ingest.Simulation;

/// <summary>The plan with what all its connectors share.</summary>
public sealed class StreamFleet
{
    public StreamFleet(StreamPlan plan)
    {
        if (plan.Problem() is { } problem) throw new ArgumentException(problem, nameof(plan));
        (Plan, Noise) = (plan, new StreamNoise(plan));
    }

    public StreamPlan Plan { get; }
    internal StreamNoise Noise { get; }

    public SimulatedStream Stream(int connector) => new(this, connector);
}

/// <summary>
/// What one connector measures: sample i has a power and an instant that follow from the seed, the connector and i
/// alone, for every i. Instants are those of the station's own clock, as they stand in a frame; a clock that is ahead
/// moves all of them, and one that runs fast takes more samples in a true second.
/// </summary>
public sealed class SimulatedStream
{
    private readonly StreamNoise noise;
    private readonly int powerUnit, step, firstPhase, secondPhase, jitterPhase;
    private readonly long turnSamples, turnPhase, driftPpm;

    internal SimulatedStream(StreamFleet fleet, int connector)
    {
        (Fleet, Connector, noise) = (fleet, connector, fleet.Noise);
        var plan = fleet.Plan;
        (powerUnit, step) = (plan.PowerUnitMilliwatts, plan.StepMicroseconds);
        (turnSamples, turnPhase) = ChargingTurn.Of(plan, connector);
        var phases = StreamDraws.Of(plan.Seed, StreamPurpose.Noise, 3, connector);
        firstPhase = (int)phases.Between(0, StreamNoise.Cycle - 1);
        secondPhase = (int)phases.Between(0, StreamNoise.Cycle - 1);
        jitterPhase = (int)phases.Between(0, StreamNoise.Cycle - 1);
        var clock = StationClock.Of(plan, plan.StationOf(connector));
        OriginMicroseconds = plan.StartMicroseconds + clock.OffsetMs * 1000L;
        driftPpm = clock.DriftPpm;
    }

    public StreamFleet Fleet { get; }
    public int Connector { get; }
    /// <summary>What the station's clock shows at sample 0, without jitter; Unix time in µs.</summary>
    public long OriginMicroseconds { get; }

    /// <summary>The first sample that is taken in a true second of the plan or after it.</summary>
    public long FirstIndex(long second) =>
        second * Fleet.Plan.RateHz * (1_000_000 + driftPpm) / 1_000_000;

    /// <summary>How far the station's clock goes in so many true seconds, in µs.</summary>
    internal long ClockMicroseconds(int seconds) => seconds * (1_000_000 + driftPpm);

    /// <summary>Samples of the plan: from 0 to below this one. The last stands at the end of the last second.</summary>
    public long EndIndex => FirstIndex(Fleet.Plan.Seconds) + 1;

    /// <summary>When sample i is taken by the station's clock, in Unix µs.</summary>
    public long InstantOf(long index) => OriginMicroseconds + index * step + Jitter(index);

    internal long Jitter(long index) => noise.JitterMicroseconds[(index + jitterPhase) & (StreamNoise.Cycle - 1)];

    /// <summary>The last sample that is taken at this instant or before.</summary>
    public long IndexAt(long microseconds)
    {
        var since = microseconds - OriginMicroseconds;
        var index = since / step - (since % step < 0 ? 1 : 0);
        return InstantOf(index) <= microseconds ? index : index - 1;
    }

    public PowerSample SampleAt(long index) => new(InstantOf(index), MilliwattsAt(PieceAt(index), index));

    internal long MilliwattsAt(CurvePiece piece, long index) =>
        powerUnit * (piece.LevelAt(index) + NoiseAt(piece, index));

    internal long NoiseAt(CurvePiece piece, long index)
    {
        var (a, b) = (noise.First[(index + firstPhase) & (StreamNoise.Cycle - 1)],
            noise.Second[(index + secondPhase) & (StreamNoise.Cycle - 1)]);
        return ((a >> piece.NoiseShift) + (b >> piece.NoiseShift)) & piece.NoiseMask;
    }

    /// <summary>The sum of the noise of all samples before the index, counted from a fixed one, in units of power.
    /// </summary>
    internal long NoiseBefore(CurvePiece piece, long index) =>
        noise.SumBefore(second: false, piece.NoiseShift, index + firstPhase)
        + noise.SumBefore(second: true, piece.NoiseShift, index + secondPhase);

    /// <summary>The sum of the jitter of all samples before the index, counted from a fixed one, in µs.</summary>
    internal long JitterBefore(long index) => StreamNoise.SumBefore(noise.JitterSums, index + jitterPhase);

    /// <summary>The session of the turn that a sample is in; it may be over, or not have begun.</summary>
    public SimulatedSession SessionAt(long index) => Session(ChargingTurn.NumberAt(index, turnSamples, turnPhase));

    public SimulatedSession Session(long number) =>
        ChargingTurn.Session(Fleet.Plan, Connector, number, turnSamples, turnPhase);

    /// <summary>
    /// The level at a sample of a session's turn, and the levels of all its samples before this one and of all of them,
    /// added up: its power and energy but for noise and jitter.
    /// </summary>
    internal (long Level, long UpTo, long All) Levels(SimulatedSession session, long index)
    {
        Span<CurvePiece> pieces = stackalloc CurvePiece[ChargingTurn.PiecesMax];
        var count = ChargingTurn.Pieces(Fleet.Plan, Connector, session.Number, turnSamples, turnPhase, pieces);
        var (level, upTo, all) = (0L, 0L, 0L);
        foreach (var piece in pieces[..count])
        {
            if (piece.Holds(index)) level = piece.LevelAt(index);
            upTo += piece.LevelsUpTo(index);
            all += piece.LevelsUpTo(piece.End);
        }
        return (level, upTo, all);
    }

    internal CurvePiece PieceAt(long index)
    {
        Span<CurvePiece> pieces = stackalloc CurvePiece[ChargingTurn.PiecesMax];
        var number = ChargingTurn.NumberAt(index, turnSamples, turnPhase);
        var count = ChargingTurn.Pieces(Fleet.Plan, Connector, number, turnSamples, turnPhase, pieces);
        var at = 0;
        while (at < count - 1 && pieces[at].End <= index) at++;
        return pieces[at];
    }

    /// <summary>
    /// Writes the samples from an index on, one for each place. What <paramref name="cursor"/> keeps is only a hint
    /// that spares a search; a new one does as well, and so does one of elsewhere in this stream.
    /// </summary>
    public void Read(long first, Span<PowerSample> samples, ref StreamCursor cursor)
    {
        for (var done = 0; done < samples.Length;)
        {
            var index = first + done;
            if (!cursor.Piece.Holds(index)) cursor.Piece = PieceAt(index);
            var piece = cursor.Piece;
            var count = (int)Math.Min(samples.Length - done, piece.End - index);
            var part = samples.Slice(done, count);
            if (piece.Hold == 1 || piece.Step == 0)
                Line(part, index, piece.LevelAt(index), piece.Step, piece);
            else
            {
                count = (int)Math.Min(count, piece.Hold - (index - piece.First) % piece.Hold);
                Line(part[..count], index, piece.LevelAt(index), 0, piece);
            }
            done += count;
        }
    }

    /// <summary>
    /// The inner loop, about a nanosecond a sample. Powers stay below Limits.PowerMilliwattsMax and times below the
    /// year 9999, so nothing can overflow, and unchecked arithmetic is what makes it cheap.
    /// </summary>
    private void Line(Span<PowerSample> samples, long index, long level, long rise, CurvePiece piece)
    {
        const int mask = StreamNoise.Cycle - 1;
        unchecked
        {
            int[] a = noise.First, b = noise.Second, jitter = noise.JitterMicroseconds;
            var (i, j, k) = ((int)(index + firstPhase & mask), (int)(index + secondPhase & mask),
                (int)(index + jitterPhase & mask));
            var (shift, noiseMask, unit, at) =
                (piece.NoiseShift, piece.NoiseMask, (long)powerUnit, OriginMicroseconds + index * step);
            for (var n = 0; n < samples.Length; n++)
            {
                var random = ((a[i & mask] >> shift) + (b[j & mask] >> shift)) & noiseMask;
                samples[n] = new PowerSample(at + jitter[k & mask], (level + random) * unit);
                (i, j, k, at, level) = (i + 1, j + 1, k + 1, at + step, level + rise);
            }
        }
    }
}

/// <summary>Where a reader of a stream was last.</summary>
public struct StreamCursor
{
    internal CurvePiece Piece;
}

/// <summary>How a station's clock is wrong: ahead by this much at the start of the plan, and fast by that.</summary>
public readonly record struct StationClock(int OffsetMs, int DriftPpm)
{
    public static StationClock Of(StreamPlan plan, int station)
    {
        var draws = StreamDraws.Of(plan.Seed, StreamPurpose.Clock, station, 0);
        var (isOff, offsetMs, ahead) = (draws.Happens(50), (int)draws.Between(3_000, 120_000), draws.Happens(50));
        var (drifts, ppm, fast) = (draws.Happens(50), (int)draws.Between(20, 200), draws.Happens(50));
        return new StationClock(
            plan.Has(StreamFaults.ClockOffset) && isOff ? (ahead ? offsetMs : -offsetMs) : 0,
            plan.Has(StreamFaults.ClockDrift) && drifts ? (fast ? ppm : -ppm) : 0);
    }
}
