using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Cli;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Published cases of tariffs through <c>ledger calc</c>: session tariffs, demand charges, a ratchet, real schedules,
/// regulated ratios. Each tariff is written here in our own shape, from the numbers of the case.
/// </summary>
public sealed class BillVectorTests
{
    [Theory]
    [InlineData("OCPI-1")]
    [InlineData("OCPI-2")]
    [InlineData("OCPI-3")]
    [InlineData("OCPI-4")]
    [InlineData("OCPI-5a")]
    [InlineData("OCPI-5b")]
    public void A_session_costs_what_the_specification_says(string id)
    {
        var (inputs, expected) = Vector(id);
        var fees = new JsonArray();
        if (inputs["start"] is { } start) fees.Add(Fee("start", "session", start, inputs["vatStart"]!));
        if (inputs["parkingPerHour"] is { } parking)
        {
            var fee = Fee("parking", "parkedHour", parking, inputs["vatParking"]!);
            fee["stepSeconds"] = (int)inputs["stepSeconds"]!;
            fees.Add(fee);
        }

        var tariff = new JsonObject
        {
            ["rules"] = Json("""[{"period":"flat"}]"""),
            ["prices"] = new JsonArray(new JsonObject
            {
                ["period"] = "flat",
                ["importPerKwh"] = inputs["energyPrice"]!.DeepClone(),
                ["taxPercent"] = inputs["vatEnergy"]!.DeepClone(),
            }),
            ["fees"] = fees,
        };
        var bounds = new JsonObject();
        foreach (var (ours, theirs) in new[] { ("least", "minExcl"), ("leastWithTax", "minIncl"),
            ("most", "maxExcl"), ("mostWithTax", "maxIncl") })
            if (inputs[theirs] is { } bound) bounds[ours] = bound.DeepClone();
        if (bounds.Count > 0) tariff["bounds"] = bounds;
        var session = new JsonObject { ["start"] = "2026-01-05T10:00:00Z" };
        if (inputs["parkingMinutes"] is { } parked) session["parkedMinutes"] = (int)parked;
        var totals = Bill(tariff, "UTC", [Load("2026-01-05T10:00:00Z", 60, Text(inputs["kwh"]!))],
            sessions: [session])["totals"]!;
        Number(totals["total"]).ShouldBe(Number(expected["incl"]));
        (Number(totals["total"]) - Number(totals["tax"])).ShouldBe(Number(expected["excl"]));
    }

    [Fact]
    public void Tiers_of_demand_by_period_as_in_the_rate_model()
    {
        var (inputs, expected) = Vector("SSC-1");
        var tariff = Free();
        tariff["demandCharges"] = new JsonArray(
            Json("""{"name":"1","intervalMinutes":60,"windows":[{"days":["weekday"],"from":"15:00","to":"20:00"}]}"""),
            Json("""
                {"name":"2","intervalMinutes":60,"windows":[{"days":["weekday"],"to":"15:00"},
                {"days":["weekday"],"from":"20:00"},{"days":["weekend","holiday"]}]}
                """));
        tariff["demandCharges"]![0]!["tiers"] = inputs["tiersP1"]!.DeepClone();
        tariff["demandCharges"]![1]!["tiers"] = inputs["tiersP2"]!.DeepClone();
        Number(Bill(tariff, "UTC", Hours("2024-01-01", inputs))["totals"]!["demand"])
            .ShouldBe(Number(expected["demandCharge"]));
        // The same day on a Sunday is in the second period alone.
        Number(Bill(tariff, "UTC", Hours("2024-01-07", inputs))["totals"]!["demand"]).ShouldBe(100m);
    }

    [Fact]
    public void Demand_may_cost_nothing_in_a_season()
    {
        var (inputs, expected) = Vector("SSC-2");
        var tariff = Free();
        tariff["demandCharges"] = new JsonArray(new JsonObject
        {
            ["name"] = "flat",
            ["intervalMinutes"] = 60,
            ["prices"] = new JsonArray(
                new JsonObject { ["months"] = Json("[1,2,3,4,5]"), ["perKw"] = (int)inputs["flatDemandRate"]!["jan"]! },
                new JsonObject
                {
                    ["months"] = Json("[6,7,8,9,10,11,12]"),
                    ["perKw"] = (int)inputs["flatDemandRate"]!["jun"]!,
                }),
        });
        foreach (var (month, name) in new[] { ("2024-01-03", "jan"), ("2024-06-05", "jun") })
            Number(Bill(tariff, "UTC", Hours(month, inputs))["totals"]!["demand"]).ShouldBe(Number(expected[name]));
    }

