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
/// is known after it. A ledger, with all its views and settlements, is dear to make, so each is asked at several
/// positions, and these are counted.
/// </summary>
public sealed class KnownAtLawTests(ITestOutputHelper output)
{
    private const int Positions = 4;

    [Fact]
    public void What_was_known_at_a_position_is_told_of_it_for_ever()
    {
        var seen = new SampleShares(("23 h", 5), ("25 h", 5), ("23.5 h", 5), ("24.5 h", 5), ("verdicts", 30),
            ("limits", 5),
            ("displaced claims", 3), ("register checks", 3), ("statements", 30), ("told otherwise later", 30));
        Gen.Select(EventfulDays.All, Gen.Int[0, 1_000].Array[Positions]).Sample((day, shares) =>
        {
            var ledger = new Told(day);
            var told = new List<(int At, string Answers, string Statement)>();
            foreach (var at in shares.Select(share => 1 + share * (day.Facts.Count - 1) / 1_000).Order())
            {
                ledger.Record(day.Facts.Take(at).Skip(told.LastOrDefault().At));
                var then = ledger.Answers(null);
                told.Add((at, then, ledger.Statement(at)));
                ledger.Answers(at - 1).ShouldBe(then);
            }

            ledger.Record(day.Facts.Skip(told[^1].At));
            var now = ledger.Answers(null);
            foreach (var (at, then, statement) in told)
            {
                ledger.Answers(at - 1).ShouldBe(then);
                ledger.Statement(at).ShouldBe(statement);
                seen.Add(day.Hours == 23m, day.Hours == 25m, day.Hours == 23.5m, day.Hours == 24.5m,
                    then.Contains("\"targets\":[{", StringComparison.Ordinal),
                    then.Contains("\"highest\"", StringComparison.Ordinal),
                    then.Contains("\"byProgramme\"", StringComparison.Ordinal),
                    then.Contains("\"check\":\"consistent\"", StringComparison.Ordinal)
                        || then.Contains("\"check\":\"inconsistent\"", StringComparison.Ordinal),
                    statement.Contains("CNY", StringComparison.Ordinal), now != then);
            }
        }, iter: LongRun.Samples / Positions / 4);
        seen.ShouldBeEnough(output);
    }

    [Fact]
    public void How_streams_interleave_in_a_range_of_positions_changes_nothing_known_after_it()
    {
        var seen = new SampleShares(("another order", 70));
        var range = Gen.Select(Gen.Int[0, 1_000], Gen.Int[0, 1_000], Gen.Int);
        Gen.Select(EventfulDays.All, range.Array[Positions]).Sample((day, ranges) =>
        {
            var was = new Told(day);
            was.Record(day.Facts);
            var (answers, amounts) = (was.Answers(null), was.Amounts().ToList());
            foreach (var (one, other, seed) in ranges)
            {
                var (from, to) = (Math.Min(one, other) * day.Facts.Count / 1_000,
                    Math.Max(one, other) * day.Facts.Count / 1_000);
                var mixed = EventfulDays.Interleaved(day.Facts.Skip(from).Take(to - from), new Random(seed));
                List<StationFact> facts = [.. day.Facts.Take(from), .. mixed, .. day.Facts.Skip(to)];
                var now = new Told(day);
                now.Record(facts);
                now.Answers(null).ShouldBe(answers);
                now.Amounts().ShouldBe(amounts);
                seen.Add(!facts.SequenceEqual(day.Facts));
            }
        }, iter: LongRun.Samples / Positions / 4);
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
