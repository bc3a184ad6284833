using NodaTime;

namespace Ledger.Domain;

/// <summary>What does not agree between registers, charge records and settlement.</summary>
public enum ReconciliationFinding
{
    /// <summary>A session that is proven and that nobody has billed.</summary>
    MissingRecord = 1,
    /// <summary>A record of a stay of which no charger says that a vehicle was there.</summary>
    MissingSession = 2,
    /// <summary>A session whose energy the meters do not prove, billed or not.</summary>
    NotMetered = 3,
    /// <summary>Two records that bill the same time, neither credited.</summary>
    Duplicate = 4,
    EnergyDiffers = 5,
    /// <summary>A credit that does not take back exactly what it names, or names nothing that is here.</summary>
    CreditDiffers = 6,
    /// <summary>The run that holds settled another energy than the meters prove now.</summary>
    SettledDiffers = 7,
}

/// <summary>One thing that does not agree. It is resolved by a fact, never by an edit.</summary>
/// <param name="AtStake">Money in <paramref name="Currency"/>; null where no price is known to value it by.</param>
/// <param name="ResolvedBy">The fact that would resolve it.</param>
public sealed record ReconciliationException(
    ReconciliationFinding Finding, StationId Station, SettlementPointId Point, Instant From, Instant To,
    ChargeRecordId? Record, Energy? Measured, Energy? Stated, decimal? AtStake, string? Currency, string ResolvedBy);

/// <summary>What a run settled of a point's imports on a day, beside what the meters prove now.</summary>
public sealed record SettledDay(
    SettlementPointId Point, LocalDate Day, Interval Edges, RunId Run, decimal BilledKwh, Energy Measured,
    decimal Amount, string Currency);

/// <summary>A station's day: what its sessions that ended in it took, what records bill for them, net of credits, and
/// what was settled; null where nothing was. Amounts of several currencies have no sum, so there they are null too.
/// </summary>
/// <param name="Cost">Of the records, without tax, net of credits.</param>
public sealed record ReconciledDay(
    StationId Station, LocalDate Day, int Sessions, int Records, Energy Measured, Energy Billed, decimal? Cost,
    decimal? SettledKwh, decimal? SettledAmount, int Exceptions, decimal? AtStake);

/// <summary>What is compared: one account's connectors on some days.</summary>
/// <param name="Stations">The station and the zone of each point.</param>
public sealed record ReconciliationInput(
    IReadOnlyList<MeteredSession> Sessions, IReadOnlyList<ChargeRecorded> Records, IReadOnlyList<SettledDay> Settled,
    IReadOnlyDictionary<SettlementPointId, (StationId Station, DateTimeZone Zone)> Stations, Energy Tolerance);

/// <summary>
/// Registers against charge records against settlement, by station and day of a session's end: so the sides are
/// compared on one basis of time, and a stay over midnight is no difference. A session may be billed by several records
/// whose times do not overlap; credited charges cancel with their credits. Nothing is matched by amount, and nothing
/// that is unknown counts as agreed.
/// </summary>
public static class Reconciliation
{
    /// <summary>Records are compared to a watt-hour, OCPI's smallest step (ours).</summary>
    public static readonly Energy ToleranceDefault = Energy.FromWattHours(1);

    private const int StakeDecimals = 4;

    public static (IReadOnlyList<ReconciledDay> Days, IReadOnlyList<ReconciliationException> Exceptions) Of(
        ReconciliationInput input)
    {
        var found = new List<ReconciliationException>();
        var standing = Standing(input, found);
        var matched = standing.ToLookup(record => Session(input.Sessions, record));
        foreach (var session in input.Sessions) Judge(input, session, [.. matched[session]], found);
        foreach (var record in matched[null])
            found.Add(Of(input, ReconciliationFinding.MissingSession, record, null, record.CostWithoutTax,
                $"charging states of {record.Point} from {record.Start} to {record.End}, or a credit of {record.Record}"));
        found.AddRange(input.Settled.Where(day => IsOff(input, day.Measured, Kwh(day.BilledKwh))).Select(day =>
            new ReconciliationException(ReconciliationFinding.SettledDiffers, input.Stations[day.Point].Station,
                day.Point, day.Edges.Start, day.Edges.End, null, day.Measured, Kwh(day.BilledKwh),
                Value(day.Measured - Kwh(day.BilledKwh), Kwh(day.BilledKwh), day.Amount), day.Currency,
                $"a correction run that supersedes {day.Run}, from the facts that are known now")));
        var exceptions = found.OrderBy(each => each.Station).ThenBy(each => each.From).ThenBy(each => each.Point)
            .ThenBy(each => each.Finding).ToList();
        return (Days(input, standing, exceptions), exceptions);
    }

