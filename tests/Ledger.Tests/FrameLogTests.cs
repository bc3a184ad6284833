using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Frames;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What is acknowledged is in the log, whatever happens to its files, or the log says where it is
/// not.</summary>
public sealed class FrameLogTests : IDisposable
{
    private static readonly Instant Noon = Instant.FromUtc(2026, 3, 1, 12, 0);
    private static readonly long Start = Noon.ToUnixTimeMilliseconds() * 1000;
    private readonly TestFolder folder = new();

    public void Dispose() => folder.Dispose();

    private string Path => System.IO.Path.Combine(folder.Path, FrameLogOptions.FolderName);

    private FrameLogOptions Options(long segmentBytesMax = 1 << 20) => new(Path, segmentBytesMax, 2 * 1024 * 1024);

    private string Raw(int segment) => System.IO.Path.Combine(Path, $"{segment:D6}.frames");
    private string HeadFile => System.IO.Path.Combine(Path, "frames.head");

    private static byte[] Announce(int first, params string[] points)
    {
        var buffer = new byte[4096];
        var frame = FrameWriter.Announce(buffer, 0, Start, first);
        for (var i = 0; i < points.Length; i++)
            frame.TryAdd(new Announcement(first + i, new(points[i]), SampleSemantics.Instant, 20_000)).ShouldBeTrue();
        return buffer[..frame.Finish()];
    }

    private static byte[] Samples(int sequence, int stream = 0, int count = 10)
    {
        var buffer = new byte[64 * 1024];
        var chance = new Random(sequence);
        var frame = FrameWriter.Samples(buffer, sequence, Start, new(1000, 1000));
        PowerSample[] samples = [.. Enumerable.Range(0, count).Select(i =>
            new PowerSample(
                Start + (((sequence * 1000L) + (i * 20) + chance.Next(3)) * 1000), chance.Next(2000) * 1000L))];
        frame.TryAdd(stream, samples).ShouldBeTrue();
        return buffer[..frame.Finish()];
    }

    private static async Task<FrameAddress> AppendAsync(FrameLog log, FrameSession session, byte[] frame, int ms = 0)
    {
        log.TryAppend(frame, session, Noon + Duration.FromMilliseconds(ms), out var durable).ShouldBeTrue();
        return await durable;
    }

    /// <summary>A log of so many frames of samples, each a block of its own, after an announcement.</summary>
    private async Task<(List<byte[]> Frames, List<FrameAddress> Addresses)> FillAsync(
        int frames, long segmentBytesMax = 1 << 20)
    {
        using var log = FrameLog.Open(Options(segmentBytesMax));
        var session = log.StartSession();
        var (sent, at) = (new List<byte[]> { Announce(0, "CP1", "CP2") }, new List<FrameAddress>());
        at.Add(await AppendAsync(log, session, sent[0]));
        for (var i = 1; i <= frames; i++)
        {
            sent.Add(Samples(i));
            at.Add(await AppendAsync(log, session, sent[i], i));
        }
        return (sent, at);
    }

    private List<byte[]> ReadAll() => [.. new FrameLogReader(Path).ReadAll().Where(block => !block.Head.IsCarried)
        .SelectMany(block => block.Frames).Select(frame => frame.Bytes.ToArray())];

    private static void ShouldBeSame(IReadOnlyList<byte[]> found, IReadOnlyList<byte[]> expected)
    {
        found.Count.ShouldBe(expected.Count);
        for (var i = 0; i < found.Count; i++) found[i].AsSpan().SequenceEqual(expected[i]).ShouldBeTrue($"frame {i}");
    }

