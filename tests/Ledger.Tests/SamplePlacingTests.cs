using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Where samples count: as they are dated, where a wrong clock is corrected, or nowhere, which is then on
/// record. The rule is one, for what arrives, for a log that is read again and for a verification.</summary>
public sealed class SamplePlacingTests
{
    private const long Second = 1_000_000, Hour = 3600 * Second, Day = 24 * Hour, Year = 366 * Day;
    private const long Now = 1_767_225_600 * Second; // 2026-01-01

    private static readonly ClockEstimate Unset = new(0, 0, 0, -Now);

    /// <summary>Times relative to the receipt; what it becomes, and how far the clock was ahead then.</summary>
    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(Hour, Hour, 0)]
    [InlineData(Hour + 1, 0, Hour + 1)]
    [InlineData(30 * Day, 0, 30 * Day)]
    [InlineData(-Year, -Year, 0)]
    public void A_sample_counts_where_it_is_dated_or_where_it_was_sent(long dated, long counts, long ahead)
    {
        var part = SamplePlacing.Place([new(Now + dated, 7)], default, Now, Now, out var unplaced)
            .ShouldHaveSingleItem();
        part.Samples.ShouldBe([new(Now + counts, 7)]);
        (part.Times, part.Clock.AheadMicroseconds, unplaced)
            .ShouldBe((new TimeExtent(Now + counts, Now + counts), ahead, default));
        SamplePlacing.AreAsDated(new(Now + dated, Now + dated), default, Now).ShouldBe(ahead == 0);
    }

    /// <summary>Beyond a year, of a clock that nobody had set and of which nothing is known, or that dated it after it
    /// sent it.</summary>
    [Theory]
    [InlineData(-Year - 1, false)]
    [InlineData(-20 * Year, false)]
    [InlineData(-Now, false)]
    [InlineData(2 * Hour - Now, true)]
    [InlineData(44 * 365 * Day - Now, true)] // 2014, which would be 2070
    public void What_can_have_no_time_counts_nowhere(long dated, bool isUnset)
    {
        SamplePlacing.Place([new(Now + dated, 7), new(Now, 8), new(Now + dated, 9)],
            isUnset ? Unset : default, Now, Now, out var unplaced).ShouldHaveSingleItem()
            .Samples.ShouldBe([new(Now, 8)]);
        unplaced.ShouldBe(new UnplacedSamples(2, Now + dated));
        SamplePlacing.AreAsDated(new(Now + dated, Now), default, Now).ShouldBeFalse();
    }

    [Fact]
    public void Samples_of_a_clock_that_nobody_had_set_count_by_what_it_showed()
    {
        var parts = SamplePlacing.Place([new(5 * Second, 7), new(Now, 8)], Unset, Now, Now + Second, out var unplaced);
        parts.Select(part => (part.Samples.Single(), part.Clock.AheadMicroseconds)).ShouldBe(
            [(new PowerSample(Now + 5 * Second, 7), -Now), (new PowerSample(Now, 8), 0)]);
        unplaced.Count.ShouldBe(0);
    }

    /// <summary>What was sent late keeps its distance from what was sent with it, not from what it was received
    /// with; of a stretch of years only what then is of a year counts.</summary>
    [Fact]
    public void What_lies_after_its_receipt_counts_when_its_frame_was_sent()
    {
        var part = SamplePlacing.Place([new(Now + 8 * Hour - Second, 7), new(Now + 8 * Hour, 8)], default, Now,
            Now + 600 * Second, out _).ShouldHaveSingleItem();
        part.Samples.ShouldBe([new(Now - Second, 7), new(Now, 8)]);
        part.Clock.AheadMicroseconds.ShouldBe(8 * Hour);
        // A sender's clock is not asked where it is ahead itself, or says another year.
        foreach (var sent in (long[])[Now + Second, Now - Year - Second])
            SamplePlacing.Place([new(Now + 8 * Hour, 8)], default, sent, Now, out _).Single().Samples
                .ShouldBe([new(Now, 8)]);
        SamplePlacing.Place([new(Now + 2 * Hour, 7), new(Now + 2 * Year, 8)], default, Now, Now, out var unplaced)
            .Single().Samples.ShouldBe([new(Now, 8)]);
        unplaced.ShouldBe(new UnplacedSamples(1, Now + 2 * Hour));
    }

    [Fact]
    public void The_clock_of_a_sender_is_corrected_before_the_sample_is_compared_with_its_receipt()
    {
        var ahead = new ClockEstimate(31 * Hour, 0, 0);
        var part = SamplePlacing.Place([new(Now + 31 * Hour, 7)], ahead, Now + 31 * Hour, Now, out _).Single();
        (part.Samples[0].AtMicroseconds, part.Clock.AheadMicroseconds).ShouldBe((Now, 31 * Hour));
        part = SamplePlacing.Place([new(Now + 40 * Hour, 7)], ahead, Now + 31 * Hour, Now, out _).Single();
        (part.Samples[0].AtMicroseconds, part.Clock.AheadMicroseconds).ShouldBe((Now, 40 * Hour));
    }

    private static byte[] Frame(long sequence, long sentAt, params PowerSample[] samples) =>
        StreamTown.Samples(sequence, sentAt, (0, samples));

    private static async Task<List<EvidenceRefused>> RefusedAsync(StreamTown town) =>
        [.. (await TestFolder.AllAsync(town.Ledger.Journal)).Select(EventCodec.Decode).OfType<EvidenceRefused>()];

    /// <summary>The clock of the sender was not set (1970) when it sent, and a sample bears a time of twenty days
    /// later.</summary>
    [Fact]
    public async Task A_sample_of_an_unset_clock_is_not_placed_after_it_was_received()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        await town.StreamAsync(door, 1, 0, 60);
        await StreamTown.SendAsync(door, Frame(door.LastSequence + 1, Second, new PowerSample(20 * Day, 1000)));
        await town.SettleAsync(town.Clock.Now + Duration.FromHours(1));
        (await town.AllAsync()).ShouldHaveSingleItem().Samples.ShouldBe(61);
        (await RefusedAsync(town)).ShouldHaveSingleItem().ShouldSatisfyAllConditions(
            one => one.Code.ShouldBe(Rejection.OutOfRange),
            one => one.Detail.ShouldStartWith("1 samples of CP0, the first dated 1970-01-21T00:00:00Z: a sample "),
            one => one.Detail.ShouldEndWith("sent by that clock; their frames are kept"));
    }

    /// <summary>A clock that nobody had set, behind a gateway whose clock is right: what was acknowledged is on record,
    /// once for a while of it, and the blocks that have it are the evidence.</summary>
    [Fact]
    public async Task Samples_of_an_unset_clock_behind_a_right_gateway_are_refused_on_record()
    {
        await using var town = await StreamTown.OpenAsync(2);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(2));
        for (var second = 10; second < 70; second += 10)
        {
            town.Clock.Now = StreamTown.Day + Duration.FromSeconds(second);
            await StreamTown.SendAsync(door, Frame(door.LastSequence + 1, StreamTown.Time(second),
                [.. Enumerable.Range(second, 10).Select(i => new PowerSample(i * Second, 500_000_000))]));
        }
        await town.SettleAsync();
        (await town.AllAsync()).ShouldBeEmpty();
        var refused = await RefusedAsync(town);
        refused.ShouldAllBe(one => one.Detail.Contains("CP0") && one.Detail.Contains("dated 1970-01-01T00:0"));
        refused.Count.ShouldBeInRange(1, 5); // fewer than frames
        var range = FrameRange.Read(town.Ledger.Evidence.Get(refused[^1].Evidence)!);
        new FrameLogReader(town.FramesPath).ReadAll().Select(block => block.Address)
            .ShouldContain(range.Stretches[0].First);
    }

    [Fact]
    public async Task What_counts_nowhere_does_not_hold_the_mark_of_the_log()
    {
        await using var town = await StreamTown.OpenAsync(2);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(2));
        await StreamTown.SendAsync(door, Frame(1, StreamTown.Time(0), new PowerSample(Second, 500_000_000)));
        for (var day = 1; day <= 4; day++)
        {
            town.Clock.Now = StreamTown.Day + Duration.FromDays(day);
            var at = StreamTown.Time(day * 86_400);
            await StreamTown.SendAsync(door, StreamTown.Samples(door.LastSequence + 1, at,
                (1, [new(at - Second, 1000), new(at, 1000)])));
            await town.SettleAsync(town.Clock.Now + Duration.FromHours(1));
        }
        await town.SettleAsync(StreamTown.Day + Duration.FromDays(6));
        await town.SettleAsync(StreamTown.Day + Duration.FromDays(6) + Duration.FromSeconds(10));
        var mark = (await File.ReadAllTextAsync(Path.Combine(town.FramesPath, "streams.resume"),
            TestContext.Current.CancellationToken)).Split(' ')[0];
        FrameAddress.TryParse(mark, out var needed).ShouldBeTrue();
        var blocks = new FrameLogReader(town.FramesPath).ReadAll().Select(block => block.Address).ToList();
        needed.ShouldBeGreaterThan(blocks[2], $"the mark stays at {needed} of {blocks[^1]}");
    }

    /// <summary>Two first samples of one frame a month apart, as of a clock that was reset and then set.</summary>
    [Fact]
    public async Task Two_first_samples_a_month_apart_make_no_month_of_records()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        town.Clock.Now = StreamTown.Day + Duration.FromDays(30);
        var now = StreamTown.Time(30 * 86_400);
        await StreamTown.SendAsync(door,
            Frame(1, now, new(StreamTown.Time(0), 1000), new(now - Second, 1000), new(now, 1000)));
        await town.SettleAsync(town.Clock.Now + Duration.FromHours(1));
        (await town.LatestAsync()).Select(record => (record.Period.Start, record.Samples)).ShouldBe([
            (StreamTown.Day, 1), (town.Clock.Now - Duration.FromMinutes(15), 1), (town.Clock.Now, 1)]);
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>A sample that is dated after its receipt counts elsewhere. When the time that it bears has come, it is
    /// no sample of then, also in a range of the log that has it.</summary>
    [Fact]
    public async Task A_sample_that_counts_elsewhere_is_not_derived_where_it_was_dated()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        await StreamTown.SendAsync(door, Frame(1, StreamTown.Time(0), StreamTown.At(8000.5, 900)));
        await town.StreamAsync(door, 1, 1, 8200);
        await town.SettleAsync();
        var period = new Interval(
            StreamTown.Day + Duration.FromSeconds(7200), StreamTown.Day + Duration.FromSeconds(8100));
        var derived = Derived(town, period);
        (derived.Samples, derived.Import).ShouldBe((900, Energy.FromWattHours(25_000)));
        (await town.LatestAsync()).Single(record => record.Period == period).Samples.ShouldBe(900);
    }

    /// <summary>A station whose clock is twenty minutes ahead, until it is started again with a right one: of when it
    /// then is, its first samples say nothing, also in a range of the log that has them.</summary>
    [Fact]
    public async Task What_was_sent_after_it_was_received_is_not_derived_where_it_was_dated()
    {
        const int ahead = 1200;
        await using var town = await StreamTown.OpenAsync(1);
        using (var wrong = town.Streams.Connect())
        {
            await StreamTown.SendAsync(wrong, town.Announce(1));
            for (var second = 0; second < 300; second += 60)
            {
                town.Clock.Now = StreamTown.Day + Duration.FromSeconds(second + 59);
                await StreamTown.SendAsync(wrong, Frame(wrong.LastSequence + 1, StreamTown.Time(second + 59 + ahead),
                    StreamTown.Seconds(second + ahead, second + 59 + ahead, 10)));
            }
        }
        using var right = town.Streams.Connect();
        await StreamTown.SendAsync(right, town.Announce(1));
        await town.StreamAsync(right, 1, 300, 2000);
        await town.SettleAsync();
        var period = new Interval(
            StreamTown.Day + Duration.FromSeconds(900), StreamTown.Day + Duration.FromSeconds(1800));
        var record = (await town.LatestAsync()).Single(one => one.Period == period);
        (record.Samples, record.Import, record.Quality)
            .ShouldBe((900, Energy.FromWattHours(25_000), ReadingQuality.Measured));
        var derived = Derived(town, period);
        (derived.Samples, derived.Import, derived.Conflicts).ShouldBe((900, Energy.FromWattHours(25_000), 0));
        (await town.LatestAsync())[0].ShouldSatisfyAllConditions(
            one => one.Samples.ShouldBe(900), one => one.Quality.ShouldBe(ReadingQuality.Suspect));
    }

    /// <summary>A period of the first point by all that the log has.</summary>
    private static PeriodIntegral Derived(StreamTown town, Interval period)
    {
        var log = new FrameLogReader(town.FramesPath);
        var blocks = log.ReadAll().ToList();
        var whole = new FrameRange([new(blocks[0].Address, Convert.ToHexStringLower(blocks[0].ChainBefore.Span),
            blocks[^1].Address, Convert.ToHexStringLower(blocks[^1].ChainAfter.Span))]);
        return new FrameDerivation(log).Derive([new(StreamTown.Name(0), period,
            new SampleDeclaration(SampleSemantics.Instant, Second), whole)])[0];
    }
}
