using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Mistakes that open implementations of baselines, metering and settlement made and that changed money (market rules
/// §2.11, and those told in §2.1, §2.9 and §2.10), each as a case that would find it here. A mistake has one test; more
/// cases of the same rule stand with the rule.
/// </summary>
public sealed class KnownMistakesTests
{
    private static readonly LocalDate EventDay = new(2026, 7, 15); // a Wednesday
    private static readonly DateTimeZone Shanghai = DateTimeZoneProviders.Tzdb["Asia/Shanghai"];
    private static readonly DateTimeZone Berlin = DateTimeZoneProviders.Tzdb["Europe/Berlin"];
    private static readonly int[] Weekdays = [1, 2, 5, 6, 7]; // days back from the event

    // §2.11: the adjustment window indexed on event rows only, so that it was always 0.
    [Fact]
    public void The_adjustment_window_lies_outside_the_event_and_is_found_there()
    {
        var eventDay = new BaselineDay(EventDay, [.. Hours(hour => hour < 17 ? 13m : 2m)]);
        var found = Baseline.Of(Rule("pjm-high-4-of-5"), Asked(17, 19, [eventDay, .. Flat(10m, Weekdays)]));
        found.Adjustment.Applied.ShouldBe(3m);
        found.KilowattHours.ShouldBe([13m, 13m]);
    }

    // §2.11: a missing actual filled with 0, which inflates what was delivered.
    [Fact]
    public void A_missing_actual_is_no_delivery()
    {
        var unproven = Scored(400m, null);
        (unproven.Lines.Count, unproven.Unproven.Count, unproven.Net).ShouldBe((0, 1, null));
        var zero = Scored(400m, 0m);
        (zero.Lines.Single().DeliveredKwh, zero.Net).ShouldBe((400m, 700m)); // 100 kW ordered and paid at 7

        static FlexStatement Scored(decimal? baseline, decimal? metered) => FlexStatements.Of(
            StandardPacks.Find("uftp")!, FlexDirection.Reduce,
            [new(new(At(17), At(18)), 100m, baseline, metered)], Shanghai, new(7m), 2);
    }

    // §2.11: the event's end inclusive, so that one interval too many is compared.
    [Fact]
    public void The_hour_that_begins_when_the_event_ends_is_not_in_it()
    {
        var days = Weekdays.Select(back => Day(back, hour => hour == 19 ? 1_000m : 10m)).ToArray();
        Baseline.Of(Unadjusted("pjm-high-4-of-5"), Asked(17, 19, days)).KilowattHours.ShouldBe([10m, 10m]);
    }

    // §2.11: no exclusion of event days and holidays, by which a baseline of flexed days erodes (§2.1).
    [Fact]
    public void A_flexed_day_and_a_holiday_leave_the_baseline_as_it_was()
    {
        var asked = Asked(17, 19, Flat(0m, [1, 5]).Concat(Flat(10m, [2, 6, 7, 8, 9])).ToArray()) with
        {
            EventDays = new HashSet<LocalDate> { EventDay.PlusDays(-1) },
            Holidays = new HashSet<LocalDate> { EventDay.PlusDays(-5) },
        };
        foreach (var pack in new[] { "caiso-10-in-10", "pjm-high-4-of-5", "nyiso-average-day", "beijing", "gb-p376" })
        {
            var rule = Unadjusted(pack);
            var pool = rule.Selection!.Weekday with { MinDays = 5 };
            rule = rule
                with
            { Selection = rule.Selection with { Weekday = pool, LowUsageFraction = null, Fallback = [] } };
            Baseline.Of(rule, asked).KilowattHours.ShouldBe([10m, 10m], pack);
        }
    }

    // §2.11: the highest X chosen for each interval anew. Every day has its own best hour, and no day has both.
    [Fact]
    public void Whole_days_are_kept_and_never_the_best_hours_of_several()
    {
        var rule = Unadjusted("pjm-high-4-of-5");
        rule = rule with { Selection = rule.Selection! with { Weekday = new(3, 1, 1, []), LowUsageFraction = null } };
        var asked = Asked(17, 19, Day(1, hour => hour == 17 ? 10m : 0m), Day(2, hour => hour == 18 ? 10m : 0m),
            Day(5, _ => 6m));
        Baseline.Of(rule, asked).KilowattHours.ShouldBe([6m, 6m]);
    }

    // §2.11: kWh brought to another resolution by their mean, as if they were kW.
    [Fact]
    public void Energy_of_a_finer_resolution_is_summed_and_a_day_of_another_one_is_left_out()
    {
        var register = new RegisterId(new("P"), Direction.Import);
        var fives = Enumerable.Range(0, 3).Select(i => new Positioned<IntervalReadingRecorded>(i, new(
            register, Minutes(5 * i, 5 * i + 5), Energy.FromWattHours(30), ReadingQuality.Measured, "A", null)));
        var metered = MeteredDay.Of(register.Point, register.Direction, [Minutes(0, 15)],
            MeteredFacts.None with { IntervalReadings = [.. fives] });
        metered.Single().Metered.ShouldBe(Energy.FromWattHours(90));

        var halfHours = new BaselineDay(EventDay.PlusDays(-1), [.. Enumerable.Repeat((decimal?)50m, 48)]);
        var found = Baseline.Of(Unadjusted("pjm-high-4-of-5"), Asked(17, 19, [halfHours, .. Flat(10m, [2, 5, 6, 7])]));
        found.KilowattHours.ShouldBe([10m, 10m]);
        found.Days[0].ShouldBe(new(EventDay.PlusDays(-1), false, "its values do not divide the day into such periods"));
    }

    // §2.11: an empty history gave a baseline of 0, so that every export was a delivery.
    [Fact]
    public void Without_history_there_is_no_baseline_and_the_result_says_why()
    {
        foreach (var (name, rule) in Baselines().Where(pack => pack.Rule.Method != BaselineMethod.Zero))
        {
            var found = Baseline.Of(rule, Asked(17, 19));
            found.KilowattHours.ShouldBeNull(name);
            found.Insufficient.ShouldNotBeNullOrEmpty(name);
        }
    }

    // §2.11: a look-back without a bound, which reads on and on, and takes the load of another year.
    [Fact]
    public void Every_look_back_is_bounded()
    {
        foreach (var (name, rule) in Baselines().Where(pack => pack.Rule.Method == BaselineMethod.Days))
        {
            var selection = rule.Selection!;
            var bound = selection.Fallback.Select(step => step.LookbackDaysMax ?? 0).Append(selection.LookbackDaysMax)
                .Max();
            bound.ShouldBeLessThanOrEqualTo(366, name);
            Baseline.Of(rule, Asked(17, 19, Flat(10m, Enumerable.Range(bound + 1, 60)))).Insufficient
                .ShouldNotBeNull(name);
        }
    }

    // §2.11: the first page of the meters settled as if it were all. A page of the journal has 512 events.
    [Fact]
    public async Task Every_point_of_an_account_is_settled_however_many_pages_they_fill()
    {
        const int points = 520;
        var ct = TestContext.Current.CancellationToken;
        using var folder = new TestFolder();
        await using var journal = folder.Open();
        Task Append(string stream, LedgerEvent fact) => journal.AppendAsync(stream, ExpectedRevision.Any,
            [NewFact.At(fact, At(0) - Duration.FromDays(9), new(stream))], TestFolder.Tester, null, ct).AsTask();
        await Append(Streams.Tariff(new("T")), Tariff(new LocalTime(8, 0)));
        await Append(Streams.Assignment(new("A")), new TariffAssigned(new("A"), new("T")));
        var ids = Enumerable.Range(0, points).Select(i => new SettlementPointId($"P{i}")).ToList();
        foreach (var some in ids.Chunk(60))
            await Task.WhenAll(some.Select(id => Append(Streams.Point(id), new SettlementPointRegistered(
                id, new("S"), SettlementPointKind.Connector, new("A"), "Asia/Shanghai", 60, Power.FromKilowatts(9),
                false))));
        var views = new MemoryViews();
        await new ProjectionRunner(journal, views, StandardProjections.All,
            (wire, version, payload) => EventCodec.Decode(wire, version, payload)).CatchUpAsync(ct);

        var settled = (await Settlements.CalculateAsync(journal, views, new("A"), EventDay, journal.Length, ct))
            .ShouldBeOfType<SettlementCalculation.Calculated>();
        settled.LeftOut.ShouldBeEmpty();
        settled.Statement.Lines.Select(line => line.Point).Distinct().ShouldBe(ids, ignoreOrder: true);
        settled.Statement.Incomplete.ShouldBeTrue();
    }

    // §2.11: a transaction that was recorded offline begins at 0, and the register's whole life is billed.
    [Fact]
    public void A_begin_of_zero_bills_nothing()
    {
        var register = new RegisterId(new("P"), Direction.Import);
        // A configured modulus would let the fall pass as a rollover.
        var meter = new RegisterInstalled(register, "M", 6, 0, 1, 600_000);
        var state = Register.Evolve(RegisterState.Of(meter),
            new RegisterReadingRecorded(register, At(0), 543_210, ReadingQuality.Measured, null), At(0));
        var decided = Register.Decide(state, new(register, At(1), 0, ReadingQuality.Measured, null), At(2))
            .ShouldBeOfType<Decision.Accepted>();
        decided.Facts.ShouldHaveSingleItem().Event.ShouldBeOfType<RegisterReadingQuarantined>().Code
            .ShouldBe(Rejection.BeginIsZero);
        var transactions = ReadingValidation.OfTransactions(meter,
            [new("a", new(At(0), At(1)), 543_200, 543_210), new("b", new(At(1), At(2)), 0, 543_220)],
            ReadingContext.Nothing, MeterThresholds.Default);
        transactions.Select(finding => finding.Rule).ShouldBe([MeterRule.BeginZero]);
    }

    // §2.11: two quarters merged to a half hour and billed by the dearer period.
    [Fact]
    public void A_half_hour_that_is_half_in_the_peak_is_not_billed_as_peak()
    {
        var tariff = Tariff(new LocalTime(8, 15));
        var half = Build(tariff, Quantity(8 * 60, 30, 2_000)).Lines.Single();
        (half.BilledKwh, half.Amount, half.Problem).ShouldBe((2m, null, "tariff edge inside the period"));
        Build(tariff, Quantity(8 * 60, 15, 1_000), Quantity(8 * 60 + 15, 15, 1_000)).Lines
            .Select(line => line.Amount).ShouldBe([0.50m, 1.00m]);
    }

    // §2.11: fees rounded period by period, and a summary of unrounded ones, so that the two totals disagree.
    [Fact]
    public void Lines_and_their_summaries_by_period_have_one_total()
    {
        // Every quarter costs half a cent or a whole one; rounded each for itself, all would cost a cent.
        var statement = Build(Tariff(new LocalTime(8, 15)),
            [.. Enumerable.Range(0, 8).Select(i => Quantity(7 * 60 + 15 * i, 15, 10))]);
        var byPeriod = statement.Lines.GroupBy(line => line.TariffPeriod)
            .ToDictionary(lines => lines.Key!.Value, lines => lines.Sum(line => line.Amount!.Value));
        byPeriod.Values.Sum().ShouldBe(statement.Total);
        statement.Lines.Sum(line => line.AmountExact!.Value).ShouldBe(statement.Total + statement.Residual);
        statement.Total.ShouldBe(0.06m); // 5 × 0.005 + 3 × 0.01 = 0.055
    }

    // §2.11: the end of a month by "month % 12 + 1": December ends in the January before it.
    [Fact]
    public void A_december_ends_in_the_next_january_and_a_january_is_of_its_year()
    {
        ScoredPeriod[] periods = [.. new[]
        {
            new LocalDateTime(2025, 12, 31, 23, 0), new LocalDateTime(2026, 1, 1, 0, 0),
            new LocalDateTime(2026, 12, 31, 23, 0), new LocalDateTime(2027, 1, 1, 0, 0),
        }.Select(at => Shanghai.AtStrictly(at).ToInstant())
            .Select(at => new ScoredPeriod(new(at, at + Duration.FromHours(1)), 10m, 10m))];
        ScoringAggregation.Of(ScoringLevel.Month, periods, Shanghai, new(1m)).Select(month => month.Covers)
            .ShouldBe(periods.Select(period => period.Period));
        // The last period of the year ends where the year does, and December is priced by December's rules.
        SettlementCalendar.TryPeriods(Shanghai, new(2026, 12, 31), 15, out var quarters, out _).ShouldBeTrue();
        quarters[^1].End.ShouldBe(Shanghai.AtStrictly(new(2027, 1, 1, 0, 0)).ToInstant());
    }

    // §2.1: the mean of all slots of a day for the half hours that its clock skipped, and both of a doubled hour.
    [Fact]
    public void A_skipped_hour_is_no_load_and_a_doubled_hour_is_one()
    {
        var spring = InBerlin(new(2026, 3, 30), Berlins(new(2026, 3, 29), 23, _ => 99m),
            Berlins(new(2026, 3, 28), 24, _ => 10m));
        spring.KilowattHours.ShouldBe([10m]);
        spring.Days.Single(day =>
            day.Day == new LocalDate(2026, 3, 29)).Reason.ShouldBe("its clock skipped a period of the event");
        // The two hours that begin at 02:00 had 4 and 8 kWh: as one they are 6.
        InBerlin(new(2026, 10, 26), Berlins(new(2026, 10, 25), 25, i => i == 2 ? 4m : i == 3 ? 8m : 99m),
            Berlins(new(2026, 10, 24), 24, _ => 10m)).KilowattHours.ShouldBe([8m]);

        static BaselineResult InBerlin(LocalDate day, params BaselineDay[] days)
        {
            var rule = Unadjusted("pjm-high-4-of-5");
            var start = Berlin.AtStrictly(day.At(new(2, 0))).ToInstant();
            return Baseline.Of(rule with
            {
                Selection = rule.Selection! with
                {
                    DayClass = BaselineDayClass.Any,
                    Weekday = new(2, 2, 1, []),
                    KeepBy = BaselineKeep.All,
                    LowUsageFraction = null,
                },
            }, new(Berlin, new(start, start + Duration.FromHours(1)), Duration.FromHours(1), days));
        }

        static BaselineDay Berlins(LocalDate day, int hours, Func<int, decimal> kwh) =>
            new(day, [.. Enumerable.Range(0, hours).Select(i => (decimal?)kwh(i))]);
    }

    // §2.9: a position that is read off the clock's hand. Where the clock goes back, two hours have one name.
    [Fact]
    public void The_two_hours_of_one_name_are_two_hours()
    {
        ScoredPeriod[] hours = [.. Enumerable.Range(0, 3)
            .Select(i => Instant.FromUtc(2026, 10, 25, 0, 0) + Duration.FromHours(i))
            .Select((at, i) => new ScoredPeriod(new(at, at + Duration.FromHours(1)), 10m, 10m * i))];
        hours.Select(hour => hour.Period.Start.InZone(Berlin).Hour).ShouldBe([2, 2, 3]);
        ScoringAggregation.Of(ScoringLevel.Hour, hours, Berlin, new(1m)).Select(hour => hour.Input.DeliveredKw)
            .ShouldBe([0m, 10m, 20m]);
    }

    // §2.10: a sum that skips what has no price, so that a month without one looks complete.
    [Fact]
    public void A_line_without_a_price_has_its_energy_no_amount_and_makes_the_total_incomplete()
    {
        var tariff = Tariff(new LocalTime(8, 15));
        var statement = Build(tariff with { Prices = [tariff.Prices[0]] }, Quantity(8 * 60, 15, 1_000),
            Quantity(8 * 60 + 15, 15, 1_000));
        statement.Lines.Select(line => (line.BilledKwh, line.Amount, line.Problem))
            .ShouldBe([(1m, null, "price missing"), (1m, 1.00m, null)]);
        statement.Incomplete.ShouldBeTrue();
    }

    private static Statement Build(TariffPublished tariff, params MeteredQuantity[] quantities) =>
        Statement.Build(new("A"), EventDay, tariff, quantities);

    /// <summary>Peak from a time of the morning until ten, at 1.0; flat at 0.5 otherwise.</summary>
    private static TariffPublished Tariff(LocalTime peak)
    {
        int[] year = [.. Enumerable.Range(1, 12)];
        var days = Enum.GetValues<DayClass>();
        return new(new("T"), 1, "CNY", "Asia/Shanghai",
            [new(year, days, peak, new(10, 0), TariffPeriod.Peak),
                new(year, days, LocalTime.Midnight, null, TariffPeriod.Flat)],
            [new(TariffPeriod.Peak, 1.0m, 0m), new(TariffPeriod.Flat, 0.5m, 0m)], [], 3, 2);
    }

    private static MeteredQuantity Quantity(int minute, int minutes, long wattHours) => new(new("P"), Direction.Import,
        Minutes(minute, minute + minutes), Energy.FromWattHours(wattHours), "record", ReadingQuality.Measured);

    private static IEnumerable<(string Name, BaselineRule Rule)> Baselines() => StandardPacks.Names
        .Select(name => (name, StandardPacks.Find(name)!.Baseline)).Where(pack => pack.Baseline is not null)
        .Select(pack => (pack.name, pack.Baseline!));

    private static BaselineRule Rule(string pack) => StandardPacks.Find($"baseline-{pack}")!.Baseline!;

    private static BaselineRule Unadjusted(string pack) => Rule(pack) with { Adjustment = null };

    private static BaselineQuestion Asked(int fromHour, int toHour, params BaselineDay[] days) =>
        new(Shanghai, new(At(fromHour), At(toHour)), Duration.FromHours(1), days);

    private static BaselineDay[] Flat(decimal kwh, IEnumerable<int> back) =>
        [.. back.Select(days => Day(days, _ => kwh))];

    private static BaselineDay Day(int back, Func<int, decimal> kwh) => new(EventDay.PlusDays(-back), [.. Hours(kwh)]);

    private static IEnumerable<decimal?> Hours(Func<int, decimal> kwh) =>
        Enumerable.Range(0, 24).Select(hour => (decimal?)kwh(hour));

    private static Instant At(int hour) => Minute(60 * hour);
    private static Instant Minute(int minute) =>
        Shanghai.AtStartOfDay(EventDay).ToInstant() + Duration.FromMinutes(minute);
    private static Interval Minutes(int from, int to) => new(Minute(from), Minute(to));
}
