using System.Text.Json.Nodes;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Master data that are recorded before they begin change nothing before: what is judged, declared or asked of a time
/// goes by what was in force then, and not by what was recorded last.
/// </summary>
public sealed class PlannedMasterDataTests
{
    private static readonly Instant April = Instant.FromUtc(2026, 4, 1, 0, 0);

    private static string Connector(string change, string to, string from) => IntakeLedger.Connector.Split('\n')[0]
        .Replace(change, to, StringComparison.Ordinal)
        .Replace("2026-01-01T00:00:00Z", from, StringComparison.Ordinal);

    private static async Task<IntakeLedger> LedgerAsync(params string[] inputs)
    {
        var ledger = new IntakeLedger();
        foreach (var input in (string[])[IntakeLedger.Connector, .. inputs])
            (await ledger.TakeAsync(input)).Outcomes.ShouldAllBe(outcome => outcome is RecordOutcome.Recorded);
        return ledger;
    }

    /// <summary>An hour at 500 kW: at a point of 1000 kW, that shall have 100 or has had them.</summary>
    [Theory]
    [InlineData("2026-04-01T00:00:00Z", ReadingQuality.Measured)]
    [InlineData("2026-01-15T00:00:00Z", ReadingQuality.Suspect)]
    [InlineData("2026-02-02T00:00:00Z", ReadingQuality.Measured)]
    public async Task A_reading_is_doubted_by_what_its_point_was_rated_for(string from, ReadingQuality quality)
    {
        await using var ledger = await LedgerAsync(Connector("\"ratedKw\":1000", "\"ratedKw\":100", from));
        await ledger.TakeAsync("point,register,read_at,kwh\nCP1,1.8.0,2026-02-01T10:00:00Z,100\n"
            + "CP1,1.8.0,2026-02-01T11:00:00Z,600\n");
        (await ledger.FactsAsync()).OfType<RegisterReadingRecorded>().Last().Quality.ShouldBe(quality);
    }

    [Theory]
    [InlineData("2026-04-01T00:00:00Z", ReadingQuality.Measured)]
    [InlineData("2026-01-15T00:00:00Z", ReadingQuality.Suspect)]
    public async Task An_interval_is_doubted_by_what_its_point_was_rated_for(string from, ReadingQuality quality)
    {
        string Rated(int kilowatts, string since) => Connector("\"ratedKw\":1000", $"\"ratedKw\":{kilowatts}", since)
            .Replace("CP1", "CP1:1", StringComparison.Ordinal); // as the channels of an NMI are called
        await using var ledger = await LedgerAsync(Rated(1000, "2026-01-01T00:00:00Z"), Rated(100, from));
        await ledger.TakeAsync($"""
            100,NEM12,202602101000,MDP,RETAILER
            200,CP1,E1,E1,E1,N1,SERIAL,kWh,30,20260210
            300,20260201,{string.Join(',', Enumerable.Repeat("250", 48))},A,,,20260202000000,
            900
            """);
        var readings = (await ledger.FactsAsync()).OfType<IntervalReadingRecorded>().ToList();
        readings.Count.ShouldBe(48);
        readings.ShouldAllBe(reading => reading.Quality == quality);
    }

    private static SettlementPointState Point(params (Instant From, int Minutes, int Kilowatts)[] versions) =>
        versions.Aggregate(SettlementPointState.Empty, (state, version) => SettlementPoint.Evolve(state,
            new SettlementPointRegistered(new("CP1"), new("S1"), SettlementPointKind.Connector, new("ACME"), "UTC",
                version.Minutes, Power.FromKilowatts(version.Kilowatts), true), version.From));

    [Theory]
    [InlineData("2026-03-01T00:00:00Z", 100, 350, false)]
    [InlineData("2026-04-01T00:00:00Z", 100, 350, true)]
    [InlineData("2026-03-01T00:00:00Z", 350, 100, true)]
    public void A_point_is_enrolled_with_what_it_is_rated_for_when_that_begins(string from, int now, int then, bool may)
    {
        var begins = NodaTime.Text.InstantPattern.ExtendedIso.Parse(from).Value;
        var programme = new ProgrammeState([new(new("P"), 1, Instant.MinValue, ServiceKind.Export, new("b"), new("s"),
            0, 0, 0, PaymentLevel.Station, 1, [], "CNY", 1m)]);
        var decision = Enrolments.Decide(EnrolmentState.Empty, Point((Instant.MinValue, 15, now), (April, 15, then)),
            programme, new(new("P"), new("CP1"), Power.FromKilowatts(200), begins, null), new("key"));
        if (may) decision.ShouldBeOfType<Decision.Accepted>();
        else decision.ShouldBeOfType<Decision.Rejected>().Code.ShouldBe(Rejection.PowerAboveLimit);
    }

