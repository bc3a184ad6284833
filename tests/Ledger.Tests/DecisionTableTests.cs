using Ledger.Domain;
using NodaTime;
using NodaTime.Text;
using Shouldly;
using static Ledger.Tests.ScenarioTable;

namespace Ledger.Tests;

/// <summary>Every decision of the domain by its text table: what is refused, by which rule,
/// and which rule comes first.</summary>
public sealed class DecisionTableTests
{
    private static readonly Instant Now = Instant.FromUnixTimeSeconds(1000);
    private static readonly RegisterId Import = new(new("P1"), Direction.Import);
    private static readonly InstructionId Instruction = new("I1");
    private static readonly EvidenceKey Key = new("k");

    private static readonly Dictionary<string, Func<string[], Decision>> Rules = new()
    {
        ["settlement-points.txt"] = SettlementPointOf,
        ["installations.txt"] = InstallationOf,
        ["interval-readings.txt"] = IntervalReadingOf,
        ["interval-corrections.txt"] = IntervalCorrectionOf,
        ["interval-estimates.txt"] = IntervalEstimateOf,
        ["reading-corrections.txt"] = ReadingCorrectionOf,
        ["suspect-readings.txt"] = SuspectReadingOf,
        ["interval-records.txt"] = IntervalRecordOf,
        ["instructions.txt"] = InstructionOf,
        ["partial-activations.txt"] = PartialActivationOf,
        ["instruction-clocks.txt"] = ClockOf,
        ["withdrawals.txt"] = WithdrawalOf,
        ["reason-claims.txt"] = ClaimOf,
        ["charging-facts.txt"] = cells => Dispatch.Decide(
            new(new("C1"), Seconds(cells[0]), ShortfallReason.Safety, "charger", null), Now, Key),
        ["charging-states.txt"] = ChargingStateOf,
        ["standing-limits.txt"] = StandingLimitOf,
        ["tariffs.txt"] = TariffOf,
        ["tariff-assignments.txt"] = AssignmentOf,
        ["rule-packs.txt"] = RulePackOf,
        ["standards.txt"] = StandardOf,
        ["settlement-runs.txt"] = RunOf,
    };

    public static IEnumerable<TheoryDataRow<string, int, string>> AllLines() => Lines([.. Rules.Keys]);

    [Theory, MemberData(nameof(AllLines))]
    public void Each_line_is_answered_as_it_says(string table, int number, string line)
    {
        var cells = Cells(line);
        Answer(Rules[table](cells)).ShouldBe(cells[^1], $"{table}:{number}");
    }

    [Fact]
    public void Refusals_stand_in_the_order_of_their_codes()
    {
        foreach (var table in Tables())
            FirstAnswers(table).Where(answer => Enum.TryParse<Rejection>(answer, out _)).Select(Enum.Parse<Rejection>)
                .ShouldBeInOrder(SortDirection.Ascending, table);
    }

    [Fact]
    public void Who_assigns_what_was_replaced_is_told_what_stands()
    {
        TariffAssigned first = new(new("A"), new("T")), second = first with { Tariff = new("U") };
        var state = TariffAssignments.Evolve(
            TariffAssignments.Evolve(TariffAssignmentState.Empty, first, Now), second, Now);
        ((Decision.AlreadyRecorded)TariffAssignments.Decide(state, second, Now)).Detail.ShouldBeNull();
        ((Decision.AlreadyRecorded)TariffAssignments.Decide(state, first, Now)).Detail.ShouldBe(
            "another assignment from 1970-01-01T00:16:40Z on has replaced it; to return to it, record it from another instant on");
    }

    private static Decision SettlementPointOf(string[] cells)
    {
        var point = new SettlementPointRegistered(new("P1"), new("S1"), SettlementPointKind.Connector, new("A"),
            cells[0],
            (int)Number(cells[1]), Kilowatts(cells[2]), true);
        return SettlementPoint.Decide(
            Known(cells[3], SettlementPointState.Empty, (state, e) => SettlementPoint.Evolve(state, e, Now), point, point with { Owner = new("B") }),
            point, Now);
    }

