using System.Text.Json;
using NodaTime;

namespace Ledger.Tests.EventStoreDb;

/// <summary>An event as the double keeps it.</summary>
internal sealed record DoubleEvent(string Stream, long Revision, ulong Position, UInt128 Id, string Type,
    string ContentType, byte[] Metadata, byte[] Data, Instant Created);

/// <summary>An event that is proposed; type and content type are null where the sender left them out.</summary>
internal sealed record DoubleProposal(UInt128 Id, string? Type, string? ContentType, byte[] Metadata, byte[] Data)
{
    public int Bytes => Data.Length + Metadata.Length + (2 * (Type?.Length ?? 0));
}

/// <summary>How the double answers an append.</summary>
internal abstract record DoubleAnswer
{
    /// <summary>At these; a repeat is told the revision and position of the first time.</summary>
    internal sealed record Success(long Revision, ulong? Position) : DoubleAnswer;
    internal sealed record WrongVersion(long Actual) : DoubleAnswer;
    internal sealed record Deleted : DoubleAnswer;
    internal sealed record TooLarge(uint BytesMax) : DoubleAnswer;
    internal sealed record MetadataMissing : DoubleAnswer;
}

/// <summary>
/// The log of an EventStoreDB server in memory, with the rules by which it decides appends: what is expected, and when
/// the same ids are a repeat. Bodies are never compared, and ids are unique only where a rule looks.
/// </summary>
internal sealed class DoubleLog
{
    public const long NoStream = -1, Any = -2, StreamExists = -4;
    public const uint AppendBytesMax = 1024 * 1024;
    private readonly Lock gate = new();
    private readonly List<DoubleEvent> all = [];
    private readonly Dictionary<string, List<DoubleEvent>> streams = new(StringComparer.Ordinal);
    private readonly Dictionary<UInt128, DoubleEvent> recent = [];
    private readonly HashSet<string> tombstoned = [];
    private ulong end;
    private TaskCompletionSource grown = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What a restart forgets: which ids were written of late.</summary>
    public void Forget()
    {
        lock (gate) recent.Clear();
    }

    /// <summary>Loses the last events of a stream, as a server does that comes back from an older copy.</summary>
    public void Lose(string stream, int count)
    {
        lock (gate)
        {
            foreach (var lost in streams[stream][^count..]) all.Remove(lost);
            streams[stream].RemoveRange(streams[stream].Count - count, count);
        }
    }

    /// <summary>Changes the data of an event, as a failing disk does.</summary>
    public void Change(string stream, int revision, Action<byte[]> change)
    {
        lock (gate) change(streams[stream][revision].Data);
    }

    public bool IsTombstoned(string stream)
    {
        lock (gate) return tombstoned.Contains(stream);
    }

    /// <summary>Signalled when anything is appended after this was asked for.</summary>
    public Task Grown
    {
        get { lock (gate) return grown.Task; }
    }

    public List<DoubleEvent> All(int from = 0)
    {
        lock (gate) return all[Math.Min(from, all.Count)..];
    }

    /// <summary>The events of a stream not truncated; null where readers are told that there is none.</summary>
    public List<DoubleEvent>? Of(string stream)
    {
        lock (gate)
        {
            if (!streams.TryGetValue(stream, out var events)) return null;
            var first = TruncatedBefore(stream, events.Count);
            return first >= events.Count ? null : events[(int)first..];
        }
    }

    public DoubleAnswer Append(string stream, long expected, IReadOnlyList<DoubleProposal> proposed)
    {
        lock (gate)
        {
            if (proposed.Any(one => string.IsNullOrEmpty(one.Type) || string.IsNullOrEmpty(one.ContentType)))
                return new DoubleAnswer.MetadataMissing();
            if (proposed.Sum(one => (long)one.Bytes) > AppendBytesMax)
                return new DoubleAnswer.TooLarge(AppendBytesMax);
            if (Refused(stream, expected, proposed) is { } answer) return answer;
            foreach (var one in proposed) Write(stream, one);
            var last = LastOf(stream);
            return new DoubleAnswer.Success(last, proposed.Count == 0 ? null : streams[stream][^1].Position);
        }
    }

