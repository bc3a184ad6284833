using System.Diagnostics;
using System.Globalization;
using System.Runtime;
using System.Runtime.CompilerServices;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Benchmarks;

/// <summary>
/// What is replayed in a second, and for each second that cores work on it, from the stored bytes: read alone, decoded,
/// through every standard projection with rows that nobody keeps, into views in memory, and compared with stored views,
/// which keeps no row either; from SQLite and from stored bytes that are in memory already. The first row says what the
/// machine is worth (<see cref="JsonTable"/>). The facts are a day of 140 connectors
/// (<see cref="ProjectionBenchmarks.Day"/>).
/// </summary>
/// <remarks>With <c>--only TEXT</c> only the rows that have this in their name. With <c>--events N</c> a journal of so
/// many events, of days that follow one another, is replayed and compared once, and what is alive is told at a tenth of
/// them and at the end.</remarks>
internal static class ReplayThroughput
{
    private const int RoundsMin = 20; // of which the best counts
    private static readonly TimeSpan RoundsTime = TimeSpan.FromSeconds(12); // at least: code is compiled anew
    private const int BatchFacts = 500;
    private const int StoredBatchEvents = 5000; // views that are only made to be compared with
    private const int DayEvents = 41_021;
    private const int LaterDayEvents = 40_321; // without the registrations that the first day begins with
    private const int PageEvents = 256; // of stored bytes that are in memory
    private const int PassedBatchEvents = 16; // as where rows are digested
    private static readonly LedgerId Ledger = new("benchmark");
    private static readonly Principal By = new("benchmark", new PartyId("cpo"), new HashSet<string>());

