using System.Globalization;

namespace Ledger.Domain;

/// <summary>
/// A number as a text that is hashed: every digit, without zeros at its end, so that 1.50 and 1.5 are the same text;
/// nothing has no sign, and what is not known is -. It is written where it stands, so that a line of a statement makes
/// one text and not one for each of its numbers.
/// </summary>
internal readonly struct ExactText : ISpanFormattable
{
    private const string Unknown = "-";
    private readonly decimal? number;
    private readonly Int128? whole;

    public ExactText(decimal? number) => this.number = number;

    public ExactText(Int128? whole) => this.whole = whole;

    public bool TryFormat(Span<char> text, out int written, ReadOnlySpan<char> format, IFormatProvider? provider)
    {
        if (whole is { } integer)
            return integer <= long.MaxValue && integer >= long.MinValue
                ? ((long)integer).TryFormat(text, out written, provider: CultureInfo.InvariantCulture)
                : integer.TryFormat(text, out written, provider: CultureInfo.InvariantCulture);
        if (number is not { } value)
        {
            written = text.Length > 0 ? 1 : 0;
            if (written == 1) text[0] = Unknown[0];
            return written == 1;
        }
        if (value == 0m) value = 0m; // neither a sign nor decimals
        if (!value.TryFormat(text, out written, provider: CultureInfo.InvariantCulture)) return false;
        if (!text[..written].Contains('.')) return true;
        while (text[written - 1] == '0') written--;
        if (text[written - 1] == '.') written--;
        return true;
    }

    public string ToString(string? format, IFormatProvider? provider) => ToString();

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{this}");
}
