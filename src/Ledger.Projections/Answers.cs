using System.Text;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>An instruction, and its targets in order of settlement point.</summary>
public sealed record InstructionAnswer(
    CurtailmentCompliance.InstructionRow Instruction, IReadOnlyList<CurtailmentCompliance.TargetRow> Targets)
{
    /// <summary>Whether some of what is judged is to come at the instant at which it is read.</summary>
    public bool IsNotOver { get; init; }
}

/// <summary>
/// What readers ask of the views: the same answers for the command line, the HTTP interface and a test, as typed rows.
/// </summary>
/// <param name="asOf">As known right after the event at this position; null: as known now.</param>
/// <param name="reach">Whose data is answered: what is not reached is in no answer, by any name. Null: all.</param>
/// <param name="now">When it is asked: whose a point is, is judged at this instant and by all that is recorded. Whoever
/// names a reach has to say it.</param>
public sealed class Answers(IViewStore views, long? asOf, Reach? reach, Instant now)
{
    /// <summary>Of everything.</summary>
    public Answers(IViewStore views, long? asOf = null) : this(views, asOf, null, default) { }

    /// <summary>The same with the instructions of every issuer, for figures that name nobody: what a station delivers
    /// does not hang on who asks.</summary>
    public Answers OfEveryIssuer() =>
        this.reach.OfIssuer ? new(views, asOf, this.reach with { OfIssuer = false, Account = null }, now) : this;

    private readonly Reach reach = reach ?? Reach.Everything;
    internal IViewStore Views => views;
    internal long? AsOf => asOf;

    /// <summary>Whether everything is reached.</summary>
    public bool AreOfAll => reach.IsEverything;

    /// <summary>The same of everything, as of the same position: by what is reached is told, and not judged.</summary>
    internal Answers OfAll() => reach.IsEverything ? this : new(views, asOf);

    private PointsBeside? beside;

    /// <summary>As of a position they stay what they are, and one question may need them many times.</summary>
    internal PointsBeside Beside => asOf is null ? new(this) : beside ??= new(this);

    private readonly Dictionary<string, MasterData.PointRow?> holders = new(StringComparer.Ordinal);

    /// <summary>Whether a settlement point is reached, by its owner and station of now, whatever position is asked for.
    /// Who owned it before does not, and who owns it now reaches its past too: energy goes with the point.</summary>
    public bool Reaches(SettlementPointId point) => Reaches(point.Value);

    /// <summary>Whether every point that was ever at a station is reached, so that its sums say nothing of anybody
    /// else.</summary>
    public bool Reaches(StationId station)
    {
        if (reach.IsEverything) return true;
        var points = Rows<MasterData.PointRow>("MasterData", "point|").Where(point => point.Station == station.Value)
            .ToList();
        return points.Count > 0 && points.All(point => Reaches(point.Point));
    }

    private bool Reaches(string point) => reach.IsEverything
        || (HolderOf(point) is { } holder && reach.Covers(new(holder.Owner), new(holder.Station)));

    /// <summary>Whose a point is now, and where; null where it is not registered.</summary>
    public MasterData.PointRow? HolderOf(string point) =>
        holders.TryGetValue(point, out var known) ? known : holders[point] = FromOn(point, now).FirstOrDefault();

    /// <summary>The owners, at an instant and to come, of points at a station, or of those of a meter.</summary>
    public IReadOnlyList<PartyId> OwnersFromOn(Instant at, StationId? station, string? meter)
    {
        var metered = meter is null ? null : Registers().Where(register => register.MeterSerial == meter)
            .Select(register => RegisterId.Parse(register.Register).Point.Value).ToHashSet(StringComparer.Ordinal);
        return [.. AllPoints().Where(point => metered is null || metered.Contains(point.Point))
            .SelectMany(point => FromOn(point.Point, at))
            .Where(point => station is not { } named || point.Station == named.Value)
            .Select(point => new PartyId(point.Owner)).Distinct()];
    }

