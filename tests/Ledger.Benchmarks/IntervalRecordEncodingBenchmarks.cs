using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Benchmarks;

/// <summary>The two encodings of an interval record side by side, in time and in bytes:
/// docs/decisions.md cites it.</summary>
[MemoryDiagnoser, Config(typeof(WithBytes))]
public class IntervalRecordEncodingBenchmarks
{
    private static readonly IntervalRecorded Record = IntervalRecordSamples.Of("ST01/CP3", 0, gaps: 1);
    private static readonly string Json = EventCodec.ToJson(Record);
    private static readonly byte[] Fixed = IntervalRecordBytes.Write(Record);

    [Benchmark(Baseline = true)]
    public string EncodeJson() => EventCodec.ToJson(Record);

    [Benchmark]
    public byte[] EncodeFixed() => IntervalRecordBytes.Write(Record);

    [Benchmark]
    public LedgerEvent DecodeJson() => EventCodec.FromJson("interval-recorded", 1, Json);

    [Benchmark]
    public IntervalRecorded DecodeFixed() => IntervalRecordBytes.Read(Fixed);

    private sealed class WithBytes : ManualConfig
    {
        public WithBytes() => AddColumn(new BytesColumn());
    }

    private sealed class BytesColumn : IColumn
    {
        public string Id => "record-bytes";
        public string ColumnName => "Record";
        public bool AlwaysShow => true;
        public ColumnCategory Category => ColumnCategory.Custom;
        public int PriorityInCategory => 0;
        public bool IsNumeric => true;
        public UnitType UnitType => UnitType.Size;
        public string Legend => "Bytes of the encoded record";
        public bool IsAvailable(Summary summary) => true;
        public bool IsDefault(Summary summary, BenchmarkCase benchmarkCase) => false;
        public string GetValue(Summary summary, BenchmarkCase benchmarkCase) =>
            string.Create(CultureInfo.InvariantCulture,
                $"{(IsJson(benchmarkCase) ? Encoding.UTF8.GetByteCount(Json) : Fixed.Length)} B");
        public string GetValue(Summary summary, BenchmarkCase benchmarkCase, SummaryStyle style) =>
            GetValue(summary, benchmarkCase);
        private static bool IsJson(BenchmarkCase benchmarkCase) =>
            benchmarkCase.Descriptor.WorkloadMethod.Name.EndsWith("Json", StringComparison.Ordinal);
    }
}

/// <summary>Interval records as a connector at 1 Hz gives them.</summary>
internal static class IntervalRecordSamples
{
    public static IntervalRecorded Of(string point, int period, int gaps)
    {
        var from = Instant.FromUtc(2026, 3, 1, 0, 0) + Duration.FromMinutes(15) * period;
        var missing = Enumerable.Range(0, gaps).Select(i => new CurveGap(
            new Interval(from + Duration.FromSeconds(30 * i + 5), from + Duration.FromSeconds(30 * i + 17))));
        return new IntervalRecorded(
            new SettlementPointId(point), new Interval(from, from + Duration.FromMinutes(15)), 1,
            IntervalRecordState.Final,
            new Energy((Int128)899_123_456_789_012 + period), Energy.Zero, new Power(12_345_678),
            new Power(640_123_456),
            900_000_000, 1_234_567, [.. missing], 900, 0, 0, 0, 0, ReadingQuality.Measured, null,
            new EvidenceDigest(Convert.ToHexStringLower(SHA256.HashData([(byte)(period % 256)]))));
    }
}
