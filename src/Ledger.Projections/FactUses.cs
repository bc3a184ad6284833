using System.Diagnostics;
using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>What one settlement run makes of a fact.</summary>
/// <param name="Lines">The numbers of the lines and charges that rest on it; empty where it is excluded.</param>
/// <param name="Because">As what it is counted, or why it is not.</param>
public sealed record FactInRun(
    string Run, string Account, NodaTime.LocalDate Day, IReadOnlyList<int> Lines, string Because)
{
    public bool IsCounted => Lines.Count > 0;
}

/// <summary>A fact, and where it is counted.</summary>
/// <param name="Because">Why no run has anything to do with it; null where runs do.</param>
public sealed record FactUse(FactInWords Fact, IReadOnlyList<FactInRun> Runs, string? Because);

/// <summary>
/// For every fact that was accepted: the lines of the runs in which it is counted, or why it is in none. Each run is
/// calculated again, and a line counts a fact where its explanation rests on it. What a fact matters to follows from
/// all that is recorded up to the position that is asked for; runs and owners are told of those alone that are reached.
/// </summary>
public static class FactUses
{
    /// <summary>No settlement day is longer, also where a zone skips one or a clock goes back.</summary>
    private static readonly Duration DayMost = Duration.FromDays(2);

    /// <summary>Facts of which no amount is made, by their type, and what they are for.</summary>
    private static readonly Dictionary<Type, string> InNoAmount = new()
    {
        [typeof(MeterClassDeclared)] = "a meter's class bounds the register check, and is in no amount",
        [typeof(MeterKeyRegistered)] = "a meter's key verifies signed values, and is in no amount",
        [typeof(PointPlaced)] = "the station tree decides the energy balance and what counts twice, and is in no amount",
        [typeof(LossFactorSet)] = "losses decide the energy balance, and are in no amount",
        [typeof(MeterFindingRecorded)] = "a finding says how good a reading is, and is in no amount",
        [typeof(DispatchInstructed)] = "an order is paid by its delivery: ledger show delivery INSTRUCTION",
        [typeof(InstructionClockRecorded)] = "the clocks of an order decide its verdicts, and are in no amount",
        [typeof(InstructionWithdrawn)] = "a withdrawal ends an order's delivery: ledger show delivery INSTRUCTION",
        [typeof(ChargingFactRecorded)] = "what a charger observed may excuse a shortfall, and is in no amount",
        [typeof(ChargingStateRecorded)] =
            "who is connected decides eligibility, and from when to when a charge record is: ledger export cdr; "
            + "no statement's amount rests on it",
        [typeof(ReasonClaimed)] = "a claimed reason improves no verdict by itself, and is in no amount",
        [typeof(ProgrammePublished)] = "a programme's terms decide deliveries: ledger show delivery INSTRUCTION",
        [typeof(PointEnrolled)] = "an enrolment decides who owes for a call, and no run pays or penalises by it",
        [typeof(EnrolmentEnded)] = "an enrolment decides who owes for a call, and no run pays or penalises by it",
        [typeof(AvailabilityDeclared)] =
            "what is declared ready may be paid, or lower what a point on its way is paid: none of the runs that you "
            + "reach rests on it",
        [typeof(ScheduleDeclared)] = "a schedule may become a baseline: ledger show baseline INSTRUCTION",
        [typeof(SessionRequested)] = "a session may become a baseline: ledger show baseline INSTRUCTION",
        [typeof(OutageRecorded)] = "an outage may exclude a day from a baseline, and is in no amount",
        [typeof(DeliveryClaimed)] = "a claim decides which programme a kWh counts for: ledger show claims",
        [typeof(ClaimDisplaced)] = "a claim decides which programme a kWh counts for: ledger show claims",
        [typeof(BaselineFrozen)] = "a baseline decides a delivery: ledger show delivery INSTRUCTION",
        [typeof(StandingLimitSet)] = "a limit is judged against interval records, and is in no amount",
        [typeof(RulePackPublished)] = "a rule pack decides baselines and scores: ledger show delivery INSTRUCTION",
        [typeof(StandardDeclared)] = "a standard is declared, and is in no amount",
        [typeof(SettlementRunCompleted)] = "it is a settlement run itself: ledger explain RUN total",
        [typeof(SettlementRunPublished)] = "a publication says who answers for a run, and is in no amount",
        [typeof(SettlementDeltasBooked)] = "it is a correction of a run itself: ledger show statement RUN",
        [typeof(SettlementMonthClosed)] = "a close says that only corrections follow, and is in no amount",
        [typeof(DisputeOpened)] = "a dispute changes no amount; the run that resolves it does: ledger show disputes",
        [typeof(DisputeAnswered)] = "a dispute changes no amount; the run that resolves it does: ledger show disputes",
        [typeof(DisputeClosed)] = "a dispute changes no amount; the run that resolves it does: ledger show disputes",
        [typeof(ChargeRecorded)] =
            "a charge record is in no statement, and is compared with what is settled: ledger reconcile cdr",
        [typeof(FramesDropped)] = "it is about raw frames that nothing needs any more, and is in no amount",
        [typeof(MonthPruned)] = "it is about evidence that lies in an archive now, and is in no amount",
        [typeof(SigningKeyRegistered)] = "it is about the ledger itself",
        [typeof(ClockSteppedBack)] = "it is about the ledger itself",
        [typeof(JournalRecovered)] = "it is about the ledger itself",
        [typeof(LedgerRestored)] = "it is about the ledger itself",
        [typeof(SubjectErased)] = "it is about evidence that names a person, and is in no amount",
        [typeof(LegalHoldSet)] = "it is about evidence that names a person, and is in no amount",
        [typeof(RefusalReleased)] = "a release lets evidence be taken again, and is in no amount itself",
        [typeof(EvidenceRedriven)] = "it says what came of taking evidence again, and is in no amount itself",
        [typeof(LegalHoldReleased)] = "it is about evidence that names a person, and is in no amount",
        [typeof(AccessKeyIssued)] = "it is about who may ask, and is in no amount",
        [typeof(AccessKeyRevoked)] = "it is about who may ask, and is in no amount",
        [typeof(DataRead)] = "it is about who has read, and is in no amount",
        [typeof(EvidenceDisclosed)] = "it is about evidence that names a person, and is in no amount",
    };

