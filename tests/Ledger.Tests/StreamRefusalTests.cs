using System.Globalization;
using Ledger.Domain;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using NodaTime;
using NodaTime.Text;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What came by stream was acknowledged, so that it does not count is said by a fact, whatever room there
/// is.</summary>
public sealed class StreamRefusalTests
{
    private static readonly Principal Kim = Roles.Principal("kim", Role.Station, new("ACME"), [new("S1")]),
        Lee = Roles.Principal("lee", Role.Station, new("BETA"), [new("S1")]);

    /// <summary>Room for two facts of a party in a day.</summary>
    private static readonly EvidenceLimits Two = new(3000, 0);

    /// <summary>The first period of a connector as a file.</summary>
    private static readonly string Curve = "point,time,kw\n" + string.Concat(Enumerable.Range(0, 901).Select(second =>
        string.Create(CultureInfo.InvariantCulture,
            $"CP0,{InstantPattern.ExtendedIso.Format(StreamTown.Day + Duration.FromSeconds(second))},100\n")));

    private static async Task AnnounceAsync(StreamTown town, StreamDoor door, int point)
    {
        await StreamTown.SendAsync(door, town.Announce(1, sequence: door.LastSequence + 1, first: point));
        await town.SettleAsync();
    }

    [Fact]
    public async Task Beyond_a_partys_share_it_is_said_in_the_ledgers_own_name()
    {
        await using var town = await StreamTown.OpenAsync(1, limits: Two);
        using var door = town.Streams.Connect(Kim);
        for (var point = 10; point < 15; point++) await AnnounceAsync(town, door, point);
        var refused = await town.RefusedAsync();
        refused.Select(one => one.Actor).ShouldBe(["kim", "kim", "streams", "streams", "streams"]);
        refused.Select(one => one.Said.Code).ShouldAllBe(code => code == Rejection.UnknownSettlementPoint);
        refused[1].Said.Detail.ShouldStartWith("CP11: streams of points that are not registered");
        refused[4].Said.Detail.ShouldStartWith("of ACME, of whom no more is kept today: CP14: ");
    }

    /// <summary>Until it can be said, the log is read from there after a start.</summary>
    [Fact]
    public async Task With_too_little_of_the_disk_free_it_waits_and_is_not_lost()
    {
        await using var town = await StreamTown.OpenAsync(1, limits: new(long.MaxValue, long.MaxValue));
        using (var door = town.Streams.Connect(Kim))
        {
            await AnnounceAsync(town, door, 7);
            await AnnounceAsync(town, door, 8);
            await AnnounceAsync(town, door, 9);
        }
        (await town.RefusedAsync()).ShouldBeEmpty();
        var first = town.Streams.Log.Reader.ReadAll().First().Address;
        town.Mark().ShouldBe(first);
        town.Kept = EvidenceLimits.Standard;
        await town.RestartAsync();
        await town.SettleAsync();
        var refused = await town.RefusedAsync();
        refused.ShouldAllBe(one => one.Actor == "kim");
        var said = string.Concat(refused.Select(one => one.Said.Detail));
        foreach (var point in new[] { "CP7", "CP8", "CP9" }) said.ShouldContain(point);
        FrameRange.Read(town.Ledger.Evidence.Get(refused[0].Said.Evidence)!).Stretches[0].First.ShouldBe(first);
        town.Mark().ShouldBeGreaterThan(first);
    }

