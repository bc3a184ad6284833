using System.Diagnostics;
using CsCheck;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Frames;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What frames hold, and that each content has one form.</summary>
public sealed class FrameTests
{
    private const long Start = 1_772_323_200_000_000; // 2026-03-01

    /// <summary>One block: its stream and samples, in the units of its frame.</summary>
    private sealed record Block(int Stream, PowerSample[] Samples);

    private static readonly Gen<FrameUnits> Units = Gen.OneOf(
        Gen.Const(FrameUnits.Finest), Gen.Const(new FrameUnits(1000, 1000)), Gen.Const(new FrameUnits(7, 3)),
        Gen.Const(new FrameUnits(1_000_000, 1_000_000)), Gen.Const(new FrameUnits(64, 1024)));

    /// <summary>Levels, ramps, noise, constants; clocks that are regular, that shake, that go back.</summary>
    private static Gen<PowerSample[]> Samples(FrameUnits units) =>
        from count in Gen.Frequency((1, Gen.Const(1)), (4, Gen.Int[2, 20]), (1, Gen.Int[21, Limits.SamplesPerBlockMax]))
        from first in Gen.Long[-10_000_000_000, 10_000_000_000]
        from spacing in Gen.OneOf(Gen.Const(0L), Gen.Long[-3, 40_000])
        from shake in Gen.OneOf(Gen.Const(0L), Gen.Long[1, 5], Gen.Const(1L << 33))
        from level in Gen.OneOf(Gen.Const(0L), Gen.Long[-900, 900])
        from ramp in Gen.OneOf(Gen.Const(0L), Gen.Long[-50, 50])
        from noise in Gen.OneOf(Gen.Const(0L), Gen.Long[1, 300])
        from chance in Gen.Int
        select Make(units, count, first, spacing, shake, level * 1000, ramp, noise, chance);

    private static PowerSample[] Make(FrameUnits units, int count, long first, long spacing, long shake, long level,
        long ramp, long noise, int seed)
    {
        var chance = new Random(seed);
        var bounds = ((Limits.FrameTimeMicrosecondsMin / units.TimeMicroseconds) + 1,
            (Limits.FrameTimeMicrosecondsEnd - 1) / units.TimeMicroseconds);
        var samples = new PowerSample[count];
        for (var i = 0; i < count; i++)
            samples[i] = new(
                Math.Clamp((Start / units.TimeMicroseconds) + first + (i * spacing) + chance.NextInt64(shake + 1),
                    bounds.Item1, bounds.Item2) * units.TimeMicroseconds,
                Math.Clamp(level + (i * ramp) + chance.NextInt64(noise + 1),
                    -Limits.PowerMilliwattsMax / units.PowerMilliwatts,
                    Limits.PowerMilliwattsMax / units.PowerMilliwatts) * units.PowerMilliwatts);
        return samples;
    }

    private static readonly Gen<(FrameUnits Units, Block[] Blocks)> Frames =
        from units in Units
        from samples in Samples(units).Array[1, 8]
        from streams in Gen.OneOf(Gen.Const(1), Gen.Int[0, 3], Gen.Int[0, 300]).Array[8]
        from same in Gen.Bool.Array[8]
        select (units, Blocks(samples, streams, same));

    private static Block[] Blocks(PowerSample[][] samples, int[] streams, bool[] same)
    {
        var (blocks, stream) = (new Block[samples.Length], 0);
        for (var i = 0; i < blocks.Length; i++)
        {
            stream += streams[i];
            // A gateway reads its connectors at one time.
            var taken = same[i] && i > 0 && samples[i].Length >= samples[i - 1].Length
                ? [.. samples[i - 1].Select((sample, n) => sample with { Milliwatts = samples[i][n].Milliwatts })]
                : samples[i];
            blocks[i] = new(stream, samples[i] = taken);
        }
        return blocks;
    }

    // A frame and a block of the largest size are a megabyte each; a law makes tens of thousands of small ones.
    [ThreadStatic] private static byte[]? room;
    [ThreadStatic] private static PowerSample[]? read;
    private static byte[] Room => room ??= new byte[Limits.FrameBytesMax];
    private static PowerSample[] Into => read ??= new PowerSample[Limits.SamplesPerBlockMax];

    private static byte[] Write((FrameUnits Units, Block[] Blocks) content)
    {
        var buffer = Room;
        var frame = FrameWriter.Samples(buffer, 7, Start, content.Units);
        foreach (var block in content.Blocks) frame.TryAdd(block.Stream, block.Samples).ShouldBeTrue();
        return buffer[..frame.Finish()];
    }

