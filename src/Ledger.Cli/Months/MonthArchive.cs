using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Proof;
using Ledger.Projections;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Cli.Months;

/// <summary>
/// A month of the journal in a folder that is verified without the ledger: <c>archive.json</c>, the log with its tiles
/// and checkpoint, <c>keys</c> and the notes by which they followed each other, the month's events with their salts,
/// and the evidence that they rest on, sealed as in the ledger. A month is what was recorded in it (UTC), because that
/// is one stretch of positions and never changes again.
/// </summary>
/// <param name="From">The first position of the month.</param>
/// <param name="To">The position after its last.</param>
/// <param name="Size">The length of the log beside it.</param>
internal sealed record MonthArchive(LedgerId Ledger, YearMonth Month, long From, long To, long Size)
{
    public const string FileName = "archive.json", KeysName = "keys", EventsFolder = "events",
        HandoversFolder = "handovers";
    private const int Format = 1;
    private const long SegmentBytesMax = 64L * 1024 * 1024;

    public Instant Start => RecordedMonth.Start(Month);
    public Instant End => RecordedMonth.End(Month);

    public void Write(string directory) => File.WriteAllText(Path.Combine(directory, FileName), new JsonObject
    {
        ["format"] = Format,
        ["ledger"] = Ledger.Value,
        ["month"] = YearMonthPattern.Iso.Format(Month),
        ["from"] = From,
        ["to"] = To,
        ["size"] = Size,
    }.ToJsonString() + "\n");

    /// <summary>Throws <see cref="InvalidDataException"/> where the file is not what was written.</summary>
    public static MonthArchive Read(string directory)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(directory, FileName)));
            var root = json.RootElement;
            if (root.GetProperty("format").GetInt32() is var format && format != Format)
                throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture,
                    $"{FileName} has format {format}; this program reads format {Format}"));
            if (!LedgerId.TryParse(root.GetProperty("ledger").GetString(), out var ledger))
                throw new InvalidDataException($"{FileName} names no ledger");
            var archive = new MonthArchive(ledger,
                YearMonthPattern.Iso.Parse(root.GetProperty("month").GetString()!).Value,
                root.GetProperty("from").GetInt64(), root.GetProperty("to").GetInt64(),
                root.GetProperty("size").GetInt64());
            return archive.From >= 0 && archive.From < archive.To && archive.To <= archive.Size
                ? archive : throw new InvalidDataException($"{FileName} names no positions of its log");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException
            or FormatException or UnparsableValueException or ArgumentNullException)
        {
            throw new InvalidDataException($"{FileName} is damaged: {e.Message}");
        }
    }

    /// <summary>Writes the notes by which the log's keys followed each other, the first as <c>handovers/2</c>, because
    /// it names the second key.</summary>
    public static void WriteHandovers(string directory, IReadOnlyList<string> notes)
    {
        if (notes.Count > 0) Directory.CreateDirectory(Path.Combine(directory, HandoversFolder));
        for (var i = 0; i < notes.Count; i++) File.WriteAllText(Handover(directory, i + 2), notes[i]);
    }

    /// <summary>The notes, in the order of the keys; none where there was one key, and in archives that were written
    /// before they were kept.</summary>
    public static IEnumerable<byte[]> ReadHandovers(string directory) => Enumerable.Range(2, int.MaxValue - 2)
        .Select(key => Handover(directory, key)).TakeWhile(File.Exists).Select(File.ReadAllBytes);

    /// <summary>Writes events, each as u32 length and the bytes of a disclosed event, in segments.</summary>
    public static async Task WriteEventsAsync(string directory, IAsyncEnumerable<RecordedEvent> events, byte[] secret,
        CancellationToken ct)
    {
        Directory.CreateDirectory(Path.Combine(directory, EventsFolder));
        FileStream? segment = null;
        var number = 0;
        try
        {
            var length = new byte[4];
            await foreach (var recorded in events.WithCancellation(ct).ConfigureAwait(false))
            {
                if (segment is null || segment.Length >= SegmentBytesMax)
                {
                    if (segment is not null) await segment.DisposeAsync().ConfigureAwait(false);
                    segment = new FileStream(Segment(directory, number++), FileMode.CreateNew);
                }
                var bytes = DisclosedEvent.Of(recorded, secret).ToBytes();
                BinaryPrimitives.WriteInt32BigEndian(length, bytes.Length);
                segment.Write(length);
                segment.Write(bytes);
            }
        }
        finally
        {
            if (segment is not null) await segment.DisposeAsync().ConfigureAwait(false);
        }
    }

    /// <summary>
    /// The disclosed events, in order. Throws <see cref="InvalidDataException"/> where one is cut short.
    /// </summary>
    public static IEnumerable<DisclosedEvent> Events(string directory)
    {
        var length = new byte[4];
        for (var number = 0; File.Exists(Segment(directory, number)); number++)
        {
            using var segment = File.OpenRead(Segment(directory, number));
            while (segment.Position < segment.Length)
            {
                var place = string.Create(CultureInfo.InvariantCulture,
                    $"{EventsFolder}/{number:D6}.events, byte {segment.Position}");
                if (segment.ReadAtLeast(length, 4, throwOnEndOfStream: false) < 4
                    || BinaryPrimitives.ReadInt32BigEndian(length) is var bytes && (bytes < 0
                    || bytes > segment.Length - segment.Position))
                    throw new InvalidDataException($"{place} is cut short");
                var disclosed = new byte[bytes];
                segment.ReadExactly(disclosed);
                yield return DisclosedEvent.Read(disclosed);
            }
        }
    }

    /// <summary>The entries of the log, in order, from its entry bundles.</summary>
    public static IEnumerable<byte[]> Entries(TileFolder log, long size)
    {
        for (var number = 0L; number << Tile.Height < size; number++)
            foreach (var entry in EntryBundle.Read(log.Read(Tile.HoldingEntry(number << Tile.Height, size))))
                yield return entry;
    }

    private static string Handover(string directory, int key) =>
        Path.Combine(directory, HandoversFolder, key.ToString(CultureInfo.InvariantCulture));

    private static string Segment(string directory, int number) =>
        Path.Combine(directory, EventsFolder, $"{number.ToString("D6", CultureInfo.InvariantCulture)}.events");
}
