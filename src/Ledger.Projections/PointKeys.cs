using Ledger.Domain;
using NodaTime;
using static Ledger.Projections.VerifiedExport;

namespace Ledger.Projections;

/// <summary>
/// The points of which somebody folds facts, with the names of their rows: a point is looked up once for a fact, and
/// its rows and series are found through it.
/// </summary>
internal sealed class KnownPoints
{
    private const int PointsMax = 16_384; // a kilobyte each
    private readonly Dictionary<string, PointKeys> known = new(StringComparer.Ordinal);
    private PointKeys? recent; // facts of a point come together: its readings, and then its record

    public PointKeys Of(SettlementPointId point)
    {
        if (recent?.Name == point.Value) return recent;
        if (known.TryGetValue(point.Value, out var keys)) return recent = keys;
        if (known.Count >= PointsMax) known.Clear();
        return known[point.Value] = recent = new(point.Value);
    }
}

/// <summary>
/// How rows of a settlement point are named by the views that most facts change. The texts are the same for ever, so
/// they are made once for all facts of a point.
/// </summary>
internal sealed class PointKeys
{
    private DayKeys? recent; // the day that was asked for last: facts come in order of time

    public PointKeys(string point)
    {
        Name = point;
        (Point, Rated) = ($"point|{point}", $"rated|{point}");
        (Periods, Checks, Records) = ($"period|{point}|", $"check|{point}|", $"record|{point}|");
        (Aims, Facts, States) = ($"aim|{point}|", $"fact|{point}|", $"state|{point}|");
        (Import, Export) = (new(new(new(point), Direction.Import)), new(new(new(point), Direction.Export)));
    }

    /// <summary>The point's own.</summary>
    public string Name { get; }
    public RowKey Point { get; }
    public RowKey Rated { get; }

    /// <summary>Series by the start of a period.</summary>
    public RowName Periods { get; }
    /// <inheritdoc cref="Periods"/>
    public RowName Checks { get; }
    /// <inheritdoc cref="Periods"/>
    public RowName Records { get; }

    /// <summary>Series by an end, so that what is long past is not read.</summary>
    public RowName Aims { get; }
    /// <inheritdoc cref="Aims"/>
    public RowName Facts { get; }
    /// <inheritdoc cref="Aims"/>
    public RowName States { get; }

    public RegisterKeys Import { get; }
    public RegisterKeys Export { get; }

    public RegisterKeys Of(Direction direction) => direction == Direction.Import ? Import : Export;

    /// <summary>The settlement day of an instant, by the master data in force at its start: a change within a day
    /// holds from the next day on.</summary>
    /// <param name="point">With all its versions.</param>
    public DayKeys DayOf(PointRow point, Instant at)
    {
        var place = PlaceOn(point, at);
        return recent is { } known && known.Place == place && known.Day.Edges.Contains(at) ? known
            : recent = new(SettlementDay.Containing(place.Zone, at), Name, place);
    }

    /// <summary>The day that a period was put into when it came first; else the day of its start.</summary>
    /// <param name="first">Null where it was put into none.</param>
    public DayKeys DayOf(PointRow point, string? first, Instant start)
    {
        var day = DayOf(point, start);
        return first is null || first == day.Day.Name ? day
            : new(SettlementDay.Of(day.Place.Zone, RowJson.Day(first)), Name, day.Place);
    }

    private static PointRow PlaceOn(PointRow point, Instant at)
    {
        for (var i = (point.Later?.Count ?? 0) - 1; i >= 0; i--)
            if (point.Later![i] is var version
                && version.ValidFrom <= SettlementDay.Containing(version.Zone, at).Edges.Start) return version;
        return point;
    }
}

/// <summary>A settlement day of a point, and how its rows are named.</summary>
/// <param name="place">The point as it is in force at the day's start.</param>
internal sealed class DayKeys(SettlementDay day, string point, PointRow place)
{
    private readonly RowKey ofStation = $"station|{day.Name}|{place.Station}";

    public SettlementDay Day => day;
    public string Point => point;
    public PointRow Place => place;
    public RowKey OfPoint { get; } = $"day|{day.Name}|{point}";

    /// <summary>The key of a station's row of that day.</summary>
    /// <param name="name">Mostly the point's own; another one where the point has been moved.</param>
    public RowKey OfStation(string name) =>
        name == place.Station ? ofStation : $"station|{day.Name}|{name}";
}

/// <summary>How rows of a register are named: series by the instant of a reading or of an installation.</summary>
internal sealed class RegisterKeys(RegisterId register)
{
    public RegisterId Register => register;
    public RowName Readings { get; } = $"reading|{register}|";
    public RowName Installed { get; } = $"register|{register}|";

    public RowKey Reading(Instant at) => new(Readings, at);
}
