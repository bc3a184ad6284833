using System.Buffers.Binary;
using System.Globalization;
using Ledger.Domain;
using Microsoft.Data.Sqlite;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Journal.Verification;

/// <summary>What the journal holds, as it was found.</summary>
/// <param name="Events">Events that were read.</param>
/// <param name="Root">The root over their leaves, hashed anew.</param>
/// <param name="IsSound">Nothing in it was found to be wrong: what is derived from it is worth deriving.</param>
public sealed record JournalFound(long Events, byte[] Root, bool IsSound);

/// <summary>
/// Hashes every event of journal.db anew from its header, its payload and its salt, and compares all that the folder
/// says about it: order, revisions, ids, stored leaves, the tree's frontier, and both slots of journal.head. It reads
/// the tables as they are and changes no byte, because what is refused elsewhere is what it has to describe.
/// </summary>
public sealed class JournalVerification
{
    /// <summary>Events that are hashed together: of a full tree they are a perfect subtree.</summary>
    private const int TogetherMax = 256;

    private readonly string directory;
    private readonly LedgerId ledger;
    private readonly byte[] ledgerBytes, secret;
    private readonly Findings findings;
    private readonly MerkleTree tree = new();
    private readonly Dictionary<string, StreamSeen> streams = new(StringComparer.Ordinal);
    private readonly List<RootClaim> claims;
    private readonly HeaderFields?[] headers = new HeaderFields?[TogetherMax];
    private readonly string?[] damages = new string?[TogetherMax];
    private byte[] tenant = [];
    private Instant recordedAt = Instant.FromUnixTimeTicks(0);

    private JournalVerification(
        string directory, LedgerId ledger, byte[] secret, IEnumerable<RootClaim> claims, Findings findings) =>
        (this.directory, this.ledger, ledgerBytes, this.secret, this.claims, this.findings) =
            (directory, ledger, JournalBytes.Utf8.GetBytes(ledger.Value), secret, [.. claims], findings);

    /// <summary>A stream, and the revision that its next event should have.</summary>
    private sealed class StreamSeen(string name)
    {
        public string Name { get; } = name;
        public byte[] Bytes { get; } = JournalBytes.Utf8.GetBytes(name);
        public long Next { get; set; }
    }

    /// <summary>Verifies the journal in a data folder.</summary>
    /// <param name="claims">What checkpoints say of the journal: each is compared at its length.</param>
    /// <param name="isThorough">Also has SQLite check every page and index of the file.</param>
    /// <param name="seen">Is told the number of events from time to time.</param>
    public static JournalFound Verify(
        string directory, LedgerId ledger, byte[] secret, IEnumerable<RootClaim> claims, bool isThorough,
        Findings findings, Action<long> seen, CancellationToken ct)
    {
        var before = findings.FaultCount;
        var journal = new JournalVerification(directory, ledger, secret, claims, findings);
        journal.VerifyHead();
        journal.VerifyFile(isThorough, seen, ct);
        journal.VerifyLength();
        return new JournalFound(journal.tree.Size, journal.tree.Root(), findings.FaultCount == before);
    }

    private void VerifyFile(bool isThorough, Action<long> seen, CancellationToken ct)
    {
        var path = Path.Combine(directory, SqliteJournal.FileName);
        if (!File.Exists(path))
        {
            if (claims.Any(claim => claim.Length > 0)) Fault(SqliteJournal.FileName, "no such file", "the journal");
            return;
        }
        try
        {
            using var connection = JournalTables.ConnectForReading(path);
            using var snapshot = connection.BeginTransaction(deferred: true);
            SqliteFile.VerifySchema(connection, SqliteJournal.FileName, JournalTables.SchemaOf(connection), findings);
            VerifyEvents(connection, seen, ct);
            VerifyLedger(connection);
            if (!isThorough) return;
            SqliteFile.VerifyPages(connection, SqliteJournal.FileName, findings);
            VerifyStreamIndex(connection);
        }
        catch (Exception damaged) when (SqliteFile.IsDamage(damaged))
        {
            Fault($"{SqliteJournal.FileName}, after {Count(tree.Size)} events", damaged.Message, "a readable database");
        }
    }