    [Fact]
    public async Task What_is_acknowledged_is_read_beside_the_writer_and_after_it()
    {
        using var log = FrameLog.Open(Options());
        var session = log.StartSession();
        var announced = await AppendAsync(log, session, Announce(0, "CP1"));
        announced.ShouldBe(new FrameAddress(0, 80));
        var frame = Samples(1);
        var at = await AppendAsync(log, session, frame, 5);
        log.Acknowledged.End.CompareTo(at).ShouldBe(1);
        var block = log.Read(at, at).ShouldHaveSingleItem();
        block.Frames.ShouldHaveSingleItem();
        (block.Frames[0].Session, block.Frames[0].ReceivedAtMicroseconds).ShouldBe((session.Number, Start + 5000));
        block.Frames[0].Bytes.ToArray().ShouldBe(frame);
        var check = CheckedFrame.Check(frame);
        (block.Head.EarliestMicroseconds, block.Head.LatestMicroseconds)
            .ShouldBe((check.EarliestMicroseconds, check.LatestMicroseconds));
        (block.Head.Has(FrameKind.Samples), block.Head.Has(FrameKind.Announce)).ShouldBe((true, false));
        block.ChainBefore.ToArray().ShouldBe(log.Read(announced, announced).Single().ChainAfter.ToArray());
        FrameBlock.Chained(block.ChainBefore.Span, block.Digest.Span).ShouldBe(block.ChainAfter.ToArray());
        log.Acknowledged.Chain.ShouldBe(block.ChainAfter.ToArray());
    }

    [Fact]
    public async Task Sessions_have_numbers_of_their_own_after_opening_again_too()
    {
        await FillAsync(2);
        using var log = FrameLog.Open(Options());
        log.StartSession().Number.ShouldBe(2);
        log.StartSession().Number.ShouldBe(3);
    }

    [Fact]
    public void A_stream_that_nobody_announced_is_refused()
    {
        using var log = FrameLog.Open(Options());
        var session = log.StartSession();
        Refused(Samples(1)).Code.ShouldBe(Rejection.MissingField);
        Refused(Announce(1, "CP2")).Field.ShouldBe("frame.first stream");
        log.TryAppend(Announce(0, "CP1"), session, Noon, out _).ShouldBeTrue();
        Refused(Samples(1, stream: 1)).Field.ShouldBe("frame.stream");
        log.TryAppend(Samples(1), session, Noon, out _).ShouldBeTrue();

        InputRefusedException Refused(byte[] frame) => Should.Throw<InputRefusedException>(
            () => log.TryAppend(frame, session, Noon, out _));
    }

    [Fact]
    public async Task Every_segment_begins_with_the_announcements_in_force()
    {
        var at = new List<FrameAddress>();
        using (var log = FrameLog.Open(Options(2000)))
        {
            var (ended, session) = (log.StartSession(), log.StartSession());
            await AppendAsync(log, ended, Announce(0, "GONE"));
            await AppendAsync(log, session, Announce(0, "CP1", "CP2"));
            await AppendAsync(log, session, Announce(1, "CP3"));
            log.EndSession(ended);
            Should.Throw<InvalidOperationException>(() => log.TryAppend(Samples(1), ended, Noon, out _));
            Should.Throw<ArgumentException>(() => log.TryAppend(default(CheckedFrame), session, Noon, out _));
            for (var i = 1; i <= 40; i++) at.Add(await AppendAsync(log, session, Samples(i)));
        }
        at[^1].Segment.ShouldBeGreaterThan(1);
        var reader = new FrameLogReader(Path);
        reader.AnnouncedBefore(at[^1]).Select(frame => frame.Bytes.ToArray())
            .ShouldBe([Announce(0, "CP1", "CP3")]);
        reader.AnnouncedBefore(at[0]).Count.ShouldBe(3);
        reader.ReadAll().Count(block => block.Head.IsCarried).ShouldBe(at[^1].Segment);
    }

