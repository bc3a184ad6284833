using System.Globalization;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>Reads back the canonical text of a statement line, which its leaf hashes.</summary>
public static class StatementText
{
    private const int FieldsBeforeSource = 11;

    /// <summary>Throws <see cref="FormatException"/> where the text is not exactly what
    /// <see cref="StatementLine.Canonical"/> writes.</summary>
    public static StatementLine Parse(string text)
    {
        var fields = text.Split('|', FieldsBeforeSource + 1);
        // A source may hold a bar, because a provider's method stands in it; quality and problem do not.
        var rest = fields.Length > FieldsBeforeSource ? fields[FieldsBeforeSource] : "";
        var last = rest.LastIndexOf('|');
        var before = last > 0 ? rest.LastIndexOf('|', last - 1) : -1;
        if (before < 0) throw new FormatException($"'{text}' is no line of a statement");
        var line = new StatementLine(
            int.Parse(fields[0], NumberStyles.None, CultureInfo.InvariantCulture), new SettlementPointId(fields[1]),
            new Interval(At(fields[3]), At(fields[4])), Optional(fields[5], Choice<TariffPeriod>),
            Choice<Direction>(fields[2]), Optional(fields[6], value => new Energy(Whole(value))),
            Optional(fields[7], Number), Optional(fields[8], Number), Optional(fields[9], Number),
            Optional(fields[10], Number), rest[..before], Choice<ReadingQuality>(rest[(before + 1)..last]),
            rest[(last + 1)..] is var problem && problem == "-" ? null : problem);
        return line.Canonical() == text ? line : throw new FormatException($"'{text}' is no canonical line");
    }

    private static T? Optional<T>(string text, Func<string, T> read) where T : struct =>
        text == "-" ? null : read(text);

    private static Instant At(string text) => InstantPattern.ExtendedIso.Parse(text).GetValueOrThrow();

    private static T Choice<T>(string text) where T : struct, Enum =>
        Enum.TryParse<T>(text, out var choice) ? choice : throw new FormatException($"'{text}' is no {typeof(T).Name}");

    private static Int128 Whole(string text) =>
        Int128.Parse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture);

    private static decimal Number(string text) => decimal.Parse(
        text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture);
}
