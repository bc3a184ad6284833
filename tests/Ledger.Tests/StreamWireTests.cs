using System.Diagnostics.Metrics;
using Grpc.Core;
using Ledger.Api.Streaming;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Ingest.Streaming.Wire;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Frames over gRPC as the protocol has it: what a sender is told, and how a call ends.</summary>
public sealed class StreamWireTests
{
    private static long Time(int second) => StreamTown.DayMicroseconds + second * 1_000_000L;

    private static byte[] Second(long sequence, int second, long kilowatts = 100) =>
        StreamTown.Samples(sequence, Time(second), (0, StreamTown.Seconds(second, second, kilowatts)));

    private static byte[] Minute(long sequence, int from, int to) =>
        StreamTown.Samples(sequence, Time(960), (0, StreamTown.Seconds(from, to)));

    [Fact]
    public async Task A_sender_opens_announces_sends_and_is_told_what_is_durable()
    {
        await using var wire = await WireTown.StartAsync(1);
        wire.Town.Clock.Now = StreamTown.Day + Duration.FromSeconds(960);
        using var call = wire.Call();
        var opened = await call.OpenAsync();
        (opened.Session, opened.HasLastDurable, opened.FramesInFlightMax, opened.MessageBytesMax)
            .ShouldBe((1, false, 8192, 4 * 1024 * 1024));
        opened.Token.Length.ShouldBe(32);
        await call.SendAsync(wire.Town.Announce(1), Minute(1, 0, 59));
        var told = await call.AcknowledgedAsync(2);
        (told.Frames, told.Sequence).ShouldBe((2, 1));
        for (var minute = 1; minute < 16; minute++)
            await call.SendAsync(Minute(minute + 1, 60 * minute, 60 * minute + 59));
        await call.AcknowledgedAsync(17);
        await call.CompleteAsync();
        await wire.Town.SettleAsync();
        var record = (await wire.Town.AllAsync()).ShouldHaveSingleItem();
        (record.Import, record.Samples, record.Gaps.Count).ShouldBe((Energy.FromWattHours(25_000), 900, 0));
    }

    [Fact]
    public async Task A_later_session_is_told_how_far_the_one_before_is_durable_if_it_has_its_token()
    {
        await using var wire = await WireTown.StartAsync(1);
        string token;
        long session;
        using (var call = wire.Call())
        {
            (session, token) = (await call.OpenAsync()) is var opened ? (opened.Session, opened.Token) : default;
            await call.SendAsync(wire.Town.Announce(1), Second(1, 0), Second(2, 1));
            await call.AcknowledgedAsync(3);
            // Another connects before the ledger has noticed that the first is gone.
            using var second = wire.Call(session: session, token: token);
            (await second.OpenAsync()).LastDurable.ShouldBe(2);
        }
        await wire.StopListeningAsync();
        await wire.Town.RestartAsync();
        await wire.ListenAsync();
        using var third = wire.Call(session: session, token: token);
        var known = await third.OpenAsync();
        (known.HasLastDurable, known.LastDurable).ShouldBe((true, 2));
        // The second was given a number and wrote nothing: nobody gets it again.
        known.Session.ShouldBeGreaterThan(session + 1);
        using var stranger = wire.Call(session: session, token: new string('0', 32));
        (await stranger.OpenAsync()).HasLastDurable.ShouldBeFalse();
        using var unused = wire.Call(session: known.Session, token: known.Token);
        (await unused.OpenAsync()).LastDurable.ShouldBe(-1);
    }

