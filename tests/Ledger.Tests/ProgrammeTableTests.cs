using Ledger.Domain;
using NodaTime;
using Shouldly;
using static Ledger.Tests.ScenarioTable;

namespace Ledger.Tests;

/// <summary>Programmes, enrolments, declarations and claims by their text tables.</summary>
public sealed class ProgrammeTableTests
{
    private static readonly Instant Now = Instant.FromUnixTimeSeconds(1000);
    private static readonly SettlementPointId Point = new("C1");
    private static readonly EvidenceKey Key = new("k");

    private static readonly Dictionary<string, Func<string[], Decision>> Rules = new()
    {
        ["programmes.txt"] = ProgrammeOf,
        ["enrolments.txt"] = EnrolmentOf,
        ["enrolment-ends.txt"] = EndOf,
        ["availability.txt"] = AvailabilityOf,
        ["delivery-claims.txt"] = ClaimOf,
    };

    public static IEnumerable<TheoryDataRow<string, int, string>> AllLines() => Lines([.. Rules.Keys]);

    [Theory, MemberData(nameof(AllLines))]
    public void Each_line_is_answered_as_it_says(string table, int number, string line)
    {
        var cells = Cells(line);
        var decision = Rules[table](cells);
        var losses = decision is Decision.Accepted { Facts: var facts }
            ? facts.Select(fact => fact.Event).OfType<ClaimDisplaced>().ToList() : [];
        (losses.Count == 0 ? Answer(decision) : string.Join(", ", losses.Select(Loss)))
            .ShouldBe(cells[^1], $"{table}:{number}");
    }

    [Fact]
    public void The_version_of_a_programme_that_holds_is_the_last_that_has_begun()
    {
        var state = new[] { (1, 100), (3, 300), (2, 200), (4, 300) }.Aggregate(ProgrammeState.Empty, (state, version) =>
            Programmes.Evolve(state, Terms("P", 1)
                with
            { Version = version.Item1, ValidFrom = Instant.FromUnixTimeSeconds(version.Item2) }));
        new[] { 99, 100, 250, 300, 900 }.Select(second => state.At(Instant.FromUnixTimeSeconds(second))?.Version)
            .ShouldBe([null, 1, 2, 4, 4]);
    }

    private static Decision ProgrammeOf(string[] cells)
    {
        var numbers = cells[0].Split(' ').Select(Number).ToArray();
        var terms = Published();
        var other = terms with { Currency = "EUR" };
        return Programmes.Decide(
            cells[2] == "-" ? ProgrammeState.Empty : new([cells[2] == "same" ? Published() : other]), terms, Key);

        // Equal by content, not the same lists.
        ProgrammePublished Published() => Terms("P", 1) with
        {
            Version = (int)numbers[0],
            NoticeMs = numbers[1],
            RampMs = numbers[2],
            TolerancePermille = (int)numbers[3],
            PricePerKwh = numbers[4],
            ActivationPermilleMin = numbers.Length > 5 ? (int)numbers[5] : null,
            SharesWith = cells[1] == "-" ? [] : [.. cells[1].Split(' ').Select(id => new ProgrammeId(id))],
        };
    }

    private static Decision EnrolmentOf(string[] cells)
    {
        var point = cells[1] == "-" ? SettlementPointState.Empty : SettlementPoint.Evolve(SettlementPointState.Empty,
            new SettlementPointRegistered(Point, new("S1"), SettlementPointKind.Connector, new("cpo"), "UTC", 15,
                Kilowatts(cells[1]), true), Instant.MinValue);
        return Enrolments.Decide(
            Enrolled("P", cells[2]), point, new([Terms("P", 1)]),
            Enrolment("P", cells[3]) with { Prequalified = Kilowatts(cells[0]) }, Key);
    }

    private static Decision EndOf(string[] cells)
    {
        var state = Enrolled("P", cells[0]);
        if (cells[1] != "-") state = Enrolments.Evolve(state, End(cells[1]));
        return Enrolments.Decide(state, End(cells[2]), Key);

        static EnrolmentEnded End(string at) => new(new("P"), Point, Second(at), "moved away");
    }

    private static Decision AvailabilityOf(string[] cells)
    {
        var declared = new AvailabilityDeclared(new(cells[2]), Point, Second(cells[1]), Seconds(cells[3]),
            Kilowatts(cells[0]));
        var state = Enrolled("P", "500-3000");
        return Enrolments.Decide(cells[4] == "same" ? Enrolments.Evolve(state, declared) : state, declared, Now, Key);
    }

    private static Decision ClaimOf(string[] cells)
    {
        var held = cells[3] == "-" ? [] : cells[3].Split(' ').Select(text => text.Split(':'));
        var state = held.Aggregate(ClaimsState.Empty, (state, claim) => Judged(state, Claim(
            claim[0], claim[1], claim[2], "1000", claim.Length > 3 ? Direction.Import : Direction.Export))
            is Decision.Accepted { Facts: var facts }
                ? facts.Aggregate(state, (known, fact) => DeliveryClaims.Evolve(known, fact.Event))
            : throw new InvalidDataException(string.Join(':', claim)));
        var (id, programme) = (cells[1].Split(':')[0], cells[1].Split(':')[1]);
        return Judged(state, Claim(id, programme, cells[2], cells[0], Direction.Export));

        static Decision Judged(ClaimsState state, DeliveryClaim claim) => DeliveryClaims.Decide(
            state, claim.Programme.Value == "none" ? ProgrammeState.Empty : new([Known[claim.Programme.Value]]),
            claim.Programme.Value == "stranger"
                ? EnrolmentState.Empty : Enrolled(claim.Programme.Value, "100-900"), claim, Now);

        static DeliveryClaim Claim(string id, string programme, string period, string wattHours, Direction direction) =>
            new(
            new(id), new(programme), Point, direction, Seconds(period), Energy.FromWattHours(Number(wattHours)),
            new("cpo"));
    }

    private static readonly Dictionary<string, ProgrammePublished> Known = new ProgrammePublished[]
    {
        Terms("low", 1), Terms("mid", 2, "pair"), Terms("twin", 2), Terms("pair", 2, "mid"), Terms("guest", 2, "mid"),
        Terms("high", 3), Terms("stranger", 9),
    }.ToDictionary(terms => terms.Programme.Value);

    private static string Loss(ClaimDisplaced loss) =>
        $"{loss.Claim} loses {loss.Period.Start.ToUnixTimeSeconds()}-{loss.Period.End.ToUnixTimeSeconds()} "
        + $"{loss.Energy.HalfNanojoules / Energy.HalfNanojoulesPerWattHour} Wh";

    private static ProgrammePublished Terms(string id, int precedence, params string[] sharesWith) => new(
        new(id), 1, Instant.FromUnixTimeSeconds(100), ServiceKind.Export, new("baseline"), new("scoring"), 0, 0, 0,
        PaymentLevel.SettlementPoint, precedence, [.. sharesWith.Select(other => new ProgrammeId(other))], "CNY", 1m);

    private static PointEnrolled Enrolment(string programme, string period) => period.Split('-') is [var from, var to]
        ? new(new(programme), Point, Power.FromKilowatts(100), Second(from), to == "*" ? null : Second(to))
        : throw new InvalidDataException(period);

    private static EnrolmentState Enrolled(string programme, string periods) => periods == "-"
        ? EnrolmentState.Empty
        : periods.Split(' ').Aggregate(EnrolmentState.Empty, (state, period) =>
            Enrolments.Evolve(state, Enrolment(programme, period)));
}
