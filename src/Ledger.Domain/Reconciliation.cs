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

/// <summary>What a run settled of a point in one direction on a day, beside what the meters prove now.</summary>
/// <param name="Step">In which the run's tariff bills energy.</param>
public sealed record SettledDay(
    SettlementPointId Point, Direction Direction, LocalDate Day, Interval Edges, RunId Run, decimal BilledKwh,
    Energy Step, Energy Measured, decimal Amount, string Currency);

/// <summary>A station's day: what its sessions that ended in it took, what records bill for them, net of credits, and
/// what was settled of its imports; null where nothing was. Amounts of several currencies have no sum, so there they
/// are null too.</summary>
/// <param name="Cost">Of the records, without tax, net of credits.</param>
/// <param name="AtStake">Of the exceptions whose stake is known; null where none of them has one.</param>
/// <param name="OfUnknownStake">Exceptions of which no price says how much money is in question.</param>
public sealed record ReconciledDay(
    StationId Station, LocalDate Day, int Sessions, int Records, Energy Measured, Energy Billed, decimal? Cost,
    decimal? SettledKwh, decimal? SettledAmount, int Exceptions, decimal? AtStake, int OfUnknownStake);

/// <summary>What is compared: one account's connectors on some days.</summary>
/// <param name="Stations">The station and the zone of each point.</param>
public sealed record ReconciliationInput(
    IReadOnlyList<MeteredSession> Sessions, IReadOnlyList<ChargeRecorded> Records, IReadOnlyList<SettledDay> Settled,
    IReadOnlyDictionary<SettlementPointId, (StationId Station, DateTimeZone Zone)> Stations, Energy Tolerance);

/// <summary>
/// Registers against charge records against settlement, by station and day of a session's end, also where its record
/// ends on another: so the sides are compared on one basis of time, and a stay over midnight is no difference. A
/// session may be billed by several records whose times do not overlap; credited charges cancel with their credits.
/// Nothing is matched by amount, and nothing that is unknown counts as agreed.
/// </summary>
public static class Reconciliation
{
    /// <summary>Records are compared to a watt-hour, OCPI's smallest step (ours).</summary>
    public static readonly Energy ToleranceDefault = Energy.FromWattHours(1);

    private const int StakeDecimals = 4;

    public static (IReadOnlyList<ReconciledDay> Days, IReadOnlyList<ReconciliationException> Exceptions) Of(
        ReconciliationInput input)
    {
        var found = new List<Found>();
        var stays = input.Sessions.ToLookup(session => session.Session.Point);
        var standing = Standing(input,
            [.. input.Records.Select(record => new Billed(record, SessionOf(stays[record.Point], record)))], found);
        var matched = standing.ToLookup(billed => billed.Session, billed => billed.Record);
        foreach (var session in input.Sessions) Judge(input, session, [.. matched[session]], found);
        foreach (var record in matched[null])
            found.Add(Of(input, ReconciliationFinding.MissingSession, record, record.End, null, record.CostWithoutTax,
                $"charging states of {record.Point} from {record.Start} to {record.End}, or a credit of {record.Record}"));
        found.AddRange(input.Settled.Where(day => Apart(day.Measured, Kwh(day.BilledKwh)) > ToleranceOf(input, day))
            .Select(day => new Found(new(ReconciliationFinding.SettledDiffers, input.Stations[day.Point].Station,
                day.Point, day.Edges.Start, day.Edges.End, null, day.Measured, Kwh(day.BilledKwh),
                Value(day.Measured - Kwh(day.BilledKwh), Kwh(day.BilledKwh), day.Amount), day.Currency,
                $"a correction run that supersedes {day.Run}, from what is known now of its "
                + $"{(day.Direction == Direction.Import ? "import" : "export")}"), day.Day)));
        return (Days(input, standing, found), [.. found.Select(each => each.Exception).OrderBy(each => each.Station)
            .ThenBy(each => each.From).ThenBy(each => each.Point).ThenBy(each => each.Finding)]);
    }