    /// <summary>Deletes a stream: softly, so that it may begin again, or for good.</summary>
    public DoubleAnswer Delete(string stream, long expected, bool isForGood)
    {
        lock (gate)
        {
            if (tombstoned.Contains(stream)) return new DoubleAnswer.Deleted();
            var last = LastOf(stream);
            if (expected != Any && (expected == StreamExists ? last < 0 : expected != last))
                return new DoubleAnswer.WrongVersion(last);
            if (isForGood) tombstoned.Add(stream);
            else
                Write("$$" + stream, new(UInt128.Zero, "$metadata", "application/json", [],
                    JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, long> { ["$tb"] = long.MaxValue })));
            return new DoubleAnswer.Success(last, end);
        }
    }

    private long LastOf(string stream) => streams.TryGetValue(stream, out var events) ? events.Count - 1 : NoStream;

    /// <summary>Null where the events are to be written.</summary>
    private DoubleAnswer? Refused(string stream, long expected, IReadOnlyList<DoubleProposal> proposed)
    {
        if (tombstoned.Contains(stream)) return new DoubleAnswer.Deleted();
        var last = LastOf(stream);
        var isSoftlyDeleted = last >= 0 && TruncatedBefore(stream, last + 1) > last;
        if (expected == StreamExists && (isSoftlyDeleted || (last < 0 && LastOf("$$" + stream) < 0)))
            return new DoubleAnswer.WrongVersion(last);
        if (expected is Any or StreamExists) return Weak(stream, proposed, last);
        if (expected == last) return null; // also where an id is there already
        if (expected > last) return new DoubleAnswer.WrongVersion(last);
        for (var i = 0; i < proposed.Count; i++)
        {
            var there = expected + 1 + i <= last ? streams[stream][(int)(expected + 1 + i)] : null;
            if (there is not null && there.Id == proposed[i].Id) continue;
            return i == 0 && isSoftlyDeleted && expected == NoStream ? null : new DoubleAnswer.WrongVersion(last);
        }
        if (proposed.Count == 0) return new DoubleAnswer.WrongVersion(last);
        var repeated = streams[stream][(int)(expected + proposed.Count)];
        return new DoubleAnswer.Success(repeated.Revision, repeated.Position);
    }

    /// <summary>Where any revision will do, only ids that were written of late are known.</summary>
    private DoubleAnswer? Weak(string stream, IReadOnlyList<DoubleProposal> proposed, long last)
    {
        DoubleEvent? known = null;
        for (var i = 0; i < proposed.Count; i++)
        {
            if (recent.TryGetValue(proposed[i].Id, out known) && known.Stream == stream) continue;
            return i == 0 ? null : new DoubleAnswer.WrongVersion(last);
        }
        return known is null ? null : new DoubleAnswer.Success(known.Revision, known.Position);
    }

    private void Write(string stream, DoubleProposal one)
    {
        if (!streams.TryGetValue(stream, out var events)) streams[stream] = events = [];
        end += 100 + (ulong)one.Bytes; // places in a log are as far apart as its records are long
        var written = new DoubleEvent(stream, events.Count, end, one.Id, one.Type!, one.ContentType!, one.Metadata,
            one.Data, Instant.FromUnixTimeSeconds(1_700_000_000 + all.Count));
        events.Add(written);
        all.Add(written);
        recent.TryAdd(one.Id, written); // the first place of an id is the one that is remembered
        var woken = grown;
        grown = new(TaskCreationOptions.RunContinuationsAsynchronously);
        woken.SetResult();
    }

    /// <summary>The first revision that the stream's metadata lets readers see.</summary>
    private long TruncatedBefore(string stream, long count)
    {
        if (!streams.TryGetValue("$$" + stream, out var metadata)) return 0;
        using var json = JsonDocument.Parse(metadata[^1].Data);
        var before = json.RootElement.TryGetProperty("$tb", out var tb) ? tb.GetInt64() : 0;
        // A stream that began again after its deletion shows what came since.
        if (before == long.MaxValue && metadata[^1].Position < streams[stream][^1].Position)
            before = streams[stream].FindIndex(written => written.Position > metadata[^1].Position);
        return json.RootElement.TryGetProperty("$maxCount", out var most)
            ? Math.Max(before, count - most.GetInt64()) : before;
    }
}
