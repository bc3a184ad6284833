using CsCheck;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// What was read before changes nothing but the time that reading takes: headers and payloads are read as by a reader
/// that knows nothing yet, and refused with the same words.
/// </summary>
public sealed class RecentReadingTests
{
    private static readonly RecentTexts Warm = new();

    private static readonly Gen<string> Names = Gen.OneOf(Gen.Int[0, 5].Select(n => $"name-{n}"),
        Gen.Char["abcXYZ019._:*-/"].Array[1, 64].Select(letters => new string(letters)));

    private static readonly Gen<string> Texts = Gen.OneOf(Names, Gen.Const(""), Gen.Const("端\u00e9 text"),
        Gen.Char[' ', '\ud7ff'].Array[0, 300].Select(letters => new string(letters)));

    private static readonly Gen<Instant> Instants =
        Gen.Long[-621_355_968_000_000_000, 2_534_022_144_000_000_000].Select(Instant.FromUnixTimeTicks);

    private static readonly Gen<SealedField[]> Fields = Gen.Select(Names, Texts, Gen.Byte.Array[0, 40])
        .Select((name, subject, bytes) => new SealedField(name, subject, bytes)).Array[0, 2];

    private static readonly Gen<Envelope> Envelopes =
        from ledger in Names
        from stream in Texts
        from numbers in Gen.Long.Array[3]
        from wire in Names
        from version in Gen.Int[0, ushort.MaxValue]
        from times in Instants.Array[3]
        from actor in Texts
        from tenant in Names
        from cause in Gen.OneOf(Gen.Const((EventId?)null), Gen.ULong.Select(id => (EventId?)new EventId(id)))
        from fields in Gen.OneOf(Gen.Const(Array.Empty<SealedField>()), Fields)
        from form in Gen.OneOf(Gen.Const(EventCodec.JsonContentType), Gen.Const(IntervalRecordBytes.ContentType), Texts)
        select new Envelope(new(ledger), stream, numbers[0], new((UInt128)(numbers[1] & long.MaxValue)), wire, version,
            times[0], times[1], times[2], actor, new(tenant), cause, fields, form);

    private static string Told(ReadOnlySpan<byte> header, RecentTexts texts)
    {
        try
        {
            var (envelope, length) = EnvelopeBytes.Read(header, texts);
            return Convert.ToHexString(EnvelopeBytes.Write(envelope, length)) + $" {envelope.Actor} {envelope.Tenant}";
        }
        catch (InvalidDataException refused)
        {
            return refused.Message;
        }
    }

    [Fact]
    public void A_header_is_read_as_by_who_has_read_none() =>
        Gen.Select(Envelopes, Gen.Int[0, int.MaxValue]).Sample((envelope, length) =>
        {
            var header = EnvelopeBytes.Write(envelope, length);
            Told(header, Warm).ShouldStartWith(Convert.ToHexString(header));
            Told(header, Warm).ShouldBe(Told(header, new()));
        }, iter: LongRun.Samples / 10, threads: 1);

    [Fact]
    public void A_header_with_changed_or_missing_bytes_is_read_or_refused_as_by_who_has_read_none() =>
        Gen.Select(Envelopes, Gen.Int[0, 400], Gen.Byte, Gen.Int[0, 8]).Sample((envelope, at, value, cut) =>
        {
            var header = EnvelopeBytes.Write(envelope, 7);
            Told(header, Warm);
            header[at % header.Length] = value;
            var damaged = header.AsSpan(0, header.Length - cut);
            Told(damaged, Warm).ShouldBe(Told(damaged, new()));
        }, iter: LongRun.Samples / 10, threads: 1);

    /// <summary>A text that reaches into the last four bytes is refused each time and not only at first.</summary>
    [Fact]
    public void A_form_that_takes_the_length_of_the_payload_is_refused_again_and_again()
    {
        var header = EnvelopeBytes.Write(new(new("L"), "s", 0, default, "w", 1, default, default, default, "a", new("T"),
            null, [], "json"), 7);
        for (var reach = 1; reach <= sizeof(int); reach++)
        {
            var (damaged, texts) = ((byte[])header.Clone(), new RecentTexts());
            damaged[^9] += (byte)reach; // the low byte of the form's length
            for (var look = 0; look < 3; look++) Told(damaged, texts).ShouldBe("the header is cut short");
            Told(header, texts).ShouldStartWith(Convert.ToHexString(header));
            Told(damaged, texts).ShouldBe("the header is cut short");
        }
    }

