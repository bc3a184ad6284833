using System.Diagnostics.Metrics;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>How far the views are behind, and when that is an alarm.</summary>
public sealed class ViewProgressTests : IDisposable
{
    private readonly InMemoryJournal journal = new();
    private readonly MemoryViews views = new();
    private readonly StandingClock clock = new(Instant.FromUnixTimeSeconds(100));
    private readonly ViewProgress progress;
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public ViewProgressTests() => progress = new(journal, views, StandardProjections.All, clock);

    public void Dispose() => progress.Dispose();

    /// <summary>The journal in memory records its events one second apart, from the epoch on.</summary>
    private async Task AppendAsync(int count)
    {
        for (var i = 0; i < count; i++)
            await journal.AppendAsync("s", ExpectedRevision.Any, [NewFact.At(
                new EvidenceRefused(new(new string('a', 64)), "curve.csv", Rejection.Truncated, "ends inside a line", 12),
                TestFolder.Start, new EvidenceKey($"n{journal.Length}"))], TestFolder.Tester, null, Ct);
    }

    private Task<long> CatchUpAsync(long end) =>
        new ProjectionRunner(journal, views, StandardProjections.All, journal.Decode).CatchUpAsync(Ct, end);

    [Fact]
    public async Task The_lag_is_counted_in_positions_and_in_seconds_since_the_first_that_waits()
    {
        progress.Look().ShouldBe(new ViewLag(0, 0, 0));
        await AppendAsync(10);
        progress.Look().ShouldBe(new ViewLag(0, 10, 100));
        await CatchUpAsync(4);
        progress.Look().ShouldBe(new ViewLag(4, 6, 96));
        clock.Now += Duration.FromMilliseconds(2900);
        progress.Look().ShouldBe(new ViewLag(4, 6, 98));
        clock.Now = Instant.FromUnixTimeSeconds(1); // set back: nothing waits for less than no time
        progress.Look().ShouldBe(new ViewLag(4, 6, 0));
        await CatchUpAsync(10);
        progress.Look().ShouldBe(new ViewLag(10, 0, 0));
    }

    [Fact]
    public async Task It_is_an_alarm_when_they_are_behind_and_take_no_step_for_long_enough()
    {
        clock.Now += Duration.FromHours(1);
        progress.WhyStalled().ShouldBeNull("nothing to do is no alarm, however long");
        await AppendAsync(10);
        progress.WhyStalled().ShouldBeNull();
        clock.Now += ViewProgress.StalledAfter - Duration.FromMilliseconds(1);
        progress.WhyStalled().ShouldBeNull();
        clock.Now += Duration.FromMilliseconds(1);
        progress.WhyStalled().ShouldBe("the views stand at position 0 and are 10 events behind: nothing moves");
        await CatchUpAsync(1);
        progress.WhyStalled().ShouldBeNull("a step, however small");
        clock.Now += ViewProgress.StalledAfter;
        progress.WhyStalled().ShouldBe("the views stand at position 1 and are 9 events behind: nothing moves");
        await CatchUpAsync(10);
        progress.WhyStalled().ShouldBeNull();
    }

    /// <summary>Who looks seldom finds a quiet ledger with what was recorded this moment.</summary>
    [Fact]
    public async Task What_has_just_come_is_no_alarm_however_long_ago_the_last_look_was()
    {
        await AppendAsync(10);
        await CatchUpAsync(10);
        clock.Now = Instant.FromUnixTimeSeconds(-50);
        progress.WhyStalled().ShouldBeNull();
        await AppendAsync(1); // recorded ten seconds after the epoch
        clock.Now = Instant.FromUnixTimeMilliseconds(10_200);
        progress.WhyStalled().ShouldBeNull();
        clock.Now = Instant.FromUnixTimeSeconds(40);
        progress.WhyStalled().ShouldBe("the views stand at position 10 and are 1 events behind: nothing moves");
    }

    [Fact]
    public async Task Rows_of_another_version_have_come_as_far_as_those_that_are_computed_anew()
    {
        await AppendAsync(10);
        await CatchUpAsync(10);
        progress.WhyComputedAnew().ShouldBeNull();
        var view = StandardProjections.All[1];
        views.Reset(view.Name);
        views.Commit(new Dictionary<string, ViewCheckpoint> { [view.Name] = new(10, 0) }, []);
        progress.Look().ShouldBe(new ViewLag(0, 10, 100));
        new NextViews(views).Commit(Checkpoints.Of((view.Name, 4)), []);
        progress.Look().ShouldBe(new ViewLag(4, 6, 96));
        progress.WhyStalled().ShouldBeNull();
        progress.WhyComputedAnew()
            .ShouldBe($"rows of {view.Name} are computed anew as this program makes them: at position 4 of 10");
        clock.Now += ViewProgress.StalledAfter;
        progress.WhyStalled().ShouldNotBeNull();
        new NextViews(views).Commit(Checkpoints.Of((view.Name, 10)), []);
        views.Switch([view.Name]);
        progress.WhyComputedAnew().ShouldBeNull();
        progress.Look().ShouldBe(new ViewLag(10, 0, 0));
    }

    [Fact]
    public async Task It_is_an_alarm_when_they_are_ahead_of_the_journal_and_stay_so()
    {
        await AppendAsync(3);
        await CatchUpAsync(3);
        views.Commit(Checkpoints.Of(StandardProjections.All.Select(view => (view.Name, 5L))), []);
        progress.WhyStalled().ShouldBeNull("a reader may hear of it before the owner");
        progress.Look().ShouldBe(new ViewLag(5, 0, 0));
        clock.Now += ViewProgress.StalledAfter;
        progress.WhyStalled().ShouldBe("the views stand at position 5 and the journal has 3 events");
        await AppendAsync(2);
        progress.WhyStalled().ShouldBeNull();
    }

    [Fact]
    public async Task The_lag_is_a_metric_of_its_ledger()
    {
        await AppendAsync(3);
        var measured = new Dictionary<string, long>();
        var isOurs = new AsyncLocal<bool>(); // other tests of this process have ledgers of this name
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listening) =>
            {
                if (isOurs.Value && instrument.Meter.Name == ViewProgress.MeterName)
                    listening.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            if (tags[0].Value is "test" && value > 0) measured[instrument.Name] = value;
        });
        listener.Start();
        isOurs.Value = true;
        using var ours = new ViewProgress(journal, views, StandardProjections.All, clock);
        listener.RecordObservableInstruments();
        measured["ledger.views.lag.positions"].ShouldBe(3);
        measured["ledger.views.lag.seconds"].ShouldBe(100);
    }
}
