using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Exchange;

/// <summary>
/// What came of an event as a report of OpenADR 3 (3.0.1 and 3.1, object report): of each target that is reached, the
/// settlement periods that lie wholly in the event's intervals. Import and export are what is settled, apart; the
/// baseline is the frozen one of the instruction, and the change against it is import less export less baseline.
/// Energies are kWh of <see cref="FrozenBaselines.KwhDecimals"/> decimals, half to even. What is unknown has no
/// payload, and the quality says so: a missing value is never a zero.
/// </summary>
public static class OpenAdrReports
{
    public static async Task<JsonObject> OfAsync(IJournal journal, Answers answers, OpenAdrEvent happened,
        long position, Instant knownAt, CancellationToken ct)
    {
        var baselines = new Dictionary<(string Point, Interval Period), DeliveredPeriod>();
        foreach (var instruction in happened.Instructions)
            if (answers.Instruction(instruction) is { } seen && await Deliveries.DeriveAsync(
                journal, instruction, position, ct).ConfigureAwait(false) is { } found)
                foreach (var period in ReachedDelivery.Of(found, seen).Periods)
                    baselines[(period.Point.Value, period.Period)] = period;
        var resources = new JsonArray();
        foreach (var target in happened.Targets)
        {
            // Intervals of an event may overlap, and each settlement period is reported once.
            var periods = new SortedDictionary<Instant, MeteredPeriod>();
            foreach (var time in happened.Values.Select(value => value.Period).Distinct())
                foreach (var metered in await MeteredRange.WithinAsync(
                    journal, new(target), time, position, ct).ConfigureAwait(false))
                    periods[metered.Period.Start] = metered;
            var intervals = new JsonArray([.. periods.Values.Select((metered, number) => OpenAdrObjects.Interval(
                number, metered.Period, Payloads(metered, baselines.GetValueOrDefault((target, metered.Period)))))]);
            resources.Add((JsonNode)new JsonObject { ["resourceName"] = target, ["intervals"] = intervals });
        }
        return new()
        {
            ["id"] = happened.Id,
            ["createdDateTime"] = OpenAdrObjects.Time(knownAt),
            ["modificationDateTime"] = OpenAdrObjects.Time(knownAt),
            ["objectType"] = "REPORT",
            ["clientID"] = journal.Ledger.Value,
            ["programID"] = happened.Programme,
            ["eventID"] = happened.Id,
            ["clientName"] = journal.Ledger.Value,
            ["payloadDescriptors"] = new JsonArray([.. Descriptors()]),
            ["resources"] = resources,
        };
    }

    private static IEnumerable<JsonNode> Payloads(MeteredPeriod metered, DeliveredPeriod? delivered)
    {
        if (metered.Import.Metered is { } import)
            yield return OpenAdrObjects.Payload(OpenAdrEventText.Usage, Kwh(import));
        if (metered.Export?.Metered is { } export)
            yield return OpenAdrObjects.Payload(OpenAdrEventText.ExportUsage, Kwh(export));
        if (delivered?.BaselineKwh is { } baseline)
        {
            yield return OpenAdrObjects.Payload(OpenAdrEventText.Baseline, baseline);
            if (delivered.MeteredKwh is { } net)
                yield return OpenAdrObjects.Payload(OpenAdrEventText.DeltaUsage, net - baseline);
        }
        yield return OpenAdrObjects.Payload(OpenAdrEventText.DataQuality, JsonValue.Create(QualityOf(metered.Quality)));
    }

    private static decimal Kwh(Energy energy) => energy.ToDecimalKwh(FrozenBaselines.KwhDecimals);

    /// <summary>Definition, data quality enumerations.</summary>
    private static string QualityOf(ReadingQuality quality) => quality switch
    {
        ReadingQuality.MeasuredSigned or ReadingQuality.Measured => "OK",
        ReadingQuality.Estimated or ReadingQuality.Substituted => "ESTIMATED",
        ReadingQuality.Suspect => "BAD",
        _ => "MISSING",
    };

    /// <summary>What the values of a report are, and what they are measured in.</summary>
    public static IEnumerable<JsonNode> Descriptors() =>
    [
        Descriptor(OpenAdrEventText.Usage, "DIRECT_READ", OpenAdrEventText.KilowattHours),
        Descriptor(OpenAdrEventText.ExportUsage, "DIRECT_READ", OpenAdrEventText.KilowattHours),
        Descriptor(OpenAdrEventText.Baseline, "ESTIMATED", OpenAdrEventText.KilowattHours),
        Descriptor(OpenAdrEventText.DeltaUsage, "ESTIMATED", OpenAdrEventText.KilowattHours),
        Descriptor(OpenAdrEventText.DataQuality, null, null),
    ];

    private static JsonNode Descriptor(string type, string? reading, string? units)
    {
        var descriptor = new JsonObject { ["objectType"] = "REPORT_PAYLOAD_DESCRIPTOR", ["payloadType"] = type };
        if (reading is not null) descriptor["readingType"] = reading;
        if (units is not null) descriptor["units"] = units;
        return descriptor;
    }
}
