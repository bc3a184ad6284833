using System.Globalization;
using System.Text.Json.Nodes;
using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Which indices are a stay's first and last: none with which another vehicle has to do, whether or not it has left,
/// and those at its edges before those inside it.
/// </summary>
public sealed class SessionEdgesTests : IDisposable
{
    private const string Tariff =
        """{"id":"T1","currency":"CNY","elements":[{"price_components":[{"type":"ENERGY","price":1,"step_size":1}]}]}""";

    private readonly ChargeTown town = new();

    public void Dispose() => town.Dispose();

    private const string Departure =
        "S01-C1,1.8.0,2026-03-04T20:00:00+08:00,1050.125|S01-C1,2.8.0,2026-03-04T20:00:00+08:00,30.5",
        Later = "S01-C1,1.8.0,2026-03-02T21:30:00+08:00,1070.125|S01-C1,2.8.0,2026-03-02T21:30:00+08:00,30.5",
        DaysLater = "S01-C1,1.8.0,2026-03-04T20:00:00+08:00,1070.125|S01-C1,2.8.0,2026-03-04T20:00:00+08:00,30.5",
        Around = "S01-C1,1.8.0,2026-03-02T20:00:00+08:00,1043.125|S01-C1,2.8.0,2026-03-02T20:00:00+08:00,30.5|"
            + "S01-C1,1.8.0,2026-03-02T21:00:00+08:00,1060.125|S01-C1,2.8.0,2026-03-02T21:00:00+08:00,30.5";

    /// <summary>A vehicle left at 20:40; what the register showed then, nobody read.</summary>
    [Theory]
    [InlineData(Later, "2026-03-02T20:50 came")] // and still stands there
    [InlineData(Later, "2026-03-02T20:50 came|2026-03-05T06:00 left")]
    [InlineData(DaysLater, "2026-03-04T08:00 came")]
    [InlineData(DaysLater, "2026-03-04T08:00 came|2026-03-04T19:00 left")]
    [InlineData(Around, "2026-03-02T20:50 came")] // the settled hour is both vehicles'
    public void What_the_next_vehicle_took_is_not_billed_to_the_one_before(string readings, string states)
    {
        Say("S01-C1", states);
        Read("S01-C1,1.8.0,2026-03-02T20:10:00+08:00,1043.125|S01-C1,2.8.0,2026-03-02T20:10:00+08:00,30.5|" + readings);
        Energy("S01-C1", "2026-03-02T12:10:00Z").ShouldBe("no reading of S01-C1/1.8.0 at its edges");
    }

    [Fact]
    public void An_index_counts_however_late_it_is_read_while_nobody_came()
    {
        Say("S01-C1", "2026-03-03T08:00 left|2026-03-04T08:00 left");
        Read("S01-C1,1.8.0,2026-03-02T20:10:00+08:00,1043.125|S01-C1,2.8.0,2026-03-02T20:10:00+08:00,30.5|" + Departure);
        Energy("S01-C1", "2026-03-02T12:10:00Z").ShouldBe("7.0");
    }

    /// <summary>A vehicle came on 2 March; the one before had left long ago, and the register was read before it came.
    /// </summary>
    [Theory]
    [InlineData("2026-01-15T00:00", "no reading of S01-C2/1.8.0 at its edges")]
    [InlineData("2026-01-20T00:00", "no reading of S01-C2/1.8.0 at its edges")] // while it stood there
    [InlineData("2026-01-22T00:00", "100.0")]
    public void What_the_vehicle_before_took_is_not_billed_to_the_next_one(string read, string energy)
    {
        Say("S01-C2", "2026-01-18T08:00 came|2026-01-21T08:00 left|2026-03-02T10:00 came|2026-03-02T11:00 left");
        Read($"S01-C2,1.8.0,{read}:00+08:00,100|S01-C2,1.8.0,2026-03-02T11:00:00+08:00,200");
        Energy("S01-C2", "2026-03-02T02:00:00Z").ShouldBe(energy);
    }

