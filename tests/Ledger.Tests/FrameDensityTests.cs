using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A few bytes of a frame can say very many samples; how many are taken is bounded by the time that they tell
/// of, and a frame that breaks that bound is kept and not counted.</summary>
public sealed class FrameDensityTests
{
    private static byte[] Frame(params (int Stream, PowerSample[] Samples)[] blocks) =>
        StreamTown.Samples(1, StreamTown.Time(0), blocks);

    /// <summary>So many samples, the last so many µs after the first, all others at the first.</summary>
    private static PowerSample[] Dense(int count, long microseconds, long from = 0) =>
        [.. Enumerable.Range(0, count).Select(i =>
            new PowerSample(StreamTown.Time(0) + from + (i == count - 1 ? microseconds : 0), 7000))];

    public static TheoryData<string, (int, PowerSample[])[], string?> Frames => new()
    {
        { "sixteen at one instant", [(0, Dense(16, 0))], null },
        { "one more", [(0, Dense(17, 0))], "17" },
        { "two more, a millisecond apart", [(0, Dense(18, 1000))], null },
        { "a microsecond less", [(0, Dense(18, 999))], "18" },
        { "three more in a millisecond", [(0, Dense(19, 1000))], "19" },
        { "two blocks of one stream", [(0, Dense(9, 0)), (0, Dense(9, 0, 999))], "18" },
        { "two blocks farther apart", [(0, Dense(9, 0)), (0, Dense(9, 0, 1000))], null },
        { "two blocks, the later one first", [(0, Dense(9, 0, 1000)), (0, Dense(9, 0))], null },
        { "two streams", [(0, Dense(16, 0)), (1, Dense(16, 0))], null },
        { "the second of three streams", [(0, Dense(16, 0)), (1, Dense(17, 1)), (2, Dense(1, 0))], "17" },
        { "2 kHz for a minute", [(0, [.. Enumerable.Range(0, 120_000)
            .Select(i => new PowerSample(StreamTown.Time(0) + (i * 500), i))])], null },
        { "1 MHz for 4 ms", [(0, [.. Enumerable.Range(0, 4000)
            .Select(i => new PowerSample(StreamTown.Time(0) + i, 0))])], "4000" },
    };

