using System.Globalization;
using System.Text;
using System.Xml;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Api.Exchange;

/// <summary>Whose usage a feed is, and as known when.</summary>
/// <param name="Days">The settlement days in order; they are read twice, first to choose the units.</param>
public sealed record GreenButtonQuestion(
    SettlementPointId Point, PartyId Owner, string Zone, int PeriodMinutes, LocalDate From, LocalDate To,
    Instant KnownAt, Func<IAsyncEnumerable<MeteredDayOfPoint>> Days);

/// <summary>
/// Usage of a settlement point as a Green Button feed (NAESB REQ.21 ESPI, usage schema 3.3, in an Atom feed): a usage
/// point, the parameters of its local time, and for each direction a reading type, a meter reading and a block of
/// intervals a settlement day. A period of which nothing is known is left out. The feed is written day by day, so its
/// length needs no memory.
/// </summary>
public static class GreenButtonFeed
{
    private const string Atom = "http://www.w3.org/2005/Atom", Espi = "http://naesb.org/espi";
    private const string Resources = "/espi/1_1/resource";

    // ESPI: QualityOfReading, FlowDirectionKind, and what else of a reading type is the same for all.
    private const int Valid = 0, Edited = 7, Estimated = 8, Questionable = 10, RevenueQuality = 19;
    private const int Forward = 1, Reverse = 19;
    private static readonly (string Name, int Value)[] Energies =
        [("accumulationBehaviour", 4), ("commodity", 1), ("dataQualifier", 12)];

    private sealed record Reading(Direction Direction, string Name, int Flow, GreenButtonScale Scale);

    public static async Task WriteAsync(Stream to, GreenButtonQuestion asked, CancellationToken ct)
    {
        Reading[] both = [new(Direction.Import, "import", Forward, new()), new(Direction.Export, "export", Reverse, new())];
        await foreach (var day in asked.Days().WithCancellation(ct).ConfigureAwait(false))
            foreach (var reading in both)
                foreach (var energy in day.Periods.Select(period => Of(period, reading)?.Metered).OfType<Energy>())
                    reading.Scale.See(energy);
        var readings = both.Where(reading => reading.Scale.HasValues).ToList();
        using var page = new MemoryStream();
        using var xml = XmlWriter.Create(page, new XmlWriterSettings
        {
            Encoding = new UTF8Encoding(false),
            Indent = true,
            NewLineChars = "\n",
        });
        WriteHead(xml, asked, readings);
        await foreach (var day in asked.Days().WithCancellation(ct).ConfigureAwait(false))
        {
            foreach (var reading in readings) WriteBlock(xml, asked, reading, day);
            await SendAsync().ConfigureAwait(false);
        }
        xml.WriteEndElement();
        await SendAsync().ConfigureAwait(false);

        async Task SendAsync()
        {
            xml.Flush();
            await to.WriteAsync(page.GetBuffer().AsMemory(0, (int)page.Length), ct).ConfigureAwait(false);
            page.SetLength(0);
        }
    }

    private static void WriteHead(XmlWriter xml, GreenButtonQuestion asked, IReadOnlyList<Reading> readings)
    {
        var (usage, local) = (UsagePointOf(asked), $"{Resources}/LocalTimeParameters/{Escaped(asked.Zone)}");
        xml.WriteStartElement("feed", Atom);
        var about = $"{asked.Point} {LocalDatePattern.Iso.Format(asked.From)}/{LocalDatePattern.Iso.Format(asked.To)}";
        Element(xml, "id", $"urn:uuid:{NamedUuid.Of($"green button {about} {asked.KnownAt}")}");
        Element(xml, "title", $"Green Button usage of {about}");
        var rounded = readings.Where(reading => !reading.Scale.IsExact).Select(reading =>
            $"{reading.Name} is rounded to 10^{reading.Scale.Exponent} Wh, the rest carried to the next reading").ToList();
        if (rounded.Count > 0) Element(xml, "subtitle", string.Join("; ", rounded));
        Element(xml, "updated", Time(asked.KnownAt));
        Link(xml, "self", $"{usage}/MeterReading");
        WriteEntry(xml, asked, usage, $"Usage point {asked.Point}",
            [local, .. readings.Select(reading => MeterReadingOf(asked, reading))], () =>
            {
                xml.WriteStartElement("UsagePoint", Espi);
                xml.WriteStartElement("ServiceCategory", Espi);
                Number(xml, "kind", 0); // electricity
                xml.WriteEndElement();
                xml.WriteEndElement();
            });
        WriteEntry(xml, asked, local, $"Local time of {asked.Zone}", [], () => WriteLocalTime(xml, asked));
        foreach (var reading in readings)
        {
            WriteEntry(xml, asked, MeterReadingOf(asked, reading), $"Energy {reading.Name} of {asked.Point}",
                [ReadingTypeOf(asked, reading), $"{MeterReadingOf(asked, reading)}/IntervalBlock"], () =>
                {
                    xml.WriteStartElement("MeterReading", Espi);
                    xml.WriteEndElement();
                });
            WriteEntry(xml, asked, ReadingTypeOf(asked, reading), $"Type of energy {reading.Name}", [],
                () => WriteReadingType(xml, asked, reading));
        }
    }

