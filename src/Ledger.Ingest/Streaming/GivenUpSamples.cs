using Ledger.Ingest.Frames;
using NodaTime;

namespace Ledger.Ingest.Streaming;

/// <summary>Samples that the ledger gave up: how many, of how many stretches of streams, and the first and the last
/// instant of them (Unix µs).</summary>
internal readonly record struct GivenUpSamples(long Samples, int Stretches, long First, long Last)
{
    private const int TicksPerMicrosecond = 10;

    public Instant From => Instant.FromUnixTimeTicks(First * TicksPerMicrosecond);
    public Instant To => Instant.FromUnixTimeTicks(Last * TicksPerMicrosecond);

    public static GivenUpSamples Of(ShedSamples shed) =>
        new(shed.Count, 1, shed.FirstMicroseconds, shed.LastMicroseconds);

    public static GivenUpSamples operator +(GivenUpSamples a, GivenUpSamples b) =>
        a.Samples == 0 ? b : b.Samples == 0 ? a
        : new(a.Samples + b.Samples, a.Stretches + b.Stretches, Math.Min(a.First, b.First), Math.Max(a.Last, b.Last));
}
