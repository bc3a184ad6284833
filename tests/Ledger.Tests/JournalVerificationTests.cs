using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Proof;
using Ledger.Journal.Verification;
using Microsoft.Data.Sqlite;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Events are hashed many at a time, and still judged one by one.</summary>
public sealed class JournalVerificationTests : IDisposable
{
    private const int Events = 700; // of more than two perfect subtrees of 256
    private readonly TestFolder folder = new();

    public void Dispose() => folder.Dispose();

    private async Task<List<byte[]>> RootsAsync(int events = Events)
    {
        await using var journal = folder.Open();
        for (var i = 0; i < events; i++)
            await journal.AppendAsync($"register/{i % 7}", ExpectedRevision.Any, [TestFolder.Reading(i, i)],
                TestFolder.Tester, null, TestContext.Current.CancellationToken);
        var (tree, roots) = (new MerkleTree(), new List<byte[]> { new MerkleTree().Root() });
        foreach (var recorded in await TestFolder.AllAsync(journal))
        {
            tree.Append(EnvelopeBytes.LeafEntry(EnvelopeBytes.Salt(TestFolder.Secret, recorded.Envelope.Id),
                EnvelopeBytes.Write(recorded.Envelope, recorded.Payload.Length),
                System.Security.Cryptography.SHA256.HashData(recorded.Payload.Span)));
            roots.Add(tree.Root());
        }
        return roots;
    }

    private (JournalFound Found, Findings Findings) Verify(params RootClaim[] claims)
    {
        var findings = new Findings();
        return (JournalVerification.Verify(folder.Path, new LedgerId("test"), TestFolder.Secret, claims, false,
            findings, _ => { }, TestContext.Current.CancellationToken), findings);
    }