    /// <summary>A record and the session that it is of; null where none is at its point then.</summary>
    private sealed record Billed(ChargeRecorded Record, MeteredSession? Session)
    {
        public Instant Ended => Session?.Session.End ?? Record.End;
    }

    /// <summary>An exception, and the day of which it is one.</summary>
    private sealed record Found(ReconciliationException Exception, LocalDate Day);

    /// <summary>The charges that no credit has taken back; a credit that fits none is found.</summary>
    private static List<Billed> Standing(ReconciliationInput input, List<Billed> records, List<Found> found)
    {
        var standing = records.FindAll(billed => billed.Record.Credits is null);
        foreach (var billed in records.Where(billed => billed.Record.Credits is not null))
        {
            var credit = billed.Record;
            // Two owners may have charges of one number; the credit is of the one that it negates.
            var named = standing.FindAll(of => ChargeRecords.IsSameIssuer(of.Record.Operator, credit.Operator)
                && of.Record.Record == credit.Credits);
            var negated = named.Find(of => ChargeRecords.Negates(credit, of.Record));
            if (negated is not null && standing.Remove(negated)) continue;
            var charge = named.FirstOrDefault()?.Record;
            found.Add(Of(input, ReconciliationFinding.CreditDiffers, credit, billed.Ended, charge?.Energy,
                charge?.Currency == credit.Currency ? charge.CostWithoutTax + credit.CostWithoutTax
                    : -credit.CostWithoutTax,
                charge is null ? $"the record {credit.Credits} that it takes back"
                    : $"a credit of {credit.Credits} by {-charge.CostWithoutTax} {charge.Currency}"));
        }
        return standing;
    }

    private static MeteredSession? SessionOf(IEnumerable<MeteredSession> atPoint, ChargeRecorded record)
    {
        var sessions = atPoint.ToList();
        return StayOf(sessions.Select(session => session.Session), record) is { } stay
            ? sessions.Find(session => session.Session == stay) : null;
    }

    /// <summary>Of the stays at a record's point the one with which its time has most in common; null where there was
    /// none then.</summary>
    public static ChargingSession? StayOf(IEnumerable<ChargingSession> stays, ChargeRecorded record) => stays
        .Where(stay => Common(stay, record) > Duration.Zero)
        .OrderByDescending(stay => Common(stay, record)).ThenBy(stay => stay.Start).FirstOrDefault();

    private static Duration Common(ChargingSession stay, ChargeRecorded record) =>
        Instant.Min(stay.End, record.End) - Instant.Max(stay.Start, record.Start);

    private static void Judge(
        ReconciliationInput input, MeteredSession session, List<ChargeRecorded> records, List<Found> found)
    {
        var (stay, ordered) = (session.Session, records.OrderBy(record => record.Start).ThenBy(r => r.Record).ToList());
        for (var i = 1; i < ordered.Count; i++)
            if (ordered[i].Start < ordered[i - 1].End)
            {
                found.Add(Of(input, ReconciliationFinding.Duplicate, ordered[i], stay.End, null,
                    ordered[i].CostWithoutTax, $"a credit of {ordered[i - 1].Record} or of {ordered[i].Record}"));
                ordered.RemoveAt(i--);
            }
        var (billed, cost) = (Sum(ordered), Cost(ordered));
        var currency = ordered.Count > 0 && cost is not null ? ordered[0].Currency : null;
        if (session.Why is { } why)
            Add(ReconciliationFinding.NotMetered, null, ordered.Count > 0 ? billed : null,
                ordered.Count > 0 ? cost : null,
                $"register readings of {stay.Point} within {ChargingSessions.EdgeSecondsMax} s of its edges ({why})");
        else if (ordered.Count == 0)
        {
            if (session.Net == Energy.Zero) return;
            var (price, of) = MeanPrice(input, stay);
            Add(ReconciliationFinding.MissingRecord, session.Net, null, price is { } mean
                ? Math.Round(Math.Abs(session.Net.ToDecimalKwh(12) * mean), StakeDecimals) : null,
                $"a charge record of {session.Net}", of);
        }
        else if (Apart(session.Net, billed) > input.Tolerance)
            Add(ReconciliationFinding.EnergyDiffers, session.Net, billed,
                Value(session.Net - billed, billed, cost), "a credit and a new record of "
                + $"{session.Net}, or a correction of the register's readings at {stay.Start} and {stay.End}");

        void Add(ReconciliationFinding finding, Energy? measured, Energy? stated, decimal? stake, string by,
            string? of = null) =>
            found.Add(new(new(finding, input.Stations[stay.Point].Station, stay.Point, stay.Start, stay.End,
                ordered.Count == 1 ? ordered[0].Record : null, measured, stated, stake, currency ?? of, by),
                DayOf(input.Stations[stay.Point].Zone, stay.End)));
    }

