using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Cli.Listings;

/// <summary>JSON that is shown as it is: a fact's own canonical text.</summary>
public sealed record CanonicalJson(string Text);

/// <summary>
/// One value in a listing. For people energies have six decimals of a kWh and powers at most three of a kW,
/// rounded half to even; for programs, in JSON and CSV, they have twelve and six, and decimals and 64-bit numbers are
/// text in JSON, so that no reader loses a digit.
/// </summary>
public static partial class Cell
{
    private const int ShownEnergyDecimals = 6; // 1 mWh, finer than any register
    private const int ShownPowerDecimals = 3; // 1 W

    public static bool IsFigure(object? value) => value is int or long or decimal or Energy or Power;

    public static string Shown(object? value) => value switch
    {
        null => "–",
        Energy energy => energy.ToKwh(ShownEnergyDecimals),
        Power power => Exact(Rounded(power)),
        bool yes => yes ? "yes" : "no",
        Enum choice => Words().Replace(choice.ToString(), " ").ToLowerInvariant(),
        IReadOnlyList<string> { Count: 0 } => "–",
        IReadOnlyList<string> texts => string.Join("; ", texts),
        _ => Exact(value),
    };

    /// <summary>In kW, as people read it.</summary>
    public static decimal Rounded(Power power) => decimal.Round(power.Kilowatts, ShownPowerDecimals);

    public static string Exact(object? value) => value switch
    {
        null => "",
        string text => text,
        Energy energy => energy.ToKwh(),
        Power power => Exact(power.Kilowatts),
        decimal number => number.ToString("0.############################", CultureInfo.InvariantCulture),
        bool yes => yes ? "true" : "false",
        Enum choice => char.ToLowerInvariant(choice.ToString()[0]) + choice.ToString()[1..],
        Instant at => InstantPattern.ExtendedIso.Format(at),
        LocalDate day => LocalDatePattern.Iso.Format(day),
        CanonicalJson json => json.Text,
        IReadOnlyList<string> texts => string.Join("; ", texts),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => value.ToString()!,
    };

    public static JsonNode? Json(object? value) => value switch
    {
        null => null,
        int number => number,
        bool yes => yes,
        CanonicalJson json => JsonNode.Parse(json.Text),
        IReadOnlyList<string> texts => new JsonArray([.. texts.Select(text => JsonValue.Create(text))]),
        _ => Exact(value),
    };

    [GeneratedRegex("(?<=[a-z])(?=[A-Z])")]
    private static partial Regex Words();
}