    /// <summary>The charges that no credit has taken back; a credit that fits none is found.</summary>
    private static List<ChargeRecorded> Standing(ReconciliationInput input, List<ReconciliationException> found)
    {
        var standing = input.Records.Where(record => record.Credits is null).ToList();
        foreach (var credit in input.Records.Where(record => record.Credits is not null))
        {
            // Two owners may have charges of one number; the credit is of the one that it negates.
            var named = standing.FindAll(record =>
                ChargeRecords.IsSameIssuer(record.Operator, credit.Operator) && record.Record == credit.Credits);
            var charge = named.Find(record => ChargeRecords.Negates(credit, record)) ?? named.FirstOrDefault();
            if (charge is not null && ChargeRecords.Negates(credit, charge)) standing.Remove(charge);
            else found.Add(Of(input, ReconciliationFinding.CreditDiffers, credit, charge?.Energy,
                charge?.Currency == credit.Currency ? charge.CostWithoutTax + credit.CostWithoutTax
                    : -credit.CostWithoutTax,
                charge is null ? $"the record {credit.Credits} that it takes back"
                    : $"a credit of {credit.Credits} by {-charge.CostWithoutTax} {charge.Currency}"));
        }
        return standing;
    }

    /// <summary>The session with which a record's time has most in common; null where none is at its point then.
    /// </summary>
    private static MeteredSession? Session(IReadOnlyList<MeteredSession> sessions, ChargeRecorded record) => sessions
        .Where(session => session.Session.Point == record.Point && Common(session, record) > Duration.Zero)
        .OrderByDescending(session => Common(session, record)).ThenBy(session => session.Session.Start)
        .FirstOrDefault();

    private static Duration Common(MeteredSession session, ChargeRecorded record) =>
        Instant.Min(session.Session.End, record.End) - Instant.Max(session.Session.Start, record.Start);

    private static void Judge(
        ReconciliationInput input, MeteredSession session, List<ChargeRecorded> records,
        List<ReconciliationException> found)
    {
        var (stay, ordered) = (session.Session, records.OrderBy(record => record.Start).ThenBy(r => r.Record).ToList());
        for (var i = 1; i < ordered.Count; i++)
            if (ordered[i].Start < ordered[i - 1].End)
            {
                found.Add(Of(input, ReconciliationFinding.Duplicate, ordered[i], null, ordered[i].CostWithoutTax,
                    $"a credit of {ordered[i - 1].Record} or of {ordered[i].Record}"));
                ordered.RemoveAt(i--);
            }
        var (billed, cost) = (Sum(ordered), Cost(ordered));
        var currency = ordered.Count > 0 && cost is not null ? ordered[0].Currency : null;
        if (session.Why is { } why)
            Found(ReconciliationFinding.NotMetered, null, ordered.Count > 0 ? billed : null,
                ordered.Count > 0 ? cost : null,
                $"register readings of {stay.Point} within {ChargingSessions.EdgeSecondsMax} s of its edges ({why})");
        else if (ordered.Count == 0)
        {
            if (session.Net == Energy.Zero) return;
            var (price, of) = MeanPrice(input, stay);
            Found(ReconciliationFinding.MissingRecord, session.Net, null, price is { } mean
                ? Math.Round(Math.Abs(session.Net.ToDecimalKwh(12) * mean), StakeDecimals) : null,
                $"a charge record of {session.Net}", of);
        }
        else if (IsOff(input, session.Net, billed))
            Found(ReconciliationFinding.EnergyDiffers, session.Net, billed,
                Value(session.Net - billed, billed, cost), "a credit and a new record of "
                + $"{session.Net}, or a correction of the register's readings at {stay.Start} and {stay.End}");

        void Found(ReconciliationFinding finding, Energy? measured, Energy? stated, decimal? stake, string by,
            string? of = null) =>
            found.Add(new(finding, input.Stations[stay.Point].Station, stay.Point, stay.Start, stay.End,
                ordered.Count == 1 ? ordered[0].Record : null, measured, stated, stake, currency ?? of, by));
    }

