using System.Globalization;
using NodaTime;

namespace Ledger.Domain;

/// <summary>
/// What the lines before one leave over to it: energy within its point and direction, to the tariff's quantum, and
/// money of the whole statement, to the tariff's decimals.
/// </summary>
public readonly record struct LineCarry(Energy Energy, decimal Money)
{
    public static readonly LineCarry None = new(Domain.Energy.Zero, 0m);

    /// <summary>What the lines before the one at <paramref name="index"/> leave over, in the order of the
    /// statement.</summary>
    public static LineCarry Before(IReadOnlyList<StatementLine> lines, int index)
    {
        var carry = None;
        for (var i = 0; i < index; i++) carry = carry.After(lines[i], lines.ElementAtOrDefault(i + 1));
        return carry;
    }

    /// <summary>What a line leaves over to the next; energy never leaves its point and direction.</summary>
    public LineCarry After(StatementLine line, StatementLine? next) =>
        next is not null && IsSameSeries(line, next) ? Added(line) : Added(line) with { Energy = Energy.Zero };

    /// <summary>What a charge leaves over to the next; charges stand after the lines of energy.</summary>
    public LineCarry After(StatementCharge charge) => new(Domain.Energy.Zero,
        charge.AmountExact is { } exact && charge.Amount is { } amount ? Money + exact - amount : Money);

    private LineCarry Added(StatementLine line) => new(
        line.Metered is { } metered && line.BilledKwh is { } billed
            ? Energy + metered - StatementNodes.EnergyOf(billed) : Energy,
        line.AmountExact is { } exact && line.Amount is { } amount ? Money + exact - amount : Money);

    private static bool IsSameSeries(StatementLine a, StatementLine b) =>
        a.Point == b.Point && a.Direction == b.Direction;
}

/// <summary>
/// One value of a statement line, and the values that it follows from. The text is exact and of invariant culture.
/// </summary>
/// <param name="Name">What it is: tariffPeriod, pricePerKwh, billedKwh, amountExact, amount, problem.</param>
/// <param name="Said">As the line says it; - where it has none.</param>
/// <param name="Follows">As its children give it.</param>
/// <param name="From">The children, each as NAME VALUE.</param>
public sealed record LineNode(string Name, string Said, string Follows, IReadOnlyList<string> From)
{
    public bool Holds => Said == Follows;
}

/// <summary>
/// A statement line taken apart: each of its values is calculated again from its children, down to the metered energy,
/// the tariff, and what the lines before left over. The arithmetic is that of docs/evidence-bundle.md, written apart
/// from <see cref="Statement.Build"/>.
/// </summary>
public static class StatementNodes
{
    /// <summary>How many nodes a line has.</summary>
    public const int PerLine = 6;

    private const string None = "-";

    /// <summary>The nodes of a line, a child always before what follows from it.</summary>
    public static IReadOnlyList<LineNode> Of(StatementLine line, TariffPublished tariff, LineCarry carry)
    {
        var zone = DateTimeZoneProviders.Tzdb[tariff.Zone];
        var start = line.Period.Start;
        var calendar = EnergyPrices.CalendarOf(tariff, line.Direction);
        var period = TariffCalendar.PeriodAt(calendar, zone, start);
        var price = line.TariffPeriod is { } named
            ? EnergyPrices.First(tariff, zone, start, named, line.Direction) : null;
        var problem = line.Metered is null ? "energy missing"
            : TariffCalendar.EdgesWithin(calendar, zone, line.Period).Count > 0 ? "tariff edge inside the period"
            : line.PricePerKwh is null ? "price missing" : null;
        var billed = line.Metered is { } metered ? Billed(metered + carry.Energy, tariff.EnergyDecimals) : null;
        var exact = Exact(line);
        var tariffNamed = $"tariff {tariff.Tariff} v{Text(tariff.Version)}";
        return
        [
            new("tariffPeriod", Text(line.TariffPeriod), Text(period),
                [tariffNamed, $"start {line.Period.Start}"]),
            new("pricePerKwh", Text(line.PricePerKwh), Text(price),
                [tariffNamed, $"tariffPeriod {Text(line.TariffPeriod)}", $"direction {line.Direction}"]),
            new("problem", line.Problem ?? None, problem ?? None,
                [$"metered {Text(line.Metered)}", $"pricePerKwh {Text(line.PricePerKwh)}", $"period {line.Period}"]),
            new("billedKwh", Text(line.BilledKwh), Text(billed),
                [$"metered {Text(line.Metered)}", $"carriedEnergy {Text(carry.Energy)}",
                    $"energyDecimals {Text(tariff.EnergyDecimals)}"]),
            new("amountExact", Text(line.AmountExact), Text(exact),
                [$"billedKwh {Text(line.BilledKwh)}", $"pricePerKwh {Text(line.PricePerKwh)}",
                    $"direction {line.Direction}", $"problem {line.Problem ?? None}"]),
            new("amount", Text(line.Amount), Text(Amount(line.AmountExact, carry.Money, tariff.MoneyDecimals)),
                [$"amountExact {Text(line.AmountExact)}", $"carriedMoney {Text(carry.Money)}",
                    $"moneyDecimals {Text(tariff.MoneyDecimals)}"]),
        ];
    }

