using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Ingest.Simulation;

/// <summary>What was written of a fleet.</summary>
public sealed record StreamFilesWritten(long Frames, long FrameBytes, long Samples, long Repeats, int Lost, int Gaps);

/// <summary>
/// A simulated fleet as files that a server can be fed with and what it finds can be compared with. The same plan
/// gives the same bytes. <c>frames/gateway-G-session-S.frames</c> holds the frames of one connection as they arrive:
/// each its length (four bytes, little-endian), when it arrives (Unix µs, eight bytes, little-endian), and its bytes.
/// The rest is text: what is true (<c>truth.csv</c>, <c>gaps.csv</c>, <c>sessions.csv</c>), the plan, and what
/// <c>ledger import</c> takes (<see cref="StreamMasterData"/>).
/// </summary>
public static class StreamFiles
{
    /// <summary>Bytes before each frame.</summary>
    public const int PrefixBytes = 12;

    /// <summary>Writes into a folder that is there and empty.</summary>
    public static StreamFilesWritten Write(
        StreamPlan plan, int periodMinutes, string folder, Action<string> progress, CancellationToken ct)
    {
        var fleet = new StreamFleet(plan);
        var frames = Directory.CreateDirectory(Path.Combine(folder, "frames")).FullName;
        var total = new StreamFilesWritten(0, 0, 0, 0, 0, 0);
        using (var sessions = Text(folder, "sessions.csv", "gateway,session,frames,lost"))
            for (var gateway = 0; gateway < plan.Gateways; gateway++)
            {
                ct.ThrowIfCancellationRequested();
                progress($"gateway {gateway + 1} of {plan.Gateways}");
                total = Added(total, Feed(fleet, gateway, frames, sessions));
            }
        StreamMasterData.Write(fleet, periodMinutes, folder);
        var (samples, repeats, gaps) = Truth(fleet, periodMinutes, folder, progress, ct);
        return total with { Samples = samples, Repeats = repeats, Gaps = gaps };
    }

    private static StreamFilesWritten Added(
        StreamFilesWritten total, (long Frames, long Bytes, int Lost) more) => total with
        {
            Frames = total.Frames + more.Frames,
            FrameBytes = total.FrameBytes + more.Bytes,
            Lost = total.Lost + more.Lost,
        };

    private static (long Frames, long Bytes, int Lost) Feed(
        StreamFleet fleet, int gateway, string folder, TextWriter sessions)
    {
        var delivery = new StreamDelivery(fleet, gateway, gateway + 1);
        var buffer = new byte[PrefixBytes + DeliveredFrame.BytesMax];
        var (frames, bytes, session) = (0L, 0L, -1);
        FileStream? file = null;
        try
        {
            foreach (var frame in delivery.Frames())
            {
                if (frame.Session != session)
                {
                    file?.Dispose();
                    session = frame.Session;
                    file = File.Create(Path.Combine(folder, string.Create(
                        CultureInfo.InvariantCulture, $"gateway-{gateway:000000}-session-{session:000}.frames")));
                }
                var length = frame.Write(buffer.AsSpan(PrefixBytes));
                BinaryPrimitives.WriteInt32LittleEndian(buffer, length);
                BinaryPrimitives.WriteInt64LittleEndian(
                    buffer.AsSpan(sizeof(int)), PowerCurve.Microseconds(frame.ReceivedAt));
                file!.Write(buffer, 0, PrefixBytes + length);
                (frames, bytes) = (frames + 1, bytes + length);
            }
        }
        finally
        {
            file?.Dispose();
        }
        var lost = delivery.Lost.ToLookup(one => one.Session, one => one.Sequence);
        foreach (var one in delivery.Sessions)
            sessions.Write(Line(gateway, one.Session, one.Frames, string.Join(' ', lost[one.Session])));
        return (frames, bytes, delivery.Lost.Count());
    }

    private static (long Samples, long Repeats, int Gaps) Truth(
        StreamFleet fleet, int periodMinutes, string folder, Action<string> progress, CancellationToken ct)
    {
        using var truth = Text(folder, "truth.csv",
            "point,from,to,import_half_nj,export_half_nj,proven_import_half_nj,proven_export_half_nj,samples,duplicates,"
            + "conflicts,late,overtaken");
        using var gaps = Text(folder, "gaps.csv",
            "point,from,to,cause,samples,bridged,import_half_nj,export_half_nj,counted_import_half_nj,"
            + "counted_export_half_nj");
        var periods = Periods(fleet.Plan, periodMinutes);
        var (samples, repeats, gapCount) = (0L, 0L, 0);
        for (var connector = 0; connector < fleet.Plan.Connectors; connector++)
        {
            ct.ThrowIfCancellationRequested();
            if (connector % 100 == 0) progress($"truth of connector {connector + 1} of {fleet.Plan.Connectors}");
            var point = fleet.Plan.PointOf(connector);
            var account = new ConnectorAccount(fleet.Stream(connector));
            foreach (var one in periods.Select(account.Of))
            {
                truth.Write(Line(point, At(one.Period.Start), At(one.Period.End), one.True.Import.HalfNanojoules,
                    one.True.Export.HalfNanojoules, one.Proven.Import.HalfNanojoules, one.Proven.Export.HalfNanojoules,
                    one.Samples, one.Duplicates, one.Conflicts, one.Late, one.Overtaken));
                foreach (var gap in one.Gaps)
                    gaps.Write(Line(point, At(gap.Missing.Start), At(gap.Missing.End), gap.Cause, gap.Samples,
                        gap.Bridged ? "yes" : "no", gap.Energy.Import.HalfNanojoules, gap.Energy.Export.HalfNanojoules,
                        gap.Counted.Import.HalfNanojoules, gap.Counted.Export.HalfNanojoules));
                (samples, repeats, gapCount) = (samples + one.Samples,
                    repeats + one.Duplicates + one.Conflicts, gapCount + one.Gaps.Count);
            }
        }
        return (samples, repeats, gapCount);
    }

    /// <summary>The settlement periods that the plan touches, on the market's grid, in UTC.</summary>
    public static IReadOnlyList<Interval> Periods(StreamPlan plan, int periodMinutes)
    {
        var step = Duration.FromMinutes(periodMinutes);
        var first = Instant.FromUnixTimeTicks(plan.Start.ToUnixTimeTicks()
            / step.BclCompatibleTicks * step.BclCompatibleTicks);
        var end = plan.Start + Duration.FromMinutes(plan.Minutes);
        var periods = new List<Interval>();
        for (var start = first; start < end; start += step) periods.Add(new Interval(start, start + step));
        return periods;
    }

    internal static StreamWriter Text(string folder, string name, string? header)
    {
        var writer = new StreamWriter(Path.Combine(folder, name), append: false, new UTF8Encoding(false));
        if (header is not null) writer.Write(header + "\n");
        return writer;
    }

    internal static string Line(params ReadOnlySpan<object> cells)
    {
        var line = new StringBuilder();
        foreach (var cell in cells)
            line.Append(line.Length == 0 ? "" : ",").Append(Convert.ToString(cell, CultureInfo.InvariantCulture));
        return line.Append('\n').ToString();
    }

    private static string At(Instant at) => InstantPattern.ExtendedIso.Format(at);
}
