using CsCheck;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

public class IntervalRecordBytesTests
{
    private static readonly Instant Start = Instant.FromUtc(2026, 3, 1, 8, 0);

    private static readonly IntervalRecorded Full = new(
        new SettlementPointId("ST01/CP3"), new Interval(Start, Start + Duration.FromMinutes(15)), 2,
        IntervalRecordState.Final,
        Energy.FromWattHours(125_000), Energy.FromWattHours(3), new Power(-5_000_000), new Power(640_123_456),
        870_000_000, 12_345,
        [new CurveGap(Between(60, 75)), new CurveGap(Between(885, 900))],
        870, 3, 2, 1, -4_000_000, ReadingQuality.Suspect, "clock: 4 s behind 峰",
        new EvidenceDigest(new string('c', 64)));

    private static readonly IntervalRecorded Least =
        Full with { Gaps = [], Reason = null, Version = 1, Point = new SettlementPointId("P") };

    private static readonly IntervalRecorded Streamed = Full with
    {
        Gaps = [Full.Gaps[0] with { Cause = GapCause.Lost }, Full.Gaps[1]],
        Stream = new(SampleSemantics.MeanBack, 1_000_000, 123_456, -7, 20_000, 3),
    };

    private static readonly Gen<Instant> Instants =
        Gen.Long[-621_355_968_000_000_000, 2_534_022_144_000_000_000].Select(Instant.FromUnixTimeTicks);

    private static readonly Gen<Interval> Intervals =
        Gen.Select(Instants, Gen.Long[0, 36_000_000_000])
            .Select((from, ticks) => new Interval(from, from.PlusTicks(ticks)));

    private static readonly Gen<Energy> Energies = Gen.Select(Gen.Long, Gen.ULong).Select((upper, lower) =>
        new Energy(new Int128((ulong)(upper & long.MaxValue), lower) * (upper < 0 ? -1 : 1)));

    private static readonly Gen<string> Texts = Gen.Char[' ', '\uD7FF'].Array[0, 40].Select(letters =>
        new string(letters));

    private static readonly Gen<IntervalRecorded> Records =
        from point in Gen.Char["abcXYZ019._:*-/"].Array[1, 64]
        from period in Intervals
        from numbers in Gen.Int.Array[5]
        from longs in Gen.Long.Array[5]
        from energies in Energies.Array[2]
        from state in Gen.Enum<IntervalRecordState>()
        from quality in Gen.Enum<ReadingQuality>()
        from gaps in Intervals.Array[0, 40]
        from reason in Texts.Null()
        from digest in Gen.Byte.Array[32]
        select new IntervalRecorded(
            new SettlementPointId(new string(point)), period, numbers[0], state, energies[0], energies[1],
            new Power(longs[0]), new Power(longs[1]), longs[2], longs[3], [.. gaps.Select(gap => new CurveGap(gap))],
            numbers[1], numbers[2], numbers[3], numbers[4], longs[4], quality, reason,
            new EvidenceDigest(Convert.ToHexStringLower(digest)));

    private static readonly Gen<IntervalRecorded> AnyRecords = Gen.OneOf(Records,
        from record in Records
        from semantics in Gen.Enum<SampleSemantics>()
        from longs in Gen.Long.Array[4]
        from missing in Gen.Int
        from causes in Gen.Enum<GapCause>().Nullable().Array[record.Gaps.Count]
        from isDeclared in Gen.Bool
        select record with
        {
            Gaps = [.. record.Gaps.Zip(causes, (gap, cause) => gap with { Cause = cause })],
            Stream = isDeclared ? new(semantics, longs[0], longs[1], longs[2], longs[3], missing) : null,
        });

    [Fact]
    public void The_bytes_are_the_accepted_ones()
    {
        Snapshot.Match(IntervalRecordBytes.Write(Full), "IntervalRecordBytes.full");
        Snapshot.Match(IntervalRecordBytes.Write(Least), "IntervalRecordBytes.least");
        Snapshot.Match(EventCodec.ToJson(Full), "IntervalRecordBytes.json");
        IntervalRecordBytes.Write(Least).Length.ShouldBe(149);
        Snapshot.Match(IntervalRecordBytes.Write(Streamed), "IntervalRecordBytes.stream");
        Snapshot.Match(EventCodec.ToJson(Streamed), "IntervalRecordBytes.stream");
    }

