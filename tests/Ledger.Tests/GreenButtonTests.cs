using System.Globalization;
using System.Xml;
using System.Xml.Linq;
using System.Xml.Schema;
using CsCheck;
using Ledger.Api.Exchange;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A Green Button feed says what is settled of a point, in units in which it is whole, in the order and with
/// the names of its schema.</summary>
public sealed class GreenButtonTests
{
    private static readonly XNamespace Atom = "http://www.w3.org/2005/Atom", Espi = "http://naesb.org/espi";

    private static async Task<(string Text, XElement Feed)> FeedAsync(ExchangeTown town, string path)
    {
        var answer = await town.Served.GetAsync(path);
        (answer.Status, answer.Media).ShouldBe((200, "application/atom+xml"), answer.Text);
        return (answer.Text, XDocument.Parse(answer.Text).Root!);
    }

    [Fact]
    public async Task A_day_of_a_call_is_a_block_of_its_hours()
    {
        await using var town = await ExchangeTown.CalledAsync();
        var (text, feed) = await FeedAsync(town, "/v1/green-button?point=C1&from=2026-02-27&to=2026-02-27");
        Snapshot.Match(text, "GreenButtonTests.feed");
        var readings = feed.Descendants(Espi + "IntervalReading").ToList();
        readings.Count.ShouldBe(24);
        readings.Sum(reading => (long)reading.Element(Espi + "value")!).ShouldBe((22 * 100_000) + (2 * 20_000));
        // 18:00 in Shanghai.
        var first = readings.First(reading => (long)reading.Element(Espi + "value")! == 20_000);
        ((long)first.Element(Espi + "timePeriod")!.Element(Espi + "start")!)
            .ShouldBe(Instant.FromUtc(2026, 2, 27, 10, 0).ToUnixTimeSeconds());
    }

    [Fact]
    public async Task Every_entry_names_others_that_are_there()
    {
        await using var town = await ExchangeTown.CalledAsync();
        // More than a month, whose days are read in two parts.
        var (_, feed) = await FeedAsync(town, "/v1/green-button?point=C1&from=2026-01-25&to=2026-02-28");
        var entries = feed.Elements(Atom + "entry").ToList();
        string? Link(XElement entry, string relation) => entry.Elements(Atom + "link")
            .FirstOrDefault(link => (string)link.Attribute("rel")! == relation)?.Attribute("href")!.Value;
        var own = entries.Select(entry => Link(entry, "self")!).ToList();
        own.Distinct().Count().ShouldBe(own.Count);
        entries.Select(entry => (string)entry.Element(Atom + "id")!).Distinct().Count().ShouldBe(entries.Count);
        var blocks = own.Where(link => link.Contains("/IntervalBlock/", StringComparison.Ordinal)).ToList();
        blocks.Count.ShouldBe(6); // 28 February was not metered
        foreach (var related in entries.SelectMany(entry => entry.Elements(Atom + "link"))
            .Where(link => (string)link.Attribute("rel")! == "related").Select(link => link.Attribute("href")!.Value))
            (own.Contains(related) || blocks.Any(block => block.StartsWith(related + "/", StringComparison.Ordinal)))
                .ShouldBeTrue(related);
    }

    [Fact]
    public async Task The_same_position_gives_the_same_feed_for_ever()
    {
        await using var town = await ExchangeTown.CalledAsync();
        var known = town.Served.Ledger.Journal.Length - 1;
        var path = $"/v1/green-button?point=C1&from=2026-02-27&to=2026-02-27&asOf={known.ToString(CultureInfo.InvariantCulture)}";
        var before = (await FeedAsync(town, path)).Text;
        await town.ImportAsync("""{"type":"register-reading-correction","point":"C1","direction":"import","readAt":"2026-02-27T11:00:00Z","supersedes":1,"indexSteps":13821000,"reason":"misread"}""");
        (await FeedAsync(town, path)).Text.ShouldBe(before);
        (await FeedAsync(town, path.Split("&asOf")[0])).Text.ShouldNotBe(before);
    }

    /// <summary>A curve with a hole proves no hour: whoever is handed a number cannot see what it leaves out.</summary>
    [Fact]
    public async Task An_hour_that_is_not_wholly_known_is_left_out()
    {
        await using var town = await ExchangeTown.StartAsync();
        await town.ConnectorAsync("C3");
        var minutes = Enumerable.Range(0, 31).Concat(Enumerable.Range(60, 61)).Select(minute =>
            $"2026-02-27T{(10 + (minute / 60)).ToString("D2", CultureInfo.InvariantCulture)}:{(minute % 60).ToString("D2", CultureInfo.InvariantCulture)}:00Z,60");
        (await town.Served.PostAsync("/v1/curves?point=C3", "time,kw\n" + string.Join('\n', minutes) + "\n"))
            .Status.ShouldBe(201);
        var (_, feed) = await FeedAsync(town, "/v1/green-button?point=C3&from=2026-02-27&to=2026-02-27");
        var reading = feed.Descendants(Espi + "IntervalReading").Single();
        ((long)reading.Element(Espi + "value")!, (long)reading.Element(Espi + "timePeriod")!.Element(Espi + "start")!)
            .ShouldBe((60_000, Instant.FromUtc(2026, 2, 27, 11, 0).ToUnixTimeSeconds()));
    }

