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
    public static List<Interval> Inside(IEnumerable<Interval> parts, Interval whole)
    {
        var inside = new List<Interval>();
        foreach (var part in parts)
            if (Within(part, whole) is { } shared) inside.Add(shared);
        return inside;
    }

    /// <summary>What is left of some stretches of time without others; empty stretches vanish.</summary>
    public static List<Interval> Without(IEnumerable<Interval> whole, IEnumerable<Interval> taken)
    {
        var left = new List<Interval>();
        foreach (var part in whole)
            if (part.Duration > Duration.Zero) left.Add(part);
        foreach (var cut in taken) left = Without(left, cut);
        return left;
    }

    private static List<Interval> Without(List<Interval> parts, Interval cut)
    {
        var left = new List<Interval>(parts.Count + 1);
        foreach (var part in parts)
        {
            if (Within(cut, part) is not { } gone)
            {
                left.Add(part);
                continue;
            }
            if (part.Start < gone.Start) left.Add(new(part.Start, gone.Start));
            if (gone.End < part.End) left.Add(new(gone.End, part.End));
        }
        return left;
    }

    public static Duration Length(IEnumerable<Interval> parts)
    {
        var length = Duration.Zero;
        foreach (var part in parts) length += part.Duration;
        return length;
    }

    /// <summary>A power held for a time: mW · µs is a nanojoule, doubled it is the unit of energy.</summary>
    public static Energy EnergyOver(Power power, Duration time) =>
        // Nearly every time is whole halves of a microsecond; then nothing of the product, which is too large for 64
        // bits, has to be divided.
        time.NanosecondOfDay % 500 == 0
            ? new(power.Milliwatts * (Nanoseconds(time) / 500))
            : new((Int128)power.Milliwatts * Nanoseconds(time) * 2 / 1000);

    public static Int128 Nanoseconds(Duration time) =>
        ((Int128)time.Days * NodaConstants.NanosecondsPerDay) + time.NanosecondOfDay;
}