    /// <summary>The version of a point in force at an instant, the first where none is yet, and all that begin later;
    /// by all that is recorded, as <see cref="SettlementPointState.HolderAt"/> says it.</summary>
    private IEnumerable<MasterData.PointRow> FromOn(string point, Instant at)
    {
        var versions = views.Range("MasterData", $"point|{point}|", $"point|{point}|~", null)
            .Select(row => RowJson.Read<MasterData.PointRow>(row.Json)!).ToList();
        return versions.Count == 0 ? [] : versions.Skip(versions.IndexOf(versions.InForce(at)));
    }

    /// <summary>The version of a point in force at an instant, the first where none is yet; null where it is not
    /// registered, or not reached.</summary>
    public MasterData.PointRow? PointAt(SettlementPointId point, Instant at) =>
        Versions(point) is { Count: > 0 } versions ? versions.InForce(at) : null;

    /// <summary>Who owned a point at any time, owns it, or will.</summary>
    public IReadOnlyList<PartyId> OwnersOf(SettlementPointId point) =>
        [.. Versions(point).Select(version => new PartyId(version.Owner)).Distinct()];

    /// <summary>The versions of a point, in order of when each holds from.</summary>
    public IReadOnlyList<MasterData.PointRow> Versions(SettlementPointId point) =>
        Reaches(point) ? Rows<MasterData.PointRow>("MasterData", $"point|{point}|") : [];

    /// <summary>Whether a party's account is reached.</summary>
    public bool Reaches(PartyId account) => reach.Covers(account);

    private bool ReachesAccount(string account) => Reaches(new PartyId(account));

    /// <summary>What lies before this position is in every answer: all views have it, and it was asked for.</summary>
    public long KnownBefore => Math.Min(asOf + 1 ?? long.MaxValue, StandardProjections.All.Min(AppliedBy));
    private long AppliedBy(IProjection view) => views.Checkpoint(view.Name);

    /// <summary>Every settlement day with verified energy, in order.</summary>
    public IReadOnlyList<LocalDate> Days() =>
        [.. Rows<VerifiedExport.DayRow>("VerifiedExport", "day|").Where(row => Reaches(row.Point))
            .Select(row => row.Day).Distinct().Select(RowJson.Day)];

    /// <summary>Verified energy and register check of every settlement point, or of one station's, on a day.</summary>
    public IReadOnlyList<VerifiedExport.DayRow> Export(LocalDate day, StationId? station = null) =>
        [.. Rows<VerifiedExport.DayRow>("VerifiedExport", $"day|{RowJson.Day(day)}|")
            .Where(row => (station is not { } named || row.Station == named.Value) && Reaches(row.Point))];

    /// <summary>Verified energy of each station's connectors on a day.</summary>
    public IReadOnlyList<VerifiedExport.StationRow> Stations(LocalDate day) =>
        [.. Rows<VerifiedExport.StationRow>("VerifiedExport", $"station|{RowJson.Day(day)}|")
            .Where(row => Reaches(new StationId(row.Station)))];

