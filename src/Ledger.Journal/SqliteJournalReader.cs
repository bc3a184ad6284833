using Ledger.Domain;
using Microsoft.Data.Sqlite;
using SQLitePCL;

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
            (options, new JournalPages(options, () => Length));

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
            reader.acknowledged = CheckWithTail(options, reader.pages);
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

    /// <summary>What <see cref="Check"/> finds, once the last events were hashed again too.</summary>
    internal static Acknowledged CheckWithTail(SqliteJournalOptions options, JournalPages pages)
    {
        try
        {
            var found = Check(options, pages);
            if (!options.IsExamined && found.Length > 0)
                pages.With(connection =>
                {
                    JournalTail.Verify(connection, options.Ledger, options.Secret, found.Length);
                    return true;
                });
            return found;
        }
        catch (Exception damaged) when (IsDamage(damaged))
        {
            throw new JournalRefusedException($"{SqliteJournal.FileName} is damaged: {damaged.Message}");
        }
    }

    /// <summary>Whether it is the content that cannot be read. That a file is locked, or that the disk does not answer,
    /// says nothing of what it holds.</summary>
    private static bool IsDamage(Exception failure) => failure switch
    {
        // A name that is missing in the schema is SQLITE_ERROR: the statements themselves are always the same.
        SqliteException sqlite => sqlite.SqliteErrorCode is raw.SQLITE_CORRUPT or raw.SQLITE_NOTADB or raw.SQLITE_ERROR,
        ObjectDisposedException => false,
        // The last where a value is missing.
        InvalidDataException or InvalidCastException or ArgumentOutOfRangeException
            or InvalidOperationException => true,
        _ => false,
    };

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
            // Of a head with a damaged slot the other one may be the older: what is durable beyond it was perhaps
            // acknowledged, and stays in any case.
            return found.Size > head.Length && JournalHead.ReadAll(options.Directory).Slots.Contains(null)
                ? new(found.Size, found.Root()) : head;
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
