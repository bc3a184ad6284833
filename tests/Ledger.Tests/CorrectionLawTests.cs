using System.Collections.Immutable;
using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Laws of readings, corrections and estimates over days of 23 to 25 hours whose register rolls over:
/// what was known at a position stays so, a repeat of what was recorded changes nothing wherever it comes,
/// and the last correction holds.
/// </summary>
public sealed class CorrectionLawTests(ITestOutputHelper output)
{
    private const long Modulus = 1_000_000;
    private static readonly (string Zone, LocalDate Date)[] Dates =
    [
        ("Europe/Berlin", new(2026, 3, 29)), ("Europe/Berlin", new(2026, 7, 1)), ("Europe/Berlin", new(2026, 10, 25)),
        ("Australia/Lord_Howe", new(2026, 4, 5)), ("Australia/Lord_Howe", new(2026, 10, 4)),
    ];

    private static readonly RegisterId Register1 = new(new("P1"), Direction.Import);
    private static readonly RegisterInstalled Meter = new(Register1, "M", 6, 3, 1, Modulus);
    private static readonly Instant Now = Instant.FromUtc(2027, 1, 1, 0, 0);

    private enum Act { Read, Send, CorrectReading, CorrectInterval, Estimate }

    /// <summary>A day's facts in their order, and which inputs made them.</summary>
    private sealed record Told(ImmutableList<LedgerEvent> Facts, IReadOnlyList<LedgerEvent> Inputs,
        IReadOnlyList<Decision> Answers);

    // Every eighth half hour of a day, the one before the clock changes among them.
    private static readonly Gen<((string Zone, LocalDate Date) Day, (Act Act, int Place, int Value)[] Acts)> Days =
        Gen.Select(
        Gen.Int[0, Dates.Length - 1].Select(i => Dates[i]),
        Gen.Select(Gen.Int[0, 9].Select(i => (Act)(i / 2)), Gen.Int[0, 5].Select(i => i * 8), Gen.Int[0, 3]).Array[1,
            40]);

    [Fact]
    public void What_was_known_at_a_position_never_changes_and_repeats_change_nothing()
    {
        var seen = new SampleShares(("23 h", 5), ("25 h", 5), ("23.5 h", 5), ("24.5 h", 5), ("gaps", 50),
            ("repeats", 20),
            ("conflicting repeats", 20), ("corrections", 20), ("corrections of corrections", 5), ("rollovers", 20));
        Gen.Select(Days, Gen.Int).Sample((sample, seed) =>
        {
            var periods = HalfHours(sample.Day);
            var told = Tell(periods, sample.Acts);
            var random = new Random(seed);
            var at = random.Next(told.Facts.Count + 1);
            var then = Settled(periods, Positions(told.Facts.Take(at)));
            // The rest is recorded, and the question is asked again, of facts that come in any order.
            Settled(periods, Positions(told.Facts).Where(known => known.Position < at).OrderBy(_ => random.Next()))
                .ShouldBe(then);

            var again = Repeat(told, random);
            again.ShouldBe(told.Facts);
            Count(seen, told, periods);
        }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);
    }

    [Fact]
    public void A_correction_of_a_correction_ends_where_the_last_one_says()
    {
        var seen = new SampleShares(("corrections of corrections", 5), ("withdrawn", 10), ("corrected energy", 5));
        Days.Sample(sample =>
        {
            var periods = HalfHours(sample.Day);
            var told = Tell(periods, sample.Acts);
            var settled = Settled(periods, Positions(told.Facts));
            // As if the last version had been what was read in the first place.
            Values(settled).ShouldBe(Values(Settled(periods, Positions(LastVersions(told.Facts)))));

            var last = told.Facts.OfType<IntervalReadingCorrected>().GroupBy(fact => fact.Period)
                .Select(versions => versions.Last())
                .Where(fact => fact.Quality != ReadingQuality.Missing).ToList();
            foreach (var fact in last)
                settled.Single(quantity => quantity.Period == fact.Period).Metered.ShouldBe(fact.Energy);
            seen.Add(told.Facts.Any(IsOfACorrection), told.Facts.Any(Withdraws), last.Count > 0);
        }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);
    }