    /// <summary>The kinds of facts of which no amount is made.</summary>
    public static IReadOnlyCollection<Type> WithoutAmount => InNoAmount.Keys;

    /// <summary>In all runs, as known now.</summary>
    /// <param name="position">Of a fact of the journal.</param>
    public static Task<FactUse> OfAsync(IJournal journal, IViewStore views, long position, CancellationToken ct) =>
        OfAsync(journal, new Answers(views), position, ct);

    /// <summary>In the runs that are reached, as of the position of these answers.</summary>
    public static async Task<FactUse> OfAsync(IJournal journal, Answers seen, long position, CancellationToken ct)
    {
        var fact = await new FactWords(journal, ct).OfAsync(position).ConfigureAwait(false);
        switch (fact.Event)
        {
            case EvidenceRefused refused:
                return new(fact, [], $"it was refused, {refused.Code} ({Number((int)refused.Code)}): {refused.Detail}");
            case EvidenceKept kept: return new(fact, [], $"it is kept, and nothing is settled from it: {kept.Note}");
            case RegisterReadingQuarantined held:
                return new(fact, [], $"it is quarantined, {held.Code} ({Number((int)held.Code)}), until a correction "
                    + $"releases it: {held.Detail}");
        }
        if (InNoAmount.TryGetValue(fact.Event.GetType(), out var because))
            return await PaidAsync(journal, seen, fact, ct).ConfigureAwait(false) is { Count: > 0 } paid
                ? new(fact, paid, null) : new(fact, [], because);
        var (runs, touched) = await RunsAsync(journal, seen, fact.Event, ct).ConfigureAwait(false);
        var uses = new List<FactInRun>();
        foreach (var run in runs) uses.Add(await InRunAsync(journal, seen, fact, run, ct).ConfigureAwait(false));
        var later = await LaterRunsAsync(journal, seen, fact.Event, runs, ct).ConfigureAwait(false);
        var paying = await PayingRunsAsync(journal, seen, fact.Event, [.. runs, .. later], ct).ConfigureAwait(false);
        foreach (var run in later.Concat(paying))
            if (await InRunAsync(journal, seen, fact, run, ct).ConfigureAwait(false) is { IsCounted: true } use)
                uses.Add(use);
        return uses.Count > 0 ? new(fact, uses, null)
            : new(fact, [], $"no settlement run {(seen.AreOfAll ? "" : "that you reach ")}is recorded of {touched}");
    }