    [Theory, MemberData(nameof(Frames))]
    public async Task Samples_of_a_stream_in_a_frame_have_room_in_its_time(
        string what, (int, PowerSample[])[] blocks, string? refused)
    {
        await using var town = await StreamTown.OpenAsync(3);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(3));
        var frame = Frame(blocks);
        if (refused is null)
        {
            await StreamTown.SendAsync(door, frame);
            return;
        }
        var why = Should.Throw<InputRefusedException>(() => door.Take(frame, out _, out _), what);
        (why.Code, why.Value).ShouldBe((Rejection.OutOfRange, refused), what);
        why.Field.ShouldBe(what.Contains("second of", StringComparison.Ordinal)
            ? "frame.streams[1].count" : "frame.streams[0].count", what);
        why.Detail.ShouldContain("at most 16 and 2 for each millisecond from the first to the last of them, which are ");
        door.LastSequence.ShouldBe(0, what);
        await StreamTown.SendAsync(door, Frame((0, Dense(1, 0)))); // the number is free, because nothing was taken
    }

    [Theory]
    [InlineData(999, 1000)]
    [InlineData(3_600_000_001, 3_600_000_000)]
    public async Task A_nominal_period_below_a_millisecond_or_above_an_hour_is_refused_and_kept_and_read_from_old_logs(
        long refused, long taken)
    {
        await using var town = await StreamTown.OpenAsync(2);
        using var door = town.Streams.Connect();
        var frame = town.Announce(2, nominal: refused);
        var why = Should.Throw<InputRefusedException>(() => door.Take(frame, out _, out _));
        (why.Code, why.Field, why.Value).ShouldBe(
            (Rejection.OutOfRange, "frame.entries[0].nominal period", FormattableString.Invariant($"{refused}")));
        why.Detail.ShouldContain("1000 to 3600000000");
        (await town.Streams.RefuseAsync(frame, why, "stream of ACME", null, TestContext.Current.CancellationToken))
            .ShouldBeOfType<RecordOutcome.Refused>();
        var kept = (await TestFolder.AllAsync(town.Ledger.Journal)).Select(EventCodec.Decode).OfType<EvidenceRefused>()
            .ShouldHaveSingleItem();
        town.Ledger.Evidence.Get(kept.Evidence).ShouldBe(frame);
        var reader = FrameReader.Open(frame);
        reader.TryRead(out Announcement announced).ShouldBeTrue();
        announced.NominalPeriodMicroseconds.ShouldBe(refused);
        await StreamTown.SendAsync(door, town.Announce(2, nominal: taken));
    }

    /// <summary>A block takes eight frames of the most samples, however few bytes they are; then the log is
    /// full.</summary>
    [Fact]
    public async Task What_waits_to_be_integrated_is_bounded_by_its_samples()
    {
        await using var town = await StreamTown.OpenAsync(1, new(new FrameLogOptions(""))
        {
            SamplesQueuedMax = 1, // less than one block, so that each is waited for
        });
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        var samples = new PowerSample[Limits.SamplesPerFrameMax];
        var frames = new List<CheckedFrame>(); // checked before, so that they come faster than they are integrated
        for (var sent = 0; sent < 48; sent++)
        {
            for (var i = 0; i < samples.Length; i++)
                samples[i] = new(StreamTown.Time(0) + ((sent * (long)samples.Length + i) * 500), 7_000_000);
            frames.Add(CheckedFrame.Check(StreamTown.Samples(1 + sent, StreamTown.Time(0), (0, samples))));
            frames[^1].Bytes.Length.ShouldBeLessThan(16 * 1024);
        }
        long taken = 0, full = 0;
        var durable = new List<ValueTask<FrameAddress>>();
        foreach (var frame in frames)
        {
            ValueTask<FrameAddress> done;
            while (door.Take(frame, out done) == FrameTaken.Full)
            {
                full++;
                await Task.Delay(1, TestContext.Current.CancellationToken);
            }
            durable.Add(done);
            taken += samples.Length;
        }
        foreach (var done in durable) await done;
        full.ShouldBeGreaterThan(0, "what is taken waits for what is integrated");
        while (town.Streams.BlocksWaiting > 0) await Task.Delay(1, TestContext.Current.CancellationToken);
        town.Streams.Samples.ShouldBe(taken);
    }

    /// <summary>A million samples in some kilobytes, and again and again: of a period as many count as its time has
    /// room for, the others are refused, and no more is held than that.</summary>
    [Fact]
    public async Task A_period_of_too_many_samples_counts_the_first_of_them_and_says_so()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        town.Clock.Now = StreamTown.Day + NodaTime.Duration.FromSeconds(500);
        PowerSample[] dense = [.. Enumerable.Range(0, 1_000_000).Select(i =>
            new PowerSample(StreamTown.Time(0) + (i * 500L), 100_000_000))];
        for (var i = 1; i <= 4; i++)
            await StreamTown.SendAsync(door, StreamTown.Samples(i, StreamTown.Time(500), (0, dense)));
        await town.SettleAsync();
        await town.SettleAsync(StreamTown.Day + NodaTime.Duration.FromSeconds(2000));
        var record = (await town.LatestAsync())[0];
        var asked = new DerivedPeriod(record.Point, record.Period, new(SampleSemantics.Instant, 1_000_000),
            FrameRange.Read(town.Ledger.Evidence.Get(record.Evidence)!));
        var before = GC.GetAllocatedBytesForCurrentThread();
        new FrameDerivation(town.Streams.Log.Reader).Derive([asked]).ShouldHaveSingleItem();
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(150L * 1024 * 1024);
        // Two for each millisecond of the period, and of 14 s on either side: 13 s of reach, and a nominal second.
        const int Most = 16 + (2 * (900_000 + (2 * 14_000)));
        (record.Samples, record.DuplicateSamples, record.ConflictingSamples)
            .ShouldBe((1_000_000, Most - 1_000_000, 0));
        record.Import.ShouldBe(new Energy((Int128)100_000_000 * 2 * 499_999_500));
        var refused = (await town.RefusedAsync()).ShouldHaveSingleItem().Said;
        refused.Code.ShouldBe(Rejection.OutOfRange);
        refused.Detail.ShouldBe($"CP0 from {record.Period.Start}: more samples than 2 for each millisecond of the period, "
            + "or than 8388608; the first in the log count, and the frames are kept");
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>Periods that do not fit together are read one after the other, and come out as if they did.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(1000)]
    [InlineData(2000)]
    public async Task Periods_are_derived_by_as_many_readings_as_there_is_room_for(long heldMax)
    {
        await using var town = await StreamTown.OpenAsync(2);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(2));
        await town.StreamAsync(door, 2, 0, 3700);
        await town.SettleAsync();
        var records = await town.LatestAsync();
        var asked = records.ConvertAll(record => new DerivedPeriod(record.Point, record.Period,
            new(SampleSemantics.Instant, 1_000_000), FrameRange.Read(town.Ledger.Evidence.Get(record.Evidence)!)));
        asked.Count.ShouldBe(8);
        var derivation = new FrameDerivation(town.Streams.Log.Reader, heldMax);
        var derived = derivation.Derive(asked);
        derived.Select(one => (one.Import, one.Samples)).ShouldBe(records.Select(one => (one.Import, one.Samples)));
        derivation.Samples.ShouldBeGreaterThan(new FrameDerivation(town.Streams.Log.Reader) is var once
            && once.Derive(asked).Count == 8 ? once.Samples : 0);
    }
}