    [Fact]
    public async Task A_stretch_is_read_from_one_address_to_another()
    {
        var (frames, at) = await FillAsync(30, 2000);
        at[5].Segment.ShouldNotBe(at[25].Segment);
        var read = new FrameLogReader(Path).Read(at[5], at[25]).Where(block => !block.Head.IsCarried).ToList();
        ShouldBeSame([.. read.Select(block => block.Frames.Single().Bytes.ToArray())], frames[5..26]);
        Should.Throw<FrameLogDamagedException>(
            () => new FrameLogReader(Path).Read(at[5] with { Offset = at[5].Offset + 1 }, at[25]).ToList());
    }

    /// <summary>Whatever bit of whatever file turns: the log says so, or it reads as it was.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Every_turned_bit_is_found_or_harmless(bool isSealed)
    {
        var (frames, _) = await FillAsync(isSealed ? 12 : 4, 800);
        if (isSealed)
            using (var log = FrameLog.Open(Options(800)))
                log.SealFullSegments(TestContext.Current.CancellationToken).ShouldNotBeEmpty();
        foreach (var file in Directory.GetFiles(Path))
        {
            var whole = File.ReadAllBytes(file);
            var head = System.IO.Path.GetFileName(file) == "frames.head";
            for (var bit = 0; bit < whole.Length * 8; bit += isSealed ? 7 : 1)
            {
                if (head && bit / 8 is >= 96 and < 4096) continue; // nothing is there
                var bytes = whole.ToArray();
                bytes[bit / 8] ^= (byte)(1 << (bit % 8));
                File.WriteAllBytes(file, bytes);
                try
                {
                    var read = ReadAll();
                    // By the older slot of the head the last block is not yet acknowledged.
                    ShouldBeSame(read, head ? frames[..read.Count] : frames);
                    head.ShouldBeTrue($"{file} bit {bit}");
                    read.Count.ShouldBeGreaterThanOrEqualTo(frames.Count - 1);
                }
                catch (FrameLogDamagedException found)
                {
                    found.File.Length.ShouldBeGreaterThan(0);
                }
            }
            File.WriteAllBytes(file, whole);
        }
        ShouldBeSame(ReadAll(), frames);
    }

    /// <summary>Acknowledged bytes that are gone are missed; bytes that were never acknowledged are cut off.</summary>
    [Fact]
    public async Task A_log_cut_short_opens_with_all_that_was_acknowledged_or_says_where_it_ends()
    {
        var (frames, at) = await FillAsync(4);
        var (whole, head) = (File.ReadAllBytes(Raw(0)), File.ReadAllBytes(HeadFile));
        for (var length = (int)at[^2].Offset; length < whole.Length; length++)
        {
            File.WriteAllBytes(Raw(0), whole[..length]);
            var refused = Should.Throw<FrameLogDamagedException>(() => FrameLog.Open(Options()).Dispose());
            refused.Message.ShouldContain("000000.frames");
            refused.At.ShouldBe(length < at[^1].Offset ? at[^2].Offset : at[^1].Offset);
            File.ReadAllBytes(Raw(0)).Length.ShouldBe(length); // refusing changes nothing
        }
        // As after a crash between the block and the head: the last block was not acknowledged.
        head.AsSpan((at.Count % 2) == 0 ? 0 : 4096, 88).Clear();
        for (var length = (int)at[^1].Offset; length <= whole.Length; length++)
        {
            File.WriteAllBytes(HeadFile, head);
            File.WriteAllBytes(Raw(0), whole[..length]);
            using (var log = FrameLog.Open(Options()))
                log.Acknowledged.End.ShouldBe(length < whole.Length ? at[^1] : new(0, whole.Length));
            new FileInfo(Raw(0)).Length.ShouldBe(length < whole.Length ? at[^1].Offset : whole.Length);
        }
    }

