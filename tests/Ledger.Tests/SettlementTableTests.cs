using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using Shouldly;
using static Ledger.Tests.ScenarioTable;

namespace Ledger.Tests;

/// <summary>What becomes of a calculated run, by text tables: published, corrected by deltas, closed,
/// disputed.</summary>
public sealed class SettlementTableTests
{
    private static readonly Instant Now = Instant.FromUtc(2026, 7, 1, 0, 0);
    private static readonly EvidenceDigest Digest = new(new string('a', 64));
    private static readonly PartyId Account = new("A");
    private static readonly LocalDate Day = new(2026, 6, 2);

    private static readonly Dictionary<string, Func<string[], Decision>> Rules = new()
    {
        ["run-kinds.txt"] = KindOf,
        ["run-publications.txt"] = PublicationOf,
        ["run-deltas.txt"] = DeltasOf,
        ["month-closes.txt"] = CloseOf,
        ["disputes.txt"] = DisputeOf,
        ["dispute-answers.txt"] = AnswerOf,
        ["dispute-closures.txt"] = ClosureOf,
    };

    public static IEnumerable<TheoryDataRow<string, int, string>> AllLines() => Lines([.. Rules.Keys]);

    [Theory, MemberData(nameof(AllLines))]
    public void Each_line_is_answered_as_it_says(string table, int number, string line)
    {
        var cells = Cells(line);
        Answer(Rules[table](cells)).ShouldBe(cells[^1], $"{table}:{number}");
    }

    [Fact]
    public void After_a_close_only_corrections_follow()
    {
        foreach (var kind in Enum.GetValues<RunKind>())
            Answer(Settlement.Decide(SettlementState.Empty, new(new("R1"), kind, "UTC", 7, "2026a", null), Whole, Now,
                new("k"), monthIsClosed: true)).ShouldBe(kind == RunKind.Correction ? "accepted" : "MonthClosed");
    }

    /// <summary>By the clock of its zone: where it is noon in Shanghai, the next day has begun in Kiritimati.</summary>
    [Theory]
    [InlineData("Asia/Shanghai", "2026-06-30T15:59:57Z", false)]
    [InlineData("Asia/Shanghai", "2026-06-30T16:00:00Z", true)]
    [InlineData("Pacific/Kiritimati", "2026-06-30T09:59:57Z", false)]
    [InlineData("Pacific/Kiritimati", "2026-06-30T10:00:00Z", true)]
    public void A_day_is_settled_once_it_has_begun(string zone, string at, bool isAccepted)
    {
        var now = NodaTime.Text.InstantPattern.ExtendedIso.Parse(at).Value;
        Decision Settled(SettlementState state, Instant at, RunId? superseded = null) => Settlement.Decide(state,
            superseded is null ? new(new("R1"), RunKind.Initial, zone, 7, "2026a", null)
                : new(new("R2"), RunKind.Correction, zone, 7, "2026a", superseded),
            Statement.Build(Account, new(2026, 7, 1), Flat, [Hour]), at, new("k"));
        var decided = Settled(SettlementState.Empty, now);
        Answer(decided).ShouldBe(isAccepted ? "accepted" : "ReadInTheFuture");
        if (!isAccepted) ((Decision.Rejected)decided).Detail.ShouldStartWith("2026-07-01 begins at 2026-06-30T1");
        // A run that is there already, by a program that had no such rule, is answered as before.
        var recorded = Settled(SettlementState.Empty, Now + Duration.FromDays(1)).ShouldBeOfType<Decision.Accepted>()
            .Facts.Aggregate(SettlementState.Empty, (state, fact) => Settlement.Evolve(state, fact.Event));
        Answer(Settled(recorded, now)).ShouldBe("AlreadyRecorded");
        Answer(Settled(recorded, now, new("R1"))).ShouldBe("accepted"); // and can be corrected
    }