    private static ReconciliationException Of(
        ReconciliationInput input, ReconciliationFinding finding, ChargeRecorded record, Energy? measured,
        decimal stake, string by) =>
        new(finding, input.Stations[record.Point].Station, record.Point, record.Start, record.End, record.Record,
            measured, record.Energy, Math.Abs(stake), record.Currency, by);

    /// <summary>What a kWh costs at the station by its records of the same day; null where none says.</summary>
    private static (decimal? Price, string? Currency) MeanPrice(ReconciliationInput input, ChargingSession stay)
    {
        var (station, zone) = input.Stations[stay.Point];
        var near = input.Records.Where(record => record.Credits is null && record.Energy > Energy.Zero
            && input.Stations[record.Point].Station == station
            && record.End.InZone(zone).Date == stay.End.InZone(zone).Date).ToList();
        return near.Count == 0 || near.Any(record => record.Currency != near[0].Currency) ? (null, null)
            : (near.Sum(record => record.CostWithoutTax) / Sum(near).ToDecimalKwh(12), near[0].Currency);
    }

    // Rounded, because it says how much is in question and is never paid.
    private static decimal? Value(Energy difference, Energy of, decimal? cost) =>
        of == Energy.Zero || cost is not { } whole ? null
            : Math.Round(Math.Abs(difference.ToDecimalKwh(12) * whole / of.ToDecimalKwh(12)), StakeDecimals);

    private static bool IsOff(ReconciliationInput input, Energy measured, Energy stated) =>
        Energy.Max(measured - stated, stated - measured) > input.Tolerance;

    private static Energy Kwh(decimal kwh) => new((Int128)decimal.Round(kwh * 1_000_000_000_000m)
        * (Energy.HalfNanojoulesPerWattHour / 1_000_000_000));

    private static Energy Sum(IEnumerable<ChargeRecorded> records) =>
        records.Aggregate(Energy.Zero, (sum, record) => sum + record.NetEnergy());

    private static decimal? Cost(IEnumerable<ChargeRecorded> records) =>
        Sum(records.Select(record => (record.CostWithoutTax, (string?)record.Currency)));

    /// <summary>Null where the amounts are not of one currency.</summary>
    private static decimal? Sum(IEnumerable<(decimal Amount, string? Currency)> amounts)
    {
        var each = amounts.ToList();
        return each.TrueForAll(one => one.Currency == each[0].Currency) ? each.Sum(one => one.Amount) : null;
    }

    private static List<ReconciledDay> Days(
        ReconciliationInput input, List<ChargeRecorded> standing, List<ReconciliationException> exceptions)
    {
        (StationId, LocalDate) Of(SettlementPointId point, Instant end) => input.Stations[point] is var (station, zone)
            // What ends at midnight ends the day before.
            ? (station, (end - Duration.Epsilon).InZone(zone).Date) : default;
        var sessions = input.Sessions.ToLookup(session => Of(session.Session.Point, session.Session.End));
        var records = standing.ToLookup(record => Of(record.Point, record.End));
        var settled = input.Settled.ToLookup(day => (input.Stations[day.Point].Station, day.Day));
        var found = exceptions.ToLookup(each => Of(each.Point, each.To));
        return [.. sessions.Select(day => day.Key).Concat(records.Select(day => day.Key))
            .Concat(settled.Select(day => day.Key)).Concat(found.Select(day => day.Key)).Distinct().Order()
            .Select(day => new ReconciledDay(day.Item1, day.Item2, sessions[day].Count(), records[day].Count(),
                sessions[day].Where(session => session.Why is null)
                    .Aggregate(Energy.Zero, (sum, session) => sum + session.Net),
                Sum(records[day]), Cost(records[day]),
                settled[day].Any() ? settled[day].Sum(each => each.BilledKwh) : null,
                settled[day].Any() ? Sum(settled[day].Select(each => (each.Amount, (string?)each.Currency))) : null,
                found[day].Count(), Sum(found[day].Where(each => each.AtStake is not null)
                    .Select(each => (each.AtStake!.Value, each.Currency)))))];
    }
}
