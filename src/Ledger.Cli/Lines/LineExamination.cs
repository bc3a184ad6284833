using System.Globalization;
using System.Text.RegularExpressions;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Cli.Lines;

/// <summary>A fact on which a line rests, and what it is to the line.</summary>
internal sealed record LineFact(long Position, string Is);

/// <summary>A line as the raw evidence gives it.</summary>
internal sealed record AuditedText(string Text, decimal? Amount);

/// <summary>A line or a charge with all that it follows from, and what an examination of it gives.</summary>
/// <param name="Text">Canonical.</param>
/// <param name="Audited">Null where nothing can be derived from the evidence.</param>
/// <param name="AsRecorded">Facts of the line that have no evidence to be read: they count as they were
/// recorded.</param>
/// <param name="Exceptions">What is not as it should be, in words; empty where all is.</param>
internal sealed record ExaminedStatementLine(
    RunLines Run, int Number, string Text, decimal? Amount, LineCarry Carry, IReadOnlyList<LineNode> Nodes,
    IReadOnlyList<LineFact> Facts, AuditedText? Audited, IReadOnlyList<long> AsRecorded,
    IReadOnlyList<string> Exceptions)
{
    public SettlementPointId? Point =>
        Run.ChargeAt(Number - 1) is { } charge ? charge.Point : Run.Lines[Number - 1].Point;

    /// <summary>Whether charges of its point may be due with which its run was not compared.</summary>
    public bool HasChargesBeyond { get; init; }
}