    private static Decision AssignmentOf(string[] cells)
    {
        static TariffAssigned Assigned(string text) => text.Split('/') is [var tariff, var seller]
            ? new(new("A"), new(tariff), new PartyId(seller)) : new(new("A"), new(text));
        static Instant At(string text) => Instant.FromUnixTimeSeconds(Number(text));
        var state = cells[0] == "-" ? TariffAssignmentState.Empty
            : cells[0].Split("; ").Select(known => known.Split(' ')).Aggregate(TariffAssignmentState.Empty,
                (before, known) => TariffAssignments.Evolve(before, Assigned(known[1]), At(known[0])));
        return TariffAssignments.Decide(state, Assigned(cells[2]), At(cells[1]));
    }

    private static Decision InstallationOf(string[] cells)
    {
        var meter = new RegisterInstalled(Import, "M1", (int)Number(cells[0]), (int)Number(cells[1]),
            (int)Number(cells[2]),
            cells[3] == "-" ? null : Number(cells[3]));
        static RegisterState Evolve(RegisterState state, LedgerEvent happened) => Register.Evolve(state, happened, Now);
        var state = cells[4] != "read" ? Known(cells[4], RegisterState.Empty, Evolve, meter,
            meter with { MeterSerial = "M2" })
            : Evolve(Evolve(RegisterState.Empty, new RegisterInstalled(Import, "M2", 6, 1, 1, null)),
                new RegisterReadingRecorded(Import, Now, 5, ReadingQuality.Measured, null));
        return Register.DecideInstalled(state, meter, Now);
    }

    private static Decision IntervalReadingOf(string[] cells)
    {
        var state = IntervalReadingsState.Empty;
        if (cells[0].Split(':') is [var period, var wattHours])
            state = IntervalReadings.Evolve(state, Reading(period, wattHours, new(new string('a', 64))));
        return IntervalReadings.Decide(state, Reading(cells[1], cells[2], null), Now);

        static IntervalReadingRecorded Reading(string period, string wattHours, EvidenceDigest? evidence) => new(
            Import, Seconds(period), Energy.FromWattHours(Number(wattHours)), ReadingQuality.Measured, "A", evidence);
    }

    private static Decision IntervalCorrectionOf(string[] cells)
    {
        var state = IntervalReadingsState.Empty;
        foreach (var version in Words(cells[0]))
            state = IntervalReadings.Evolve(state, state.Known.IsEmpty
                ? new IntervalReadingRecorded(Import, Seconds("500-800"), Energy.FromWattHours(Number(version)),
                    ReadingQuality.Measured, "A", null)
                : Correction(state.Known[Seconds("500-800")].Count + 1, version));
        return IntervalCorrections.Decide(state, Correction((int)Number(cells[1]) + 1, cells[2]));

        static IntervalReadingCorrected Correction(int version, string wattHours) => new(
            Import, Seconds("500-800"), version, Energy.FromWattHours(Number(wattHours)), ReadingQuality.Substituted,
            "S53", "read again", null);
    }

    private static Decision IntervalEstimateOf(string[] cells)
    {
        var state = IntervalReadingsState.Empty;
        foreach (var known in Words(cells[0]))
            state = IntervalReadings.Evolve(state, known.Split(':') is ["measured", var period]
                ? new IntervalReadingRecorded(Import, Seconds(period), Energy.Zero, ReadingQuality.Measured, "A", null)
                : Estimate(known.Split(':')[0], known.Split(':')[1], "Linear"));
        return IntervalEstimates.Decide(state, Estimate(cells[1], cells[2], cells[3]),
            Instant.FromUnixTimeSeconds(100_000));

        static IntervalEstimated Estimate(string period, string wattHours, string method) => new(
            Import, Seconds(period), 1, Energy.FromWattHours(Number(wattHours)), ReadingQuality.Estimated,
            Enum.Parse<EstimationMethod>(method), "its neighbours", null);
    }

