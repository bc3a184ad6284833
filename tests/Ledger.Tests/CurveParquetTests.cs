using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;
using Parquet;
using Parquet.Meta;
using Parquet.Schema;
using Shouldly;
using static Ledger.Tests.ParquetBytes;
using Type = Parquet.Meta.Type;

namespace Ledger.Tests;

/// <summary>Parquet files of other programs: the types and encodings that they write, and what is told of those that no
/// curve has.</summary>
public sealed class CurveParquetTests
{
    private const long Start = 1_769_990_400; // seconds
    private static readonly Column Point = new("point", Type.BYTE_ARRAY, Texts("A", "A"), Older: ConvertedType.UTF8);
    private static readonly Column Power = new("kw", Type.DOUBLE, Doubles(1.5, 2.5));
    private static readonly Column Time = Times(1_000_000, 0, Timestamp(isUtc: true, 2));

    private static Column Times(
        long unitsPerSecond, long further, (int, byte[])? meaning, ConvertedType? older = null) =>
        new("time", Type.INT64, Longs(Start * unitsPerSecond + further, (Start + 1) * unitsPerSecond + further), meaning,
            older);

    /// <summary>What is taken is read again as it was.</summary>
    private static Refusal? Read(out CurveBatch? batch, params Column[] columns)
    {
        if (CurveParquet.Read(Of(2, columns), new IntakeHints(), out batch) is { } refused) return refused;
        CurveParquet.Read(Of(2, columns), new IntakeHints(), out var again, again: true).ShouldBeNull();
        again!.Curves.ShouldHaveSingleItem().Samples.ShouldBe(batch!.Curves.ShouldHaveSingleItem().Samples);
        return null;
    }

    private static void ShouldBeTheCurve(CurveBatch? batch, params long[] milliwatts) =>
        batch!.Curves.ShouldHaveSingleItem().Samples.ShouldBe(
            [new(Start * 1_000_000, milliwatts[0]), new((Start + 1) * 1_000_000, milliwatts[1])]);

    [Theory]
    [InlineData(1_000, 1)]
    [InlineData(1_000_000, 2)]
    [InlineData(1_000_000_000, 3)]
    public void An_instant_is_read_from_its_integers(long unitsPerSecond, int unit)
    {
        Read(out var batch, Point, Times(unitsPerSecond, 0, Timestamp(isUtc: true, unit)), Power).ShouldBeNull();
        ShouldBeTheCurve(batch, 1_500_000, 2_500_000);
    }

    [Theory]
    [InlineData(1_000, ConvertedType.TIMESTAMP_MILLIS)]
    [InlineData(1_000_000, ConvertedType.TIMESTAMP_MICROS)]
    public void So_is_one_that_only_says_its_older_type(long unitsPerSecond, ConvertedType older)
    {
        Read(out var batch, Point, Times(unitsPerSecond, 0, null, older), Power).ShouldBeNull();
        ShouldBeTheCurve(batch, 1_500_000, 2_500_000);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(50)]
    [InlineData(999)]
    public void Nothing_below_a_microsecond_is_cut_off(long nanoseconds)
    {
        var refused = Read(out var batch, Point, Times(1_000_000_000, nanoseconds, Timestamp(isUtc: true, 3)), Power);
        (refused!.Code, batch).ShouldBe((Rejection.InvalidTime, null));
        refused.Detail.ShouldBe($"curve row 1: column time: {Start}{nanoseconds:D9} ns: an instant is a whole number of "
            + "microseconds");
    }

    [Fact]
    public void A_time_beyond_any_calendar_is_named()
    {
        Read(out _, Point, Time with { Values = Longs(Start * 1_000_000, 1L << 62) }, Power)!.ShouldBe(new(
            Rejection.InvalidTime, $"curve row 2: column time: {1L << 62} is no Unix time in microseconds"));
    }

    [Fact]
    public void Integers_are_read_from_steps_also_where_they_are_instants_or_decimal_numbers()
    {
        var time = Time with
        {
            Values = Steps(Start * 1_000_000, 1_000_000, 2),
            Encoding = Encoding.DELTA_BINARY_PACKED,
        };
        foreach (var type in (Type[])[Type.INT32, Type.INT64])
        {
            var power = new Column("kw", type, Steps(15, 10, 2), Older: ConvertedType.DECIMAL, Number: (9, 1),
                Encoding: Encoding.DELTA_BINARY_PACKED);
            Read(out var batch, Point, time, power).ShouldBeNull();
            ShouldBeTheCurve(batch, 1_500_000, 2_500_000);
        }
    }

