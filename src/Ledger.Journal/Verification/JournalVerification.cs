using System.Globalization;
using System.Security.Cryptography;
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
    private const string Rows = """
        SELECT e.position, e.revision, s.name, e.id, e.header, e.payload, e.leaf
        FROM events e LEFT JOIN streams s ON s.key = e.stream ORDER BY e.position
        """;

    private readonly string directory;
    private readonly LedgerId ledger;
    private readonly byte[] secret;
    private readonly Findings findings;
    private readonly MerkleTree tree = new();
    private readonly Dictionary<string, long> revisions = new(StringComparer.Ordinal);
    private readonly List<RootClaim> claims;
    private Instant recordedAt = Instant.FromUnixTimeTicks(0);

    private JournalVerification(
        string directory, LedgerId ledger, byte[] secret, IEnumerable<RootClaim> claims, Findings findings) =>
        (this.directory, this.ledger, this.secret, this.claims, this.findings) =
            (directory, ledger, secret, [.. claims], findings);

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
            SqliteFile.VerifySchema(connection, SqliteJournal.FileName, JournalTables.Schema, findings);
            VerifyEvents(connection, seen, ct);
            VerifyLedger(connection);
            if (isThorough) SqliteFile.VerifyPages(connection, SqliteJournal.FileName, findings);
        }
        catch (SqliteException damaged)
        {
            Fault($"{SqliteJournal.FileName}, after {Count(tree.Size)} events", damaged.Message, "a readable database");
        }
    }

    private void VerifyEvents(SqliteConnection connection, Action<long> seen, CancellationToken ct)
    {
        using var select = connection.CreateCommand();
        select.CommandText = Rows;
        using var row = select.ExecuteReader();
        VerifyRoots();
        while (row.Read())
        {
            VerifyEvent(row);
            VerifyRoots();
            if (tree.Size % 4096 != 0) continue;
            ct.ThrowIfCancellationRequested();
            seen(tree.Size);
        }
    }

    private void VerifyEvent(SqliteDataReader row)
    {
        var position = row.GetInt64(0);
        if (position != tree.Size) Fault(At(position), $"position {Count(position)}", $"position {Count(tree.Size)}");
        var header = row.GetFieldValue<byte[]>(4);
        var payload = row.GetFieldValue<byte[]>(5);
        var leaf = row.GetFieldValue<byte[]>(6);
        Envelope envelope;
        int payloadLength;
        try
        {
            (envelope, payloadLength) = EnvelopeBytes.Read(header);
        }
        catch (InvalidDataException damaged)
        {
            Fault(At(position), damaged.Message, "a header of version 1");
            tree.Append(leaf);
            return;
        }
        var next = revisions.GetValueOrDefault(envelope.Stream);
        Span<byte> digest = stackalloc byte[32];
        SHA256.HashData(payload, digest);
        var hashed = EnvelopeBytes.LeafEntry(EnvelopeBytes.Salt(secret, envelope.Id), header, digest);
        var inTable = new Row(
            row.IsDBNull(2) ? "none" : row.GetString(2), row.GetInt64(1), row.GetFieldValue<byte[]>(3), leaf,
            payload.Length);
        if (!inTable.Is(envelope, next, payloadLength, hashed) || envelope.Ledger != ledger
            || !envelope.Id.IsOf(envelope.ValidFrom) || envelope.RecordedAt < recordedAt)
            Tell($"{At(position)}, {envelope.Stream} revision {Count(envelope.Revision)}", inTable, envelope, next,
                payloadLength, hashed);
        revisions[envelope.Stream] = next + 1;
        recordedAt = Instant.Max(recordedAt, envelope.RecordedAt);
        tree.Append(hashed);
    }

    /// <summary>What the table says of an event beside its header.</summary>
    private readonly record struct Row(string Stream, long Revision, byte[] Id, byte[] Leaf, int PayloadBytes)
    {
        /// <summary>Nothing is put into words for an event that is as it should be.</summary>
        public bool Is(Envelope envelope, long next, int payloadLength, ReadOnlySpan<byte> hashed) =>
            Stream == envelope.Stream && Revision == envelope.Revision && envelope.Revision == next
            && PayloadBytes == payloadLength && envelope.Id.ToBytes().AsSpan().SequenceEqual(Id)
            && hashed.SequenceEqual(Leaf);
    }

    private void Tell(string place, Row row, Envelope envelope, long next, int payloadLength, byte[] hashed)
    {
        Same(place, "ledger", envelope.Ledger.Value, ledger.Value);
        Same(place, "stream", row.Stream, envelope.Stream);
        Same(place, "revision", Count(envelope.Revision), Count(next));
        Same(place, "revision in the table", Count(row.Revision), Count(envelope.Revision));
        Same(place, "id in the table", Convert.ToHexStringLower(row.Id), envelope.Id.ToString());
        Same(place, "bytes of payload", Count(row.PayloadBytes), Count(payloadLength));
        if (!envelope.Id.IsOf(envelope.ValidFrom))
            Fault(place, $"event id {envelope.Id}", $"an id of the valid time {Text(envelope.ValidFrom)}");
        if (envelope.RecordedAt < recordedAt)
            Fault(place, $"recorded at {Text(envelope.RecordedAt)}",
                $"no earlier than {Text(recordedAt)}, the event before");
        Same(place, "leaf", Convert.ToHexStringLower(row.Leaf), Convert.ToHexStringLower(hashed));
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
