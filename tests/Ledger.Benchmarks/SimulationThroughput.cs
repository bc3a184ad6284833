using System.Diagnostics;
using System.Globalization;
using Ledger.Domain;
using Ledger.Ingest.Simulation;
using NodaTime;

namespace Ledger.Benchmarks;

/// <summary>
/// What a load generator costs beside the server that it loads: <c>streams [CONNECTORS] [HZ] [FAULTS]</c> delivers a
/// minute of a fleet on one thread, once without and once with the bytes of the frames.
/// </summary>
internal static class SimulationThroughput
{
    public static int Run(ReadOnlySpan<string> args)
    {
        var connectors = args.Length > 0 ? int.Parse(args[0], CultureInfo.InvariantCulture) : 10_000;
        var rate = args.Length > 1 ? int.Parse(args[1], CultureInfo.InvariantCulture) : 50;
        var faults = StreamFaults.None;
        if (args.Length > 2 && !StreamFaultNames.TryParse(args[2], out faults)) return 1;
        var fleet = new StreamFleet(
            new StreamPlan(1, connectors, rate, 1, Instant.FromUtc(2026, 6, 2, 8, 0)) { Faults = faults });
        for (var i = 0; i < 3; i++) MeasureGeneration(fleet);
        foreach (var isWritten in (bool[])[false, true, false, true]) Measure(fleet, isWritten);
        return 0;
    }

    /// <summary>Samples alone, a second of each connector after the other, as a delivery asks for them.</summary>
    private static void MeasureGeneration(StreamFleet fleet)
    {
        var plan = fleet.Plan;
        SimulatedStream[] streams = [.. Enumerable.Range(0, plan.Connectors).Select(fleet.Stream)];
        var (cursors, samples) = (new StreamCursor[plan.Connectors], new PowerSample[plan.RateHz]);
        var clock = Stopwatch.StartNew();
        for (var second = 0; second < plan.Seconds; second++)
            for (var i = 0; i < streams.Length; i++)
                streams[i].Read((long)second * plan.RateHz, samples, ref cursors[i]);
        var count = (long)plan.Seconds * plan.RateHz * plan.Connectors;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{count} samples generated, {clock.Elapsed.TotalNanoseconds / count:0.00} ns each"));
    }

    private static void Measure(StreamFleet fleet, bool isWritten)
    {
        var buffer = new byte[DeliveredFrame.BytesMax];
        var delivery = StreamDelivery.Of(fleet);
        var (samples, bytes, allocated, clock) =
            (0L, 0L, GC.GetAllocatedBytesForCurrentThread(), Stopwatch.StartNew());
        foreach (var frame in delivery.Frames())
        {
            foreach (var block in frame.Blocks) samples += block.Count;
            if (isWritten) bytes += frame.Write(buffer);
        }
        var ns = clock.Elapsed.TotalNanoseconds / samples;
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{samples} samples, {ns:0.00} ns each{(isWritten ? $", {(decimal)bytes / samples:0.000} bytes each" : "")}, "
            + $"{allocated} bytes allocated"));
    }
}
