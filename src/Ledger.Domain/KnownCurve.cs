using NodaTime;
using static Ledger.Domain.Stretches;

namespace Ledger.Domain;

/// <summary>
/// A period's record with the samples that its evidence shows, from the last before the period to the first at its end
/// or after it; or why there are none to be read.
/// </summary>
public sealed record CurvePart(IntervalRecorded Record, IReadOnlyList<PowerSample> Samples, string? Withheld = null);

/// <summary>A stretch of time of which the power is not known, and why.</summary>
public sealed record CurveHole(Interval Missing, string Why);

/// <summary>What may be wrong with samples, by the records that have them: of whole periods, as they count.</summary>
/// <param name="ClockMicroseconds">The most that the sender's clock was off, with how uncertain that is.</param>
public sealed record CurveDoubts(
    long Samples, long Late, long Duplicates, long Conflicts, long MissingSequences, long ClockMicroseconds)
{
    public static readonly CurveDoubts None = new(0, 0, 0, 0, 0, 0);

    public CurveDoubts Plus(CurveDoubts other) => new(
        Samples + other.Samples, Late + other.Late, Duplicates + other.Duplicates, Conflicts + other.Conflicts,
        MissingSequences + other.MissingSequences, Math.Max(ClockMicroseconds, other.ClockMicroseconds));
}

/// <summary>
/// The power of a point as far as its records and their samples tell it: the curve by which its energy was counted.
/// Nothing is drawn across a gap of a record, and samples whose sender's clock was off by more than a clock may be say
/// nothing of when.
/// </summary>
public sealed class KnownCurve
{
    private sealed record Stretch(Interval Known, SampleSemantics Semantics, long Nominal, List<CurvePart> Parts);

    private readonly List<CurvePart> parts;
    private readonly List<PowerLine> lines;

    private KnownCurve(List<CurvePart> parts, List<PowerLine> lines) => (this.parts, this.lines) = (parts, lines);

    /// <param name="parts">Of one point, each period once, in any order.</param>
    public static KnownCurve Of(IEnumerable<CurvePart> parts)
    {
        var known = parts.OrderBy(part => part.Record.Period.Start).ToList();
        return new(known, [.. Stretches(known).Select(LineOf).OfType<PowerLine>()]);
    }

    /// <summary>The evidence of the records of which some time lies in a stretch.</summary>
    public IReadOnlyList<EvidenceDigest> Evidence(Interval within) =>
        [.. Touching(within).Select(part => part.Record.Evidence).Distinct()];

    public CurveDoubts Doubts(Interval within) => Touching(within).Aggregate(CurveDoubts.None, (sum, part) =>
        sum.Plus(new(part.Record.Samples, part.Record.LateSamples, part.Record.DuplicateSamples,
            part.Record.ConflictingSamples, part.Record.Stream?.MissingSequences ?? 0, ClockOf(part.Record))));

    /// <summary>The line that an instant lies on, of two the one that goes on from there; null where none does.
    /// </summary>
    public PowerLine? At(Instant at)
    {
        var asked = PowerCurve.Microseconds(at);
        return lines.LastOrDefault(line => line.From <= asked && asked <= line.To);
    }

    /// <summary>The power up to an instant; null where it is not known.</summary>
    public Fraction? PowerAt(Instant at) => At(at)?.Before(PowerCurve.Microseconds(at));

    /// <summary>What of a stretch of time is not known, in order of time.</summary>
    public IReadOnlyList<CurveHole> Holes(Interval within)
    {
        var told = parts.SelectMany(Told).ToList();
        var lefts = Without([within], lines.Select(TimeOf));
        var holes = new List<CurveHole>();
        foreach (var hole in told)
            holes.AddRange(lefts.Select(left => Within(hole.Missing, left)).OfType<Interval>()
                .Select(missing => hole with { Missing = missing }));
        var untold = Without(lefts, told.Select(hole => hole.Missing));
        var periods = parts.ConvertAll(part => part.Record.Period);
        holes.AddRange(Without(untold, periods).Select(missing => new CurveHole(missing, "no interval record")));
        holes.AddRange(periods.SelectMany(period => Inside(untold, period))
            .Select(missing => new CurveHole(missing, "no sample near enough")));
        return [.. holes.OrderBy(hole => hole.Missing.Start).ThenBy(hole => hole.Missing.End)];
    }

