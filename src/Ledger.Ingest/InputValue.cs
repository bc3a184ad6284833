using System.Numerics;
using System.Text.Json;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>
/// A value of a JSON input with its path: the one strict reading of JSON from outside, for facts and for calculators.
/// Numbers are read from the raw text of the token, never through a binary fraction; members that the reader does not
/// know, and members given twice, are refused.
/// </summary>
public readonly record struct InputValue(string Path, JsonElement Json)
{
    /// <summary>How deep an input nests at most: a charge record with its tariffs has eight levels.</summary>
    public const int DepthMax = 8;

    /// <param name="depthMax">For an input that holds another one.</param>
    public static JsonDocument Parse(ReadOnlyMemory<byte> text, int depthMax = DepthMax)
    {
        try
        {
            return JsonDocument.Parse(text,
                new JsonDocumentOptions { MaxDepth = depthMax, AllowDuplicateProperties = false });
        }
        catch (JsonException malformed)
        {
            throw new InputRefusedException(Rejection.Malformed, "input", "", malformed.Message);
        }
        catch (InvalidOperationException)
        {
            // A member's name with a lone surrogate cannot be compared with the other names.
            throw new InputRefusedException(Rejection.ForbiddenCharacter, "input", "",
                "a member's name holds a lone surrogate");
        }
    }

    /// <summary>The members of an object, of which only those in <paramref name="known"/> may occur.</summary>
    public InputObject Object(params string[] known)
    {
        var read = OpenObject();
        foreach (var (name, value) in read.Members)
            if (!known.Contains(name, StringComparer.Ordinal))
                throw value.Refused(Rejection.UnknownField, $"known here: {string.Join(", ", known)}");
        return read;
    }

    /// <summary>All members of an object, for a format that others extend: whoever reads it takes what it knows.
    /// </summary>
    public InputObject OpenObject()
    {
        if (Json.ValueKind != JsonValueKind.Object) throw Refused(Rejection.Malformed, "must be an object");
        var members = new Dictionary<string, InputValue>(StringComparer.Ordinal);
        foreach (var member in Json.EnumerateObject())
            members.Add(NameOf(member), new(Path == "input" ? member.Name : $"{Path}.{member.Name}", member.Value));
        return new InputObject(Path, members);
    }

    private string NameOf(JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException)
        {
            // Names are compared while a text is read, but the only one that is not UTF-8 is compared with nothing.
            throw new InputRefusedException(Rejection.ForbiddenCharacter, Path, "", "a member's name must be UTF-8");
        }
    }

    /// <summary>One member of an object, null where it is absent; for what decides how the rest is read.</summary>
    public InputValue? Member(string name)
    {
        if (Json.ValueKind != JsonValueKind.Object) throw Refused(Rejection.Malformed, "must be an object");
        return Json.TryGetProperty(name, out var member) ? new(name, member) : null;
    }

    public List<InputValue> Array()
    {
        if (Json.ValueKind != JsonValueKind.Array) throw Refused(Rejection.Malformed, "must be an array");
        var elements = new List<InputValue>(Json.GetArrayLength());
        foreach (var element in Json.EnumerateArray()) elements.Add(new($"{Path}[{elements.Count}]", element));
        return elements;
    }

    /// <summary>The content of a string; one with a character that no store keeps, U+0000 or a lone surrogate, is
    /// refused.</summary>
    public string Text()
    {
        if (Json.ValueKind != JsonValueKind.String) throw Refused(Rejection.Malformed, "must be a string");
        string text;
        try
        {
            text = Json.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Refused(Rejection.ForbiddenCharacter, "must not hold a lone surrogate");
        }
        return text.Contains('\0') ? throw Refused(Rejection.ForbiddenCharacter, "must not hold U+0000") : text;
    }

    public ExactNumber Number()
    {
        var text = Json.ValueKind switch
        {
            JsonValueKind.Number => Json.GetRawText(),
            JsonValueKind.String => Text(),
            _ => throw Refused(Rejection.NotANumber, "must be a JSON number or a decimal string"),
        };
        if (text.Length > Limits.NumberLengthMax)
            throw Refused(Rejection.NumberTooLong, $"at most {Limits.NumberLengthMax} characters");
        return ExactNumber.TryParse(text, out var number)
            ? number
            : throw Refused(Rejection.NotANumber, "must be a decimal number with an exponent of at most 60");
    }

    public decimal Decimal() => Number().TryDecimal(out var value)
        ? value
        : throw Refused(Rejection.OutOfRange, "must fit a decimal exactly: 28 digits, 28 decimals");

    public int Integer(int least, int most) =>
        (int)Units(0, least, most, $"must be a whole number from {least} to {most}");

    /// <summary>The number in units of 10^-decimals; a number with more decimals than that is refused.</summary>
    public long Units(int decimals, long least, long most, string rule)
    {
        var units = Number().InUnits(decimals, out var rounded);
        return !rounded && units >= least && units <= most ? (long)units : throw Refused(Rejection.OutOfRange, rule);
    }

    /// <summary>Largest energy that is read, in kWh: a gigawatt for a century is less.</summary>
    private const long KwhMax = 1_000_000_000_000;

    /// <summary>Kilowatt-hours, exact: 12 decimals of a kWh are a whole number of half nanojoules.</summary>
    public Energy KilowattHours()
    {
        var units = Number().InUnits(12, out var finer);
        if (finer || BigInteger.Abs(units) > BigInteger.Pow(10, 12) * KwhMax)
            throw Refused(Rejection.OutOfRange, $"must be kWh with at most 12 decimals, at most {KwhMax}");
        return new Energy((Int128)units * (Energy.HalfNanojoulesPerWattHour / 1_000_000_000));
    }

    /// <summary>Kilowatts to whole milliwatts, half to even, and whether that rounded.</summary>
    public long Milliwatts(ref bool rounded)
    {
        var milliwatts = Number().InUnits(6, out var here);
        if (BigInteger.Abs(milliwatts) > Limits.PowerMilliwattsMax)
            throw Refused(Rejection.PowerAboveLimit, $"at most {new Power(Limits.PowerMilliwattsMax)} either way");
        rounded |= here;
        return (long)milliwatts;
    }

    public bool Flag() => Json.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Refused(Rejection.Malformed, "must be true or false"),
    };

    public InputRefusedException Refused(Rejection code, string rule) => new(code, Path, Raw(), rule);

    /// <summary>The value as it was written; nothing where it is not UTF-8.</summary>
    private string Raw()
    {
        try
        {
            return Json.GetRawText();
        }
        catch (InvalidOperationException)
        {
            return "";
        }
    }
}

/// <summary>An object of the input, its members by name.</summary>
public sealed record InputObject(string Path, IReadOnlyDictionary<string, InputValue> Members)
{
    public InputValue Required(string name) => Members.TryGetValue(name, out var value)
        ? value
        : throw new InputRefusedException(Rejection.MissingField, Path == "input"
            ? name : $"{Path}.{name}", "", "is needed");

    /// <summary>The member, or null where it is absent or JSON null.</summary>
    public InputValue? Optional(string name) =>
        Members.TryGetValue(name, out var value) && value.Json.ValueKind != JsonValueKind.Null ? value : null;
}
