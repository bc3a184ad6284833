using System.Globalization;
using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What is settled of a day: by the text table, and by properties that hold whatever the facts are.</summary>
public sealed class MeteredDayTests
{
    private static readonly SettlementPointId Point = new("P1");
    private static readonly RegisterId Import = new(Point, Direction.Import);
    private static readonly Instant Midnight = Instant.FromUtc(2026, 7, 1, 0, 0);

    /// <summary>The cases of the table: a title, and the indented lines below it.</summary>
    public static IEnumerable<TheoryDataRow<string, string[]>> Cases()
    {
        var lines = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "Scenarios", "metered-day.txt"))
            .Where(line => line.Length > 0 && line[0] != '#').ToList();
        for (var at = 0; at < lines.Count;)
        {
            var below = lines.Skip(at + 1).TakeWhile(line => line[0] == ' ').Select(line => line.Trim()).ToArray();
            yield return new(lines[at], below);
            at += 1 + below.Length;
        }
    }

    [Theory, MemberData(nameof(Cases))]
    public void Each_case_of_the_table_is_settled_as_it_says(string title, string[] lines)
    {
        var (facts, rated, periods) = (MeteredFacts.None, default(Power?), new List<Interval>());
        var expected = new List<string>();
        foreach (var line in lines)
        {
            var words = line.Split(' ');
            if (words[0] == "rated") rated = Power.FromKilowatts(int.Parse(words[1], CultureInfo.InvariantCulture));
            else if (words[0] != "=") facts = With(facts, words);
            else
            {
                periods.Add(Minutes(words[1]));
                expected.Add(line);
            }
        }
        expected.ShouldNotBeEmpty(title);
        MeteredDay.Of(Point, Direction.Import, periods, facts, rated).Select(quantity =>
            $"= {Minute(quantity.Period.Start)}-{Minute(quantity.Period.End)} {WattHours(quantity.Metered)} " +
            $"{quantity.Quality}: {quantity.Source}").ShouldBe(expected, title);
    }

    [Fact]
    public void Each_direction_and_point_has_its_own_facts()
    {
        var facts = With(With(With(With(With(MeteredFacts.None,
            "1 register 6.3 from 0"), "11 reading 0 0"), "12 reading 15 100"), "21 record 0-15 90"),
            "31 interval 15-30 40 A");
        IReadOnlyList<Interval> periods = [Minutes("0-15"), Minutes("15-30")];
        MeteredDay.Of(Point, Direction.Export, periods, facts).Select(quantity => quantity.Metered)
            .ShouldBe([Energy.FromWattHours(7), null]);
        var export = new RegisterId(Point, Direction.Export);
        var both = facts with
        {
            Installations = [.. facts.Installations, new(2, new(Midnight, new(export, "M", 3, 3, 1, null)))],
            Readings = [.. facts.Readings,
                new(13, new(export, Midnight + Duration.FromMinutes(7), 999, ReadingQuality.Measured, null))],
        };
        MeteredDay.Of(Point, Direction.Import, periods, both)
            .ShouldBe(MeteredDay.Of(Point, Direction.Import, periods, facts));
        MeteredDay.Of(new("P2"), Direction.Import, periods, facts).ShouldAllBe(quantity => quantity.Metered == null);
        MeteredDay.Of(Point, Direction.Import, [], facts).ShouldBeEmpty();
    }

    [Fact]
    public void Parts_sum_to_the_registers_difference_to_the_last_half_nanojoule() =>
        Days.Sample(day =>
        {
            var settled = Settle(day, Quarters);
            var edges = day.Readings.Where(reading => Edge(reading, 15)).OrderBy(r => r.Fact.ReadAt).ToList();
            foreach (var (from, to) in edges.Zip(edges.Skip(1)))
            {
                var inside = settled.Where(quantity => quantity.Period.Start >= from.Fact.ReadAt
                    && quantity.Period.End <= to.Fact.ReadAt).ToList();
                if (inside.All(quantity => quantity.Source.StartsWith("register", StringComparison.Ordinal)))
                    Sum(inside).ShouldBe(Energy.FromWattHours(to.Fact.IndexSteps - from.Fact.IndexSteps));
            }
        }, iter: LongRun.Samples);

    [Fact]
    public void Interval_readings_leave_the_register_whole() =>
        Gen.Select(Days, Gen.Int[0, 3], Gen.Long[0, 2_000]).Sample((day, quarter, wattHours) =>
        {
            var whole = day with
            {
                Readings = [Reading(901, 0, 0), Reading(902, 60, 5_000)],
                IntervalReadings = [new(903, new(Import, Quarters[quarter], Energy.FromWattHours(wattHours),
                    ReadingQuality.Measured, "A", null))],
            };
            Sum(Settle(whole, Quarters)).ShouldBe(Energy.FromWattHours(5_000));
        }, iter: LongRun.Samples);

    [Fact]
    public void The_order_of_facts_changes_nothing() =>
        Gen.Select(Days, Gen.Int).Sample((day, seed) =>
        {
            var random = new Random(seed);
            var shuffled = new MeteredFacts(
                [.. day.Installations.OrderBy(_ => random.Next())], [.. day.Readings.OrderBy(_ => random.Next())],
                [.. day.IntervalReadings.OrderBy(_ => random.Next())],
                [.. day.IntervalRecords.OrderBy(_ => random.Next())]);
            Settle(shuffled, Quarters).ShouldBe(Settle(day, Quarters));
        }, iter: LongRun.Samples);

    [Fact]
    public void No_energy_is_negative_and_what_has_none_is_called_missing() =>
        Days.Sample(day => Settle(day, Fives).Where(quantity =>
            quantity.Metered == null != (quantity.Quality == ReadingQuality.Missing)
            || quantity.Metered < Energy.Zero).ShouldBeEmpty(), iter: LongRun.Samples);

    [Fact]
    public void A_finer_division_sums_to_the_coarser_one() =>
        Days.Sample(day =>
        {
            var coarse = day with { Readings = [.. day.Readings.Where(reading => Edge(reading, 15))] };
            var fine = Settle(coarse, Fives);
            foreach (var (quarter, i) in Settle(coarse, Quarters).Select((quantity, i) => (quantity, i)))
                (quarter.Metered ?? Energy.Zero).ShouldBe(Sum(fine.Skip(i * 3).Take(3)));
        }, iter: LongRun.Samples);

    private static readonly IReadOnlyList<Interval> Quarters =
        [.. Enumerable.Range(0, 4).Select(i => Minutes(15 * i, 15 * i + 15))];
    private static readonly IReadOnlyList<Interval> Fives =
        [.. Enumerable.Range(0, 12).Select(i => Minutes(5 * i, 5 * i + 5))];

    /// <summary>An hour: a register read at some multiples of 5 minutes, and 5-minute records,
    /// with gaps or absent.</summary>
    private static readonly Gen<MeteredFacts> Days = Gen.Select(
        Gen.Select(Gen.Bool, Gen.Long[0, 1_000]).Array[13],
        Gen.Select(Gen.Int[0, 3], Gen.Long[0, 900_000_000_000_000_000], Gen.Long[0, 300_000_000]).Array[12],
        (read, curves) =>
        {
            var index = 0L;
            return new MeteredFacts(
                [new(1, new(Midnight, new(Import, "M", 9, 3, 1, null)))],
                [.. read.Select((step, i) => (step.Item1, reading: Reading(100 + i, 5 * i, index += step.Item2)))
                    .Where(reading => reading.Item1).Select(reading => reading.reading)],
                [],
                [.. curves.Select((curve, i) => (kind: curve.Item1, record: new Positioned<IntervalRecorded>(200 + i,
                        Record(Fives[i], new Energy(curve.Item2), curve.Item1 == 1 ? curve.Item3 : 0))))
                    .Where(curve => curve.kind > 0).Select(curve => curve.record)]);
        });

    private static IReadOnlyList<MeteredQuantity> Settle(MeteredFacts facts, IReadOnlyList<Interval> periods) =>
        MeteredDay.Of(Point, Direction.Import, periods, facts, Power.FromKilowatts(20));

    private static Energy Sum(IEnumerable<MeteredQuantity> quantities) =>
        quantities.Aggregate(Energy.Zero, (sum, quantity) => sum + (quantity.Metered ?? Energy.Zero));

    private static bool Edge(Positioned<RegisterReadingRecorded> reading, int minutes) =>
        (reading.Fact.ReadAt - Midnight).ToInt64Nanoseconds() % Duration.FromMinutes(minutes).ToInt64Nanoseconds() == 0;

    private static MeteredFacts With(MeteredFacts facts, string line) => With(facts, line.Split(' '));

    private static MeteredFacts With(MeteredFacts facts, string[] words)
    {
        var position = Number(words[0]);
        var quality = Enum.GetNames<ReadingQuality>().Contains(words[^1])
            ? Enum.Parse<ReadingQuality>(words[^1]) : ReadingQuality.Measured;
        return words[1] switch
        {
            "register" => facts with
            {
                Installations = [.. facts.Installations, new(position, new(At(words[4]), Installed(words[2])))],
            },
            "reading" => facts with
            {
                Readings = [.. facts.Readings,
                    new(position, new(Import, At(words[2]), Number(words[3]), quality, null))],
            },
            "interval" => facts with
            {
                IntervalReadings = [.. facts.IntervalReadings,
                    new(position, new(Import, Minutes(words[2]), Kwh(words[3]), quality, words[4], null))],
            },
            "index" => facts with
            {
                ReadingCorrections = [.. facts.ReadingCorrections, new(position, new(
                    Import, At(words[2]), (int)Number(words[4][1..]), Number(words[3]), quality, "read again", null))],
            },
            "correction" => facts with
            {
                IntervalCorrections = [.. facts.IntervalCorrections, new(position, new(
                    Import, Minutes(words[2]), (int)Number(words[4][1..]), Kwh(words[3]), quality, "F", "read again",
                    null))],
            },
            "estimate" => facts with
            {
                Estimates = [.. facts.Estimates,
                    new(position, new(Import, Minutes(words[2]), (int)Number(words[4][1..]),
                    Kwh(words[3]), quality, Enum.Parse<EstimationMethod>(words[5]), "its neighbours", null))],
            },
            "record" => facts with
            {
                IntervalRecords = [.. facts.IntervalRecords, new(position, Recorded(words) with { Quality = quality })],
            },
            _ => throw new InvalidDataException(string.Join(' ', words)),
        };
    }

    private static RegisterInstalled Installed(string size)
    {
        var numbers = size.Split('.', '/').Select(Number).ToArray();
        return new(Import, "M", (int)numbers[0], (int)numbers[1], 1, numbers.Length > 2 ? numbers[2] : null);
    }

    private static IntervalRecorded Recorded(string[] words)
    {
        var gap = Array.IndexOf(words, "gap") is > 0 and var at ? Decimal(words[at + 1]) : 0m;
        var version = words.FirstOrDefault(word => word[0] == 'v') is { } text ? (int)Number(text[1..]) : 1;
        return Record(Minutes(words[2]), Kwh(words[3]), (long)(gap * 1_000_000m)) with { Version = version };
    }

    private static Positioned<RegisterReadingRecorded> Reading(long position, int minute, long steps) => new(position,
        new(Import, Midnight + Duration.FromMinutes(minute), steps, ReadingQuality.Measured, null));

    private static IntervalRecorded Record(Interval period, Energy import, long gapMicroseconds) => new(
        Point, period, 1, IntervalRecordState.Final, import, Energy.FromWattHours(7), Power.Zero, Power.Zero,
        period.Duration.ToInt64Nanoseconds() / 1000 - gapMicroseconds, 0, [], 1, 0, 0, 0, 0, ReadingQuality.Measured,
        null, new(new string('0', 64)));

    private static Interval Minutes(string text) =>
        Minutes((int)Number(text.Split('-')[0]), (int)Number(text.Split('-')[1]));
    private static Interval Minutes(int from, int to) =>
        new(Midnight + Duration.FromMinutes(from), Midnight + Duration.FromMinutes(to));

    private static Instant At(string minute) => Midnight + Duration.FromMinutes(Number(minute));
    private static long Minute(Instant at) => (long)(at - Midnight).TotalMinutes;
    private static Energy Kwh(string wattHours) => new((Int128)(Decimal(wattHours) * Energy.HalfNanojoulesPerWattHour));
    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
    private static decimal Decimal(string text) => decimal.Parse(text, CultureInfo.InvariantCulture);
    private static string WattHours(Energy? energy) => energy is not { } known ? "-"
        : (1000m * Decimal(known.ToKwh(6))).ToString("0.###", CultureInfo.InvariantCulture);
}
