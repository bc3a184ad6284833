using System.Buffers;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Projections;

/// <summary>All that a text may be, for whoever writes a client.</summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ChoicesAttribute(params string[] all) : Attribute
{
    public IReadOnlyList<string> All => all;
}

/// <summary>
/// A member that is calculated from others whenever it is asked for, and the one behind which it is written: a row
/// keeps no text that nobody may ask for, and is the same bytes as if it did.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class WrittenAfterAttribute(string member) : Attribute
{
    public string Member => member;
}

/// <summary>A member of a row or of an answer, as its JSON names it.</summary>
public readonly record struct RowMember(string Name, Type Type, Func<object, object?> Value);

/// <summary>A fact in an answer, as <see cref="EventCodec.Tell"/> has it.</summary>
public sealed record ToldFact<T>(T Fact) where T : LedgerEvent;

/// <summary>
/// The JSON of rows: members in declaration order, calculated ones where they say, integers beyond 32 bits and decimals
/// as strings, so that the same row is the same bytes everywhere.
/// </summary>
public static class RowJson
{
    /// <summary>Decimals of the second, in keys and rows.</summary>
    internal const int Decimals = 9;
    private const int NumberBytesMax = 40; // an Int128 has 39 digits at most, and a sign
    private static readonly InstantPattern Fixed =
        InstantPattern.CreateWithInvariantCulture("uuuu'-'MM'-'dd'T'HH':'mm':'ss'.'fffffffff'Z'");

    private static readonly JsonSerializerOptions Options = new()
    {
        TypeInfoResolver = new DefaultJsonTypeInfoResolver { Modifiers = { PutCalculatedInOrder } },
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Converters =
        {
            new EnergyText(), new InstantText(), new DecimalText(), new MoneyText(), new LongText(),
            new LocalDateText(), new ToldText(),
            new JsonStringEnumConverter(JsonNamingPolicy.CamelCase),
        },
    };

    private static void PutCalculatedInOrder(JsonTypeInfo type)
    {
        if (type.Kind != JsonTypeInfoKind.Object) return;
        foreach (var member in type.Properties.ToList())
        {
            if (member.AttributeProvider?.GetCustomAttributes(typeof(WrittenAfterAttribute), inherit: false)
                is not [WrittenAfterAttribute place]) continue;
            type.Properties.Remove(member);
            var name = JsonNamingPolicy.CamelCase.ConvertName(place.Member);
            var before = type.Properties.First(other => other.Name == name);
            type.Properties.Insert(type.Properties.IndexOf(before) + 1, member);
        }
    }

    public static string Write(object row) => JsonSerializer.Serialize(row, row.GetType(), Options);

    /// <summary>
    /// How an answer is written, which is read by people too: a text as it is. What is escaped in the rows that are
    /// kept, '+' and quotes of all kinds, could harm only where JSON stood in a page of HTML.
    /// </summary>
    public static readonly JsonWriterOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>An answer as UTF-8.</summary>
    public static void Write(IBufferWriter<byte> into, object answer)
    {
        using var writer = new Utf8JsonWriter(into, Plain);
        Write(writer, answer);
    }

    public static void Write(Utf8JsonWriter writer, object? value) =>
        JsonSerializer.Serialize(writer, value, value?.GetType() ?? typeof(object), Options);

    /// <summary>How a type is written: the names of its members, in order, and what may be null or left out.</summary>
    public static JsonTypeInfo TypeOf(Type type) => Options.GetTypeInfo(type);

    /// <summary>The members of a type whose JSON is an object of its own; null of one that is a single value, a list,
    /// or written by a rule of its own.</summary>
    public static IReadOnlyList<RowMember>? Members(Type type)
    {
        var known = Options.GetTypeInfo(type);
        return known.Kind != JsonTypeInfoKind.Object || type == typeof(object) ? null
            : [.. known.Properties.Where(member => member.Get is not null)
                .Select(member => new RowMember(member.Name, member.PropertyType, member.Get!))];
    }

    public static object? Read(string json, Type type) => JsonSerializer.Deserialize(json, type, Options);

    public static T? Read<T>(string? json) where T : class =>
        json is null ? null : JsonSerializer.Deserialize<T>(json, Options);

