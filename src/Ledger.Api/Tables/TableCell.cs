using System.Globalization;
using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Api.Tables;

/// <summary>A value of a table as text, with every digit: energies in kWh, powers in kW.</summary>
public static class TableCell
{
    /// <summary>Whether a spreadsheet would take a text for a formula and run it. A number keeps its sign.</summary>
    public static bool IsFormula(ReadOnlySpan<byte> text) =>
        text is [(byte)'=' or (byte)'+' or (byte)'-' or (byte)'@' or (byte)'\t' or (byte)'\r', ..]
        && !decimal.TryParse(text, Signed, CultureInfo.InvariantCulture, out _);

    /// <inheritdoc cref="IsFormula(ReadOnlySpan{byte})" />
    public static bool IsFormula(ReadOnlySpan<char> text) => text is ['=' or '+' or '-' or '@' or '\t' or '\r', ..]
        && !decimal.TryParse(text, Signed, CultureInfo.InvariantCulture, out _);

    private const NumberStyles Signed = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint;

    public static bool IsFigure(object? value) => value is int or long or decimal or Money or Energy or Power;

    public static string Exact(object? value) => value switch
    {
        null => "",
        string text => text,
        Energy energy => energy.ToKwh(),
        Power power => Exact(power.Kilowatts),
        Money money => money.ToString(),
        decimal number => number.ToString("0.############################", CultureInfo.InvariantCulture),
        bool yes => yes ? "true" : "false",
        Enum choice => char.ToLowerInvariant(choice.ToString()[0]) + choice.ToString()[1..],
        Instant at => InstantPattern.ExtendedIso.Format(at),
        LocalDate day => LocalDatePattern.Iso.Format(day),
        IReadOnlyList<string> texts => string.Join("; ", texts),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString()!,
    };
}
