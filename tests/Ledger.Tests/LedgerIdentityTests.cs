using System.Text;
using Ledger.Domain;
using Ledger.Journal;
using Shouldly;

namespace Ledger.Tests;

public sealed class LedgerIdentityTests : IDisposable
{
    private static readonly LedgerId Ledger = new("test");
    private readonly TestFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string NamePath => Path.Combine(folder.Path, LedgerIdentity.FileName);
    private string SecretPath => Path.Combine(folder.Path, LedgerIdentity.SecretFileName);

    private string Refusal() => Should.Throw<JournalRefusedException>(() => LedgerIdentity.Open(folder.Path)).Message;

    [Fact]
    public void A_folder_gets_its_name_and_a_secret_of_its_own_once()
    {
        var made = LedgerIdentity.OpenOrCreate(folder.Path, Ledger);
        made.Secret.Length.ShouldBe(32);
        made.Secret.Distinct().Count().ShouldBeGreaterThan(8);
        LedgerIdentity.OpenOrCreate(folder.Path, Ledger).Secret.ShouldBe(made.Secret);
        var opened = LedgerIdentity.Open(folder.Path);
        (opened.Ledger, Convert.ToHexString(opened.Secret)).ShouldBe((Ledger, Convert.ToHexString(made.Secret)));
        File.ReadAllText(NamePath).ShouldBe("""{"ledger":"test","format":1}""");
        Directory.GetFiles(folder.Path).Length.ShouldBe(2);
    }

    [Fact]
    public void The_secret_is_for_its_owner_alone()
    {
        if (OperatingSystem.IsWindows()) return;
        LedgerIdentity.OpenOrCreate(folder.Path, Ledger);
        File.GetUnixFileMode(SecretPath).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        File.SetUnixFileMode(SecretPath, UnixFileMode.UserRead | UnixFileMode.GroupRead);
        Refusal().ShouldContain($"chmod 600 {SecretPath}");
    }

    [Fact]
    public void A_given_secret_is_kept_and_another_one_is_refused()
    {
        LedgerIdentity.OpenOrCreate(folder.Path, Ledger, TestFolder.Secret).Secret.ShouldBe(TestFolder.Secret);
        var refused = Should.Throw<JournalRefusedException>(() =>
            LedgerIdentity.OpenOrCreate(folder.Path, Ledger, new byte[32]));
        refused.Message.ShouldContain("another secret");
        refused.Message.ShouldNotContain(Convert.ToHexString(TestFolder.Secret), Case.Insensitive);
        Should.Throw<ArgumentException>(() => LedgerIdentity.OpenOrCreate(folder.Path, Ledger, new byte[31]));
    }

    [Theory]
    [InlineData(LedgerIdentity.FileName)]
    [InlineData(LedgerIdentity.SecretFileName)]
    public async Task Nothing_is_made_anew_beside_a_journal(string lost)
    {
        LedgerIdentity.OpenOrCreate(folder.Path, Ledger, TestFolder.Secret);
        await using (folder.Open()) { }
        File.Delete(Path.Combine(folder.Path, lost));
        Should.Throw<JournalRefusedException>(() => LedgerIdentity.OpenOrCreate(folder.Path, Ledger, TestFolder.Secret))
            .Message.ShouldContain($"{lost} is missing");
        Refusal().ShouldContain("missing");
    }

    /// <summary>The journal of a folder may be at a server; what was lost is lost all the same.</summary>
    [Theory]
    [InlineData(LedgerIdentity.SecretFileName, "journal.head")]
    [InlineData(LedgerIdentity.SecretFileName, "store.json")]
    [InlineData(LedgerIdentity.SecretFileName, null)]
    [InlineData(LedgerIdentity.FileName, "journal.head")]
    [InlineData(LedgerIdentity.FileName, "store.json")]
    public void Nothing_is_made_anew_where_the_journal_is_at_a_server(string lost, string? beside)
    {
        LedgerIdentity.OpenOrCreate(folder.Path, Ledger);
        if (beside is not null) File.WriteAllText(Path.Combine(folder.Path, beside), "of a ledger");
        File.Delete(Path.Combine(folder.Path, lost));
        Should.Throw<JournalRefusedException>(() => LedgerIdentity.OpenOrCreate(folder.Path, Ledger))
            .Message.ShouldContain($"{lost} is missing beside ");
        File.Exists(Path.Combine(folder.Path, lost)).ShouldBeFalse();
    }

    [Theory]
    [InlineData("", "damaged")]
    [InlineData("[]", "damaged")]
    [InlineData("{}", "damaged")]
    [InlineData("""{"ledger":7,"format":1}""", "damaged")]
    [InlineData("""{"ledger":"a space","format":1}""", "names no ledger")]
    [InlineData("""{"ledger":"test","format":2}""", "format 2")]
    public void A_name_that_is_not_ours_is_refused(string json, string why)
    {
        LedgerIdentity.OpenOrCreate(folder.Path, Ledger);
        File.WriteAllBytes(NamePath, Encoding.UTF8.GetBytes(json));
        Refusal().ShouldContain(why);
    }

    [Fact]
    public void Another_ledger_and_a_secret_cut_short_are_refused()
    {
        LedgerIdentity.OpenOrCreate(folder.Path, Ledger);
        Should.Throw<JournalRefusedException>(() => LedgerIdentity.OpenOrCreate(folder.Path, new LedgerId("other")))
            .Message.ShouldEndWith("is the folder of ledger test, not of other");
        File.WriteAllBytes(SecretPath, new byte[31]);
        Refusal().ShouldContain("31 bytes");
    }

    [Fact]
    public void Of_many_that_open_a_new_folder_at_once_all_have_the_same_secret() =>
        Enumerable.Range(0, 16).AsParallel().WithDegreeOfParallelism(16)
            .Select(_ => Convert.ToHexString(LedgerIdentity.OpenOrCreate(folder.Path, Ledger).Secret))
            .ToList().Distinct().Count().ShouldBe(1);
}
