using System.Diagnostics;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using Ledger.Journal.Copies;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The frame log in a copy: as whole as in the folder, whatever the folder's log has gone through before the
/// copy is copied again, or while it is made.</summary>
public sealed class CopiedFramesTests : IDisposable
{
    private static readonly Instant Later = StreamTown.Day + Duration.FromDays(3);
    private readonly TestFolder outside = new();
    private string Target => Path.Combine(outside.Path, "copied");
    private string TargetFrames => Path.Combine(Target, FrameLogOptions.FolderName);

    public CopiedFramesTests() => Directory.CreateDirectory(outside.Path);

    public void Dispose() => outside.Dispose();

    private static Task<StreamTown> TownAsync(int segmentBytesMax) => StreamTown.OpenAsync(2,
        new(new FrameLogOptions("", SegmentBytesMax: segmentBytesMax)) { SealsFullSegments = false });

    private static async Task StreamAsync(StreamTown town, int from, int to)
    {
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(2));
        await town.StreamAsync(door, 2, from, to);
    }

    private static string[] Segments(string frames) => [.. Directory.GetFiles(frames)
        .Select(path => Path.GetFileName(path))
        .Where(name => Path.GetExtension(name) is ".frames" or ".sealed").Order(StringComparer.Ordinal)];

    private static void Done(CommandRun run) => run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);

    private CommandRun AtTarget(StreamTown town, params string[] words) =>
        CommandRun.Of([.. words, "--data", Target], clock: town.Clock);

    /// <summary>As a log is opened to go on.</summary>
    private void Open() => FrameLog.Open(new(TargetFrames)).Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_copy_that_is_copied_again_has_the_log_as_it_is_now(bool areDropped)
    {
        await using var town = await TownAsync(2 * 1024);
        await StreamAsync(town, 0, 1860);
        await town.CloseAsync();
        Done(town.Run("copy", "--to", $"sqlite:{Target}"));
        Done(AtTarget(town, "verify"));
        var open = Segments(TargetFrames)[^1];
        open.ShouldEndWith(".frames");

        await town.ReopenAsync();
        await StreamAsync(town, 1861, 3660);
        town.Clock.Now = Later;
        await town.SettleAsync();
        await town.SettleAsync(); // the mark is moved over what is recorded when it is looked at next
        town.Streams.Log.SealFullSegments(TestContext.Current.CancellationToken).Count.ShouldBeGreaterThan(3);
        await town.CloseAsync();
        if (areDropped) Done(town.Run("drop", "frames", "--retention", "RP-9", "--after-days", "2"));
        Segments(town.FramesPath).ShouldNotContain(open);

        Done(town.Run("copy", "--to", $"sqlite:{Target}"));
        Segments(TargetFrames).ShouldBe(Segments(town.FramesPath));
        Done(AtTarget(town, "verify"));
        Done(AtTarget(town, "restore", "--take-over", "--no-checkpoint", "--by", "A. Person"));
        Open();
        Done(AtTarget(town, "verify"));
    }

    /// <summary>As where its disk is not there that night.</summary>
    [Fact]
    public async Task A_log_that_is_not_there_takes_none_from_the_copy()
    {
        await using var town = await TownAsync(2 * 1024);
        await StreamAsync(town, 0, 600);
        await town.CloseAsync();
        Done(town.Run("copy", "--to", $"sqlite:{Target}"));
        var segments = Segments(TargetFrames);
        Directory.Move(town.FramesPath, Path.Combine(outside.Path, "away"));
        town.Run("copy", "--to", $"sqlite:{Target}");
        Segments(TargetFrames).ShouldBe(segments);
        Directory.Move(Path.Combine(outside.Path, "away"), town.FramesPath);
        Done(town.Run("copy", "--to", $"sqlite:{Target}"));
        Done(AtTarget(town, "verify"));
    }

    /// <summary>A pipe among the log's files holds the copy up, once it has the segments.</summary>
    [Fact]
    public async Task A_segment_that_is_begun_while_the_log_is_copied_is_not_of_the_copy()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "a named pipe is no file there");
        await using var town = await TownAsync(8 * 1024);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(2));
        await town.StreamAsync(door, 2, 0, 300);
        var last = Segments(town.FramesPath)[^1];
        var pipe = Path.Combine(town.FramesPath, "pipe");
        using (var made = Process.Start("mkfifo", pipe)) await made.WaitForExitAsync(TestContext.Current.CancellationToken);
        var options = new SqliteJournalOptions(town.FolderPath, new LedgerId("test"), town.Clock,
            LedgerIdentity.Open(town.FolderPath).Secret);
        var copying = Task.Run(() => DataFolderCopy.WriteAsync(options, Target, TestContext.Current.CancellationToken));
        // For reading too, so that to open it waits for nobody.
        await using (var held = new FileStream(pipe, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite, 0))
        {
            held.Write(new byte[16]); // so much of each file is read to see whose it is
            while (!File.Exists(Path.Combine(TargetFrames, "pipe")) && !copying.IsCompleted)
                await Task.Delay(10, TestContext.Current.CancellationToken);
            for (var second = 301; Segments(town.FramesPath)[^1] == last; second += 60)
                await town.StreamAsync(door, 2, second, second + 59);
        }
        await copying;
        File.Exists(Path.Combine(TargetFrames, "pipe")).ShouldBeTrue();
        Segments(TargetFrames)[^1].ShouldBe(last);
        new FileInfo(Path.Combine(TargetFrames, last)).Length
            .ShouldBeLessThan(new FileInfo(Path.Combine(town.FramesPath, last)).Length);
        Done(AtTarget(town, "verify"));
        Open();
    }
}