    [Fact]
    public void A_peak_in_January_is_billed_all_year()
    {
        var (inputs, expected) = Vector("REOPT-1");
        var tariff = Free();
        tariff["demandCharges"] = new JsonArray(new JsonObject
        {
            ["name"] = "ratchet",
            ["intervalMinutes"] = 60,
            ["ratchet"] = new JsonObject { ["percent"] = inputs["percent"]!.DeepClone(), ["lookbackMonths"] = 11 },
            ["prices"] = new JsonArray(
                new JsonObject { ["months"] = Json("[1,2,3,10,11,12]"), ["perKw"] = inputs["coldRate"]!.DeepClone() },
                new JsonObject { ["months"] = Json("[4,5,6,7,8,9]"), ["perKw"] = inputs["warmRate"]!.DeepClone() }),
        });
        var start = new DateTimeOffset(2023, 1, 1, 0, 0, 0, TimeSpan.Zero);
        var load = new JsonArray([.. Enumerable.Range(0, 8_760).Select(hour => (JsonNode)Load(
            Time(start.AddHours(hour)), 60, hour == 0 ? Text(inputs["peakKw"]!) : "1"))]);
        Number(Bill(tariff, "UTC", load)["totals"]!["demand"]).ShouldBe(Number(expected["annualDemandCost"]));
    }

    [Fact]
    public void A_real_schedule_with_demand_by_season_and_period()
    {
        var (inputs, expected) = Vector("EECO-summer-weekday-2024-07-10");
        var start = DateTimeOffset.Parse($"{inputs["date"]}T00:00:00-07:00", CultureInfo.InvariantCulture);
        var load = new JsonArray([.. Enumerable.Range(0, 96).Select(i => (JsonNode)Load(
            Time(start.AddMinutes(15 * i)), 15, (i * 0.25m).ToString(CultureInfo.InvariantCulture)))]);
        var bill = Bill(SeasonalTariff(), "America/Los_Angeles", load);
        Number(bill["totals"]!["demand"]).ShouldBe(Number(expected["demandCharge"]));
        Number(bill["totals"]!["energy"]).ShouldBe(Number(expected["energyCharge"]));
        Number(bill["totals"]!["fixed"]).ShouldBe(1352.6313m);
        ((bool)bill["incomplete"]!).ShouldBeFalse();
    }

