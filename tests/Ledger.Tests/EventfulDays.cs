using System.Globalization;
using CsCheck;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A fact of a station's day and the stream it belongs to.</summary>
internal sealed record StationFact(string Stream, NewFact Fact);

/// <summary>A station's day: its date, its length in hours, and its facts in the order of recording.</summary>
internal sealed record EventfulDay(string Zone, LocalDate Date, decimal Hours, IReadOnlyList<StationFact> Facts);

/// <summary>
/// Random days of one station, a grid connection with a bidirectional connector and a plain one behind it, around the
/// hour in which the clock changes: register readings across a rollover, interval readings, curves,
/// all with corrections and out of order, limits, an instruction with its evidence, and claims of two programmes.
/// Master data come first or late, and on many days curve and register tell of the same period.
/// </summary>
internal static class EventfulDays
{
    public static readonly StationId Station = new("S");
    public static readonly PartyId Account = new("cpo");
    public static readonly InstructionId Instruction = new("I1");
    public static readonly SettlementPointId[] Points = [new("S-G"), new("S-C1"), new("S-C2")];

    private const int PeriodMinutes = 30;
    private const long Modulus = 1_000_000, StepsBeforeTheRollover = 900, StepsOfAPeriod = 200; // of 1 Wh
    private static readonly EvidenceDigest Digest = new(new string('a', 64));
    private static readonly ProgrammePublished[] Programmes = [Terms("p1", 1), Terms("p2", 2)];

    private static readonly (string Zone, LocalDate Date)[] Dates =
    [
        ("Europe/Berlin", new(2026, 3, 29)), ("Europe/Berlin", new(2026, 10, 25)), ("Europe/Berlin", new(2026, 7, 1)),
        ("Australia/Lord_Howe", new(2026, 4, 5)), ("Australia/Lord_Howe", new(2026, 10, 4)),
    ];

    /// <summary>One random fact: of which kind, of which point, at which place of the day,
    /// and two numbers more.</summary>
    private readonly record struct Draw(int Kind, int Point, int Place, int Value, int Version);

    private static readonly Gen<Draw> Draws = Gen.Select(
        Gen.Int[0, 21], Gen.Int[0, 2], Gen.Int[0, 6], Gen.Int[0, 400], Gen.Int[1, 3],
        // Limits, claims and readings need a second fact to meet, so they come more often than others.
        (kind, point, place, value, version) =>
            new Draw(kind switch { 16 => 10, > 19 => 4, > 16 => 15, _ => kind }, point, place, value, version));

    /// <summary>With the draw after which a period is told twice, on about every second day one of them: draws that are
    /// made alone hardly ever meet at both edges of a period.</summary>
    public static readonly Gen<EventfulDay> All = Gen.Select(
        Gen.Int[0, Dates.Length - 1], Draws.Array[5, 40], Gen.Int[0, 30].Array[3], Gen.Int[0, 40],
        (date, draws, late, toldTwice) => Of(Dates[date], draws, late, toldTwice));

    /// <summary>The same facts in another order, in which each stream keeps its own.</summary>
    public static IEnumerable<StationFact> Interleaved(IEnumerable<StationFact> facts, Random random)
    {
        var streams = facts.GroupBy(fact => fact.Stream).Select(stream => new Queue<StationFact>(stream)).ToList();
        while (streams.Count > 0)
        {
            var next = random.Next(streams.Count);
            yield return streams[next].Dequeue();
            if (streams[next].Count == 0) streams.RemoveAt(next);
        }
    }

    private static EventfulDay Of((string Zone, LocalDate Date) day, Draw[] draws, int[] late, int toldTwice)
    {
        SettlementCalendar.TryPeriods(DateTimeZoneProviders.Tzdb[day.Zone], day.Date, PeriodMinutes, out var periods,
            out _).ShouldBeTrue();
        var events = MasterData(day.Zone, periods[0].Start);
        var claims = ClaimsState.Empty;
        foreach (var (draw, i) in draws.Select((draw, i) => (draw, i)))
        {
            events.AddRange(draw.Kind == 15 ? Claim(draw, i, periods, ref claims) : [Fact(draw, periods)]);
            if (i == toldTwice) events.AddRange(ToldTwice(draw, periods));
        }
        // Each fact once, as the rules of its stream let it in;
        // a point or its meter may become known after its readings.
        List<LedgerEvent> known = [.. events.DistinctBy(Identity)];
        foreach (var to in late.Where(to => to > Points.Length))
        {
            var moved = known[to % Points.Length];
            known.RemoveAt(to % Points.Length);
            known.Insert(Math.Min(to, known.Count), moved);
        }
        return new(day.Zone, day.Date, periods.Count * PeriodMinutes / 60m,
            [.. known.Select((fact, i) => new StationFact(
            StreamOf(fact, day), new(fact, new(From(fact, periods), From(fact, periods)),
                new(string.Create(CultureInfo.InvariantCulture, $"n{i}")))))]);
    }