    private static void WriteLocalTime(XmlWriter xml, GreenButtonQuestion asked)
    {
        var rule = DaylightRule.Of(DateTimeZoneProviders.Tzdb[asked.Zone], asked.From.Year);
        xml.WriteStartElement("LocalTimeParameters", Espi);
        xml.WriteElementString("dstEndRule", Espi, rule.End);
        Number(xml, "dstOffset", rule.SummerSeconds);
        xml.WriteElementString("dstStartRule", Espi, rule.Start);
        Number(xml, "tzOffset", rule.StandardSeconds);
        xml.WriteEndElement();
    }

    private static void WriteReadingType(XmlWriter xml, GreenButtonQuestion asked, Reading reading)
    {
        xml.WriteStartElement("ReadingType", Espi);
        foreach (var (name, value) in Energies) Number(xml, name, value);
        Number(xml, "flowDirection", reading.Flow);
        Number(xml, "intervalLength", asked.PeriodMinutes * 60);
        Number(xml, "kind", 12); // energy
        Number(xml, "phase", 0); // not applicable: all phases together
        Number(xml, "powerOfTenMultiplier", reading.Scale.Exponent);
        Number(xml, "timeAttribute", 0); // none
        Number(xml, "uom", 72); // Wh
        xml.WriteEndElement();
    }

    private static void WriteBlock(
        XmlWriter xml, GreenButtonQuestion asked, Reading reading, MeteredDayOfPoint day)
    {
        var known = day.Periods.Select(period => Of(period, reading)).OfType<MeteredQuantity>()
            .Where(quantity => quantity.Metered is not null).ToList();
        if (known.Count == 0) return;
        var from = LocalDatePattern.Iso.Format(
            SettlementCalendar.DayContaining(DateTimeZoneProviders.Tzdb[asked.Zone], day.Whole.Start));
        WriteEntry(xml, asked, $"{MeterReadingOf(asked, reading)}/IntervalBlock/{from}", from, [], () =>
        {
            xml.WriteStartElement("IntervalBlock", Espi);
            WriteTime(xml, "interval", day.Whole);
            foreach (var quantity in known)
            {
                xml.WriteStartElement("IntervalReading", Espi);
                xml.WriteStartElement("ReadingQuality", Espi);
                Number(xml, "quality", QualityOf(quantity.Quality));
                xml.WriteEndElement();
                WriteTime(xml, "timePeriod", quantity.Period);
                Number(xml, "value", reading.Scale.Next(quantity.Metered!.Value));
                xml.WriteEndElement();
            }
            xml.WriteEndElement();
        });
    }

    private static void WriteEntry(XmlWriter xml, GreenButtonQuestion asked, string self, string title,
        IEnumerable<string> related, Action content)
    {
        xml.WriteStartElement("entry", Atom);
        Element(xml, "id", $"urn:uuid:{NamedUuid.Of($"green button {self}")}");
        Link(xml, "self", self);
        Link(xml, "up", self[..self.LastIndexOf('/')]);
        foreach (var other in related) Link(xml, "related", other);
        Element(xml, "title", title);
        xml.WriteStartElement("content", Atom);
        content();
        xml.WriteEndElement();
        Element(xml, "published", Time(asked.KnownAt));
        Element(xml, "updated", Time(asked.KnownAt));
        xml.WriteEndElement();
    }

    private static void WriteTime(XmlWriter xml, string name, Interval time)
    {
        xml.WriteStartElement(name, Espi);
        Number(xml, "duration", (long)time.Duration.TotalSeconds);
        Number(xml, "start", time.Start.ToUnixTimeSeconds());
        xml.WriteEndElement();
    }

    private static MeteredQuantity? Of(MeteredPeriod period, Reading reading) =>
        reading.Direction == Direction.Import ? period.Import : period.Export;

    private static int QualityOf(ReadingQuality quality) => quality switch
    {
        ReadingQuality.MeasuredSigned => RevenueQuality,
        ReadingQuality.Measured => Valid,
        ReadingQuality.Estimated => Estimated,
        ReadingQuality.Substituted => Edited,
        _ => Questionable,
    };

    private static string UsagePointOf(GreenButtonQuestion asked) =>
        $"{Resources}/RetailCustomer/{Escaped(asked.Owner.Value)}/UsagePoint/{Escaped(asked.Point.Value)}";

    private static string MeterReadingOf(GreenButtonQuestion asked, Reading reading) =>
        $"{UsagePointOf(asked)}/MeterReading/{reading.Name}";

    private static string ReadingTypeOf(GreenButtonQuestion asked, Reading reading) =>
        $"{Resources}/ReadingType/{Escaped(asked.Point.Value)}-{reading.Name}";

    private static string Escaped(string name) => Uri.EscapeDataString(name);

    private static string Time(Instant at) => InstantPattern.ExtendedIso.Format(at);

    private static void Element(XmlWriter xml, string name, string text) => xml.WriteElementString(name, Atom, text);

    private static void Number(XmlWriter xml, string name, long value) =>
        xml.WriteElementString(name, Espi, value.ToString(CultureInfo.InvariantCulture));

    private static void Link(XmlWriter xml, string relation, string href)
    {
        xml.WriteStartElement("link", Atom);
        xml.WriteAttributeString("rel", relation);
        xml.WriteAttributeString("href", href);
        xml.WriteEndElement();
    }
}