    private static readonly Gen<RegisterReadingRecorded> Readings =
        from point in Names
        from direction in Gen.Enum<Direction>()
        from at in Instants
        from steps in Gen.OneOf(Gen.Long, Gen.Const(long.MinValue), Gen.Const(long.MaxValue), Gen.Const(0L))
        from quality in Gen.Enum<ReadingQuality>()
        from evidence in Gen.OneOf(Gen.Byte.Array[32], Gen.Byte[0, 3].Array[1]).Null()
        select new RegisterReadingRecorded(new(new(point), direction), at, steps, quality, evidence switch
        {
            null => null,
            [var one] => new EvidenceDigest(Convert.ToHexStringLower(Enumerable.Repeat(one, 32).ToArray())),
            _ => new EvidenceDigest(Convert.ToHexStringLower(evidence)),
        });

    /// <summary>A blank before it is no reading as it is written, so the JSON reader has it.</summary>
    [Fact]
    public void A_reading_is_the_fact_that_was_written_by_either_way() => Readings.Sample(reading =>
    {
        var (name, version, _, payload) = EventCodec.Encode(reading);
        EventCodec.Decode(name, version, payload).ShouldBe(reading);
        EventCodec.Decode(name, version, [(byte)' ', .. payload]).ShouldBe(reading);
    }, iter: LongRun.Samples);

    /// <summary>Of what was read before no text is made again: a fact takes no more than itself.</summary>
    [Theory]
    [InlineData("register-reading-recorded", 128)]
    [InlineData("interval-recorded", 320)]
    public void A_fact_of_known_names_takes_the_memory_of_the_fact(string name, int bytesMax)
    {
        var digest = new EvidenceDigest(new string('a', 64));
        var (point, at) = (new SettlementPointId("ST01/CP3"), TestFolder.Start);
        LedgerEvent fact = name == "interval-recorded"
            ? new IntervalRecorded(point, new(at, at + Duration.FromMinutes(15)), 1, IntervalRecordState.Final,
                Energy.FromWattHours(80_000), Energy.FromWattHours(3), Power.Zero, Power.FromKilowatts(350),
                900_000_000, 0, [], 900, 0, 0, 0, 0, ReadingQuality.Measured, null, digest)
            : new RegisterReadingRecorded(new(point, Direction.Import), at, 7, ReadingQuality.Measured, digest);
        var encoded = EventCodec.Encode(fact);
        encoded.WireName.ShouldBe(name);
        var before = 0L;
        for (var i = -1; i < 100; i++)
        {
            EventCodec.Decode(encoded.WireName, encoded.Version, encoded.Payload);
            if (i < 0) before = GC.GetAllocatedBytesForCurrentThread();
        }
        ((GC.GetAllocatedBytesForCurrentThread() - before) / 100).ShouldBeLessThanOrEqualTo(bytesMax);
    }

    [Fact]
    public void Each_version_of_a_wire_name_stands_for_one_fact() =>
        EventCodec.WireNames.Select(wire => (wire.WireName, wire.Version)).ShouldBeUnique();

    [Fact]
    public async Task Pages_are_read_one_after_the_other_and_an_empty_one_is_passed()
    {
        var (closed, asked) = (0, new List<int>());
        await using var events = new PagedEvents(Pages()).GetAsyncEnumerator(TestContext.Current.CancellationToken);
        var positions = new List<long>();
        while (await events.MoveNextAsync()) positions.Add(events.Current.Position);
        positions.ShouldBe([1L, 2L, 3L]);
        (await events.MoveNextAsync()).ShouldBeFalse();
        await events.DisposeAsync();
        closed.ShouldBe(1);
        asked.ShouldBe([0, 1, 2, 3]);

        async IAsyncEnumerable<IReadOnlyList<RecordedEvent>> Pages()
        {
            try
            {
                int[] sizes = [0, 2, 0, 1];
                for (var (page, next) = (0, 1L); page < sizes.Length; next += sizes[page++])
                {
                    asked.Add(page);
                    await Task.Yield();
                    yield return [.. Enumerable.Range(0, sizes[page])
                        .Select(i => new RecordedEvent(next + i, null!, default))];
                }
            }
            finally
            {
                closed++;
            }
        }
    }

    [Fact]
    public void Room_that_is_taken_is_nobody_elses()
    {
        var shared = new SharedBytes();
        var taken = Enumerable.Range(0, 3000).Select(n => shared.Take(n % 97 == 0 ? 5000 : n % 61)).ToList();
        for (var n = 0; n < taken.Count; n++) taken[n].AsSpan().Fill((byte)(n % 251));
        for (var n = 0; n < taken.Count; n++)
        {
            taken[n].Count.ShouldBe(n % 97 == 0 ? 5000 : n % 61);
            taken[n].AsSpan().ContainsAnyExcept((byte)(n % 251)).ShouldBeFalse();
        }
    }
}