    /// <summary>The instant with nine decimals always, so that keys sort by time.</summary>
    public static string Key(Instant instant) => UtcText.Of(instant, Decimals) ?? Fixed.Format(instant);

    /// <summary>The instant that <see cref="Key"/> wrote.</summary>
    internal static Instant Instant(string key) => Fixed.Parse(key).Value;
    public static string Day(LocalDate day) => LocalDatePattern.Iso.Format(day);
    public static LocalDate Day(string day) => LocalDatePattern.Iso.Parse(day).Value;

    /// <summary>No trailing zeros, so that equal amounts are equal text however they were added up.</summary>
    public static string Text(decimal value) =>
        value.ToString("0.############################", CultureInfo.InvariantCulture);

    private sealed class EnergyText : JsonConverter<Energy>
    {
        public override Energy Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            new(Int128.Parse(reader.GetString()!, CultureInfo.InvariantCulture));
        public override void Write(Utf8JsonWriter writer, Energy value, JsonSerializerOptions options)
        {
            Span<byte> text = stackalloc byte[NumberBytesMax];
            value.HalfNanojoules.TryFormat(text, out var length, default, CultureInfo.InvariantCulture);
            writer.WriteStringValue(text[..length]);
        }
    }

    private sealed class InstantText : JsonConverter<Instant>
    {
        public override Instant Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            !reader.HasValueSequence && UtcText.TryRead(reader.ValueSpan, Decimals, out var read) ? read
                : Fixed.Parse(reader.GetString()!).Value;
        public override void Write(Utf8JsonWriter writer, Instant value, JsonSerializerOptions options)
        {
            Span<byte> text = stackalloc byte[UtcText.LengthOf(Decimals)];
            if (UtcText.TryWrite(value, Decimals, text)) writer.WriteStringValue(text);
            else writer.WriteStringValue(Fixed.Format(value));
        }
    }

    /// <summary>Facts are written as their codec tells them.</summary>
    private sealed class ToldText : JsonConverterFactory
    {
        public override bool CanConvert(Type type) =>
            type.IsGenericType && type.GetGenericTypeDefinition() == typeof(ToldFact<>);
        public override JsonConverter CreateConverter(Type type, JsonSerializerOptions options) =>
            (JsonConverter)Activator.CreateInstance(typeof(Text<>).MakeGenericType(type.GetGenericArguments()))!;

        private sealed class Text<T> : JsonConverter<ToldFact<T>> where T : LedgerEvent
        {
            public override ToldFact<T> Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
                throw new NotSupportedException("a fact is told, and not read from an answer");
            public override void Write(Utf8JsonWriter writer, ToldFact<T> value, JsonSerializerOptions options) =>
                EventCodec.Tell(writer, value.Fact);
        }
    }

    private sealed class LocalDateText : JsonConverter<LocalDate>
    {
        public override LocalDate Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            Day(reader.GetString()!);
        public override void Write(Utf8JsonWriter writer, LocalDate value, JsonSerializerOptions options) =>
            writer.WriteStringValue(Day(value));
    }

    private sealed class DecimalText : JsonConverter<decimal>
    {
        public override decimal Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            decimal.Parse(reader.GetString()!, CultureInfo.InvariantCulture);
        public override void Write(Utf8JsonWriter writer, decimal value, JsonSerializerOptions options) =>
            writer.WriteStringValue(Text(value));
    }

    private sealed class MoneyText : JsonConverter<Money>
    {
        public override Money Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            decimal.Parse(reader.GetString()!, CultureInfo.InvariantCulture);
        public override void Write(Utf8JsonWriter writer, Money value, JsonSerializerOptions options) =>
            writer.WriteStringValue(value.ToString());
    }

    private sealed class LongText : JsonConverter<long>
    {
        public override long Read(ref Utf8JsonReader reader, Type type, JsonSerializerOptions options) =>
            long.Parse(reader.GetString()!, CultureInfo.InvariantCulture);
        public override void Write(Utf8JsonWriter writer, long value, JsonSerializerOptions options)
        {
            Span<byte> text = stackalloc byte[NumberBytesMax];
            value.TryFormat(text, out var length, default, CultureInfo.InvariantCulture);
            writer.WriteStringValue(text[..length]);
        }
    }
}
