using CsCheck;
using Ledger.Domain;
using Ledger.Ingest;
using Parquet;
using Parquet.Schema;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Curves that the ledger packed itself are read by a reader of their own: it says what Parquet.Net says of the same
/// bytes, also where they are damaged, or says nothing.
/// </summary>
public sealed class PackedCurveTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    // Steps that are even, jitter or jump, also backwards; powers that stay, drift or jump to their limits.
    private static readonly Gen<PowerSample[]> Samples = Gen.Select(
        Gen.Long[-1_000_000_000_000_000, 4_000_000_000_000_000],
        Gen.OneOf(Gen.Const(1_000_000L).Array[0, 400], Gen.Long[900_000, 1_100_000].Array[0, 400],
            Gen.Long[-5_000_000_000_000, 5_000_000_000_000].Array[0, 70]),
        Gen.OneOf(Gen.Long[-50, 50], Gen.Long[-1_000_000_000, 1_000_000_000],
            Gen.Int[-1, 1].Select(sign => sign * Limits.PowerMilliwattsMax)).Array[401],
        (start, steps, powers) =>
        {
            var samples = new PowerSample[steps.Length + 1];
            for (var (i, at) = (0, start); i < samples.Length; at += i < steps.Length ? steps[i] : 0, i++)
                samples[i] = new(at, powers[i]);
            return samples;
        });

    private static readonly Gen<PointCurve[]> Curves = Samples.Array[1, 4].Select(all => all
        .Select((samples, i) => new PointCurve(new SettlementPointId($"ST1/CP{i}"), samples)).ToArray());

    [Fact]
    public Task What_was_written_is_read_as_Parquet_Net_reads_it() => Curves.SampleAsync(async curves =>
    {
        var file = await FileAsync(curves);
        CurveParquet.Read(file, new IntakeHints(null), out var batch).ShouldBeNull();
        batch!.Curves.Select(curve => curve.Point).ShouldBe(curves.Select(curve => curve.Point));
        batch.Curves.SelectMany(curve => curve.Samples).ShouldBe(curves.SelectMany(curve => curve.Samples));
        Rows(batch).ShouldBe(await RowsByParquetNetAsync(file));
    }, iter: 200, threads: 1);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(33)]
    [InlineData(1024)]
    [InlineData(1025)]
    [InlineData(1026)]
    [InlineData(86_401)]
    public async Task Every_length_of_a_block_is_read(int rows)
    {
        PowerSample[] samples = [.. Enumerable.Range(0, rows).Select(i => new PowerSample(i * 20_000L, i * 77 % 5000))];
        var file = await FileAsync([new(new("CP1"), samples)]);
        CurveParquet.Read(file, new IntakeHints(null), out var batch).ShouldBeNull();
        batch!.Curves.ShouldHaveSingleItem().Samples.ShouldBe(samples);
    }

    /// <summary>What is read straight into samples makes no other arrays, and of what is one step apart only powers are
    /// kept: this is how the test knows that the reader of packed rows took them.</summary>
    [Theory]
    [InlineData(0, 10)] // 8 bytes of each sample
    [InlineData(3, 20)] // 16 of each
    public async Task Nothing_but_the_samples_is_made_of_what_the_ledger_packed(int jitter, long bytesMax)
    {
        const int rows = 200_000;
        PowerSample[] samples =
            [.. Enumerable.Range(0, rows).Select(i => new PowerSample(
                (i * 1_000_000L) + (i * 7 % (jitter + 1)), i % 977))];
        var file = await FileAsync([new(new("CP1"), samples)]);
        CurveParquet.Read(file, new IntakeHints(null), out var batch).ShouldBeNull(); // which makes what is made once
        var made = long.MaxValue;
        for (var i = 0; i < 3; i++) // a collection in between may take what is kept to be used again
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            CurveParquet.Read(file, new IntakeHints(null), out batch).ShouldBeNull();
            made = Math.Min(made, GC.GetAllocatedBytesForCurrentThread() - before);
        }
        made.ShouldBeLessThan(rows * bytesMax);
        batch!.Samples.ShouldBe(rows);
        batch.Curves.ShouldHaveSingleItem().Samples.ShouldBe(samples);
    }

    [Fact]
    public Task Damaged_bytes_are_read_or_refused_and_never_more_rows_than_there_are() => Gen.Select(
        Samples.Select(samples => new PointCurve(new SettlementPointId("CP1"), samples)).Array[1, 2],
        Gen.Double[0, 1], Gen.Byte).SampleAsync(async (curves, where, value) =>
    {
        var file = await FileAsync([.. curves.Select((curve, i) => curve with { Point = new($"CP{i}") })]);
        file[(int)(where * (file.Length - 1))] ^= value;
        // Readers differ over bytes that no writer makes, so the rows are not compared; the digest finds the damage.
        if (CurveParquet.Read(file, new IntakeHints(null), out var batch) is null)
            Rows(batch!).Count.ShouldBeLessThanOrEqualTo(curves.Sum(curve => curve.Samples.Length));
    }, iter: 2_000, threads: 1);

    [Fact]
    public async Task A_power_above_the_limit_is_refused_with_its_row()
    {
        var file = await FileAsync(
        [
            new(new("CP1"), [new(0, 1), new(1, 2)]),
            new(new("CP2"), [new(0, 1), new(1, Limits.PowerMilliwattsMax + 1)]),
        ]);
        var refused = CurveParquet.Read(file, new IntakeHints(null), out var batch);
        (refused!.Code, batch).ShouldBe((Rejection.PowerAboveLimit, null));
        refused.Detail.ShouldStartWith("curve row 4: column mw: ");
    }

    [Fact]
    public async Task A_time_that_no_calendar_reaches_is_refused_with_its_row()
    {
        var file = await FileAsync([new(new("CP1"), [new(0, 1), new(9_223_372_036_999_999, 1)])]);
        CurveParquet.Read(file, new IntakeHints(null), out var batch).ShouldBeNull();
        batch!.Curves[0].Samples[1].AtMicroseconds.ShouldBe(9_223_372_036_999_999);
        file = await FileAsync([new(new("CP1"), [new(0, 1), new(9_223_372_037_000_000, 1)])]);
        var refused = CurveParquet.Read(file, new IntakeHints(null), out _);
        refused!.Code.ShouldBe(Rejection.InvalidTime);
        refused.Detail.ShouldStartWith("curve row 2: column time_us: ");
    }

    private static async Task<byte[]> FileAsync(IReadOnlyList<PointCurve> curves)
    {
        using var file = new MemoryStream();
        await CurveParquet.WriteAsync(file, curves, ct: Ct);
        return file.ToArray();
    }

    private static List<(string, PowerSample)> Rows(CurveBatch batch) =>
        [.. batch.Curves.SelectMany(curve => curve.Samples.Select(sample => (curve.Point.Value, sample)))];

    /// <summary>The rows of each point in the order of the file, points in order of name.</summary>
    private static async Task<List<(string, PowerSample)>> RowsByParquetNetAsync(byte[] file)
    {
        await using var reader = await ParquetReader.CreateAsync(new MemoryStream(file), cancellationToken: Ct);
        DataField Field(string name) => reader.Schema.DataFields.Single(field => field.Name == name);
        var rows = new List<(string Point, PowerSample)>();
        for (var i = 0; i < reader.RowGroupCount; i++)
        {
            using var group = reader.OpenRowGroupReader(i);
            var count = (int)group.RowCount;
            var (points, times, powers) = (new ReadOnlyMemory<char>[count], new long[count], new long[count]);
            await group.ReadAsync<ReadOnlyMemory<char>>(Field("point"), points.AsMemory());
            await group.ReadAsync<long>(Field("time_us"), times.AsMemory());
            await group.ReadAsync<long>(Field("mw"), powers.AsMemory());
            for (var j = 0; j < count; j++) rows.Add((points[j].ToString(), new(times[j], powers[j])));
        }
        return [.. rows.OrderBy(row => row.Point, StringComparer.Ordinal)];
    }
}
