namespace Ledger.Domain;

/// <summary>A repeated instant that was taken out of a sorted stretch of samples.</summary>
internal readonly record struct CurveRepeat(long At, bool IsConflict);

/// <summary>
/// The buffers of one worker that integrates streams: used for one call at a time, so that the state of a stream holds
/// only what has to outlast a call. It grows to what the largest call needs and is then never allocated again.
/// </summary>
public sealed class CurveScratch
{
    internal long[] At = new long[256], Power = new long[256], SortedAt = [], SortedPower = [];
    internal readonly int[] Digits = new int[CurveSort.Buckets];
    internal readonly List<CurveRepeat> Repeats = new(16);

    internal void Ensure(int count)
    {
        if (At.Length >= count) return;
        var capacity = Math.Max(count, At.Length * 2);
        (At, Power) = (new long[capacity], new long[capacity]);
    }

    internal void EnsureSort(int count)
    {
        if (SortedAt.Length >= count) return;
        (SortedAt, SortedPower) = (new long[count], new long[count]);
    }
}

/// <summary>
/// The samples that a stream holds, as one column of times and one of powers: from <see cref="First"/> on those whose
/// energy is in the sums already (kept for ramps and the next segment), from <see cref="Committed"/> on those that may
/// still get neighbours, up to <see cref="Count"/>.
/// </summary>
internal ref struct CurveColumns(Span<long> at, Span<long> power)
{
    public readonly Span<long> At = at, Power = power;
    public int First, Committed, Count;

    /// <summary>Puts a sample at an index; what stands there moves on.</summary>
    public void Insert(int index, long at, long power)
    {
        At[index..Count].CopyTo(At[(index + 1)..]);
        Power[index..Count].CopyTo(Power[(index + 1)..]);
        (At[index], Power[index]) = (at, power);
        Count++;
    }

    /// <summary>The first of the given samples that is later than an instant.</summary>
    public readonly int FirstAfter(long at, int from, int to)
    {
        while (from < to)
        {
            var middle = (from + to) >>> 1;
            if (At[middle] <= at) from = middle + 1;
            else to = middle;
        }
        return from;
    }

    /// <summary>
    /// Leaves one sample for each instant up to an index, the one of lowest absolute power (of +p and -p, the import),
    /// and tells the others as repeats; returns the index up to which the samples are single then.
    /// </summary>
    public int TakeRepeats(int to, List<CurveRepeat> repeats)
    {
        var kept = Committed;
        for (var i = Committed; i < to;)
        {
            var end = i + 1;
            while (end < to && At[end] == At[i]) end++;
            if (end - i > 1)
            {
                Power[i..end].Sort(CurveOrder.LeastPowerFirst);
                for (var r = i + 1; r < end; r++) repeats.Add(new(At[i], Power[r] != Power[r - 1]));
            }
            (At[kept], Power[kept]) = (At[i], Power[i]);
            kept++;
            i = end;
        }
        if (kept == to) return to;
        At[to..Count].CopyTo(At[kept..]);
        Power[to..Count].CopyTo(Power[kept..]);
        Count -= to - kept;
        return kept;
    }

    /// <summary>Whether an instant occurs twice from an index on.</summary>
    public readonly bool HasRepeats(int from)
    {
        for (var i = from + 1; i < Count; i++)
            if (At[i] == At[i - 1]) return true;
        return false;
    }
}

/// <summary>
/// Sorts samples by time, eleven bits of the distance from the earliest at a time (a radix sort from the lowest digit
/// up), which for many samples is several times as fast as comparing them. Samples of one instant stay as they came.
/// </summary>
internal static class CurveSort
{
    private const int Bits = 11;
    public const int Buckets = 1 << Bits;
    private const int FewMax = 64; // below, comparing is faster than counting

    public static void ByTime(Span<long> at, Span<long> power, CurveScratch scratch)
    {
        if (at.Length <= FewMax)
        {
            at.Sort(power);
            return;
        }
        long least = long.MaxValue, most = long.MinValue;
        foreach (var t in at) (least, most) = (Math.Min(least, t), Math.Max(most, t));
        scratch.EnsureSort(at.Length);
        Span<long> fromAt = at, fromPower = power;
        Span<long> toAt = scratch.SortedAt.AsSpan(0, at.Length), toPower = scratch.SortedPower.AsSpan(0, at.Length);
        var range = (ulong)(most - least);
        for (var shift = 0; shift < 64 && range >> shift != 0; shift += Bits)
        {
            if (!Pass(fromAt, fromPower, toAt, toPower, least, shift, scratch.Digits)) continue;
            Span<long> passedAt = fromAt, passedPower = fromPower;
            fromAt = toAt;
            fromPower = toPower;
            toAt = passedAt;
            toPower = passedPower;
        }
        if (fromAt == at) return;
        fromAt.CopyTo(at);
        fromPower.CopyTo(power);
    }

    private static bool Pass(
        ReadOnlySpan<long> fromAt, ReadOnlySpan<long> fromPower, Span<long> toAt, Span<long> toPower, long least,
        int shift, int[] counts)
    {
        Array.Clear(counts);
        foreach (var t in fromAt) counts[(int)((ulong)(t - least) >> shift) & (Buckets - 1)]++;
        if (counts[(int)((ulong)(fromAt[0] - least) >> shift) & (Buckets - 1)] == fromAt.Length) return false;
        var place = 0;
        for (var i = 0; i < counts.Length; i++) (counts[i], place) = (place, place + counts[i]);
        for (var i = 0; i < fromAt.Length; i++)
        {
            var to = counts[(int)((ulong)(fromAt[i] - least) >> shift) & (Buckets - 1)]++;
            (toAt[to], toPower[to]) = (fromAt[i], fromPower[i]);
        }
        return true;
    }
}
