using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>
/// An index as evidence shows it. <paramref name="MeterSerial"/> is that of a signed value, which names its meter and
/// not its register.
/// </summary>
/// <param name="Text">The signed value as it is written.</param>
/// <param name="IsBare">Whether it stands alone, so that a key may have come beside it and is not kept.</param>
public sealed record ShownIndex(
    string? MeterSerial, ExactNumber Kwh, ReadingQuality Quality, OcmfValue? Signed = null, string? Text = null,
    bool IsBare = false)
{
    /// <summary>In steps of a register; null where it cannot show so fine an index.</summary>
    public long? Steps(RegisterInstalled installed) =>
        Kwh.InUnits(installed.Decimals, out var finer) is var steps && !finer && steps >= long.MinValue
            && steps <= long.MaxValue ? (long)steps : null;
}

/// <summary>Some registers among all that evidence may be of: those of these points, and of these meters, of which a
/// signed value names the serial number alone.</summary>
public sealed record ReadingScope(IReadOnlySet<string> Points, IReadOnlySet<string> Meters);

/// <summary>
/// Reads the text of evidence again, by the readers that read it when it came in, and finds in it what a fact says that
/// it shows. A few pieces are kept as they were read, because facts of one file follow each other.
/// </summary>
/// <param name="evidence">The bytes of a digest; null where they are not kept.</param>
/// <param name="scope">Of which readings those are counted that nobody asks for; null: of all.</param>
public sealed class ReadingEvidence(Func<EvidenceDigest, byte[]?> evidence, ReadingScope? scope = null)
{
    private const int PiecesKept = 8;

    private readonly record struct IndexKey(string Name, Direction Direction, Instant At);

    /// <summary>What one piece of evidence shows; null where it is not kept.</summary>
    private sealed record Shown(
        ILookup<IndexKey, ShownIndex> Indices, ILookup<(RegisterId, Interval), IntervalReadingRecorded> Intervals);

    private readonly HashSet<string> names =
        scope is null ? [] : [.. scope.Points.Select(OfPoint), .. scope.Meters.Select(OfMeter)];
    private readonly List<((EvidenceDigest Digest, string? Zone, string? Point) Of, Shown? Shown)> read = [];
    /// <summary>How many readings of a piece were not asked for; of one that was asked for wholly nothing is kept.
    /// </summary>
    private readonly Dictionary<(EvidenceDigest Digest, string? Point), int> notAsked = [];

    /// <summary>Readings that stand in the evidence that was read, and that nobody asked for.</summary>
    public long Unrecorded => notAsked.Values.Sum(count => (long)count);

    /// <summary>
    /// What the evidence shows for a register at an instant; of several the one that was recorded, where it is among
    /// them, and where none is of the meter that counted then, a value of another. Null where there is none.
    /// <paramref name="isKept"/> is false where the evidence is not there to be read.
    /// Throws <see cref="InvalidDataException"/> where it is no evidence of readings.
    /// </summary>
    public ShownIndex? Index(
        RegisterInstalled installed, Instant at, long recordedSteps, EvidenceDigest digest,
        SettlementPointRegistered? point, out bool isKept)
    {
        var shown = Read(digest, point);
        isKept = shown is not null;
        if (shown is null) return null;
        var (of, direction) = installed.Register;
        var found = shown.Indices[new(OfPoint(of.Value), direction, at)]
            .Concat(shown.Indices[new(OfMeter(installed.MeterSerial), direction, at)]).ToList();
        if (found.Count == 0)
            found = [.. shown.Indices.Where(each => each.Key.Direction == direction && each.Key.At == at
                && each.First().MeterSerial is not null).SelectMany(each => each)];
        if (found.Count > 0) Asked(digest, point);
        return found.FirstOrDefault(index => index.Steps(installed) == recordedSteps) ?? found.FirstOrDefault();
    }

    /// <summary>The same of a provider's interval.</summary>
    public IntervalReadingRecorded? Interval(IntervalReadingRecorded recorded, EvidenceDigest digest, out bool isKept)
    {
        var shown = Read(digest, null);
        isKept = shown is not null;
        var found = shown?.Intervals[(recorded.Register, recorded.Period)].ToList() ?? [];
        if (found.Count > 0) Asked(digest, null);
        return found.FirstOrDefault(reading => reading.Energy == recorded.Energy) ?? found.FirstOrDefault();
    }

    private static string OfPoint(string point) => "point " + point;
    private static string OfMeter(string serial) => "meter " + serial;

    private Shown? Read(EvidenceDigest digest, SettlementPointRegistered? point)
    {
        // Only sessions need a zone and the name of their station; the others read the same whatever is asked.
        foreach (var known in read)
            if (known.Of.Digest == digest
                && (known.Of.Zone is null || (known.Of.Zone, known.Of.Point) == (point?.Zone, point?.Point.Value)))
                return known.Shown;
        var (shown, needsPoint) = evidence(digest) is { } bytes ? Parse(digest, bytes, point) : (null, false);
        if (read.Count == PiecesKept) read.RemoveAt(0);
        read.Add(((digest, needsPoint ? point?.Zone : null, needsPoint ? point?.Point.Value : null), shown));
        if (shown is not null)
            notAsked.TryAdd((digest, needsPoint ? point?.Point.Value : null), InScope(shown));
        return shown;
    }