    private static Decision ReadingCorrectionOf(string[] cells)
    {
        var state = cells[0] == "-" ? RegisterState.Empty
            : RegisterState.Of(new RegisterInstalled(Import, "M1", 6, 0, 1, null));
        foreach (var known in Words(cells[1]))
            state = Register.Evolve(state, known.Split(':') switch
            {
                ["quarantined", var at, var index] => new RegisterReadingQuarantined(
                    Import, Second(at), Number(index), Rejection.ChangeOfBasis, "fell", null),
                [var at, var version, var index] => Correction(at, version, index),
                [var at, var index] =>
                    new RegisterReadingRecorded(Import, Second(at), Number(index), ReadingQuality.Measured, null),
                _ => throw new InvalidDataException(known),
            }, Now);
        return ReadingCorrections.Decide(state, Correction(cells[2], cells[3], cells[4]));

        // "withdrawn" takes the reading back.
        static RegisterReadingCorrected Correction(string at, string supersedes, string index) => new(
            Import, Second(at), (int)Number(supersedes) + 1, index == "withdrawn" ? 0 : Number(index),
            index == "withdrawn" ? ReadingQuality.Missing : ReadingQuality.Measured, "read again", null);
    }

    /// <summary>A reading after those known, at a point with a rated power.</summary>
    private static Decision SuspectReadingOf(string[] cells)
    {
        var digits = cells[0].Split('/')[0].Split('.');
        var state =
            RegisterState.Of(new RegisterInstalled(Import, "M1", (int)Number(digits[0]), (int)Number(digits[1]), 1,
            cells[0].Split('/') is [_, var modulus] ? Number(modulus) : null));
        foreach (var known in Words(cells[1]))
            state = Register.Evolve(state, new RegisterReadingRecorded(
                Import, Second(known.Split(':')[0]), Number(known.Split(':')[1]), ReadingQuality.Measured, null), Now);
        return Register.Decide(state, new(Import, Second(cells[3]), Number(cells[4]), ReadingQuality.Measured, null),
            Instant.FromUnixTimeSeconds(100_000), new ReadingContext(cells[2] == "-" ? null : Kilowatts(cells[2])));
    }

    private static string[] Words(string cell) => cell == "-" ? [] : cell.Split(' ');

    private static Decision IntervalRecordOf(string[] cells)
    {
        var state = IntervalRecordsState.Empty;
        if (cells[0].Split(' ') is [var period, var known, var import])
            state = IntervalRecords.Evolve(state, Record(period, known, import, "0"));
        return IntervalRecords.Decide(state, Record(cells[1], cells[2], cells[3], cells[4]), Now);

        static IntervalRecorded Record(string period, string state, string import, string export) => new(
            Import.Point, Seconds(period), 1, Enum.Parse<IntervalRecordState>(state),
            Energy.FromWattHours(Number(import)),
            Energy.FromWattHours(Number(export)), Power.Zero, Power.Zero, 0, 0, [], 2, 0, 0, 0, 0,
            ReadingQuality.Measured,
            null, new(new string('a', 64)));
    }

    private static Decision InstructionOf(string[] cells)
    {
        var terms = cells[2].Split(' ');
        var order = Order(cells[0], cells[1], cells[4], cells[5]) with
        {
            Tolerance = Kilowatts(terms[0]),
            RampAllowanceMs = Number(terms[1]),
            PricePerKwh = Number(terms[2]),
            PenaltyPerKwh = Number(terms[3]),
            Test = terms.Length > 4 && terms[4].Split(':') is [var permille, var t90]
                ? new((int)Number(permille), Number(t90)) : null,
        };
        return Dispatch.Decide(Known(cells[3], DispatchState.Empty, Dispatch.Evolve,
            order with { Targets = [.. order.Targets] }, order with { Targets = [new(new("C9"), Power.Zero)] }), order,
                Now, Key);
    }

