using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>
/// A day or a month as somebody writes it, in the form of ISO 8601. It is of the years 1 to 9998, so that the next one
/// has a date too, and its edges are instants in every zone.
/// </summary>
public static class DayText
{
    private const int YearMax = 9998;

    public static bool TryDay(string? text, out LocalDate day) =>
        LocalDatePattern.Iso.Parse(text ?? "").TryGetValue(default, out day) && day.Year is > 0 and <= YearMax;

    public static bool TryMonth(string? text, out YearMonth month) =>
        YearMonthPattern.Iso.Parse(text ?? "").TryGetValue(default, out month) && month.Year is > 0 and <= YearMax;
}