    private static List<LedgerEvent> MasterData(string zone, Instant start) =>
    [
        Registered(0, zone, 1_000), Registered(1, zone, 500), Registered(2, zone, 500),
        .. Points.SelectMany(point => Enum.GetValues<Direction>().Select(direction =>
            new RegisterInstalled(new(point, direction), "M", 6, 3, 1, Modulus))),
        new TariffPublished(new("T"), 1, "CNY", zone,
            [new([.. Enumerable.Range(1, 12)], Enum.GetValues<DayClass>(), LocalTime.Midnight, null,
                TariffPeriod.Flat)],
            [new(TariffPeriod.Flat, 0.5m, 0.4m)], [], 3, 2),
        new TariffAssigned(Account, new("T")),
        new DispatchInstructed(Instruction, InstructionKind.Export, new("grid"), start,
            new(start + Duration.FromMinutes(90), start + Duration.FromMinutes(210)),
            [new(Points[1], Power.FromKilowatts(300)), new(Points[2], Power.FromKilowatts(100))],
            Power.FromKilowatts(3), 60_000, 1m, 2m, null, null),
    ];

    private static SettlementPointRegistered Registered(int point, string zone, int kilowatts) => new(
        Points[point], Station, point == 0
            ? SettlementPointKind.GridConnection : SettlementPointKind.Connector, Account, zone,
        PeriodMinutes, Power.FromKilowatts(kilowatts), point < 2);

    private static LedgerEvent Fact(Draw draw, IReadOnlyList<Interval> periods)
    {
        var (point, period, value) = (Points[draw.Point], periods[draw.Place], draw.Value);
        var (energy, register) = (Energy.FromWattHours(value * 100L),
            new RegisterId(point, (Direction)(1 + value % 2)));
        // Readings stand at both ends of the day, and at edges of the periods between.
        var readAt = draw.Place == 6 ? periods[^1].End : period.Start;
        var index = Index(draw.Place, value);
        return draw.Kind switch
        {
            < 4 => Record(draw, period),
            < 6 => new RegisterReadingRecorded(register, readAt, index, ReadingQuality.Measured, null),
            6 => new RegisterReadingCorrected(register, readAt, draw.Version + 1, index,
                value % 10 == 0 ? ReadingQuality.Missing : ReadingQuality.Measured, "read again", null),
            7 => new IntervalReadingRecorded(register, period, energy, ReadingQuality.Measured, "A", null),
            8 => new IntervalReadingCorrected(register, period, draw.Version + 1, energy, ReadingQuality.Substituted,
                "S", "again", null),
            9 => new IntervalEstimated(register, period, draw.Version, energy, ReadingQuality.Estimated,
                EstimationMethod.Linear, "both sides", null),
            10 => new StandingLimitSet(point, value % 3 == 0
                ? StandingLimitKind.ContractDemand : StandingLimitKind.ConnectionLimit,
                register.Direction, Power.FromKilowatts(value), [], null, period.Start,
                draw.Version == 1 ? null : period.End + Duration.FromHours(draw.Version), "agreement"),
            11 => new ChargingFactRecorded(point, period, ShortfallReason.NoVehicle, "charger", null),
            12 => new ChargingStateRecorded(point, period.Start, draw.Version > 1, value, null, null, null, "charger"),
            13 => draw.Version == 1
                ? new InstructionWithdrawn(Instruction, period.Start, "storm")
                : new InstructionClockRecorded(Instruction, Points[1 + value % 2], InstructionClock.Received,
                    period.Start, "gateway"),
            _ => draw.Version == 1
                ? new ReasonClaimed(Instruction, Points[1 + value % 2], ShortfallReason.Safety, Account)
                : new LossFactorSet(point, period.Start, 20_000 * draw.Version, Power.Zero),
        };
    }

    /// <summary>What a register shows at an edge: it goes over its last digit during the day.</summary>
    private static long Index(int edge, int value) =>
        (Modulus - StepsBeforeTheRollover + edge * StepsOfAPeriod + value % 150) % Modulus;

    /// <summary>A whole curve of a period and the register at both its edges, which agree or do not.</summary>
    private static IEnumerable<LedgerEvent> ToldTwice(Draw draw, IReadOnlyList<Interval> periods)
    {
        var edge = draw.Place % 6;
        var whole = Record(draw with { Value = draw.Value * 4 + 1 }, periods[edge]);
        var register = new RegisterId(whole.Point, Direction.Import);
        yield return draw.Version == 1 ? whole : whole with { Import = Energy.FromWattHours(StepsOfAPeriod) };
        for (var at = edge; at <= edge + 1; at++)
            yield return new RegisterReadingRecorded(
                register, periods[at].Start, Index(at, draw.Value), ReadingQuality.Measured, null);
    }

