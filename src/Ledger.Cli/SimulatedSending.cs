using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Ingest.Simulation;
using Ledger.Ingest.Streaming;
using NodaTime;

namespace Ledger.Cli;

/// <summary>
/// Streams a simulated fleet to a ledger, each gateway by a sender of its own, as its connections come and go in the
/// plan, and says how fast that was. Frames that the plan loses on the way are not sent, so that their numbers are
/// missing. Frames are sent now, whatever time their samples are of: a sender's clock is as right or wrong as in the
/// plan.
/// </summary>
internal sealed class SimulatedSending(StreamPlan plan, int periodMinutes, Shell shell)
{
    private const int TicksPerMicrosecond = 10;
    /// <summary>The speed that waits for nothing but the ledger.</summary>
    public const int AsFastAsTaken = 0;

    /// <summary>Settlement points that are registered by one request.</summary>
    private const int PointsPerRequest = 10_000;
    private static readonly Duration GiveUpAfter = Duration.FromSeconds(60);

    private readonly DelayTally delays = new();
    private long frames, samples, bytes, reconnects;

    /// <param name="key">The access key that is brought; null where the ledger asks for none.</param>
    public async Task SendAsync(Uri to, Uri? register, int speed, string? key, bool json, CancellationToken ct)
    {
        if (register is not null) await RegisterAsync(register, key, ct).ConfigureAwait(false);
        var fleet = new StreamFleet(plan);
        using var channel = new StreamChannel(to, key);
        var clock = Stopwatch.StartNew();
        var parts = Math.Min(Environment.ProcessorCount, plan.Gateways);
        await Task.WhenAll(Enumerable.Range(0, parts).Select(part => Task.Run(() => SendAsync(channel, fleet,
            plan.Gateways * part / parts, plan.Gateways * (part + 1) / parts, clock, speed, ct), ct)))
            .ConfigureAwait(false);
        shell.EndProgress();
        var ms = Math.Max(1, clock.ElapsedMilliseconds);
        new Page().Field("to", "sent to", to.ToString())
            .Field("connectors", "connectors", plan.Connectors)
            .Field("gateways", "gateways", plan.Gateways)
            .Field("frames", "frames, all acknowledged", frames)
            .Field("frameBytes", "bytes of frames", bytes)
            .Field("samples", "samples", samples)
            .Field("milliseconds", "ms until all were acknowledged", ms)
            .Field("samplesPerSecond", "samples a second", samples * 1000 / ms)
            .Field("acknowledgedMs", "ms until acknowledged, 99 of 100 frames", delays.MillisecondsOf(99))
            .Field("reconnects", "connections that broke", reconnects)
            .Write(shell.Output, json);
    }

    /// <summary>Delivers some gateways, in the order of the plan's time.</summary>
    private async Task SendAsync(StreamChannel channel, StreamFleet fleet, int first, int end, Stopwatch clock,
        int speed, CancellationToken ct)
    {
        var senders = new (StreamSender Sender, int Session)?[end - first];
        var buffer = new byte[DeliveredFrame.BytesMax];
        try
        {
            foreach (var frame in new StreamDelivery(fleet, first, end).Frames())
            {
                if (speed != AsFastAsTaken)
                    await WaitForAsync(frame.ReceivedAt, clock, speed, ct).ConfigureAwait(false);
                ref var its = ref senders[frame.Gateway - first];
                if (its is { } other && other.Session != frame.Session)
                {
                    its = null;
                    await CloseAsync(other.Sender, ct).ConfigureAwait(false);
                }
                var sender = Open(channel, senders, frame.Gateway - first, frame.Session);
                // The clock is finer than a microsecond, and a frame is not.
                var now = shell.Clock.GetCurrentInstant().ToUnixTimeTicks() / TicksPerMicrosecond;
                var length = frame.Write(buffer, now - PowerCurve.Microseconds(frame.ReceivedAt));
                await sender.SendAsync(buffer.AsMemory(0, length), ct).ConfigureAwait(false);
                Count(frame, length);
            }
            foreach (var its in senders)
                if (its is { } last) await CloseAsync(last.Sender, ct).ConfigureAwait(false);
        }
        finally
        {
            foreach (var its in senders)
                if (its is { } left) await left.Sender.DisposeAsync().ConfigureAwait(false);
        }
    }

    private StreamSender Open(StreamChannel channel, (StreamSender Sender, int Session)?[] senders, int at, int session)
    {
        senders[at] ??= (channel.Open(new StreamSenderOptions(StreamMasterData.Owner)
        {
            GiveUpAfter = GiveUpAfter,
            Acknowledged = delays.Add,
        }), session);
        return senders[at]!.Value.Sender;
    }

    private async Task CloseAsync(StreamSender sender, CancellationToken ct)
    {
        await sender.CloseAsync(ct).ConfigureAwait(false);
        Interlocked.Add(ref reconnects, Math.Max(0, sender.Sessions - 1));
        await sender.DisposeAsync().ConfigureAwait(false);
    }

    private void Count(DeliveredFrame frame, int length)
    {
        var count = 0;
        foreach (var block in frame.Blocks) count += block.Count;
        Interlocked.Add(ref samples, count);
        Interlocked.Add(ref bytes, length);
        if (Interlocked.Increment(ref frames) % 1000 == 0)
            shell.Progress(string.Create(CultureInfo.InvariantCulture,
                $"{Volatile.Read(ref frames)} frames, {Volatile.Read(ref samples)} samples"));
    }

    private async Task WaitForAsync(Instant at, Stopwatch clock, int speed, CancellationToken ct)
    {
        var due = (at - plan.Start).BclCompatibleTicks / speed;
        var wait = TimeSpan.FromTicks(due) - clock.Elapsed;
        if (wait > TimeSpan.FromMilliseconds(1)) await Task.Delay(wait, ct).ConfigureAwait(false);
    }

    private async Task RegisterAsync(Uri url, string? key, CancellationToken ct)
    {
        using var client = new HttpClient { BaseAddress = url };
        if (key is not null) client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        foreach (var part in Enumerable.Range(0, plan.Connectors).Chunk(PointsPerRequest))
        {
            shell.Progress($"registering {part[0] + 1} of {plan.Connectors} settlement points");
            var text = new StringBuilder();
            foreach (var connector in part) text.Append(StreamMasterData.PointLine(plan, connector, periodMinutes));
            using var content = new ByteArrayContent(Encoding.UTF8.GetBytes(text.ToString()));
            content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
            using var answer = await client.PostAsync(new Uri("v1/imports?name=settlement-points.jsonl", UriKind.Relative),
                content, ct).ConfigureAwait(false);
            var said = await answer.Content.ReadAsStringAsync(ct).ConfigureAwait(false);
            if (!answer.IsSuccessStatusCode)
                throw new CouldNotException(
                    $"{url} refuses the settlement points with {(int)answer.StatusCode}: {said}");
            // A file is taken whatever becomes of its parts.
            if (JsonNode.Parse(said)?["uncounted"] is JsonArray { Count: > 0 } uncounted)
                throw new CouldNotException($"{url} does not count {uncounted.Count} settlement points, first "
                    + $"{uncounted[0]!["part"]}: {uncounted[0]!["detail"]}");
        }
    }
}