    /// <param name="ended">When what the record is of ended.</param>
    private static Found Of(
        ReconciliationInput input, ReconciliationFinding finding, ChargeRecorded record, Instant ended,
        Energy? measured, decimal stake, string by) =>
        new(new(finding, input.Stations[record.Point].Station, record.Point, record.Start, record.End, record.Record,
            measured, record.Energy, Math.Abs(stake), record.Currency, by),
            DayOf(input.Stations[record.Point].Zone, ended));

    /// <summary>The day of what ended then: what ends at midnight is of the day before.</summary>
    public static LocalDate DayOf(DateTimeZone zone, Instant end) => (end - Duration.Epsilon).InZone(zone).Date;

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

    private static Energy Apart(Energy measured, Energy stated) =>
        Energy.Max(measured - stated, stated - measured);

    // A day is billed in whole steps, the last of them rounded: see Statement.Quantise.
    private static Energy ToleranceOf(ReconciliationInput input, SettledDay day) =>
        Energy.Max(input.Tolerance, new Energy((day.Step.HalfNanojoules + 1) / 2));

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

    /// <summary>What nothing is valued by is not zero.</summary>
    private static decimal? AtStake(List<ReconciliationException> exceptions)
    {
        var known = exceptions.FindAll(each => each.AtStake is not null);
        return known.Count == 0 && exceptions.Count > 0 ? null
            : Sum(known.Select(each => (each.AtStake!.Value, each.Currency)));
    }

    private static List<ReconciledDay> Days(ReconciliationInput input, List<Billed> standing, List<Found> exceptions)
    {
        (StationId, LocalDate) Of(SettlementPointId point, Instant end) =>
            (input.Stations[point].Station, DayOf(input.Stations[point].Zone, end));
        var sessions = input.Sessions.ToLookup(session => Of(session.Session.Point, session.Session.End));
        var records = standing.ToLookup(billed => Of(billed.Record.Point, billed.Ended), billed => billed.Record);
        var settled = input.Settled.Where(day => day.Direction == Direction.Import)
            .ToLookup(day => (input.Stations[day.Point].Station, day.Day));
        var found = exceptions.ToLookup(each => (each.Exception.Station, each.Day), each => each.Exception);
        return [.. sessions.Select(day => day.Key).Concat(records.Select(day => day.Key))
            .Concat(settled.Select(day => day.Key)).Concat(found.Select(day => day.Key)).Distinct().Order()
            .Select(day => new ReconciledDay(day.Item1, day.Item2, sessions[day].Count(), records[day].Count(),
                sessions[day].Where(session => session.Why is null)
                    .Aggregate(Energy.Zero, (sum, session) => sum + session.Net),
                Sum(records[day]), Cost(records[day]),
                settled[day].Any() ? settled[day].Sum(each => each.BilledKwh) : null,
                settled[day].Any() ? Sum(settled[day].Select(each => (each.Amount, (string?)each.Currency))) : null,
                found[day].Count(), AtStake([.. found[day]]), found[day].Count(each => each.AtStake is null)))];
    }
}