    private void VerifyEvents(SqliteConnection connection, Action<long> seen, CancellationToken ct)
    {
        var named = StreamNames(connection);
        using var rows = new EventRows(connection);
        VerifyRoots();
        for (var isMore = true; isMore;)
        {
            try
            {
                isMore = rows.ReadNext(UntilNextRoot());
            }
            catch (Exception damaged) when (SqliteFile.IsDamage(damaged))
            {
                VerifyEvents(rows, named);
                throw;
            }
            VerifyEvents(rows, named);
            if (!isMore || tree.Size % 4096 != 0) continue;
            ct.ThrowIfCancellationRequested();
            seen(tree.Size);
        }
    }

    /// <summary>How many events may be hashed together: no root that somebody names is passed over.</summary>
    private long UntilNextRoot()
    {
        var count = TogetherMax - (tree.Size % TogetherMax);
        foreach (var claim in claims)
            if (claim.Length > tree.Size) count = Math.Min(count, claim.Length - tree.Size);
        return count;
    }

    private Dictionary<long, StreamSeen> StreamNames(SqliteConnection connection)
    {
        using var select = connection.CreateCommand();
        select.CommandText = "SELECT key, name FROM streams";
        using var row = select.ExecuteReader();
        var named = new Dictionary<long, StreamSeen>();
        while (row.Read()) named[row.GetInt64(0)] = Seen(row.GetString(1));
        return named;
    }

    private StreamSeen Seen(string name)
    {
        if (!streams.TryGetValue(name, out var stream)) streams.Add(name, stream = new(name));
        return stream;
    }

    private void VerifyEvents(EventRows rows, Dictionary<long, StreamSeen> named)
    {
        var read = rows.Read;
        if (read.IsEmpty) return;
        for (var i = 0; i < read.Length; i++)
            try
            {
                headers[i] = HeaderFields.Read(rows.Header(read[i]), ledgerBytes, ref tenant);
            }
            catch (InvalidDataException damaged)
            {
                (headers[i], damages[i]) = (null, damaged.Message);
            }
        rows.Hash(headers, secret);
        for (var i = 0; i < read.Length; i++)
        {
            var position = read[i].Position;
            if (position != tree.Size + i)
                Fault(At(position), $"position {Count(position)}", $"position {Count(tree.Size + i)}");
            if (headers[i] is { } header) VerifyEvent(rows, read[i], header, named.GetValueOrDefault(read[i].Stream));
            else Fault(At(position), damages[i]!, "a header of version 1");
        }
        rows.AppendTo(tree, headers);
        VerifyRoots();
    }

    /// <summary>Nothing is put into words for an event that is as it should be.</summary>
    /// <param name="named">The stream that the table names; null where it names none.</param>
    private void VerifyEvent(EventRows rows, in EventRow row, in HeaderFields header, StreamSeen? named)
    {
        var name = rows.Header(row).Slice(header.StreamAt, header.StreamBytes);
        var stream = named is not null && name.SequenceEqual(named.Bytes)
            ? named : Seen(JournalBytes.Utf8.GetString(name));
        Span<byte> id = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(id, header.Id.Value);
        if (stream.Name != (named?.Name ?? "none") || row.Revision != header.Revision || header.Revision != stream.Next
            || row.PayloadBytes != header.PayloadBytes || !id.SequenceEqual(rows.Id(row))
            || !rows.Hashed(row).SequenceEqual(rows.Leaf(row)) || !header.IsOfLedger
            || !header.Id.IsOf(header.ValidFrom) || header.RecordedAt < recordedAt)
            Tell(rows, row, EnvelopeBytes.Read(rows.Header(row)).Envelope, named?.Name ?? "none", stream.Next,
                header.PayloadBytes);
        stream.Next++;
        recordedAt = Instant.Max(recordedAt, header.RecordedAt);
    }

    private void Tell(EventRows rows, in EventRow row, Envelope envelope, string stream, long next, int payloadBytes)
    {
        var place = $"{At(row.Position)}, {envelope.Stream} revision {Count(envelope.Revision)}";
        Same(place, "ledger", envelope.Ledger.Value, ledger.Value);
        Same(place, "stream", stream, envelope.Stream);
        Same(place, "revision", Count(envelope.Revision), Count(next));
        Same(place, "revision in the table", Count(row.Revision), Count(envelope.Revision));
        Same(place, "id in the table", Convert.ToHexStringLower(rows.Id(row)), envelope.Id.ToString());
        Same(place, "bytes of payload", Count(row.PayloadBytes), Count(payloadBytes));
        if (!envelope.Id.IsOf(envelope.ValidFrom))
            Fault(place, $"event id {envelope.Id}", $"an id of the valid time {Text(envelope.ValidFrom)}");
        if (envelope.RecordedAt < recordedAt)
            Fault(place, $"recorded at {Text(envelope.RecordedAt)}",
                $"no earlier than {Text(recordedAt)}, the event before");
        Same(place, "leaf", Convert.ToHexStringLower(rows.Leaf(row)),
            Convert.ToHexStringLower(rows.Hashed(row)));
    }

