using System.Text;
using CsCheck;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using NodaTime.Text;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What is written and read without a pattern is what the pattern writes and reads; all else is left to it.
/// </summary>
public sealed class UtcTextTests
{
    private static readonly Instant First = Instant.FromUtc(1, 1, 1, 0, 0);
    private static readonly Instant Last = Instant.MaxValue; // 9999-12-31T23:59:59.999999999Z

    private static InstantPattern Pattern(int decimals) => InstantPattern.CreateWithInvariantCulture(
        $"uuuu'-'MM'-'dd'T'HH':'mm':'ss'.'{new string('f', decimals)}'Z'");

    [Fact]
    public void An_instant_is_written_and_read_as_by_the_pattern() =>
        Gen.Select(Gen.Long[0, (Last - First).Days], Gen.Long[0, NodaConstants.NanosecondsPerDay - 1], Gen.Int[1, 9])
            .Sample((days, nanoseconds, decimals) =>
            {
                var unit = (long)Math.Pow(10, 9 - decimals);
                var instant = First + Duration.FromDays(days) + Duration.FromNanoseconds(nanoseconds / unit * unit);
                var text = UtcText.Of(instant, decimals).ShouldNotBeNull();
                text.ShouldBe(Pattern(decimals).Format(instant));
                UtcText.TryRead(Encoding.ASCII.GetBytes(text), decimals, out var read).ShouldBeTrue();
                read.ShouldBe(instant);
            }, iter: LongRun.Samples);

    /// <summary>Texts that are a little wrong: whatever is read is what the pattern reads.</summary>
    [Fact]
    public void A_changed_text_is_read_as_by_the_pattern_or_not_at_all() =>
        Gen.Select(Gen.Int[0, 27], Gen.Char['-', ':'], Gen.Int[0, 27], Gen.Char['-', ':']).Sample(
            (one, first, other, second) =>
            {
                var text = "2024-02-29T23:59:59.9999999Z".ToCharArray();
                (text[one], text[other]) = (first, second);
                if (!UtcText.TryRead(Encoding.ASCII.GetBytes(text), 7, out var read)) return;
                Pattern(7).Parse(new string(text)).Value.ShouldBe(read);
            }, iter: LongRun.Samples);

    [Theory]
    [InlineData("2026-02-29T00:00:00.0000000Z")]
    [InlineData("2026-00-10T00:00:00.0000000Z")]
    [InlineData("2026-13-10T00:00:00.0000000Z")]
    [InlineData("2026-03-00T00:00:00.0000000Z")]
    [InlineData("2026-03-10T24:00:00.0000000Z")]
    [InlineData("2026-03-10T00:60:00.0000000Z")]
    [InlineData("2026-03-10T00:00:60.0000000Z")]
    [InlineData("0000-03-10T00:00:00.0000000Z")]
    [InlineData("2026-03-10T00:00:00.0000000z")]
    [InlineData("2026-03-10 00:00:00.0000000Z")]
    [InlineData("2026-03-10T00:00:00.000000Z")]
    [InlineData("2026-03-10T00:00:00.00000000Z")]
    [InlineData("")]
    public void What_is_no_instant_or_in_another_form_is_not_read(string text) =>
        UtcText.TryRead(Encoding.ASCII.GetBytes(text), 7, out _).ShouldBeFalse();

    [Fact]
    public void Another_year_and_what_is_finer_is_not_written()
    {
        UtcText.Of(First, 7).ShouldBe("0001-01-01T00:00:00.0000000Z");
        UtcText.Of(First.PlusTicks(-1), 7).ShouldBeNull();
        UtcText.Of(Last, 9).ShouldBe("9999-12-31T23:59:59.999999999Z");
        UtcText.Of(Last, 8).ShouldBeNull();
        UtcText.Of(Instant.MinValue, 9).ShouldBeNull();
    }

    private static readonly byte[] Reading = Encoding.ASCII.GetBytes(
        """{"register":"ST1/CP1/1.8.0","readAt":"2026-03-01T00:15:00.0000000Z","indexSteps":"-120","quality":"Measured","evidence":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}""");

    private static (LedgerEvent? Fact, bool IsPoison) Read(byte[] payload)
    {
        try
        {
            return (EventCodec.Decode("register-reading-recorded", 1, payload), false);
        }
        catch (PoisonEventException)
        {
            return (null, true);
        }
    }

    /// <summary>A blank before it is no reading as it is written, so the JSON reader has it.</summary>
    [Fact]
    public void A_reading_with_any_bytes_changed_is_the_same_fact_as_for_the_reader_of_JSON()
    {
        Read(Reading).Fact.ShouldNotBeNull();
        Gen.Select(Gen.Int[0, Reading.Length - 1], Gen.Byte, Gen.Int[0, Reading.Length - 1], Gen.Char['!', '~']).Sample(
            (one, first, other, second) =>
            {
                var payload = (byte[])Reading.Clone();
                (payload[one], payload[other]) = (first, (byte)second);
                Read(payload).ShouldBe(Read([(byte)' ', .. payload]));
            }, iter: LongRun.Samples);
    }

    [Theory]
    [InlineData(""", "quality" """, """,  "quality" """)]
    [InlineData("-120", "+120")]
    [InlineData("-120", "0120")]
    [InlineData("-120", "9223372036854775808")]
    [InlineData("-120", "")]
    [InlineData("-120", " 1")]
    [InlineData("Measured", "measured")]
    [InlineData("Measured", "1")]
    [InlineData("1.8.0", "2.8.0")]
    [InlineData("1.8.0", "1.7.0")]
    [InlineData("ST1/CP1/1.8.0", "/1.8.0")]
    [InlineData("ST1/CP1", "ST1\\/CP1")]
    [InlineData("ST1/CP1", "ST 1")]
    [InlineData("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", "null")]
    [InlineData("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"", "\"\"")]
    [InlineData("}", ",\"more\":1}")]
    [InlineData("}", "}}")]
    [InlineData(",\"quality\":\"Measured\"", "")]
    [InlineData(",\"quality\":\"Measured\"", ",\"quality\":\"Measured\",\"quality\":\"Measured\"")]
    public void Another_text_of_a_reading_is_the_same_fact_as_for_the_reader_of_JSON(string before, string after)
    {
        var payload = Encoding.ASCII.GetBytes(Encoding.ASCII.GetString(Reading).Replace(
            before.Replace(" ", "", StringComparison.Ordinal), after, StringComparison.Ordinal));
        Read(payload).ShouldBe(Read([(byte)' ', .. payload]));
    }
}
