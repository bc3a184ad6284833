using System.Globalization;
using Ledger.Domain;
using Ledger.Projections;

namespace Ledger.Cli.Listings;

/// <summary>Amounts taken apart, facts and what they are counted in, and why one run is not another.</summary>
internal static class ExplanationListings
{
    /// <summary>A tree as rows, each value below what follows from it.</summary>
    /// <param name="lines">Whether what stands below the lines of a total is listed too.</param>
    public static Listing Tree(ExplainedValue root, bool lines, int moneyDecimals) => Listing.Of(
        Rows(root, 0, lines, root.Rule == ExplanationRule.Delta ? 1 : 0, new(ReferenceEqualityComparer.Instance)),
        new("value", "value", row => new string('·', 2 * row.Depth) + row.Value.Name),
        new("says", "says", row => Said(row.Value, moneyDecimals)),
        new("holds", null, row => row.Value.Holds),
        new("rule", "by rule", row => row.Value.Rule.Id),
        new("arithmetic", "from", row => row.Value.Arithmetic + (row.Again ? ", as above" : "")));

    /// <summary>The rules that a tree uses, each once, with its clause.</summary>
    public static Listing Rules(ExplainedValue root) => Listing.Of(
        root.Rules(),
        new("rule", "rule", rule => rule.Id), new("says", "says", rule => rule.Says),
        new("clause", "source", rule => rule.Clause));

    /// <summary>The values that do not come out as they are said.</summary>
    public static Listing Wrong(ExplainedValue root) => Listing.Of(
        root.All().Where(value => value.Says != value.Follows),
        new("value", "value", value => value.Name), new("says", "says", value => value.Says),
        new("follows", "and it follows", value => value.Follows), new("arithmetic", "from", value => value.Arithmetic));

    public static Listing Uses(IEnumerable<FactInRun> uses) => Listing.Of(uses,
        new("run", "run", use => use.Run), new("account", null, use => use.Account),
        new("day", null, use => use.Day), new("counted", "counted", use => use.IsCounted),
        new("lines", "in lines", use => use.IsCounted ? Ranges(use.Lines) : null),
        new("because", "as, or why not", use => use.Because));

    /// <summary>The lines of a correction, each beside the line that it changes.</summary>
    public static Listing Corrected(IEnumerable<CorrectedLine> lines) => Listing.Of(lines,
        new("line", "line", line => line.Line), new("of", "of", line => line.Of),
        new("lineBefore", "line before", line => line.LineBefore), new("lineAfter", "line now", line => line.LineAfter),
        new("before", "amount before", line => line.Before), new("after", "amount now", line => line.After),
        new("change", "change", line => line.Change), new("says", null, line => line.Says),
        new("why", "because", line => line.Why), new("facts", null, line => line.Facts.Select(Number).ToList()));

    public static Listing Facts(IEnumerable<FactBetween> facts) => Listing.Of(facts,
        new("position", "position", fact => fact.Position), new("isNew", "came since", fact => fact.IsNew),
        new("fact", null, fact => fact.Fact), new("says", "fact", fact => fact.Says),
        new("recordedAt", "recorded at", fact => fact.RecordedAt), new("recordedBy", "by", fact => fact.RecordedBy));

    public static Listing Causes(IEnumerable<ChangeCause> causes) => Listing.Of(causes,
        new("why", "because", cause => cause.Why), new("lines", "lines", cause => cause.Lines),
        new("change", "change", cause => cause.Change),
        new("facts", null, cause => cause.Facts.Select(Number).ToList()));

    /// <param name="zone">Whose clock a person reads.</param>
    public static Listing Lines(IEnumerable<ChangedLine> lines, string zone) => Listing.Of(lines,
        new(null, "line", line => line.LineAfter ?? line.LineBefore),
        new("point", "point", line => line.Point.Value), new("direction", "direction", line => line.Direction),
        new("start", "from", line => line.Period.Start),
        new(null, "local", line => StatementListings.ClockOf(line.Period.Start, zone)),
        new("lineBefore", null, line => line.LineBefore), new("lineAfter", null, line => line.LineAfter), new("meteredBeforeKwh", "kWh before", line => line.MeteredBefore),
        new("meteredAfterKwh", "kWh after", line => line.MeteredAfter), new("before", "amount before", line => Money.Of(line.Before)),
        new("after", "amount after", line => Money.Of(line.After)), new("change", "change", line => Money.Of(line.Change)),
        new("byEnergy", null, line => line.ByEnergy), new("byPrice", null, line => line.ByPrice),
        new("byRounding", null, line => line.ByRounding), new("why", null, line => line.Why),
        new("says", null, line => line.Says),
        new("facts", null, line => line.Facts.Select(Number).ToList()));

