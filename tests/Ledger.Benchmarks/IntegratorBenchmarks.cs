using BenchmarkDotNet.Attributes;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Benchmarks;

/// <summary>One connector's day at 1 Hz over its 96 quarter hours, in order and with 50 ms of jitter.</summary>
[MemoryDiagnoser]
public class IntegratorBenchmarks
{
    private const int Samples = 86_400;
    private static readonly Duration MaxGap = Duration.FromSeconds(3);
    private readonly PowerSample[] _regular = new PowerSample[Samples];
    private readonly PowerSample[] _jittered = new PowerSample[Samples];
    private IReadOnlyList<Interval> _periods = [];

    [GlobalSetup]
    public void Fill()
    {
        var random = new Random(1);
        for (var i = 0; i < Samples; i++)
        {
            var power = random.NextInt64(-1_000_000_000, 1_000_000_000);
            power = i % 600 == 0 ? -power : Math.Abs(power); // a zero crossing every ten minutes
            _regular[i] = new(i * 1_000_000L, power);
            _jittered[i] = new((i * 1_000_000L) + random.Next(50_000), power);
        }
        if (!SettlementCalendar.TryPeriods(DateTimeZone.Utc, new LocalDate(1970, 1, 1), 15, out _periods,
            out var problem))
            throw new InvalidOperationException(problem);
    }

    [Benchmark(OperationsPerInvoke = Samples)]
    public IReadOnlyList<PeriodIntegral> Regular() => PowerCurve.Integrate(_regular, _periods, MaxGap);

    [Benchmark(OperationsPerInvoke = Samples)]
    public IReadOnlyList<PeriodIntegral> Jittered() => PowerCurve.Integrate(_jittered, _periods, MaxGap);
}
