using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>The samples of one settlement point in one batch, in the order of the file.</summary>
public sealed record PointCurve(SettlementPointId Point, PowerSample[] Samples);

/// <summary>What one curve file or request holds: its points in order of name.</summary>
/// <param name="SentAt">The sender's clock when it sent, where it or the hints say so.</param>
/// <param name="Rounded">How many powers were finer than a milliwatt, and so rounded half to even.</param>
public sealed record CurveBatch(IReadOnlyList<PointCurve> Curves, Instant? SentAt, int Rounded);

/// <summary>Gathers the rows of a file point by point; rows of one point mostly stand together.</summary>
internal sealed class CurveRows
{
    private readonly SortedDictionary<SettlementPointId, List<PowerSample>> byPoint = [];
    private SettlementPointId latest;
    private List<PowerSample>? ofLatest;

    public int Count { get; private set; }
    public int Rounded { get; set; }

    public void Add(SettlementPointId point, PowerSample sample)
    {
        if (ofLatest is null || point != latest)
        {
            if (!byPoint.TryGetValue(point, out ofLatest)) byPoint.Add(point, ofLatest = []);
            latest = point;
        }
        ofLatest.Add(sample);
        Count++;
    }

    public CurveBatch ToBatch(Instant? sentAt) =>
        new([.. byPoint.Select(of => new PointCurve(of.Key, [.. of.Value]))], sentAt, Rounded);
}
