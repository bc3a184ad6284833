using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Laws of validation and estimation, whatever the data are; the rules one by one are in calc-validate.txt and
/// calc-estimate.txt. Samples are days of 23, 24 and 25 hours with gaps, repeats and conflicting repeats.
/// </summary>
public sealed class MeterValidationTests(ITestOutputHelper output)
{
    private static readonly DateTimeZone Berlin = DateTimeZoneProviders.Tzdb["Europe/Berlin"];
    private static readonly LocalDate[] Dates = [new(2026, 3, 29), new(2026, 7, 1), new(2026, 10, 25)];

    /// <summary>One day's hours as they were sent, with what was done to them.</summary>
    private sealed record SentDay(LocalDate Date, IReadOnlyList<SentInterval> Sent, int Gaps, int Duplicates,
        int Conflicts);

    private static readonly Gen<SentDay> Days =
        from date in Gen.Int[0, Dates.Length - 1].Select(i => Dates[i])
        from hours in Gen.Select(Gen.Int[0, 9], Gen.Long[0, 1_000_000]).Array[25]
        select Day(date, hours);

    [Fact]
    public void Every_rule_has_words_a_severity_and_a_source()
    {
        foreach (var rule in Enum.GetValues<MeterRule>())
        {
            MeterRules.Of(rule).Rule.Length.ShouldBeGreaterThan(15);
            MeterRules.Of(rule).Source.ShouldNotBeEmpty();
        }
    }

    [Fact]
    public void The_order_of_intervals_changes_nothing_and_findings_say_what_was_done()
    {
        int samples = 0, clockChanges = 0, gaps = 0, duplicates = 0, conflicts = 0;
        Gen.Select(Days, Gen.Int).Sample((day, seed) =>
        {
            var findings = Validated(day, day.Sent);
            var random = new Random(seed);
            Validated(day, [.. day.Sent.OrderBy(_ => random.Next())]).ShouldBe(findings);
            findings.Count(finding => finding.Rule == MeterRule.Duplicate).ShouldBe(day.Duplicates);
            findings.Count(finding => finding.Rule == MeterRule.Conflict).ShouldBe(day.Conflicts);
            findings.Any(finding => finding.Rule == MeterRule.Gap).ShouldBe(day.Gaps > 0);
            findings.Any(finding => finding.Rule == MeterRule.Count).ShouldBe(day.Gaps > 0);
            Interlocked.Increment(ref samples);
            if (day.Date != Dates[1]) Interlocked.Increment(ref clockChanges);
            if (day.Gaps > 0) Interlocked.Increment(ref gaps);
            if (day.Duplicates > 0) Interlocked.Increment(ref duplicates);
            if (day.Conflicts > 0) Interlocked.Increment(ref conflicts);
        }, iter: LongRun.Samples);
        output.WriteLine($"{samples} samples: clocks change {Share(clockChanges)}, gaps {Share(gaps)}, " +
            $"duplicates {Share(duplicates)}, conflicting repeats {Share(conflicts)}");

        string Share(int count) => $"{count * 100L / samples} %";
    }

    [Fact]
    public void Estimated_parts_sum_to_the_register_and_none_is_negative()
    {
        int samples = 0, rollovers = 0, flat = 0;
        Gen.Select(Gen.Long[0, 999_999], Gen.Long[0, 9_999], Gen.Long[0, 3].Array[1, 96], Gen.Int[0, 14]).Sample(
            (previous, steps, shape, decimals) =>
            {
                var installed = new RegisterInstalled(new(new("P1"), Direction.Import), "M", Math.Max(6, decimals),
                    decimals, 1, 1_000_000);
                var counted = Register.Difference(installed, previous, (previous + steps) % 1_000_000).Delta!.Value;
                var parts = Estimation.ScaledTo(counted, [.. shape.Select(Energy.FromWattHours)]);
                parts.Aggregate(Energy.Zero, (sum, part) => sum + part).ShouldBe(counted);
                parts.Where(part => part < Energy.Zero).ShouldBeEmpty();
                if (shape.Any(weight => weight > 0))
                    parts.Zip(shape).Where(pair => pair.Second == 0 && pair.First != Energy.Zero).ShouldBeEmpty();
                Interlocked.Increment(ref samples);
                if (previous + steps >= 1_000_000) Interlocked.Increment(ref rollovers);
                if (shape.All(weight => weight == 0)) Interlocked.Increment(ref flat);
            }, iter: LongRun.Samples);
        output.WriteLine(
            $"{samples} samples: rollovers {rollovers * 1000L / samples} ‰, no shape {flat * 1000L / samples} ‰");
    }

    private static IReadOnlyList<MeterFinding> Validated(SentDay day, IReadOnlyList<SentInterval> sent) =>
        IntervalValidation.Of(
        new IntervalSeries(sent, Duration.FromHours(1), SettlementCalendar.Day(Berlin, day.Date)),
        MeterThresholds.Default);

    /// <summary>Of ten hours about one is missing, one comes twice and one comes again with other energy.</summary>
    private static SentDay Day(LocalDate date, (int Fate, long WattHours)[] hours)
    {
        var time = SettlementCalendar.Day(Berlin, date);
        var (sent, gaps, duplicates, conflicts) = (new List<SentInterval>(), 0, 0, 0);
        for (var i = 0; time.Start + Duration.FromHours(i) < time.End; i++)
        {
            var start = time.Start + Duration.FromHours(i);
            var hour = new SentInterval(new Interval(start, start + Duration.FromHours(1)),
                Energy.FromWattHours(hours[i].WattHours), ReadingQuality.Measured);
            if (hours[i].Fate == 0) gaps++;
            else sent.Add(hour);
            if (hours[i].Fate == 1 && ++duplicates > 0) sent.Add(hour);
            if (hours[i].Fate == 2 && ++conflicts > 0)
                sent.Add(hour with { Energy = hour.Energy + Energy.FromWattHours(1) });
        }
        return new(date, sent, gaps, duplicates, conflicts);
    }
}
