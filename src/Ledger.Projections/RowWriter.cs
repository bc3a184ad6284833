using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// The JSON of <see cref="RowJson"/> as UTF-8, byte for byte, by a writer that is made once for each type of row out of
/// what RowJson says of it: names and order of members. It knows the few kinds of values that nearly all members have,
/// and leaves every other to RowJson.
/// </summary>
public static class RowWriter
{
    private const int NumberBytesMax = 42; // an Int128 has 39 digits at most, a sign, and quotes
    private static readonly int InstantBytes = UtcText.LengthOf(RowJson.Decimals);
    private static readonly ConcurrentDictionary<Type, RowText> OfType = [];

    /// <summary>What the encoder of JSON leaves as it is.</summary>
    private static readonly SearchValues<char> Plain = SearchValues.Create(Enumerable.Range(' ', 128 - ' ')
        .Select(code => (char)code).Where(sign => JavaScriptEncoder.Default.Encode($"{sign}") == $"{sign}").ToArray());

    public static void Write(object row, TextBuffer into) =>
        OfType.GetOrAdd(row.GetType(), RowText.Of).Write(row, into);

    /// <summary>The text of <see cref="RowJson.Key"/>.</summary>
    public static void WriteKey(Instant at, TextBuffer into)
    {
        var text = into.GetSpan(InstantBytes)[..InstantBytes];
        if (UtcText.TryWrite(at, RowJson.Decimals, text)) into.Advance(InstantBytes);
        else into.Write(RowJson.Key(at).AsSpan());
    }

    /// <summary>A whole number as a string.</summary>
    private static void WriteQuoted<T>(T number, TextBuffer into) where T : IUtf8SpanFormattable
    {
        var text = into.GetSpan(NumberBytesMax);
        number.TryFormat(text[1..], out var length, default, CultureInfo.InvariantCulture);
        text[0] = text[length + 1] = (byte)'"';
        into.Advance(length + 2);
    }

    /// <summary>Writes rows of one type.</summary>
    private abstract class RowText
    {
        public static RowText Of(Type type) =>
            (RowText)Activator.CreateInstance(typeof(RowText<>).MakeGenericType(type))!;

        public abstract void Write(object row, TextBuffer into);
    }

    private sealed class RowText<T> : RowText
    {
        private readonly ValueText<T> text = ValueText<T>.Make();
        public override void Write(object row, TextBuffer into) => text.Write((T)row, into);
    }

    /// <summary>Writes values of a declared type.</summary>
    private abstract class ValueText<T>
    {
        public abstract void Write(T value, TextBuffer into);

        public static ValueText<T> Make()
        {
            var type = typeof(T);
            object? made =
                type == typeof(string) ? new StringText()
                : type == typeof(bool) ? new BoolText()
                : type == typeof(int) ? new IntText()
                : type == typeof(long) ? new LongText()
                : type == typeof(Energy) ? new EnergyText()
                : type == typeof(Instant) ? new InstantText()
                : type.IsEnum ? Of(typeof(KnownText<>), type)
                : Nullable.GetUnderlyingType(type) is { } some ? Of(typeof(SomeText<>), some)
                : type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>)
                    ? Of(typeof(ListText<>), type.GenericTypeArguments[0])
                : type.IsClass && Members(type) is not null ? Of(typeof(RecordText<>), type)
                : null;
            return (ValueText<T>?)made ?? new OtherText<T>();
        }