    /// <summary>57 days of a real building by a real schedule of five periods, against a sum over rows and digits of
    /// the schedule, which knows nothing of rules, edges or months.</summary>
    [Fact]
    public void A_real_building_by_a_real_schedule_costs_what_its_rows_cost()
    {
        var schedule = JsonNode.Parse(Sample("lbnl-loadshape/test_tariff.json"))!["items"]![0]!;
        var weekday = (string)schedule["energyweekdayschedule"]!;
        var weekend = (string)schedule["energyweekendschedule"]!;
        decimal Rate(char period) => decimal.Parse(
            schedule[$"energyratestructure/period{period}/tier1rate"]!.ToJsonString(), CultureInfo.InvariantCulture);
        var (load, byRow, unknown) = (new JsonArray(), 0m, 0);
        foreach (var row in Sample("lbnl-loadshape/test_kw.csv").Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var cells = row.Split(',');
            var at = DateTimeOffset.Parse(cells[0] + " -07:00", CultureInfo.InvariantCulture);
            if (cells[1] == "nan")
            {
                unknown++;
                var gap = Load(Time(at), 15, "0");
                gap["importKwh"] = null;
                load.Add((JsonNode)gap);
                continue;
            }

            var kwh = decimal.Parse(cells[1], CultureInfo.InvariantCulture) / 4m;
            load.Add((JsonNode)Load(Time(at), 15, kwh.ToString(CultureInfo.InvariantCulture)));
            var hours = at.DayOfWeek is DayOfWeek.Saturday or DayOfWeek.Sunday ? weekend : weekday;
            byRow += kwh * Rate(hours[(at.Month - 1) * 24 + at.Hour]);
        }

        string[] periods = ["sharpPeak", "peak", "flat", "valley", "deepValley"];
        var rules = new JsonArray();
        foreach (var (days, hours) in new[] { ("""["weekday","holiday"]""", weekday), ("""["weekend"]""", weekend) })
            for (var i = 0; i < hours.Length; i++)
                rules.Add((JsonNode)new JsonObject
                {
                    ["months"] = new JsonArray(i / 24 + 1),
                    ["days"] = Json(days),
                    ["from"] = $"{i % 24:00}:00",
                    ["to"] = $"{i % 24 + 1:00}:00",
                    ["period"] = periods[hours[i] - '1'],
                });
        var tariff = new JsonObject
        {
            ["rules"] = rules,
            ["prices"] = new JsonArray([.. periods.Select((period, i) => (JsonNode)new JsonObject
            {
                ["period"] = period,
                ["importPerKwh"] = Rate((char)('1' + i)),
                ["exportPerKwh"] = Rate((char)('1' + i)),
            })]),
            ["fees"] = new JsonArray(Fee("basic", "month", schedule["fixedmonthlycharge"]!, 0)),
        };
        // Rows without a number are energy that nobody knows: the bill says so, and has no total of energy.
        var incomplete = Bill(tariff, "America/Los_Angeles", (JsonArray)load.DeepClone());
        unknown.ShouldBeGreaterThan(0);
        ((bool)incomplete["incomplete"]!).ShouldBeTrue();
        incomplete["totals"]!["energy"].ShouldBeNull();
        foreach (var row in load) row!["importKwh"] ??= "0";
        var bill = Bill(tariff, "America/Los_Angeles", load);
        load.Count.ShouldBe(5_472);
        Number(bill["totals"]!["energy"]).ShouldBe(byRow);
        byRow.ShouldBeGreaterThan(0m);
        Number(bill["totals"]!["fixed"]).ShouldBe(2 * 8.9m);
    }

    [Fact]
    public void Ratios_raise_peaks_and_lower_valleys()
    {
        var (inputs, expected) = Vector("CN-463");
        (string Ours, string Theirs)[] names =
            [("sharpPeak", "tip"), ("peak", "peak"), ("flat", "flat"), ("valley", "valley"), ("deepValley", "deep")];
        var asked = new JsonObject();
        foreach (var (ours, theirs) in names) asked[ours] = inputs[theirs]!.DeepClone();
        var answer = Calc("tariff-ratios", asked);
        foreach (var (ours, theirs) in names) Number(answer[ours]).ShouldBe(Number(expected[theirs]));
    }

    /// <summary>The rows become rules, prices and demand charges; rows of one name are one charge.</summary>
    private static JsonObject SeasonalTariff()
    {
        var rows = Sample("pge_tou_tariff_eeco.csv").Split('\n').Skip(1).Select(row => row.Split(','))
            .Where(row => row[0] == "electric").ToList();
        string[] periods = ["sharpPeak", "peak", "flat", "valley", "deepValley"];
        var energy = rows.Where(row => row[1] == "energy").ToList();
        var charges = energy.Select(row => row[11]).Distinct().ToList();
        charges.Count.ShouldBe(5);
        return new JsonObject
        {
            ["rules"] = new JsonArray([.. energy.Select(row =>
            {
                var rule = When(row);
                rule["period"] = periods[charges.IndexOf(row[11])];
                return (JsonNode)rule;
            })]),
            ["prices"] = new JsonArray([.. charges.Select((charge, i) => (JsonNode)new JsonObject
            {
                ["period"] = periods[i],
                ["importPerKwh"] = charge,
                ["exportPerKwh"] = rows.Single(row => row[1] == "export")[11],
            })]),
            ["demandCharges"] = new JsonArray([.. rows.Where(row => row[1] == "demand").GroupBy(row => row[2])
                .Select(charge => (JsonNode)new JsonObject
                {
                    ["name"] = charge.Key,
                    ["windows"] = new JsonArray([.. charge.Select(row => (JsonNode)When(row))]),
                    ["perKw"] = charge.Select(row => row[11]).Distinct().Single(),
                })]),
            ["fees"] = new JsonArray(Fee("customer", "month", rows.Single(row => row[1] == "customer")[11], 0)),
        };
    }