    [Fact]
    public async Task A_torn_end_is_cut_off_and_the_log_goes_on()
    {
        var (frames, at) = await FillAsync(3);
        using (var file = new FileStream(Raw(0), FileMode.Append)) file.Write([.. "LFB1"u8, .. new byte[500]]);
        using (var log = FrameLog.Open(Options()))
        {
            var session = log.StartSession();
            await AppendAsync(log, session, Announce(0, "CP1"));
            frames.Add(Announce(0, "CP1"));
        }
        ShouldBeSame(ReadAll(), frames);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(13)]
    public async Task A_segment_that_was_begun_and_not_written_is_begun_again(int bytes)
    {
        var (frames, _) = await FillAsync(3);
        File.WriteAllBytes(Raw(1), new byte[bytes]);
        FrameLog.Open(Options()).Dispose();
        File.Exists(Raw(1)).ShouldBeFalse();
        ShouldBeSame(ReadAll(), frames);
    }

    [Fact]
    public async Task A_missing_segment_is_named()
    {
        var (_, at) = await FillAsync(30, 2000);
        at[^1].Segment.ShouldBeGreaterThan(1);
        File.Delete(Raw(1));
        Should.Throw<FrameLogDamagedException>(() => FrameLog.Open(Options())).File.ShouldBe(Raw(1));
    }

    [Fact]
    public async Task The_last_segment_cannot_go_unseen()
    {
        var (_, at) = await FillAsync(30, 2000);
        File.Delete(Raw(at[^1].Segment));
        Should.Throw<FrameLogDamagedException>(() => FrameLog.Open(Options())).Message.ShouldContain("acknowledged");
    }

    /// <summary>A file whose writes can be held up, and fail after some bytes.</summary>
    private sealed class FailingFile(Stream file, ManualResetEventSlim isOpen, Func<bool> fails) : Stream
    {
        public override bool CanRead => true;
        public override bool CanSeek => true;
        public override bool CanWrite => true;
        public override long Length => file.Length;
        public override long Position { get => file.Position; set => file.Position = value; }
        public override void Flush() => file.Flush();
        public override int Read(byte[] buffer, int offset, int count) => file.Read(buffer, offset, count);
        public override long Seek(long offset, SeekOrigin origin) => file.Seek(offset, origin);
        public override void SetLength(long value) => file.SetLength(value);
        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer)
        {
            isOpen.Wait();
            if (!fails())
            {
                file.Write(buffer);
                return;
            }
            file.Write(buffer[..(buffer.Length / 2)]);
            throw new IOException("no space left on device");
        }

