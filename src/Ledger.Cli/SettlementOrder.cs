using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Cli;

/// <summary>
/// What facts of settlement say of one another, held against those before them: that each stands in the stream of its
/// day and has its name alone, that a run is of facts before it and supersedes a run that is there, that corrections
/// and publications name one, that the close of a month names the runs that hold, with their sum, and that only
/// corrections follow it; and of the points that are settled that none is placed behind itself. What a run says of its
/// own day is derived elsewhere. Only what every program refused is asked: what was recorded before there was a rule is
/// no fault by it.
/// </summary>
internal sealed class SettlementOrder
{
    /// <summary>A run, and what it comes to with the corrections that were booked on it so far.</summary>
    private sealed record StandingRun(RunId Run, string Currency, decimal Total);

    private sealed record SettledDay(IReadOnlyList<StandingRun> Runs, IReadOnlyList<RunId> Deltas)
    {
        public static readonly SettledDay Empty = new([], []);
    }

    private readonly Dictionary<(PartyId Account, LocalDate Day), SettledDay> days = [];
    private readonly HashSet<(PartyId Account, LocalDate Month)> months = [];
    private readonly List<Fault> faults = [];
    private readonly Dictionary<string, long> namedAt = new(StringComparer.Ordinal);
    private readonly List<string> timeZones = [];
    private StationTreeState tree = StationTreeState.Empty;

    public IReadOnlyList<Fault> Faults => faults;

    /// <summary>The position at which a run or a correction first named each version of the rules.</summary>
    public IReadOnlyDictionary<string, long> RulesNamedAt => namedAt;

    /// <summary>The time-zone rules that corrections name, of each its own.</summary>
    public IReadOnlyList<string> TimeZonesOfCorrections => timeZones;

    /// <summary>Takes the next fact of the journal.</summary>
    public void Take(RecordedEvent recorded, LedgerEvent fact)
    {
        switch (fact)
        {
            case SettlementRunCompleted run: Take(recorded, run); break;
            case SettlementDeltasBooked deltas: Take(recorded, deltas); break;
            case SettlementRunPublished published:
                var of = $"the publication of {published.Run}";
                IsIn(Streams.Settlement(published.Account, published.Day), recorded, of);
                if (!Day(published.Account, published.Day).Runs.Any(run => run.Run == published.Run))
                    Add(recorded, of, "no such run before it", "a run of its day");
                break;
            case SettlementMonthClosed closed: Take(recorded, closed); break;
            case PointPlaced placed:
                if (StationTree.Decide(tree, placed) is Decision.Rejected { Detail: var detail })
                    Add(recorded, $"the place of {placed.Point}", detail, "a place that is not behind itself");
                tree = StationTree.Evolve(tree, placed);
                break;
        }
    }

    private void Take(RecordedEvent recorded, SettlementRunCompleted run)
    {
        var (name, day) = ($"run {run.Run}", Day(run.Account, run.Day));
        namedAt.TryAdd(run.RuleVersion, recorded.Position);
        IsIn(Streams.Settlement(run.Account, run.Day), recorded, name);
        foreach (var (found, expected) in Settlement.NeverRecorded(run, recorded.Position))
            Add(recorded, name, found, expected);
        if (run.Supersedes is { } old && !day.Runs.Any(before => before.Run == old))
            Add(recorded, name, $"it supersedes {old}", "an earlier run of its day");
        if (run.Kind != RunKind.Correction && months.Contains((run.Account, MonthClose.MonthOf(run.Day))))
            Add(recorded, name, $"a run of kind {$"{run.Kind}".ToLowerInvariant()} behind the close of its month",
                "a correction");
        if (day.Runs.Any(before => before.Run == run.Run))
            Add(recorded, name, "another run of its name before it", "a name that no run of its day has");
        days[(run.Account, run.Day)] = day with { Runs = [.. day.Runs, new(run.Run, run.Currency, run.Total)] };
    }

    private void Take(RecordedEvent recorded, SettlementDeltasBooked deltas)
    {
        var (name, day) = ($"correction {deltas.Run}", Day(deltas.Account, deltas.Day));
        namedAt.TryAdd(deltas.RuleVersion, recorded.Position);
        timeZones.Add(deltas.TzdbVersion);
        IsIn(Streams.Settlement(deltas.Account, deltas.Day), recorded, name);
        foreach (var (found, expected) in Settlement.NeverRecorded(
            deltas.AtPosition, deltas.RuleVersion, recorded.Position)) Add(recorded, name, found, expected);
        if (!day.Runs.Any(run => run.Run == deltas.Corrects))
            Add(recorded, name, $"it corrects {deltas.Corrects}", "an earlier run of its day");
        if (deltas.Lines == 0) Add(recorded, name, "no line", "what changed");
        if (day.Deltas.Contains(deltas.Run))
            Add(recorded, name, "another correction of its name before it", "a name that no correction of its day has");
        days[(deltas.Account, deltas.Day)] = new([.. day.Runs.Select(run => run.Run == deltas.Corrects
            ? run with { Total = run.Total + deltas.Total } : run)], [.. day.Deltas, deltas.Run]);
    }

    /// <summary>The sum is of the runs that hold and of their corrections, as whoever closed the month found
    /// them.</summary>
    private void Take(RecordedEvent recorded, SettlementMonthClosed closed)
    {
        var (month, name) = (MonthClose.MonthOf(closed.Month), $"the close of {Iso(closed.Month)}");
        IsIn(Streams.SettlementMonth(closed.Account, month), recorded, name);
        if (closed.Month != month) Add(recorded, name, "a day within a month", Iso(month));
        if (!months.Add((closed.Account, month)))
            Add(recorded, name, "another close of the month before it", "the only one");
        var holding = new List<StandingRun>();
        for (var day = month; day.Month == month.Month; day = day.PlusDays(1))
            if (Day(closed.Account, day).Runs is [.., var last]) holding.Add(last);
        if (!holding.Select(run => run.Run).SequenceEqual(closed.Runs))
            Add(recorded, name, $"the runs {string.Join(", ", closed.Runs)}",
                $"those that hold: {string.Join(", ", holding.Select(run => run.Run))}");
        else if (holding.Sum(run => run.Total) is var total && total != closed.Total)
            Add(recorded, name, $"a total of {Text(closed.Total)}", $"{Text(total)} by its runs and their corrections");
        if (holding.FirstOrDefault(run => run.Currency != closed.Currency) is { } other)
            Add(recorded, name, $"an amount in {closed.Currency}", $"{other.Currency}, as run {other.Run}");
    }

    private SettledDay Day(PartyId account, LocalDate day) => days.GetValueOrDefault((account, day), SettledDay.Empty);

    private void IsIn(string stream, RecordedEvent recorded, string name)
    {
        if (recorded.Envelope.Stream != stream)
            Add(recorded, name, $"in the stream {recorded.Envelope.Stream}", $"in {stream}");
    }

    private void Add(RecordedEvent recorded, string name, string found, string expected) =>
        faults.Add(new(string.Create(CultureInfo.InvariantCulture, $"position {recorded.Position}, {name}"), found,
            expected));

    private static string Iso(LocalDate day) => LocalDatePattern.Iso.Format(day);

    private static string Text(decimal value) => value.ToString(CultureInfo.InvariantCulture);
}
