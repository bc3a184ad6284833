using System.Diagnostics;
using Ledger.Api;
using Ledger.Domain;
using Ledger.Journal;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Where a killed writer writes: its data folder, its ledger, its store as <c>--store</c> names it.</summary>
internal sealed record WriterPlace(string Folder, LedgerId Ledger, string Store)
{
    /// <summary>With a clock that stands, so that the digest depends on nothing but the facts.</summary>
    public LedgerOptions Options => new(Folder, Ledger, new StandingClock(TestFolder.Start), TestFolder.Secret)
    { Store = StoreChoice.Parse(Store, "the test", null, Folder) };

    private const int IndexedTogether = 7; // events, so that runs are written and merged all the time

    /// <summary>Opens the journal to write it.</summary>
    public IJournalImport Open(FolderLock owned) => Options.Embedded is { } embedded
        ? SqliteJournal.Open(embedded with { Owned = owned, IndexedTogether = IndexedTogether })
        : LedgerStores.OpenJournal(Options, owned);

    /// <summary>A byte for each append that was acknowledged, in order: whether it was a repeat.</summary>
    public string AcknowledgedPath => Path.Combine(Folder, "acknowledged");
}

/// <summary>
/// A process that makes the planned appends, many at a time, from the first one that was not acknowledged: what is
/// durable and was not heard of is sent again.
/// </summary>
internal static class KillableWriter
{
    private const int UnderWayMax = 32;
    private const byte New = 1, Repeat = 2;
    /// <summary>How the tests' program is told to be such a process.</summary>
    public const string Verb = "write-until-killed";

    /// <param name="under">The program that starts it, with its arguments, if any.</param>
    public static Process Start(WriterPlace place, params string[] under)
    {
        Directory.CreateDirectory(place.Folder);
        string[] command = [.. under, "dotnet"];
        return Process.Start(new ProcessStartInfo(command[0], [.. command[1..],
            Path.Combine(AppContext.BaseDirectory, "Ledger.Tests.dll"), Verb,
            place.Folder, place.Ledger.Value, place.Store]))!;
    }

    /// <summary>What the process does.</summary>
    public static async Task<int> RunAsync(WriterPlace place)
    {
        try
        {
            await WriteAsync(place, int.MaxValue, CancellationToken.None);
        }
        catch (Exception wrong)
        {
            await File.WriteAllTextAsync(WrongPath(place), wrong.ToString());
        }
        return 1;
    }

    /// <summary>Makes the appends up to a number of them; the digest of the journal then.</summary>
    public static async Task<string> WriteAsync(WriterPlace place, int appends, CancellationToken ct)
    {
        Directory.CreateDirectory(place.Folder);
        using var owned = FolderLock.Take(place.Folder);
        await using var journal = place.Open(owned);
        await using var heard = new FileStream(
            place.AcknowledgedPath, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        var underWay = new Queue<(int Append, ValueTask<AppendResult> Answer)>();
        for (var append = (int)heard.Length; append < appends; append++)
        {
            var (stream, facts) = PlannedAppends.Of(append);
            underWay.Enqueue((append,
                journal.AppendAsync(stream, ExpectedRevision.Any, facts, TestFolder.Tester, null, ct)));
            if (underWay.Count == UnderWayMax) await HearAsync();
        }
        while (underWay.Count > 0) await HearAsync();
        return Convert.ToHexStringLower(journal.Root);

        async Task HearAsync()
        {
            var (append, answer) = underWay.Dequeue();
            var (first, kind) = await answer switch
            {
                AppendResult.Recorded(var position, _) => (position, New),
                AppendResult.AlreadyRecorded(var position) => (position, Repeat),
                var other => throw new InvalidOperationException($"append {append} was answered {other}"),
            };
            first.ShouldBe(PlannedAppends.First(append), $"append {append} stands elsewhere");
            heard.WriteByte(kind);
        }
    }

    /// <summary>Appends that were acknowledged, from the first on.</summary>
    public static int Acknowledged(WriterPlace place) =>
        File.Exists(place.AcknowledgedPath) ? (int)new FileInfo(place.AcknowledgedPath).Length : 0;

    /// <summary>How many of them were sent again, because their first answer was lost with the process.</summary>
    public static int Repeats(WriterPlace place) =>
        File.ReadAllBytes(place.AcknowledgedPath).Count(kind => kind == Repeat);

    private static string WrongPath(WriterPlace place) => Path.Combine(place.Folder, "wrong");

    /// <summary>What went wrong in the process, where it ended by itself.</summary>
    public static string WrongOf(WriterPlace place) =>
        File.Exists(WrongPath(place)) ? File.ReadAllText(WrongPath(place)) : "nothing is known";
}