    [Fact]
    public void A_decimal_number_has_the_decimals_of_its_type()
    {
        var power = new Column("kw", Type.INT64, Longs(15_000_000_5, -25_000_001_5), (5, [0x15, 14, 0x15, 20, 0]),
            ConvertedType.DECIMAL, (10, 7));
        Read(out var batch, Point, Time, power).ShouldBeNull();
        ShouldBeTheCurve(batch, 15_000_000, -25_000_002);
        batch!.Rounded.ShouldBe(2);
        // Programs differ in which of two statements they take.
        Read(out _, Point, Time, power with { Number = (10, 0) })!.Detail
            .ShouldBe("curve: column kw states 7 decimals, and 0 by its older type");
    }

    /// <summary>Evidence is read by the first column of a name, wherever it lies.</summary>
    [Fact]
    public async Task A_column_of_the_name_inside_another_is_refused_where_it_stands_first()
    {
        var ct = TestContext.Current.CancellationToken;
        var (inside, time, kw) = (new DataField<double?>("kw"), new DataField<long>("time_us"), new DataField<double?>("kw"));
        foreach (var isFirst in (bool[])[true, false])
        {
            var meta = new StructField("meta", inside);
            var schema = isFirst ? new ParquetSchema(meta, time, kw) : new ParquetSchema(time, kw, meta);
            using var file = new MemoryStream();
            await using (var writer = await ParquetWriter.CreateAsync(schema, file, cancellationToken: ct))
            {
                using var group = writer.CreateRowGroup();
                foreach (var field in schema.DataFields)
                    if (field.ClrType == typeof(long))
                        await group.WriteAsync<long>(field, new[] { Start * 1_000_000 }, cancellationToken: ct);
                    else await group.WriteAsync<double>(
                        field, new double?[] { field.Path.Length > 1 ? 1.0 : 2.0 }, cancellationToken: ct);
            }
            var hints = new IntakeHints(new("P1"));
            var refused = CurveParquet.Read(file.ToArray(), hints, out var batch);
            if (isFirst) refused!.Detail.ShouldStartWith("curve: column meta.kw lies inside another");
            else
            {
                refused.ShouldBeNull();
                CurveParquet.Read(file.ToArray(), hints, out var again, again: true).ShouldBeNull();
                again!.Curves.Single().Samples.ShouldBe(batch!.Curves.Single().Samples);
            }
        }
    }

    public static TheoryData<string, string> Unfit() => new()
    {
        { "date", "column time is DATE; it has to be TIMESTAMP, adjusted to UTC" },
        { "int96", "column time is INT96; it has to be TIMESTAMP, adjusted to UTC" },
        { "local", "column time is TIMESTAMP without UTC; it has to be TIMESTAMP, adjusted to UTC" },
        { "integer", "column time is INT64; it has to be TIMESTAMP, adjusted to UTC" },
        { "text", "column kw is UTF8; it has to be DECIMAL, DOUBLE or FLOAT" },
        { "unsigned", "column mw is UINT_64; it has to be INT64" },
        { "bytes", "column point is BYTE_ARRAY; it has to be text (UTF8)" },
    };

    private static Column[] UnfitColumns(string name) => name switch
    {
        "date" => [Point, new("time", Type.INT32, Integers(20_486, 20_487), Older: ConvertedType.DATE), Power],
        "int96" => [Point, new("time", Type.INT96, [.. Int96(0), .. Int96(1)]), Power],
        // The older type says that it is UTC, and the newer one holds.
        "local" => [Point, Times(1_000_000, 0, Timestamp(isUtc: false, 2), ConvertedType.TIMESTAMP_MICROS), Power],
        "integer" => [Point, Times(1_000_000, 0, null), Power],
        "text" => [Point, Time, Power with { Type = Type.BYTE_ARRAY, Values = Texts("1", "2"), Older = ConvertedType.UTF8 }],
        "unsigned" => [Point, Time, new("mw", Type.INT64, Longs(1, 2), Older: ConvertedType.UINT_64)],
        _ => [Point with { Older = null }, Time, Power],
    };

    /// <summary>Nanoseconds of the day and the Julian day.</summary>
    private static byte[] Int96(long second) =>
        [.. Longs(second * 1_000_000_000), .. Integers((int)(Start / 86_400) + 2_440_588)];

    [Theory, MemberData(nameof(Unfit))]
    public void A_column_of_another_type_is_refused_in_the_words_of_the_format(string name, string why) =>
        Read(out _, UnfitColumns(name)).ShouldBe(new(Rejection.Malformed, $"curve: {why}"));

