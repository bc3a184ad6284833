using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What becomes of samples depends on the order of the log and on nothing else.</summary>
public sealed class StreamOrderTests
{
    /// <summary>Two sessions of one point take turns in one block. In the order of the log no sample is late; session
    /// by session, or at the same time, nearly all of one would be.</summary>
    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 40)]
    [InlineData(4, 40)]
    public async Task Sessions_of_one_point_within_a_block_are_taken_in_the_order_of_the_log(int workers, int perSecond)
    {
        const int seconds = 1200, each = 10;
        await using var town = await StreamTown.OpenAsync(1, new(new FrameLogOptions("")) { Workers = workers });
        using var first = town.Streams.Connect();
        using var second = town.Streams.Connect();
        town.Clock.Now = StreamTown.Day + Duration.FromSeconds(seconds);
        foreach (var door in (StreamDoor[])[first, second]) await StreamTown.SendAsync(door, town.Announce(1));
        var frames = new List<(StreamDoor Door, byte[] Bytes)>();
        for (var second0 = 0; second0 < seconds; second0 += each)
        {
            var door = second0 / each % 2 == 0 ? first : second;
            frames.Add((door, StreamTown.Samples(1 + second0 / each / 2, StreamTown.Time(seconds),
                (0, [.. Enumerable.Range(0, each * perSecond).Select(i =>
                    StreamTown.At(second0 + (double)i / perSecond, 50 + i % 100))]))));
        }
        var durable = new List<Task>();
        foreach (var (door, bytes) in frames)
        {
            door.Take(bytes, out _, out var written);
            durable.Add(written.AsTask());
        }
        await Task.WhenAll(durable);
        await town.SettleAsync(town.Clock.Now + Duration.FromHours(1));
        (await town.AllAsync()).Select(record => (record.Version, record.Samples, record.LateSamples)).ShouldBe(
            [(1, 900 * perSecond, 0), (1, 300 * perSecond, 0)]);
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>Two frames are missing; one comes after all, with samples in no order, some of which repeat older
    /// ones.</summary>
    [Fact]
    public async Task A_missing_frame_that_comes_in_no_order_is_found()
    {
        await using var town = await StreamTown.OpenAsync(1);
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        await SendAsync(1, StreamTown.Seconds(0, 99));
        await SendAsync(3, StreamTown.Seconds(110, 199));
        await SendAsync(5, StreamTown.Seconds(210, 300));
        await SendAsync(4, [.. StreamTown.Seconds(200, 209), .. StreamTown.Seconds(95, 98)]);
        await SendAsync(6, StreamTown.Seconds(301, 960));
        await town.SettleAsync();
        (await town.LatestAsync())[0].ShouldSatisfyAllConditions(
            record => record.Stream!.MissingSequences.ShouldBe(1),
            record => record.Gaps.ShouldHaveSingleItem().Cause.ShouldBe(GapCause.Lost));

        Task SendAsync(long sequence, PowerSample[] samples)
        {
            town.Clock.Now = StreamTown.Day + Duration.FromSeconds(960);
            return StreamTown.SendAsync(door, StreamTown.Samples(sequence, StreamTown.Time(960), (0, samples)));
        }
    }
}