    private static (FrameUnits, Block[]) ReadBack(byte[] bytes)
    {
        var reader = FrameReader.Open(bytes);
        var (into, blocks) = (Into, new List<Block>());
        while (reader.TryRead(into, out var block)) blocks.Add(new(block.Stream, into[..block.Count]));
        return (reader.Head.Units, [.. blocks]);
    }

    [Fact]
    public void What_is_written_is_read() => Frames.Sample(content =>
    {
        var (units, blocks) = ReadBack(Write(content));
        return units == content.Units && blocks.Length == content.Blocks.Length
            && blocks.Zip(content.Blocks).All(pair => pair.First.Stream == pair.Second.Stream
                && pair.First.Samples.AsSpan().SequenceEqual(pair.Second.Samples));
    }, iter: LongRun.Samples / 4);

    [Fact]
    public void A_checked_frame_is_read_again_as_it_was_read_first() => Frames.Sample(content =>
    {
        var checkedOnce = CheckedFrame.Check(Write(content));
        var reader = checkedOnce.Open();
        var (into, at) = (Into, 0);
        while (reader.TryRead(into, out var block))
        {
            block.ShouldBe(new SampleBlock(content.Blocks[at].Stream, content.Blocks[at].Samples.Length));
            into[..block.Count].ShouldBe(content.Blocks[at++].Samples);
        }
        var times = content.Blocks.SelectMany(block => block.Samples).Select(sample => sample.AtMicroseconds).ToList();
        (at, checkedOnce.EarliestMicroseconds, checkedOnce.LatestMicroseconds, checkedOnce.Samples)
            .ShouldBe((content.Blocks.Length, times.Min(), times.Max(), times.Count));
    }, iter: LongRun.Samples / 4);

    /// <summary>Times that go to and fro between the first and the last that there are: in whole the steps are more
    /// than a number of 64 bits.</summary>
    [Fact]
    public void Times_that_go_back_as_far_as_can_be_are_read_and_those_beyond_are_refused()
    {
        static byte[] Of(long second) => Write((FrameUnits.Finest, [new Block(0, [.. Enumerable
            .Range(0, Limits.SamplesPerBlockMax).Select(i => new PowerSample(
                i % 3 == 1 ? second : Limits.FrameTimeMicrosecondsMin, 1000 + i))])]));
        var bytes = Of(Limits.FrameTimeMicrosecondsEnd - 1);
        var read = CheckedFrame.Check(bytes);
        (read.Samples, read.EarliestMicroseconds, read.LatestMicroseconds).ShouldBe((Limits.SamplesPerBlockMax,
            Limits.FrameTimeMicrosecondsMin, Limits.FrameTimeMicrosecondsEnd - 1));
        ReadBack(bytes).Item2.ShouldHaveSingleItem().Samples.Select(sample => sample.AtMicroseconds).Max()
            .ShouldBe(Limits.FrameTimeMicrosecondsEnd - 1);
        Should.Throw<InputRefusedException>(() => CheckedFrame.Check(Of(Limits.FrameTimeMicrosecondsEnd)))
            .Code.ShouldBe(Rejection.InvalidTime);
    }

    /// <summary>Blocks that repeat the times of the one before find them, whatever is read meanwhile.</summary>
    [Fact]
    public void Frames_that_are_read_in_turn_do_not_disturb_each_other()
    {
        PowerSample[] Taken(long from, int stream) =>
            [.. Enumerable.Range(0, 4).Select(i => new PowerSample(from + i * 7 + i * i, stream))];
        byte[] Of(long from) => Write((FrameUnits.Finest,
            [.. Enumerable.Range(0, 3).Select(stream => new Block(stream, Taken(from, stream)))]));
        FrameReader one = FrameReader.Open(Of(Start)), other = FrameReader.Open(Of(Start + 1_000_000));
        var into = new PowerSample[Limits.SamplesPerBlockMax];
        for (var stream = 0; stream < 3; stream++)
            foreach (var from in (long[])[Start, Start + 1_000_000])
            {
                (from == Start ? one.TryRead(into, out _) : other.TryRead(into, out _)).ShouldBeTrue();
                into[..4].ShouldBe(Taken(from, stream));
            }
    }

