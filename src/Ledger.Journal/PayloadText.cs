using System.Buffers.Text;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Journal;

/// <summary>
/// How values stand in a payload: everything that JavaScript's 53 bits, a locale or a formatter could change is text.
/// </summary>
internal static class PayloadText
{
    /// <summary>Every converter of the payload; a type that is not here is a JSON object, array,
    /// boolean or 32-bit number.</summary>
    public static IEnumerable<JsonConverter> Converters() =>
    [
        new Plain(),
        new AsText<long>(v => v.ToString(CultureInfo.InvariantCulture), t =>
            long.Parse(t, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture))
        {
            TryRead = TryLong,
            TryWrite = (long value, Span<byte> text, out int length) =>
                Utf8Formatter.TryFormat(value, text, out length),
        },
        new AsText<decimal>(Canonical, t => decimal.Parse(t,
            NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture)),
        new AsText<Energy>(v => v.HalfNanojoules.ToString(CultureInfo.InvariantCulture), t =>
            new Energy(Int128.Parse(t, CultureInfo.InvariantCulture))),
        new AsText<Power>(v => v.Milliwatts.ToString(CultureInfo.InvariantCulture), t =>
            new Power(long.Parse(t, CultureInfo.InvariantCulture))),
        new AsText<Instant>(FormatInstant, ParseInstant)
        {
            TryRead = (ReadOnlySpan<byte> text, out Instant value) => UtcText.TryRead(text, TickDecimals, out value),
            TryWrite = TryInstant,
        },
        new AsText<LocalDate>(LocalDatePattern.Iso.Format, t => LocalDatePattern.Iso.Parse(t).GetValueOrThrow()),
        new AsText<AnnualDate>(AnnualDatePattern.Iso.Format, t => AnnualDatePattern.Iso.Parse(t).GetValueOrThrow()),
        new AsText<YearMonth>(YearMonthPattern.Iso.Format, t => YearMonthPattern.Iso.Parse(t).GetValueOrThrow()),
        new AsText<LocalTime>(LocalTimePattern.ExtendedIso.Format, t =>
            LocalTimePattern.ExtendedIso.Parse(t).GetValueOrThrow()),
        new AsText<SettlementPointId>(v => v.Value, t => new SettlementPointId(t)),
        new AsText<StationId>(v => v.Value, t => new StationId(t)),
        new AsText<PartyId>(v => v.Value, t => new PartyId(t)),
        new AsText<InstructionId>(v => v.Value, t => new InstructionId(t)),
        new AsText<ClaimId>(v => v.Value, t => new ClaimId(t)),
        new AsText<ChargeRecordId>(v => v.Value, t => new ChargeRecordId(t)),
        new AsText<ProgrammeId>(v => v.Value, t => new ProgrammeId(t)),
        new AsText<TariffId>(v => v.Value, t => new TariffId(t)),
        new AsText<RulePackId>(v => v.Value, t => new RulePackId(t)),
        new AsText<RunId>(v => v.Value, t => new RunId(t)),
        new AsText<RetentionId>(v => v.Value, t => new RetentionId(t)),
        new AsText<DisputeId>(v => v.Value, t => new DisputeId(t)),
        new AsText<AccessKeyId>(v => v.Value, t => new AccessKeyId(t)),
        new AsText<LedgerId>(v => v.Value, t => new LedgerId(t)),
        new AsText<EvidenceKey>(v => v.Value, t => new EvidenceKey(t)),
        new AsText<SubjectPseudonym>(v => v.Hex, t => new SubjectPseudonym(t)),
        new AsText<EvidenceDigest>(v => v.Hex, t => new EvidenceDigest(t)),
        new AsText<RegisterId>(v => v.ToString(), ParseRegister),
        new FromTo(),
    ];

