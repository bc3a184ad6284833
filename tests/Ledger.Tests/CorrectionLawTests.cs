using System.Collections.Immutable;
using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Laws of readings, corrections and estimates over days of 23, 24 and 25 hours whose register rolls over: what was known at
/// a position stays so, and a repeat of what was recorded changes nothing wherever it comes.
/// </summary>
public sealed class CorrectionLawTests(ITestOutputHelper output)
{
    private const long Modulus = 1_000_000;
    private static readonly DateTimeZone Berlin = DateTimeZoneProviders.Tzdb["Europe/Berlin"];
    private static readonly LocalDate[] Dates = [new(2026, 3, 29), new(2026, 7, 1), new(2026, 10, 25)];
    private static readonly RegisterId Register1 = new(new("P1"), Direction.Import);
    private static readonly RegisterInstalled Meter = new(Register1, "M", 6, 3, 1, Modulus);
    private static readonly Instant Now = Instant.FromUtc(2027, 1, 1, 0, 0);

    private enum Act { Read, Send, CorrectReading, CorrectInterval, Estimate }

    /// <summary>A day's facts in their order, and which inputs made them.</summary>
    private sealed record Told(ImmutableList<LedgerEvent> Facts, IReadOnlyList<LedgerEvent> Inputs, IReadOnlyList<Decision> Answers);

    private static readonly Gen<(LocalDate Date, (Act Act, int Hour, int Value)[] Acts)> Days = Gen.Select(
        Gen.Int[0, Dates.Length - 1].Select(i => Dates[i]),
        Gen.Select(Gen.Int[0, 9].Select(i => (Act)(i / 2)), Gen.Int[0, 5].Select(h => h * 4), Gen.Int[0, 3]).Array[1, 40]);

    [Fact]
    public void What_was_known_at_a_position_never_changes_and_repeats_change_nothing()
    {
        var seen = new Shares();
        Gen.Select(Days, Gen.Int).Sample((day, seed) =>
        {
            var hours = Hours(day.Date);
            var told = Tell(hours, day.Acts);
            var random = new Random(seed);
            var at = random.Next(told.Facts.Count + 1);
            var then = Settled(hours, Positions(told.Facts.Take(at)));
            // The rest is recorded, and the question is asked again, of facts that come in any order.
            Settled(hours, Positions(told.Facts).Where(known => known.Position < at).OrderBy(_ => random.Next())).ShouldBe(then);

            var again = Repeat(told, random);
            again.ShouldBe(told.Facts);
            seen.Count(day.Date, told, hours);
        }, iter: LongRun.Samples);
        output.WriteLine(seen.ToString());
    }

    /// <summary>Inputs in their order, every recorded one handed in again at a random later place.</summary>
    private static List<LedgerEvent> Repeat(Told told, Random random)
    {
        var order = told.Inputs.Select((input, i) => (At: (double)i, Input: input)).ToList();
        order.AddRange(told.Inputs.Select((input, i) => (At: i + 0.5 + random.NextDouble() * (told.Inputs.Count - i), Input: input))
            .Where((_, i) => told.Answers[i] is Decision.Accepted));
        var (registers, intervals, facts) = (RegisterState.Of(Meter), IntervalReadingsState.Empty, new List<LedgerEvent>());
        foreach (var (_, input) in order.OrderBy(entry => entry.At)) Hand(input, ref registers, ref intervals, facts);
        return facts;
    }

    private static Told Tell(List<Interval> hours, (Act Act, int Hour, int Value)[] acts)
    {
        var (registers, intervals, facts) = (RegisterState.Of(Meter), IntervalReadingsState.Empty, new List<LedgerEvent>());
        var (inputs, answers) = (new List<LedgerEvent>(), new List<Decision>());
        foreach (var (act, hour, value) in acts)
        {
            var period = hours[Math.Min(hour, hours.Count - 1)];
            var energy = Energy.FromWattHours(value * 100);
            LedgerEvent input = act switch
            {
                Act.Read => new RegisterReadingRecorded(Register1, period.Start, Index(hour, value), ReadingQuality.Measured, null),
                Act.CorrectReading => new RegisterReadingCorrected(Register1, period.Start,
                    ReadingCorrections.Versions(registers, period.Start).Count + (value == 0 ? 0 : 1), Index(hour, value),
                    ReadingQuality.Measured, "read again", null),
                Act.Send => new IntervalReadingRecorded(Register1, period, energy, ReadingQuality.Measured, "A", null),
                Act.CorrectInterval => new IntervalReadingCorrected(Register1, period,
                    (intervals.Known.GetValueOrDefault(period)?.Count ?? 0) + (value == 0 ? 0 : 1), energy,
                    ReadingQuality.Measured, "F", "read again", null),
                _ => new IntervalEstimated(Register1, period, 1, energy, ReadingQuality.Estimated, EstimationMethod.Linear, "its neighbours", null),
            };
            inputs.Add(input);
            answers.Add(Hand(input, ref registers, ref intervals, facts));
        }
        return new([.. facts], inputs, answers);
    }

