namespace Ledger.Domain;

/// <summary>The state of an accumulator as bytes, so that a restarted process goes on where it was.</summary>
public sealed partial class CurveAccumulator
{
    private const byte Layout = 4;

    /// <summary>The state, without declaration and grid; what is restored behaves the same.</summary>
    public byte[] Save()
    {
        PutInOrder();
        var writer = new StateWriter();
        writer.Byte(Layout);
        writer.Int64(Watermark);
        writer.Int64(newest);
        writer.Int64(LateSamples);
        writer.Flag(hasRepeats);
        writer.Flag(isUnsorted);
        writer.Int64(oldestUnsorted);
        writer.Int32(committed - first);
        writer.Int32(Held);
        for (var i = first; i < count; i++)
        {
            writer.Int64(held[i]);
            writer.Int64(held[held.Length / 2 + i]);
        }
        fold.Save(writer);
        writer.Int32(late?.Count ?? 0);
        foreach (var one in late?.Values.ToArray() ?? [])
        {
            writer.Int64(one.Start);
            writer.Int64(one.End);
            writer.Int64(one.Earliest);
            writer.Int64(one.Latest);
            writer.Int64(one.Count);
        }
        return writer.ToArray();
    }

    /// <summary>What is held and what is summed, as if each sample had been placed and added when it came: a state is
    /// the same however calls were cut, and whenever it was asked for.</summary>
    private void PutInOrder()
    {
        var scratch = new CurveScratch();
        Settle(scratch);
        if (!isUnsorted) return;
        var columns = Open(0, scratch);
        Sort(ref columns, scratch);
        Close(ref columns, scratch);
    }

    /// <summary>
    /// The accumulator whose state was saved, with the same declaration and grid. Throws
    /// <see cref="InvalidDataException"/> for anything but the bytes of <see cref="Save"/>.
    /// </summary>
    public static CurveAccumulator Restore(SampleDeclaration declaration, CurveGrid grid, ReadOnlySpan<byte> bytes)
    {
        var reader = new StateReader(bytes);
        reader.Expect(Layout);
        var restored = new CurveAccumulator(declaration, grid)
        {
            Watermark = reader.Int64(),
            newest = reader.Int64(),
            LateSamples = reader.Int64(),
            hasRepeats = reader.Flag(),
            isUnsorted = reader.Flag(),
            oldestUnsorted = reader.Int64(),
        };
        restored.settled = restored.Watermark;
        restored.committed = reader.Int32();
        restored.count = reader.Count(16);
        if (restored.committed < 0 || restored.committed > restored.count)
            throw new InvalidDataException("the state holds fewer samples than it has added");
        var held = restored.held = new long[2 * Roomy(restored.count)];
        for (var i = 0; i < restored.count; i++)
            (held[i], held[held.Length / 2 + i]) = (reader.Int64(), reader.Int64());
        restored.fold.Restore(ref reader);
        if (restored.fold.IsStarted != restored.committed > 0)
            throw new InvalidDataException("the state has sums without their last sample, or the other way round");
        for (var left = reader.Count(40); left > 0; left--)
            restored.Keep(new(reader.Int64(), reader.Int64())
            {
                Earliest = reader.Int64(),
                Latest = reader.Int64(),
                Count = reader.Int64(),
            });
        reader.End();
        return restored;
    }
}

/// <summary>The sums of cells as bytes.</summary>
internal static class CurveCellBytes
{
    private const int GapBytes = 16;

    public static void Write(StateWriter writer, CurveCell cell)
    {
        var sum = cell.Sum;
        writer.Int64(cell.Start);
        writer.Int64(cell.End);
        writer.Flag(sum.GapRunsIn);
        writer.Int128(sum.Import);
        writer.Int128(sum.Export);
        writer.Int64(sum.Covered);
        writer.Int64(sum.Minimum);
        writer.Int64(sum.Maximum);
        writer.Int64(sum.Ramp);
        writer.Int64(sum.LongRamp);
        writer.Int64(sum.Samples);
        writer.Flag(sum.HasEdges);
        writer.Int64(sum.Duplicates);
        writer.Int64(sum.Conflicts);
        writer.Int32(sum.Gaps?.Count ?? 0);
        foreach (var gap in sum.Gaps ?? [])
        {
            writer.Int64(PowerCurve.Microseconds(gap.Missing.Start));
            writer.Int64(PowerCurve.Microseconds(gap.Missing.End));
        }
    }

    public static CurveCell Read(ref StateReader reader)
    {
        var cell = new CurveCell
        {
            Start = reader.Int64(),
            End = reader.Int64(),
            Sum = new PeriodSum
            {
                GapRunsIn = reader.Flag(),
                Import = reader.Int128(),
                Export = reader.Int128(),
                Covered = reader.Int64(),
                Minimum = reader.Int64(),
                Maximum = reader.Int64(),
                Ramp = reader.Int64(),
                LongRamp = reader.Int64(),
                Samples = reader.Int64(),
                HasEdges = reader.Flag(),
                Duplicates = reader.Int64(),
                Conflicts = reader.Int64(),
            },
        };
        for (var left = reader.Count(GapBytes); left > 0; left--)
        {
            var (from, to) = (reader.Int64(), reader.Int64());
            if (from >= to || from < -PowerSample.AtMicrosecondsMax || to > PowerSample.AtMicrosecondsMax)
                throw new InvalidDataException("a gap of the state ends before it starts");
            cell.Sum.Miss(from, to);
        }
        return cell;
    }
}