    /// <summary>A frame with a bit turned is refused, or it is the one form of something else.</summary>
    [Fact]
    public void Every_frame_that_is_read_is_the_one_that_would_be_written() =>
        Frames.Select(Gen.Int[0, int.MaxValue], Gen.Int[0, 7], Gen.Int[0, 3]).Sample((content, at, bit, cut) =>
        {
            var bytes = Write(content);
            bytes[at % bytes.Length] ^= (byte)(1 << bit);
            if (cut == 0) bytes = bytes[..(at % (bytes.Length + 1))];
            return IsRefusedOrCanonical(bytes);
        }, iter: LongRun.Samples);

    [Fact]
    public void Random_bytes_are_refused_and_nothing_else_happens() =>
        Gen.Byte.Array[0, 200].Select(Gen.Int[0, 6]).Sample((bytes, kind) =>
        {
            if (bytes.Length > 3 && kind > 0) (bytes[0], bytes[2]) = ((byte)(0x10 | kind), 0);
            return IsRefusedOrCanonical(bytes);
        }, iter: LongRun.Samples);

    private static bool IsRefusedOrCanonical(byte[] bytes)
    {
        byte[] again;
        try
        {
            again = Rewritten(bytes);
        }
        catch (InputRefusedException refused)
        {
            return refused.Detail.StartsWith("frame.", StringComparison.Ordinal);
        }
        return again.AsSpan().SequenceEqual(bytes);
    }

    /// <summary>Reads a frame of any kind and writes what it says.</summary>
    private static byte[] Rewritten(byte[] bytes)
    {
        var buffer = Room;
        var reader = FrameReader.Open(bytes);
        var (head, into) = (reader.Head, Into);
        FrameWriter frame;
        switch (head.Kind)
        {
            case FrameKind.Samples:
                frame = FrameWriter.Samples(buffer, head.Sequence, head.SentAtMicroseconds, head.Units);
                while (reader.TryRead(into, out var block)) frame.TryAdd(block.Stream, into.AsSpan(0, block.Count));
                break;
            case FrameKind.Announce:
                reader.TryRead(out Announcement announced);
                frame = FrameWriter.Announce(buffer, head.Sequence, head.SentAtMicroseconds, announced.Stream);
                do frame.TryAdd(announced);
                while (reader.TryRead(out announced));
                break;
            case FrameKind.Vehicle:
                frame = FrameWriter.Vehicle(buffer, head.Sequence, head.SentAtMicroseconds);
                while (reader.TryRead(out VehicleFact fact)) frame.TryAdd(fact);
                break;
            case FrameKind.GivenUp or FrameKind.Sender: // nobody sends these
                CheckedFrame.Check(bytes);
                throw new UnreachableException();
            default:
                frame = FrameWriter.Shed(buffer, head.Sequence, head.SentAtMicroseconds);
                while (reader.TryRead(out ShedSamples shed)) frame.TryAdd(shed);
                break;
        }
        return buffer[..frame.Finish()];
    }

    /// <summary>The bytes of docs/frame-format.md's example, byte by byte.</summary>
    [Fact]
    public void The_bytes_are_those_of_the_document()
    {
        var bytes = Write((new(1000, 1000), [
            new(0, [new(Start, 7_000_000), new(Start + 20_000, 7_001_000), new(Start + 40_000, 7_003_000)]),
            new(1, [new(Start, -1000), new(Start + 20_000, -1000), new(Start + 40_000, -1000)])]));
        Convert.ToHexStringLower(bytes).ShouldBe(
            "12" + "0200" + "07" + "80c08db6b2fd9203" + "e807" + "e807" // head
            + "22" + "03" + "00" + "28" + "b06d" + "02" + "34" // the first block: levels 7000 and 0, 1, 3 above
            + "04" + "01"); // the second: the same times, -1 throughout
    }

    [Fact]
    public void A_ramp_is_written_as_differences_and_noise_as_levels()
    {
        var ramp = Enumerable.Range(0, 100).Select(i => new PowerSample(Start + i, i * 1_000_000L)).ToArray();
        Write((FrameUnits.Finest, [new(0, ramp)])).Length.ShouldBe(14 + 1 + 1 + 1 + 1 + 1 + 3);
        var noise = Enumerable.Range(0, 100).Select(i => new PowerSample(Start + i, i * 37 % 128)).ToArray();
        Write((FrameUnits.Finest, [new(0, noise)])).Length.ShouldBe(14 + 1 + 1 + 1 + 1 + 1 + 1 + 88);
    }

