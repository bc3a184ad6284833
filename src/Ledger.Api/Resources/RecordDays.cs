using System.Buffers;
using System.Security.Cryptography;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Resources;

/// <summary>The records and checks of a point's day as the JSON of an answer has them, from their first bracket to the
/// end of the answer, and the SHA-256 of that.</summary>
internal sealed record RecordDay(long AsOf, long? Changes, byte[] Json, byte[] Digest)
{
    /// <summary>Whether nothing was recorded.</summary>
    public bool IsEmpty => Json.AsSpan().SequenceEqual("\"records\":[],\"checks\":[]}"u8);
}

/// <summary>
/// The days of interval records that were asked for lately, as bytes to be sent: most of what is asked for is of days
/// that have ended. A day is good for every position from the one that it was read at until one of its rows changes,
/// which <see cref="ChangeCounts"/> tell; where they cannot, no day is kept.
/// </summary>
internal sealed class RecordDays(ChangeCounts? changes, long bytesMax)
{
    private const string View = "VerifiedExport";
    /// <summary>Days that have a day before and after them in the calendar.</summary>
    private static readonly LocalDate FirstDay = new(1, 1, 1), LastDay = new(9999, 12, 31);
    private readonly Lock gate = new();
    private readonly Dictionary<(SettlementPointId, LocalDate), RecordDay> kept = [];
    private readonly Queue<(SettlementPointId, LocalDate)> order = [];
    private long bytes;

    /// <summary>The changes of a day until now, to be taken before it is known as of which position it is asked; null
    /// where nobody can know.</summary>
    public long? ChangesOf(SettlementPointId point, LocalDate day)
    {
        if (changes is null || day <= FirstDay || day >= LastDay) return null;
        // A day of some zone has parts of at most three days of UTC.
        var (before, now, after) = (RowJson.Day(day.PlusDays(-1)), RowJson.Day(day), RowJson.Day(day.PlusDays(1)));
        return changes.Until(View, $"period|{point}|{before}", $"period|{point}|{now}", $"period|{point}|{after}",
            $"check|{point}|{before}", $"check|{point}|{now}", $"check|{point}|{after}");
    }

    /// <param name="position">As of which it is answered.</param>
    /// <param name="before">The changes before that position was known; null where it may be an older one.</param>
    public RecordDay Of(Answers answers, SettlementPointId point, LocalDate day, long position, long? before)
    {
        var now = ChangesOf(point, day);
        lock (gate)
            if (kept.TryGetValue((point, day), out var known) && now is not null && known.Changes == now
                && known.AsOf <= position)
                return known;
        var read = Read(answers, point, day, position, now);
        if (now is not null && before == now) Keep((point, day), read);
        return read;
    }

    private const int RoomBytes = 256 * 1024;

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? room;

    private static RecordDay Read(
        Answers answers, SettlementPointId point, LocalDate day, long position, long? changes)
    {
        // What is kept is copied out of it once, in one piece.
        var json = room ??= new(RoomBytes);
        json.ResetWrittenCount();
        var stretch = answers.DayOf(point, day);
        var separator = "["u8.ToArray();
        json.Write("\"records\":"u8);
        if (stretch is { } of) answers.ScanRecords(point, of, day, Add);
        json.Write(separator[0] == '[' ? "[],\"checks\":"u8 : "],\"checks\":"u8);
        separator[0] = (byte)'[';
        if (stretch is { } again) answers.ScanChecks(point, again, Add);
        json.Write(separator[0] == '[' ? "[]}"u8 : "]}"u8);
        var bytes = json.WrittenSpan.ToArray();
        if (json.Capacity > RoomBytes) room = null; // a day of minutes is read seldom
        return new(position, changes, bytes, SHA256.HashData(bytes));

        void Add(ReadOnlySpan<byte> row)
        {
            json.Write(separator);
            json.Write(row);
            separator[0] = (byte)',';
        }
    }

    private void Keep((SettlementPointId, LocalDate) name, RecordDay day)
    {
        lock (gate)
        {
            if (kept.TryGetValue(name, out var before)) bytes -= before.Json.Length;
            else order.Enqueue(name);
            kept[name] = day;
            bytes += day.Json.Length;
            while (bytes > bytesMax && order.TryDequeue(out var oldest))
                if (kept.Remove(oldest, out var dropped)) bytes -= dropped.Json.Length;
        }
    }
}