    [Fact]
    public void An_index_at_the_edge_comes_before_one_inside()
    {
        Read(string.Join('|', new[] { "20:10:00", "20:40:00" }.Select(time =>
            $"S01-C1,2.8.0,2026-03-02T{time}+08:00,30.5")));
        Read("S01-C1,1.8.0,2026-03-02T20:10:00+08:00,1043.125|S01-C1,1.8.0,2026-03-02T20:40:00+08:00,1050.125");
        Energy("S01-C1", "2026-03-02T12:10:00Z").ShouldBe("7.0");
        Read("S01-C1,1.8.0,2026-03-02T20:10:30+08:00,1043.5|S01-C1,1.8.0,2026-03-02T20:39:30+08:00,1049");
        Energy("S01-C1", "2026-03-02T12:10:00Z").ShouldBe("7.0");
    }

    /// <summary>Five seconds at 300 kW in an hour of which nothing else is known; and an hour that is known.</summary>
    [Theory]
    [InlineData("20:10:00,300|20:10:01,300|20:10:02,300|20:10:03,300|20:10:04,300|20:10:05,300",
        "no reading of S01-C1/1.8.0 at its edges")]
    [InlineData("20:00:00,12|21:00:00,12", "12.0")]
    public void A_curve_with_a_hole_proves_no_stay(string samples, string energy)
    {
        Curve(samples);
        Energy("S01-C1", "2026-03-02T12:10:00Z").ShouldBe(energy);
    }

    /// <summary>More than can flow through the point in an hour: validation makes the second index suspect.</summary>
    [Fact]
    public void A_suspect_reading_proves_no_stay()
    {
        Read("S01-C1,1.8.0,2026-03-02T20:00:00+08:00,1043.125|S01-C1,2.8.0,2026-03-02T20:00:00+08:00,30.5|"
            + "S01-C1,1.8.0,2026-03-02T21:00:00+08:00,1443.125|S01-C1,2.8.0,2026-03-02T21:00:00+08:00,30.5");
        Energy("S01-C1", "2026-03-02T12:10:00Z").ShouldBe("no reading of S01-C1/1.8.0 at its edges");
    }

    /// <summary>The register says what two vehicles took together in two hours; nothing says how much each did.
    /// </summary>
    [Fact]
    public void A_share_of_what_two_vehicles_took_proves_neither_stay()
    {
        Say("S01-C1", "2026-03-02T21:10 came|2026-03-02T21:50 left");
        Read("S01-C1,1.8.0,2026-03-02T20:00:00+08:00,1043.125|S01-C1,2.8.0,2026-03-02T20:00:00+08:00,30.5|"
            + "S01-C1,1.8.0,2026-03-02T22:00:00+08:00,1143.125|S01-C1,2.8.0,2026-03-02T22:00:00+08:00,30.5");
        Energy("S01-C1", "2026-03-02T12:10:00Z").ShouldBe("no reading of S01-C1/1.8.0 at its edges");
        Energy("S01-C1", "2026-03-02T13:10:00Z").ShouldBe("no reading of S01-C1/1.8.0 at its edges");
    }

    [Fact]
    public void An_estimate_proves_no_stay()
    {
        town.Done("import", town.File("estimates.jsonl", string.Concat(new[] { "import", "export" }.Select(direction =>
            $$"""{"type":"interval-estimate","point":"S01-C1","direction":"{{direction}}","start":"2026-03-02T20:00:00+08:00","end":"2026-03-02T21:00:00+08:00","kwh":"5","method":"linear","basis":"the hours around it"}"""
            + "\n"))));
        Energy("S01-C1", "2026-03-02T12:10:00Z").ShouldBe("no reading of S01-C1/1.8.0 at its edges");
    }

    /// <summary>On 6 April 2025 the clock of Lord Howe went back by half an hour.</summary>
    [Theory]
    [InlineData(60, "DayNotWholePeriods: the day 2025-04-06 in Australia/Lord_Howe lasts 1470 minutes, no whole number of "
        + "60-minute periods")]
    [InlineData(30, "50.0")]
    public void A_stay_on_a_day_of_no_whole_periods_is_not_proven(int minutes, string energy)
    {
        town.Done("import", town.File("howe.jsonl", $$"""
            {"type":"settlement-point","point":"LH-C1","station":"LH","kind":"connector","owner":"cpo","zone":"Australia/Lord_Howe","periodMinutes":{{minutes}},"ratedKw":350,"bidirectional":false,"validFrom":"2025-01-01T00:00:00Z"}
            {"type":"register","point":"LH-C1","direction":"import","meterSerial":"LH1","digits":9,"decimals":3,"validFrom":"2025-01-01T00:00:00Z"}
            {"type":"charging-state","point":"LH-C1","at":"2025-04-06T00:00:00Z","connected":true,"source":"ocpp"}
            {"type":"charging-state","point":"LH-C1","at":"2025-04-06T01:00:00Z","connected":false,"source":"ocpp"}
            """));
        Read("LH-C1,1.8.0,2025-04-06T00:00:00Z,100|LH-C1,1.8.0,2025-04-06T01:00:00Z,150");
        Record("2025-04-06", "LH-C1", "2025-04-06T00:00:00Z").ShouldBe(energy);
    }