    [Fact]
    public void A_run_of_connectors_costs_two_bytes_each_beside_their_values()
    {
        var one = Enumerable.Range(0, 10).Select(i => new PowerSample(Start + (i * 20_000), 5_000)).ToArray();
        var blocks = Enumerable.Range(0, 101).Select(stream => new Block(stream, one)).ToArray();
        (Write((new(1000, 1000), blocks)).Length - Write((new(1000, 1000), blocks[..1])).Length).ShouldBe(100 * 2);
    }

    [Fact]
    public void A_block_that_has_no_room_changes_nothing()
    {
        var block = Enumerable.Range(0, 100).Select(i => new PowerSample(Start + i, i * i)).ToArray();
        for (var room = FrameWriter.HeadBytesMax; room < 400; room++)
        {
            var buffer = new byte[room];
            var frame = FrameWriter.Samples(buffer, 7, Start, FrameUnits.Finest);
            frame.TryAdd(0, block.AsSpan(0, 1)).ShouldBe(room > 40 || frame.Entries == 1);
            if (frame.Entries == 0) continue;
            var taken = frame.TryAdd(1, block);
            CheckedFrame.Check(buffer.AsMemory(0, frame.Finish())).Samples.ShouldBe(taken ? 101 : 1);
        }
    }

    [Fact]
    public void Announcements_vehicles_and_shed_samples_are_read_as_written()
    {
        var buffer = new byte[1000];
        Announcement[] announced =
        [
            new(3, new("CP1"), SampleSemantics.Instant, 20_000),
            new(4, new("DE*ABC*E1*2"), SampleSemantics.Hold, Limits.NominalPeriodMicrosecondsMax),
        ];
        var announce = FrameWriter.Announce(buffer, 1, Start, 3);
        foreach (var entry in announced) announce.TryAdd(entry).ShouldBeTrue();
        var reader = FrameReader.Open(buffer.AsSpan(0, announce.Finish()));
        foreach (var entry in announced)
        {
            reader.TryRead(out Announcement found).ShouldBeTrue();
            found.ShouldBe(entry);
        }
        reader.TryRead(out Announcement _).ShouldBeFalse();

        VehicleFact[] facts =
        [
            new(0, Start, 200_000, 400_000, 150_000, 390_000, 5_512),
            new(0, Start - 5, StateOfCharge: 0),
            new(9, Start + 7, StopReason: Limits.StopReasonMax),
        ];
        var vehicle = FrameWriter.Vehicle(buffer, 2, Start);
        foreach (var fact in facts) vehicle.TryAdd(fact).ShouldBeTrue();
        reader = FrameReader.Open(buffer.AsSpan(0, vehicle.Finish()));
        foreach (var fact in facts)
        {
            reader.TryRead(out VehicleFact found).ShouldBeTrue();
            found.ShouldBe(fact);
        }
        reader.TryRead(out VehicleFact _).ShouldBeFalse();

        ShedSamples[] given = [new(2, Start, Start, 1), new(2, Start + 1, Start + 10, 4)];
        var shed = FrameWriter.Shed(buffer, 3, Start);
        foreach (var entry in given) shed.TryAdd(entry).ShouldBeTrue();
        var length = shed.Finish();
        var check = CheckedFrame.Check(buffer.AsMemory(0, length));
        (check.Head.Sequence, check.EarliestMicroseconds, check.LatestMicroseconds, check.HighestStream)
            .ShouldBe((3, Start, Start + 10, 2));
        reader = FrameReader.Open(check.Bytes.Span);
        foreach (var entry in given)
        {
            reader.TryRead(out ShedSamples found).ShouldBeTrue();
            found.ShouldBe(entry);
        }
        reader.TryRead(out ShedSamples _).ShouldBeFalse();
        // That the ledger gave samples up no sender may say.
        buffer[0] = 0x15;
        var refused = Should.Throw<InputRefusedException>(() => CheckedFrame.Check(buffer.AsMemory(0, length)));
        (refused.Code, refused.Field, refused.Value).ShouldBe((Rejection.UnknownFormat, "frame.kind", "21"));
    }

    /// <summary>A curve has no field for a person, so its evidence is not sealed under a person's key.</summary>
    [Fact]
    public void A_fact_of_a_vehicle_has_no_text() =>
        typeof(VehicleFact).GetProperties().Select(property => property.PropertyType).Distinct()
            .ShouldBe([typeof(int), typeof(long), typeof(int?)], ignoreOrder: true);

    private const string Head = "07" + "80c08db6b2fd9203";

