using System.Globalization;
using Ledger.Api;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;

namespace Ledger.Tests;

/// <summary>A real ledger in a temporary folder with some connectors whose power is streamed.</summary>
internal sealed class StreamTown : IAsyncDisposable
{
    /// <summary>Midnight of 1 March in Shanghai, where the connectors are.</summary>
    public static readonly Instant Day = Instant.FromUtc(2026, 2, 28, 16, 0);
    public static readonly long DayMicroseconds = Day.ToUnixTimeTicks() / 10;

    private readonly TestFolder folder;
    private readonly StreamOptions options;
    private readonly SqliteJournalOptions journal;
    private OpenLedger ledger;
    private bool isOpen = true;

    private StreamTown(StreamOptions? options, TestFolder folder, EvidenceLimits limits)
    {
        this.folder = folder;
        this.options = (options ?? new(new FrameLogOptions(""))) is var given
            ? given with { Log = given.Log with { Folder = Path.Combine(folder.Path, FrameLogOptions.FolderName) } }
            : given;
        folder.Clock.Now = Day;
        journal = folder.Options with
        {
            Secret = LedgerIdentity.OpenOrCreate(folder.Path, new LedgerId("test")).Secret,
        };
        Kept = limits;
        ledger = Open();
        Streams = ledger.OpenStreams(this.options);
    }

    /// <summary>How much of what does not count is kept, from the next opening on.</summary>
    public EvidenceLimits Kept { get; set; }

    private OpenLedger Open() => OpenLedger.Open(LedgerOptions.Of(journal) with { EvidenceLimits = Kept });

    public StreamEngine Streams { get; private set; }
    public OpenLedger Ledger => ledger;
    public string FolderPath => folder.Path;
    public string FramesPath => options.Log.Folder;
    public StandingClock Clock => folder.Clock;

    public static async Task<StreamTown> OpenAsync(
        int connectors, StreamOptions? options = null, EvidenceLimits? limits = null, TestFolder? folder = null)
    {
        var town = new StreamTown(options, folder ?? new TestFolder(), limits ?? EvidenceLimits.Standard);
        for (var i = 0; i < connectors; i++) await town.RegisterAsync(Name(i));
        return town;
    }

    /// <summary>The town of another process in its folder, which is that one's to remove.</summary>
    public static StreamTown OpenAt(string path) => new(
        null, new TestFolder { Path = path }, EvidenceLimits.Standard);

    public static SettlementPointId Name(int connector) =>
        new(string.Create(CultureInfo.InvariantCulture, $"CP{connector}"));

    public Task RegisterAsync(params IEnumerable<SettlementPointId> points) =>
        TakeAsync(string.Concat(points.Select(point => $$"""{"type":"settlement-point","point":"{{point}}","station":"S1","kind":"connector","owner":"ACME","zone":"Asia/Shanghai","periodMinutes":15,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-01-01T00:00:00Z"}""" + "\n")));

    /// <summary>Takes a text through the door for files.</summary>
    public Task<IntakeReport> TakeAsync(string text, string name = "points") => ledger.Intake.TakeAsync(
        new Submission(System.Text.Encoding.UTF8.GetBytes(text), name), new IntakeHints(), IntakeLedger.Operator,
        TestContext.Current.CancellationToken);

    /// <summary>Closes it, so that nobody owns the folder.</summary>
    public async Task CloseAsync()
    {
        await Streams.DisposeAsync();
        await ledger.DisposeAsync();
        isOpen = false;
    }

    public Task ReopenAsync()
    {
        ledger = Open();
        Streams = ledger.OpenStreams(options);
        isOpen = true;
        return Task.CompletedTask;
    }

    /// <summary>Stops the process as a crash would, as far as one can inside of it, and starts it again.</summary>
    public async Task RestartAsync()
    {
        await CloseAsync();
        await ReopenAsync();
    }

    public static PowerSample At(double seconds, long kilowatts) =>
        new(DayMicroseconds + (long)(seconds * 1_000_000), kilowatts * 1_000_000);

    /// <summary>Samples of one second each, from one second to another, both included.</summary>
    public static PowerSample[] Seconds(int from, int to, long kilowatts = 100) =>
        [.. Enumerable.Range(from, to - from + 1).Select(second => At(second, kilowatts))];

    // A frame of the largest size is a megabyte, and most are small.
    [ThreadStatic] private static byte[]? room;
    private static byte[] Room => room ??= new byte[Limits.FrameBytesMax];

