using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// What was at a station at a time, and what was called there. A point is where its version in force says; before the
/// first, where the first does.
/// </summary>
public static class StationAnswers
{
    /// <summary>The version of a point in force at the start of a day of its zone; null where it is not registered, or
    /// not reached.</summary>
    public static MasterData.PointRow? PointOn(this Answers answers, SettlementPointId point, LocalDate day) =>
        answers.Versions(point) is { Count: > 0 } versions ? versions.On(day) : null;

    /// <summary>Of the versions of a point, in order of time, the one in force at the start of a day.</summary>
    public static MasterData.PointRow On(this IReadOnlyList<MasterData.PointRow> versions, LocalDate day) =>
        versions.Count == 1 ? versions[0]
            : versions.LastOrDefault(version => version.ValidFrom
                <= SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[version.Zone], day).Start) ?? versions[0];

    /// <summary>The points that were at a station at some time, each as it was registered there last in it.</summary>
    public static IReadOnlyList<MasterData.PointRow> PointsAt(
        this Answers answers, StationId station, Interval time) =>
        [.. answers.AllVersions().Select(point => point.Where((version, i) => version.Station == station.Value
                && (i == 0 || version.ValidFrom < time.End)
                && !(point.ElementAtOrDefault(i + 1)?.ValidFrom <= time.Start))
            .LastOrDefault()).OfType<MasterData.PointRow>()];

    /// <summary>Every dispatch instruction that aims at a station, as one call of it, in order of its start. A target
    /// is one of the station where it was there when the call began.</summary>
    /// <param name="at">At which they are read.</param>
    public static IReadOnlyList<StationCall> Calls(this Answers answers, StationId station, Instant at)
    {
        var versions = answers.AllVersions().ToDictionary(point => point.Key, StringComparer.Ordinal);
        return StationCall.Of(
            answers.Instructions().Select(order => answers.Instruction(new(order.Instruction))!.ReadAt(at)),
            (point, then) => versions.TryGetValue(point, out var known) && known.InForce(then) is var inForce
                && inForce.Station == station.Value ? DateTimeZoneProviders.Tzdb[inForce.Zone] : null);
    }

    /// <summary>Every limit that held on a day, of all points or of one, against that day's interval records; who asks
    /// for many days asks <see cref="LimitAnswers"/>.</summary>
    public static IReadOnlyList<LimitAnswer> Limits(
        this Answers answers, LocalDate day, SettlementPointId? point = null) =>
        new LimitAnswers(answers).On(day, point);

    /// <summary>Of the versions of a point, which are in order of time, the one in force at an instant.</summary>
    internal static MasterData.PointRow InForce(this IEnumerable<MasterData.PointRow> versions, Instant at) =>
        versions.LastOrDefault(version => version.ValidFrom <= at) ?? versions.First();
}
