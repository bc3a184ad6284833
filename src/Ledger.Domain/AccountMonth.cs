using NodaTime;

namespace Ledger.Domain;

/// <summary>A local day on which an account had a settled point, and the registration that says so of one of
/// them.</summary>
public sealed record StandingDay(LocalDate Day, Positioned<SettlementPointRegistered> Point);

/// <summary>
/// The days of a month, up to and with the settled one, on which an account had a settled point and its tariff: what
/// its standing fees are counted by. A contract without any point is not settled, so it stands for nothing.
/// </summary>
/// <param name="Day">The settled day.</param>
/// <param name="Standing">In order of time; none before the day from which on the account has had the tariff.</param>
public sealed record AccountMonth(LocalDate Day, IReadOnlyList<StandingDay> Standing)
{
    public LocalDate First => Day.ToYearMonth().OnDayOfMonth(1);
}