    private static IntervalRecorded Record(Draw draw, Interval period)
    {
        var gap = draw.Value % 4 == 0 ? 20_000_000L : 0;
        return new(Points[draw.Point], period, draw.Version, IntervalRecordState.Final,
            Energy.FromWattHours(draw.Value * 50), Energy.FromWattHours(draw.Value % 3 * 40_000),
            Power.FromKilowatts(-200),
            Power.FromKilowatts(draw.Value), PeriodMinutes * 60_000_000L - gap, 0,
            gap == 0 ? [] : [new(new(period.Start, period.Start + Duration.FromSeconds(20)))], 1_800, 0, 0, 0,
            draw.Value % 50 == 0 ? 4_000_000 : 0, draw.Value % 11 == 0
                ? ReadingQuality.Suspect : ReadingQuality.Measured, null, Digest);
    }

    /// <summary>A claim, and what it displaces; nothing where it is refused.</summary>
    private static IEnumerable<LedgerEvent> Claim(Draw draw, int number, IReadOnlyList<Interval> periods,
        ref ClaimsState claims)
    {
        var terms = Programmes[draw.Value % 2];
        var claim = new DeliveryClaim(new($"k{number}"), terms.Programme, Points[1], Direction.Export,
            new(periods[draw.Place].Start, periods[draw.Place + draw.Version].End), new Energy(1 + draw.Value),
            Account);
        var enrolled = Enrolments.Evolve(EnrolmentState.Empty,
            new PointEnrolled(terms.Programme, Points[1], Power.FromKilowatts(100), Instant.MinValue, null));
        if (DeliveryClaims.Decide(claims, new([terms]), enrolled, claim,
            periods[^1].End) is not Decision.Accepted { Facts: var facts })
            return [];
        claims = facts.Aggregate(claims, (state, fact) => DeliveryClaims.Evolve(state, fact.Event));
        return facts.Select(fact => fact.Event);
    }

    private static ProgrammePublished Terms(string id, int precedence) => new(
        new(id), 1, Instant.MinValue, ServiceKind.Export, new("baseline"), new("scoring"), 0, 0, 0,
        PaymentLevel.SettlementPoint, precedence, [], "CNY", 1m);

    /// <summary>What the rules of its stream let in once.</summary>
    private static object Identity(LedgerEvent fact) => fact switch
    {
        IntervalRecorded f => (f.Point, f.Period, f.Version),
        RegisterReadingRecorded f => (f.Register, f.ReadAt),
        RegisterReadingCorrected f => (f.Register, f.ReadAt, f.Version),
        IntervalReadingRecorded f => (f.Register, f.Period),
        IntervalReadingCorrected f => (f.Register, f.Period, f.Version),
        IntervalEstimated f => (f.Register, f.Period, f.Version, "estimate"),
        ChargingStateRecorded f => (f.Point, f.At),
        InstructionWithdrawn f => f.Instruction,
        InstructionClockRecorded f => (f.Point, f.Clock),
        LossFactorSet f => (f.Point, f.From, "loss"),
        _ => fact,
    };

    private static string StreamOf(LedgerEvent fact, (string Zone, LocalDate Date) day) => fact switch
    {
        SettlementPointRegistered f => Streams.Point(f.Point),
        RegisterInstalled f => Streams.Register(f.Register),
        RegisterReadingRecorded f => Streams.Register(f.Register),
        RegisterReadingCorrected f => Streams.Register(f.Register),
        IntervalReadingRecorded f => Streams.IntervalReadings(f.Register, f.Period.Start.InUtc().Date),
        IntervalReadingCorrected f => Streams.IntervalReadings(f.Register, f.Period.Start.InUtc().Date),
        IntervalEstimated f => Streams.IntervalReadings(f.Register, f.Period.Start.InUtc().Date),
        IntervalRecorded f => Streams.Curve(f.Point, day.Date),
        StandingLimitSet f => Streams.Limits(f.Point),
        ChargingFactRecorded f => Streams.ChargingFacts(f.Point, f.Period.Start.InUtc().Date),
        ChargingStateRecorded f => Streams.ChargingStates(f.Point, f.At.InUtc().Date),
        LossFactorSet f => Streams.LossFactor(f.Point),
        DeliveryClaimed f => Streams.Claims(f.Point),
        ClaimDisplaced f => Streams.Claims(f.Point),
        TariffPublished f => Streams.Tariff(f.Tariff),
        TariffAssigned f => Streams.Assignment(f.Account),
        _ => Streams.Instruction(Instruction),
    };

    /// <summary>From when on a fact holds: master data since long ago.</summary>
    private static Instant From(LedgerEvent fact, IReadOnlyList<Interval> periods) => fact switch
    {
        SettlementPointRegistered or RegisterInstalled or TariffPublished or TariffAssigned =>
            periods[0].Start - Duration.FromDays(30),
        RegisterReadingRecorded f => f.ReadAt,
        RegisterReadingCorrected f => f.ReadAt,
        _ => periods[0].Start,
    };
}
