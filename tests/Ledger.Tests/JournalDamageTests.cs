using Ledger.Domain;
using Ledger.Journal;
using Microsoft.Data.Sqlite;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What a crash or a failing disk leaves behind: nothing acknowledged is lost without a word.</summary>
public sealed class JournalDamageTests : IDisposable
{
    private const int Events = 10;
    private const int WalHeaderBytes = 32, FrameHeaderBytes = 24, PageBytes = 4096; // sqlite.org/fileformat2.html §4
    private readonly TestFolder folder = new();
    private static CancellationToken Ct => TestContext.Current.CancellationToken;
    private static readonly string[] Files =
        [SqliteJournal.FileName, SqliteJournal.FileName + "-wal", JournalHead.FileName];

    public void Dispose() => folder.Dispose();

    private string Wal => Path.Combine(folder.Path, Files[1]);
    private string Head => Path.Combine(folder.Path, JournalHead.FileName);

    /// <summary>The folder as a crash leaves it after ten acknowledged events:
    /// the log was not moved into the database.</summary>
    private async Task CrashAsync()
    {
        using var alive = new TestFolder();
        await using var journal = alive.Open();
        for (var i = 0; i < Events; i++) await Append(journal, i);
        Directory.CreateDirectory(folder.Path);
        foreach (var name in Files) File.Copy(Path.Combine(alive.Path, name), Path.Combine(folder.Path, name));
    }

    private static ValueTask<AppendResult> Append(IJournal journal, int number) =>
        journal.AppendAsync("s", ExpectedRevision.Any, [TestFolder.Reading(number)], TestFolder.Tester, null, Ct);

    private static void Flip(string path, Index at)
    {
        var bytes = File.ReadAllBytes(path);
        bytes[at] ^= 1;
        File.WriteAllBytes(path, bytes);
    }

    private static void Cut(string path, int fromEnd)
    {
        using var file = new FileStream(path, FileMode.Open);
        file.SetLength(file.Length - fromEnd);
    }

    private Dictionary<string, string> Bytes() =>
        Files.ToDictionary(name => name, name =>
            Convert.ToHexString(File.ReadAllBytes(Path.Combine(folder.Path, name))));

    /// <summary>Both ways to open refuse with both positions,
    /// and neither touches what a person has to look at.</summary>
    private void ShouldBeRefused(long found)
    {
        var before = Bytes();
        foreach (var open in (Action[])[() => folder.Open(), () => SqliteJournalReader.Open(folder.Options)])
            Should.Throw<JournalRefusedException>(open).Message
                .ShouldBe($"the journal ends at position {found} but was acknowledged up to position {Events}");
        Bytes().ShouldBe(before);
    }

    [Fact]
    public async Task After_a_crash_everything_acknowledged_is_there()
    {
        await CrashAsync();
        await using (var reader = SqliteJournalReader.Open(folder.Options)) reader.Length.ShouldBe(Events);
        await using var journal = folder.Open();
        (await TestFolder.AllAsync(journal)).Count.ShouldBe(Events);
    }

    [Fact]
    public async Task A_flipped_byte_in_the_last_commit_is_refused_with_both_positions()
    {
        await CrashAsync();
        Flip(Wal, ^100);
        ShouldBeRefused(found: Events - 1);
    }

    [Fact]
    public async Task A_flipped_byte_in_an_early_frame_loses_all_after_it_and_is_refused_with_both_positions()
    {
        await CrashAsync();
        var frames = (new FileInfo(Wal).Length - WalHeaderBytes) / (FrameHeaderBytes + PageBytes);
        Flip(Wal, (int)(WalHeaderBytes + frames * 2 / 3 * (FrameHeaderBytes + PageBytes) + 1000));
        var refused = Should.Throw<JournalRefusedException>(folder.Open).Message;
        refused.ShouldMatch("^the journal ends at position [1-8] but was acknowledged up to position 10$");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(PageBytes + FrameHeaderBytes)]
    public async Task A_log_that_was_cut_short_is_refused_with_both_positions(int bytes)
    {
        await CrashAsync();
        Cut(Wal, bytes);
        ShouldBeRefused(found: Events - 1);
    }

