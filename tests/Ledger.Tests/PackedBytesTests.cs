using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using NodaTime;
using Shouldly;
using ZstdSharp;

namespace Ledger.Tests;

/// <summary>Packed files and bodies: unpacked within limits, and kept as they were received.</summary>
public sealed class PackedBytesTests
{
    private const string Curve = "point,time,kw\nCP1,2026-02-02T00:00:00Z,1\nCP1,2026-02-02T00:00:01Z,2\n";

    public static byte[] Gzip(byte[] content)
    {
        using var into = new MemoryStream();
        using (var gzip = new GZipStream(into, CompressionLevel.SmallestSize)) gzip.Write(content);
        return into.ToArray();
    }

    public static byte[] Zstd(byte[] content, int level = 19)
    {
        using var zstd = new Compressor(level);
        return zstd.Wrap(content).ToArray();
    }

    private static byte[] Packed(string coding, byte[] content) => coding == "gzip" ? Gzip(content) : Zstd(content, 3);

    [Theory, InlineData("gzip"), InlineData("zstd")]
    public void Content_comes_back_whole_or_not_at_all(string coding)
    {
        var content = Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 400).Select(i => $"{i * 7919 % 1000},")));
        var packed = Packed(coding, content);
        PackedBytes.CodingOf(packed).ShouldBe(coding);
        PackedBytes.Unpack(packed, out var unpacked).ShouldBeNull();
        unpacked.ShouldBe(content);
        for (var length = 4; length < packed.Length; length++)
        {
            var refused = PackedBytes.Unpack(packed[..length], out var cut).ShouldNotBeNull($"cut at {length}");
            refused.Code.ShouldBeOneOf(Rejection.Truncated, Rejection.Malformed);
            cut.ShouldBeEmpty();
        }
        var members = (byte[])[.. packed, .. packed];
        PackedBytes.Unpack(members, out var twice).ShouldBeNull();
        twice.ShouldBe([.. content, .. content]);
    }

    [Theory, InlineData("gzip"), InlineData("zstd")]
    public void A_bomb_is_refused_by_its_size_or_by_its_ratio(string coding)
    {
        var zeros = new byte[Limits.ImportBytesMax + 1];
        var refused = PackedBytes.Unpack(Packed(coding, zeros), out var content).ShouldNotBeNull();
        refused.Code.ShouldBe(Rejection.TooLarge);
        refused.Detail.ShouldBe($"{coding}: unpacks to more than 400 times its size");
        content.ShouldBeEmpty();
        // As much, of what packs badly, breaks the other limit.
        var noise = new byte[Limits.ImportBytesMax / 8];
        new Random(1).NextBytes(noise);
        var piece = Packed(coding, noise);
        var pieces = (byte[])[.. Enumerable.Repeat(piece, 4).SelectMany(each => each),
            .. Enumerable.Repeat(Packed(coding, zeros[..(4 * 1024 * 1024)]), 10).SelectMany(each => each)];
        PackedBytes.Unpack(pieces, out _).ShouldNotBeNull().Detail
            .ShouldBe($"{coding}: unpacks to more than {Limits.ImportBytesMax} bytes");
        // Time is judged at a door, never of evidence.
        PackedBytes.Unpack(piece, out _, within: -1).ShouldNotBeNull().Detail.ShouldBe(
            $"{coding}: takes more than -1 ms to unpack");
        PackedBytes.Unpack(piece, out _, within: null).ShouldBeNull();
    }

    [Fact]
    public void A_frame_that_asks_for_too_much_memory_is_refused()
    {
        // RFC 8878, 3.1.1.1: descriptor without a size, then a window of 2^(10 + 21) bytes, then an empty last block.
        byte[] greedy = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 21 << 3, 0x01, 0x00, 0x00];
        PackedBytes.Unpack(greedy, out _).ShouldNotBeNull().Code.ShouldBe(Rejection.TooLarge);
        greedy[5] = 10 << 3;
        PackedBytes.Unpack(greedy, out var empty).ShouldBeNull();
        empty.ShouldBeEmpty();
    }

    [Theory, InlineData("gzip"), InlineData("zstd")]
    public void A_container_inside_is_refused(string coding)
    {
        foreach (var inner in new[] { Gzip([1]), Zstd([1]), IntakeTests.Zip(("a", [1])) })
            PackedBytes.Unpack(Packed(coding, inner), out _).ShouldNotBeNull().Code.ShouldBe(Rejection.UnknownFormat);
    }

    [Theory, InlineData("gzip"), InlineData("zstd")]
    public async Task The_evidence_of_a_packed_curve_is_what_was_received(string coding)
    {
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(IntakeLedger.Connector);
        ledger.Clock.Now = Instant.FromUtc(2026, 2, 2, 1, 0);
        var packed = Packed(coding, Encoding.UTF8.GetBytes(Curve));
        (await ledger.TakeAsync(packed)).Outcomes.ShouldAllBe(outcome => outcome is RecordOutcome.Recorded);
        var record = (await ledger.FactsAsync()).OfType<IntervalRecorded>().Single();
        ledger.Ledger.Evidence.Get(record.Evidence).ShouldBe(packed);
        // The next batch of the period reads the packed one again.
        await ledger.TakeAsync(Curve.Replace("00:00:0", "00:00:1"));
        var again = (await ledger.FactsAsync()).OfType<IntervalRecorded>().Last();
        again.Samples.ShouldBe(4);
    }

    [Fact]
    public async Task Readings_in_a_packed_file_name_it_as_their_evidence_and_lines_their_own()
    {
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(Gzip(Encoding.UTF8.GetBytes(IntakeLedger.Connector)));
        var packed = Zstd("point,register,read_at,kwh\nCP1,1.8.0,2026-02-02T00:00:00Z,10.000\nCP1,9.9.9,2026-02-02T00:00:00Z,1\n"u8.ToArray());
        var outcomes = (await ledger.TakeAsync(packed)).Outcomes.ToList();
        outcomes[0].ShouldBeOfType<RecordOutcome.Recorded>();
        outcomes[1].ShouldBeOfType<RecordOutcome.Refused>().Code.ShouldBe(Rejection.UnknownField);
        var facts = await ledger.FactsAsync();
        ledger.Ledger.Evidence.Get(facts.OfType<RegisterReadingRecorded>().Single().Evidence!.Value).ShouldBe(packed);
        ledger.Ledger.Evidence.Get(facts.OfType<EvidenceRefused>().Single().Evidence)
            .ShouldBe("CP1,9.9.9,2026-02-02T00:00:00Z,1"u8.ToArray());
    }

    [Fact]
    public async Task A_refused_bomb_is_kept_packed()
    {
        await using var ledger = new IntakeLedger();
        var bomb = Zstd(new byte[8 * 1024 * 1024]);
        (await ledger.TakeAsync(bomb)).Outcomes.Single().ShouldBeOfType<RecordOutcome.Refused>()
            .Code.ShouldBe(Rejection.TooLarge);
        var refused = (await ledger.FactsAsync()).OfType<EvidenceRefused>().Single();
        refused.Bytes.ShouldBe(bomb.Length);
        ledger.Ledger.Evidence.Find(refused.Evidence)!.Raw.ShouldBe(bomb);
    }

    [Fact]
    public async Task Over_http_the_header_says_what_the_body_is()
    {
        await using var served = await ServedLedger.StartAsync();
        served.Clock.Now = Instant.FromUtc(2026, 2, 2, 1, 0);
        await served.RegisterConnectorAsync();
        var curve = Encoding.UTF8.GetBytes(
            """{"point":"CP1","time":"2026-02-02T00:00:00Z","stepMs":1000,"values":[1,2,3]}""");
        (await PostAsync(served, Gzip(curve), "gzip")).StatusCode.ShouldBe(HttpStatusCode.Created);
        (await PostAsync(served, Zstd(curve), "zstd")).StatusCode.ShouldBe(HttpStatusCode.Created);
        (await PostAsync(served, curve, null)).StatusCode.ShouldBe(HttpStatusCode.Created);
        (await PostAsync(served, curve, null)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await PostAsync(served, curve, "gzip")).StatusCode.ShouldBe(HttpStatusCode.BadRequest);
        var unknown = await PostAsync(served, curve, "br");
        unknown.StatusCode.ShouldBe(HttpStatusCode.UnsupportedMediaType);
        unknown.Headers.TryGetValues("Accept-Encoding", out var accepted).ShouldBeTrue();
        accepted!.Single().ShouldBe("gzip, zstd, identity");
        (await PostAsync(served, Zstd(new byte[8 * 1024 * 1024]), "zstd")).StatusCode
            .ShouldBe(HttpStatusCode.RequestEntityTooLarge);
    }

    private static async Task<HttpResponseMessage> PostAsync(ServedLedger served, byte[] body, string? coding)
    {
        using var content = new ByteArrayContent(body);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/x-ndjson");
        if (coding is not null) content.Headers.ContentEncoding.Add(coding);
        return await served.Client.PostAsync("/v1/curves", content, TestContext.Current.CancellationToken);
    }
}
