using System.Globalization;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime.Text;

namespace Ledger.Cli.Lines;

/// <summary>
/// Examines the charges of one point: each is derived from the facts of its month by the first bill and by the second
/// one, which share no arithmetic, and from the raw evidence by the first.
/// </summary>
internal sealed class ChargeExamination
{
    private readonly SettledSeries series;
    private readonly ChargeReasons reasons;
    private readonly IReadOnlyList<StatementCharge> recorded, byEvidence;
    private readonly HashSet<long> metered = [], differ = [], notShown = [], asRecorded = [];

    private ChargeExamination(SettledSeries series, SettledMonth month, List<(PointFacts Day, EvidencedDay Read)> days)
    {
        this.series = series;
        reasons = new(series.Point.Registered.Point, series.Tariff, month.Reasons);
        recorded = [.. StatementCharges.Of(series.Tariff, month.Recorded)];
        byEvidence = [.. StatementCharges.Of(series.Tariff, month.Read)];
        foreach (var (day, read) in days)
        {
            metered.UnionWith(Positions(day.Metered));
            differ.UnionWith(read.Differ);
            notShown.UnionWith(read.NotShown);
            asRecorded.UnionWith(read.AsRecorded);
        }
    }

    public static async Task<ChargeExamination> OfAsync(TracedJournal journal, SettlementRunCompleted run,
        SettledSeries series, EvidencedFacts evidenced, CancellationToken ct)
    {
        var days = new List<(PointFacts Day, EvidencedDay Read)>();
        var month = await SettledMonth.GatherAsync(journal, run, series, day =>
        {
            var read = evidenced.Of(day.Metered, day.Registered);
            days.Add((day, read));
            return day with { Metered = read.Facts };
        }, ct).ConfigureAwait(false);
        return new(series, month, days);
    }

    /// <param name="given">The events that were read so far.</param>
    /// <param name="faults">What is wrong with the run and with the lines of energy, which leave a rest to its
    /// charges.</param>
    public ExaminedStatementLine Examined(RunLines run, int index, LineCarry carry, IEnumerable<RecordedEvent> given,
        IReadOnlyList<string> faults)
    {
        var charge = run.ChargeAt(index)!;
        var tree = reasons.Explain(ChargeKey.From(charge), charge, carry.Money, series.Pricing);
        List<string> exceptions = [.. faults, .. OwedFaults(run), .. EarlierFaults(run, index), .. Wrong(tree)];
        if (In(recorded, charge, carry) is var again && again.Canonical() != charge.Canonical())
            exceptions.Add($"by the facts of its month {again.Canonical()}");
        var positions = tree.Positions().ToHashSet();
        foreach (var position in differ.Where(positions.Contains).Order())
            exceptions.Add(string.Create(CultureInfo.InvariantCulture,
                $"the fact at position {position} is not as its evidence gives it"));
        // What rests on any energy of the month rests on all of it: the highest is the highest of all.
        var restsOnEnergy = metered.Overlaps(positions);
        var audited = restsOnEnergy && notShown.Count > 0 ? null : In(byEvidence, charge, carry);
        if (audited is not null && (audited.Quantity, audited.Amount) != (charge.Quantity, charge.Amount))
            exceptions.Add($"by the evidence {Text(audited.Quantity)} {charge.Unit} and {Text(audited.Amount)}, "
                + $"recorded were {Text(charge.Quantity)} and {Text(charge.Amount)}");
        return new(run, charge.Number, charge.Canonical(), charge.Amount, carry,
            [.. Nodes(tree, new(ReferenceEqualityComparer.Instance))],
            [.. given.Where(each => positions.Contains(each.Position)).OrderBy(each => each.Position)
                .Select(each => new LineFact(each.Position, each.Envelope.WireName))],
            audited is null ? null : new(audited.Canonical(), audited.Amount),
            restsOnEnergy ? [.. asRecorded.Order()] : [], exceptions)
        {
            HasChargesBeyond = !IsOver(run),
        };
    }

    /// <summary>Charges that the point owes and the run lacks, or has beyond the facts. Of what stands after the texts
    /// that are here nothing is known.</summary>
    private IEnumerable<string> OwedFaults(RunLines run)
    {
        var point = series.Point.Registered.Point;
        List<ChargeKey> found = [.. run.Charges.Where(charge => charge.Point == point).Select(ChargeKey.From)];
        List<ChargeKey> due = [.. recorded.Select(ChargeKey.From)];
        foreach (var key in found.Except(due)) yield return $"{Said(key)} stands there, and is not due by the facts";
        var until = IsOver(run) ? due.Count : found.Max(due.IndexOf);
        foreach (var key in due.Take(until).Except(found)) yield return $"{Said(key)} is due by the facts, and left out";

        static string Said(ChargeKey key) =>
            $"{key.Part} {key.Name} of {key.Whose} for {LocalDatePattern.Iso.Format(key.Of)}";
    }

    /// <summary>Whether all that stands of the point's charges is here.</summary>
    private bool IsOver(RunLines run) => run.IsWhole || run.Flexibility.Count > 0
        || run.Charges[^1].Point != series.Point.Registered.Point;

    /// <summary>The charge as these have it, with number and amount at its place; of zero where it is not
    /// due.</summary>
    private StatementCharge In(IReadOnlyList<StatementCharge> charges, StatementCharge charge, LineCarry carry)
    {
        var found = charges.FirstOrDefault(each => ChargeKey.From(each) == ChargeKey.From(charge))
            ?? charge with { Quantity = 0m, AmountExact = 0m, Basis = "nothing is due", Problem = null };
        found = found with { Number = charge.Number };
        return found with { Amount = StatementNodes.AmountOf(found, carry, series.Tariff) };
    }

    private IEnumerable<string> EarlierFaults(RunLines run, int index)
    {
        for (var i = run.Lines.Count; i < index; i++)
            if (run.ChargeAt(i) is { } earlier
                && StatementNodes.AmountOf(earlier, run.CarryBefore(i), series.Tariff) is var amount
                && amount != earlier.Amount)
                yield return $"line {earlier.Number}: amount {Text(earlier.Amount)}, and {Text(amount)} by the exact one";
    }

    private static IEnumerable<string> Wrong(ExplainedValue tree) => tree.All()
        .Where(value => value.Says != value.Follows).Distinct()
        .Select(value => $"{value.Name} {value.Says}, and {value.Follows} by its month");

    /// <summary>Children before what follows from them; down to the sums of days and to peaks, under which there are
    /// the periods of a month.</summary>
    private static IEnumerable<LineNode> Nodes(ExplainedValue value, HashSet<ExplainedValue> written)
    {
        if (value.Position is not null || !written.Add(value)) yield break;
        var isSum = value.Rule == ExplanationRule.MonthDay || value.Rule == ExplanationRule.Peak;
        foreach (var node in isSum ? [] : value.From.SelectMany(child => Nodes(child, written))) yield return node;
        yield return new(value.Name, value.Says, value.Follows, isSum || value.From.Count == 0 ? [value.Arithmetic]
            : [.. value.From.Select(child => $"{child.Name} {child.Says}")]);
    }

    private static IEnumerable<long> Positions(MeteredFacts facts) =>
    [
        .. facts.Readings.Select(each => each.Position), .. facts.IntervalReadings.Select(each => each.Position),
        .. facts.IntervalRecords.Select(each => each.Position), .. facts.Estimates.Select(each => each.Position),
        .. facts.ReadingCorrections.Select(each => each.Position),
        .. facts.IntervalCorrections.Select(each => each.Position),
    ];

    private static string Text(decimal? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "none";
}
