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
    /// <summary>Events that are hashed together: of a full tree they are a perfect subtree.</summary>
    private const int TogetherMax = 256;

    private readonly string directory;
    private readonly LedgerId ledger;
    private readonly byte[] ledgerBytes, secret;
    private readonly Sha256Lanes.HmacKey key;
    private readonly Findings findings;
    private readonly MerkleTree tree = new();
    private readonly DistinctIds ids = new();
    private readonly List<RootClaim> claims;
    private readonly HeaderFields?[] headers = new HeaderFields?[TogetherMax];
    private readonly string?[] damages = new string?[TogetherMax];
    private byte[] tenant = [];
    private long missing;
    private Instant recordedAt = Instant.FromUnixTimeTicks(0);

    private JournalVerification(
        string directory, LedgerId ledger, byte[] secret, IEnumerable<RootClaim> claims, Findings findings) =>
        (this.directory, this.ledger, ledgerBytes, this.secret, key, this.claims, this.findings) = (directory, ledger,
            JournalBytes.Utf8.GetBytes(ledger.Value), secret, new(secret), [.. claims], findings);

    /// <summary>Verifies the journal in a data folder.</summary>
    /// <param name="claims">What checkpoints say of the journal: each is compared at its length.</param>
    /// <param name="isThorough">Also has SQLite check every page and index of the file.</param>
    /// <param name="seen">Is told the number of events from time to time.</param>
    /// <param name="clock">The verifier's own: nothing was recorded after now; null where it is not to be asked.</param>
    public static JournalFound Verify(
        string directory, LedgerId ledger, byte[] secret, IEnumerable<RootClaim> claims, bool isThorough,
        Findings findings, Action<long> seen, CancellationToken ct, IClock? clock = null)
    {
        var before = findings.FaultCount;
        var journal = new JournalVerification(directory, ledger, secret, claims, findings);
        using var ids = journal.ids;
        journal.VerifyHead();
        journal.VerifyFile(isThorough, seen, ct);
        foreach (var (id, position, _) in ids.Repeated())
            journal.Fault(At(position), $"event id {id} for the second time", "an id of its own");
        journal.VerifyLength();
        RecordingTimes.VerifyPast(journal.tree.Size, journal.recordedAt, clock, findings);
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
            using var index = new IndexVerification(directory, findings); // before the snapshot, which has all of it
            using var connection = JournalTables.ConnectForReading(path);
            using var snapshot = connection.BeginTransaction(deferred: true);
            SqliteFile.VerifySchema(connection, SqliteJournal.FileName, JournalTables.SchemaOf(connection), findings);
            VerifyEvents(connection, index, seen, ct);
            index.Verify(ct);
            VerifyLedger(connection);
            if (isThorough) SqliteFile.VerifyPages(connection, SqliteJournal.FileName, findings);
        }
        catch (Exception damaged) when (SqliteFile.IsDamage(damaged))
        {
            Fault($"{SqliteJournal.FileName}, after {Count(tree.Size)} events", damaged.Message, "a readable database");
        }
    }

    private void VerifyEvents(
        SqliteConnection connection, IndexVerification index, Action<long> seen, CancellationToken ct)
    {
        using var rows = new EventRows(connection);
        using var streams = new StreamsSeen(connection);
        VerifyRoots();
        for (var isMore = true; isMore;)
        {
            try
            {
                isMore = rows.ReadNext(UntilNextRoot());
            }
            catch (Exception damaged) when (SqliteFile.IsDamage(damaged))
            {
                VerifyEvents(rows, streams, index);
                throw;
            }
            VerifyEvents(rows, streams, index);
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

    private void VerifyEvents(EventRows rows, StreamsSeen streams, IndexVerification index)
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
        rows.Hash(headers, key);
        for (var i = 0; i < read.Length; i++)
        {
            var position = read[i].Position;
            VerifyPosition(position, tree.Size + i + missing);
            if (headers[i] is { } header) VerifyEvent(rows, read[i], header, streams, tree.Size + i);
            else Fault(At(position), damages[i]!, "a header of version 1");
            if (rows.Id(read[i]) is { Length: EventId.Bytes } id)
                index.Add(position, EventId.Of(id), read[i].Stream, read[i].Revision, rows.Leaf(read[i]));
        }
        rows.AppendTo(tree, headers);
        VerifyRoots();
    }

    /// <summary>A gap is one fault: what comes after it has its place all the same.</summary>
    private void VerifyPosition(long position, long expected)
    {
        if (position == expected) return;
        if (position < expected) Fault(At(position), $"position {Count(position)}", $"position {Count(expected)}");
        else if (position == expected + 1) Fault(At(expected), "no event", "an event");
        else Fault($"positions {Count(expected)} to {Count(position - 1)}", "no events", "an event at each");
        missing += position - expected;
    }

    /// <summary>Nothing is put into words for an event that is as it should be.</summary>
    /// <param name="number">How many events were read before.</param>
    private void VerifyEvent(
        EventRows rows, in EventRow row, in HeaderFields header, StreamsSeen streams, long number)
    {
        var name = rows.Header(row).Slice(header.StreamAt, header.StreamBytes);
        var isNamed = streams.IsNamed(row.Stream, name);
        ref var next = ref isNamed ? ref streams.NextOf(row.Stream) : ref streams.NextOf(name);
        Span<byte> id = stackalloc byte[EventId.Bytes];
        header.Id.CopyTo(id);
        if (!isNamed || row.Revision != header.Revision || header.Revision != next
            || row.PayloadBytes != header.PayloadBytes || !id.SequenceEqual(rows.Id(row))
            || !rows.Hashed(row).SequenceEqual(rows.Leaf(row)) || !header.IsOfLedger
            || !header.Id.IsOf(header.ValidFrom) || header.RecordedAt < recordedAt
            || (number % TogetherMax == 0 && !IsOfPlatform(rows, row, header)))
            Tell(rows, row, EnvelopeBytes.Read(rows.Header(row)).Envelope, streams.NameOf(row.Stream) ?? "none", next,
                header.PayloadBytes);
        // Of a stream, too, one revision that is missing is one fault.
        next = header.Revision is >= 0 and < long.MaxValue ? header.Revision + 1 : next + 1;
        ids.Add(header.Id, row.Position);
        recordedAt = Instant.Max(recordedAt, header.RecordedAt);
    }

    /// <summary>Whether the platform's SHA-256 gives this event the same leaf as the vectors: what was hashed with them
    /// when it was recorded is not verified by them alone.</summary>
    private bool IsOfPlatform(EventRows rows, in EventRow row, in HeaderFields header) =>
        rows.Hashed(row).SequenceEqual(EnvelopeBytes.LeafEntry(
            EnvelopeBytes.Salt(secret, header.Id), rows.Header(row), SHA256.HashData(rows.Payload(row))));

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
        Same(place, "leaf by vectors", Convert.ToHexStringLower(rows.Hashed(row)),
            Convert.ToHexStringLower(EnvelopeBytes.LeafEntry(EnvelopeBytes.Salt(secret, envelope.Id),
                rows.Header(row), SHA256.HashData(rows.Payload(row)))));
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
            {
                Same(claim.Place, $"root of {Count(claim.Length)} events",
                    Convert.ToHexStringLower(claim.Root), Convert.ToHexStringLower(tree.Root()));
                RecordingTimes.VerifyWitnessed(claim, recordedAt, findings);
            }
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