    /// <summary>The runs that pay flexibility by a fact of a call or of power held ready; none where it is of no
    /// call, or no programme pays it by statement.</summary>
    private static async Task<List<FactInRun>> PaidAsync(
        IJournal journal, Answers seen, FactInWords fact, CancellationToken ct)
    {
        var (paid, isStay) = (new List<FactInRun>(), fact.Event is ChargingStateRecorded);
        foreach (var run in await NearAsync(journal, seen, fact.Event, ct).ConfigureAwait(false))
            if (fact.Position < run.AtPosition
                && await ExplainedRun.OfAsync(journal, seen.Views, run, ct).ConfigureAwait(false) is { } explained
                && (isStay ? Standing(explained, fact.Position) : Paying(explained, fact.Position))
                    is { Count: > 0 } lines)
                paid.Add(new(run.Run, run.Account, RowJson.Day(run.Day), lines, isStay
                    ? "as a stay for which a fee is due" : "as what a payment of flexibility follows from"));
        return paid;
    }

    /// <summary>The runs whose payments of flexibility, or fees for stays, may follow from a fact.</summary>
    private static async Task<IReadOnlyList<TimeOfUseSettlement.RunRow>> NearAsync(
        IJournal journal, Answers seen, LedgerEvent fact, CancellationToken ct)
    {
        if (fact is ProgrammePublished or RulePackPublished)
            return await RunsByTermsAsync(journal, seen, fact, ct).ConfigureAwait(false);
        if (Matters(seen.OfAll(), fact) is not (var start, var end)) return [];
        var owners = fact is ChargingStateRecorded { Point: var point }
            ? await OwnersAsync(journal, seen, point, ct).ConfigureAwait(false) : null;
        // A day begins within a day of that date in UTC, in whatever zone.
        var (from, to) = (start?.InUtc().Date.PlusDays(-1), end?.InUtc().Date.PlusDays(1));
        return [.. seen.Runs().Where(run => !(RowJson.Day(run.Day) < from) && !(RowJson.Day(run.Day) > to)
            && (owners?.Contains(run.Account) ?? MayPay(run)))];
    }

    /// <summary>The runs that may pay by a programme, or by those that a pack scores: of the days on which their calls
    /// begin and power was held ready, and of the payees and the owners of what was called or held ready. A pack of
    /// baselines is in no tree.</summary>
    private static async Task<IReadOnlyList<TimeOfUseSettlement.RunRow>> RunsByTermsAsync(
        IJournal journal, Answers seen, LedgerEvent terms, CancellationToken ct)
    {
        var answers = seen.OfAll();
        var programmes = answers.Programmes().Where(programme => terms switch
        {
            ProgrammePublished { Programme: var named } => programme.Programme == named.Value,
            RulePackPublished { Scoring: not null, Pack: var named } => programme.ScoringPack == named.Value,
            _ => false,
        }).ToLookup(programme => programme.Programme, programme => programme.Payee, StringComparer.Ordinal);
        var from = (terms as ProgrammePublished)?.ValidFrom ?? Instant.MinValue;
        // A call has the terms of when it was issued.
        var calls = answers.Instructions().Where(call =>
            call.IssuedAt >= from && call.Programme is { } named && programmes.Contains(named)).ToList();
        var ready = terms is not ProgrammePublished ? [] : answers.Availabilities()
            .Where(each => each.End > from && programmes.Contains(each.Programme)).ToList();
        var points = calls.SelectMany(call => answers.Instruction(new(call.Instruction))!.Targets)
            .Select(target => target.Point).Concat(ready.Select(each => each.Point)).Distinct(StringComparer.Ordinal);
        var paid = programmes.SelectMany(payees => payees).OfType<string>().ToHashSet(StringComparer.Ordinal);
        foreach (var point in points)
            paid.UnionWith(await OwnersAsync(journal, seen, new(point), ct).ConfigureAwait(false));
        // A day begins within a day of that date in UTC, in whatever zone.
        var days = calls.Select(call => (call.Start, End: call.Start))
            .Concat(ready.Select(each => (each.Start, each.End)))
            .Select(time => (From: time.Start.InUtc().Date.PlusDays(-1), To: time.End.InUtc().Date.PlusDays(1)))
            .Distinct().ToList();
        return [.. seen.Runs().Where(run => MayPay(run) && paid.Contains(run.Account)
            && RowJson.Day(run.Day) is var day && days.Exists(time => time.From <= day && day <= time.To))];
    }

