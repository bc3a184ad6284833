using System.Globalization;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>Reads back the canonical text of a statement line or charge, which its leaf hashes.</summary>
public static class StatementText
{
    private const int FieldsBeforeSource = 11;
    private const int FieldsOfCharge = 14;
    private const string ChargeMark = "Charge";

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

    /// <summary>Whether it is the text of a charge and not of a line of energy.</summary>
    public static bool IsCharge(string text) =>
        text.Split('|') is [_, _, var what, ..] && what.StartsWith(ChargeMark, StringComparison.Ordinal);

    /// <summary>Throws <see cref="FormatException"/> where the text is not exactly what
    /// <see cref="StatementCharge.Canonical"/> writes.</summary>
    public static StatementCharge ParseCharge(string text)
    {
        // No name of a charge holds a bar, and nothing else of it is anybody's text.
        if (!IsCharge(text) || text.Split('|') is not { Length: FieldsOfCharge } fields)
            throw new FormatException($"'{text}' is no charge of a statement");
        var charge = new StatementCharge(
            int.Parse(fields[0], NumberStyles.None, CultureInfo.InvariantCulture),
            fields[1] == StatementCharge.OfAccount ? null : new SettlementPointId(fields[1]),
            Choice<BillPart>(fields[2][ChargeMark.Length..]), LocalDatePattern.Iso.Parse(fields[3]).GetValueOrThrow(),
            fields[4], Optional(fields[5], Number), Optional(fields[6], Number), Optional(fields[7], Number),
            Optional(fields[8], Number), fields[9], fields[10], fields[11], fields[13] == "-" ? null : fields[13]);
        return charge.Canonical() == text ? charge : throw new FormatException($"'{text}' is no canonical charge");
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
