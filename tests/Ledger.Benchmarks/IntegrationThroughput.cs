using System.Diagnostics;
using System.Globalization;
using DuckDB.NET.Data;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Benchmarks;

/// <summary>
/// How many samples a second one core integrates while they arrive, beside DuckDB integrating the same samples at rest
/// with one thread (a windowed trapezoid without edges, zero crossings, ramps and counts, which ours has). Each figure is
/// the best of three; all of ours are compared with the batch.
/// <code>dotnet run --project tests/Ledger.Benchmarks -c Release -- integrate [CONNECTORS [SECONDS]]</code>
/// </summary>
internal static class IntegrationThroughput
{
    private const long Second = 1_000_000;
    private const int PeriodSeconds = 900;
    private const int Rounds = 3;

    private static readonly CurveScratch Scratch = new();

    private readonly record struct Arrived(int Connector, int From, int Count);

    /// <summary>Samples as they arrive: calls in order, and their samples behind one another.</summary>
    private sealed record Arrival(string What, PowerSample[] Samples, Arrived[] Calls, SampleDeclaration Declaration);

    public static int Run(ReadOnlyMemory<string> args)
    {
        var connectors = args.Length > 0 ? int.Parse(args.Span[0], CultureInfo.InvariantCulture) : 1000;
        var seconds = args.Length > 1 ? int.Parse(args.Span[1], CultureInfo.InvariantCulture) : 3600;
        var curves = Enumerable.Range(0, connectors).Select(connector => Curve(connector, seconds)).ToArray();
        var periods = Enumerable.Range(0, seconds / PeriodSeconds).Select(Period).ToArray();
        var declared = new SampleDeclaration(SampleSemantics.Instant, Second);
        var jittered = curves.Select((curve, connector) => Jittered(curve, connector)).ToArray();
        Arrival[] arrivals =
        [
            InCalls("in order, 1000 a call", curves, 1000, 1000, declared),
            InCalls("in order, 10 to 100 a call", curves, 10, 100, declared),
            InCalls("in order, 50 ms of jitter, 1000 a call", jittered, 1000, 1000, declared),
            InCalls("as it arrives: 1 % late, 0.5 % twice, 10 to 100 a call",
                [.. curves.Select((curve, connector) => Late(curve, connector))], 10, 100, declared),
            InCalls("as it arrives, with 50 ms of jitter",
                [.. jittered.Select((curve, connector) => Late(curve, connector))], 10, 100, declared),
            InCalls("shuffled within each connector, 10 to 100 a call",
                [.. curves.Select((curve, connector) => Shuffled(curve, connector))], 10, 100,
                new(SampleSemantics.Instant, Second, SampleDeclaration.NeverLate)),
        ];
        Say($"{connectors} connectors, {seconds} s at 1 Hz, periods of 15 min, one thread");
        var ours = arrivals.Select(arrival => Measure(arrival, connectors, periods)).ToArray();
        var duck = Duck(arrivals[3], periods);
        var duckShuffled = Duck(arrivals[^1], periods);
        Say($"ratio as it arrives: {Ratio(ours[3], duck)}; shuffled: {Ratio(ours[^1], duckShuffled)}");
        SayState();
        return 0;
    }

    private static double Measure(Arrival arrival, int connectors, Interval[] periods)
    {
        var grid = new CurveGrid(0, PeriodSeconds * Second);
        var best = 0.0;
        for (var round = 0; round < Rounds; round++)
        {
            var curves = new CurveAccumulator[connectors];
            for (var i = 0; i < connectors; i++) curves[i] = new(arrival.Declaration, grid);
            GC.Collect();
            var allocated = GC.GetAllocatedBytesForCurrentThread();
            var watch = Stopwatch.StartNew();
            foreach (var (connector, from, count) in arrival.Calls)
                curves[connector].Accumulate(arrival.Samples.AsSpan(from, count), Scratch);
            allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
            var accumulated = watch.Elapsed;
            var integrals = curves.Select(curve => curve.Finish(periods, Scratch)).ToArray();
            var rate = arrival.Samples.Length / watch.Elapsed.TotalSeconds;
            best = Math.Max(best, rate);
            if (round < Rounds - 1) continue;
            for (var i = 0; i < connectors; i += Math.Max(1, connectors / 10)) Compare(arrival, i, integrals[i], periods);
            Say($"{arrival.What}: {best / 1e6:0.0} M samples/s; {accumulated.TotalMilliseconds:0} ms, {allocated} bytes allocated");
        }
        return best;
    }

    private static void Compare(
        Arrival arrival, int connector, IReadOnlyList<PeriodIntegral> integrals, Interval[] periods)
    {
        PowerSample[] samples = [.. arrival.Calls.Where(call => call.Connector == connector)
            .SelectMany(call => arrival.Samples.AsSpan(call.From, call.Count).ToArray())];
        var expected = PowerCurve.Integrate(samples, periods, arrival.Declaration);
        for (var i = 0; i < periods.Length; i++)
            if (integrals[i] with { Gaps = expected[i].Gaps } != expected[i]
                || !integrals[i].Gaps.SequenceEqual(expected[i].Gaps))
                throw new InvalidOperationException($"{arrival.What}: {integrals[i]} is not {expected[i]}");
    }