    [Theory]
    [InlineData("", Rejection.Truncated, "kind")]
    [InlineData("22010007", Rejection.UnknownFormat, "kind")]
    [InlineData("10010007", Rejection.UnknownFormat, "kind")]
    [InlineData("15010007", Rejection.UnknownFormat, "kind")]
    [InlineData("160100" + Head + "0441434d4503" + "6b696d", Rejection.UnknownFormat, "kind")]
    [InlineData("17010007", Rejection.UnknownFormat, "kind")]
    [InlineData("12000007", Rejection.EmptyInput, "entry count")]
    [InlineData("1201008700", Rejection.Malformed, "sequence")]
    [InlineData("120100ffffffffffffffffff01", Rejection.Malformed, "sequence")]
    [InlineData("1201000700", Rejection.Truncated, "time unit")]
    [InlineData("110100" + Head + "00" + "00" + "01" + "0141", Rejection.OutOfRange, "entries[0].semantics")]
    [InlineData("12010007ffffffffffffff7f", Rejection.OutOfRange, "sent at")]
    [InlineData("120100" + Head + "0001", Rejection.OutOfRange, "time unit")]
    [InlineData("120100" + Head + "01818040", Rejection.OutOfRange, "power unit")]
    [InlineData("120100" + Head + "0101" + "42" + "01" + "00" + "00", Rejection.Malformed, "entries[0].control")]
    [InlineData("120100" + Head + "0101" + "00" + "00" + "00", Rejection.Malformed, "entries[0].count")]
    [InlineData("120100" + Head + "0101" + "02" + "00" + "00" + "00", Rejection.OutOfRange, "entries[0].count")]
    [InlineData("120100" + Head + "0101" + "02" + "8108" + "00" + "00", Rejection.OutOfRange, "entries[0].count")]
    [InlineData("120100" + Head + "0101" + "03" + "01" + "01" + "00" + "00", Rejection.Malformed, "entries[0].stream")]
    [InlineData("120100" + Head + "0101" + "03" + "00" + "01" + "00" + "00", Rejection.OutOfRange, "entries[0].stream")]
    [InlineData("120100" + Head + "0101" + "06" + "01" + "00", Rejection.Malformed, "entries[0].times")]
    [InlineData("120100" + Head + "0101" + "0a" + "01" + "00" + "01" + "00", Rejection.Malformed, "entries[0].time width")]
    [InlineData("120100" + Head + "0101" + "0a" + "02" + "00" + "00" + "00" + "00", Rejection.OutOfRange, "entries[0].time width")]
    [InlineData("120100" + Head + "0101" + "0a" + "02" + "00" + "00" + "36" + "00", Rejection.OutOfRange, "entries[0].time width")]
    [InlineData("120100" + Head + "0101" + "0a" + "02" + "00" + "00" + "01" + "01" + "00", Rejection.Malformed, "entries[0].times")]
    [InlineData("120100" + Head + "0101" + "0a" + "03" + "00" + "00" + "02" + "04" + "00", Rejection.Malformed, null)]
    [InlineData("120100" + Head + "0101" + "0a" + "03" + "00" + "00" + "01" + "06" + "00", Rejection.Malformed, "entries[0].times")]
    [InlineData("120100" + Head + "0101" + "0a" + "03" + "00" + "00" + "01" + "02", Rejection.Truncated, "entries[0].power")]
    [InlineData("120100" + Head + "0101" + "02" + "01" + "00" + "828080808080808001", Rejection.OutOfRange, "entries[0].power")]
    [InlineData("120100" + Head + "0101" + "12" + "01" + "00" + "00" + "00", Rejection.Malformed, "entries[0].powers")]
    [InlineData("120100" + Head + "0101" + "02" + "01" + "00" + "00" + "00", Rejection.Malformed, "bytes[18]")]
    [InlineData("120200" + Head + "0101" + "02" + "01" + "00" + "00" + "02" + "01" + "00" + "00", Rejection.Malformed, "entries[1].count")]
    [InlineData("120200" + Head + "0101" + "02" + "01" + "00" + "00" + "00" + "00" + "00", Rejection.Malformed, "entries[1].times")]
    [InlineData("110100" + Head + "00" + "05" + "01" + "0141", Rejection.OutOfRange, "entries[0].semantics")]
    [InlineData("110100" + Head + "00" + "01" + "00" + "0141", Rejection.OutOfRange, "entries[0].nominal period")]
    [InlineData("110100" + Head + "00" + "01" + "01" + "00", Rejection.InvalidIdentifier, "entries[0].point")]
    [InlineData("110100" + Head + "00" + "01" + "01" + "01c1", Rejection.InvalidIdentifier, "entries[0].point")]
    [InlineData("110200" + Head + "ffff03" + "01" + "01" + "0141" + "01" + "01" + "0141", Rejection.OutOfRange, "entries[1].stream")]
    [InlineData("130100" + Head + "00" + "00" + "00", Rejection.Malformed, "entries[0].said")]
    [InlineData("130100" + Head + "00" + "00" + "40" + "00", Rejection.Malformed, "entries[0].said")]
    [InlineData("130100" + Head + "00" + "00" + "10" + "914e", Rejection.OutOfRange, "entries[0].state of charge")]
    [InlineData("140100" + Head + "00" + "00" + "00" + "00", Rejection.OutOfRange, "entries[0].count")]
    [InlineData("140100" + Head + "00" + "00" + "ffffffffffffff07" + "01", Rejection.OutOfRange, "entries[0].length")]
    [InlineData("140100" + Head + "00" + "00" + "8080808080808005" + "01", Rejection.InvalidTime, "entries[0].last")]
    public void What_breaks_a_rule_is_refused_with_its_field(string hex, Rejection code, string? field)
    {
        var refused = Should.Throw<InputRefusedException>(() => CheckedFrame.Check(Convert.FromHexString(hex)));
        refused.Code.ShouldBe(code);
        if (field is not null) refused.Field.ShouldBe($"frame.{field}");
    }

