using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

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
    private const int MovedOneByOneMax = 16;

    public readonly Span<long> At = at, Power = power;
    public int First, Committed, Count;
    /// <summary>How many samples were moved to make places for others.</summary>
    public int Moved;

    /// <summary>Puts a sample at an index; what stands there moves on.</summary>
    public void Insert(int index, long at, long power)
    {
        var moved = Count - index;
        if (moved > MovedOneByOneMax)
        {
            At[index..Count].CopyTo(At[(index + 1)..]);
            Power[index..Count].CopyTo(Power[(index + 1)..]);
        }
        else for (var i = Count; i > index; i--) (At[i], Power[i]) = (At[i - 1], Power[i - 1]);
        (At[index], Power[index]) = (at, power);
        Moved += moved;
        Count++;
    }

    /// <summary>
    /// Appends samples from the first as long as each is later than the one before, the first than
    /// <paramref name="last"/>, and none is beyond its bounds; returns how many.
    /// </summary>
    public int AppendRun(ReadOnlySpan<PowerSample> samples, long last)
    {
        var at = At[Count..][..samples.Length];
        var power = Power[Count..][..samples.Length];
        int i;
        unchecked
        {
            last = Math.Max(last, -PowerSample.AtMicrosecondsMax - 1);
            // The first alone, because the one before it is no neighbour in memory.
            if (!IsNext(samples[0], last)) return 0;
            (at[0], power[0]) = samples[0];
            i = Vector256.IsHardwareAccelerated ? AppendFours(samples, at, power) : 1;
            for (; i < samples.Length && IsNext(samples[i], samples[i - 1].AtMicroseconds); i++)
                (at[i], power[i]) = samples[i];
        }
        Count += i;
        return i;
    }

    // Of each sum a negative sign says that a sample is out of order or out of bounds.
    private static bool IsNext(PowerSample sample, long last) => unchecked(
        (sample.AtMicroseconds - last - 1) | (PowerSample.AtMicrosecondsMax - sample.AtMicroseconds)
        | (Limits.PowerMilliwattsMax - sample.Milliwatts) | (Limits.PowerMilliwattsMax + sample.Milliwatts)) >= 0;

    /// <summary>Takes four samples at a time behind the first, as long as they go on in order.</summary>
    private static int AppendFours(ReadOnlySpan<PowerSample> samples, Span<long> at, Span<long> power)
    {
        ref var cells = ref MemoryMarshal.GetReference(MemoryMarshal.Cast<PowerSample, long>(samples));
        ref var times = ref MemoryMarshal.GetReference(at);
        ref var powers = ref MemoryMarshal.GetReference(power);
        var most = Vector256.Create(PowerSample.AtMicrosecondsMax, Limits.PowerMilliwattsMax,
            PowerSample.AtMicrosecondsMax, Limits.PowerMilliwattsMax);
        // Only times need an order: of the differences of powers this mask leaves nothing.
        var inOrder = Vector256.Create(-1L, 0, -1L, 0);
        var i = 1;
        for (; i <= samples.Length - 4; i += 4)
        {
            var (a, b) = (Vector256.LoadUnsafe(ref cells, (nuint)(2 * i)),
                Vector256.LoadUnsafe(ref cells, (nuint)((2 * i) + 4)));
            var later = (a - Vector256.LoadUnsafe(ref cells, (nuint)((2 * i) - 2)) + inOrder)
                | (b - Vector256.LoadUnsafe(ref cells, (nuint)((2 * i) + 2)) + inOrder);
            var beyond = (later & inOrder) | (most - a) | (most + a) | (most - b) | (most + b);
            if (Vector256.LessThanAny(beyond, Vector256<long>.Zero)) break;
            a = Vector256.Shuffle(a, Vector256.Create(0L, 2, 1, 3));
            b = Vector256.Shuffle(b, Vector256.Create(0L, 2, 1, 3));
            Vector256.Create(a.GetLower(), b.GetLower()).StoreUnsafe(ref times, (nuint)i);
            Vector256.Create(a.GetUpper(), b.GetUpper()).StoreUnsafe(ref powers, (nuint)i);
        }
        return i;
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

    /// <summary>The same, quick where it is one of the first.</summary>
    public readonly int FirstAfterFromStart(long at, int from, int to)
    {
        for (var step = 1; to - from > step; step *= 2)
        {
            if (At[from + step - 1] > at) return FirstAfter(at, from, from + step - 1);
            from += step;
        }
        return FirstAfter(at, from, to);
    }

    /// <summary>The same, quick where it is one of the last.</summary>
    public readonly int FirstAfterFromEnd(long at, int from, int to)
    {
        for (var step = 1; to - from > step; step *= 2)
        {
            if (At[to - step] <= at) return FirstAfter(at, to - step + 1, to);
            to -= step;
        }
        return FirstAfter(at, from, to);
    }

    /// <summary>
    /// Leaves one sample for each instant up to an index, the one of lowest absolute power (of +p and -p, the import),
    /// and tells the others as repeats; returns the index up to which the samples are single then.
    /// </summary>
    public int TakeRepeats(int to, List<CurveRepeat> repeats)
    {
        var kept = FirstRepeat(Committed, to);
        for (var i = kept; i < to;)
        {
            var end = i + 1;
            while (end < to && At[end] == At[i]) end++;
            if (end - i > 1)
            {
                if (end - i > 2) Power[i..end].Sort(CurveOrder.LeastPowerFirst);
                else if (CurveOrder.LeastPowerFirst(Power[i], Power[i + 1]) > 0)
                    (Power[i], Power[i + 1]) = (Power[i + 1], Power[i]);
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
    public readonly bool HasRepeats(int from) => FirstRepeat(from, Count) < Count;

    /// <summary>The first of the given samples whose instant the next one has too; the end where none has.</summary>
    private readonly int FirstRepeat(int from, int to)
    {
        var i = from;
        if (Vector.IsHardwareAccelerated)
        {
            ref var times = ref MemoryMarshal.GetReference(At);
            while (i + Vector<long>.Count < to && !Vector.EqualsAny(
                Vector.LoadUnsafe(ref times, (nuint)i), Vector.LoadUnsafe(ref times, (nuint)i + 1)))
                i += Vector<long>.Count;
        }
        for (; i + 1 < to; i++)
            if (At[i] == At[i + 1]) return i;
        return to;
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
            OneByOne(at, power);
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

    private static void OneByOne(Span<long> at, Span<long> power)
    {
        for (var i = 1; i < at.Length; i++)
        {
            var (time, its, to) = (at[i], power[i], i);
            for (; to > 0 && at[to - 1] > time; to--) (at[to], power[to]) = (at[to - 1], power[to - 1]);
            (at[to], power[to]) = (time, its);
        }
    }

    private static bool Pass(
        ReadOnlySpan<long> fromAt, ReadOnlySpan<long> fromPower, Span<long> toAt, Span<long> toPower, long least,
        int shift, int[] counts)
    {
        Array.Clear(counts);
        foreach (var t in fromAt) counts[Digit(t, least, shift)]++;
        if (counts[Digit(fromAt[0], least, shift)] == fromAt.Length) return false;
        var place = 0;
        for (var i = 0; i < counts.Length; i++) (counts[i], place) = (place, place + counts[i]);
        for (var i = 0; i < fromAt.Length; i++)
        {
            var to = counts[Digit(fromAt[i], least, shift)]++;
            (toAt[to], toPower[to]) = (fromAt[i], fromPower[i]);
        }
        return true;
    }

    private static int Digit(long at, long least, int shift) => (int)((ulong)(at - least) >> shift & (Buckets - 1));
}