    /// <summary>The time to whose runs a fact may matter, each end open where it is null; null where it matters to
    /// none.</summary>
    private static (Instant? From, Instant? To)? Matters(Answers answers, LedgerEvent fact) => fact switch
    {
        DispatchInstructed order => (order.Period.Start, order.Period.End),
        BaselineFrozen { Periods: [var first, .., var last] } => (first.Period.Start, last.Period.End),
        BaselineFrozen { Periods: [var only] } => (only.Period.Start, only.Period.End),
        AvailabilityDeclared declared => (declared.Period.Start, declared.Period.End),
        // A call is paid on the day on which it begins.
        DeliveryClaimed claim => (answers.InstructionsAt(claim.Point, claim.Period)
            .Select(call => answers.Instruction(call)!.Instruction.Start).Append(claim.Period.Start).Min(),
            claim.Period.End),
        PointEnrolled enrolled => (enrolled.From, enrolled.To),
        EnrolmentEnded ended => (null, ended.At),
        // A fee for a stay may be due until its month ends.
        ChargingStateRecorded state => (state.At, state.At + Duration.FromDays(SessionRequests.StayDaysMax)),
        _ => null,
    };

    /// <summary>Whether lines of flexibility may stand on the statement of a run: by the first rules there are
    /// none.</summary>
    private static bool MayPay(TimeOfUseSettlement.RunRow run) => run.RuleVersion != Settlement.RuleVersion;

    /// <summary>Other runs that may pay for a call by what was metered: those of whom its programme names, and of the
    /// day on which it began, where it goes on to another.</summary>
    private static async Task<IReadOnlyList<TimeOfUseSettlement.RunRow>> PayingRunsAsync(IJournal journal,
        Answers seen, LedgerEvent fact, IReadOnlyList<TimeOfUseSettlement.RunRow> runs, CancellationToken ct)
    {
        if (fact is TariffPublished or TariffAssigned or SettlementPointRegistered) return [];
        var (answers, (point, time)) = (seen.OfAll(), PointOf(fact));
        // A period is metered by the facts of its own day.
        var calls = (time is { } of ? answers.InstructionsAt(point, new(of.Start - DayMost, of.End + DayMost))
            : answers.InstructionsAt(point)).Select(named => answers.Instruction(named)!.Instruction).ToList();
        var paid = calls.Count == 0 ? [] : await OwnersAsync(journal, seen, point, ct).ConfigureAwait(false);
        paid.UnionWith(answers.Programmes().Where(programme => programme.Payee is not null
            && calls.Exists(call => call.Programme == programme.Programme)).Select(programme => programme.Payee!));
        return [.. seen.Runs().Where(run => MayPay(run) && paid.Contains(run.Account) && !IsAmong(runs, run)
            && calls.Exists(call => Math.Abs(Period.DaysBetween(call.Start.InUtc().Date, RowJson.Day(run.Day))) <= 1))];
    }

