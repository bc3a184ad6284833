using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Cli;
using NodaTime;
using NodaTime.Text;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Published baseline cases, and other people's real load, through <c>ledger calc baseline</c>.</summary>
public sealed class BaselineVectorTests
{
    [Fact]
    public void The_days_of_every_published_session_are_chosen()
    {
        var cases = MarketVectors.Cases()
            .Where(c => c.GetProperty("id").GetString()!.StartsWith("OCT-A", StringComparison.Ordinal)).ToList();
        cases.Count.ShouldBe(7);
        foreach (var vector in cases)
        {
            var inputs = vector.GetProperty("inputs");
            var start = OffsetDateTimePattern.ExtendedIso.Parse(inputs.GetProperty("eventStart").GetString()!).Value;
            var end = start.Plus(Duration.FromMinutes(inputs.GetProperty("durationMinutes").GetInt32()));
            var days = Enumerable.Range(0, 60).Select(back => new JsonObject
            {
                ["day"] = LocalDatePattern.Iso.Format(start.Date.PlusDays(-back)),
                ["kwh"] = new JsonArray([.. Enumerable.Repeat((JsonNode)1.1m, 48).Select(value => value.DeepClone())]),
            });
            var answer = Calc(new JsonObject
            {
                ["rule"] = "gb-dfs",
                ["zone"] = "Europe/Berlin",
                ["eventStart"] = OffsetDateTimePattern.ExtendedIso.Format(start),
                ["eventEnd"] = OffsetDateTimePattern.ExtendedIso.Format(end),
                ["days"] = new JsonArray([.. days]),
            });
            Used(answer).ShouldBe([.. vector.GetProperty("expected").GetProperty("days").EnumerateArray()
                .Select(day => day.GetString()!)]);
            answer["days"]!.AsArray().Count.ShouldBe(60);
            answer["baselineKwh"]!.AsArray().Count.ShouldBe(3);
        }
    }

    [Fact]
    public void A_published_mean_of_ten_days_is_exact()
    {
        var vector = MarketVectors.Case("OCT-C");
        var values = vector.GetProperty("inputs").GetProperty("valuesKwhNewestFirst").EnumerateArray().ToList();
        var eventDay = new LocalDate(2023, 12, 29);
        var weekdays = Enumerable.Range(1, 20).Select(back => eventDay.PlusDays(-back))
            .Where(day => day.DayOfWeek < IsoDayOfWeek.Saturday).Take(values.Count);
        var answer = Calc(new JsonObject
        {
            ["rule"] = "gb-dfs",
            ["zone"] = "Europe/London",
            ["eventStart"] = "2023-12-29T17:00:00Z",
            ["eventEnd"] = "2023-12-29T17:30:00Z",
            ["days"] = new JsonArray([.. weekdays.Zip(values, (day, value) => (JsonNode)new JsonObject
            {
                ["day"] = LocalDatePattern.Iso.Format(day),
                ["kwh"] = new JsonArray([.. Enumerable.Range(0, 48).Select(_ => JsonNode.Parse(value.GetRawText()))]),
            })]),
        });
        answer["baselineKwh"]!.AsArray().Single()!.ToString()
            .ShouldBe(vector.GetProperty("expected").GetProperty("baselineKwh").GetString());
    }