    [Fact]
    public void A_record_that_says_nothing_of_a_stream_is_layout_1()
    {
        IntervalRecordBytes.Write(Full)[0].ShouldBe((byte)1);
        EventCodec.Encode(Full).Version.ShouldBe(1);
        EventCodec.Encode(Streamed).Version.ShouldBe(2);
        foreach (var more in new[] { Streamed with { Gaps = [] }, Full with { Gaps = Streamed.Gaps } })
            IntervalRecordBytes.Write(more)[0].ShouldBe((byte)2);
        Should.Throw<PoisonEventException>(() =>
            EventCodec.Decode("interval-recorded", 1, IntervalRecordBytes.Write(Streamed)));
        Should.Throw<PoisonEventException>(() =>
            EventCodec.Decode("interval-recorded", 2, IntervalRecordBytes.Write(Full)));
        byte[] nothing = [2, .. IntervalRecordBytes.Write(Full)[1..], 0, 0, 0];
        Refusal(nothing).ShouldContain("says nothing that layout 1 does not");
        var bytes = IntervalRecordBytes.Write(Streamed);
        for (var cut = 1; cut < bytes.Length; cut++) Refusal(bytes[..cut]).ShouldContain("cut short");
        Refusal([.. bytes, 0]).ShouldBe("1 bytes follow the interval record");
        const int semantics = 37, secondCause = 39; // from the end
        Refusal([.. bytes[..^semantics], 9, .. bytes[^(semantics - 1)..]]).ShouldBe("9 is no SampleSemantics");
        Refusal([.. bytes[..^secondCause], 9, .. bytes[^(secondCause - 1)..]]).ShouldBe("9 is no GapCause");
    }

    [Fact]
    public void Every_record_comes_back_and_has_one_encoding() => AnyRecords.Sample(record =>
    {
        var bytes = IntervalRecordBytes.Write(record);
        var back = IntervalRecordBytes.Read(bytes);
        // Records compare their lists by reference; the content of the lists is compared beside them.
        return back with { Gaps = record.Gaps } == record && back.Gaps.SequenceEqual(record.Gaps)
            && IntervalRecordBytes.Write(back).AsSpan().SequenceEqual(bytes);
    });

    [Fact]
    public void The_view_as_JSON_says_the_same() => AnyRecords.Sample(record =>
    {
        var viewed = EventCodec.FromJson(
            "interval-recorded", EventCodec.Encode(record).Version, EventCodec.ToJson(record));
        return IntervalRecordBytes.Write((IntervalRecorded)viewed).AsSpan()
            .SequenceEqual(IntervalRecordBytes.Write(record));
    });

    [Fact]
    public void Bytes_that_are_cut_short_or_followed_by_others_are_refused()
    {
        var bytes = IntervalRecordBytes.Write(Full);
        for (var cut = 0; cut < bytes.Length; cut++) Refusal(bytes[..cut]).ShouldContain("cut short");
        Refusal([.. bytes, 0]).ShouldBe("1 bytes follow the interval record");
    }

    [Fact]
    public void A_changed_byte_is_refused_or_read_as_another_record() =>
        Gen.Select(Gen.Int[0, 203], Gen.Byte[1, 255]).Sample((at, change) =>
    {
        var bytes = IntervalRecordBytes.Write(Full);
        bytes[at] ^= change;
        try
        {
            return IntervalRecordBytes.Write(IntervalRecordBytes.Read(bytes)).AsSpan().SequenceEqual(bytes);
        }
        catch (Exception e) when (e is InvalidDataException or System.Text.Json.JsonException)
        {
            return true;
        }
    });

    [Fact]
    public void What_no_record_can_be_is_refused()
    {
        const int point = 4, to = 12, state = 24, reason = 147;
        var bytes = IntervalRecordBytes.Write(Least);
        Refusal(With(0, 3)).ShouldBe("interval record layout 3 is unknown; this program reads 1 and 2");
        Refusal(With(point - 1, (byte)' ')).ShouldBe("the interval record names no settlement point");
        Refusal(With(point - 1, 0xff)).ShouldBe("a text of the interval record is not UTF-8");
        Refusal(With(point, 0x7f)).ShouldContain("ticks, which no calendar reaches");
        Refusal(With(to, 0x80)).ShouldContain("ticks, which no calendar reaches");
        Refusal(With(to + 1, 0)).ShouldBe("an interval ends before it starts");
        Refusal(With(state, 9)).ShouldBe("9 is no IntervalRecordState");
        Refusal(With(reason - 1, 2)).ShouldBe("a flag of the interval record is 2, neither 0 nor 1");
        Should.Throw<ArgumentException>(() =>
            IntervalRecordBytes.Write(Least with { Period = new Interval(Start.PlusNanoseconds(1), null) }));

        byte[] With(int at, byte value) => [.. bytes[..at], value, .. bytes[(at + 1)..]];
    }

    private static Interval Between(int fromSeconds, int toSeconds) =>
        new(Start + Duration.FromSeconds(fromSeconds), Start + Duration.FromSeconds(toSeconds));

    private static string Refusal(byte[] bytes) =>
        Should.Throw<InvalidDataException>(() => IntervalRecordBytes.Read(bytes)).Message;
}