    [Theory]
    [InlineData(-1, 60, 80, true)]
    [InlineData(-1, 15, 80, false)]
    [InlineData(-1, 60, 200, false)]
    [InlineData(1, 15, 200, true)]
    [InlineData(1, 60, 80, false)]
    public void A_schedule_is_in_the_periods_that_its_day_has(int day, int minutes, int kilowatts, bool may)
    {
        var point = Point((Instant.MinValue, 60, 100), (April, 15, 350));
        var start = April + Duration.FromDays(day);
        (DeclaredSchedules.Decide(point, new(new("CP1"), new("ACME"), April - Duration.FromDays(2), start, minutes,
            [DeclaredSchedules.EnergyOf(Power.FromKilowatts(kilowatts), minutes)]), April - Duration.FromDays(2),
            new("key")) is Decision.Accepted).ShouldBe(may);
    }

    /// <summary>A day has the master data of its beginning, also where others begin amid it.</summary>
    [Fact]
    public void A_schedule_is_in_the_periods_of_a_day_in_which_others_begin()
    {
        var point = Point((Instant.MinValue, 60, 100), (April + Duration.FromHours(12), 15, 350));
        foreach (var (minutes, may) in ((int, bool)[])[(60, true), (15, false)])
            (DeclaredSchedules.Decide(point, new(new("CP1"), new("ACME"), April,
                April + Duration.FromHours(18), minutes, [DeclaredSchedules.EnergyOf(Power.FromKilowatts(80), minutes)]), April, new("key"))
                is Decision.Accepted).ShouldBe(may);
    }

    [Fact]
    public async Task A_point_that_is_to_be_moved_is_of_its_station_until_then()
    {
        var day = new LocalDate(2026, 2, 27);
        await using var ledger = await LedgerAsync(Connector("\"station\":\"S1\"", "\"station\":\"S2\"", "2026-04-01T00:00:00Z"),
            """{"type":"instruction","instruction":"I1","kind":"export","issuedBy":"dso","issuedAt":"2026-02-27T08:00:00+08:00","start":"2026-02-27T18:00:00+08:00","end":"2026-02-27T19:00:00+08:00","targets":[{"point":"CP1","kw":200}],"pricePerKwh":"3","penaltyPerKwh":"1"}""");
        await ledger.Ledger.CatchUpAsync(TestContext.Current.CancellationToken);
        var answers = new Answers(ledger.Ledger.Views);
        var at = Instant.FromUtc(2026, 3, 1, 0, 0);
        (answers.Calls(new("S1"), at).Count, answers.Calls(new("S2"), at).Count).ShouldBe((1, 0));
        var report = StationReport.Of(answers, new("S1"), day, day, at).ShouldNotBeNull();
        (report.Points.ShouldHaveSingleItem().Station, report.Calls.Count).ShouldBe(("S1", 1));
        StationReport.Of(answers, new("S2"), day, day, at).ShouldBeNull();
        StationReport.Of(answers, new("S2"), new(2026, 4, 2), new(2026, 4, 2), at).ShouldNotBeNull()
            .Points.ShouldHaveSingleItem().Station.ShouldBe("S2");
    }

    [Fact]
    public void A_station_whose_connectors_were_moved_keeps_what_its_calls_showed()
    {
        using var town = SmallTown.WithItsDay();
        JsonObject Shown(Instant at) => JsonNode.Parse(CommandRun.Of(
            ["show", "credible", "S01", "--json", "--data", town.Data], clock: new StandingClock(at)).Output)!.AsObject();
        var before = Shown(April);
        ((string)before["installedKw"]!, (int)before["callsWithoutSample"]!).ShouldBe(("1350", 1));
        town.Run("import", town.File("moved.jsonl", string.Join('\n', ((string[])["S01-C1", "S01-C2"]).Select(point =>
            $$"""{"type":"settlement-point","point":"{{point}}","station":"S02","kind":"connector","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":350,"bidirectional":true,"validFrom":"2026-04-01T00:00:00Z"}"""))))
            .Exit.ShouldBe(ExitCode.Done);
        var after = Shown(April + Duration.FromDays(1));
        ((string)after["installedKw"]!, (int)after["callsWithoutSample"]!).ShouldBe(("0", 1));
        after["credible"]!.ToJsonString().ShouldBe(before["credible"]!.ToJsonString());
        town.Run("show", "credible", "S03").ShouldBeFailure("ledger show: there is no station S03");
    }