    /// <summary>Dates in refusals are as dates everywhere: no day of the week, no month in letters.</summary>
    [Fact]
    public void A_refusal_names_a_day_as_it_is_posted_and_a_direction_too()
    {
        string Detail(Decision decision) => decision.ShouldBeOfType<Decision.Rejected>().Detail;
        Detail(CloseOf(["no", "yes", "missing"])).ShouldBe("2026-06-02 has points and no settlement run");
        Detail(CloseOf(["no", "yes", "open"])).ShouldBe("R1 of 2026-06-02 is not published");
        Detail(KindOf(["-", "Final", "yes"])).ShouldBe("the month of 2026-06-02 is closed: only corrections");
        Detail(Settlement.Decide(SettlementState.Empty, new(new("R1"), RunKind.Final, "UTC", 7, "2026a", null),
            Statement.Build(Account, Day, Flat, [Hour with { Metered = null }]), Now, new("k")))
            .ShouldStartWith("P1 import 2026-07-01T00:00:00Z/");
    }

    [Fact]
    public void A_closed_month_says_its_runs_and_their_total_with_deltas()
    {
        var closed = (SettlementMonthClosed)MonthClose.Decide(MonthCloseState.Empty, Account, new(2026, 6, 1), "bob",
            [new(Day, true, Run("R1"), true, 2.5m), new(Day.PlusDays(1), true, Run("R2"), true, 0m),
                new(Day.PlusDays(2), false, null, false, 0m)], Now).ShouldBeOfType<Decision.Accepted>().Facts[0].Event;
        closed.Runs.ShouldBe([new("R1"), new("R2")]);
        (closed.Total, closed.ClosedBy).ShouldBe((22.5m, "bob"));
        MonthClose.MonthOf(new(2026, 12, 31)).ShouldBe(new(2026, 12, 1));
    }

    /// <summary>A run's name is its account's own for a day: two of one name may be published in one tick.</summary>
    [Theory]
    [InlineData("R1", 2)]
    [InlineData("A-2026-02-27-initial", 2)]
    [InlineData("R1", 28)]
    public async Task Runs_of_one_name_are_published_in_one_tick(string name, int otherIs)
    {
        var mine = new SettlementRunPublished(new(name), new("A"), new(2026, 2, 27), "anna", "bob", Digest, Digest, [],
            new(1, 1, 1, 1, 1, 0));
        var other = otherIs == 2 ? mine with { Account = new("B") } : mine with { Day = new(2026, 2, otherIs) };
        await using var ledger = new IntakeLedger();
        foreach (var publication in (SettlementRunPublished[])[mine, other])
            (await ledger.Ledger.Recorder.RecordAsync(Streams.Settlement(publication.Account, publication.Day),
                SettlementState.Empty, Settlement.Evolve, _ => Publication.Decide(
                    State(Run(name) with { Account = publication.Account, Day = publication.Day }), publication, null,
                    Now),
                IntakeLedger.Operator, TestContext.Current.CancellationToken))
                .ShouldBeOfType<RecordOutcome.Recorded>();
    }

    [Fact]
    public void A_statement_is_complete_where_every_station_and_every_line_is()
    {
        var expected = new Dictionary<SettlementPointId, (StationId, int)>
        {
            [new("P1")] = (new("S1"), 2),
            [new("P2")] = (new("S1"), 2),
            [new("P3")] = (new("S2"), 2),
        };
        Completeness.Of(Of("P1", "P2", "P3"), expected, 1).ShouldBe(new(2, 2, 6, 6, 6, 1));
        // A point of which no line came at all is missed, although every line that is there is whole.
        var missed = Completeness.Of(Of("P1", "P3"), expected, 0);
        missed.ShouldBe(new(2, 1, 6, 4, 4, 0));
        missed.IsComplete.ShouldBeFalse();
        var nothing = Completeness.Of(Of(), new Dictionary<SettlementPointId, (StationId, int)>(), 0);
        (nothing.IsComplete, nothing.IsCompleteWith(0), nothing.IsCompleteWith(1)).ShouldBe((false, false, true));
        // Of what is owed for a point that is left out, and of a line that is missed, flexibility says nothing.
        (nothing with { PointsLeftOut = 1 }).IsCompleteWith(1).ShouldBeFalse();
        missed.IsCompleteWith(1).ShouldBeFalse();

        static Statement Of(params string[] points) => Statement.Build(Account, Day, new(new("T"), 1, "CNY", "UTC",
            [new([.. Enumerable.Range(1, 12)], Enum.GetValues<DayClass>(), LocalTime.Midnight, null,
                TariffPeriod.Flat)],
            [new(TariffPeriod.Flat, 0.5m, 0.4m)], [], 3, 2), points.SelectMany(point => Enumerable.Range(0,
                2).Select(i =>
                new MeteredQuantity(new(point), Direction.Import, new(Now + Duration.FromHours(i),
                    Now + Duration.FromHours(i + 1)), Energy.FromWattHours(5), "v1", ReadingQuality.Measured))));
    }