/// <summary>
/// Examines statement lines: each value of a line is derived from its children, the metered energy from the facts of
/// its point alone, and the amount a second time from the raw evidence; of a charge the same from the facts of its
/// month (<see cref="ChargeExamination"/>). The journal notes what it is asked for.
/// </summary>
/// <param name="evidence">The bytes of a digest; null where they are not kept.</param>
internal sealed partial class LineExamination(
    IJournal journal, Func<EvidenceDigest, byte[]?> evidence, CancellationToken ct)
{
    /// <param name="Faults">What is wrong with the run of which the point's lines are, and with their number.</param>
    private sealed record PointDay(
        SettledSeries Series, EvidencedDay ByEvidence, IReadOnlyList<string> Faults);

    private readonly EvidencedFacts evidenced = new(evidence);
    private readonly Dictionary<long, TracedJournal> traced = [];
    private readonly Dictionary<(long Run, SettlementPointId Point), PointDay> days = [];
    private readonly Dictionary<(long Run, SettlementPointId Point), ChargeExamination> months = [];
    private readonly Dictionary<long, IReadOnlyList<(int Index, string Fault)>> nodeFaults = [];

    /// <summary>All events that were read, each once, in order.</summary>
    public IReadOnlyList<RecordedEvent> Given =>
        [.. traced.Values.SelectMany(each => each.Given).DistinctBy(recorded => recorded.Position)
            .OrderBy(recorded => recorded.Position)];

    /// <summary>Events of one point that cannot be folded into a line are an exception and no failure.</summary>
    /// <param name="index">Of the texts of the run, from 0 on.</param>
    public async Task<ExaminedStatementLine> ExamineAsync(RunLines run, int index)
    {
        var (carry, charge) = (run.CarryBefore(index), run.ChargeAt(index));
        try
        {
            if (charge is null)
                return Examined(run, index, carry, await DayAsync(run, run.Lines[index].Point).ConfigureAwait(false));
            var point = charge.Point ?? throw new InvalidOperationException("the account owes it as a whole");
            var day = await DayAsync(run, point).ConfigureAwait(false);
            if (!months.TryGetValue((run.Position, point), out var month))
                months[(run.Position, point)] = month = await ChargeExamination.OfAsync(
                    traced[run.Position], run.Run, day.Series, evidenced, ct).ConfigureAwait(false);
            return month.Examined(run, index, carry, traced[run.Position].Given,
                [.. day.Faults, .. NodeFaults(run, day.Series.Tariff)
                    .Select(fault => fault.Fault)]);
        }
        catch (Exception wrong) when (wrong is InvalidOperationException or InvalidCastException or ArgumentException
            or NodaTime.TimeZones.DateTimeZoneNotFoundException)
        {
            return new(run, index + 1, run.Texts[index],
                charge is null ? run.Lines[index].Amount : charge.Amount, carry, [], [], null, [],
                [$"the line cannot be derived: {wrong.Message}"]);
        }
    }

    private async Task<PointDay> DayAsync(RunLines run, SettlementPointId point)
    {
        if (days.TryGetValue((run.Position, point), out var known)) return known;
        if (!traced.TryGetValue(run.Position, out var trace))
            traced[run.Position] = trace = new TracedJournal(journal, run.Run.AtPosition);
        var series = await SettledSeries.GatherAsync(trace, run.Run, point, ct).ConfigureAwait(false);
        return days[(run.Position, point)] =
            new(series, evidenced.Of(series.Point.Metered, series.Point.Registered),
                [.. TariffFault(run, series.Tariff), .. CountFault(run, series)]);
    }

    private ExaminedStatementLine Examined(RunLines run, int index, LineCarry carry, PointDay day)
    {
        var (line, series) = (run.Lines[index], day.Series);
        List<string> exceptions = [.. day.Faults];
        // What a line carries comes from the lines before it, so they are derived with it.
        foreach (var (at, fault) in NodeFaults(run, series.Tariff))
            if (at <= index) exceptions.Add(fault);
        var quantities = series.Quantities(line.Direction);
        var first = index;
        while (first > 0 && run.Lines[first - 1].Point == line.Point
            && run.Lines[first - 1].Direction == line.Direction) first--;
        for (var i = first; i <= index; i++)
            if (Unlike(run.Lines[i], quantities.ElementAtOrDefault(i - first)) is { } unlike) exceptions.Add(unlike);
        var facts = Facts(day.Series, line, traced[run.Position].Given);
        var metered = facts.Select(fact => fact.Position).ToHashSet();
        foreach (var position in day.ByEvidence.Differ.Where(metered.Contains))
            exceptions.Add(string.Create(CultureInfo.InvariantCulture,
                $"the fact at position {position} is not as its evidence gives it"));
        var right = MeteredDay.Of(line.Point, line.Direction, series.Point.Periods, day.ByEvidence.Facts,
            series.Point.Registered.Rated).ElementAtOrDefault(index - first);
        // What evidence does not show at all gives no other amount: the line has none that could be audited.
        if (right is null || day.ByEvidence.NotShown.Any(metered.Contains)) return Result(null);
        var audited = StatementNodes.With(line, right.Metered, right.Quality, right.Source, series.Tariff, carry);
        if (audited.Metered != line.Metered || audited.Amount != line.Amount)
            exceptions.Add($"by the evidence {audited.Metered?.ToKwh() ?? "no"} kWh and "
                + $"{Text(audited.Amount)}, recorded were {line.Metered?.ToKwh() ?? "none"} and {Text(line.Amount)}");
        return Result(audited);

        ExaminedStatementLine Result(StatementLine? audited) => new(run, line.Number, run.Texts[index], line.Amount,
            carry, StatementNodes.Of(line, series.Tariff, carry), facts,
            audited is null ? null : new(audited.Canonical(), audited.Amount),
            [.. day.ByEvidence.AsRecorded.Where(metered.Contains)], exceptions)
        {
            HasChargesBeyond = series.Tariff.Terms is not null,
        };
    }

    private static IEnumerable<string> TariffFault(RunLines run, TariffPublished tariff) =>
        (tariff.Tariff, tariff.Version, tariff.Currency) == (run.Run.Tariff, run.Run.TariffVersion, run.Run.Currency)
            ? []
            : [$"tariff {tariff.Tariff} v{tariff.Version} in {tariff.Currency} by the facts, "
                + $"{run.Run.Tariff} v{run.Run.TariffVersion} in {run.Run.Currency} by the run"];

    /// <summary>Lines of the point that the run lacks, or has beyond the facts. Of what stands after the texts that are
    /// here nothing is known.</summary>
    private static IEnumerable<string> CountFault(RunLines run, SettledSeries series)
    {
        var point = series.Point.Registered.Point;
        var lines = run.Lines.Where(line => line.Point == point).ToList();
        var isOver = run.IsWhole || lines.Count == 0 || lines[^1].Number < run.Texts.Count;
        foreach (var direction in Enum.GetValues<Direction>())
        {
            if (!isOver && direction >= lines[^1].Direction) yield break;
            var (found, due) = (lines.Count(line => line.Direction == direction),
                series.Point.Directions.Contains(direction) ? series.Quantities(direction).Count : 0);
            if (found != due)
                yield return string.Create(CultureInfo.InvariantCulture,
                    $"{point} has {found} lines of {direction}, and {due} by the facts");
        }
    }

    private IReadOnlyList<(int Index, string Fault)> NodeFaults(RunLines run, TariffPublished tariff)
    {
        if (nodeFaults.TryGetValue(run.Position, out var known)) return known;
        return nodeFaults[run.Position] = [.. NodeVerification.Faults(run.Lines, tariff)];
    }

    private static string? Unlike(StatementLine line, MeteredQuantity? quantity) =>
        quantity is null ? $"line {line.Number}: there is no such period by the facts"
        : quantity.Period != line.Period ? $"line {line.Number}: {quantity.Period} by the facts, not {line.Period}"
        : quantity.Metered != line.Metered || quantity.Source != line.Source || quantity.Quality != line.Quality
            ? $"line {line.Number}: {quantity.Metered?.ToKwh() ?? "no"} kWh from {quantity.Source}, {quantity.Quality} "
                + $"by the facts, not {line.Metered?.ToKwh() ?? "none"} from {line.Source}, {line.Quality}"
        : null;

    /// <summary>The facts that a line's source names, those that it rests on beside them, and the master data by which
    /// it is read and priced.</summary>
    private static List<LineFact> Facts(
        SettledSeries series, StatementLine line, IEnumerable<RecordedEvent> given)
    {
        var named = Positions().Matches(line.Source).SelectMany(match => match.Groups[1].Captures)
            .Select(capture => long.Parse(capture.Value, CultureInfo.InvariantCulture)).ToHashSet();
        named.UnionWith(Between(series, line, named));
        var register = Streams.Register(new(line.Point, line.Direction));
        var facts = new List<LineFact>();
        foreach (var recorded in given)
        {
            var (stream, fact) = (recorded.Envelope.Stream, recorded.Envelope.WireName);
            var isMetered = stream == register
                || stream.StartsWith($"curve/{line.Point}/", StringComparison.Ordinal)
                || stream.StartsWith($"interval-reading/{new RegisterId(line.Point, line.Direction)}/",
                    StringComparison.Ordinal);
            var isMaster = stream == Streams.Point(line.Point) || stream == Streams.Tariff(series.Tariff.Tariff)
                || stream == Streams.Assignment(series.Point.Registered.Owner)
                || (stream == register && fact == "register-installed");
            if (isMaster || (isMetered && named.Contains(recorded.Position))) facts.Add(new(recorded.Position, fact));
        }
        return facts;
    }

    /// <summary>The readings between the two that a source names, where without them another energy would follow: as of
    /// a register that began anew between them.</summary>
    private static IEnumerable<long> Between(SettledSeries series, StatementLine line, HashSet<long> named)
    {
        var (facts, register) = (series.Point.Metered, new RegisterId(line.Point, line.Direction));
        var readings = facts.Readings.Select(known => (known.Position, known.Fact.Register, known.Fact.ReadAt))
            .Concat(facts.ReadingCorrections.Select(known => (known.Position, known.Fact.Register, known.Fact.ReadAt)))
            .Where(reading => reading.Register == register).ToList();
        var edges = readings.Where(reading => named.Contains(reading.Position))
            .Select(reading => reading.ReadAt).ToList();
        if (edges.Count == 0) return [];
        var (from, to) = (edges.Min(), edges.Max());
        var between = readings.Where(reading => reading.ReadAt > from && reading.ReadAt < to).ToList();
        if (between.Count == 0) return [];
        var positions = between.Select(reading => reading.Position).ToHashSet();
        var without = MeteredDay.Of(line.Point, line.Direction, series.Point.Periods, facts with
        {
            Readings = [.. facts.Readings.Where(known => !positions.Contains(known.Position))],
            ReadingCorrections = [.. facts.ReadingCorrections.Where(known => !positions.Contains(known.Position))],
        }, series.Point.Registered.Rated);
        return without.Any(quantity => quantity.Period == line.Period && quantity.Metered == line.Metered)
            ? [] : positions;
    }

    private static string Text(decimal? amount) => amount?.ToString(CultureInfo.InvariantCulture) ?? "no amount";

    /// <summary>Every whole number that may be a position: of a reading, a record or an estimate, also of the reading
    /// that a correction is of; not a version, a count of periods, or a time in seconds.</summary>
    [GeneratedRegex(@"(?<![\dv.])(\d+)(?![\d.]| s not covered| periods?\b)")]
    private static partial Regex Positions();
}