    private static JsonObject When(string[] row)
    {
        string[] days = int.Parse(row[9], CultureInfo.InvariantCulture) == 5 ? ["weekend"]
            : int.Parse(row[10], CultureInfo.InvariantCulture) == 6 ? ["weekday", "weekend", "holiday"]
            : ["weekday", "holiday"];
        return new JsonObject
        {
            ["months"] = new JsonArray([.. Enumerable.Range(1, 12).Where(month =>
                month >= int.Parse(row[5], CultureInfo.InvariantCulture)
                && month <= int.Parse(row[6], CultureInfo.InvariantCulture)).Select(month => (JsonNode)month)]),
            ["days"] = new JsonArray([.. days.Select(day => (JsonNode)day)]),
            ["from"] = Clock(row[7]),
            ["to"] = Clock(row[8]),
        };
    }

    private static string Clock(string hours)
    {
        var minutes = (int)(decimal.Parse(hours, CultureInfo.InvariantCulture) * 60m);
        return $"{minutes / 60:00}:{minutes % 60:00}";
    }

    private static JsonObject Free() => new()
    {
        ["rules"] = Json("""[{"period":"flat"}]"""),
        ["prices"] = Json("""[{"period":"flat","importPerKwh":0,"exportPerKwh":0}]"""),
    };

    private static JsonObject Fee(string name, string per, JsonNode amount, JsonNode tax) => new()
    {
        ["name"] = name,
        ["per"] = per,
        ["amount"] = amount.DeepClone(),
        ["taxPercent"] = tax.DeepClone(),
    };

    private static JsonArray Hours(string day, JsonNode inputs) =>
        new([.. inputs["loadKwHourly"]!.AsArray().Select((kw, hour) =>
            (JsonNode)Load($"{day}T{hour:00}:00:00Z", 60, Text(kw!)))]);

    private static JsonObject Load(string start, int minutes, string kwh) =>
        new() { ["start"] = start, ["minutes"] = minutes, ["importKwh"] = kwh };

    private static string Time(DateTimeOffset at) =>
        at.ToString("yyyy-MM-dd'T'HH:mm:sszzz", CultureInfo.InvariantCulture);

    private static JsonNode Bill(JsonObject tariff, string zone, JsonArray load, JsonArray? sessions = null)
    {
        var asked = new JsonObject { ["tariff"] = tariff.DeepClone(), ["zone"] = zone, ["load"] = load };
        if (sessions is not null) asked["sessions"] = sessions;
        return Calc("bill", asked);
    }

    private static JsonNode Calc(string kind, JsonNode input)
    {
        var (exit, output, errors) = CommandRun.Of(["calc", kind, "--in", "-"], input.ToJsonString());
        exit.ShouldBe(ExitCode.Done, errors);
        return JsonNode.Parse(output)!;
    }

    private static (JsonNode Inputs, JsonNode Expected) Vector(string id)
    {
        var vector = MarketVectors.Case(id);
        return (JsonNode.Parse(vector.GetProperty("inputs").GetRawText())!,
            JsonNode.Parse(vector.GetProperty("expected").GetRawText())!);
    }

    private static string Sample(string name)
    {
        var folder = Environment.GetEnvironmentVariable("LEDGER_SAMPLES");
        if (string.IsNullOrEmpty(folder)) Assert.Skip("sample: set LEDGER_SAMPLES for the market vectors");
        return File.ReadAllText(Path.Combine(folder, "samples", "market-rules", name));
    }

    private static JsonNode Json(string text) => JsonNode.Parse(text)!;
    private static string Text(JsonNode value) =>
        value.GetValueKind() == JsonValueKind.String ? (string)value! : value.ToJsonString();
    private static decimal Number(JsonNode? value) => decimal.Parse(
        Text(value.ShouldNotBeNull()), NumberStyles.Float, CultureInfo.InvariantCulture);
}