    private static Decision Hand(
        LedgerEvent input, ref RegisterState registers, ref IntervalReadingsState intervals, List<LedgerEvent> facts)
    {
        var decision = input switch
        {
            RegisterReadingRecorded r => Register.Decide(registers, new(r.Register, r.ReadAt, r.IndexSteps, r.Quality, null), Now),
            RegisterReadingCorrected c => ReadingCorrections.Decide(registers, c),
            IntervalReadingRecorded r => IntervalReadings.Decide(intervals, r, Now),
            IntervalReadingCorrected c => IntervalCorrections.Decide(intervals, c),
            _ => IntervalEstimates.Decide(intervals, (IntervalEstimated)input, Now),
        };
        if (decision is not Decision.Accepted accepted) return decision;
        foreach (var fact in accepted.Facts.Select(fact => fact.Event))
        {
            (registers, intervals) = (Register.Evolve(registers, fact), IntervalReadings.Evolve(intervals, fact));
            facts.Add(fact);
        }
        return decision;
    }

    /// <summary>The register begins shortly before it rolls over; a value other than 0 reads a little more.</summary>
    private static long Index(int hour, int value) => (Modulus - 1_500 + hour * 100 + value) % Modulus;

    private static List<Interval> Hours(LocalDate date)
    {
        SettlementCalendar.TryPeriods(Berlin, date, 60, out var periods, out _).ShouldBeTrue();
        return [.. periods];
    }

    private static IEnumerable<Positioned<LedgerEvent>> Positions(IEnumerable<LedgerEvent> facts) =>
        facts.Select((fact, position) => new Positioned<LedgerEvent>(position, fact));

    private static IReadOnlyList<MeteredQuantity> Settled(List<Interval> hours, IEnumerable<Positioned<LedgerEvent>> facts)
    {
        var positioned = facts.ToList();
        return MeteredDay.Of(Register1.Point, Direction.Import, hours, new MeteredFacts(
            [new(-1, new(hours[0].Start, Meter))], Of<RegisterReadingRecorded>(), Of<IntervalReadingRecorded>(), [])
        {
            ReadingCorrections = Of<RegisterReadingCorrected>(),
            IntervalCorrections = Of<IntervalReadingCorrected>(),
            Estimates = Of<IntervalEstimated>(),
        });

        IReadOnlyList<Positioned<T>> Of<T>() => [.. positioned.Where(entry => entry.Fact is T)
            .Select(entry => new Positioned<T>(entry.Position, (T)(object)entry.Fact))];
    }

    /// <summary>What the samples held: a law over samples that never meet a case proves nothing of it.</summary>
    private sealed class Shares
    {
        private int samples, clockChanges, gaps, repeats, conflicts, corrections, chains, rollovers;

        public void Count(LocalDate date, Told told, List<Interval> hours)
        {
            Interlocked.Increment(ref samples);
            Add(ref clockChanges, date != Dates[1]);
            Add(ref gaps, Settled(hours, Positions(told.Facts)).Any(quantity => quantity.Metered is null));
            Add(ref repeats, told.Answers.Any(answer => answer is Decision.AlreadyRecorded));
            Add(ref conflicts, told.Answers.Any(answer => answer is Decision.Rejected { Code: Rejection.EvidenceConflict }));
            Add(ref corrections, told.Facts.Any(fact => fact is RegisterReadingCorrected or IntervalReadingCorrected));
            Add(ref chains, told.Facts.Any(fact => fact is RegisterReadingCorrected { Version: > 2 } or IntervalReadingCorrected { Version: > 2 }));
            var indices = told.Facts.OfType<RegisterReadingRecorded>().Select(reading => reading.IndexSteps).ToList();
            Add(ref rollovers, indices.Any(index => index < Modulus / 2) && indices.Any(index => index > Modulus / 2));
        }

        private static void Add(ref int count, bool has)
        {
            if (has) Interlocked.Increment(ref count);
        }

        public override string ToString() => $"{samples} samples: clocks change {Of(clockChanges)}, gaps {Of(gaps)}, " +
            $"repeats {Of(repeats)}, conflicting repeats {Of(conflicts)}, corrections {Of(corrections)}, " +
            $"corrections of corrections {Of(chains)}, rollovers {Of(rollovers)}";

        private string Of(int count) => $"{count * 100L / samples} %";
    }
}