    /// <summary>The latest interval records of one settlement point on a day of its zone, in order of time.</summary>
    public IReadOnlyList<VerifiedExport.PeriodRow> IntervalRecords(SettlementPointId point, LocalDate day)
    {
        if (!Reaches(point) || Row<VerifiedExport.DayRow>("VerifiedExport", $"day|{RowJson.Day(day)}|{point}")
            is not { } known) return [];
        var edges = SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[known.Zone], day);
        return [.. RecordsFrom(point, edges).Where(period => period.Day == known.Day)];
    }

    /// <summary>Those of a point, whoever reaches it, that start within a stretch or at its end.</summary>
    internal IReadOnlyList<VerifiedExport.PeriodRow> RecordsFrom(SettlementPointId point, Interval edges) =>
        Between<VerifiedExport.PeriodRow>("VerifiedExport",
            $"period|{point}|{RowJson.Key(edges.Start)}", $"period|{point}|{RowJson.Key(edges.End)}");

    /// <summary>The register readings of a point from the first instant of a day of its zone to the last, each as its
    /// latest version has it, in order of register and time.</summary>
    public IReadOnlyList<RegisterReadingRow> Readings(SettlementPointId point, LocalDate day) =>
        this.PointOn(point, day) is { } known
            ? Readings(point, SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[known.Zone], day)) : [];

    /// <summary>The same from the first instant of a stretch to the last, both of them too.</summary>
    public IReadOnlyList<RegisterReadingRow> Readings(SettlementPointId point, Interval edges)
    {
        var installed = Registers(point);
        return !Reaches(point) ? [] :
        [
            .. from direction in Enum.GetValues<Direction>()
               let register = new RegisterId(point, direction)
               from reading in Between<VerifiedExport.ReadingRow>("VerifiedExport",
                   $"reading|{register}|{RowJson.Key(edges.Start)}", $"reading|{register}|{RowJson.Key(edges.End)}")
               select RegisterReadingRow.Of(register, reading, installed),
        ];
    }

    /// <summary>From when to when the records of a point on a day of its zone are; null where nothing is known of that
    /// day, or the point is not reached.</summary>
    public Interval? DayOf(SettlementPointId point, LocalDate day) =>
        Reaches(point) && Row<ZoneRow>("VerifiedExport", $"day|{RowJson.Day(day)}|{point}") is { } known
            ? SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[known.Zone], day) : null;

    /// <summary>Hands over the latest interval records that start within a stretch, as they are stored, in order of
    /// time; of one day alone where it is named.</summary>
    public void ScanRecords(SettlementPointId point, Interval stretch, LocalDate? day, RowTaker take)
    {
        // A quotation mark inside a value is escaped, so this can only be the member itself.
        var ofDay = day is { } named ? Encoding.UTF8.GetBytes($"\"day\":\"{RowJson.Day(named)}\"") : [];
        Scan("period", point, stretch, json =>
        {
            if (json.IndexOf(ofDay) >= 0) take(json);
        });
    }

    /// <summary>The same of the register checks of single periods.</summary>
    public void ScanChecks(SettlementPointId point, Interval stretch, RowTaker take) =>
        Scan("check", point, stretch, take);

    private void Scan(string kind, SettlementPointId point, Interval stretch, RowTaker take) =>
        views.Scan("VerifiedExport", $"{kind}|{point}|{RowJson.Key(stretch.Start)}",
            $"{kind}|{point}|{RowJson.Key(stretch.End - Duration.Epsilon)}", asOf, take);

    private sealed record ZoneRow(string Zone);

    /// <summary>The register checks of single settlement periods of one point on a day of its zone.</summary>
    public IReadOnlyList<PeriodCheckRow> PeriodChecks(SettlementPointId point, LocalDate day) =>
        DayOf(point, day) is not { } edges ? []
            : [.. Between<PeriodCheckRow>("VerifiedExport",
                $"check|{point}|{RowJson.Key(edges.Start)}", $"check|{point}|{RowJson.Key(edges.End)}")
                .Where(check => check.Start < edges.End)];

    /// <summary>The energy balance of a station, its day and its periods;
    /// null where the station has no connection then.</summary>
    public (StationBalance.DayRow Day, IReadOnlyList<StationBalance.PeriodRow> Periods)? Balance(StationId station,
        LocalDate day)
    {
        if (!Reaches(station)) return null;
        var facts = new StationBalance.Facts(
            Rows<MasterData.PointRow>("MasterData", "point|"), Places(), LossFactors(), RecordsFrom);
        var periods = StationBalance.Periods(station, day, facts);
        return StationBalance.Day(station, day, facts, periods) is { } total ? (total, periods) : null;
    }

    /// <summary>Every dispatch instruction with the tally of its verdicts, in order of its name.</summary>
    public IReadOnlyList<CurtailmentCompliance.InstructionRow> Instructions() =>
        reach.IsEverything
            ? Rows<CurtailmentCompliance.InstructionRow>("CurtailmentCompliance", "instruction|")
            : [.. Rows<CurtailmentCompliance.InstructionRow>("CurtailmentCompliance", "instruction|")
                .Select(order => Reached(order)?.Instruction).OfType<CurtailmentCompliance.InstructionRow>()];

    /// <summary>The instructions that aim at a settlement point, in order of their ends.</summary>
    public IReadOnlyList<InstructionId> InstructionsAt(SettlementPointId point) =>
        [.. Rows<CurtailmentCompliance.AimRow>("CurtailmentCompliance", $"aim|{point}|")
            .Select(row => new InstructionId(row.Instruction)).Where(order => Instruction(order) is not null)];

    /// <summary>Those of them that hold at some time of an interval.</summary>
    public IReadOnlyList<InstructionId> InstructionsAt(SettlementPointId point, Interval time) =>
        [.. Between<CurtailmentCompliance.AimRow>("CurtailmentCompliance",
                $"aim|{point}|{RowJson.Key(time.Start)}", $"aim|{point}|~")
            .Where(row => row.Start < time.End && time.Start < row.End)
            .Select(row => new InstructionId(row.Instruction)).Where(order => Instruction(order) is not null)];

    /// <summary>One instruction with the verdicts of all its targets that are reached; null where it is not
    /// known.</summary>
    public InstructionAnswer? Instruction(InstructionId instruction) =>
        Row<CurtailmentCompliance.InstructionRow>("CurtailmentCompliance", $"instruction|{instruction}") is { } found
            ? Reached(found) : null;

    /// <summary>Whoever issued an instruction sees all of it; who is called by it sees his own part, tallied as if
    /// there were no other.</summary>
    private InstructionAnswer? Reached(CurtailmentCompliance.InstructionRow order)
    {
        var targets = Rows<CurtailmentCompliance.TargetRow>("CurtailmentCompliance", $"target|{order.Instruction}|");
        if (reach.Covers(new PartyId(order.IssuedBy)) && (reach.Stations is null || reach.OfIssuer))
            return new(order, targets);
        if (reach.OfIssuer) return null;
        var own = targets.Where(target => Reaches(target.Point)).ToList();
        return own.Count == 0 ? null
            : own.Count == targets.Count ? new(order, targets)
            : new(order with { Tally = own.Aggregate(VerdictTally.Empty, CurtailmentCompliance.Plus) }, own);
    }

    /// <summary>The settlement runs of an account, or of one day of it, in the order of their recording.</summary>
    public IReadOnlyList<TimeOfUseSettlement.RunRow> Runs(PartyId account, LocalDate? day = null) =>
        !reach.Covers(account) ? []
            : InOneCurrency([.. Rows<TimeOfUseSettlement.RunRow>("TimeOfUseSettlement",
                day is { } named ? $"run|{account}|{RowJson.Day(named)}|" : $"run|{account}|")
                .OrderBy(run => run.RecordedPosition)]);

    /// <summary>Every settlement run of every account, in the order in which they were recorded.</summary>
    public IReadOnlyList<TimeOfUseSettlement.RunRow> Runs() =>
        InOneCurrency([.. Rows<TimeOfUseSettlement.RunRow>("TimeOfUseSettlement", "run|")
            .Where(run => ReachesAccount(run.Account)).OrderBy(run => run.RecordedPosition)]);

    /// <summary>Without the change from a run that is in another currency, which a row has as a number.</summary>
    private static IReadOnlyList<TimeOfUseSettlement.RunRow> InOneCurrency(
        IReadOnlyList<TimeOfUseSettlement.RunRow> runs)
    {
        if (runs.All(run => run.Currency == runs[0].Currency)) return runs;
        var currencies = runs.ToDictionary(run => (run.Account, run.Day, run.Run), run => run.Currency);
        return [.. runs.Select(run => run.Supersedes is { } old
            && currencies.GetValueOrDefault((run.Account, run.Day, old)) != run.Currency
                ? run with { ChangeFromSuperseded = null } : run)];
    }

    /// <summary>The run that holds for an account's day: the last one recorded.</summary>
    public TimeOfUseSettlement.RunRow? HoldingRun(PartyId account, LocalDate day) =>
        reach.Covers(account)
            ? Row<TimeOfUseSettlement.RunRow>("TimeOfUseSettlement", $"holds|{account}|{RowJson.Day(day)}") : null;

    /// <summary>Every publication of a run, in order of account and day.</summary>
    public IReadOnlyList<TimeOfUseSettlement.PublicationRow> Publications() =>
        [.. Rows<TimeOfUseSettlement.PublicationRow>("TimeOfUseSettlement", "published|")
            .Where(row => ReachesAccount(row.Account))];

    /// <summary>Every correction that was booked as deltas, in the order of their recording.</summary>
    public IReadOnlyList<TimeOfUseSettlement.DeltasRow> Deltas() =>
        [.. Rows<TimeOfUseSettlement.DeltasRow>("TimeOfUseSettlement", "deltas|")
            .Where(row => ReachesAccount(row.Account)).OrderBy(row => row.Position)];

    /// <summary>What holds for an account's day: the last run, with what is booked on it; null where there is none.
    /// </summary>
    public NamedRun? Standing(PartyId account, LocalDate day) =>
        HoldingRun(account, day) is { } run ? NamedRun.Standing(run, Deltas()) : null;

    /// <summary>The months that were closed, in order of account and month.</summary>
    public IReadOnlyList<TimeOfUseSettlement.MonthRow> ClosedMonths() =>
        [.. Rows<TimeOfUseSettlement.MonthRow>("TimeOfUseSettlement", "month|")
            .Where(row => ReachesAccount(row.Account))];

    /// <summary>Every dispute as far as it went, in order of its name.</summary>
    public IReadOnlyList<TimeOfUseSettlement.DisputeRow> Disputes() =>
        [.. Rows<TimeOfUseSettlement.DisputeRow>("TimeOfUseSettlement", "dispute|")
            .Where(row => ReachesAccount(row.Account))];

    /// <summary>What was refused, quarantined or kept from a position on, in order, at most so many. Nothing says what
    /// refused bytes are about, so whoever reaches a party is answered with what that party handed in, and a key that
    /// its own operator has limited to stations with nothing.</summary>
    public IReadOnlyList<RefusalsView.Refusal> Refusals(long fromPosition = 0, int rowsMax = int.MaxValue) =>
        [.. RefusalRows.From(views, reach, fromPosition, asOf).Take(rowsMax)];

    /// <summary>Those of them that a person looks for; null is any.</summary>
    /// <param name="source">How the source begins.</param>
    /// <param name="day">The UTC day on which they were recorded.</param>
    public IReadOnlyList<RefusalsView.Refusal> Refusals(
        long fromPosition, int rowsMax, Rejection? code, string? source, LocalDate? day) =>
        [.. RefusalRows.From(views, reach, fromPosition, asOf).Where(row => (code is null || row.Code == (int)code)
            && (source is null || row.Source.StartsWith(source, StringComparison.Ordinal))
            && (day is null || row.RecordedAt.InUtc().Date == day)).Take(rowsMax)];

    /// <summary>One refusal; null where nothing was refused at the position.</summary>
    public RefusalsView.Refusal? Refusal(long position) =>
        RefusalRows.At(views, reach, position, asOf);

    /// <summary>The settlement points, each as last registered.</summary>
    public IReadOnlyList<MasterData.PointRow> Points() =>
        reach.IsEverything ? AllPoints() : [.. AllPoints().Where(point => Reaches(point.Point))];

    // As of a position they stay what they are, and one question may need them many times.
    private IReadOnlyList<MasterData.PointRow> AllPoints() => asOf is null ? ReadPoints() : pointsThen ??= ReadPoints();

    private IReadOnlyList<MasterData.PointRow>? pointsThen;
    private IReadOnlyList<MasterData.PointRow> ReadPoints() =>
        [.. Rows<MasterData.PointRow>("MasterData", "point|").GroupBy(row => row.Point)
            .Select(versions => versions.Last())];

    /// <summary>The points that an account owns or ever owned; when is for their registrations to say.</summary>
    public IReadOnlyList<SettlementPointId> PointsOf(PartyId account) =>
        [.. Rows<MasterData.OwnedRow>("MasterData", $"owned|{account}|").Where(row => Reaches(row.Point))
            .Select(row => new SettlementPointId(row.Point))];

    /// <summary>Every installation of every register, or of one point's, in order of register and time.</summary>
    public IReadOnlyList<MasterData.RegisterRow> Registers(SettlementPointId? point = null) =>
        point is not { } named
            ? [.. Rows<MasterData.RegisterRow>("MasterData", "register|")
                .Where(row => Reaches(RegisterId.Parse(row.Register).Point))]
            : !Reaches(named) ? []
            // By the whole register: a point's name may begin another's,
            // and may hold the sign that parts it from the code.
            : [.. Enum.GetValues<Direction>().SelectMany(direction =>
                Rows<MasterData.RegisterRow>("MasterData", $"register|{new RegisterId(named, direction)}|"))];

    /// <summary>What a station declares to follow, in order of when it holds from.</summary>
    public IReadOnlyList<MasterData.StandardRow> Standards(StationId station) =>
        Reaches(station) ? Rows<MasterData.StandardRow>("MasterData", $"standard|{station}|") : [];

    /// <summary>Which targets of an instruction nobody registered as settlement points.</summary>
    public IReadOnlyList<string> UnknownTargets(InstructionAnswer answer) =>
        [.. answer.Targets.Select(target => target.Point)
            .Where(point => Rows<MasterData.PointRow>("MasterData", $"point|{point}|").Count == 0)];

    /// <summary>All versions of each point that is reached, in order of point and time.</summary>
    internal IEnumerable<IGrouping<string, MasterData.PointRow>> AllVersions() =>
        EveryVersion().Where(point => Reaches(point.Key));

    /// <summary>Those of every point, reached or not: a part that is not the reader's is missing in his sums.</summary>
    internal IEnumerable<IGrouping<string, MasterData.PointRow>> EveryVersion() =>
        Rows<MasterData.PointRow>("MasterData", "point|").GroupBy(row => row.Point, StringComparer.Ordinal);

    /// <summary>Every place of every point, reached or not.</summary>
    internal IReadOnlyList<MasterData.PlaceRow> EveryPlace() => Rows<MasterData.PlaceRow>("MasterData", "place|");

    /// <summary>Every declared accuracy class of every meter, in order of meter and time.</summary>
    public IReadOnlyList<MasterData.MeterClassRow> MeterClasses() =>
        OfMeters(Rows<MasterData.MeterClassRow>("MasterData", "meter-class|"), row => row.MeterSerial);

    /// <summary>Every registered public key of every meter, in order of meter and time.</summary>
    public IReadOnlyList<MasterData.MeterKeyRow> MeterKeys() =>
        OfMeters(Rows<MasterData.MeterKeyRow>("MasterData", "meter-key|"), row => row.MeterSerial);

    /// <summary>A meter is reached by the point whose register it counts.</summary>
    private IReadOnlyList<T> OfMeters<T>(IReadOnlyList<T> rows, Func<T, string> serialOf)
    {
        if (reach.IsEverything) return rows;
        var own = Registers().Select(register => register.MeterSerial).ToHashSet(StringComparer.Ordinal);
        return [.. rows.Where(row => own.Contains(serialOf(row)))];
    }

    /// <summary>Every place of every point that was placed, in order of point and time.</summary>
    public IReadOnlyList<MasterData.PlaceRow> Places() =>
        [.. EveryPlace().Where(row => Reaches(row.Point))];

    /// <summary>Whether it was ever said behind which point one lies.</summary>
    public bool IsPlaced(SettlementPointId point) =>
        Rows<MasterData.PlaceRow>("MasterData", $"place|{point}|").Any(row => Reaches(row.Point));

    /// <summary>All declared losses, in order of point and time.</summary>
    public IReadOnlyList<MasterData.LossFactorRow> LossFactors() =>
        [.. Rows<MasterData.LossFactorRow>("MasterData", "loss-factor|").Where(row => Reaches(row.Point))];

    /// <summary>Every published version of every rule pack.</summary>
    public IReadOnlyList<MasterData.RulePackRow> RulePacks() =>
        Rows<MasterData.RulePackRow>("MasterData", "rule-pack|");

    /// <summary>Every published tariff version; prices are for those accounts alone that pay them.</summary>
    public IReadOnlyList<MasterData.TariffRow> Tariffs()
    {
        var all = Rows<MasterData.TariffRow>("MasterData", "tariff|");
        if (reach.IsEverything) return all;
        var own = Assignments().Select(row => row.Tariff).ToHashSet(StringComparer.Ordinal);
        return [.. all.Where(row => own.Contains(row.Tariff))];
    }

    /// <summary>Every assignment of a tariff to an account, in order of account and time.</summary>
    public IReadOnlyList<MasterData.AssignmentRow> Assignments() =>
        [.. Rows<MasterData.AssignmentRow>("MasterData", "assignment|").Where(row => ReachesAccount(row.Account))];

    /// <summary>Every standing limit, or one point's, in order of point and recording; of an event of OpenADR what its
    /// last version says (<see cref="StandingLimit.Standing"/>).</summary>
    public IReadOnlyList<MasterData.LimitRow> StandingLimits(SettlementPointId? point = null) =>
        StandingLimit.Standing(
            Rows<MasterData.LimitRow>("MasterData", point is { } named ? $"limit|{named}|" : "limit|")
                .Where(row => Reaches(row.Point)),
            row => new(new(row.Point), row.Kind, row.Direction, row.Source));

    /// <summary>Every published version of every programme.</summary>
    public IReadOnlyList<ProgrammesView.ProgrammeRow> Programmes() =>
        Rows<ProgrammesView.ProgrammeRow>("Programmes", "programme|");

    /// <summary>Every enrolment, or those of one settlement point, in order of point, programme and time.</summary>
    public IReadOnlyList<ProgrammesView.EnrolmentRow> Enrolments(SettlementPointId? point = null) =>
        [.. Rows<ProgrammesView.EnrolmentRow>("Programmes", point is { } named ? $"enrolment|{named}|" : "enrolment|")
            .Where(row => Reaches(row.Point))];

    /// <summary>Every declared availability, or those of one settlement point.</summary>
    public IReadOnlyList<ProgrammesView.AvailabilityRow> Availabilities(SettlementPointId? point = null) =>
        [.. Rows<ProgrammesView.AvailabilityRow>("Programmes", point is { } named
            ? $"availability|{named}|" : "availability|").Where(row => Reaches(row.Point))];

    /// <summary>Every declared schedule, or those of one settlement point, in order of point, start and
    /// declaration.</summary>
    public IReadOnlyList<ProgrammesView.ScheduleRow> Schedules(SettlementPointId? point = null) =>
        [.. Rows<ProgrammesView.ScheduleRow>("Programmes", point is { } named ? $"schedule|{named}|" : "schedule|")
            .Where(row => Reaches(row.Point))];

    /// <summary>Every request of a charging session, or those at one settlement point, in order of point, arrival and
    /// request.</summary>
    public IReadOnlyList<ProgrammesView.SessionRow> Sessions(SettlementPointId? point = null) =>
        [.. Rows<ProgrammesView.SessionRow>("Programmes", point is { } named ? $"session|{named}|" : "session|")
            .Where(row => Reaches(row.Point))];

    /// <summary>Every outage, or those of one settlement point, in order of point and time.</summary>
    public IReadOnlyList<ProgrammesView.OutageRow> Outages(SettlementPointId? point = null) =>
        [.. Rows<ProgrammesView.OutageRow>("Programmes", point is { } named ? $"outage|{named}|" : "outage|")
            .Where(row => Reaches(row.Point))];

    /// <summary>What chargers recorded of a settlement point that touches a window.</summary>
    public IReadOnlyList<CurtailmentCompliance.FactRow> ChargingFacts(SettlementPointId point, Interval window) =>
        [.. Between<CurtailmentCompliance.FactRow>(
            "CurtailmentCompliance", $"fact|{point}|{RowJson.Key(window.Start)}", $"fact|{point}|~")
            .Where(fact => Reaches(point) && fact.Start < window.End && fact.End > window.Start)];

    /// <summary>The charging states of a settlement point that hold in some of a window.</summary>
    public IReadOnlyList<ChargingStateRecorded> ChargingStates(SettlementPointId point, Interval window) =>
        !Reaches(point) ? [] :
        [
            .. States(point, window.Start, RowJson.Key(window.End)).Concat(StatesAt(point, window.End))
                .Where(state => state.At < window.End).Select(state => CurtailmentCompliance.StateOf(point, state)),
        ];

    /// <summary>The state that holds at an instant, and maybe later ones. Rows are in order of their ends, so it is the
    /// first that ends then or later; how much later, nothing says, and what came since may be very much.</summary>
    private IReadOnlyList<CurtailmentCompliance.StateRow> StatesAt(SettlementPointId point, Instant at)
    {
        var last = States(point, Instant.MaxValue, "~");
        if (last.All(state => state.At < at)) return last;
        for (var step = Duration.FromDays(1); ; step *= 2)
            if (States(point, at, RowJson.Key(at + step)) is var found && (found.Count > 0 || at + step > last[^1].At))
                return found;
    }

    /// <summary>The states that end from an instant on and before a key.</summary>
    private IReadOnlyList<CurtailmentCompliance.StateRow> States(
        SettlementPointId point, Instant from, string before) =>
        Between<CurtailmentCompliance.StateRow>(
            "CurtailmentCompliance", $"state|{point}|{RowJson.Key(from)}", $"state|{point}|{before}");

    /// <summary>Every claim, or those on one settlement point, in order of point and time. Who claims for points of
    /// others sees his own, and of what they lost when and how much, not to whom.</summary>
    public IReadOnlyList<ProgrammesView.ClaimRow> Claims(SettlementPointId? point = null) =>
        [.. Rows<ProgrammesView.ClaimRow>("Programmes", point is { } named ? $"claim|{named}|" : "claim|")
            .Where(row => Reaches(row.Point))
            .Select(row => !reach.IsOfOthers || ReachesAccount(HolderOf(row.Point)!.Owner) ? row
                : ReachesAccount(row.ClaimedBy) ? row.WithoutRivals() : null).OfType<ProgrammesView.ClaimRow>()
            .OrderBy(row => row.Point, StringComparer.Ordinal).ThenBy(row => row.Start)
            .ThenBy(row => row.Claim, StringComparer.Ordinal)];

    private T? Row<T>(string projection, string key) where T : class =>
        RowJson.Read<T>(views.Get(projection, key, asOf));

    private IReadOnlyList<T> Rows<T>(string projection, string prefix) where T : class =>
        Between<T>(projection, prefix, prefix + "~");

    private IReadOnlyList<T> Between<T>(string projection, string first, string last) where T : class =>
        [.. views.Range(projection, first, last, asOf).Select(row => RowJson.Read<T>(row.Json)!)];
}
