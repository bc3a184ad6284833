using System.Globalization;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>What was refused, quarantined, or kept without being settled, and why; keyed by position.</summary>
public sealed class RefusalsView : IProjection
{
    /// <summary>One piece of evidence that counts nowhere. <c>Standing</c> is refused, quarantined or kept.</summary>
    public sealed record Refusal(
        long Position, Instant RecordedAt, string Standing, string Source, int? Code, string? Name, string Detail,
        string? Evidence, long? Bytes);

    public string Name => "Refusals";
    public IReadOnlySet<Type> Handled { get; } = new HashSet<Type>
    {
        typeof(EvidenceRefused), typeof(EvidenceKept), typeof(RegisterReadingQuarantined),
    };

    public IReadOnlyList<RowChange> Apply(IRows rows, RecordedFact fact)
    {
        var (at, recordedAt) = (fact.Position, fact.RecordedAt);
        var refusal = fact.Event switch
        {
            EvidenceRefused e => new Refusal(
                at, recordedAt, "refused", e.Source, (int)e.Code, $"{e.Code}", e.Detail, e.Evidence.Hex, e.Bytes),
            EvidenceKept e => new Refusal(
                at, recordedAt, "kept", e.Source, null, null, e.Note, e.Evidence.Hex, e.Bytes),
            RegisterReadingQuarantined e => new Refusal(
                at, recordedAt, "quarantined", $"{e.Register}", (int)e.Code, $"{e.Code}", e.Detail, e.Evidence?.Hex,
                null),
            _ => null,
        };
        if (refusal is null) return [];
        // 19 digits hold every position, so that keys sort as positions do.
        return [new($"evidence|{at.ToString("D19", CultureInfo.InvariantCulture)}", refusal)];
    }
}
