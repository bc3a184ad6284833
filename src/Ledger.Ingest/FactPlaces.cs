using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>
/// Whether a fact from which a day is settled stands where it is settled from: in the stream of what it is of, and
/// under the id of its natural key, which no other event has. Elsewhere a view would show it and no statement count it,
/// and under another id a reading could be there twice. An interval record is in the stream of a day of its point, by
/// one of the zones that the point was registered in.
/// </summary>
public sealed class FactPlaces(Findings findings)
{
    /// <summary>How far the rules of a time zone may have put a midnight elsewhere.</summary>
    private static readonly Duration OtherRulesMax = Duration.FromHours(3);

    private readonly Dictionary<SettlementPointId, HashSet<DateTimeZone>> zones = [];
    private long byOtherRules;

    public void Verify(RecordedEvent recorded, LedgerEvent fact)
    {
        if (fact is IntervalRecorded record) Verify(recorded, record);
        else if (StreamOf(fact) is { } stream)
        {
            if (stream != recorded.Envelope.Stream) Add(recorded, $"a fact in the stream {recorded.Envelope.Stream}", stream);
            if (KeyOf(fact) is { } key && EventId.From(recorded.Envelope.ValidFrom, key) is var id
                && id != recorded.Envelope.Id)
                Add(recorded, $"id {recorded.Envelope.Id}", $"{id}, that of {key.Value}");
        }
        if (fact is SettlementPointRegistered point
            && DateTimeZoneProviders.Tzdb.GetZoneOrNull(point.Zone) is { } zone)
        {
            if (!zones.TryGetValue(point.Point, out var known)) zones.Add(point.Point, known = []);
            known.Add(zone);
        }
    }

    private void Verify(RecordedEvent recorded, IntervalRecorded record)
    {
        if (!zones.TryGetValue(record.Point, out var known)) return; // of which the day cannot be said
        foreach (var zone in known)
            if (Streams.Curve(record.Point, SettlementCalendar.DayContaining(zone, record.Period.Start))
                == recorded.Envelope.Stream) return;
        if (known.Any(zone => new[] { -OtherRulesMax, OtherRulesMax }.Any(by => Streams.Curve(record.Point,
            SettlementCalendar.DayContaining(zone, record.Period.Start + by)) == recorded.Envelope.Stream)))
        {
            byOtherRules++;
            return;
        }
        Add(recorded, $"a record in the stream {recorded.Envelope.Stream}", Streams.Curve(record.Point,
            SettlementCalendar.DayContaining(known.First(), record.Period.Start)));
    }

    /// <summary>Says what could not be told.</summary>
    public void Finish()
    {
        if (byOtherRules > 0)
            findings.LeaveOut(string.Create(CultureInfo.InvariantCulture, $"{byOtherRules} interval records within three "
                + $"hours of the day in whose stream they are: by time-zone rules other than {SettlementCalendar.TzdbVersion} they may be of it"));
    }

    private static string? StreamOf(LedgerEvent fact) => fact switch
    {
        SettlementPointRegistered point => Streams.Point(point.Point),
        RegisterInstalled installed => Streams.Register(installed.Register),
        RegisterReadingRecorded reading => Streams.Register(reading.Register),
        RegisterReadingQuarantined held => Streams.Register(held.Register),
        RegisterReadingCorrected correction => Streams.Register(correction.Register),
        IntervalReadingRecorded reading => OfInterval(reading.Register, reading.Period),
        IntervalReadingCorrected correction => OfInterval(correction.Register, correction.Period),
        IntervalEstimated estimate => OfInterval(estimate.Register, estimate.Period),
        MeterKeyRegistered key => Streams.Meter(key.MeterSerial),
        PointPlaced => Streams.StationTree,
        TariffPublished tariff => Streams.Tariff(tariff.Tariff),
        TariffAssigned assigned => Streams.Assignment(assigned.Account),
        _ => null,
    };

    private static string OfInterval(RegisterId register, Interval period) =>
        Streams.IntervalReadings(register, period.Start.InUtc().Date);

    private static EvidenceKey? KeyOf(LedgerEvent fact) => fact switch
    {
        RegisterReadingRecorded reading => Register.ReadingKey(reading.Register, reading.ReadAt),
        RegisterReadingQuarantined held => Register.ReadingKey(held.Register, held.ReadAt),
        IntervalReadingRecorded reading => Register.IntervalKey(reading.Register, reading.Period),
        _ => null,
    };

    private void Add(RecordedEvent recorded, string found, string expected) => findings.Add(
        string.Create(CultureInfo.InvariantCulture, $"position {recorded.Position}, {recorded.Envelope.WireName}"), found,
        expected);
}