    [Fact]
    public async Task A_refused_frame_ends_the_call_with_code_field_value_and_rule_and_is_kept_once()
    {
        await using var wire = await WireTown.StartAsync(1);
        foreach (var _ in (int[])[1, 2])
        {
            using var call = wire.Call();
            await call.OpenAsync();
            await call.SendAsync(wire.Town.Announce(1), Second(1, 0));
            await call.SendAsync(StreamTown.Samples(2, Time(1), (7, StreamTown.Seconds(1, 1))));
            (await call.AcknowledgedAsync(2)).Frames.ShouldBe(2);
            var ended = await call.EndedAsync();
            ended.StatusCode.ShouldBe(StatusCode.InvalidArgument);
            ended.Status.Detail.ShouldBe($"MissingField ({(int)Rejection.MissingField}): frame.stream is 7: announced in this session before");
            var why = Refused.Parser.ParseFrom(ended.Trailers.GetValueBytes("ledger-refused-bin"));
            (why.Code, why.Name, why.Field, why.Value, why.Rule, why.Frames).ShouldBe(((int)Rejection.MissingField,
                "MissingField", "frame.stream", "7", "announced in this session before", 2));
        }
        var refused = (await wire.RefusedAsync()).ShouldHaveSingleItem();
        (refused.Code, refused.Source).ShouldBe((Rejection.MissingField, "stream frame"));
    }

    [Fact]
    public async Task Bytes_that_are_no_frame_and_a_number_with_other_bytes_are_refused()
    {
        await using var wire = await WireTown.StartAsync(1);
        using (var call = wire.Call())
        {
            await call.OpenAsync();
            await call.SendAsync("hello"u8.ToArray());
            (await call.EndedAsync()).Status.Detail.ShouldStartWith("UnknownFormat (");
        }
        using (var call = wire.Call())
        {
            await call.OpenAsync();
            await call.SendAsync(wire.Town.Announce(1), Second(1, 0), Second(1, 0), Second(1, 0, 200));
            (await call.AcknowledgedAsync(3)).Sequence.ShouldBe(1);
            (await call.EndedAsync()).Status.Detail.ShouldEndWith("frame.sequence is 1: came before with other bytes");
        }
        (await wire.RefusedAsync()).Select(one => one.Code)
            .ShouldBe([Rejection.UnknownFormat, Rejection.EvidenceConflict]);
    }