    [Fact]
    public async Task A_log_that_is_gone_is_refused_and_so_is_a_database_that_is_gone()
    {
        await CrashAsync();
        File.Delete(Wal);
        Should.Throw<JournalRefusedException>(folder.Open).Message.ShouldContain("up to position 10");
        File.Delete(Path.Combine(folder.Path, SqliteJournal.FileName));
        Should.Throw<JournalRefusedException>(folder.Open).Message
            .ShouldBe("the journal ends at position 0 but was acknowledged up to position 10");
    }

    [Fact]
    public async Task One_damaged_slot_of_the_head_is_survived_and_two_are_refused()
    {
        await CrashAsync();
        var intact = File.ReadAllBytes(Head);
        foreach (var at in (int[])[0, 30, 4096 + 4, 4096 + 83])
        {
            File.WriteAllBytes(Head, intact);
            Flip(Head, at);
            await using var journal = folder.Open();
            journal.Length.ShouldBe(Events);
        }
        Flip(Head, 30);
        Flip(Head, 4096 + 30);
        Should.Throw<JournalRefusedException>(folder.Open).Message.ShouldContain("both slots");
        File.WriteAllBytes(Head, []);
        Should.Throw<JournalRefusedException>(folder.Open).Message.ShouldContain("missing or empty");
        File.Delete(Head);
        Should.Throw<JournalRefusedException>(folder.Open).Message.ShouldContain("missing or empty");
    }

    [Fact]
    public async Task A_leaf_that_was_changed_is_refused()
    {
        await using (var journal = folder.Open()) await Append(journal, 1);
        Change("UPDATE ledger SET frontier = zeroblob(32)");
        Should.Throw<JournalRefusedException>(folder.Open).Message.ShouldContain("was acknowledged");
    }

    [Fact]
    public async Task A_loss_is_accepted_by_a_person_and_is_a_fact()
    {
        await CrashAsync();
        Flip(Wal, ^100);
        var damaged = Bytes();
        // What a recovery that was killed amid its copy left is no copy.
        var aside = Directory.CreateDirectory(Path.Combine(folder.Path, "damaged", "10"));
        await File.WriteAllTextAsync(Path.Combine(aside.FullName, $"{Files[1]}.unfinished"), "torn", Ct);
        (await AcceptLossAsync()).ShouldBe(new JournalRecovered(10, 9, "tester"));
        await using var journal = folder.Open();
        journal.Length.ShouldBe(10);
        EventCodec.Decode((await TestFolder.AllAsync(journal))[9]).ShouldBe(new JournalRecovered(10, 9, "tester"));
        (await Append(journal, 9)).ShouldBe(new AppendResult.Recorded(10, 9));
        foreach (var name in Files[1..])
            Convert.ToHexString(File.ReadAllBytes(Path.Combine(folder.Path, "damaged", "10", name)))
                .ShouldBe(damaged[name]);
        aside.EnumerateFiles().Select(file => file.Name).Order(StringComparer.Ordinal)
            .ShouldBe(["found", .. Files[1..]]);
    }

    private Task<JournalRecovered> AcceptLossAsync(Action<long>? beside = null) =>
        JournalRecovery.AcceptLossAsync(folder.Options, TestFolder.Tester, beside ?? (_ => { }), Ct);

