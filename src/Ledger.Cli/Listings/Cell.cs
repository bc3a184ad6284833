using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Ledger.Api.Tables;
using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Cli.Listings;

/// <summary>JSON that is shown as it is: a fact's own canonical text.</summary>
public sealed record CanonicalJson(string Text)
{
    /// <summary>For a terminal: the same JSON without the control characters that its canonical text may have as they
    /// are.</summary>
    public string Escaped => !Text.Any(char.IsControl) ? Text : string.Concat(Text.Select(character =>
        char.IsControl(character) ? string.Create(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}")
            : character.ToString()));
}

/// <summary>
/// One value in a listing. For people energies have six decimals of a kWh, or fewer where they are decimals and none of
/// a column needs them, powers at most three of a kW, and money two,
/// rounded half to even; for programs, in JSON and CSV, they have twelve and six, and decimals and 64-bit numbers are
/// text in JSON, so that no reader loses a digit.
/// </summary>
public static partial class Cell
{
    private const int ShownEnergyDecimals = 6; // 1 mWh, finer than any register
    private const int ShownPowerDecimals = 3; // 1 W

    public static bool IsFigure(object? value) => TableCell.IsFigure(value);

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

    /// <summary>An energy in kWh, as people read it.</summary>
    public static decimal Rounded(decimal kwh) => decimal.Round(kwh, ShownEnergyDecimals);

    /// <summary>Money that is not rounded by a statement, as people read it.</summary>
    public static decimal? RoundedMoney(decimal? amount) =>
        amount is { } exact ? decimal.Round(exact, Deliveries.MoneyDecimals) : null;

    /// <summary>In kW, as people read it.</summary>
    public static decimal Rounded(Power power) => decimal.Round(power.Kilowatts, ShownPowerDecimals);

    public static string Exact(object? value) =>
        value is CanonicalJson json ? json.Text : TableCell.Exact(value);

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