    private void VerifyLedger(SqliteConnection connection)
    {
        using var select = connection.CreateCommand();
        select.CommandText = "SELECT name, length, frontier, recorded_at FROM ledger";
        using var row = select.ExecuteReader();
        if (!row.Read())
        {
            if (tree.Size > 0) Fault($"{SqliteJournal.FileName}, ledger", "no row", $"{Count(tree.Size)} events");
            return;
        }
        var place = $"{SqliteJournal.FileName}, ledger";
        Same(place, "name", row.GetString(0), ledger.Value);
        Same(place, "length", Count(row.GetInt64(1)), Count(tree.Size));
        Same(place, "frontier", Convert.ToHexStringLower(row.GetFieldValue<byte[]>(2)),
            Convert.ToHexStringLower(tree.SaveFrontier()));
        Same(place, "recorded at", Count(row.GetInt64(3)), Count(recordedAt.ToUnixTimeTicks()));
    }

    /// <summary>A wrong entry would show another event as one of a stream, a missing one would hide it.</summary>
    private void VerifyStreamIndex(SqliteConnection connection)
    {
        if (!StreamIndex.IsApart(connection)) return;
        using var select = connection.CreateCommand();
        select.CommandText = """
            SELECT (SELECT length FROM stream_index), (SELECT count(*) FROM stream_events), (SELECT count(*)
                FROM stream_events s JOIN events e ON e.position = s.position
                WHERE e.stream = s.stream AND e.revision = s.revision
                    AND e.position < (SELECT length FROM stream_index))
            """;
        using var row = select.ExecuteReader();
        row.Read();
        var place = $"{SqliteJournal.FileName}, stream_events";
        Same(place, "entries", Count(row.GetInt64(1)), Count(row.GetInt64(0)));
        Same(place, "entries that lead to their event", Count(row.GetInt64(2)), Count(row.GetInt64(0)));
    }

    /// <summary>
    /// Both slots of the head are claims too. An owner that was interrupted leaves one torn until it writes again; that
    /// too is said.
    /// </summary>
    private void VerifyHead()
    {
        var (slots, stray) = JournalHead.ReadAll(directory);
        for (var i = 0; i < slots.Count; i++)
            if (slots[i] is { } head) claims.Add(new($"{JournalHead.FileName}, slot {i}", head.Length, head.Root));
            else Fault($"{JournalHead.FileName}, slot {i}", "not its digest", "an intact slot");
        if (stray is { } at) Fault($"{JournalHead.FileName}, byte {Count(at)}", "another byte", "zero");
        if (slots.Count == 0) Fault(JournalHead.FileName, "no such file", "how far the journal was acknowledged");
    }

    /// <summary>What was acknowledged or signed is there.</summary>
    private void VerifyLength()
    {
        foreach (var claim in claims)
            if (claim.Length > tree.Size)
                Fault(claim.Place, $"{Count(tree.Size)} events in the journal", $"{Count(claim.Length)}");
    }

    /// <summary>Everyone who names this length names this root.</summary>
    private void VerifyRoots()
    {
        foreach (var claim in claims)
            if (claim.Length == tree.Size)
                Same(claim.Place, $"root of {Count(claim.Length)} events",
                    Convert.ToHexStringLower(claim.Root), Convert.ToHexStringLower(tree.Root()));
    }

    private void Same(string place, string what, string found, string expected)
    {
        if (found != expected) Fault(place, $"{what} {found}", expected);
    }

    private void Fault(string place, string found, string expected) => findings.Add(place, found, expected);

    private static string At(long position) => $"position {Count(position)}";
    private static string Count(long number) => number.ToString(CultureInfo.InvariantCulture);
    private static string Text(Instant at) => InstantPattern.ExtendedIso.Format(at);
}