    [Fact]
    public void A_frame_of_more_than_the_largest_is_refused_before_it_is_read() =>
        Should.Throw<InputRefusedException>(() => CheckedFrame.Check(new byte[Limits.FrameBytesMax + 1]))
            .Code.ShouldBe(Rejection.TooLarge);

    /// <summary>Blocks that take five bytes for a thousand samples: the work of a frame has a bound of its
    /// own.</summary>
    [Fact]
    public void A_frame_has_at_most_so_many_samples()
    {
        var block = new PowerSample[1024];
        Array.Fill(block, new(Start, 0));
        var buffer = new byte[Limits.FrameBytesMax];
        var frame = FrameWriter.Samples(buffer, 0, Start, FrameUnits.Finest);
        var taken = 0;
        while (frame.TryAdd(taken, block)) taken++;
        taken.ShouldBe(Limits.SamplesPerFrameMax / 1024);
        CheckedFrame.Check(buffer.AsMemory(0, frame.Finish())).Samples.ShouldBe(Limits.SamplesPerFrameMax);
        var bytes = buffer[..(frame.Finish() + 2)];
        (bytes[1], bytes[2], bytes[^2], bytes[^1]) = (0x01, 0x04, 4, 0);
        Should.Throw<InputRefusedException>(() => CheckedFrame.Check(bytes)).Code.ShouldBe(Rejection.TooLarge);
    }

    [Theory]
    [InlineData(1, 0, Rejection.InvalidTime)]
    [InlineData(0, 1, Rejection.OutOfRange)]
    [InlineData(long.MaxValue, 0, Rejection.InvalidTime)]
    [InlineData(0, Limits.PowerMilliwattsMax + 1000, Rejection.PowerAboveLimit)]
    [InlineData(0, long.MinValue, Rejection.PowerAboveLimit)]
    public void The_writer_refuses_what_no_reader_would_take(long time, long power, Rejection code)
    {
        var buffer = new byte[100];
        PowerSample[] samples = [new(unchecked(Start + time), power)];
        Should.Throw<InputRefusedException>(() =>
            FrameWriter.Samples(buffer, 0, Start, new(1000, 1000)).TryAdd(0, samples)).Code.ShouldBe(code);
    }

    [Fact]
    public void The_limits_themselves_are_written_and_read()
    {
        var (units, samples) = (FrameUnits.Finest, new PowerSample[]
        {
            new(Limits.FrameTimeMicrosecondsEnd - 1, Limits.PowerMilliwattsMax),
            new(Limits.FrameTimeMicrosecondsMin, -Limits.PowerMilliwattsMax),
            new(Limits.FrameTimeMicrosecondsEnd - 1, Limits.PowerMilliwattsMax),
        });
        ReadBack(Write((units, [new(Limits.StreamsPerSessionMax - 1, samples)]))).Item2[0].Samples.ShouldBe(samples);
    }
}