        protected override void Dispose(bool disposing) => file.Dispose();
    }

    [Fact]
    public async Task A_full_log_refuses_and_takes_again_when_it_has_written()
    {
        using var isOpen = new ManualResetEventSlim(true);
        using var log = FrameLog.Open(Options() with { OpenFile = path => Wrap(path, isOpen, () => false) });
        var session = log.StartSession();
        await AppendAsync(log, session, Announce(0, "CP1"));
        isOpen.Reset();
        var waiting = new List<ValueTask<FrameAddress>>();
        var frame = Samples(1, count: 1000);
        while (log.TryAppend(frame, session, Noon, out var durable)) waiting.Add(durable);
        // Two blocks of 2 MiB are taken at most: one in writing, one that fills.
        (waiting.Count * (long)frame.Length).ShouldBeInRange(2_000_000, 4 * 1024 * 1024);
        waiting.ShouldAllBe(durable => !durable.IsCompleted);
        isOpen.Set();
        foreach (var durable in waiting) await durable;
        await AppendAsync(log, session, frame);
        ReadAll().Count.ShouldBe(waiting.Count + 2);
    }

    [Theory]
    [InlineData(".frames")]
    [InlineData(".head")]
    public async Task What_cannot_be_written_stops_the_log_and_fails_all_that_wait(string failing)
    {
        var fails = false;
        byte[][] frames = [Announce(0, "CP1"), Samples(1)];
        using (var isOpen = new ManualResetEventSlim(true))
        using (var log = FrameLog.Open(Options() with
        {
            OpenFile = path => Wrap(path, isOpen, () => fails && path.EndsWith(failing, StringComparison.Ordinal)),
        }))
        {
            var session = log.StartSession();
            foreach (var frame in frames) await AppendAsync(log, session, frame);
            fails = true;
            isOpen.Reset();
            log.TryAppend(Samples(2), session, Noon, out var first).ShouldBeTrue();
            log.TryAppend(Samples(3), session, Noon, out var second).ShouldBeTrue();
            isOpen.Set();
            await Should.ThrowAsync<FrameLogStoppedException>(async () => await first);
            await Should.ThrowAsync<FrameLogStoppedException>(async () => await second);
            Should.Throw<FrameLogStoppedException>(() => log.TryAppend(Samples(4), session, Noon, out _))
                .InnerException.ShouldBeOfType<IOException>();
        }
        FrameLog.Open(Options()).Dispose();
        var read = ReadAll();
        ShouldBeSame(read[..2], frames);
    }

    private static FailingFile Wrap(string path, ManualResetEventSlim isOpen, Func<bool> fails) =>
        new(new FrameLogOptions("").OpenFile(path), isOpen, fails);

    [Fact]
    public async Task A_sealed_segment_gives_the_blocks_that_were_written()
    {
        var (frames, at) = await FillAsync(60, 3000);
        var before = new FrameLogReader(Path).ReadAll().Select(block => block.Bytes.ToArray()).ToList();
        using (var log = FrameLog.Open(Options(3000)))
        {
            var files = log.SealFullSegments(TestContext.Current.CancellationToken);
            files.Select(file => file.Segment).ShouldBe(Enumerable.Range(0, at[^1].Segment));
            log.SealFullSegments(TestContext.Current.CancellationToken).ShouldBeEmpty();
            for (var i = 1; i < files.Count; i++) files[i].ChainBefore.ShouldBe(files[i - 1].ChainAfter);
            files[0].FirstReceivedAtMicroseconds.ShouldBe(Start);
        }
        File.Exists(Raw(0)).ShouldBeFalse();
        new FrameLogReader(Path).ReadAll().Select(block => block.Bytes.ToArray()).ShouldBe(before);
        ShouldBeSame(ReadAll(), frames);
        new FrameLogReader(Path).AnnouncedBefore(at[30]).ShouldHaveSingleItem();
        using var again = FrameLog.Open(Options(3000));
        again.StartSession().Number.ShouldBe(2);
    }

    /// <summary>Even noise is left as it is, other noise is compressed, and chunks of one segment use the same memory
    /// one after the other: each byte comes back all the same, in whichever order they are read.</summary>
    [Fact]
    public async Task A_segment_of_several_chunks_of_noise_comes_back_to_the_byte()
    {
        var (chance, buffer, room) = (new Random(11), new byte[Limits.FrameBytesMax], new PowerSample[1000]);
        var at = new List<FrameAddress>();
        using (var log = FrameLog.Open(Options(10 * 1024 * 1024)))
        {
            var session = log.StartSession();
            await AppendAsync(log, session, Announce(0, "CP1"));
            for (var sequence = 1; log.Acknowledged.End.Segment == 0; sequence++)
            {
                var frame = FrameWriter.Samples(buffer, sequence, Start, FrameUnits.Finest);
                for (var block = 0; block < 30; block++)
                {
                    for (var i = 0; i < room.Length; i++)
                        room[i] = new(Start + (i * 20_000L) + chance.Next(1000), chance.Next(block < 20 ? 1 << 16 : 9));
                    frame.TryAdd(0, room).ShouldBeTrue();
                }
                at.Add(await AppendAsync(log, session, buffer[..frame.Finish()], sequence));
            }
            var before = new FrameLogReader(Path).ReadAll().Select(block => block.Bytes.ToArray()).ToList();
            var file = log.SealFullSegments(TestContext.Current.CancellationToken).ShouldHaveSingleItem();
            file.RawBytes.ShouldBeGreaterThan(9 * 1024 * 1024);
            file.SealedBytes.ShouldBeLessThan(file.RawBytes + (file.RawBytes / 20));
            ShouldBeSame([.. new FrameLogReader(Path).ReadAll().Select(block => block.Bytes.ToArray())], before);
            foreach (var address in (FrameAddress[])[at[^2], at[0], at[at.Count / 2]])
                log.Read(address, address).ShouldHaveSingleItem().Address.ShouldBe(address);
        }
    }

    [Fact]
    public async Task Sealing_that_a_crash_interrupted_is_finished()
    {
        var (frames, at) = await FillAsync(30, 2000);
        var raw = File.ReadAllBytes(Raw(0));
        using (var log = FrameLog.Open(Options(2000))) log.SealFullSegments(TestContext.Current.CancellationToken);
        File.WriteAllBytes(Raw(0), raw); // as before the raw form was removed
        File.WriteAllBytes(System.IO.Path.Combine(Path, "1.sealing"), [1, 2, 3]);
        FrameLog.Open(Options(2000)).Dispose();
        (File.Exists(Raw(0)), Directory.GetFiles(Path, "*.sealing").Length).ShouldBe((false, 0));
        ShouldBeSame(ReadAll(), frames);

        raw[^1] ^= 1;
        File.WriteAllBytes(Raw(0), raw);
        Should.Throw<FrameLogDamagedException>(() => FrameLog.Open(Options(2000)));
        File.Exists(Raw(0)).ShouldBeTrue(); // of two that differ none is removed
    }

    [Fact]
    public async Task Old_sealed_segments_are_dropped_from_the_oldest_on()
    {
        var (_, at) = await FillAsync(30, 2000);
        using var log = FrameLog.Open(Options(2000));
        Look(Instant.MaxValue).ShouldHaveSingleItem().Sealed.ShouldBeNull(); // nothing is sealed
        var files = log.SealFullSegments(TestContext.Current.CancellationToken);
        var edge = Instant.FromUnixTimeTicks(files[1].LastReceivedAtMicroseconds * 10);
        Look(edge).ShouldHaveSingleItem();
        var old = Look(edge + Duration.FromMilliseconds(1)).Select(segment => segment.Sealed!).ToList();
        old.Select(segment => (segment.Number, segment.SealedBytes, segment.ChainAfter.Hex))
            .ShouldBe(files.Take(2).Select(file => (file.Segment, file.SealedBytes, file.ChainAfter)));
        var other = old[1] with { Digest = new(new string('7', 64)) };
        SegmentDropping.Remove(Path, [old[0], other]).ShouldBe(old[0].SealedBytes);
        SegmentDropping.Remove(Path, old).ShouldBe(old[1].SealedBytes);
        SegmentDropping.Remove(Path, old).ShouldBe(0);
        log.Reader.First.ShouldBe(new FrameAddress(2, 80));
        log.Reader.ReadAll().Last().Address.ShouldBe(at[^1]);
        Should.Throw<FrameLogDamagedException>(() => log.Read(at[0], at[0]).ToList());
        Look(Instant.MaxValue).ShouldHaveSingleItem().NotWhole
            .ShouldBe("the segments from 0 to before 2 are missing, and no fact says that they were dropped");

        IReadOnlyList<KeptSegment> Look(Instant before) =>
            SegmentDropping.Look(Path, DroppedFrames.None, before, _ => { }, TestContext.Current.CancellationToken);
    }

    [Fact]
    public void Addresses_are_ordered_and_have_a_text()
    {
        FrameAddress.TryParse("3/80", out var address).ShouldBeTrue();
        address.ShouldBe(new FrameAddress(3, 80));
        (address.ToString(), address > new FrameAddress(2, 900), address < new FrameAddress(3, 81)).ShouldBe(
            ("3/80", true, true));
        foreach (var text in new[] { "", "3", "3/", "/80", "3/80/1", "-3/80", "3/ 80" })
            FrameAddress.TryParse(text, out _).ShouldBeFalse(text);
    }
}
