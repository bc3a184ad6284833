using System.Collections.Concurrent;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// How rows of a settlement point are named by the views that most facts change. The texts are the same for ever, so
/// they are made once for all facts of a point and kept, up to a bound.
/// </summary>
internal sealed class PointKeys
{
    private const int PointsMax = 16_384; // a kilobyte each
    private static readonly ConcurrentDictionary<string, PointKeys> Known = new(StringComparer.Ordinal);

    private readonly string point;
    private DayKeys? recent; // the day that was asked for last: facts come in order of time

    private PointKeys(string point)
    {
        this.point = point;
        (Point, Rated) = ($"point|{point}", $"rated|{point}");
        (Periods, Checks, Records) = ($"period|{point}|", $"check|{point}|", $"record|{point}|");
        (Aims, Facts, States) = ($"aim|{point}|", $"fact|{point}|", $"state|{point}|");
        Registers = [.. ((Direction[])[Direction.Import, Direction.Export])
            .Select(direction => new RegisterKeys(new(new(point), direction)))];
    }

    public static PointKeys Of(SettlementPointId point)
    {
        if (Known.TryGetValue(point.Value, out var keys)) return keys;
        if (Known.Count >= PointsMax) Known.Clear();
        return Known.GetOrAdd(point.Value, name => new(name));
    }

    public RowKey Point { get; }
    public RowKey Rated { get; }

    /// <summary>Series by the start of a period.</summary>
    public string Periods { get; }
    /// <inheritdoc cref="Periods"/>
    public string Checks { get; }
    /// <inheritdoc cref="Periods"/>
    public string Records { get; }

    /// <summary>Series by an end, so that what is long past is not read.</summary>
    public string Aims { get; }
    /// <inheritdoc cref="Aims"/>
    public string Facts { get; }
    /// <inheritdoc cref="Aims"/>
    public string States { get; }

    /// <summary>Import and export.</summary>
    public RegisterKeys[] Registers { get; }

    public RegisterKeys Of(Direction direction) => Registers[direction == Direction.Import ? 0 : 1];

    /// <summary>The settlement day of an instant.</summary>
    /// <param name="station">At which the point is now.</param>
    public DayKeys DayOf(string zone, string station, Instant at) =>
        recent is { } known && known.Day.Zone == zone && known.Station == station && known.Day.Edges.Contains(at)
            ? known
            : recent = DayOf(SettlementDay.Containing(zone, at), station);

    public DayKeys DayOf(SettlementDay day, string station) => new(day, point, station);
}

/// <summary>A settlement day of a point, and how its rows are named.</summary>
internal sealed class DayKeys(SettlementDay day, string point, string station)
{
    private readonly RowKey ofStation = $"station|{day.Name}|{station}";

    public SettlementDay Day => day;
    public string Point => point;
    public string Station => station;
    public RowKey OfPoint { get; } = $"day|{day.Name}|{point}";

    /// <summary>The key of a station's row of that day.</summary>
    /// <param name="name">Mostly the point's own; another one where the point has been moved.</param>
    public RowKey OfStation(string name) => name == station ? ofStation : $"station|{day.Name}|{name}";
}

/// <summary>How rows of a register are named: series by the instant of a reading or of an installation.</summary>
internal sealed class RegisterKeys(RegisterId register)
{
    public RegisterId Register => register;
    public string Readings { get; } = $"reading|{register}|";
    public string Installed { get; } = $"register|{register}|";

    public RowKey Reading(Instant at) => new(Readings, at);
}