    [Theory]
    [InlineData("point=C1&from=2026-02-27", 400)]
    [InlineData("point=C1&from=2026-02-27&to=2026-02-26", 400)]
    [InlineData("point=C1&from=2020-01-01&to=2026-02-26", 400)]
    [InlineData("point=C9&from=2026-02-27&to=2026-02-27", 404)]
    public async Task A_wrong_question_is_refused(string query, int status)
    {
        await using var town = await ExchangeTown.StartAsync();
        (await town.Served.GetAsync($"/v1/green-button?{query}")).Status.ShouldBe(status);
    }

    private static MeteredDayOfPoint Day(int day, params Energy?[] hours)
    {
        var start = Instant.FromUtc(2026, 1, 1, 0, 0) + Duration.FromDays(day);
        MeteredQuantity Of(Direction direction, int hour, Energy? energy, ReadingQuality quality) => new(new("C1"),
            direction, new(start + Duration.FromHours(hour), start + Duration.FromHours(hour + 1)), energy, "", quality);
        return new(new(start, start + Duration.FromDays(1)), 60, [.. hours.Select((energy, hour) => new MeteredPeriod(
            Of(Direction.Import, hour, energy,
                energy is null ? ReadingQuality.Missing : (ReadingQuality)(1 + (hour % 5))),
            Of(Direction.Export, hour, Energy.FromWattHours(hour), ReadingQuality.Measured)))]);
    }

    private static GreenButtonQuestion Asked(Func<IAsyncEnumerable<MeteredDayOfPoint>> days) => new(new("C1"), new("cpo"),
        "Etc/UTC", 60, new(2026, 1, 1), new(2026, 1, 2), Instant.FromUtc(2026, 2, 1, 0, 0), days);

    private static async Task<XElement> WrittenAsync(params MeteredDayOfPoint[] days)
    {
        using var feed = new MemoryStream();
        await GreenButtonFeed.WriteAsync(
            feed, Asked(() => days.ToAsyncEnumerable()), TestContext.Current.CancellationToken);
        feed.Position = 0;
        return XDocument.Load(feed).Root!;
    }

    /// <summary>A ninth of a watt-hour is whole in no unit: the sum is right to a µWh, and the feed says that it
    /// rounds.</summary>
    [Fact]
    public async Task What_is_whole_in_no_unit_is_rounded_and_says_so()
    {
        var ninth = new Energy(Energy.HalfNanojoulesPerWattHour / 9);
        var feed = await WrittenAsync(Day(0, ninth, ninth, null, ninth, Energy.Zero));
        feed.Element(Atom + "subtitle")!.Value.ShouldBe("import is rounded to 10^-6 Wh, the rest carried to the next reading");
        var types = feed.Descendants(Espi + "ReadingType").ToList();
        types.Select(type => (string)type.Element(Espi + "powerOfTenMultiplier")!).ShouldBe(["-6", "0"]);
        types.Select(type => (string)type.Element(Espi + "flowDirection")!).ShouldBe(["1", "19"]);
        var blocks = feed.Descendants(Espi + "IntervalBlock").ToList();
        blocks[0].Elements(Espi + "IntervalReading").Select(reading => (string)reading.Element(Espi + "value")!)
            .ShouldBe(["111111", "111111", "111111", "0"]);
        blocks[0].Elements(Espi + "IntervalReading").Select(reading =>
            (string)reading.Element(Espi + "ReadingQuality")!.Element(Espi + "quality")!).ShouldBe(["19", "0", "7", "10"]);
        blocks[1].Elements(Espi + "IntervalReading").Select(reading => (string)reading.Element(Espi + "value")!)
            .ShouldBe(["0", "1", "2", "3", "4"]);
        (await WrittenAsync(Day(0, Energy.FromWattHours(7)))).Element(Atom + "subtitle").ShouldBeNull();
    }

    [Fact]
    public void The_unit_is_the_coarsest_in_which_all_are_whole_and_the_largest_fits()
    {
        const long milli = Energy.HalfNanojoulesPerWattHour / 1000;
        int Exponent(bool exact, params Energy[] energies)
        {
            var scale = new GreenButtonScale();
            foreach (var energy in energies) scale.See(energy);
            scale.IsExact.ShouldBe(exact);
            return scale.Exponent;
        }
        Exponent(true, Energy.FromWattHours(5), Energy.Zero).ShouldBe(0);
        Exponent(true, Energy.FromWattHours(5), new Energy(milli)).ShouldBe(-3);
        Exponent(true, new Energy(milli / 1000)).ShouldBe(-6);
        Exponent(false, new Energy(1)).ShouldBe(-6);
        // A gigawatt-hour and a µWh do not fit 48 bits together.
        Exponent(false, Energy.FromWattHours(1_000_000_000), new Energy(milli / 1000)).ShouldBe(-3);
        Exponent(true, Energy.FromWattHours(140_737_488_355_328)).ShouldBe(0);
    }

