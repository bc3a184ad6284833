using System.Buffers.Binary;
using Ledger.Domain;
using Ledger.Ingest.Frames;

namespace Ledger.Ingest.Streaming;

/// <summary>The frames of a range that say something of one point, as they were received.</summary>
public static class NamedFrames
{
    /// <summary>
    /// The frames that announce the point, also those before the range that are in force in it, and those that have
    /// something of a stream which is the point's, in the order of the log. A frame of a gateway has other points'
    /// samples too. Throws <see cref="FrameLogDamagedException"/> where the log is not as it was.
    /// </summary>
    public static IEnumerable<LoggedFrame> Of(FrameLogReader log, FrameRange range, SettlementPointId point)
    {
        foreach (var stretch in range.Stretches)
        {
            var streams = new HashSet<(long Session, int Stream)>();
            foreach (var frame in log.AnnouncedBefore(stretch.First))
                if (Announces(frame, point, streams)) yield return frame;
            foreach (var block in log.Read(stretch.First, stretch.Last))
                foreach (var frame in block.Frames)
                    if (FrameReader.Open(frame.Bytes.Span).Head.Kind == FrameKind.Announce
                        ? Announces(frame, point, streams) : Names(frame, streams))
                        yield return frame;
        }
    }

    /// <summary>A piece with its length before it, u32 little-endian, so that several stand in one file.</summary>
    public static void Write(Stream file, ReadOnlySpan<byte> piece)
    {
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(length, piece.Length);
        file.Write(length);
        file.Write(piece);
    }

    private static bool Announces(LoggedFrame frame, SettlementPointId point, HashSet<(long, int)> streams)
    {
        var isNamed = false;
        var reader = FrameReader.Open(frame.Bytes.Span);
        while (reader.TryRead(out Announcement announced))
            if (announced.Point != point) streams.Remove((frame.Session, announced.Stream));
            else
            {
                streams.Add((frame.Session, announced.Stream));
                isNamed = true;
            }
        return isNamed;
    }

    private static bool Names(LoggedFrame frame, HashSet<(long Session, int Stream)> streams)
    {
        if (streams.Count == 0) return false;
        var reader = FrameReader.Open(frame.Bytes.Span);
        switch (reader.Head.Kind)
        {
            case FrameKind.Samples:
                var room = new PowerSample[Limits.SamplesPerBlockMax];
                while (reader.TryRead(room, out var block))
                    if (streams.Contains((frame.Session, block.Stream))) return true;
                return false;
            case FrameKind.Shed or FrameKind.GivenUp:
                while (reader.TryRead(out ShedSamples shed))
                    if (streams.Contains((frame.Session, shed.Stream))) return true;
                return false;
            case FrameKind.Sender: return false; // it says nothing of a point
            default:
                while (reader.TryRead(out VehicleFact fact))
                    if (streams.Contains((frame.Session, fact.Stream))) return true;
                return false;
        }
    }
}
