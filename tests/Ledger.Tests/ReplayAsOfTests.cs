using System.Diagnostics;
using System.Globalization;
using CsCheck;
using Ledger.Cli;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// <c>ledger replay --as-of</c>: the rows as they were known after one position, or at one instant, are the same bytes
/// however they are computed: by which batches, in how many passes, beside how many others, in which language and zone.
/// </summary>
public sealed class ReplayAsOfTests
{
    /// <summary>A culture with other digits' signs than ours: a program that asked it would write other
    /// bytes.</summary>
    private static CultureInfo Foreign()
    {
        var foreign = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        foreign.NumberFormat.NumberDecimalSeparator = ",";
        foreign.NumberFormat.NumberGroupSeparator = ".";
        foreign.NumberFormat.NegativeSign = "\u2212";
        foreign.DateTimeFormat.ShortDatePattern = "dd.MM.yy";
        foreign.DateTimeFormat.DateSeparator = ".";
        foreign.DateTimeFormat.TimeSeparator = ".";
        return foreign;
    }

    [Fact]
    public void Rows_as_of_any_position_are_the_same_bytes_however_they_are_computed() =>
        Gen.Select(EventfulDays.All, Gen.Int[0, 1000], Gen.Int[1, 9]).Sample(
            (day, place, batch) =>
            {
                var journal = Filled(day);
                var end = 1 + place % journal.Length;
                var whole = Rows(Computed(journal, journal.Length, 500), end);
                Rows(Computed(journal, end, 500), end).ShouldBe(whole);
                var here = CultureInfo.CurrentCulture;
                try
                {
                    CultureInfo.CurrentCulture = Foreign();
                    Rows(Computed(journal, end, batch), end).ShouldBe(whole);
                    var beside = Task.WhenAll(Enumerable.Range(0, 4).Select(_ =>
                        Task.Run(() => Rows(Computed(journal, end, batch), end)))).GetAwaiter().GetResult();
                    beside.ShouldAllBe(rows => rows == whole);
                }
                finally
                {
                    CultureInfo.CurrentCulture = here;
                }
                foreach (var view in StandardProjections.All)
                    Rows(Computed(journal, end, batch, view), end, view).ShouldBe(
                        Rows(Computed(journal, end, 500), end, view));
            }, iter: 30, threads: 1);

    /// <summary>The command, in whatever language and zone its process runs, for all views and for each.</summary>
    [Fact]
    public async Task The_command_says_the_same_by_position_by_instant_and_everywhere()
    {
        using var town = SmallTown.WithItsDay();
        var byPosition = town.Run("replay", "--as-of", "9", "--json");
        (byPosition.Exit, byPosition.Errors).ShouldBe((ExitCode.Done, ""));
        var here = CultureInfo.CurrentCulture;
        try
        {
            CultureInfo.CurrentCulture = Foreign();
            town.Run("replay", "--as-of", "9", "--json").ShouldBe(byPosition);
        }
        finally
        {
            CultureInfo.CurrentCulture = here;
        }
        (await ElsewhereAsync("replay", "--as-of", "9", "--json", "--data", town.Data)).ShouldBe(byPosition.Output);
        // The clock stands, so every fact was recorded at one instant: as known then is as known now.
        town.Run("replay", "--as-of", "2026-03-01T00:00:00Z").Output.ShouldBe(town.Run("replay").Output);
        town.Run("replay", "--as-of", "2026-02-28T23:59:59Z")
            .ShouldBeFailure("ledger replay: nothing was recorded at 2026-02-28T23:59:59Z or before");
        foreach (var view in StandardProjections.All)
        {
            town.Run("replay", "--diff", "--as-of", "9", "--projection", view.Name).Exit.ShouldBe(ExitCode.Done);
            var one = town.Run("replay", "--as-of", "9", "--projection", view.Name).Output.TrimEnd().Split('\n')[^1];
            town.Run("replay", "--as-of", "9").Output.Split('\n').Select(Words).ShouldContain(Words(one), view.Name);
        }

        static string Words(string line) => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
    }

    /// <summary>Another language and time zone, and one processor.</summary>
    private static async Task<string> ElsewhereAsync(params string[] args)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "ledger.dll"), .. args])
        {
            Environment =
            {
                ["LANG"] = "tr_TR.UTF-8", ["LC_ALL"] = "tr_TR.UTF-8", ["TZ"] = "America/St_Johns",
                ["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "0", ["DOTNET_PROCESSOR_COUNT"] = "1",
            },
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        process.ExitCode.ShouldBe(ExitCode.Done);
        return output;
    }

    private static InMemoryJournal Filled(EventfulDay day)
    {
        var journal = new InMemoryJournal();
        foreach (var (stream, fact) in day.Facts)
            journal.AppendAsync(stream, ExpectedRevision.Any, [fact], TestFolder.Tester, null, default)
                .AsTask().GetAwaiter().GetResult();
        return journal;
    }

    private static MemoryViews Computed(InMemoryJournal journal, long end, int batch, IProjection? only = null)
    {
        var views = new MemoryViews();
        new ProjectionRunner(journal, views, only is null ? StandardProjections.All : [only], journal.Decode, batch)
            .CatchUpAsync(default, end).GetAwaiter().GetResult();
        return views;
    }

    /// <summary>Every row that was current after the event before <paramref name="end"/>.</summary>
    private static string Rows(MemoryViews views, long end, IProjection? only = null) => string.Join('\n',
        from view in only is null ? StandardProjections.All : [only]
        from row in views.Range(view.Name, "", "\uffff", end - 1)
        select string.Create(CultureInfo.InvariantCulture, $"{row.Projection} {row.Key} {row.FromPosition} {row.Json}"));
}