    private static readonly RegisterInstalled installed =
        new(new(new("P1"), Direction.Import), "M1", 9, 3, 1, null);

    private static readonly ChargingSession stay = new(new("P1"), At(3600), At(7200), false);

    /// <summary>Seconds after the arrival at which the register is read inside the stay.</summary>
    private static readonly Gen<int[]> inside =
        Gen.OneOf(Gen.Int[1, 70], Gen.Int[3530, 3599], Gen.Int[1, 3599]).Array[0, 8];

    [Fact]
    public void A_reading_inside_a_stay_changes_nothing_while_both_edges_are_read() =>
        Gen.Select(Gen.Int[0, 3600], Gen.Int[0, 3600], inside).Sample((before, after, seconds) =>
        {
            int[] edges = [-before, 3600 + after];
            Counted([.. edges, .. seconds]).ShouldBe(Counted(edges));
        }, iter: LongRun.Samples);

    /// <summary>Where an edge is not read, one more reading inside the stay never makes it take less.</summary>
    [Fact]
    public void A_reading_inside_a_stay_never_makes_it_cheaper() =>
        Gen.Select(inside, Gen.Int[1, 3599]).Sample((seconds, more) =>
        {
            if (Counted(seconds) is { } counted)
                Counted([.. seconds, more])!.Value.ShouldBeGreaterThanOrEqualTo(counted);
        }, iter: LongRun.Samples);

    /// <summary>What counts by readings of a register that counts a watt-hour a second.</summary>
    private static Energy? Counted(int[] seconds) => ChargingSessions.Counted(installed,
        [.. seconds.Distinct().Order().Select(second => new SessionIndex(At(3600 + second), 10_000 + second, null))],
        stay, (_, _) => true)?.Energy;

    private static Instant At(int second) => TestFolder.Start + Duration.FromSeconds(second);

    /// <param name="states">When a vehicle came and when it left.</param>
    private void Say(string point, string states) => town.Done("import", town.File("states.jsonl", string.Concat(
        states.Split('|').Select(state => state.Split(' ')).Select(state => new JsonObject
        {
            ["type"] = "charging-state",
            ["point"] = point,
            ["at"] = $"{state[0]}:00+08:00",
            ["connected"] = state[1] == "came",
            ["source"] = "ocpp",
        }.ToJsonString() + "\n"))));

    /// <param name="samples">Of the first connector on the day: local times with kW.</param>
    private void Curve(string samples) => town.Done("import", town.File("curve.csv",
        "point,time,kw\n" + string.Concat(samples.Split('|').Select(sample =>
            $"S01-C1,{ChargeTown.Day}T{sample.Replace(",", "+08:00,", StringComparison.Ordinal)}\n"))));

    private void Read(string rows) => town.Done("import", town.File("rows.csv",
        $"point,register,read_at,kwh\n{rows.Replace('|', '\n')}\n"));

    /// <summary>What the record of the stay from then on says; where there is none, the beginning of why.</summary>
    private string Energy(string point, string start) => Record(ChargeTown.Day, point, start).Split(',')[0];

    private string Record(string day, string point, string start)
    {
        var run = town.Run("export", "cdr", "cpo", day, "--tariff", town.File("tariff.json", Tariff));
        var record = JsonNode.Parse(run.Output)!.AsArray().SingleOrDefault(cdr =>
            (string)cdr!["cdr_location"]!["evse_id"]! == point && (string)cdr["start_date_time"]! == start);
        var why = run.Errors.Split('\n').SingleOrDefault(line => line.Contains($"{point} from {start}", StringComparison.Ordinal));
        return record is not null ? ((decimal)record["total_energy"]!).ToString("0.0##", CultureInfo.InvariantCulture)
            : why!.Split(": ", 3)[^1];
    }
}