    /// <summary>A start reads the log again from the oldest period that is not final. What does not count of it was
    /// said before, and is not said again; what comes after is.</summary>
    [Fact]
    public async Task What_was_refused_is_not_refused_again_however_often_the_log_is_read()
    {
        await using var town = await StreamTown.OpenAsync(1);
        town.Clock.Now = StreamTown.Day + Duration.FromSeconds(900);
        await town.TakeAsync(Curve, "curve.csv");
        var said = new List<Rejection>();
        for (var start = 0; start < 3; start++)
        {
            using (var door = town.Streams.Connect(Kim))
            {
                await StreamTown.SendAsync(door, town.Announce(1, first: 10 + start)); // nobody has registered it
                await StreamTown.SendAsync(door, town.Announce(1, sequence: 1));
                if (start == 0)
                {
                    // A period that is recorded from a file, and that is told by the passing of time: when the log is
                    // read again it is told by what came next.
                    await town.StreamAsync(door, 1, 0, 895);
                    await town.SettleAsync(StreamTown.Day + Duration.FromSeconds(1200));
                    await town.StreamAsync(door, 1, 1500, 1860);
                }
                // Of no year that could be.
                await StreamTown.SendAsync(door, StreamTown.Samples(door.LastSequence + 1,
                    town.Clock.Now.ToUnixTimeTicks() / 10, (0, [StreamTown.At(-800.0 * 86_400, 100)])));
                await town.SettleAsync();
            }
            said.AddRange(start == 0 ? [Rejection.EvidenceConflict] : []);
            said.AddRange(Rejection.UnknownSettlementPoint, Rejection.OutOfRange);
            (await town.RefusedAsync()).Select(one => one.Said.Code).Order().ShouldBe(said.Order(), $"{start} starts");
            await town.RestartAsync();
            await town.SettleAsync();
            town.Streams.Samples.ShouldBeGreaterThan(896 + 361, "the log was read again");
            (await town.RefusedAsync()).Select(one => one.Said.Code).Order().ShouldBe(said.Order(), $"{start} starts");
        }
        (await town.RefusedAsync()).Count(one => one.Said.Detail.StartsWith("CP10: ", StringComparison.Ordinal))
            .ShouldBe(1);
    }

    /// <summary>A point is sold, and whoever has it now sends what counts nowhere within the same minute.</summary>
    [Fact]
    public async Task Samples_that_count_nowhere_are_refused_in_the_name_of_each_who_sent_them()
    {
        await using var town = await StreamTown.OpenAsync(1);
        foreach (var (who, samples) in new[] { (Kim, 1), (Lee, 100) })
        {
            using var door = town.Streams.Connect(who);
            await StreamTown.SendAsync(door, town.Announce(1));
            await StreamTown.SendAsync(door, StreamTown.Samples(1, StreamTown.Time(0), (0,
                [.. Enumerable.Range(0, samples).Select(i => new PowerSample(i * 1_000_000L, 100_000_000))])));
        }
        await town.SettleAsync();
        (await town.RefusedAsync()).Select(one => (one.Actor, one.Said.Code, one.Said.Detail.Split(" of CP0")[0]))
            .ShouldBe([("kim", Rejection.OutOfRange, "1 samples"), ("lee", Rejection.OutOfRange, "100 samples")],
                ignoreOrder: true);
    }

    [Fact]
    public async Task Periods_of_another_evidence_are_refused_whatever_their_partys_share_is()
    {
        await using var town = await StreamTown.OpenAsync(1);
        town.Clock.Now = StreamTown.Day + Duration.FromSeconds(900);
        await town.TakeAsync(Curve, "curve.csv");
        town.Kept = Two;
        await town.RestartAsync();
        using var door = town.Streams.Connect(Kim);
        for (var point = 10; point < 12; point++) await AnnounceAsync(town, door, point); // uses the share up
        await StreamTown.SendAsync(door, town.Announce(1, sequence: 2));
        await town.StreamAsync(door, 1, 0, 1860);
        await town.SettleAsync();
        var conflict = (await town.RefusedAsync()).Where(one => one.Said.Code == Rejection.EvidenceConflict).ToList();
        conflict.ShouldNotBeEmpty();
        conflict.ShouldAllBe(one => one.Actor == "streams" && one.Said.Detail.Contains("was recorded from a file"));
        conflict[0].Said.Detail.ShouldStartWith("of ACME, of whom no more is kept today: the period of CP0 from ");
    }
}
