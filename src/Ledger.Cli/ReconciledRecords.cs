using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Cli;

/// <summary>
/// The charge records that are compared on some days, and which stays are. A record is of the day on which its stay
/// ended: charging is over before the plug is pulled, so that it may itself end on a day before.
/// </summary>
/// <param name="Days">All stays that ended on them are compared.</param>
/// <param name="DaysOfStays">The same and, where nobody names the days, those on which a stay of a record ended; of these
/// only stays with a record are compared.</param>
internal sealed record ReconciledRecords(
    IReadOnlySet<LocalDate> Days, IReadOnlySet<LocalDate> DaysOfStays, IReadOnlyList<ChargeRecorded> Records)
{
    private IReadOnlySet<(SettlementPointId, Instant)> Billed { get; init; } =
        new HashSet<(SettlementPointId, Instant)>();

    private sealed record Placed(ChargeRecorded Record, ChargingSession? Stay, LocalDate Ended, LocalDate Day);

    /// <param name="named">Null: the days on which records ended.</param>
    public static ReconciledRecords Of(
        Answers answers, IReadOnlyDictionary<SettlementPointId, MasterData.PointRow> points,
        IReadOnlyList<ChargeRecorded> records, IReadOnlySet<LocalDate>? named)
    {
        if (named is null && records.Count == 0)
            throw new CouldNotException("there are no charge records, so --day has to say which days are compared");
        var placed = (named is null ? records : MayBeOf(records, named)).GroupBy(record => record.Point)
            .SelectMany(ofPoint => Place(answers, points.GetValueOrDefault(ofPoint.Key)
                ?? throw new CouldNotException($"there is no settlement point {ofPoint.Key}"), [.. ofPoint])).ToList();
        var compared = named is null ? placed : placed.FindAll(record => named.Contains(record.Day));
        var days = named ?? placed.Select(record => record.Ended).ToHashSet();
        return new(days, days.Concat(compared.Select(record => record.Day)).ToHashSet(),
            [.. compared.Select(record => record.Record)])
        {
            Billed = compared.Select(record => record.Stay).OfType<ChargingSession>()
                .Select(stay => (stay.Point, stay.Start)).ToHashSet(),
        };
    }

    /// <summary>Whether a stay that ended on a day is compared.</summary>
    public bool Compares(ChargingSession stay, LocalDate day) =>
        Days.Contains(day) || Billed.Contains((stay.Point, stay.Start));

    private static IEnumerable<Placed> Place(
        Answers answers, MasterData.PointRow point, IReadOnlyList<ChargeRecorded> records)
    {
        var zone = DateTimeZoneProviders.Tzdb[point.Zone];
        var stays = EndedSessions.StaysDuring(answers, new(point.Point),
            new(records.Min(record => record.Start), records.Max(record => record.End)));
        foreach (var record in records)
        {
            var (stay, ended) = (Reconciliation.StayOf(stays, record), Reconciliation.DayOf(zone, record.End));
            yield return new(record, stay, ended, stay is null ? ended : Reconciliation.DayOf(zone, stay.End));
        }
    }

    /// <summary>Those that may end on one of some days, or whose stays may, wherever they are days.</summary>
    private static IEnumerable<ChargeRecorded> MayBeOf(
        IReadOnlyList<ChargeRecorded> records, IReadOnlySet<LocalDate> days)
    {
        var from = days.Min().PlusDays(-1 - SessionRequests.StayDaysMax).AtMidnight().InUtc().ToInstant();
        var until = days.Max().PlusDays(2).AtMidnight().InUtc().ToInstant();
        return records.Where(record => record.End > from && record.Start < until);
    }
}
