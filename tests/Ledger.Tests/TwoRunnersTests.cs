using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Two runners of the same views, in one file: one writes, the other is told, and no row is written twice or
/// left out.</summary>
public sealed class TwoRunnersTests : IDisposable
{
    private readonly TestFolder folder = new();
    private static CancellationToken Ct => TestContext.Current.CancellationToken;
    private string ViewsPath => Path.Combine(folder.Path, "views.db");

    public void Dispose() => folder.Dispose();

    private static ProjectionRunner Runner(IJournal journal, IViewStore views, int batch) => new(
        journal, views, StandardProjections.All,
        (wireName, version, payload) => EventCodec.Decode(wireName, version, payload), batch);

    private static ValueTask<AppendResult> Append(IJournal journal, int number) => journal.AppendAsync(
        $"register/{number % 8}", ExpectedRevision.Any, [TestFolder.Reading(number, index: number)],
        TestFolder.Tester, null, Ct);

    [Fact]
    public async Task A_runner_that_was_overtaken_writes_nothing()
    {
        await using var journal = folder.Open();
        for (var i = 0; i < 10; i++) await Append(journal, i);
        using var first = new SqliteViews(ViewsPath);
        using var second = new SqliteViews(ViewsPath);
        var name = StandardProjections.All[0].Name;
        second.Checkpoint(name).ShouldBe(0);
        await Runner(journal, first, 500).CatchUpAsync(Ct);
        var before = first.Versions(name);
        Should.Throw<ViewsMovedException>(() => second.Commit(new Dictionary<string, long> { [name] = 4 },
            [new PositionedChange(name, 3, "key", "{}")])).Message
            .ShouldBe($"another runner has brought {name} from position 0 to 10");
        (first.Checkpoint(name), first.Get(name, "key")).ShouldBe((10, null));
        first.Versions(name).ShouldBe(before);
        second.Checkpoint(name).ShouldBe(10);
        second.Commit(new Dictionary<string, long> { [name] = 11 }, [new PositionedChange(name, 10, "key", "{}")]);
        first.Get(name, "key").ShouldBe("{}");
        Should.Throw<ViewsMovedException>(() => first.Commit(new Dictionary<string, long> { [name] = 11 }, []));
    }

    [Fact]
    public async Task Two_at_once_under_writers_leave_the_views_of_one()
    {
        await using var journal = folder.Open();
        var writers = Task.WhenAll(Enumerable.Range(0, 16).Select(writer => Task.Run(async () =>
        {
            for (var i = 0; i < 40; i++) await Append(journal, writer * 40 + i);
        }, Ct)));
        var overtaken = await Task.WhenAll(RunAsync(journal, 7, writers), RunAsync(journal, 11, writers));
        await writers;
        using var views = new SqliteViews(ViewsPath);
        foreach (var projection in StandardProjections.All) views.Checkpoint(projection.Name).ShouldBe(640);
        (await Replay.DiffAsync(journal, views, StandardProjections.All,
            (wireName, version, payload) => EventCodec.Decode(wireName, version, payload), null, Ct)).ShouldBeEmpty();
        TestContext.Current.SendDiagnosticMessage($"overtaken {overtaken[0]} and {overtaken[1]} times");
    }

    /// <summary>Follows until the writers have ended and all is applied; says how often it was overtaken.</summary>
    private Task<int> RunAsync(SqliteJournal journal, int batch, Task writers) => Task.Run(async () =>
    {
        using var views = new SqliteViews(ViewsPath);
        for (var overtaken = 0; ;)
            try
            {
                var isLast = writers.IsCompleted;
                await Runner(journal, views, batch).CatchUpAsync(Ct);
                if (isLast) return overtaken;
            }
            catch (ViewsMovedException)
            {
                overtaken++;
            }
    }, Ct);
}
