using Ledger.Cli;
using Ledger.Journal.Verification;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Bits flipped in a ledger of full size, with its log and its tiles: each is found, or lies where nothing is kept. It
/// takes the better part of an hour, so it runs with LEDGER_LONG=1 alone; VerificationTests does the same to a small
/// ledger every day.
/// </summary>
public sealed class DemoFlipTests
{
    private const int Flips = 200;

    [Fact]
    public async Task Every_flipped_bit_of_the_demonstration_is_found_or_lies_in_unused_space()
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable("LEDGER_LONG") == "1", "long: set LEDGER_LONG=1");
        using var folder = new TestFolder();
        var data = Path.Combine(folder.Path, "demo");
        CommandRun.Of(["demo", "--data", data]).Exit.ShouldBe(ExitCode.Done);
        CommandRun.Of(["checkpoint", "--data", data]).Exit.ShouldBe(ExitCode.Done);
        var whole = await VerifiedAsync(data);
        whole.FaultCount.ShouldBe(0);
        var content = await VerificationTests.ContentAsync(data);
        var files = Directory.EnumerateFiles(data, "*", SearchOption.AllDirectories)
            .Where(path => new FileInfo(path).Length > 0 && Path.GetFileName(path) is not ("journal.lock"
                or "journal.owner")).Order(StringComparer.Ordinal).ToList();
        var random = new Random(20250716);
        var found = 0;
        for (var i = 0; i < Flips; i++)
        {
            var path = files[i % files.Count];
            var bit = random.NextInt64(new FileInfo(path).Length * 8);
            Flip(path, bit);
            var said = await VerifiedAsync(data);
            var isFound = said.FaultCount > 0 || said.NotChecked.Count > whole.NotChecked.Count;
            if (isFound) found++;
            else (await VerificationTests.ContentAsync(data)).ShouldBe(content, $"bit {bit} of {path} was not found");
            Flip(path, bit);
        }
        found.ShouldBeGreaterThan(Flips / 2);
        (await VerifiedAsync(data)).FaultCount.ShouldBe(0);
    }

    private static void Flip(string path, long bit)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite);
        file.Position = bit / 8;
        var flipped = file.ReadByte() ^ (1 << (int)(bit % 8));
        file.Position = bit / 8;
        file.WriteByte((byte)flipped);
    }

    private static async Task<Findings> VerifiedAsync(string folder)
    {
        var shell = new Shell(Stream.Null, Stream.Null, TextWriter.Null, TextWriter.Null,
            new StandingClock(SmallTown.Now));
        var verification = new LedgerVerification(
            folder, true, null, null, shell, TestContext.Current.CancellationToken);
        await verification.RunAsync();
        return verification.Findings;
    }
}