    /// <summary>A crash before what stands beside the journal is forgotten must not leave a folder that opens.
    /// </summary>
    [Fact]
    public async Task What_stands_beside_the_journal_is_forgotten_before_the_head_is_set_back()
    {
        await CrashAsync();
        Flip(Wal, ^100);
        await Should.ThrowAsync<IOException>(() => AcceptLossAsync(_ => throw new IOException("power cut")));
        Should.Throw<JournalRefusedException>(folder.Open).Message.ShouldContain("but");
        var from = new List<long>();
        (await AcceptLossAsync(from.Add)).ShouldBe(new JournalRecovered(10, 9, "tester"));
        from.ShouldBe([9L]);
        await using var journal = folder.Open();
        journal.Length.ShouldBe(10);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task An_interrupted_recovery_is_finished_and_recorded_once(int commits)
    {
        await CrashAsync();
        Cut(Wal, 1);
        for (var i = 1; i < commits; i++) Cut(Wal, 4 * (FrameHeaderBytes + PageBytes));
        var head = File.ReadAllBytes(Head);
        var first = await AcceptLossAsync();
        File.WriteAllBytes(Head, head); // as if the machine had stopped before the head was set back
        Should.Throw<JournalRefusedException>(folder.Open);
        (await AcceptLossAsync()).ShouldBe(first);
        await using var journal = folder.Open();
        (await TestFolder.AllAsync(journal)).Count(e => e.Envelope.WireName == "journal-recovered").ShouldBe(1);
    }

    /// <summary>What was recorded after the first loss brought the journal as far as it had been, and is lost too.
    /// </summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)] // the second recovery was interrupted when it had only kept aside what it found
    public async Task A_second_loss_from_the_same_position_is_another_fact_and_its_files_are_kept_too(bool isKeptAside)
    {
        await CrashAsync();
        Cut(Wal, 1);
        for (var i = 1; i < 4; i++) Cut(Wal, 4 * (FrameHeaderBytes + PageBytes));
        var first = await AcceptLossAsync();
        first.FoundPosition.ShouldBeLessThan(Events - 1);
        var database = Path.Combine(folder.Path, SqliteJournal.FileName);
        await (folder.Open()).DisposeAsync();
        var fallenBack = await File.ReadAllBytesAsync(database, Ct);
        await using (var journal = folder.Open())
            for (var i = 100; journal.Length < Events; i++) await Append(journal, i);
        File.Delete(Wal);
        await File.WriteAllBytesAsync(database, fallenBack, Ct);
        var (head, aside) = (await File.ReadAllBytesAsync(Head, Ct), Path.Combine(folder.Path, "damaged", "10-2"));
        if (isKeptAside)
        {
            Directory.CreateDirectory(aside);
            await File.WriteAllBytesAsync(Path.Combine(aside, JournalHead.FileName), head, Ct);
        }
        var second = new JournalRecovered(Events, first.FoundPosition + 1, "tester");
        for (var time = 0; time < 2; time++)
        {
            (await AcceptLossAsync()).ShouldBe(second);
            File.WriteAllBytes(Head, head); // as if the machine had stopped before the head was set back
        }
        (await AcceptLossAsync()).ShouldBe(second);
        (await File.ReadAllBytesAsync(Path.Combine(aside, JournalHead.FileName), Ct)).ShouldBe(head);
        await using var after = folder.Open();
        (await TestFolder.AllAsync(after)).Where(e => e.Envelope.WireName == "journal-recovered")
            .Select(EventCodec.Decode).ShouldBe([first, second]);
    }

    [Fact]
    public async Task Nothing_is_recovered_where_nothing_acknowledged_is_lost_or_the_leaves_are_not_its_own()
    {
        await CrashAsync();
        (await Should.ThrowAsync<JournalRefusedException>(() => AcceptLossAsync()))
            .Message.ShouldBe("the journal holds 10 events and 10 were acknowledged: it is not behind its head");
        Change("UPDATE events SET leaf = zeroblob(32) WHERE position = 3");
        (await Should.ThrowAsync<JournalRefusedException>(() => AcceptLossAsync()))
            .Message.ShouldContain("leaves");
        await using var owner = SqliteJournal.Open(folder.Options
            with
        { Directory = Path.Combine(folder.Path, "owned") });
        await Should.ThrowAsync<FolderOwnedException>(() => JournalRecovery.AcceptLossAsync(
            folder.Options with { Directory = Path.Combine(folder.Path, "owned") }, TestFolder.Tester, _ => { }, Ct));
    }

    private void Change(string sql)
    {
        using var connection =
            new SqliteConnection($"Data Source={Path.Combine(folder.Path, SqliteJournal.FileName)};Pooling=False");
        connection.Open();
        using var change = connection.CreateCommand();
        change.CommandText = sql;
        change.ExecuteNonQuery();
    }
}