    private int InScope(Shown shown) => scope is null ? shown.Indices.Count + shown.Intervals.Count
        : shown.Indices.Count(each => names.Contains(each.Key.Name))
        + shown.Intervals.Count(each => scope.Points.Contains(each.Key.Item1.Point.Value));

    private void Asked(EvidenceDigest digest, SettlementPointRegistered? point)
    {
        var key = (digest, (string?)null);
        if (!notAsked.ContainsKey(key)) key = (digest, point?.Point.Value);
        if (notAsked.TryGetValue(key, out var left) && left > 1) notAsked[key] = left - 1;
        else notAsked.Remove(key);
    }

    private static (Shown Shown, bool NeedsPoint) Parse(
        EvidenceDigest digest, byte[] bytes, SettlementPointRegistered? point)
    {
        bytes = PackedBytes.ContentOf(digest, bytes);
        if (IntakeText.Decode(bytes, out var text) is { } refused)
            throw new InvalidDataException($"evidence {digest}: {refused.Detail}");
        var start = text.AsSpan().TrimStart();
        var end = start.IndexOf('\n');
        var header = (end < 0 ? start : start[..end]).TrimEnd('\r').ToString();
        if (start.StartsWith("<")) return (Of(Contained(digest, bytes)), false);
        if (start.StartsWith("OCMF|")) return (Of(Bare(text)), false);
        if (Nem12.IsRecord(header)) return (Of([], Intervals(digest, text)), false);
        if (RegisterReadingRows.IsHeader(header) || RegisterReadingRows.IsRow(text))
            return (Of(RegisterReadingRows.Read(bytes).Select(row => (
                new IndexKey(OfPoint(row.Register.Point.Value), row.Register.Direction, row.ReadAt),
                new ShownIndex(null, row.Kwh, row.Quality)))), false);
        if (EpflSessions.IsHeader(header) && point is not null) return (Of(Sessions(digest, text, point)), true);
        throw new InvalidDataException($"evidence {digest} is in no format that holds readings");
    }

    private static Shown Of(
        IEnumerable<(IndexKey Key, ShownIndex Index)> indices,
        IEnumerable<IntervalReadingRecorded>? intervals = null) =>
        new(indices.ToLookup(each => each.Key, each => each.Index),
            (intervals ?? []).ToLookup(reading => (reading.Register, reading.Period)));

    private static IEnumerable<(IndexKey, ShownIndex)> Contained(EvidenceDigest digest, byte[] bytes)
    {
        if (OcmfContainer.Read(bytes, out var values) is { } refused)
            throw new InvalidDataException($"evidence {digest}: {refused.Detail}");
        return values.Where(value => value.Value is not null)
            .SelectMany(value => Of(value.Value!, value.Text!, isBare: false));
    }

    private static IEnumerable<(IndexKey, ShownIndex)> Bare(string text) =>
        Ocmf.Read(text, null, out var value) is null ? Of(value!, text, isBare: true) : [];

    private static IEnumerable<(IndexKey, ShownIndex)> Of(OcmfValue value, string text, bool isBare) =>
        SignedValues.Indices(value).Select(index => (new IndexKey(OfMeter(value.Serial), index.Direction, index.At),
            new ShownIndex(value.Serial, index.Kwh, index.Quality, value, text, isBare)));

    private static IEnumerable<IntervalReadingRecorded> Intervals(EvidenceDigest digest, string text) =>
        Nem12.ReadAgain(text, out var channels) is { } refused
            ? throw new InvalidDataException($"evidence {digest}: {refused.Detail}")
            : channels.Where(channel => Nem12Readings.KeptOnly(channel) is null)
                .SelectMany(channel => Nem12Readings.Of(channel, digest));

    private static IEnumerable<(IndexKey, ShownIndex)> Sessions(
        EvidenceDigest digest, string text, SettlementPointRegistered point)
    {
        if (EpflSessions.ReadAgain(text, DateTimeZoneProviders.Tzdb[point.Zone], out var sessions) is { } refused)
            throw new InvalidDataException($"evidence {digest}: {refused.Detail}");
        var ofPoint = sessions.Where(session => $"{point.Station}:{session.Connector}" == point.Point.Value).ToList();
        return ofPoint.Count == 0 ? [] : SessionFiles.Indices(ofPoint).Select(index => (
            new IndexKey(OfPoint(point.Point.Value), Direction.Import, index.At),
            new ShownIndex(
                null, ExactNumber.Of(index.Steps, EpflSessions.RegisterDecimals), ReadingQuality.Measured)));
    }
}
