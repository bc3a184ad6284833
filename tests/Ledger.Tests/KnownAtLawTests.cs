using System.Globalization;
using CsCheck;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A station's day of 23 to 25 hours in which everything happens:
/// what anybody was told "as known at" a position (export, register checks, balance, limits, verdicts, claims,
/// statement) is what he is told for ever, and how the streams interleaved in a range of positions changes nothing that
/// is known after it. A sample is a whole ledger, with all its views and a settlement,
/// so there are fewer of them than of a law of one function.
/// </summary>
public sealed class KnownAtLawTests(ITestOutputHelper output)
{
    [Fact]
    public void What_was_known_at_a_position_is_told_of_it_for_ever()
    {
        var seen = new SampleShares(("23 h", 5), ("25 h", 5), ("23.5 h", 5), ("24.5 h", 5), ("verdicts", 30),
            ("limits", 10),
            ("displaced claims", 3), ("register checks", 1), ("statements", 30), ("told otherwise later", 30));
        Gen.Select(EventfulDays.All, Gen.Int[0, 1_000]).Sample((day, share) =>
        {
            var ledger = new Told(day);
            var at = 1 + share * (day.Facts.Count - 1) / 1_000;
            ledger.Record(day.Facts.Take(at));
            var then = ledger.Answers(null);
            var statement = ledger.Statement(at);
            ledger.Answers(at - 1).ShouldBe(then);

            ledger.Record(day.Facts.Skip(at));
            ledger.Answers(at - 1).ShouldBe(then);
            ledger.Statement(at).ShouldBe(statement);
            seen.Add(day.Hours == 23m, day.Hours == 25m, day.Hours == 23.5m, day.Hours == 24.5m,
                then.Contains("\"targets\":[{", StringComparison.Ordinal),
                then.Contains("\"highest\"", StringComparison.Ordinal),
                then.Contains("\"byProgramme\"", StringComparison.Ordinal),
                then.Contains("\"check\":\"consistent\"", StringComparison.Ordinal)
                    || then.Contains("\"check\":\"inconsistent\"", StringComparison.Ordinal),
                statement.Contains("CNY", StringComparison.Ordinal), ledger.Answers(null) != then);
        }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);
    }

    [Fact]
    public void How_streams_interleave_in_a_range_of_positions_changes_nothing_known_after_it()
    {
        var seen = new SampleShares(("another order", 80));
        Gen.Select(EventfulDays.All, Gen.Int[0, 1_000], Gen.Int[0, 1_000], Gen.Int).Sample((day, one, other, seed) =>
        {
            var (from, to) = (Math.Min(one, other) * day.Facts.Count / 1_000,
                Math.Max(one, other) * day.Facts.Count / 1_000);
            var mixed = EventfulDays.Interleaved(day.Facts.Skip(from).Take(to - from), new Random(seed));
            List<StationFact> facts = [.. day.Facts.Take(from), .. mixed, .. day.Facts.Skip(to)];
            var (was, now) = (new Told(day), new Told(day));
            was.Record(day.Facts);
            now.Record(facts);
            now.Answers(null).ShouldBe(was.Answers(null));
            now.Amounts().ShouldBe(was.Amounts());
            seen.Add(!facts.SequenceEqual(day.Facts));
        }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);
    }

    /// <summary>A ledger of one station's day, and all that it says of it as text.</summary>
    private sealed class Told(EventfulDay day)
    {
        private static readonly Principal By = new("test", EventfulDays.Account, new HashSet<string>());
        private readonly InMemoryJournal journal = new(asStored: true);
        private readonly MemoryViews views = new();

        public void Record(IEnumerable<StationFact> facts)
        {
            foreach (var (stream, fact) in facts)
                journal.AppendAsync(stream, ExpectedRevision.Any, [fact], By, null, default).AsTask().GetAwaiter()
                    .GetResult()
                    .ShouldBeOfType<AppendResult.Recorded>();
            new ProjectionRunner(journal, views, StandardProjections.All, journal.Decode).CatchUpAsync(default)
                .GetAwaiter().GetResult();
        }

        public string Answers(long? asOf)
        {
            var answers = new Answers(views, asOf);
            var balance = answers.Balance(EventfulDays.Station, day.Date);
            return string.Join('\n', new object?[]
            {
                answers.Export(day.Date), answers.Stations(day.Date), answers.Limits(day.Date),
                answers.Instruction(EventfulDays.Instruction), answers.Claims(), balance?.Day,
                balance?.Periods.Where(period => period.Proven).ToList(),
                EventfulDays.Points.Select(point => answers.IntervalRecords(point, day.Date)).ToList(),
                EventfulDays.Points.Select(point => answers.PeriodChecks(point, day.Date)).ToList(),
            }.OfType<object>().Select(RowJson.Write));
        }

        /// <summary>Every line with its sources, which name positions.</summary>
        public string Statement(long position) => Calculated(position) switch
        {
            SettlementCalculation.Calculated known =>
                $"{known.Statement.Total} {known.Statement.Currency} {known.Statement.LinesRoot} {string.Join(' ', known.LeftOut)}",
            SettlementCalculation.NotPossible none => $"{none.Code} {none.Detail} {string.Join(' ', none.LeftOut)}",
            var other => other.ToString(),
        };

        /// <summary>Every line without them.</summary>
        public IEnumerable<string> Amounts() => Calculated(journal.Length) is SettlementCalculation.Calculated known
            ? known.Statement.Lines.Select(line => string.Create(CultureInfo.InvariantCulture,
                $"{line.Point} {line.Direction} {line.Period.Start} {line.Metered} {line.Amount} {line.Quality} {line.Problem}"))
            : [];

        private SettlementCalculation Calculated(long position) => Settlements.CalculateAsync(
            journal, views, EventfulDays.Account, day.Date, position, default).GetAwaiter().GetResult();
    }
}