    /// <summary>U+0000 and lone surrogates cannot be kept by every store and every JSON reader;
    /// they are refused.</summary>
    public static string Checked(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] == '\0') throw new JsonException("text contains U+0000");
            if (!char.IsSurrogate(text[i])) continue;
            if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1]))
                throw new JsonException("text contains a lone surrogate");
            i++;
        }
        return text;
    }

    /// <summary>One text for one value: no trailing zeros,
    /// no negative zero (1.50 and 1.5 are the same price).</summary>
    private static string Canonical(decimal value)
    {
        if (value == 0) return "0";
        var text = value.ToString(CultureInfo.InvariantCulture);
        return text.Contains('.') ? text.TrimEnd('0').TrimEnd('.') : text;
    }

    private const int TickDecimals = 7; // of the journal's tick of 100 ns

    private static bool TryInstant(Instant value, Span<byte> text, out int length)
    {
        length = UtcText.LengthOf(TickDecimals);
        return UtcText.TryWrite(value, TickDecimals, text[..length]);
    }

    private static bool TryLong(ReadOnlySpan<byte> text, out long value) =>
        Utf8Parser.TryParse(text, out value, out var used) && used == text.Length;

    private static readonly InstantPattern Ticks =
        InstantPattern.CreateWithInvariantCulture("uuuu'-'MM'-'dd'T'HH':'mm':'ss'.'fffffff'Z'");

    private static string FormatInstant(Instant value) =>
        Instant.FromUnixTimeTicks(value.ToUnixTimeTicks()) == value
            ? Ticks.Format(value)
            : throw new JsonException($"{value} is finer than the journal's tick of 100 ns");

    private static Instant ParseInstant(string text) => Ticks.Parse(text).GetValueOrThrow();

    private static RegisterId ParseRegister(string text)
    {
        var slash = text.LastIndexOf('/');
        var direction = text[(slash + 1)..] switch
        {
            "1.8.0" => Direction.Import,
            "2.8.0" => Direction.Export,
            var obis => throw new FormatException($"register {obis} is neither 1.8.0 nor 2.8.0"),
        };
        return new RegisterId(new SettlementPointId(text[..Math.Max(0, slash)]), direction);
    }

    /// <summary>The register of a text; false where there is anything to say against it.</summary>
    public static bool TryRegister(ReadOnlySpan<byte> text, RecentTexts texts, out RegisterId register)
    {
        register = default;
        Direction? direction = text.EndsWith("/1.8.0"u8) ? Direction.Import
            : text.EndsWith("/2.8.0"u8) ? Direction.Export : null;
        if (direction is not { } known
            || !texts.Points.TryGet(text[..^6], out var point)) return false;
        register = new RegisterId(point, known);
        return true;
    }

    private delegate bool ReadText<T>(ReadOnlySpan<byte> text, out T value);

    private delegate bool WriteText<in T>(T value, Span<byte> text, out int length);

    /// <summary>A value as text. Where there is a way without a string it is tried first; what it leaves is for the
    /// other, which says what is wrong.</summary>
    private sealed class AsText<T>(Func<T, string> format, Func<string, T> parse) : JsonConverter<T> where T : struct
    {
        private const int ShortMax = 32; // bytes of what is written without a string

        public ReadText<T>? TryRead { get; init; }
        public WriteText<T>? TryWrite { get; init; }

        public override T Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options)
        {
            if (reader.TokenType != JsonTokenType.String)
                throw new JsonException($"{typeof(T).Name} is written as text");
            if (TryRead is not null && !reader.HasValueSequence && !reader.ValueIsEscaped
                && TryRead(reader.ValueSpan, out var read)) return read;
            var text = reader.GetString()!;
            try
            {
                return parse(text);
            }
            catch (Exception e) when (e is FormatException or OverflowException or ArgumentException
                or UnparsableValueException)
            {
                throw new JsonException($"'{text}' is no {typeof(T).Name}", e);
            }
        }

        public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options)
        {
            Span<byte> text = stackalloc byte[ShortMax];
            if (TryWrite is not null && TryWrite(value, text, out var length)) writer.WriteStringValue(text[..length]);
            else writer.WriteStringValue(format(value));
        }
    }

    private sealed class Plain : JsonConverter<string>
    {
        public override string Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            Checked(reader.GetString()!);
        public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) =>
            writer.WriteStringValue(Checked(value));
    }

    /// <summary>A half-open interval with both ends: <c>{"from":…,"to":…}</c>.</summary>
    private sealed class FromTo : JsonConverter<Interval>
    {
        public override Interval Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options)
        {
            var from = Member(ref reader, "from");
            var to = Member(ref reader, "to");
            if (!reader.Read() || reader.TokenType != JsonTokenType.EndObject)
                throw new JsonException("an interval is from and to");
            return to >= from ? new Interval(from, to) : throw new JsonException("an interval ends before it starts");
        }

        private static Instant Member(ref Utf8JsonReader reader, string name)
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.PropertyName || !reader.ValueTextEquals(name)
                || !reader.Read() || reader.TokenType != JsonTokenType.String)
                throw new JsonException($"an interval has '{name}' here");
            if (!reader.HasValueSequence && !reader.ValueIsEscaped
                && UtcText.TryRead(reader.ValueSpan, TickDecimals, out var read)) return read;
            var parsed = Ticks.Parse(reader.GetString()!);
            return parsed.Success ? parsed.Value : throw new JsonException(parsed.Exception.Message);
        }

        public override void Write(Utf8JsonWriter writer, Interval value, JsonSerializerOptions options)
        {
            writer.WriteStartObject();
            writer.WriteString("from", FormatInstant(value.Start));
            writer.WriteString("to", FormatInstant(value.End));
            writer.WriteEndObject();
        }
    }
}
