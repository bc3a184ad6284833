using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Ingest;

/// <summary>One reading of a connector's cumulative import register, in steps of 0.001 Wh, at a session's end.</summary>
public sealed record SessionReading(string Connector, string Session, Instant At, long EnergySteps, long IndexSteps);

/// <summary>
/// Charging sessions of the EPFL level-3 data set: a cumulative register for each value of column CCS, which grows by
/// each session's energy, rounded half to even to 0.001 Wh (register decimals 6). The local times name no zone and are
/// read in the zone that the caller gives.
/// </summary>
public static class EpflSessions
{
    /// <summary>Decimals of the register in kWh: 0.001 Wh.</summary>
    public const int RegisterDecimals = 6;

    private static readonly LocalDateTimePattern TimePattern = LocalDateTimePattern.CreateWithInvariantCulture("uuuu-MM-dd'T'HH:mm:ss");

    public static bool IsHeader(string line) => line.StartsWith("Session,CCS,Arrival,Departure,", StringComparison.Ordinal);

    /// <summary>Readings in order of departure, then session; ties keep the register's order total.</summary>
    public static Refusal? Read(string text, DateTimeZone zone, out IReadOnlyList<SessionReading> readings)
    {
        readings = [];
        var lines = text.Split('\n');
        if (!IsHeader(lines[0])) return Refusal.Of(Rejection.UnknownFormat, "sessions: the header is not that of the data set");
        var found = new List<(string Connector, string Session, LocalDateTime At, long Steps)>();
        for (var i = 1; i < lines.Length; i++)
        {
            var line = lines[i].TrimEnd('\r');
            if (line.Length == 0) continue;
            var fields = line.Split(',');
            var where = $"sessions line {i + 1}";
            if (fields.Length < 6) return Refusal.Of(Rejection.Truncated, $"{where}: {fields.Length} fields, at least 6 are needed");
            if (!Identifier.IsValid(fields[0])) return Refusal.Of(Rejection.InvalidIdentifier, $"{where}: Session {IntakeText.Quote(fields[0])}");
            if (!Identifier.IsValid(fields[1])) return Refusal.Of(Rejection.InvalidIdentifier, $"{where}: CCS {IntakeText.Quote(fields[1])}");
            if (TimePattern.Parse(fields[3]) is not { Success: true } departure)
                return Refusal.Of(Rejection.InvalidTime, $"{where}: Departure {IntakeText.Quote(fields[3])}");
            if (IntakeText.Scale(fields[5], 3, out var steps, out _) is { } bad) return IntakeText.BadNumber(bad, $"{where}: Energy (Wh)", fields[5]);
            if (steps < 0) return Refusal.Of(Rejection.NegativeEnergy, $"{where}: Energy (Wh) {IntakeText.Quote(fields[5])}");
            found.Add((fields[1], fields[0], departure.Value, steps));
        }
        if (found.Count == 0) return Refusal.Of(Rejection.EmptyInput, "sessions: no row after the header");
        readings = Accumulate(found, zone);
        return null;
    }

    private static List<SessionReading> Accumulate(
        List<(string Connector, string Session, LocalDateTime At, long Steps)> sessions, DateTimeZone zone)
    {
        var index = new Dictionary<string, long>();
        var readings = new List<SessionReading>(sessions.Count);
        foreach (var session in sessions.OrderBy(s => s.At).ThenBy(s => s.Session, StringComparer.Ordinal))
        {
            var reached = index.GetValueOrDefault(session.Connector) + session.Steps;
            index[session.Connector] = reached;
            readings.Add(new SessionReading(
                session.Connector, session.Session, session.At.InZoneLeniently(zone).ToInstant(), session.Steps, reached));
        }
        return readings;
    }
}