    private static Decision PartialActivationOf(string[] cells)
    {
        var (programme, call) = (new ProgrammeId("P"), "1000-2000");
        var enrolment = cells[6] == "-" ? EnrolmentState.Empty : Enrolments.Evolve(EnrolmentState.Empty,
            new PointEnrolled(programme, new("C1"), Power.FromKilowatts(100), Seconds(cells[6]).Start,
                Seconds(cells[6]).End));
        foreach (var declared in Words(cells[7]).Select(text => text.Split(':', '@')))
            enrolment = Enrolments.Evolve(enrolment, new AvailabilityDeclared(
                programme, new("C1"), Second(declared[2]), Seconds(declared[0]), Kilowatts(declared[1])));
        var terms = new ProgrammePublished(programme, 1, Second("0"), ServiceKind.Export, new("b"), new("s"), 0, 0, 0,
            PaymentLevel.SettlementPoint, 1, [], "CNY", 1m, cells[2] == "-" ? null : (int)Number(cells[2]));
        var order = Order(cells[0], cells[4], "900", call) with
        {
            Programme = cells[1] == "-" ? null : programme,
            Activation = new((int)Number(cells[3]), [.. Words(cells[5]).Select(text => text.Split(':'))
                .Select(offer => new PointOffer(new(offer[0]), Kilowatts(offer[1])))]),
        };
        return Dispatch.Decide(DispatchState.Empty, order, Now, Key, new KnownOffers(
            cells[1] == "unpublished" ? ProgrammeState.Empty : new([terms]),
            new Dictionary<SettlementPointId, EnrolmentState> { [new("C1")] = enrolment }));
    }

    private static Decision ClockOf(string[] cells)
    {
        var state = cells[0] == "-" ? DispatchState.Empty : Dispatch.Evolve(
            DispatchState.Empty, Order("Export", "C1:100 C2:100", cells[0], "4000-5000"));
        if (cells[1] != "-")
            state = Dispatch.Evolve(state, new InstructionWithdrawn(Instruction, Second(cells[1]), "storm"));
        if (cells[2] != "-") state = Dispatch.Evolve(state, Clock(cells[2]));
        return Dispatch.Decide(state, Clock(cells[3]), Now, Key);

        static InstructionClockRecorded Clock(string text) => text.Split(' ') is [var point, var clock, var at]
            ? new(Instruction, new(point), Enum.Parse<InstructionClock>(clock), Second(at), "gateway")
            : throw new InvalidDataException(text);
    }

    private static Decision WithdrawalOf(string[] cells)
    {
        var state = cells[0] == "-" ? DispatchState.Empty : Dispatch.Evolve(
            DispatchState.Empty, Order("Export", "C1:100", cells[0], "1200-1800"));
        if (cells[1] != "-")
            state = Dispatch.Evolve(state, new InstructionWithdrawn(Instruction, Second(cells[1]), "storm"));
        return Dispatch.Decide(state, new InstructionWithdrawn(Instruction, Second(cells[2]), "storm"), Now, Key);
    }

    private static Decision ClaimOf(string[] cells)
    {
        var state = cells[1] == "-" ? Instructed(cells[0]) : Dispatch.Evolve(Instructed(cells[0]), Claim(cells[1]));
        return Dispatch.Decide(state, Claim(cells[2]), Now, Key);

        static ReasonClaimed Claim(string text) => text.Split(' ') is [var point, var reason]
            ? new(Instruction, new(point), Enum.Parse<ShortfallReason>(reason), new("cpo"))
            : throw new InvalidDataException(text);
    }

    private static Decision ChargingStateOf(string[] cells)
    {
        var powers = cells[3].Split(' ').Select(text => text == "-" ? (Power?)null : Kilowatts(text)).ToArray();
        return ChargingState.Decide(new(new("C1"), Second(cells[0]), cells[1] == "connected",
            cells[2] == "-" ? null : (int)Number(cells[2]), powers[0], powers[1], null, "charger"), Now, Key);
    }

    private static Decision StandingLimitOf(string[] cells)
    {
        var valid = cells[4].Split('-');
        StandingLimitSet Limit() => new(new("P1"), Enum.Parse<StandingLimitKind>(cells[0]), Direction.Import,
            cells[1] == "-" ? null : Kilowatts(cells[1]), cells[2] == "-" ? [] : [.. cells[2].Split(' ').Select(Step)],
            cells[3] == "-" ? null : cells[3], Second(valid[0]), valid[1].Length == 0
                ? null : Second(valid[1]), "agreement 7");
        var other = StandingLimit.Evolve(StandingLimitState.Empty, Limit() with { Source = "agreement 8" });
        return StandingLimit.Decide(
            cells[5] switch
            {
                "-" => StandingLimitState.Empty,
                "other" => other,
                _ =>
                StandingLimit.Evolve(other, Limit())
            }, Limit(), Instant.MaxValue);

        static LimitStep Step(string text)
        {
            var (at, power) = (text.Split(':')[0], text.Split(':')[1]);
            Power? most = power == "none" ? null : Kilowatts(power);
            return at[0] == '@'
                ? new(Second(at[1..]), null, most)
                : new(null, new LocalTime((int)Number(at), 0), most);
        }
    }

