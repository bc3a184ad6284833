using System.Globalization;
using System.Net;
using Grpc.Core;
using Ledger.Api.Access;
using Ledger.Api.Streaming;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A session streams its sender's own points for as long as they are his.</summary>
public sealed class StreamOwnershipTests
{
    private static readonly long Sent = AccessTown.Now.ToUnixTimeTicks() / 10;

    private static byte[] Announced(long sequence, params string[] points)
    {
        var buffer = new byte[1024];
        var frame = FrameWriter.Announce(buffer, sequence, Sent, 0);
        for (var i = 0; i < points.Length; i++)
            frame.TryAdd(new Announcement(i, new(points[i]), SampleSemantics.Instant, 1_000_000)).ShouldBeTrue();
        return buffer[..frame.Finish()];
    }

    private static string Point(string point, string owner, Instant from) => string.Create(CultureInfo.InvariantCulture,
        $$"""{"type":"settlement-point","point":"{{point}}","station":"S1","kind":"connector","owner":"{{owner}}","zone":"Asia/Shanghai","periodMinutes":15,"ratedKw":1000,"bidirectional":true,"validFrom":"{{from}}"}""");

    [Theory]
    [InlineData(false)] // sold from a moment ago on
    [InlineData(true)] // what was recorded before begins to hold
    public async Task A_point_that_is_sold_ends_the_session_of_its_former_owner(bool isForLater)
    {
        await using var town = await AccessTown.StartAsync(new FrameLogOptions(""));
        var before = AccessTown.Now - Duration.FromDays(10);
        foreach (var point in new[] { "P1", "P2", "P3" }) await town.RecordAsync(Point(point, "ACME", before));
        var sold = AccessTown.Now + Duration.FromHours(isForLater ? 1 : 0);
        if (isForLater) await town.RecordAsync(Point("P2", "BETA", sold));
        await using var wire = await StreamServer.StartAsync(town.Served.Streams!, new(IPAddress.Loopback, 0),
            TestContext.Current.CancellationToken, town.Served.Ledger, new AccessOptions(IsRequired: true));
        var key = town.Key(Role.Station).Shown;
        using var call = new BareCall(wire.Url, "ACME", key: key);
        using var other = new BareCall(wire.Url, "ACME", key: key);
        await call.OpenAsync();
        await other.OpenAsync();
        await call.SendAsync(Announced(0, "P1", "P2"), Announced(1, "P1", "P2"));
        await call.AcknowledgedAsync(2);
        await other.SendAsync(Announced(0, "P1", "P3"));
        await other.AcknowledgedAsync(1);
        // A point of somebody else's that has nothing to do with it changes nothing.
        await town.RecordAsync(Point("P9", "BETA", before));
        for (var i = 2; i < 8; i++)
        {
            await Task.Delay(200, TestContext.Current.CancellationToken);
            await call.SendAsync(Second(i));
        }
        await call.AcknowledgedAsync(8);

        if (isForLater) town.Served.Clock.Now = sold;
        else await town.RecordAsync(Point("P2", "BETA", sold));
        // He goes on sending, and hears from the answers that and why it ended.
        var answers = call.EndedAsync();
        for (var i = 8; i < 300 && !answers.IsCompleted; i++)
        {
            await Task.Delay(100, TestContext.Current.CancellationToken);
            await call.SendAsync(Second(i));
        }
        answers.IsCompleted.ShouldBeTrue();
        var ended = await answers;
        ended.StatusCode.ShouldBe(StatusCode.NotFound);
        ended.Status.Detail.ShouldBe("there is no settlement point P2, or it is not yours");
        // Whoever has not announced it goes on.
        await other.SendAsync(Second(1));
        await Task.Delay(StreamAdmissionPause, TestContext.Current.CancellationToken);
        await other.SendAsync(Second(2));
        await other.AcknowledgedAsync(3);
        await other.CompleteAsync();
    }

    /// <summary>A gateway whose frames have samples of a point that was sold connects again in vain: it hears which
    /// point that is, instead of announcing it for ever while its other points are silent.</summary>
    [Fact]
    public async Task A_sender_stops_with_the_name_of_the_point_that_is_no_longer_its_own()
    {
        await using var town = await AccessTown.StartAsync(new FrameLogOptions(""));
        var before = AccessTown.Now - Duration.FromDays(10);
        foreach (var point in new[] { "P1", "P2" }) await town.RecordAsync(Point(point, "ACME", before));
        await using var wire = await StreamServer.StartAsync(town.Served.Streams!, new(IPAddress.Loopback, 0),
            TestContext.Current.CancellationToken, town.Served.Ledger, new AccessOptions(IsRequired: true));
        using var channel = new StreamChannel(wire.Url, town.Key(Role.Station).Shown);
        await using var sender = channel.Open(new("ACME") { BackoffMin = Duration.FromMilliseconds(20) });
        await sender.SendAsync(Announced(0, "P1", "P2"), TestContext.Current.CancellationToken);
        await sender.FlushAsync(TestContext.Current.CancellationToken);
        await town.RecordAsync(Point("P2", "BETA", AccessTown.Now));
        Exception? why = null;
        for (var i = 1; i < 300 && why is null; i++)
        {
            await Task.Delay(100, TestContext.Current.CancellationToken);
            why = await Record.ExceptionAsync(() =>
                sender.SendAsync(Second(i), TestContext.Current.CancellationToken).AsTask());
        }
        why.ShouldBeOfType<IOException>().Message.ShouldBe(
            "the ledger takes no frames: NotFound: there is no settlement point P2, or it is not yours");
    }

    private static readonly TimeSpan StreamAdmissionPause = TimeSpan.FromMilliseconds(600);

    private static byte[] Second(int sequence) =>
        StreamTown.Samples(sequence, Sent, (0, [new(Sent + (sequence * 1_000_000L), 1000)]));

    [Fact]
    public void Changes_are_known_by_name_until_they_are_too_many()
    {
        var changes = new PointChanges();
        changes.Since(0)!.ShouldBeEmpty();
        changes.Add(new("A"));
        var seen = changes.Count;
        changes.Add(new("B"));
        changes.Add(new("A"));
        changes.Since(seen)!.Select(point => point.Value).ShouldBe(["B", "A"]);
        changes.Since(0)!.Count.ShouldBe(3);
        for (var i = 0; i < PointChanges.NamedMax - 2; i++) changes.Add(new("C"));
        changes.Since(seen)!.Count.ShouldBe(PointChanges.NamedMax);
        changes.Since(seen)![0].Value.ShouldBe("B");
        changes.Since(0).ShouldBeNull();
        changes.Since(changes.Count)!.ShouldBeEmpty();
    }
}