    private static Decision KindOf(string[] cells)
    {
        var state = SettlementState.Empty;
        foreach (var (word, i) in Words(cells[0]).Select((word, i) => (word, i)))
        {
            var run = Run($"E{i}") with { Kind = Enum.Parse<RunKind>(word.TrimEnd('!')) };
            state = Settlement.Evolve(state, run);
            if (word.EndsWith('!')) state = Settlement.Evolve(state, new SettlementRunPublished(run.Run, Account, Day,
                "anna", "bob", Digest, Digest, [], new(1, 1, 1, 1, 1, 0)));
        }
        return Settlement.Decide(state, new(new("R1"), Enum.Parse<RunKind>(cells[1]), "UTC", 7, "2026a", null), Whole, Now,
            new("k"), monthIsClosed: cells[2] == "yes");
    }

    /// <summary>Who is refused learns which run stands against it, and what to ask for instead.</summary>
    [Fact]
    public void A_kind_that_is_past_says_which_run_holds_and_what_may_follow()
    {
        ((Decision.Rejected)KindOf(["Initial!", "Initial", "no"])).Detail.ShouldBe(
            "kind is 'initial', and E0 of 2026-06-02 stands (initial, published): runs go from initial by interim to final, "
            + "and what is published is only corrected. Ask for kind interim, final or correction; a correction also "
            + "books only what changed (style deltas) or takes all back (style credit)");
        ((Decision.Rejected)KindOf(["Final", "Initial", "no"])).Detail.ShouldStartWith(
            "kind is 'initial', and E0 of 2026-06-02 stands (final): ");
        ((Decision.Rejected)KindOf(["Final!", "Final", "no"])).Detail.ShouldContain("Ask for kind correction; ");
    }

    private static Decision PublicationOf(string[] cells)
    {
        var publication = new SettlementRunPublished(new(cells[1]), Account, Day, "anna", cells[3], Digest, Digest, [],
            new(1, 1, 1, 1, 1, 0), cells[2] == "-" ? null : new(1, Digest, 1m, "CNY", cells[2] == "balanced"
                ? [new("flexibility/A", 1m), new("flexibility/dso", -1m)] : [new("flexibility/A", 1m)]));
        var state = State(Run("R1"), cells[4] == "R2" ? Run("R2") : null);
        if (cells[0] == "yes") state = Settlement.Evolve(state, publication);
        return Publication.Decide(state, publication, cells[5] == "no" ? "the total is another" : null, Now);
    }

    private static Decision DeltasOf(string[] cells)
    {
        var booked = Booked("D1", cells[1]) with
        {
            Currency = cells[3],
            Lines = int.Parse(cells[5], CultureInfo.InvariantCulture),
            Postings = cells[2] == "balanced" ? [new("receivable/A", 1m), new("revenue", -1m)] : [new("receivable/A", 1m)],
        };
        var state = State(Run("R1"), cells[4] == "R2" ? Run("R2") : null);
        if (cells[6] == "yes")
            state = Settlement.Evolve(state, Booked("D0", "R1") with { Style = CorrectionStyle.Credit });
        if (cells[0] != "-")
            state = Settlement.Evolve(state, cells[0] == "same" ? booked : booked with { Total = booked.Total + 1m });
        return StatementDeltas.Decide(state, booked, Now);
    }

