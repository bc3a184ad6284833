using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>The samples of one settlement point in one batch, in the order of the file.</summary>
public sealed record PointCurve(SettlementPointId Point, PowerSample[] Samples)
{
    internal PointCurve(SettlementPointId point, EvenCurve even) : this(point, []) => Even = even;

    /// <summary>The same as one curve whose samples are one step apart; null where they did not come so. Of such a
    /// curve the samples are made when somebody asks for them one by one.</summary>
    internal EvenCurve? Even { get; }

    internal int Count => Even?.Count ?? Samples.Length;

    public PowerSample[] Samples
    {
        get => field.Length == 0 && Even is { } even ? field = even.ToSamples() : field;
        init;
    } = Samples;

    /// <summary>The same in order of time; repeats of an instant stay, in the order of the file.</summary>
    internal PowerSample[] InTime => field ??= Even is not null || IsInTime()
        ? Samples : [.. Samples.OrderBy(at => at.AtMicroseconds)];

    /// <summary>How far apart its samples lie.</summary>
    internal CurveSpacing Spacing => spacing ??= Even is { } even ? CurveSpacing.Of(even) : CurveSpacing.Of(InTime);

    private CurveSpacing? spacing;

    private bool IsInTime()
    {
        var before = long.MinValue;
        foreach (var sample in Samples)
        {
            if (sample.AtMicroseconds < before) return false;
            before = sample.AtMicroseconds;
        }
        return true;
    }
}

/// <summary>What one curve file or request holds: its points in order of name.</summary>
/// <param name="SentAt">The sender's clock when it sent, where it or the hints say so.</param>
/// <param name="Rounded">How many powers were finer than a milliwatt, and so rounded half to even.</param>
public sealed record CurveBatch(IReadOnlyList<PointCurve> Curves, Instant? SentAt, int Rounded)
{
    /// <summary>What vehicles said beside the samples, point by point and in order of time.</summary>
    public IReadOnlyList<ChargingStateRecorded> States { get; init; } = [];

    /// <summary>The point named beside the file, where something in it names none and so means that one.</summary>
    public SettlementPointId? NamedBeside { get; init; }

    /// <summary>Samples of all points.</summary>
    public long Samples => Curves.Sum(curve => (long)curve.Count);
}

/// <summary>Gathers the rows of a file point by point; rows of one point mostly stand together.</summary>
internal sealed class CurveRows
{
    private readonly SortedDictionary<SettlementPointId, Rows> byPoint = [];
    private SettlementPointId latest;
    private Rows? ofLatest;

    public int Count { get; private set; }
    public int Rounded { get; set; }

    public void Add(SettlementPointId point, PowerSample sample)
    {
        Of(point).Gathered().Add(sample);
        Count++;
    }

    /// <param name="run">Rows of one point that follow each other; not copied where the point has no more.</param>
    public void Add(SettlementPointId point, PowerSample[] run) => Add(new PointCurve(point, run));

    /// <inheritdoc cref="Add(SettlementPointId, PowerSample[])"/>
    public void Add(PointCurve run)
    {
        Of(run.Point).Add(run);
        Count += run.Count;
    }

    public CurveBatch ToBatch(Instant? sentAt) =>
        new([.. byPoint.Select(of => of.Value.ToCurve(of.Key))], sentAt, Rounded);

    private Rows Of(SettlementPointId point)
    {
        if (ofLatest is not null && point == latest) return ofLatest;
        if (!byPoint.TryGetValue(point, out ofLatest)) byPoint.Add(point, ofLatest = new Rows());
        latest = point;
        return ofLatest;
    }

    /// <summary>The rows of one point: one run as it came, or many gathered.</summary>
    private sealed class Rows
    {
        private PointCurve? only;
        private List<PowerSample>? gathered;

        public void Add(PointCurve run)
        {
            if (only is null && gathered is null) only = run;
            else Gathered().AddRange(run.Samples);
        }

        public List<PowerSample> Gathered()
        {
            gathered ??= [.. only?.Samples ?? []];
            only = null;
            return gathered;
        }

        public PointCurve ToCurve(SettlementPointId point) => only ?? new(point, [.. Gathered()]);
    }
}