    public byte[] Announce(int connectors, SampleSemantics semantics = SampleSemantics.Instant,
        long sequence = 0, long nominal = 1_000_000, int first = 0)
    {
        var buffer = Room;
        var frame = FrameWriter.Announce(buffer, sequence, Clock.Now.ToUnixTimeTicks() / 10, 0);
        for (var i = 0; i < connectors; i++)
            if (!frame.TryAdd(new Announcement(i, Name(first + i), semantics, nominal)))
                throw new InvalidOperationException("the frame is full");
        return buffer[..frame.Finish()];
    }

    public static byte[] Samples(long sequence, long sentAt, params (int Stream, PowerSample[] Samples)[] blocks)
    {
        var buffer = Room;
        var frame = FrameWriter.Samples(buffer, sequence, sentAt, FrameUnits.Finest);
        foreach (var (stream, samples) in blocks)
            foreach (var part in samples.Chunk(Limits.SamplesPerBlockMax))
                if (!frame.TryAdd(stream, part)) throw new InvalidOperationException("the frame is full");
        return buffer[..frame.Finish()];
    }

    /// <summary>Sends a frame at the time that the clock shows, and waits until it is durable.</summary>
    public static async Task SendAsync(StreamDoor door, byte[] frame)
    {
        var taken = door.Take(frame, out _, out var durable);
        if (taken == FrameTaken.Full) throw new InvalidOperationException("the log is full");
        await durable;
    }

    /// <summary>Sends a second of every connector after the other, a frame a minute.</summary>
    public async Task StreamAsync(StreamDoor door, int connectors, int from, int to, long kilowatts = 100)
    {
        for (var second = from; second <= to; second += 60)
        {
            var last = Math.Min(to, second + 59);
            Clock.Now = Day + Duration.FromSeconds(last);
            await SendAsync(door, Samples(door.LastSequence + 1, Time(last),
                [.. Enumerable.Range(0, connectors).Select(i => (i, Seconds(second, last, kilowatts)))]));
        }
    }

    public static long Time(int second) => DayMicroseconds + second * 1_000_000L;

    /// <summary>What was refused, in whose name.</summary>
    public async Task<List<(EvidenceRefused Said, string Actor)>> RefusedAsync() =>
        [.. (await TestFolder.AllAsync(ledger.Journal))
            .Select(recorded => (Said: EventCodec.Decode(recorded) as EvidenceRefused, recorded.Envelope.Actor))
            .Where(one => one.Said is not null).Select(one => (one.Said!, one.Actor))];

    /// <summary>The block from which on the log is read after a start.</summary>
    public FrameAddress Mark() => FrameAddress.TryParse(
        File.ReadAllText(Path.Combine(FramesPath, "streams.resume")).Split(' ')[0], out var at) ? at : default;

    /// <summary>Derives every record again, whatever its version.</summary>
    public async Task<Findings> VerifiedAsync()
    {
        var findings = new Findings();
        var records = new RecordVerification(ledger.Evidence.Get, findings, new(FramesPath),
            await FrameDroppings.ReadAsync(ledger.Journal, TestContext.Current.CancellationToken));
        var versions = new RecordVersions(findings, ledger.Journal);
        foreach (var recorded in await TestFolder.AllAsync(ledger.Journal))
            if (EventCodec.Decode(recorded) is IntervalRecorded record)
                records.Verify(recorded.Position, record,
                    await versions.BeforeAsync(recorded, record, TestContext.Current.CancellationToken));
        records.Finish();
        return findings;
    }

    public CommandRun Run(params string[] words) => CommandRun.Of([.. words, "--data", FolderPath], clock: Clock);

    public Task SettleAsync(Instant? now = null) =>
        Streams.SettleAsync(now ?? Clock.Now, TestContext.Current.CancellationToken);

    public async Task<List<IntervalRecorded>> AllAsync() =>
        [.. (await TestFolder.AllAsync(ledger.Journal)).Select(EventCodec.Decode).OfType<IntervalRecorded>()];

    public async Task<List<IntervalRecorded>> LatestAsync() =>
        [.. (await AllAsync()).GroupBy(record => (record.Point, record.Period))
            .Select(versions => versions.MaxBy(record => record.Version)!)
            .OrderBy(record => record.Point).ThenBy(record => record.Period.Start)];

    public async ValueTask DisposeAsync()
    {
        if (isOpen) await CloseAsync();
        folder.Dispose();
    }
}
