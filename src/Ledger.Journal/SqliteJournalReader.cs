using Ledger.Domain;
using Microsoft.Data.Sqlite;

namespace Ledger.Journal;

/// <summary>
/// An embedded journal opened for reading only, with or without an owner beside it: it takes no lock and changes no
/// byte. It shows what was acknowledged when it was opened or last refreshed, and is refused like the journal itself
/// where that is not there.
/// </summary>
public sealed class SqliteJournalReader : IJournalReader, IStoredLeaves
{
    private const int LooksMax = 16;
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(50);
    private readonly SqliteJournalOptions options;
    private readonly JournalPages pages;
    private volatile Acknowledged acknowledged = new(0, []);

    private SqliteJournalReader(SqliteJournalOptions options) =>
        (this.options, pages) =
            (options, new JournalPages(Path.Combine(options.Directory, SqliteJournal.FileName), () => Length));

    /// <summary>Opens what is there; throws <see cref="JournalRefusedException"/> where it is not what was
    /// acknowledged.</summary>
    public static SqliteJournalReader Open(SqliteJournalOptions options)
    {
        if (!File.Exists(Path.Combine(options.Directory, SqliteJournal.FileName))
            && JournalHead.Read(options.Directory) is null)
            throw new JournalRefusedException($"there is no journal in {options.Directory}");
        var reader = new SqliteJournalReader(options);
        try
        {
            reader.Refresh();
            return reader;
        }
        catch
        {
            reader.pages.Dispose();
            throw;
        }
    }

    public LedgerId Ledger => options.Ledger;
    public long Length => acknowledged.Length;
    public byte[] Root => acknowledged.Root;

    /// <summary>Looks again how far the journal is acknowledged; returns the length.</summary>
    public long Refresh() => Look().Length;

    /// <summary>Looks again; length and root of one moment.</summary>
    public Acknowledged Look() => acknowledged = Check(options, pages);

    public IEnumerable<byte[]> LeafEntries(long from, long to) => pages.Leaves(from, to);

    /// <summary>
    /// Compares the journal with its head without changing either, so that what a damaged journal still holds stays
    /// there for a person to see. The head is read first: its owner writes it after the events.
    /// </summary>
    internal static Acknowledged Check(SqliteJournalOptions options, JournalPages pages)
    {
        for (var look = 1; ; look++)
        {
            var head = JournalHead.Read(options.Directory);
            var found = File.Exists(Path.Combine(options.Directory, SqliteJournal.FileName))
                ? pages.With(connection => JournalTables.ReadLedger(connection, options.Ledger)?.Tree)
                    ?? new MerkleTree()
                : new MerkleTree();
            if (head is null && found.Size > 0)
                throw new JournalRefusedException(
                    $"{JournalHead.FileName} is missing or empty beside a journal of {found.Size} events");
            head ??= new Acknowledged(0, found.Root());
            // Between its commit and its head a busy owner is ahead; to look again is cheaper than to hash every leaf.
            if (found.Size > head.Length && look < LooksMax) continue;
            head.Verify(found, length => pages.With(connection => JournalTables.RootAt(connection, length)));
            return head;
        }
    }

    /// <summary>Never: a fact is recorded by the folder's owner.</summary>
    public ValueTask<AppendResult> AppendAsync(
        string stream, ExpectedRevision expected, IReadOnlyList<NewFact> facts, Principal by, EventId? causation,
        CancellationToken ct) =>
        throw new InvalidOperationException(
            $"the journal of {Ledger} is open for reading only; its owner records facts");

    public IAsyncEnumerable<RecordedEvent> ReadStreamAsync(string stream, long fromRevision, CancellationToken ct) =>
        pages.StreamAsync(stream, fromRevision, ct);

    public IAsyncEnumerable<RecordedEvent> ReadAllAsync(long fromPosition, CancellationToken ct) =>
        pages.AllAsync(fromPosition, ct);

    /// <summary>Looks again and again: another process appends.</summary>
    public async Task WaitForAsync(long position, CancellationToken ct)
    {
        while (Length <= position && Refresh() <= position) await Task.Delay(BetweenLooks, ct).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync()
    {
        pages.Dispose();
        return ValueTask.CompletedTask;
    }
}