    public static async Task<int> RunAsync(ReadOnlyMemory<string> arguments)
    {
        var (events, only) = (0L, "");
        if (arguments.Length == 2 && arguments.Span[0] == "--only") only = arguments.Span[1];
        else if (arguments.Length > 0 && (arguments.Length != 2 || arguments.Span[0] != "--events"
            || !long.TryParse(arguments.Span[1], CultureInfo.InvariantCulture, out events) || events < DayEvents))
        {
            Console.Error.WriteLine($"replay [--only TEXT | --events N], N at least {DayEvents}");
            return 2;
        }
        var folder = Directory.CreateTempSubdirectory("ledger-replay-").FullName;
        try
        {
            await using var journal = SqliteJournal.Open(new(folder, Ledger, SystemClock.Instance, new byte[32]));
            using var views = new SqliteViews(Path.Combine(folder, "views.db"));
            await FillAsync(journal, views, Math.Max(events, DayEvents)).ConfigureAwait(false);
            await (events > 0 ? LongAsync(journal, views) : DayAsync(journal, views, folder, only))
                .ConfigureAwait(false);
            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task FillAsync(SqliteJournal journal, SqliteViews views, long events)
    {
        var watch = Stopwatch.StartNew();
        var days = (int)Math.Ceiling((decimal)events / LaterDayEvents) + 1;
        var facts = ProjectionBenchmarks.Days(events == DayEvents ? 1 : days).Take((int)events);
        foreach (var batch in facts.Chunk(BatchFacts))
            await journal.AppendAsync("day", ExpectedRevision.Any, batch, By, null, default).ConfigureAwait(false);
        var appended = watch.Elapsed;
        await new ProjectionRunner(journal, views, StandardProjections.All, Decode, StoredBatchEvents)
            .CatchUpAsync(default).ConfigureAwait(false);
        Print($"{journal.Length:N0} events appended in {appended.TotalSeconds:0} s, views stored in {(watch.Elapsed - appended).TotalSeconds:0} s");
    }

    private static async Task DayAsync(SqliteJournal journal, SqliteViews views, string folder, string only)
    {
        GCSettings.LatencyMode = GCLatencyMode.Batch; // as the verbs do that compute all views again
        var stored = new List<RecordedEvent>();
        await foreach (var recorded in journal.ReadAllAsync(0, default).ConfigureAwait(false)) stored.Add(recorded);
        await using var memory = new StoredBytes(stored);
        using var plain = new JsonTable(Path.Combine(folder, "plain.db"), stored);
        await RowAsync("SQLite", "JSON objects, nothing else", journal, _ => plain.ReadAsync()).ConfigureAwait(false);
        foreach (var (name, from) in ((string, IJournal)[])[("SQLite", journal), ("memory", memory)])
            foreach (var (what, replay) in ((string, Func<IJournal, Task>)[])
                [("read", ReadAsync), ("decoded", DecodeAsync),
                ("every projection, let go of", each => FoldAsync(each, views)), ("every projection", ProjectAsync),
                ("every projection, compared", each => CompareAsync(each, views)),
                ("the same, row by row", each => CompareKeptAsync(each, views))])
                if ($"{name} {what}".Contains(only, StringComparison.Ordinal))
                    await RowAsync(name, what, from, replay).ConfigureAwait(false);
    }

    /// <summary>Every projection once, and one comparison with everything, and what is alive early in each and at its
    /// end.</summary>
    private static async Task LongAsync(SqliteJournal journal, SqliteViews views)
    {
        GCSettings.LatencyMode = GCLatencyMode.Batch;
        foreach (var (what, replay) in ((string, Func<IJournal, Task>)[])
            [("let go of", each => FoldAsync(each, views)), ("compared", each => CompareAsync(each, views))])
        {
            await using var watched = new WatchedJournal(journal, [journal.Length / 10, journal.Length - 1]);
            var (watch, processors) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
            var paused = GC.GetTotalPauseDuration();
            await replay(watched).ConfigureAwait(false);
            var took = watch.Elapsed - watched.Measuring;
            processors = Environment.CpuUsage.TotalTime - processors - watched.Processors;
            Print($"SQLite, every projection, {what}: {journal.Length / took.TotalSeconds:N0} /s, {journal.Length / processors.TotalSeconds:N0} /s of a core, {(GC.GetTotalPauseDuration() - paused) / watch.Elapsed:P0} of the time collecting");
            foreach (var (position, bytes) in watched.Alive)
                Print($"alive at event {position:N0}: {bytes / 1e6:N1} MB");
        }
        Print($"working set at most {Process.GetCurrentProcess().PeakWorkingSet64 / 1e6:N0} MB, with all that went before");
    }

    private static async Task RowAsync(string name, string what, IJournal journal, Func<IJournal, Task> replay)
    {
        var (best, used, memory, collecting) = (double.MaxValue, TimeSpan.MaxValue, 0L, 0d);
        var all = Stopwatch.StartNew();
        for (var round = 0; round < RoundsMin || all.Elapsed < RoundsTime; round++)
        {
            var (paused, before) = (GC.GetTotalPauseDuration(), GC.GetTotalAllocatedBytes());
            var (watch, processors) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
            await replay(journal).ConfigureAwait(false);
            var took = watch.Elapsed;
            processors = Environment.CpuUsage.TotalTime - processors;
            memory = GC.GetTotalAllocatedBytes() - before;
            if (processors < used) used = processors;
            if (took.TotalSeconds >= best) continue;
            (best, collecting) = (took.TotalSeconds, (GC.GetTotalPauseDuration() - paused) / took);
        }
        Print($"{name,-8} {what,-27} {journal.Length / best,12:N0} /s  {journal.Length / used.TotalSeconds,12:N0} /s of a core, {used.TotalMicroseconds / journal.Length,6:N2} µs of it an event  {memory / journal.Length,8:N0} bytes allocated an event, {collecting,4:P0} of the time collecting");
    }

    private static async Task ReadAsync(IJournal journal)
    {
        await foreach (var _ in journal.ReadAllAsync(0, default).ConfigureAwait(false)) { }
    }

    private static async Task DecodeAsync(IJournal journal)
    {
        await foreach (var recorded in journal.ReadAllAsync(0, default).ConfigureAwait(false))
            EventCodec.Decode(recorded);
    }

    /// <summary>Every row is made and handed over, and nobody keeps it but the folds, up to their bound.</summary>
    private static async Task FoldAsync(IJournal journal, SqliteViews stored)
    {
        var passed = new PassedRows(stored);
        await new ProjectionRunner(journal, passed, StandardProjections.All, Decode, PassedBatchEvents)
            .CatchUpAsync(default).ConfigureAwait(false);
        if (passed.Changes == 0) throw new InvalidOperationException("no row was made");
    }

    private static Task ProjectAsync(IJournal journal) =>
        Replay.RecomputeAsync(journal, StandardProjections.All, Decode, null, default);

    private static async Task CompareAsync(IJournal journal, SqliteViews views)
    {
        if (!await Replay.AgreesAsync(journal, views, StandardProjections.All, Decode, null, default)
            .ConfigureAwait(false)) throw new InvalidOperationException("the stored views are not as the journal says");
    }

    /// <summary>What is done where the digests differ.</summary>
    private static async Task CompareKeptAsync(IJournal journal, SqliteViews views)
    {
        var kept = await Replay.RecomputeAsync(journal, StandardProjections.All, Decode, null, default)
            .ConfigureAwait(false);
        if (await Replay.DiffAsync(journal, views, StandardProjections.All, Decode, null, kept, default)
            .ConfigureAwait(false) is not []) throw new InvalidOperationException("the stored views differ");
    }

    private static LedgerEvent Decode(string wire, int version, ReadOnlySpan<byte> payload) =>
        EventCodec.Decode(wire, version, payload);

    private static void Print(FormattableString line) => Console.WriteLine(FormattableString.Invariant(line));

    /// <summary>A journal whose bytes are in memory; it is only read.</summary>
    private sealed class StoredBytes(List<RecordedEvent> stored) : IJournal
    {
        private readonly List<(byte[] Header, byte[] Payload)> events = [.. stored.Select(recorded =>
            (EnvelopeBytes.Write(recorded.Envelope, recorded.Payload.Length), recorded.Payload.ToArray()))];

        public LedgerId Ledger => ReplayThroughput.Ledger;
        public long Length => events.Count;
        public byte[] Root => [];

        public ValueTask<AppendResult> AppendAsync(string stream, ExpectedRevision expected,
            IReadOnlyList<NewFact> facts, Principal by, EventId? causation, CancellationToken ct) =>
            throw new NotSupportedException();

        public IAsyncEnumerable<RecordedEvent> ReadStreamAsync(
            string stream, long fromRevision, CancellationToken ct) => throw new NotSupportedException();

        public IAsyncEnumerable<RecordedEvent> ReadAllAsync(long fromPosition, CancellationToken ct) =>
            new Pages(events, (int)fromPosition);

        private sealed class Pages(List<(byte[] Header, byte[] Payload)> events, int from) : EventPages
        {
            private readonly RecentTexts texts = new();

            public override async IAsyncEnumerable<IReadOnlyList<T>> MadeAsync<T>(EventMaker<T> make)
            {
                for (var page = from; page < events.Count; page += PageEvents)
                    yield return [.. Positions(page).Select(position => make(
                        new(position, events[position].Header, events[position].Payload, texts)))];
                await Task.CompletedTask.ConfigureAwait(false);
            }

            public override IAsyncEnumerator<RecordedEvent> GetAsyncEnumerator(
                CancellationToken cancellationToken = default) =>
                new PagedEvents(KeptAsync()).GetAsyncEnumerator(cancellationToken);

            private async IAsyncEnumerable<IReadOnlyList<RecordedEvent>> KeptAsync()
            {
                for (var page = from; page < events.Count; page += PageEvents)
                    yield return [.. Positions(page).Select(position => new RecordedEvent(position,
                        EnvelopeBytes.Read(events[position].Header, texts).Envelope, events[position].Payload))];
                await Task.CompletedTask.ConfigureAwait(false);
            }

            private IEnumerable<int> Positions(int page) =>
                Enumerable.Range(page, Math.Min(PageEvents, events.Count - page));
        }

        public Task WaitForAsync(long position, CancellationToken ct) => throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    /// <summary>Views of which nothing is kept: what a fold has forgotten it asks of stored ones.</summary>
    private sealed class PassedRows(SqliteViews stored) : IViewStore
    {
        private readonly Dictionary<string, ViewCheckpoint> applied = [];

        public long Changes { get; private set; }
        public ProjectionAlarm? Alarm { get; set; }
        public int RowsKnownMax => ((IViewStore)stored).RowsKnownMax;
        public ViewCheckpoint Reached(string projection) => applied.GetValueOrDefault(projection);

        public void Commit(
            IReadOnlyDictionary<string, ViewCheckpoint> checkpoints, IReadOnlyList<PositionedChange> changes)
        {
            Changes += changes.Count;
            foreach (var (projection, reached) in checkpoints) applied[projection] = reached;
        }

        public string? Get(string projection, string key, long? asOf = null) =>
            stored.Get(projection, key, asOf ?? Reached(projection).Next - 1);

        public IReadOnlyList<ViewRow> Range(string projection, string first, string last, long? asOf = null) =>
            stored.Range(projection, first, last, asOf ?? Reached(projection).Next - 1);

        public IReadOnlyList<ViewRow> Versions(string projection) => throw new NotSupportedException();
        public void Reset(string projection) => throw new NotSupportedException();
        public void Switch(IReadOnlyCollection<string> projections) => throw new NotSupportedException();
        public bool TryHold(string lease, string holder, Duration length) => true;
        public bool TryKeep(string lease, string holder, Duration length) => true;
    }

    /// <summary>A journal that tells what is alive when its reader comes to some positions.</summary>
    private sealed class WatchedJournal(IJournal journal, long[] positions) : IJournal
    {
        public List<(long Position, long Bytes)> Alive { get; } = [];
        public TimeSpan Measuring { get; private set; }

        /// <summary>What measuring took of all cores: more than one of them may collect.</summary>
        public TimeSpan Processors { get; private set; }

        public LedgerId Ledger => journal.Ledger;
        public long Length => journal.Length;
        public byte[] Root => journal.Root;

        /// <summary>In parts that end where it is looked, so that an event comes as it does from the journal alone.
        /// </summary>
        public IAsyncEnumerable<RecordedEvent> ReadAllAsync(long fromPosition, CancellationToken ct) =>
            new PagedEvents(PagesAsync(fromPosition, ct));

        private async IAsyncEnumerable<IReadOnlyList<RecordedEvent>> PagesAsync(
            long fromPosition, [EnumeratorCancellation] CancellationToken ct)
        {
            var page = new List<RecordedEvent>(PageEvents);
            await foreach (var recorded in journal.ReadAllAsync(fromPosition, ct).ConfigureAwait(false))
            {
                page.Add(recorded);
                var isLooked = positions.Contains(recorded.Position);
                if (page.Count < PageEvents && !isLooked) continue;
                yield return page;
                page = new(PageEvents);
                if (isLooked) Look(recorded.Position);
            }
            if (page.Count > 0) yield return page;
        }

        private void Look(long position)
        {
            var (watch, processors) = (Stopwatch.StartNew(), Environment.CpuUsage.TotalTime);
            Alive.Add((position, GC.GetTotalMemory(forceFullCollection: true)));
            Measuring += watch.Elapsed;
            Processors += Environment.CpuUsage.TotalTime - processors;
        }

        public ValueTask<AppendResult> AppendAsync(string stream, ExpectedRevision expected,
            IReadOnlyList<NewFact> facts, Principal by, EventId? causation, CancellationToken ct) =>
            throw new NotSupportedException();

        public IAsyncEnumerable<RecordedEvent> ReadStreamAsync(
            string stream, long fromRevision, CancellationToken ct) => throw new NotSupportedException();

        public Task WaitForAsync(long position, CancellationToken ct) => throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