        private static object Of(Type text, Type argument) =>
            Activator.CreateInstance(text.MakeGenericType(argument))!;
    }

    /// <summary>The members that are written, with their names; null where RowJson has more to say of the type than
    /// these.</summary>
    private static List<(string Name, PropertyInfo Property)>? Members(Type type)
    {
        if (type == typeof(object) || RowJson.TypeOf(type) is not { Kind: JsonTypeInfoKind.Object } known
            || known.PolymorphismOptions is not null) return null;
        var written = known.Properties.Where(member => member.Get is not null).ToList();
        return written.All(member => member is
        { ShouldSerialize: null, CustomConverter: null, IsExtensionData: false, NumberHandling: null }
                && member.AttributeProvider is PropertyInfo { GetMethod: not null })
            ? [.. written.Select(member => (member.Name, (PropertyInfo)member.AttributeProvider!))] : null;
    }

    private sealed class RecordText<T> : ValueText<T> where T : class
    {
        private readonly Lazy<MemberText<T>[]> members = new(() => [.. Members(typeof(T))!.Select((member, number) =>
            (MemberText<T>)Activator.CreateInstance(
                typeof(MemberText<,>).MakeGenericType(typeof(T), member.Property.PropertyType),
                NameBytes(number == 0 ? "{" : ",", member.Name), member.Property)!)]);

        public override void Write(T value, TextBuffer into)
        {
            if (value is null)
            {
                into.Write("null"u8);
                return;
            }
            var all = members.Value;
            if (all.Length == 0) into.Write((byte)'{');
            foreach (var member in all) member.Write(value, into);
            into.Write((byte)'}');
        }

        private static byte[] NameBytes(string before, string name) =>
            Encoding.UTF8.GetBytes($"{before}\"{JsonEncodedText.Encode(name)}\":");
    }

    private abstract class MemberText<TRow>
    {
        public abstract void Write(TRow row, TextBuffer into);
    }

    private sealed class MemberText<TRow, TValue>(byte[] name, PropertyInfo property) : MemberText<TRow>
    {
        private readonly Func<TRow, TValue> get = property.GetMethod!.CreateDelegate<Func<TRow, TValue>>();
        private readonly ValueText<TValue> text = ValueText<TValue>.Make();

        public override void Write(TRow row, TextBuffer into)
        {
            into.Write(name);
            text.Write(get(row), into);
        }
    }

    private sealed class SomeText<T> : ValueText<T?> where T : struct
    {
        private readonly ValueText<T> text = ValueText<T>.Make();

        public override void Write(T? value, TextBuffer into)
        {
            if (value is { } some) text.Write(some, into);
            else into.Write("null"u8);
        }
    }

    private sealed class ListText<T> : ValueText<IReadOnlyList<T>>
    {
        private readonly Lazy<ValueText<T>> text = new(ValueText<T>.Make);

        public override void Write(IReadOnlyList<T> value, TextBuffer into)
        {
            if (value is null)
            {
                into.Write("null"u8);
                return;
            }
            into.Write((byte)'[');
            for (var i = 0; i < value.Count; i++)
            {
                if (i > 0) into.Write((byte)',');
                text.Value.Write(value[i], into);
            }
            into.Write((byte)']');
        }
    }

    private sealed class StringText : ValueText<string>
    {
        public override void Write(string value, TextBuffer into)
        {
            if (value is null)
            {
                into.Write("null"u8);
                return;
            }
            if (value.AsSpan().ContainsAnyExcept(Plain))
            {
                into.Write(RowJson.Write(value).AsSpan());
                return;
            }
            into.Write((byte)'"');
            into.Write(value.AsSpan());
            into.Write((byte)'"');
        }
    }

    private sealed class BoolText : ValueText<bool>
    {
        public override void Write(bool value, TextBuffer into) => into.Write(value ? "true"u8 : "false"u8);
    }

    private sealed class IntText : ValueText<int>
    {
        public override void Write(int value, TextBuffer into)
        {
            value.TryFormat(into.GetSpan(NumberBytesMax), out var length, default, CultureInfo.InvariantCulture);
            into.Advance(length);
        }
    }

    private sealed class LongText : ValueText<long>
    {
        public override void Write(long value, TextBuffer into) => WriteQuoted(value, into);
    }

    private sealed class EnergyText : ValueText<Energy>
    {
        public override void Write(Energy value, TextBuffer into)
        {
            // Most fit into 64 bits, which are written in a fraction of the time.
            if (value.HalfNanojoules is var number && number >= long.MinValue && number <= long.MaxValue)
                WriteQuoted((long)number, into);
            else WriteQuoted(number, into);
        }
    }

    private sealed class InstantText : ValueText<Instant>
    {
        public override void Write(Instant value, TextBuffer into)
        {
            into.Write((byte)'"');
            WriteKey(value, into);
            into.Write((byte)'"');
        }
    }

    /// <summary>Of a few values, whose texts are kept.</summary>
    private sealed class KnownText<T> : ValueText<T> where T : notnull
    {
        private readonly ConcurrentDictionary<T, byte[]> known = [];

        public override void Write(T value, TextBuffer into) =>
            into.Write(known.GetOrAdd(value, each => Encoding.UTF8.GetBytes(RowJson.Write(each))));
    }

    private sealed class OtherText<T> : ValueText<T>
    {
        private readonly JsonTypeInfo<T> type = (JsonTypeInfo<T>)RowJson.TypeOf(typeof(T));

        public override void Write(T value, TextBuffer into)
        {
            using var writer = new Utf8JsonWriter(into);
            JsonSerializer.Serialize(writer, value, type);
        }
    }
}