    private void Change(string sql, params (string, object)[] values)
    {
        using var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder
            { DataSource = Path.Combine(folder.Path, SqliteJournal.FileName), Pooling = false }.ToString());
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        foreach (var (name, value) in values) command.Parameters.AddWithValue(name, value);
        command.ExecuteNonQuery();
    }

    /// <summary>A witness has seen what it signs: nothing of it is recorded later, beyond what clocks differ.</summary>
    [Theory]
    [InlineData(3, 0)]
    [InlineData(4, 1)]
    public async Task An_event_that_was_recorded_after_a_witness_had_seen_it_is_a_fault(int secondsBefore, int faults)
    {
        folder.Clock.Now = NodaTime.Instant.FromUtc(2026, 3, 1, 12, 0);
        var roots = await RootsAsync();
        var key = new SignerKey("town", new byte[32]);
        var (_, findings) = Verify(new RootClaim("checkpoints/256", 256, roots[256], new CheckpointSigners(key.Verifier,
            [new(key.WitnessVerifier, folder.Clock.Now.ToUnixTimeSeconds() - secondsBefore)])));
        findings.FaultCount.ShouldBe(faults, string.Join('\n', findings.Faults));
        if (faults > 0)
            $"{findings.Faults[0]}".ShouldStartWith("checkpoints/256: event 255 recorded at 2026-03-01T12:00:00Z, expected "
                + "no later than 2026-03-01T11:59:56Z, when town ");
    }

    [Fact]
    public async Task Every_root_that_somebody_names_is_compared_at_its_length()
    {
        var roots = await RootsAsync();
        var (found, findings) = Verify([.. roots.Select((root, size) => new RootClaim($"claim {size}", size, root))]);
        (found.Events, found.IsSound, findings.FaultCount).ShouldBe((Events, true, 0L));
        found.Root.ShouldBe(roots[Events]);
        foreach (var size in new[] { 0, 1, 255, 256, 257, 511, 512, 640, 699, 700 })
        {
            var fault = Verify(new("a right one", size, roots[size]), new("a wrong one", size, new byte[32]))
                .Findings.Faults.ShouldHaveSingleItem();
            (fault.Place, fault.Expected).ShouldBe(("a wrong one", Convert.ToHexStringLower(roots[size])));
        }
        Verify(new RootClaim("one of the future", Events + 1, new byte[32])).Findings.Faults.ShouldHaveSingleItem()
            .Found.ShouldBe("700 events in the journal");
    }

    [Fact]
    public async Task A_changed_payload_or_leaf_is_found_at_its_position_and_nowhere_else()
    {
        await RootsAsync();
        foreach (var position in new[] { 0, 7, 255, 256, 511, 512, 699 })
        {
            var payload = (byte[])Value("payload", position);
            Change("UPDATE events SET payload = $value WHERE position = $at", ("$value",
                payload.Select((b, i) => i == payload.Length / 2 ? (byte)(b ^ 1) : b).ToArray()), ("$at", position));
            var (found, findings) = Verify();
            found.IsSound.ShouldBeFalse();
            findings.Faults.Where(fault => fault.Place.StartsWith("position ", StringComparison.Ordinal))
                .ShouldHaveSingleItem().Place
                .ShouldStartWith($"position {position}, register/{position % 7} revision ");
            Change("UPDATE events SET payload = $value WHERE position = $at", ("$value", payload), ("$at", position));
        }
        Verify().Findings.FaultCount.ShouldBe(0);
    }

    /// <summary>An auditor is told what is gone and where, and not that each event behind it is one place off.
    /// </summary>
    [Fact]
    public async Task An_event_that_is_gone_is_one_fault_at_its_position_and_one_in_its_stream()
    {
        var roots = await RootsAsync();
        Change("DELETE FROM events WHERE position = 300 OR position BETWEEN 400 AND 402");
        var (found, findings) = Verify(new RootClaim("before", 300, roots[300]));
        (found.Events, found.IsSound).ShouldBe((Events - 4, false));
        findings.Faults.Where(fault => fault.Place.StartsWith("position", StringComparison.Ordinal))
            .Select(fault => fault.ToString()).ShouldBe(
            [
                "position 300: no event, expected an event",
                "position 307, register/6 revision 43: revision 43, expected 42",
                "positions 400 to 402: no events, expected an event at each",
                "position 407, register/1 revision 58: revision 58, expected 57",
                "position 408, register/2 revision 58: revision 58, expected 57",
                "position 409, register/3 revision 58: revision 58, expected 57",
            ]);
    }

    /// <summary>What is said of a header that cannot be read is what its reader says who makes an envelope of it.
    /// </summary>
    [Fact]
    public async Task A_damaged_header_is_refused_in_the_words_of_the_reader_of_headers()
    {
        await RootsAsync(events: 310); // which are verified for each damage
        const int position = 300;
        var header = (byte[])Value("header", position);
        var refused = 0;
        for (var i = 0; i < header.Length; i++)
            foreach (var value in new byte[] { 0, 1, 0x2f, 0x80, 0xff })
            {
                var damaged = (byte[])header.Clone();
                damaged[i] = value;
                if (value == header[i]) continue;
                Change("UPDATE events SET header = $value WHERE position = $at", ("$value", damaged),
                    ("$at", position));
                var faults = Verify().Findings.Faults;
                faults.Any(fault => fault.Place.StartsWith("position 300", StringComparison.Ordinal)).ShouldBeTrue();
                try
                {
                    EnvelopeBytes.Read(damaged);
                    faults.Any(fault => fault.Expected == "a header of version 1").ShouldBeFalse();
                }
                catch (InvalidDataException e)
                {
                    faults[0].ShouldBe(new Fault("position 300", e.Message, "a header of version 1"));
                    refused++;
                }
            }
        refused.ShouldBeGreaterThan(200);
    }

    [Fact]
    public async Task A_leaf_of_another_length_beside_a_damaged_header_is_a_fault_and_no_crash()
    {
        await RootsAsync();
        Change("UPDATE events SET header = x'01', leaf = zeroblob(100) WHERE position = 5");
        Change("UPDATE events SET id = x'00', leaf = x'' WHERE position = 6");
        var (found, findings) = Verify();
        found.Events.ShouldBe(Events);
        var places = findings.Faults.Select(fault => fault.Place).ToList();
        places[..4].ShouldBe(["position 5", "position 6, register/6 revision 0", "position 6, register/6 revision 0",
            "position 12, register/5 revision 1"]); // and so on: of a stream no revision may be missing
        places.ShouldContain("journal.db, ledger");
    }

    /// <summary>An event that somebody recorded a second time, with all that belongs to it, is known by its id, also
    /// behind everything that the head claims.</summary>
    [Fact]
    public async Task An_id_that_comes_twice_is_found_where_it_comes_again()
    {
        var roots = await RootsAsync();
        var envelope = EnvelopeBytes.Read((byte[])Value("header", 3)).Envelope with
        {
            Revision = 100, // of 700 in seven streams
            RecordedAt = EnvelopeBytes.Read((byte[])Value("header", Events - 1)).Envelope.RecordedAt,
        };
        var payload = (byte[])Value("payload", 3);
        var header = EnvelopeBytes.Write(envelope, payload.Length);
        var leaf = EnvelopeBytes.LeafEntry(EnvelopeBytes.Salt(TestFolder.Secret, envelope.Id), header,
            System.Security.Cryptography.SHA256.HashData(payload));
        Change("INSERT INTO events VALUES(700, 3, 100, $id, $header, $payload, $leaf)", ("$id", envelope.Id.ToBytes()),
            ("$header", header), ("$payload", payload), ("$leaf", leaf));
        var places = Verify(new RootClaim("before", Events, roots[Events])).Findings.Faults
            .Select(fault => fault.ToString()).ToList();
        places.ShouldContain($"position 700: event id {envelope.Id} for the second time, expected an id of its own");
        places.ShouldAllBe(place => place.StartsWith("position 700: ", StringComparison.Ordinal)
            || place.StartsWith("journal.db, ledger: ", StringComparison.Ordinal));
    }

    private object Value(string column, int position)
    {
        using var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder
            { DataSource = Path.Combine(folder.Path, SqliteJournal.FileName), Pooling = false }.ToString());
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = $"SELECT {column} FROM events WHERE position = {position}";
        return command.ExecuteScalar()!;
    }
}
