using Ledger.Domain;
using NodaTime;

namespace Ledger.Api.Resources;

/// <summary>
/// The samples of a window as they are read, in order of time: each where they are few, and stretches of one length
/// with least, mean and most where they are many. It holds no more of them than it shows.
/// </summary>
/// <param name="most">Rows that are shown at most.</param>
internal sealed class ShownCurve(Interval window, int most)
{
    private const int MilliwattDecimals = 6;

    private readonly long from = PowerCurve.Microseconds(window.Start), to = PowerCurve.Microseconds(window.End);
    private readonly List<CurveSample> samples = [];
    private readonly List<CurveStretch> stretches = [];
    private long place = -1, least, greatest;
    private Int128 sum;
    private int count;

    /// <summary>How many samples the window has.</summary>
    public int Total { get; private set; }

    /// <summary>Whether every sample is shown.</summary>
    public bool IsWhole => Total <= most;

    /// <summary>What is shown: samples, or stretches.</summary>
    public IReadOnlyList<CurveRow> Rows
    {
        get
        {
            if (IsWhole) return samples;
            EndStretch();
            return stretches;
        }
    }

    private long Length => (to - from + most - 1) / most;

    /// <summary>Adds samples that are later than all before; those outside the window are passed over.</summary>
    public void Add(ReadOnlySpan<PowerSample> read)
    {
        foreach (var (at, power) in read)
        {
            if (at < from || at >= to) continue;
            if (++Total <= most) samples.Add(new(At(at), Kw(power)));
            else if (samples.Count > 0) samples.Clear();
            Fold((at - from) / Length, power);
        }
    }

    private void Fold(long stretch, long power)
    {
        if (stretch != place)
        {
            EndStretch();
            (place, least, greatest, sum, count) = (stretch, power, power, 0, 0);
        }
        (least, greatest) = (Math.Min(least, power), Math.Max(greatest, power));
        (sum, count) = (sum + power, count + 1);
    }

    private void EndStretch()
    {
        if (count == 0) return;
        var (start, end) = (from + (place * Length), Math.Min(to, from + ((place + 1) * Length)));
        stretches.Add(new(At(start), At(end), count, Kw(least),
            decimal.Round((decimal)sum / count / 1_000_000m, MilliwattDecimals), Kw(greatest)));
        count = 0;
    }

    private static Instant At(long microseconds) => Instant.FromUnixTimeTicks(microseconds * 10);
    private static decimal Kw(long milliwatts) => milliwatts / 1_000_000m;
}