    [Fact]
    public void Other_columns_are_passed_over_also_lists()
    {
        var list = new Column("tags", Type.INT32, Integers(1, 2, 3, 4), IsList: true);
        Read(out var batch, list, Point, Time, Power).ShouldBeNull();
        ShouldBeTheCurve(batch, 1_500_000, 2_500_000);
        // A list is no column of a curve, whatever it is named.
        Read(out _, Point, Time, list with { Name = "kw" })!.Code.ShouldBe(Rejection.MissingField);
    }

    [Theory]
    [InlineData("kw", "mw")]
    [InlineData("mw", "kw")]
    [InlineData("kw", "kw")]
    public void Two_columns_of_the_same_are_refused_whichever_stands_first(string first, string second)
    {
        Column Of(string name) =>
            name == "kw" ? Power : new("mw", Type.INT64, Longs(7, 8));
        Read(out var batch, Point, Time, Of(first), Of(second)).ShouldBe(new(Rejection.UnknownField,
            $"curve: columns {first} and {second} say the same; a file has one of them"));
        batch.ShouldBeNull();
        Read(out _, Point, Time, new("time_us", Type.INT64, Longs(1, 2)), Power)!.Code.ShouldBe(Rejection.UnknownField);
    }

    [Fact]
    public void A_column_that_can_not_be_decoded_is_named_with_its_type_and_encoding()
    {
        byte[] most = [0x7F, .. Enumerable.Repeat((byte)0xFF, 15)];
        var power = new Column("kw", Type.FIXED_LEN_BYTE_ARRAY, [.. most, .. most], Older: ConvertedType.DECIMAL,
            Number: (38, 30), Length: 16);
        var refused = Read(out _, Point, Time, power);
        refused!.Code.ShouldBe(Rejection.Malformed);
        refused.Detail.ShouldStartWith("curve: column kw, which is DECIMAL(38,30) in PLAIN, can not be decoded: ");
    }

    [Fact]
    public void Evidence_is_read_again_as_it_was()
    {
        void ShouldBeAsBefore(params Column[] columns)
        {
            CurveParquet.Read(Of(2, columns), new IntakeHints(), out var batch, again: true).ShouldBeNull();
            ShouldBeTheCurve(batch, 1_500_000, 2_500_000);
        }
        ShouldBeAsBefore(UnfitColumns("int96"));
        ShouldBeAsBefore(Point, Times(1_000_000_000, 50, Timestamp(isUtc: true, 3)), Power);
        ShouldBeAsBefore(Point, Time, Power, new("mw", Type.INT64, Longs(7, 8)));
        CurveParquet.Read(Of(2, UnfitColumns("date")), new IntakeHints(), out var days, again: true).ShouldBeNull();
        days!.Curves.ShouldHaveSingleItem().Samples.Select(sample => sample.AtMicroseconds)
            .ShouldBe([20_486 * 86_400_000_000, 20_487 * 86_400_000_000]);
        CurveParquet.Read(Of(2, Point, Times(1_000_000_000, 150, Timestamp(isUtc: true, 3)), Power), new IntakeHints(),
            out _, again: true)!.Code.ShouldBe(Rejection.InvalidTime);
    }

    [Fact]
    public async Task Records_of_evidence_that_would_be_refused_now_are_derived_again()
    {
        static byte[] File(long nanoseconds) => Of(31,
            Point with { Values = Texts([.. Enumerable.Repeat("CP1", 31)]) },
            Times(1_000_000_000, 0, Timestamp(isUtc: true, 3)) with
            {
                Values = Longs(
                    [.. Enumerable.Range(0, 31).Select(i => (Start + i * 60L) * 1_000_000_000 + nanoseconds)]),
            },
            Power with { Values = Doubles([.. Enumerable.Repeat(10.5, 31)]) });
        await using var ledger = new IntakeLedger();
        ledger.Clock.Now = Instant.FromUnixTimeSeconds(Start) + Duration.FromHours(25);
        await ledger.TakeAsync(IntakeLedger.Connector);
        await ledger.TakeAsync(File(0));
        (await ledger.TakeAsync(File(50))).Outcomes.ShouldHaveSingleItem().ShouldBeOfType<RecordOutcome.Refused>();
        var findings = new Findings();
        var verification = new RecordVerification(_ => File(50), findings); // as it would have been kept
        foreach (var record in (await ledger.FactsAsync()).OfType<IntervalRecorded>()) verification.Verify(0, record);
        verification.Finish();
        verification.Derived.Records.ShouldBe(2);
        findings.Faults.ShouldBeEmpty();
    }
}