    private static Decision TariffOf(string[] cells)
    {
        var tariff = Tariff();
        // Equal by content, not the same lists.
        var from = cells[2] == "moved" ? Now + Duration.Epsilon : Now;
        return Tariffs.Decide(Known(cells[2] == "moved" ? "same" : cells[2], TariffState.Empty,
            (state, published) => Tariffs.Evolve(state, published, from), Tariff(), tariff with { Currency = "EUR" }),
            tariff, Now, Key);

        TariffPublished Tariff()
        {
            var numbers = cells[0].Split(' ').Select(text => (int)Number(text)).ToArray();
            var hours = cells[1].Split('-');
            IReadOnlyList<int> year = [.. Enumerable.Range(1, 12)];
            DayClass[] days = cells[4] == "weekend"
                ? [DayClass.Weekday, DayClass.Holiday] : [DayClass.Weekday, DayClass.Weekend, DayClass.Holiday];
            return new(new("T"), numbers[2], "CNY", cells[3],
                [
                    new(year, [DayClass.Weekday], Time(hours[0])!.Value, Time(hours[1]), TariffPeriod.Peak),
                    new(year, days, LocalTime.Midnight, null, TariffPeriod.Flat),
                ],
                [
                    .. cells[4] == "price" ? Array.Empty<TariffPrice>() : [new(TariffPeriod.Peak, 1.0m, 0.9m)],
                    new(TariffPeriod.Flat, 0.5m, 0.4m),
                ], [new(2026, 10, 1)], numbers[1], numbers[0]);
        }

        static LocalTime? Time(string text) =>
            text.Length == 0 ? null : LocalTimePattern.CreateWithInvariantCulture("HH:mm").Parse(text).Value;
    }

    private static Decision RulePackOf(string[] cells)
    {
        var known = RulePackState.Empty;
        if (cells[1] != "-")
            known = RulePacks.Evolve(known, Pack(1, cells[1] == "other" ? "elsewhere" : "here"),
                cells[1] == "moved" ? Now + Duration.Epsilon : Now);
        return RulePacks.Decide(known, Pack((int)Number(cells[0]), "here"), Now, Key);

        RulePackPublished Pack(int version, string source) =>
            new(new("R"), version, true, source, Days(cells[2]), cells[2] is "-"
                || cells[2].StartsWith("of", StringComparison.Ordinal)
                ? null
                : Rule([.. cells[2].Split(' ').TakeWhile(word => word != "of")]));

        static BaselineRule? Days(string cell)
        {
            if (cell.IndexOf("of ", StringComparison.Ordinal) is var at && at < 0) return null;
            var numbers = cell[(at + 3)..].Split(' ').Select(int.Parse).ToList();
            var pool = new BaselinePool(numbers[0], numbers[1], 1, [.. numbers.Skip(2)]);
            return new(BaselineMethod.Days, new(
                BaselineDayClass.Same, pool, pool, BaselineKeep.Highest, BaselineMeasure.Event, BaselineAggregate.Mean,
                1, 45,
                null, true, true, BaselineHolidays.Excluded, null, 0, []), [], null, null, true, false);
        }

        // Made anew each time, so that rules are compared by what they say.
        static ScoringRule Rule(string[] edges) => new(
            ScoringLevel.Hour, new(null, RatioRounding.HalfAwayFromZero, RatioRoundingPlace.BeforeLookup, null),
            [.. edges.Select(edge => new ScoringBand(edge == "first" ? null : Exact(edge), true, null, 1m))],
            [new(ScoredQuantity.Effective, true, new(PriceSource.ByHours, null, [new(2m, 2.47m)], 1m),
                [new(null, true, 1m)])],
            new(null, false, 0.9m, ScoredQuantity.Effective, new(PriceSource.Price, null, [], 1.1m)), 0m, 3m, false);

        static decimal Exact(string text) => decimal.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
    }

