using System.Diagnostics.Metrics;

namespace Ledger.Ingest.Streaming;

/// <summary>The instruments of the streams; a host exports them.</summary>
public sealed class StreamMetrics : IDisposable
{
    public const string Name = "Ledger.Streams";

    private readonly Meter meter = new(Name);
    private readonly Counter<long> samples, frames, bytes, full, givenUp, refused, late, periods;
    private readonly Histogram<long> recording;

    internal StreamMetrics(Func<int> blocksWaiting)
    {
        samples = meter.CreateCounter<long>("ledger.stream.samples", "{sample}");
        frames = meter.CreateCounter<long>("ledger.stream.frames", "{frame}");
        bytes = meter.CreateCounter<long>("ledger.stream.bytes", "By");
        full = meter.CreateCounter<long>("ledger.stream.full", "{frame}", "frames that were not taken: the log was full");
        givenUp = meter.CreateCounter<long>("ledger.stream.given.up", "{sample}", "samples that the ledger gave up");
        refused = meter.CreateCounter<long>("ledger.stream.refused", "{frame}");
        late = meter.CreateCounter<long>("ledger.stream.late", "{sample}");
        periods = meter.CreateCounter<long>("ledger.stream.periods", "{period}");
        recording = meter.CreateHistogram<long>("ledger.stream.recording", "us", "how long a pass took to be durable");
        meter.CreateObservableGauge("ledger.stream.blocks.waiting", () => blocksWaiting(), "{block}");
    }

    internal void Taken(int count, int length)
    {
        frames.Add(1);
        samples.Add(count);
        bytes.Add(length);
    }

    internal void Full() => full.Add(1);

    internal void GaveUp(int count) => givenUp.Add(count);

    /// <summary>A frame was refused, by the code of its reason.</summary>
    public void Refused(string code) => refused.Add(1, new KeyValuePair<string, object?>("code", code));

    internal void Late(int count) => late.Add(count);

    internal void Recorded(int count, long microseconds)
    {
        periods.Add(count);
        recording.Record(microseconds);
    }

    public void Dispose() => meter.Dispose();
}