    /// <summary>The numbers of the charges that rest on a fact.</summary>
    private static List<int> Standing(ExplainedRun explained, long position) =>
        [.. explained.Statement.Charges.Where(charge => explained.Charge(charge).Positions().Contains(position))
            .Select(charge => charge.Number)];

    /// <summary>The numbers of the lines of flexibility that rest on a fact.</summary>
    private static List<int> Paying(ExplainedRun explained, long position) =>
        [.. explained.Statement.Flexibility.Where(line => explained.Flexibility(line).Positions().Contains(position))
            .Select(line => line.Number)];

    /// <summary>The runs that the fact could be counted in, and what they are of, in words.</summary>
    private static async Task<(IReadOnlyList<TimeOfUseSettlement.RunRow> Runs, string Touched)> RunsAsync(
        IJournal journal, Answers seen, LedgerEvent fact, CancellationToken ct)
    {
        switch (fact)
        {
            case TariffPublished tariff:
                return ([.. seen.Runs().Where(run => run.Tariff == tariff.Tariff.Value)], $"tariff {tariff.Tariff}");
            case TariffAssigned assigned: return (seen.Runs(assigned.Account), $"{assigned.Account}");
        }
        var (point, time) = PointOf(fact);
        var owners = await OwnersAsync(journal, seen, point, ct).ConfigureAwait(false);
        var reached = owners.Where(owner => seen.Reaches(new PartyId(owner))).ToList();
        return ([.. seen.Runs().Where(run => owners.Contains(run.Account) && Touches(run, time))],
            reached.Count == 0 ? "its day" : $"{string.Join(" or ", reached)} on its day");
    }