    private static Decision StandardOf(string[] cells)
    {
        var declared = new StandardDeclared(
            new("S1"), null, "GB/T 27930-2023", cells[0] is "both" or "number" ? "N1" : null,
            cells[0] is "both" or "issuer" ? "a body" : null, Instant.FromUnixTimeSeconds(Number(cells[1])),
            cells[2] == "-" ? null : Instant.FromUnixTimeSeconds(Number(cells[2])));
        var before = cells[3] == "earlier"
            ? declared with { ValidFrom = declared.ValidFrom - Duration.FromDays(1) } : declared;
        return Standards.Decide(cells[3] == "-"
            ? StandardsState.Empty
            : Standards.Evolve(StandardsState.Empty, cells[3] == "other"
                ? before with { Certificate = "N2", Issuer = "other" } : before),
            declared);
    }

    private static Decision RunOf(string[] cells)
    {
        var statement = Calculated();
        var request = new SettlementRequest(new("R1"), Enum.Parse<RunKind>(cells[0]), "Asia/Shanghai", 7, "2026a",
            cells[3] == "-" ? null : new(cells[3]));
        var known = Run(request, Calculated());
        var state = Settlement.Evolve(SettlementState.Empty,
            Run(request with { Run = new("R0"), Supersedes = null }, statement));
        if (cells[5] == "R2")
            state = Settlement.Evolve(state, Run(request with { Run = new("R2"), Supersedes = null }, statement));
        return Settlement.Decide(
            Known(cells[2], state, Settlement.Evolve, known, known with { Total = known.Total + 1m }), request,
            statement, Now, Key);

        Statement Calculated()
        {
            var tariff = new TariffPublished(new("T"), 1, "CNY", "Asia/Shanghai",
                [new([.. Enumerable.Range(1, 12)], Enum.GetValues<DayClass>(), LocalTime.Midnight, null,
                    TariffPeriod.Flat)],
                cells[1] is "price" or "both" ? [] : [new(TariffPeriod.Flat, 0.5m, 0.4m)], [], 3, 2);
            MeteredQuantity[] quantities = cells[1] == "lines" ? [] :
            [
                new(new("P1"), Direction.Import, Seconds("0-900"), Energy.FromWattHours(1000), "v1",
                    ReadingQuality.Measured),
                new(new("P1"), Direction.Import, Seconds("900-1800"),
                    cells[1] is "energy" or "both" ? null : Energy.Zero, "v1", ReadingQuality.Measured),
            ];
            var balanced = Statement.Build(new("A"), new(1970, 1, 1), tariff, quantities);
            return cells[4] == "balanced" ? balanced : balanced with { Postings = [new("receivable/A", 1m)] };
        }
    }

    /// <summary>The run that a statement becomes, whatever guards may say of it.</summary>
    private static SettlementRunCompleted Run(SettlementRequest request, Statement statement) => new(
        request.Run, request.Kind, statement.Account, statement.Day, request.Zone, request.AtPosition, statement.Tariff,
        statement.TariffVersion, Settlement.RuleVersion, request.TzdbVersion, statement.Lines.Count,
        statement.LinesRoot,
        statement.Total, statement.Currency, statement.Postings, request.Supersedes, statement.Incomplete);

    private static DispatchInstructed Order(string kind, string targets, string issued, string period) => new(
        Instruction, Enum.Parse<InstructionKind>(kind), new("grid"), Second(issued), Seconds(period),
        targets == "-" ? [] : [.. targets.Split(' ').Select(target => target.Split(':'))
            .Select(target => new InstructionTarget(new(target[0]), Kilowatts(target[1])))],
        Power.Zero, 0, 0m, 0m, null, null);

    private static DispatchState Instructed(string yesOrNo) => yesOrNo == "no"
        ? DispatchState.Empty
        : Dispatch.Evolve(DispatchState.Empty, Order("Export", "C1:100", "100", "200-800"));

    private static TState Known<TState>(
        string known, TState state, Func<TState, LedgerEvent, TState> evolve, LedgerEvent same,
        LedgerEvent other) => known switch
        {
            "-" => state,
            "same" => evolve(state, same),
            "other" => evolve(state, other),
            _ => throw new InvalidDataException(known),
        };
}