    private static double Duck(Arrival arrival, Interval[] periods)
    {
        using var database = new DuckDBConnection("DataSource=:memory:");
        database.Open();
        Execute(database, "SET threads = 1");
        Execute(database, "CREATE TABLE samples (connector INTEGER, t BIGINT, p BIGINT)");
        using (var appender = database.CreateAppender("samples"))
            foreach (var (connector, from, count) in arrival.Calls)
                foreach (var (at, power) in arrival.Samples.AsSpan(from, count))
                    appender.CreateRow().AppendValue(connector).AppendValue(at).AppendValue(power).EndRow();
        var query = $"""
            SELECT connector, t // {PeriodSeconds * Second} AS period, sum((p + next_p) * (next_t - t)) AS doubled
            FROM (SELECT connector, t, p, lead(t) OVER w AS next_t, lead(p) OVER w AS next_p FROM samples
                  WINDOW w AS (PARTITION BY connector ORDER BY t))
            WHERE next_t - t <= {3 * Second} GROUP BY ALL
            """;
        var best = 0.0;
        for (var round = 0; round < Rounds; round++)
        {
            var watch = Stopwatch.StartNew();
            var rows = 0;
            using (var command = database.CreateCommand())
            {
                command.CommandText = query;
                using var reader = command.ExecuteReader();
                while (reader.Read()) rows++;
            }
            best = Math.Max(best, arrival.Samples.Length / watch.Elapsed.TotalSeconds);
            if (rows < periods.Length) throw new InvalidOperationException($"DuckDB found {rows} periods");
        }
        Say($"DuckDB, {arrival.What}: {best / 1e6:0.00} M samples/s");
        return best;
    }

    private static void Execute(DuckDBConnection database, string text)
    {
        using var command = database.CreateCommand();
        command.CommandText = text;
        command.ExecuteNonQuery();
    }

    /// <summary>What an accumulator holds after ten minutes, measured as what the heap grows by.</summary>
    private static void SayState()
    {
        foreach (var (hertz, length) in new[] { (1, 1), (1, 30), (10, 30) })
        {
            var grid = new CurveGrid(0, PeriodSeconds * Second);
            var declared = new SampleDeclaration(SampleSemantics.Instant, Second / hertz);
            var kept = new CurveAccumulator[2000];
            var before = GC.GetTotalMemory(true);
            for (var i = 0; i < kept.Length; i++)
            {
                var curve = kept[i] = new(declared, grid);
                var block = new PowerSample[length];
                for (var n = 0; n < 600 * hertz; n += length)
                {
                    for (var b = 0; b < length; b++) block[b] = new((n + b) * Second / hertz, 1000 + b);
                    curve.Accumulate(block, Scratch);
                }
            }
            var bytes = (GC.GetTotalMemory(true) - before) / kept.Length;
            Say($"state at {hertz} Hz, {length} a call: {bytes} bytes, of {kept[0].Held} samples; {kept[0].Save().Length} saved");
            GC.KeepAlive(kept);
        }
    }

    private static PowerSample[] Curve(int connector, int seconds)
    {
        var random = new Random(connector);
        var curve = new PowerSample[seconds];
        var power = 50_000_000L;
        for (var i = 0; i < seconds; i++)
        {
            // A charge that wanders, and gives back to the grid for a minute of every twenty.
            power = Math.Clamp(power + random.NextInt64(-500_000, 500_001), 1_000_000, 150_000_000);
            curve[i] = new(i * Second, i % 1200 < 60 ? -power : power);
        }
        return curve;
    }

    private static PowerSample[] Jittered(PowerSample[] curve, int seed)
    {
        var random = new Random(seed);
        return [.. curve.Select(sample => sample with { AtMicroseconds = sample.AtMicroseconds + random.Next(50_000) })];
    }

    private static PowerSample[] Late(PowerSample[] curve, int seed)
    {
        var random = new Random(seed);
        var arrival = new List<(long At, PowerSample Sample)>(curve.Length + curve.Length / 100);
        foreach (var sample in curve)
        {
            arrival.Add((sample.AtMicroseconds + (random.Next(100) == 0 ? random.NextInt64(5 * Second) : 0), sample));
            if (random.Next(200) == 0) arrival.Add((sample.AtMicroseconds + random.NextInt64(5 * Second), sample));
        }
        return [.. arrival.OrderBy(one => one.At).Select(one => one.Sample)];
    }

    private static PowerSample[] Shuffled(PowerSample[] curve, int seed)
    {
        PowerSample[] shuffled = [.. curve];
        new Random(seed).Shuffle(shuffled);
        return shuffled;
    }

    /// <summary>Each connector's samples in calls of random lengths, the connectors one after the other in turn.</summary>
    private static Arrival InCalls(
        string what, PowerSample[][] curves, int least, int most, SampleDeclaration declaration)
    {
        var random = new Random(1);
        var samples = new List<PowerSample>();
        var calls = new List<Arrived>();
        var sent = new int[curves.Length];
        for (var left = curves.Length; left > 0;)
        {
            for (var connector = 0; connector < curves.Length; connector++)
            {
                var rest = curves[connector].Length - sent[connector];
                if (rest == 0) continue;
                var count = Math.Min(rest, random.Next(least, most + 1));
                calls.Add(new(connector, samples.Count, count));
                samples.AddRange(curves[connector].AsSpan(sent[connector], count));
                sent[connector] += count;
                if (count == rest) left--;
            }
        }
        return new(what, [.. samples], [.. calls], declaration);
    }

    private static Interval Period(int number) => new(
        Instant.FromUnixTimeSeconds(number * PeriodSeconds), Instant.FromUnixTimeSeconds((number + 1) * PeriodSeconds));

    private static string Ratio(double ours, double theirs) =>
        (ours / theirs).ToString("0.0", CultureInfo.InvariantCulture) + " x DuckDB";

    private static void Say(FormattableString text) => Console.WriteLine(FormattableString.Invariant(text));
}