    private static async Task<HashSet<string>> OwnersAsync(
        IJournal journal, Answers seen, SettlementPointId point, CancellationToken ct)
    {
        var owners = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var recorded in journal.ReadStreamAsync(Streams.Point(point), 0, ct).ConfigureAwait(false))
            if (!(recorded.Position > seen.AsOf))
                owners.Add(((SettlementPointRegistered)EventCodec.Decode(recorded)).Owner.Value);
        return owners;
    }

    /// <summary>Rows are read again each time, and two that are read of one run are two.</summary>
    private static bool IsAmong(
        IReadOnlyList<TimeOfUseSettlement.RunRow> runs, TimeOfUseSettlement.RunRow run) =>
        runs.Any(other => other.RecordedPosition == run.RecordedPosition);

    /// <summary>Runs of later days whose tariff charges by month, so that what was metered before them may
    /// count.</summary>
    private static async Task<IReadOnlyList<TimeOfUseSettlement.RunRow>> LaterRunsAsync(IJournal journal,
        Answers seen, LedgerEvent fact, IReadOnlyList<TimeOfUseSettlement.RunRow> runs, CancellationToken ct)
    {
        if (fact is TariffPublished or TariffAssigned || PointOf(fact) is not (var point, { } time)) return [];
        var owners = await OwnersAsync(journal, seen, point, ct).ConfigureAwait(false);
        var later = new List<TimeOfUseSettlement.RunRow>();
        var known = new KnownFacts(journal, long.MaxValue, ct);
        foreach (var run in seen.Runs().Where(run => owners.Contains(run.Account) && !IsAmong(runs, run)))
        {
            var (zone, day) = (DateTimeZoneProviders.Tzdb[run.Zone], RowJson.Day(run.Day));
            var terms = (await known.ReadAsync(Streams.Tariff(new(run.Tariff))).ConfigureAwait(false))
                .Select(each => each.Event).OfType<TariffPublished>()
                .FirstOrDefault(tariff => tariff.Version == run.TariffVersion)?.Terms;
            if (terms is null) continue;
            var first = day.ToYearMonth().OnDayOfMonth(1)
                .PlusMonths(-(terms.DemandCharges.Max(charge => charge.Ratchet?.LookbackMonths) ?? 0));
            if (time.End >= SettlementCalendar.Day(zone, first).Start
                && time.Start < SettlementCalendar.Day(zone, day).Start)
                later.Add(run);
        }
        return later;
    }

    /// <summary>The point of a fact of metering or master data, and its time; null where it lasts.</summary>
    private static (SettlementPointId Point, Interval? Time) PointOf(LedgerEvent fact) => fact switch
    {
        SettlementPointRegistered f => (f.Point, null),
        RegisterInstalled f => (f.Register.Point, null),
        RegisterReadingRecorded f => (f.Register.Point, new(f.ReadAt, f.ReadAt)),
        RegisterReadingCorrected f => (f.Register.Point, new(f.ReadAt, f.ReadAt)),
        IntervalReadingRecorded f => (f.Register.Point, f.Period),
        IntervalReadingCorrected f => (f.Register.Point, f.Period),
        IntervalEstimated f => (f.Register.Point, f.Period),
        IntervalRecorded f => (f.Point, f.Period),
        _ => throw new UnreachableException($"nothing says what {fact.GetType().Name} is for"),
    };

    // A reading at midnight belongs to both days.
    private static bool Touches(TimeOfUseSettlement.RunRow run, Interval? time)
    {
        if (time is not { } of) return true;
        var day = SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[run.Zone], RowJson.Day(run.Day));
        return of.Start <= day.End && of.End >= day.Start && (of.Start == of.End
            || (of.Start < day.End && of.End > day.Start));
    }

    /// <summary>What was booked on a run after a fact; a credit counts no facts, and takes back what counted some.
    /// </summary>
    private static IEnumerable<TimeOfUseSettlement.DeltasRow> LaterDeltas(
        Answers seen, TimeOfUseSettlement.RunRow run, long position) =>
        seen.Deltas().Where(deltas => deltas.Corrects == run.Run && deltas.Account == run.Account
            && deltas.Day == run.Day && deltas.Style == CorrectionStyle.Deltas && position < deltas.AtPosition);

    private static async Task<FactInRun> InRunAsync(IJournal journal, Answers seen, FactInWords fact,
        TimeOfUseSettlement.RunRow run, CancellationToken ct)
    {
        if (fact.Position >= run.AtPosition)
            return new(run.Run, run.Account, RowJson.Day(run.Day), [],
                $"it was recorded at position {Number(fact.Position)}, and the run counts the facts before position "
                + Number(run.AtPosition) + string.Concat(LaterDeltas(seen, run, fact.Position).Select(deltas =>
                    $"; {deltas.Run}, booked on it as deltas, counts those before {Number(deltas.AtPosition)}")));
        if (await ExplainedRun.OfAsync(journal, seen.Views, run, ct).ConfigureAwait(false) is not { } explained)
            return new(run.Run, run.Account, RowJson.Day(run.Day), [], "the run cannot be calculated again");
        var lines = fact.Event switch
        {
            TariffPublished when fact.Position == explained.Pricing.Tariff.Position => explained.Statement.Lines,
            TariffAssigned when fact.Position == explained.Pricing.AssignmentPosition => explained.Statement.Lines,
            TariffPublished or TariffAssigned => [],
            SettlementPointRegistered of => explained.Pricing.Points.GetValueOrDefault(of.Point, -1) == fact.Position
                ? Of(explained, of.Point) : [],
            _ => [.. Of(explained, PointOf(fact.Event).Point)
                .Where(line => explained.Metered(line).Positions().Contains(fact.Position))],
        };
        List<int> charges = [.. explained.Statement.Charges.Where(charge => fact.Event switch
        {
            TariffPublished or TariffAssigned => lines.Count > 0,
            _ when charge.Point is null => explained.Charge(charge).Positions().Contains(fact.Position),
            SettlementPointRegistered of => lines.Count > 0 && charge.Point == of.Point,
            _ => charge.Point == PointOf(fact.Event).Point
                && explained.Charge(charge).Positions().Contains(fact.Position),
        }).Select(charge => charge.Number)];
        var (energies, paid) = (explained.Statement.Lines.Count, Paying(explained, fact.Position));
        return lines.Count + charges.Count + paid.Count > 0
            ? new(run.Run, run.Account, RowJson.Day(run.Day),
                [.. lines.Select(line => line.Number), .. charges, .. paid], As(fact.Event)
                + (charges.Count == 0 ? "" : $"; from line {Number(energies + 1)} on as charges of the month")
                + (paid.Count == 0 ? "" : $"; from line {Number(paid[0])} on as what flexibility is paid by"))
            : new(run.Run, run.Account, RowJson.Day(run.Day), [],
                await WhyNotAsync(journal, fact, explained, ct).ConfigureAwait(false));
    }

    private static IReadOnlyList<StatementLine> Of(ExplainedRun explained, SettlementPointId point) =>
        [.. explained.Statement.Lines.Where(line => line.Point == point)];

    private static string As(LedgerEvent fact) => fact switch
    {
        TariffPublished => "as the tariff of its lines",
        TariffAssigned => "as what gives the account its tariff",
        SettlementPointRegistered => "as the registration of its lines' point",
        RegisterInstalled => "as how its register counts",
        _ => "as metered energy",
    };

    private static async Task<string> WhyNotAsync(
        IJournal journal, FactInWords fact, ExplainedRun explained, CancellationToken ct)
    {
        switch (fact.Event)
        {
            case TariffPublished:
                return $"version {Number(explained.Run.TariffVersion)} holds at the start of the day, at position "
                    + Number(explained.Pricing.Tariff.Position);
            case TariffAssigned:
                return "the assignment at position "
                    + $"{Number(explained.Pricing.AssignmentPosition)} holds at the start of the day";
        }
        var (point, _) = PointOf(fact.Event);
        if (explained.LeftOut.FirstOrDefault(left => left.Point == point) is { WhyNot: { } why })
            return $"{point} is not settled: {why}";
        if (explained.Pricing.Points.GetValueOrDefault(point, -1) is >= 0 and var holds
            && fact.Event is SettlementPointRegistered)
            return $"the registration at position {Number(holds)} holds at the start of the day";
        if (IsWithdrawn(fact.Event)) return "it says that nothing was read";
        if (await LaterAsync(journal, fact, explained.Run.AtPosition, ct).ConfigureAwait(false) is { } later)
            return $"{later.Says}, at position {Number(later.Position)}, takes its place";
        var (_, time) = PointOf(fact.Event);
        var beside = Of(explained, point).FirstOrDefault(line => IsOf(fact.Event, line) && time is { } of
            && line.Period.Start <= of.Start && line.Period.End >= of.End);
        return beside is null ? "no line of the run is of its register and time"
            : $"line {Number(beside.Number)} counts in its place: {beside.Source}";
    }

    private static bool IsOf(LedgerEvent fact, StatementLine line) => fact switch
    {
        RegisterInstalled f => f.Register.Direction == line.Direction,
        RegisterReadingRecorded f => f.Register.Direction == line.Direction,
        RegisterReadingCorrected f => f.Register.Direction == line.Direction,
        IntervalReadingRecorded f => f.Register.Direction == line.Direction,
        IntervalReadingCorrected f => f.Register.Direction == line.Direction,
        IntervalEstimated f => f.Register.Direction == line.Direction,
        _ => true,
    };

    private static bool IsWithdrawn(LedgerEvent fact) =>
        fact is RegisterReadingRecorded { Quality: ReadingQuality.Missing }
        or RegisterReadingCorrected { Quality: ReadingQuality.Missing }
        or IntervalReadingRecorded { Quality: ReadingQuality.Missing }
        or IntervalReadingCorrected { Quality: ReadingQuality.Missing }
        or IntervalRecorded { Quality: ReadingQuality.Missing };

    /// <summary>The latest version, before a position, of what the fact is a version of; null where it is the
    /// fact.</summary>
    private static async Task<FactInWords?> LaterAsync(
        IJournal journal, FactInWords fact, long before, CancellationToken ct) =>
        await FactVersions.LaterAsync(new KnownFacts(journal, before, ct), fact).ConfigureAwait(false) is { } later
            ? await new FactWords(journal, ct).OfAsync(later).ConfigureAwait(false) : null;

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
