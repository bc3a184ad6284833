using System.Diagnostics;
using System.Globalization;
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
        foreach (var isWritten in (bool[])[false, true, false, true]) Measure(fleet, isWritten);
        return 0;
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