    [Fact]
    public async Task A_call_that_does_not_begin_with_open_or_opens_twice_is_refused_and_nothing_is_kept()
    {
        await using var wire = await WireTown.StartAsync(1);
        using (var call = wire.Call())
        {
            await call.SendAsync(wire.Town.Announce(1));
            var ended = await call.EndedAsync();
            (ended.StatusCode, ended.Status.Detail).ShouldBe((StatusCode.InvalidArgument, "a call begins with open"));
        }
        using (var call = wire.Call())
        {
            await call.OpenAsync();
            await call.WriteAsync(new FromSender { Open = new Open { Party = "ACME" } });
            (await call.EndedAsync()).Status.Detail.ShouldBe("after open a message has frames");
        }
        using (var call = wire.Call(party: "not an identifier"))
        {
            await call.WriteAsync(new FromSender { Open = new Open { Party = "not an identifier" } });
            (await call.EndedAsync()).Status.Detail.ShouldStartWith("open.party must be an identifier");
        }
        (await wire.RefusedAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task More_senders_than_may_be_are_refused_in_all_and_of_a_party_until_one_leaves()
    {
        await using var wire = await WireTown.StartAsync(1,
            bounds: options => options with { CallsMax = 3, CallsPerPartyMax = 2 });
        using var one = wire.Call();
        using var two = wire.Call();
        await one.OpenAsync();
        await two.OpenAsync();
        async Task<string> RefusedAsync(string party)
        {
            using var call = wire.Call(party);
            await call.WriteAsync(new FromSender { Open = new Open { Party = party } });
            var ended = await call.EndedAsync();
            (ended.StatusCode, ended.Trailers.GetValue("grpc-retry-pushback-ms"))
                .ShouldBe((StatusCode.ResourceExhausted, "1000"));
            return ended.Status.Detail;
        }
        (await RefusedAsync("ACME")).ShouldBe("2 senders of ACME are connected, as many as may be");
        using var other = wire.Call("OTHER");
        await other.OpenAsync();
        (await RefusedAsync("THIRD")).ShouldBe("3 senders are connected, as many as may be");
        await one.CompleteAsync();
        using var again = wire.Call();
        (await again.OpenAsync()).Session.ShouldBe(4);
    }

    [Fact]
    public async Task A_message_that_is_too_large_ends_the_call()
    {
        await using var wire = await WireTown.StartAsync(1, bounds: options => options with { MessageBytesMax = 1000 });
        using var call = wire.Call();
        (await call.OpenAsync()).MessageBytesMax.ShouldBe(1000);
        await call.SendAsync(wire.Town.Announce(1));
        await call.AcknowledgedAsync(1);
        await call.SendAsync(new byte[1001]);
        (await call.EndedAsync()).StatusCode.ShouldBe(StatusCode.ResourceExhausted);
    }

    [Fact]
    public async Task A_sender_of_whom_nothing_comes_is_disconnected()
    {
        await using var wire = await WireTown.StartAsync(1,
            bounds: options => options with { IdleMax = Duration.FromSeconds(1) });
        using var call = wire.Call();
        await call.OpenAsync();
        var ended = await call.EndedAsync();
        ended.StatusCode.ShouldBe(StatusCode.DeadlineExceeded);
    }

    [Fact]
    public async Task A_sender_who_does_not_say_for_whom_he_sends_has_no_place_for_long()
    {
        await using var wire = await WireTown.StartAsync(1,
            bounds: options => options with { OpenMax = Duration.FromSeconds(3) });
        using var opened = wire.Call();
        await opened.OpenAsync();
        using var silent = wire.Call();
        (await silent.EndedAsync()).StatusCode.ShouldBe(StatusCode.DeadlineExceeded);
        await opened.SendAsync(wire.Town.Announce(1)); // once it has said so it has the patience of all
        await opened.AcknowledgedAsync(1);
    }

    [Fact]
    public async Task A_log_that_stays_full_is_a_refusal_and_what_waited_a_moment_is_not()
    {
        using var gate = new ManualResetEventSlim(true);
        var log = new FrameLogOptions("", BlockBytesMax: Limits.FrameBytesMax + 64)
        {
            OpenFile = path => new GatedFile(path, gate),
        };
        await using var wire = await WireTown.StartAsync(1, new(log),
            options => options with { FullMax = Duration.FromSeconds(1) });
        using var call = wire.Call();
        await call.OpenAsync();
        await call.SendAsync(wire.Town.Announce(1));
        await call.AcknowledgedAsync(1);
        gate.Reset();
        try
        {
            // A frame is in writing, others fill the block that waits, and the next finds no room.
            for (var sequence = 1; sequence <= 3; sequence++) await call.SendAsync(Large(sequence));
            var ended = await call.EndedAsync();
            ended.StatusCode.ShouldBe(StatusCode.ResourceExhausted);
            ended.Status.Detail.ShouldBe("the log has been full for 1000 ms");
        }
        finally
        {
            gate.Set();
        }
        (await wire.RefusedAsync()).ShouldBeEmpty();
        using var again = wire.Call();
        await again.OpenAsync();
        await again.SendAsync(wire.Town.Announce(1), Second(1, 0));
        (await again.AcknowledgedAsync(2)).Frames.ShouldBe(2);
    }

    [Fact]
    public async Task A_storage_error_of_the_log_ends_every_call_and_the_engine()
    {
        using var gate = new ManualResetEventSlim(true);
        var isBroken = false;
        var log = new FrameLogOptions("") { OpenFile = path => new GatedFile(path, gate, () => isBroken) };
        await using var wire = await WireTown.StartAsync(1, new(log));
        using var call = wire.Call();
        using var silent = wire.Call();
        await call.OpenAsync();
        await silent.OpenAsync();
        await call.SendAsync(wire.Town.Announce(1));
        await call.AcknowledgedAsync(1);
        isBroken = true;
        await call.SendAsync(Second(1, 0));
        (await call.EndedAsync()).StatusCode.ShouldBe(StatusCode.Unavailable);
        (await silent.EndedAsync()).StatusCode.ShouldBe(StatusCode.Unavailable);
        var cause = await Should.ThrowAsync<FrameLogStoppedException>(wire.Town.Streams.Faulted);
        cause.Message.ShouldBe("the frame log has stopped: the disk is broken");
        isBroken = false;
    }

    [Fact]
    public async Task A_sender_that_does_not_read_its_acknowledgements_is_slowed_down_and_loses_nothing()
    {
        await using var wire = await WireTown.StartAsync(1, bounds: options => options with { FramesInFlightMax = 4 });
        using var call = wire.Call();
        await call.OpenAsync();
        await call.SendAsync(wire.Town.Announce(1));
        for (var second = 0; second < 2000; second++) await call.SendAsync(Second(second + 1, second));
        var told = await call.AcknowledgedAsync(2001);
        (told.Frames, told.Sequence).ShouldBe((2001, 2000));
    }

    /// <summary>A frame of some 600 kB: powers that do not pack.</summary>
    /// <summary>What is given up is raw samples alone, has its cause in the record, and is told to the sender and to
    /// the journal, once.</summary>
    [Fact]
    public async Task Samples_that_find_no_room_for_long_are_given_up_on_record_where_that_is_allowed()
    {
        var givenUp = 0L; // by the instrument, which no other test moves
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == StreamMetrics.Name && instrument.Name == "ledger.stream.given.up")
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((_, count, _, _) => Interlocked.Add(ref givenUp, count));
        listener.Start();
        using var gate = new ManualResetEventSlim(true);
        var log = new FrameLogOptions("", BlockBytesMax: Limits.FrameBytesMax + 64)
        {
            OpenFile = path => new GatedFile(path, gate),
        };
        await using var wire = await WireTown.StartAsync(1, new(log),
            options => options with { GivesUpAfter = Duration.FromMilliseconds(200) });
        wire.Town.Clock.Now = StreamTown.Day + Duration.FromSeconds(960);
        using var call = wire.Call();
        await call.OpenAsync();
        await call.SendAsync(wire.Town.Announce(1));
        await call.AcknowledgedAsync(1);
        gate.Reset();
        try
        {
            for (var sequence = 1; sequence <= 3; sequence++)
                await call.SendAsync(Large(sequence, from: 120 * sequence));
            while (Volatile.Read(ref givenUp) == 0) await Task.Delay(10, TestContext.Current.CancellationToken);
        }
        finally
        {
            gate.Set();
        }
        var told = await call.AcknowledgedAsync(4);
        (told.Frames, told.Sequence, told.GivenUp).ShouldBe((4, 3, 1));
        await call.SendAsync(Second(4, 960));
        (await call.AcknowledgedAsync(5)).GivenUp.ShouldBe(1);
        await call.CompleteAsync();
        await wire.Town.SettleAsync();
        var record = (await wire.Town.AllAsync()).ShouldHaveSingleItem();
        record.Gaps.Select(gap => gap.Cause).ShouldBe([GapCause.Silent, GapCause.PendingDrop]);
        (record.Samples, record.Stream!.MissingSequences).ShouldBe((240_000, 0));
        await wire.StopListeningAsync();
        await wire.Town.RestartAsync();
        await wire.Town.SettleAsync();
        var said = (await wire.RefusedAsync()).ShouldHaveSingleItem();
        said.Code.ShouldBe(Rejection.SamplesGivenUp);
        said.Detail.ShouldBe("120000 samples from 2026-02-28T16:06:00Z to 2026-02-28T16:07:59Z, in 118 stretches of "
            + "streams, were given up unread: the ledger was behind");
        FrameRange.Is(wire.Town.Ledger.Evidence.Get(said.Evidence)).ShouldBeTrue();
    }

    private static byte[] Large(long sequence, int from = -1)
    {
        var samples = new PowerSample[120_000];
        for (var i = 0; i < samples.Length; i++)
            samples[i] = new(Time(from < 0 ? (int)sequence * 100 : from) + i * 1000L,
                i * 7_919_993_333L % 999_999_999_989L);
        return StreamTown.Samples(sequence, Time(0), (0, samples));
    }
}
