using System.Text;
using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Ingest;

/// <summary>Why an input was refused: the code, and a sentence that names field, value and rule.</summary>
public sealed record Refusal(Rejection Code, string Detail)
{
    /// <summary>A refusal whose detail is cut to <see cref="Limits.TextLengthMax"/> characters.</summary>
    public static Refusal Of(Rejection code, string detail) =>
        new(code, detail.Length <= Limits.TextLengthMax ? detail : detail[..Limits.TextLengthMax]);
}

/// <summary>From bytes to text and from text to exact numbers: every rule on what characters may come in.</summary>
public static class IntakeText
{
    /// <summary>Characters of a value that a message repeats; the whole stands in the evidence.</summary>
    private const int QuotedLengthMax = 60;

    private static readonly UTF8Encoding StrictUtf8 =
        new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>
    /// Strict UTF-8 without U+0000; a byte order mark is dropped. Precedence: TooLarge, EmptyInput, NotUtf8,
    /// ForbiddenCharacter.
    /// </summary>
    public static Refusal? Decode(ReadOnlySpan<byte> bytes, out string text)
    {
        text = "";
        if (bytes.Length > Limits.ImportBytesMax)
            return Refusal.Of(Rejection.TooLarge,
                $"{bytes.Length} bytes; at most {Limits.ImportBytesMax} are read at once");
        if (bytes.StartsWith("\uFEFF"u8)) bytes = bytes[3..];
        if (bytes.Length == 0) return Refusal.Of(Rejection.EmptyInput, "the file holds nothing");
        try
        {
            text = StrictUtf8.GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            return Refusal.Of(Rejection.NotUtf8, $"byte {e.Index} is no part of UTF-8 text");
        }
        var forbidden = text.IndexOf('\0');
        return forbidden < 0 ? null : Refusal.Of(Rejection.ForbiddenCharacter, $"U+0000 at character {forbidden}");
    }

    /// <summary>The same rules for bytes that are read as they are.</summary>
    public static Refusal? Check(ReadOnlySpan<byte> bytes) => Decode(bytes, out _);

    public static ReadOnlyMemory<byte> WithoutByteOrderMark(ReadOnlyMemory<byte> bytes) =>
        bytes.Span.StartsWith("\uFEFF"u8) ? bytes[3..] : bytes;

    /// <summary>A value as messages show it: between quotes, control characters replaced, long ones cut.</summary>
    public static string Quote(ReadOnlySpan<char> value)
    {
        var cut = value.Length > QuotedLengthMax ? value[..QuotedLengthMax] : value;
        var shown = new StringBuilder(cut.Length + 16).Append('\'');
        foreach (var c in cut) shown.Append(char.IsControl(c) || char.IsSurrogate(c) ? '?' : c);
        shown.Append('\'');
        if (cut.Length < value.Length) shown.Append($" and {value.Length - cut.Length} characters more");
        return shown.ToString();
    }

    /// <summary>
    /// Reads a decimal numeral (optional sign, digits, optional point and digits; nothing else) as a whole number of
    /// 10^-<paramref name="decimals"/>, rounding half to even. Returns the reason where it is none.
    /// </summary>
    public static Rejection? Scale(ReadOnlySpan<char> numeral, int decimals, out long scaled, out bool exact)
    {
        scaled = 0;
        exact = true;
        if (numeral.Length > Limits.NumberLengthMax) return Rejection.NumberTooLong;
        var at = 0;
        var negative = false;
        if (numeral.Length > 0 && numeral[0] is '-' or '+') negative = numeral[at++] == '-';
        Int128 magnitude = 0;
        int digits = 0, fraction = -1, firstDropped = 0;
        var restDropped = false;
        for (; at < numeral.Length; at++)
        {
            var c = numeral[at];
            if (c == '.' && fraction < 0) { fraction = 0; continue; }
            if (!char.IsAsciiDigit(c)) return Rejection.NotANumber;
            digits++;
            if (fraction >= 0 && fraction++ >= decimals)
            {
                if (fraction == decimals + 1) firstDropped = c - '0'; else restDropped |= c != '0';
                continue;
            }
            magnitude = magnitude * 10 + (c - '0');
            if (magnitude > long.MaxValue) return Rejection.OutOfRange;
        }
        if (digits == 0) return Rejection.NotANumber;
        for (var f = Math.Max(fraction, 0); f < decimals; f++)
        {
            magnitude *= 10;
            if (magnitude > long.MaxValue) return Rejection.OutOfRange;
        }
        exact = firstDropped == 0 && !restDropped;
        if (firstDropped > 5 || (firstDropped == 5 && (restDropped || magnitude % 2 != 0))) magnitude += 1;
        if (magnitude > long.MaxValue) return Rejection.OutOfRange;
        scaled = (long)(negative ? -magnitude : magnitude);
        return null;
    }

    /// <summary>Reads a time with its offset. NodaTime throws where an offset has more than 18 hours,
    /// or the instant no place.</summary>
    public static bool TryTime(OffsetDateTimePattern pattern, string text, out OffsetDateTime time, out Instant at)
    {
        (time, at) = (default, default);
        try
        {
            if (!pattern.Parse(text).TryGetValue(default, out time)) return false;
            at = time.ToInstant();
            return true;
        }
        catch (Exception e) when (e is ArgumentOutOfRangeException or OverflowException)
        {
            return false;
        }
    }

    /// <summary>The sentence for a number that <see cref="Scale"/> refused.</summary>
    /// <param name="form">Of a cell, what <see cref="CellForm"/> says behind it.</param>
    public static Refusal BadNumber(
        Rejection code, string where, ReadOnlySpan<char> value, string form = "") => Refusal.Of(code,
        code switch
        {
            Rejection.NumberTooLong => $"{where}: {Quote(value)} is longer than {Limits.NumberLengthMax} characters",
            Rejection.OutOfRange => $"{where}: {Quote(value)} is beyond what a quantity can hold",
            _ => $"{where}: {Quote(value)} is not a decimal number (digits, one point, no unit){form}",
        });
}
