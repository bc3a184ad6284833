using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Ingest;

/// <summary>
/// One reading of a connector's cumulative import register, in steps of 0.001 Wh, at a session's end; the session began
/// at <paramref name="From"/>.
/// </summary>
public sealed record SessionReading(
    string Connector, string Session, Instant From, Instant At, long EnergySteps, long IndexSteps, long PeakMilliwatts);

/// <summary>
/// Charging sessions of the EPFL level-3 data set: a cumulative register for each value of column CCS, which grows by
/// each session's energy, rounded half to even to 0.001 Wh (register decimals 6). The local times name no zone and are
/// read in the zone that the caller gives.
/// </summary>
public static class EpflSessions
{
    /// <summary>Decimals of the register in kWh: 0.001 Wh.</summary>
    public const int RegisterDecimals = 6;

    /// <summary>More than any connector gives in one session, 1 GWh, in steps of 0.001 Wh;
    /// sums of a file then fit.</summary>
    private const long StepsMax = 1_000_000_000_000;

    private static readonly LocalDateTimePattern TimePattern =
        LocalDateTimePattern.CreateWithInvariantCulture("uuuu-MM-dd'T'HH:mm:ss");

    public static bool IsHeader(string line) =>
        line.StartsWith("Session,CCS,Arrival,Departure,", StringComparison.Ordinal);

    /// <summary>Readings in order of departure, then session; ties keep the register's order total. A time that is two
    /// instants in the zone, or none, is refused, and so is one of a clock that nobody set, and a departure before the
    /// arrival.</summary>
    public static Refusal? Read(string text, DateTimeZone zone, out IReadOnlyList<SessionReading> readings) =>
        Read(text, new Clock(zone, IsGuessed: false), out readings);

    /// <summary>The same of evidence. Before such times were refused, the earlier of two instants was taken, and one
    /// that was skipped was moved on by the hour; what was recorded so is read again so.</summary>
    public static Refusal? ReadAgain(string text, DateTimeZone zone, out IReadOnlyList<SessionReading> readings) =>
        Read(text, new Clock(zone, IsGuessed: true), out readings);

    private static Refusal? Read(string text, Clock clock, out IReadOnlyList<SessionReading> readings)
    {
        readings = [];
        var lines = text.Split('\n');
        if (!IsHeader(lines[0]))
            return Refusal.Of(Rejection.UnknownFormat, "sessions: the header is not that of the data set");
        var found = new List<SessionReading>();
        for (var i = 1; i < lines.Length; i++)
        {
            var line = lines[i].TrimEnd('\r');
            if (line.Length == 0) continue;
            var fields = line.Split(',');
            var where = $"sessions line {i + 1}";
            if (fields.Length < 7)
                return Refusal.Of(Rejection.Truncated, $"{where}: {fields.Length} fields, at least 7 are needed");
            if (!Identifier.IsValid(fields[0]))
                return Refusal.Of(Rejection.InvalidIdentifier, $"{where}: Session {IntakeText.Quote(fields[0])}");
            if (!Identifier.IsValid(fields[1]))
                return Refusal.Of(Rejection.InvalidIdentifier, $"{where}: CCS {IntakeText.Quote(fields[1])}");
            if (clock.At("Arrival", fields[2], out var arrival) is { } badArrival)
                return Refusal.Of(Rejection.InvalidTime, $"{where}: {badArrival}");
            if (clock.At("Departure", fields[3], out var departure) is { } badDeparture)
                return Refusal.Of(Rejection.InvalidTime, $"{where}: {badDeparture}");
            if (departure < arrival && !clock.IsGuessed)
                return Refusal.Of(Rejection.InvalidTime, $"{where}: Departure {IntakeText.Quote(fields[3])} is before "
                    + $"Arrival {IntakeText.Quote(fields[2])}");
            if (IntakeText.Scale(fields[5], 3, out var steps, out _) is { } bad)
                return IntakeText.BadNumber(bad, $"{where}: Energy (Wh)", fields[5]);
            if (steps < 0)
                return Refusal.Of(Rejection.NegativeEnergy, $"{where}: Energy (Wh) {IntakeText.Quote(fields[5])}");
            if (steps > StepsMax) return IntakeText.BadNumber(Rejection.OutOfRange, $"{where}: Energy (Wh)", fields[5]);
            if (IntakeText.Scale(fields[6], 3, out var peak, out _) is { } badPeak)
                return IntakeText.BadNumber(badPeak, $"{where}: Pmax (W)", fields[6]);
            found.Add(new SessionReading(fields[1], fields[0], arrival, departure, steps, 0, peak));
        }
        if (found.Count == 0) return Refusal.Of(Rejection.EmptyInput, "sessions: no row after the header");
        readings = Accumulate(found);
        return null;
    }

    /// <summary>The clock on a wall of the zone.</summary>
    /// <param name="IsGuessed">Whether a time that is two instants or none is taken as one all the same.</param>
    private readonly record struct Clock(DateTimeZone Zone, bool IsGuessed)
    {
        /// <summary>What is wrong with a local time; null where it is one instant.</summary>
        public string? At(string field, string text, out Instant at)
        {
            at = default;
            if (TimePattern.Parse(text) is not { Success: true, Value: var local })
                return $"{field} {IntakeText.Quote(text)} is no local time as 2022-04-13T12:00:00";
            if (!IsGuessed && !MeasuredTime.Has(local.Year))
                return $"{field} {IntakeText.Quote(text)} is {MeasuredTime.Rule}";
            var mapping = Zone.MapLocal(local);
            if (mapping.Count != 1 && !IsGuessed)
                return $"{field} {IntakeText.Quote(text)} is {(mapping.Count == 0 ? "no instant" : "two instants")} in "
                    + $"{Zone.Id}, where the clock changes: it must be one";
            at = local.InZoneLeniently(Zone).ToInstant();
            return null;
        }
    }

    private static List<SessionReading> Accumulate(List<SessionReading> sessions)
    {
        var index = new Dictionary<string, long>();
        var readings = new List<SessionReading>(sessions.Count);
        foreach (var session in sessions.OrderBy(s => s.At).ThenBy(s => s.Session, StringComparer.Ordinal))
        {
            var reached = index.GetValueOrDefault(session.Connector) + session.EnergySteps;
            index[session.Connector] = reached;
            readings.Add(session with { IndexSteps = reached });
        }
        return readings;
    }
}