    private static IEnumerable<CurveHole> Told(CurvePart part)
    {
        if (part.Withheld is { } why) return [new(part.Record.Period, why)];
        if (part.Record.Quality == ReadingQuality.Suspect)
            return [new(part.Record.Period, "the sender's clock was off by "
                + $"{Seconds(Math.Abs(part.Record.ClockOffsetMicroseconds))} s: its times do not tell when")];
        return part.Record.Gaps.Select(gap => new CurveHole(gap.Missing, gap.Cause switch
        {
            GapCause.PendingDrop => "samples are missing: the sender, or the ledger, gave them up",
            GapCause.Lost => "samples are missing: they were sent and did not arrive",
            GapCause.Reconnect => "samples are missing: the connection was interrupted",
            GapCause.Clock => "samples are missing: the sender's clock jumped or was not set",
            GapCause.Silent => "samples are missing: the sender had none",
            _ => "samples are missing",
        }));
    }

    /// <summary>Stretches of known time; one ends where what samples mean changes.</summary>
    private static List<Stretch> Stretches(List<CurvePart> parts)
    {
        var stretches = new List<Stretch>();
        foreach (var part in parts)
        {
            if (part.Withheld is not null || part.Record.Quality is ReadingQuality.Suspect or ReadingQuality.Missing)
                continue;
            var (semantics, nominal) = part.Record.Stream is { } stream
                ? (stream.Semantics, stream.NominalMicroseconds) : (SampleSemantics.Instant, 0L);
            foreach (var known in Without([part.Record.Period], part.Record.Gaps.Select(gap => gap.Missing)))
                if (stretches.LastOrDefault() is { } before && before.Known.End >= known.Start
                    && (before.Semantics, before.Nominal) == (semantics, nominal))
                    stretches[^1] = before with
                    {
                        Known = new(before.Known.Start, Instant.Max(before.Known.End, known.End)),
                        Parts = [.. before.Parts, part],
                    };
                else stretches.Add(new(known, semantics, nominal, [part]));
        }
        return stretches;
    }

    /// <summary>The line through a stretch's samples and the nearest beside it, as far as it lies in the stretch.
    /// </summary>
    private static PowerLine? LineOf(Stretch stretch)
    {
        var (from, to) = (PowerCurve.Microseconds(stretch.Known.Start), PowerCurve.Microseconds(stretch.Known.End));
        var samples = stretch.Parts.SelectMany(part => part.Samples).ToList();
        var last = samples.Where(sample => sample.AtMicroseconds <= from)
            .Select(sample => sample.AtMicroseconds).DefaultIfEmpty(from).Max();
        var next = samples.Where(sample => sample.AtMicroseconds >= to)
            .Select(sample => sample.AtMicroseconds).DefaultIfEmpty(to).Min();
        if (PowerLine.Of(
            [.. samples.Where(sample => sample.AtMicroseconds >= last && sample.AtMicroseconds <= next)],
            stretch.Semantics, stretch.Nominal) is not { } line) return null;
        (from, to) = (Math.Max(from, line.From), Math.Min(to, line.To));
        return from < to ? line.Part(from, to) : null;
    }

    private IEnumerable<CurvePart> Touching(Interval within) =>
        parts.Where(part => Within(part.Record.Period, within) is not null);

    private static Interval TimeOf(PowerLine line) =>
        new(Instant.FromUnixTimeTicks(line.From * 10), Instant.FromUnixTimeTicks(line.To * 10));

    private static long ClockOf(IntervalRecorded record) =>
        Math.Abs(record.ClockOffsetMicroseconds) + (record.Stream?.ClockBoundMicroseconds ?? 0);

    private static string Seconds(long microseconds) => new Fraction(microseconds, 1_000_000).ToText(6);
}