    /// <summary>The line as another metered energy would have made it, all else as it is.</summary>
    public static StatementLine With(
        StatementLine line, Energy? metered, ReadingQuality quality, string source, TariffPublished tariff,
        LineCarry carry)
    {
        var zone = DateTimeZoneProviders.Tzdb[tariff.Zone];
        var problem = metered is null ? "energy missing"
            : EnergyPrices.At(tariff, zone, line.Period, line.Direction).Edge ? "tariff edge inside the period"
            : line.PricePerKwh is null ? "price missing" : null;
        var again = line with
        {
            Metered = metered,
            Quality = quality,
            Source = source,
            Problem = problem,
            BilledKwh = metered is { } energy ? Billed(energy + carry.Energy, tariff.EnergyDecimals) : null,
        };
        again = again with { AmountExact = Exact(again) };
        return again with { Amount = Amount(again.AmountExact, carry.Money, tariff.MoneyDecimals) };
    }

    /// <summary>What a charge comes to, rounded on after what stands before it.</summary>
    public static decimal? AmountOf(StatementCharge charge, LineCarry carry, TariffPublished tariff) =>
        Amount(charge.AmountExact, carry.Money, tariff.MoneyDecimals);

    private static decimal? Exact(StatementLine line) => line.Problem is null
        ? (line.Direction == Direction.Import ? 1 : -1) * line.BilledKwh * line.PricePerKwh : null;

    private static decimal? Amount(decimal? exact, decimal carried, int decimals) => exact is { } priced
        ? Math.Round(priced + carried, decimals, MidpointRounding.AwayFromZero) : null;

    /// <summary>To the energy decimals, half up: the whole steps in twice what is due and one step, halved.</summary>
    private static decimal? Billed(Energy due, int decimals)
    {
        var step = KilowattHour / Energy.PowerOfTen(decimals);
        var twice = due.HalfNanojoules * 2 + step;
        var steps = twice / (step * 2);
        if (twice < 0 && twice % (step * 2) != 0) steps--;
        return (decimal)steps / (decimal)Energy.PowerOfTen(decimals);
    }

    /// <summary>A billed energy in the unit of metered energy; exact up to nine decimals of a kWh.</summary>
    internal static Energy EnergyOf(decimal kwh) =>
        new((Int128)(kwh * 1_000_000_000m) * (KilowattHour / 1_000_000_000));

    private static Int128 KilowattHour => (Int128)Energy.HalfNanojoulesPerWattHour * 1000;

    private static string Text(object? value) => value switch
    {
        null => None,
        decimal number => number.ToString("0.############################", CultureInfo.InvariantCulture),
        Energy energy => energy.HalfNanojoules.ToString(CultureInfo.InvariantCulture),
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => $"{value}",
    };
}
