using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Tests;

/// <summary>A clock that stands where a test puts it.</summary>
internal sealed class StandingClock(Instant now) : IClock
{
    private readonly Lock gate = new(); // an instant is more than one word, and the journal's writer reads it

    public Instant Now
    {
        get { lock (gate) return now; }
        set { lock (gate) now = value; }
    }

    public Instant GetCurrentInstant() => Now;
}

/// <summary>A data folder that goes with its test, and facts to put into it.</summary>
internal sealed class TestFolder : IDisposable
{
    public static readonly Instant Start = Instant.FromUtc(2026, 3, 1, 0, 0);
    public static readonly Principal Tester = new("tester", new PartyId("ACME"), new HashSet<string>());
    private static int made;

    public string Path { get; init; } = New(System.IO.Path.GetTempPath());

    /// <summary>One that is on a disk, whose time and whose errors a test is about.</summary>
    public static TestFolder OnDisk() => new() { Path = New(TestPlace.Disk) };

    private static string New(string within) => System.IO.Path.Combine(within, string.Create(
        CultureInfo.InvariantCulture, $"ledger-test-{Environment.ProcessId}-{Interlocked.Increment(ref made)}"));

    public StandingClock Clock { get; } = new(Start);
    public static byte[] Secret { get; } = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];

    public SqliteJournalOptions Options => new(Path, new LedgerId("test"), Clock, Secret);

    public SqliteJournal Open() => SqliteJournal.Open(Options);

    /// <summary>Reading <paramref name="number"/> of a register, one a second.</summary>
    public static NewFact Reading(int number, long index = 0, string key = "reading") => NewFact.At(
        new RegisterReadingRecorded(new RegisterId(new SettlementPointId("CP1"), Direction.Import),
            Start + Duration.FromSeconds(number), index, ReadingQuality.Measured, null),
        Start + Duration.FromSeconds(number), new EvidenceKey($"{key} {number}"));

    public static async Task<List<RecordedEvent>> AllAsync(IJournal journal, long from = 0)
    {
        var all = new List<RecordedEvent>();
        await foreach (var recorded in journal.ReadAllAsync(from, TestContext.Current.CancellationToken))
            all.Add(recorded);
        return all;
    }

    public void Dispose()
    {
        if (Directory.Exists(Path)) Directory.Delete(Path, recursive: true);
    }
}