    public static Listing Charges(IEnumerable<ChangedCharge> charges) => Listing.Of(charges,
        new(null, "line", row => row.LineAfter ?? row.LineBefore),
        new("point", "point", row => row.Charge.Point?.Value ?? StatementCharge.OfAccount), new("part", "part", row => row.Charge.Part),
        new("name", "charge", row => row.Charge.Name), new("of", "of", row => row.Charge.Of),
        new("lineBefore", null, row => row.LineBefore), new("lineAfter", null, row => row.LineAfter),
        new("quantityBefore", "quantity before", row => row.QuantityBefore),
        new("quantityAfter", "quantity after", row => row.QuantityAfter), new("unit", "unit", row => row.Unit),
        new("before", "amount before", row => Money.Of(row.Before)), new("after", "amount after", row => Money.Of(row.After)),
        new("change", "change", row => Money.Of(row.Change)), new("why", null, row => row.Why),
        new("says", null, row => row.Says), new("facts", null, row => row.Facts.Select(Number).ToList()));

    public static Listing Flexibility(IEnumerable<ChangedFlexibility> lines) => Listing.Of(lines,
        new(null, "line", row => row.LineAfter ?? row.LineBefore),
        new("programme", "programme", row => row.Line.Programme.Value),
        new("instruction", "call", row => row.Line.Instruction?.Value), new("paid", "paid", row => row.Line.Paid),
        new("start", "from", row => row.Line.Start), new("kind", "kind", row => row.Line.Kind),
        new("lineBefore", null, row => row.LineBefore), new("lineAfter", null, row => row.LineAfter),
        new("kwhBefore", "kWh before", row => row.KwhBefore), new("kwhAfter", "kWh after", row => row.KwhAfter),
        new("before", "amount before", row => Money.Of(row.Before)), new("after", "amount after", row => Money.Of(row.After)),
        new("change", "change", row => Money.Of(row.Change)), new("why", null, row => row.Why),
        new("says", null, row => row.Says), new("facts", null, row => row.Facts.Select(Number).ToList()));

    /// <summary>Numbers in order, those that follow each other as one range: 1–24, 30.</summary>
    public static string Ranges(IReadOnlyList<int> numbers)
    {
        var ranges = new List<(int First, int Last)>();
        foreach (var number in numbers)
            if (ranges.Count > 0 && ranges[^1].Last == number - 1) ranges[^1] = (ranges[^1].First, number);
            else ranges.Add((number, number));
        return string.Join(", ", ranges.Select(range =>
            range.First == range.Last ? Number(range.First) : $"{Number(range.First)}–{Number(range.Last)}"));
    }

    /// <summary>Without lines, a total goes down to sums of lines and to charges, a charge to sums of days.</summary>
    /// <param name="top">At which depth the amounts stand that are asked for.</param>
    private static IEnumerable<(ExplainedValue Value, int Depth, bool Again)> Rows(
        ExplainedValue value, int depth, bool lines, int top, HashSet<ExplainedValue> written)
    {
        var again = value.From.Count > 0 && !written.Add(value);
        yield return (value, depth, again);
        if (again || (!lines && ((value.Rule == ExplanationRule.Direction && value.From is [{ Rule.Id: "amount" }, ..])
            || (depth > top && IsAmount(value.Rule)) || value.Rule == ExplanationRule.MonthDay)))
            yield break;
        foreach (var child in value.From)
            foreach (var row in Rows(child, depth + 1, lines, top, written)) yield return row;
    }

    private static bool IsAmount(ExplanationRule rule) => rule == ExplanationRule.Amount
        || rule == ExplanationRule.Payment || rule == ExplanationRule.Penalty || rule == ExplanationRule.Redistributed
        || rule == ExplanationRule.Availability;

    private static string Said(ExplainedValue value, int moneyDecimals)
    {
        if (value.Says == ExplainedValue.None) return "–";
        return value.Unit switch
        {
            ExplainedValue.HalfNanojoules =>
                new Energy(Int128.Parse(value.Says, CultureInfo.InvariantCulture)).ToKwh(6) + " kWh",
            _ => $"{ExplainedNode.Shown(value, value.Says, moneyDecimals)} {value.Unit}".TrimEnd(),
        };
    }

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}