    /// <summary>A report of 27 and 28 Feb in Shanghai, all of which is recorded of CP1: what it says of a point is of
    /// the days on which it was at the station, in the periods of each.</summary>
    [Theory]
    [InlineData("\"station\":\"S1\"", "\"station\":\"S2\"", "S1", "CP1 96 96 0 limits 1")]
    [InlineData("\"station\":\"S1\"", "\"station\":\"S2\"", "S2", "CP1 96 96 0 limits 1")]
    [InlineData("\"periodMinutes\":15", "\"periodMinutes\":60", "S1", "CP1 120 120 0 limits 2")]
    [InlineData("\"point\":\"CP1\"", "\"point\":\"CP2\"", "S1", "CP1 192 192 0, CP2 96 0 96 limits 2")]
    public async Task A_report_counts_of_a_point_what_its_days_at_the_station_have(
        string change, string to, string station, string evidence)
    {
        await using var ledger = await LedgerAsync(Connector(change, to, "2026-02-27T16:00:00Z"),
            """{"type":"standing-limit","point":"CP1","kind":"connectionLimit","direction":"import","kw":800,"validFrom":"2026-01-01T00:00:00Z","source":"agreement"}""");
        var start = Instant.FromUtc(2026, 2, 26, 16, 0);
        await ledger.TakeAsync("point,time,kw\n" + string.Concat(Enumerable.Range(0, (2 * 24 * 60) + 1)
            .Select(minute => $"CP1,{start + Duration.FromMinutes(minute)},40\n")));
        await ledger.Ledger.CatchUpAsync(TestContext.Current.CancellationToken);
        var report = StationReport.Of(new Answers(ledger.Ledger.Views), new(station), new(2026, 2, 27),
            new(2026, 2, 28), Instant.FromUtc(2026, 3, 2, 0, 0)).ShouldNotBeNull();
        $"{string.Join(", ", report.Evidence.Select(row =>
            $"{row.Point.Point} {row.Expected} {row.Recorded} {row.Missing}"))} limits {report.LimitDays.Count}"
            .ShouldBe(evidence);
    }

    /// <summary>The day of 27 Feb in Shanghai: its registers at both edges, and at two of a quarter hour.</summary>
    private const string ADay = "point,register,read_at,kwh\nCP1,1.8.0,2026-02-26T16:00:00Z,100\n"
        + "CP1,1.8.0,2026-02-27T04:00:00Z,300\nCP1,1.8.0,2026-02-27T04:15:00Z,310\n"
        + "CP1,1.8.0,2026-02-27T16:00:00Z,600\n"
        + "CP1,2.8.0,2026-02-26T16:00:00Z,0\nCP1,2.8.0,2026-02-27T16:00:00Z,1\n";

    /// <summary>A quarter hour of that day at 40 kW, of which the last minute is not covered.</summary>
    private static readonly string AQuarter = "point,time,kw\n" + string.Concat(Enumerable.Range(0, 14)
        .Select(minute => $"CP1,2026-02-27T04:{minute:D2}:00Z,40\n"));

    /// <summary>What its day, its station and its periods say of a point is said by its master data of that day's
    /// beginning: others that are recorded before it and begin later change no row of it.</summary>
    [Theory]
    [InlineData("\"station\":\"S1\"", "\"station\":\"S2\"", "2026-04-01T00:00:00Z")]
    [InlineData("\"zone\":\"Asia/Shanghai\"", "\"zone\":\"UTC\"", "2026-04-01T00:00:00Z")]
    [InlineData("\"ratedKw\":1000", "\"ratedKw\":10", "2026-04-01T00:00:00Z")]
    [InlineData("\"bidirectional\":true", "\"bidirectional\":false", "2026-04-01T00:00:00Z")]
    [InlineData("\"kind\":\"connector\"", "\"kind\":\"storage\"", "2026-04-01T00:00:00Z")]
    [InlineData("\"station\":\"S1\"", "\"station\":\"S2\"", "2026-02-27T04:00:00Z")] // amid the day
    [InlineData("\"ratedKw\":1000", "\"ratedKw\":100", "2026-02-27T04:00:00Z")]
    public async Task A_day_is_added_up_by_what_was_in_force_at_its_beginning(string change, string to, string from)
    {
        async Task<string> OfAsync(params string[] inputs)
        {
            await using var ledger = await LedgerAsync(inputs);
            await ledger.TakeAsync(ADay);
            await ledger.TakeAsync(AQuarter);
            await ledger.Ledger.CatchUpAsync(TestContext.Current.CancellationToken);
            var (answers, day) = (new Answers(ledger.Ledger.Views), new LocalDate(2026, 2, 27));
            answers.IntervalRecords(new("CP1"), day).Count.ShouldBe(1);
            answers.PeriodChecks(new("CP1"), day).ShouldHaveSingleItem().Import.ShouldNotBeNull();
            answers.Stations(day).ShouldHaveSingleItem().Station.ShouldBe("S1");
            return RowJson.Write(new
            {
                Days = answers.Days(),
                Export = answers.Export(day),
                Stations = answers.Stations(day),
                Checks = answers.PeriodChecks(new("CP1"), day),
            });
        }

        (await OfAsync(Connector(change, to, from))).ShouldBe(await OfAsync());
    }

    [Fact]
    public async Task A_day_of_after_a_move_is_of_the_new_station()
    {
        await using var ledger = await LedgerAsync(
            Connector("\"station\":\"S1\"", "\"station\":\"S2\"", "2026-02-20T00:00:00+08:00"),
            Connector("\"station\":\"S1\"", "\"station\":\"S3\"", "2026-02-27T00:00:00+08:00"),
            Connector("\"station\":\"S1\"", "\"station\":\"S4\"", "2026-02-28T00:00:00+08:00"));
        await ledger.TakeAsync(ADay);
        await ledger.Ledger.CatchUpAsync(TestContext.Current.CancellationToken);
        new Answers(ledger.Ledger.Views).Stations(new(2026, 2, 27)).ShouldHaveSingleItem()
            .ShouldSatisfyAllConditions(row => row.Station.ShouldBe("S3"),
                row => row.Import.ShouldBe(Energy.FromWattHours(500_000)));
    }

    /// <summary>Who has sold a point as of a day to come owns it until then.</summary>
    [Fact]
    public async Task Charge_records_are_read_by_who_owns_the_point_now()
    {
        const string record = """
            [{"country_code":"CN","party_id":"ABC","id":"R1","start_date_time":"2026-02-27T10:00:00Z","end_date_time":"2026-02-27T11:00:00Z","cdr_token":{"country_code":"CN","party_id":"MSP","uid":"04A2B3C4D5E6F7","type":"RFID","contract_id":"CN-MSP-C1"},"auth_method":"WHITELIST","cdr_location":{"id":"L","evse_uid":"7","evse_id":"CP1","connector_id":"1"},"currency":"CNY","charging_periods":[{"start_date_time":"2026-02-27T10:00:00Z","dimensions":[{"type":"ENERGY","volume":10}]}],"total_cost":{"excl_vat":5.5,"incl_vat":5.5},"total_energy":10,"total_time":1,"last_updated":"2026-02-27T12:00:00Z"}]
            """;
        await using var ledger = await LedgerAsync(record,
            Connector("\"owner\":\"ACME\"", "\"owner\":\"NEXT\"", "2026-04-01T00:00:00Z"));
        await ledger.Ledger.CatchUpAsync(TestContext.Current.CancellationToken);
        int Read(string party, Instant now) => new Answers(ledger.Ledger.Views, null,
            new(new(party), null, new(party), false), now).ChargeRecords(Instant.MinValue, null).Count;
        (Read("ACME", April - Duration.Epsilon), Read("NEXT", April - Duration.Epsilon)).ShouldBe((1, 0));
        (Read("ACME", April), Read("NEXT", April)).ShouldBe((0, 1));
    }
}
