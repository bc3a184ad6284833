using NodaTime;

namespace Ledger.Domain;

/// <summary>Stretches of time: what two share, what is left of some without others, how long they are.</summary>
internal static class Stretches
{
    public static Duration Shared(Interval a, Interval b) => Within(a, b)?.Duration ?? Duration.Zero;

    public static Interval? Within(Interval part, Interval whole)
    {
        var (start, end) = (Instant.Max(part.Start, whole.Start), Instant.Min(part.End, whole.End));
        return start < end ? new Interval(start, end) : null;
    }

    /// <summary>The parts of some stretches that lie in a whole.</summary>
    public static List<Interval> Inside(IEnumerable<Interval> parts, Interval whole) =>
        [.. parts.Select(part => Within(part, whole)).OfType<Interval>()];

    /// <summary>What is left of some stretches of time without others; empty stretches vanish.</summary>
    public static List<Interval> Without(IEnumerable<Interval> whole, IEnumerable<Interval> taken) =>
        taken.Aggregate(whole.Where(part => part.Duration > Duration.Zero).ToList(),
            (left, cut) => [.. left.SelectMany(part => Remainder(part, cut))]);

    public static Duration Length(IEnumerable<Interval> parts) =>
        parts.Aggregate(Duration.Zero, (sum, part) => sum + part.Duration);

    /// <summary>A power held for a time: mW · µs is a nanojoule, doubled it is the unit of energy.</summary>
    public static Energy EnergyOver(Power power, Duration time) =>
        new((Int128)power.Milliwatts * Nanoseconds(time) * 2 / 1000);

    public static Int128 Nanoseconds(Duration time) =>
        ((Int128)time.Days * NodaConstants.NanosecondsPerDay) + time.NanosecondOfDay;

    private static IEnumerable<Interval> Remainder(Interval part, Interval cut)
    {
        if (Within(cut, part) is not { } gone) return [part];
        Interval[] sides = [new(part.Start, gone.Start), new(gone.End, part.End)];
        return sides.Where(side => side.Duration > Duration.Zero);
    }
}