    [Fact]
    public void The_published_hours_around_an_event_are_the_same_days_baseline()
    {
        var vector = MarketVectors.Case("PJM-3+2");
        var ending = vector.GetProperty("inputs").GetProperty("eventHe").EnumerateArray()
            .Select(hour => hour.GetInt32()).ToList();
        var expected = vector.GetProperty("expected").GetProperty("hoursEnding").EnumerateArray()
            .Select(hour => hour.GetInt32()).ToList();
        // Each hour holds its own power of two, so the sum names the hours.
        var answer = Calc(new JsonObject
        {
            ["rule"] = "pjm-3-plus-2",
            ["zone"] = "America/New_York",
            ["eventStart"] = $"2026-07-15T{ending[0] - 1:00}:00:00-04:00",
            ["eventEnd"] = $"2026-07-15T{ending[^1]:00}:00:00-04:00",
            ["days"] = new JsonArray(new JsonObject
            {
                ["day"] = "2026-07-15",
                ["kwh"] = new JsonArray([.. Enumerable.Range(1, 24).Select(hour => (JsonNode)(1L << (hour - 1)))]),
            }),
        });
        var mean = expected.Sum(hour => 1L << (hour - 1)) / (decimal)expected.Count;
        answer["baselineKwh"]!.AsArray().Select(value => Number(value)).ShouldBe(Enumerable.Repeat(mean, ending.Count));
        ((bool)answer["provisional"]!).ShouldBeFalse();
    }

    [Theory]
    [InlineData("2013-09-23T14:00:00-07:00", "2013-09-23T16:00:00-07:00", 8)]
    [InlineData("2013-09-27T14:00:00-07:00", "2013-09-27T16:15:00-07:00", 9)]
    public void A_real_buildings_event_has_a_baseline_and_a_record_of_every_day(string start, string end, int periods)
    {
        foreach (var rule in new[] { "caiso-10-in-10", "caiso-5-in-10", "pjm-high-4-of-5", "nyiso-average-day",
            "beijing", "jiangsu", "gb-dfs" })
        {
            var answer = Calc(new JsonObject
            {
                ["rule"] = rule,
                ["zone"] = "America/Los_Angeles",
                ["eventStart"] = start,
                ["eventEnd"] = end,
                ["days"] = BuildingLoad(),
                ["eventDays"] = new JsonArray("2013-09-23", "2013-09-27"),
                ["holidays"] = new JsonArray("2013-09-02"),
            });
            answer["insufficient"].ShouldBeNull(rule);
            answer["baselineKwh"]!.AsArray().Count.ShouldBe(periods);
            answer["baselineKwh"]!.AsArray().ShouldAllBe(value => Number(value) > 0);
            answer["days"]!.AsArray().Count.ShouldBe(57);
            answer["days"]!.AsArray().ShouldAllBe(day => day!["reason"]!.ToString().Length > 0);
            Used(answer).ShouldNotContain("2013-09-23");
            Used(answer).ShouldNotContain("2013-09-21"); // a Saturday
        }
    }

    /// <summary>Mean kW of each quarter hour, of which a quarter is its kWh; some are not measured.</summary>
    private static JsonArray BuildingLoad()
    {
        var folder = Environment.GetEnvironmentVariable("LEDGER_SAMPLES");
        if (string.IsNullOrEmpty(folder)) Assert.Skip("sample: set LEDGER_SAMPLES for the building load");
        var rows = File.ReadLines(Path.Combine(folder, "samples", "market-rules", "lbnl-loadshape", "test_kw.csv"))
            .Select(line => line.Split(','));
        return [.. rows.GroupBy(row => row[0][..10]).Select(day => (JsonNode)new JsonObject
        {
            ["day"] = day.Key,
            ["kwh"] = new JsonArray([.. day.Select(row => row[1] == "nan"
                ? null
                : (JsonNode)(decimal.Parse(row[1], CultureInfo.InvariantCulture) / 4))]),
        })];
    }

    private static List<string> Used(JsonNode answer) =>
        [.. answer["days"]!.AsArray().Where(day => (bool)day!["used"]!).Select(day => day!["day"]!.ToString())];

    private static decimal Number(JsonNode? value) => decimal.Parse(value!.ToString(), CultureInfo.InvariantCulture);

    private static JsonNode Calc(JsonObject input)
    {
        var run = CommandRun.Of(["calc", "baseline", "--in", "-", "--json"], input.ToJsonString());
        run.Exit.ShouldBe(ExitCode.Done, run.Errors);
        return JsonNode.Parse(run.Output)!;
    }
}