    /// <summary>Law: rounded readings are never below zero, nothing stays nothing, and they sum to the energies to less
    /// than a unit.</summary>
    [Fact]
    public void Rounded_readings_sum_to_the_energies() =>
        Gen.Long[0, 40_000_000_000_000_000].Array[1, 50].Sample(amounts =>
        {
            var energies = amounts.Select(amount => new Energy(amount)).Append(Energy.Zero).ToList();
            var scale = new GreenButtonScale();
            foreach (var energy in energies) scale.See(energy);
            var unit = Energy.HalfNanojoulesPerWattHour
                / (scale.Exponent switch { 0 => 1, -3 => 1000, _ => 1_000_000 });
            var values = energies.ConvertAll(scale.Next);
            values.Where(value => value < 0).ShouldBeEmpty();
            values[^1].ShouldBe(0);
            var left = energies.Aggregate((Int128)0, (sum, energy) => sum + energy.HalfNanojoules)
                - ((Int128)values.Sum() * unit);
            (Int128.Abs(left) * 2 <= unit).ShouldBeTrue();
            if (scale.IsExact) left.ShouldBe(Int128.Zero);
        }, iter: LongRun.Samples);

    /// <summary>A day is sent before the next one is read: a long range needs no more memory than a short one.
    /// </summary>
    [Fact]
    public async Task Days_are_written_as_they_are_read()
    {
        using var feed = new MemoryStream();
        var lengths = new List<long>();
        async IAsyncEnumerable<MeteredDayOfPoint> Days()
        {
            for (var day = 0; day < 400; day++)
            {
                lengths.Add(feed.Length);
                yield return Day(day, Energy.FromWattHours(day), Energy.Zero);
                await Task.Yield();
            }
        }
        await GreenButtonFeed.WriteAsync(feed, Asked(Days), TestContext.Current.CancellationToken);
        lengths.Take(400).ShouldAllBe(length => length == 0); // the first reading chooses the units
        lengths[401].ShouldBeGreaterThan(0);
        lengths.Skip(401).Zip(lengths.Skip(402)).ShouldAllBe(pair => pair.Second > pair.First);
    }

    /// <summary>The rules of North America are those of the published samples; Europe changes on last Sundays.
    /// </summary>
    [Theory]
    [InlineData("America/New_York", 2012, -18000, 3600, "360E2000", "B40E2000")]
    [InlineData("Europe/Berlin", 2026, 3600, 3600, "3E0E2000", "AE0E3000")]
    [InlineData("Australia/Sydney", 2026, 36000, 3600, "A40E2000", "440E3000")]
    [InlineData("Europe/Dublin", 2026, 0, 3600, "3E0E1000", "AE0E2000")]
    [InlineData("Asia/Shanghai", 2026, 28800, 0, "00000000", "00000000")]
    public void Local_time_is_as_the_zone_has_it(
        string zone, int year, long standard, long summer, string start, string end) =>
        DaylightRule.Of(DateTimeZoneProviders.Tzdb[zone], year).ShouldBe(new(standard, summer, start, end));

    /// <summary>Against NAESB's schema where it lies beside the samples.</summary>
    [Fact]
    public async Task The_feed_is_valid_by_its_schema()
    {
        var schema = SchemaFile.Of("greenbutton", "usage.xsd", "espiDerived.xsd");
        await using var town = await ExchangeTown.CalledAsync();
        var (text, _) = await FeedAsync(town, "/v1/green-button?point=C1&from=2026-02-22&to=2026-02-28");
        var set = new XmlSchemaSet();
        set.Add(Espi.NamespaceName, schema);
        var contents = XDocument.Parse(text).Descendants(Atom + "content").Select(content => content.Elements().Single()).ToList();
        contents.Count.ShouldBeGreaterThan(8);
        foreach (var content in contents)
        {
            var faults = new List<string>();
            new XDocument(new XElement(content)).Validate(set, (_, fault) => faults.Add(fault.Message));
            faults.ShouldBeEmpty(content.ToString());
        }
    }
}

/// <summary>Other people's schemas, which are not in this repository.</summary>
internal static class SchemaFile
{
    /// <summary>The first of these files in a folder of the samples; without it the test is skipped.</summary>
    public static string Of(string folder, params string[] names)
    {
        var root = Environment.GetEnvironmentVariable("LEDGER_SAMPLES");
        var found = names.Select(name => System.IO.Path.Combine(root ?? "", "samples", folder, name)).FirstOrDefault(File.Exists);
        if (string.IsNullOrEmpty(root) || found is null)
            Assert.Skip($"schema: {names[0]} of its publisher is looked for in LEDGER_SAMPLES/samples/{folder}");
        return found!;
    }
}
