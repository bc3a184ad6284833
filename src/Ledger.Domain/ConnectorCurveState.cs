namespace Ledger.Domain;

/// <summary>The state of a connector's stream as bytes, so that a restarted process goes on where it was.</summary>
public sealed partial class ConnectorCurve
{
    private const byte Layout = 4;

    /// <summary>The state, without declaration and grid; what is restored behaves the same.</summary>
    public byte[] Save()
    {
        var writer = new StateWriter();
        writer.Byte(Layout);
        writer.Bytes(curve.Save());
        writer.Int64(next);
        writer.Int64(lastReceived);
        writer.Optional(firstRegister);
        writer.Optional(lastRegister);
        writer.Byte((byte)(across ?? 0));
        writer.Int32(marks.Count);
        foreach (var mark in marks)
        {
            writer.Byte((byte)mark.Cause);
            writer.Int64(mark.From);
            writer.Int64(mark.To);
            writer.Int32(mark.Sequences);
        }
        writer.Int32(waiting.Count);
        foreach (var (start, end) in waiting)
        {
            writer.Int64(start);
            writer.Int64(end);
        }
        var known = clocks.All.ToList();
        writer.Int32(known.Count);
        foreach (var (first, last, clock) in known)
        {
            writer.Int64(first);
            writer.Int64(last);
            writer.Int64(clock.AheadMicroseconds);
            writer.Int64(clock.DriftPpm);
            writer.Int64(clock.BoundMicroseconds);
            writer.Optional(clock.UnsetAheadMicroseconds);
        }
        writer.Int32(late?.Count ?? 0);
        foreach (var (start, end, samples, isCovered) in late?.Values.ToArray() ?? [])
        {
            writer.Int64(start);
            writer.Int64(end);
            writer.Int32(samples);
            writer.Flag(isCovered);
        }
        return writer.ToArray();
    }

    /// <summary>
    /// The stream whose state was saved, with the same declaration and grid. Throws <see cref="InvalidDataException"/>
    /// for anything but the bytes of <see cref="Save"/>.
    /// </summary>
    public static ConnectorCurve Restore(SampleDeclaration declaration, CurveGrid grid, ReadOnlySpan<byte> bytes)
    {
        var reader = new StateReader(bytes);
        reader.Expect(Layout);
        var restored = new ConnectorCurve(declaration, grid)
        {
            curve = CurveAccumulator.Restore(declaration, grid, reader.Bytes()),
            next = reader.Int64(),
            lastReceived = reader.Int64(),
            firstRegister = reader.Optional(),
            lastRegister = reader.Optional(),
            across = reader.Byte() is var cause && cause == 0 ? null : Known((GapCause)cause),
        };
        for (var left = reader.Count(21); left > 0; left--)
            restored.marks.Add(new(Known((GapCause)reader.Byte()), reader.Int64(), reader.Int64(), reader.Int32()));
        for (var left = reader.Count(16); left > 0; left--) restored.Wait(new(reader.Int64(), reader.Int64()));
        for (var left = reader.Count(41); left > 0; left--)
            restored.clocks.Restore(new(reader.Int64(), reader.Int64(),
                new(reader.Int64(), reader.Int64(), reader.Int64(), reader.Optional())));
        for (var left = reader.Count(21); left > 0; left--)
        {
            var period = new LatePeriod(reader.Int64(), reader.Int64(), reader.Int32(), reader.Flag());
            (restored.late ??= [])[period.Start] = period;
        }
        reader.End();
        return restored;
    }

    private static GapCause Known(GapCause cause) =>
        Enum.IsDefined(cause) ? cause : throw new InvalidDataException($"{cause} is no cause of a gap");
}