    private static Decision CloseOf(string[] cells)
    {
        var state = cells[0] == "yes"
            ? MonthClose.Evolve(MonthCloseState.Empty, new SettlementMonthClosed(Account, new(2026, 6, 1), "b", [], 0m, "CNY"))
            : MonthCloseState.Empty;
        return MonthClose.Decide(state, Account, new(2026, 6, 1), "bob", [.. Words(cells[2]).Select((word, i) => word switch
        {
            "none" => new MonthDay(Day.PlusDays(i), false, null, false, 0m),
            "missing" => new MonthDay(Day.PlusDays(i), true, null, false, 0m),
            "other" => new MonthDay(Day.PlusDays(i), true, Run("R9") with { Currency = "EUR" }, true, 0m),
            _ => new MonthDay(Day.PlusDays(i), true, Run("R1"), word == "run", 0m),
        })], cells[1] == "yes" ? Now : Now - Duration.FromSeconds(1));
    }

    private static Decision DisputeOf(string[] cells)
    {
        var dispute = Dispute(cells[1]) with
        {
            Lines = [.. Words(cells[2]).Select(word => (int)Number(word))],
            Amount = Number(cells[3]),
        };
        var state = cells[0] == "-" ? DisputeState.Empty
            : Disputes.Evolve(DisputeState.Empty, cells[0] == "same" ? dispute : dispute with { Reason = "another" });
        return Disputes.Decide(state, State(Run("R1")), dispute, Unknown(cells[4]), Now);
    }

    private static Decision AnswerOf(string[] cells)
    {
        var answer = new DisputeAnswered(new("D"), new("A"), "the meter is right", [Digest]);
        var state = Standing(cells[0]);
        return Disputes.Decide(cells[1] == "yes" ? Disputes.Evolve(state, answer) : state, answer, Unknown(cells[2]), Now);
    }

    private static EvidenceDigest? Unknown(string evidence) => evidence == "none" ? Digest : null;

    private static Decision ClosureOf(string[] cells)
    {
        var closed = new DisputeClosed(new("D"), Enum.Parse<DisputeOutcome>(cells[1]), new("A"),
            cells[2] == "-" ? null : new(cells[2]), "read again");
        var state = cells[0] == "same" ? Disputes.Evolve(Standing("open"), closed) : Standing(cells[0]);
        var day = Settlement.Evolve(State(Run("R0"), Run("R1"), Run("R2")), Booked("D1", "R1"));
        return Disputes.Decide(state, day, closed, Now);
    }

    private static DisputeState Standing(string standing)
    {
        if (standing == "-") return DisputeState.Empty;
        var open = Disputes.Evolve(DisputeState.Empty, Dispute("R1"));
        return standing == "open" ? open : Disputes.Evolve(open,
            new DisputeClosed(new("D"), DisputeOutcome.Rejected, new("A"), null, "nothing is shown"));
    }

    private static DisputeOpened Dispute(string run) =>
        new(new("D"), new(run), Account, Day, new("cpo"), [1], 5m, "too much", [Digest]);

    private static SettlementDeltasBooked Booked(string run, string corrects) => new(new(run), new(corrects),
        Account, Day,
        9, CorrectionStyle.Deltas, "r", "2026a", 1, Digest, 1m, "CNY", []);

    /// <summary>A statement that has all.</summary>
    private static readonly TariffPublished Flat = new(new("T"), 1, "CNY", "UTC",
        [new([.. Enumerable.Range(1, 12)], Enum.GetValues<DayClass>(), LocalTime.Midnight, null, TariffPeriod.Flat)],
        [new(TariffPeriod.Flat, 0.5m, 0.4m)], [], 3, 2);

    private static readonly MeteredQuantity Hour = new(new("P1"), Direction.Import,
        new(Now, Now + Duration.FromHours(1)), Energy.FromWattHours(1), "v1", ReadingQuality.Measured);

    private static readonly Statement Whole = Statement.Build(Account, Day, Flat, [Hour]);

    private static SettlementRunCompleted Run(string run) => new(new(run), RunKind.Initial, Account, Day, "UTC", 7,
        new("T"), 1, "r", "2026a", 3, Digest, 10m, "CNY", [], null, false);

    private static SettlementState State(params SettlementRunCompleted?[] runs) =>
        runs.Aggregate(SettlementState.Empty, (state, run) => run is null ? state : Settlement.Evolve(state, run));

    private static string[] Words(string cell) =>
        cell == "-" ? [] : cell.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
