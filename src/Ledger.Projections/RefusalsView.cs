using System.Globalization;
using System.Text.Json.Serialization;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>What was refused, quarantined, or kept without being settled, and why; keyed by position.</summary>
public sealed class RefusalsView : IProjection
{
    /// <summary>
    /// One piece of evidence that counts nowhere. <c>Standing</c> is refused, quarantined or kept; released once a
    /// person has let it be taken again or counted; redriven once nothing of it is refused any more.
    /// </summary>
    /// <param name="Party">Who handed it in; not there in a row that an earlier program made.</param>
    public sealed record Refusal(
        long Position, Instant RecordedAt,
        [property: Choices("refused", "quarantined", "kept", "released", "redriven")] string Standing, string Source,
        int? Code, string? Name, string Detail, string? Evidence, long? Bytes,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Party = null);

    public string Name => "Refusals";
    public int RowVersion => 1;
    public IReadOnlySet<Type> Handled { get; } = new HashSet<Type>
    {
        typeof(EvidenceRefused), typeof(EvidenceKept), typeof(RegisterReadingQuarantined),
        typeof(RefusalReleased), typeof(EvidenceRedriven), typeof(RegisterReadingCorrected),
    };

    public IReadOnlyList<RowChange> Apply(IRows rows, RecordedFact fact)
    {
        if (Known(rows, fact.Event) is { } known) return known;
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
        refusal = refusal with { Party = fact.Party.Value };
        var named = fact.Event is RegisterReadingQuarantined held ? OfReading(held.Register, held.ReadAt)
            : fact.Event is EvidenceRefused refused ? OfEvidence(refused.Evidence) : null;
        RowChange[] both = [new(Key(at), refusal), new(Of(fact.Party, at), new Place(at))];
        return named is null ? both : [.. both, new($"{named}{Digits(at)}", new Place(at))];
    }

    /// <summary>Where a refusal stands, by what it is about.</summary>
    internal sealed record Place(long Position);

    /// <summary>Under which key it is said that a party handed in what was refused at a position.</summary>
    internal static string Of(PartyId party, long position) => $"of|{party}|{Digits(position)}";

    // 19 digits hold every position, so that keys sort as positions do.
    private static string Digits(long position) => position.ToString("D19", CultureInfo.InvariantCulture);
    internal static string Key(long position) => $"evidence|{Digits(position)}";
    private static string OfEvidence(EvidenceDigest evidence) => $"digest|{evidence}|";
    private static string OfReading(RegisterId register, Instant at) => $"reading|{register}|{RowJson.Key(at)}|";

    /// <summary>The refusals whose standing a fact changes; null where it is no such fact.</summary>
    private static IReadOnlyList<RowChange>? Known(IRows rows, LedgerEvent happened) => happened switch
    {
        RefusalReleased e => Stand(rows, OfEvidence(e.Evidence), "released"),
        EvidenceRedriven { Refused: 0 } e => Stand(rows, OfEvidence(e.Evidence), "redriven"),
        EvidenceRedriven e => Stand(rows, OfEvidence(e.Evidence), "released"),
        // A correction that withdraws a reading leaves it where it is.
        RegisterReadingCorrected { Quality: ReadingQuality.Missing } => [],
        RegisterReadingCorrected e => Stand(rows, OfReading(e.Register, e.ReadAt), "released"),
        _ => null,
    };

    private static List<RowChange> Stand(IRows rows, string about, string standing) =>
        [.. rows.Range<Place>(about, about + "~").Select(place => Key(place.Value.Position))
            .Select(key => new RowChange(key, rows.Get<Refusal>(key)! with { Standing = standing }))];
}