    private static IEnumerable<(Energy?, ReadingQuality)> Values(IEnumerable<MeteredQuantity> settled) =>
        settled.Select(quantity => (quantity.Metered, quantity.Quality));

    /// <summary>The same readings, each at once with the content of its last version.</summary>
    private static IEnumerable<LedgerEvent> LastVersions(IReadOnlyList<LedgerEvent> facts)
    {
        var readings = facts.OfType<RegisterReadingCorrected>().GroupBy(fact => fact.ReadAt)
            .ToDictionary(v => v.Key, v => v.Last());
        var intervals = facts.OfType<IntervalReadingCorrected>().GroupBy(fact => fact.Period)
            .ToDictionary(v => v.Key, v => v.Last());
        return
        [
            .. facts.Where(fact => fact is RegisterReadingRecorded r ? !readings.ContainsKey(r.ReadAt)
                : fact is IntervalReadingRecorded i ? !intervals.ContainsKey(i.Period) : fact is IntervalEstimated),
            .. readings.Values.Select(last => new RegisterReadingRecorded(
                last.Register, last.ReadAt, last.IndexSteps, last.Quality, null)),
            .. intervals.Values.Select(last => new IntervalReadingRecorded(
                last.Register, last.Period, last.Energy, last.Quality, last.Method, null)),
        ];
    }

    /// <summary>Inputs in their order, every recorded one handed in again at a random later place.</summary>
    private static List<LedgerEvent> Repeat(Told told, Random random)
    {
        var order = told.Inputs.Select((input, i) => (At: (double)i, Input: input)).ToList();
        order.AddRange(told.Inputs.Select((input, i) =>
            (At: i + 0.5 + random.NextDouble() * (told.Inputs.Count - i), Input: input))
            .Where((_, i) => told.Answers[i] is Decision.Accepted));
        var (registers, intervals, facts) =
            (RegisterState.Of(Meter), IntervalReadingsState.Empty, new List<LedgerEvent>());
        foreach (var (_, input) in order.OrderBy(entry => entry.At)) Hand(input, ref registers, ref intervals, facts);
        return facts;
    }

    private static Told Tell(List<Interval> periods, (Act Act, int Place, int Value)[] acts)
    {
        var (registers, intervals, facts) =
            (RegisterState.Of(Meter), IntervalReadingsState.Empty, new List<LedgerEvent>());
        var (inputs, answers) = (new List<LedgerEvent>(), new List<Decision>());
        foreach (var (act, place, value) in acts)
        {
            var period = periods[Math.Min(place, periods.Count - 1)];
            // A correction may also withdraw.
            var quality = act is Act.CorrectReading or Act.CorrectInterval && value == 3
                ? ReadingQuality.Missing : ReadingQuality.Measured;
            var energy = Energy.FromWattHours(value * 100);
            LedgerEvent input = act switch
            {
                Act.Read => new RegisterReadingRecorded(Register1, period.Start, Index(place, value),
                    ReadingQuality.Measured, null),
                Act.CorrectReading => new RegisterReadingCorrected(Register1, period.Start,
                    ReadingCorrections.Versions(registers, period.Start).Count + (value == 0 ? 0 : 1),
                    Index(place, value),
                    quality, "read again", null),
                Act.Send => new IntervalReadingRecorded(Register1, period, energy, ReadingQuality.Measured, "A", null),
                Act.CorrectInterval => new IntervalReadingCorrected(Register1, period,
                    (intervals.Known.GetValueOrDefault(period)?.Count ?? 0) + (value == 0 ? 0 : 1), energy,
                    quality, "F", "read again", null),
                _ => new IntervalEstimated(Register1, period, 1, energy, ReadingQuality.Estimated,
                    EstimationMethod.Linear, "its neighbours", null),
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
            RegisterReadingRecorded r =>
                Register.Decide(registers, new(r.Register, r.ReadAt, r.IndexSteps, r.Quality, null), Now),
            RegisterReadingCorrected c => ReadingCorrections.Decide(registers, c),
            IntervalReadingRecorded r => IntervalReadings.Decide(intervals, r, Now),
            IntervalReadingCorrected c => IntervalCorrections.Decide(intervals, c),
            _ => IntervalEstimates.Decide(intervals, (IntervalEstimated)input, Now),
        };
        if (decision is not Decision.Accepted accepted) return decision;
        foreach (var fact in accepted.Facts.Select(fact => fact.Event))
        {
            (registers, intervals) = (Register.Evolve(registers, fact, Now), IntervalReadings.Evolve(intervals, fact));
            facts.Add(fact);
        }
        return decision;
    }

    /// <summary>The register begins shortly before it rolls over; a value other than 0 reads a little more.</summary>
    private static long Index(int place, int value) => (Modulus - 1_500 + place * 50 + value) % Modulus;

    private static List<Interval> HalfHours((string Zone, LocalDate Date) day)
    {
        SettlementCalendar.TryPeriods(DateTimeZoneProviders.Tzdb[day.Zone], day.Date, 30, out var periods, out _)
            .ShouldBeTrue();
        return [.. periods];
    }

    private static IEnumerable<Positioned<LedgerEvent>> Positions(IEnumerable<LedgerEvent> facts) =>
        facts.Select((fact, position) => new Positioned<LedgerEvent>(position, fact));

    private static IReadOnlyList<MeteredQuantity> Settled(List<Interval> periods,
        IEnumerable<Positioned<LedgerEvent>> facts)
    {
        var positioned = facts.ToList();
        return MeteredDay.Of(Register1.Point, Direction.Import, periods, new MeteredFacts(
            [new(-1, new(periods[0].Start, Meter))], Of<RegisterReadingRecorded>(), Of<IntervalReadingRecorded>(), [])
        {
            ReadingCorrections = Of<RegisterReadingCorrected>(),
            IntervalCorrections = Of<IntervalReadingCorrected>(),
            Estimates = Of<IntervalEstimated>(),
        });

        IReadOnlyList<Positioned<T>> Of<T>() => [.. positioned.Where(entry => entry.Fact is T)
            .Select(entry => new Positioned<T>(entry.Position, (T)(object)entry.Fact))];
    }

    private static void Count(SampleShares seen, Told told, List<Interval> periods)
    {
        var indices = told.Facts.OfType<RegisterReadingRecorded>().Select(reading => reading.IndexSteps).ToList();
        seen.Add(periods.Count == 46, periods.Count == 50, periods.Count == 47, periods.Count == 49,
            Settled(periods, Positions(told.Facts)).Any(quantity => quantity.Metered is null),
            told.Answers.Any(answer => answer is Decision.AlreadyRecorded),
            told.Answers.Any(answer => answer is Decision.Rejected { Code: Rejection.EvidenceConflict }),
            told.Facts.Any(fact => fact is RegisterReadingCorrected or IntervalReadingCorrected),
            told.Facts.Any(IsOfACorrection),
            indices.Any(index => index < Modulus / 2) && indices.Any(index => index > Modulus / 2));
    }

    private static bool IsOfACorrection(LedgerEvent fact) =>
        fact is RegisterReadingCorrected { Version: > 2 } or IntervalReadingCorrected { Version: > 2 };

    private static bool Withdraws(LedgerEvent fact) =>
        fact is RegisterReadingCorrected { Quality: ReadingQuality.Missing }
        or IntervalReadingCorrected { Quality: ReadingQuality.Missing };
}
