using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;
using static Ledger.Tests.AccountTown;

namespace Ledger.Tests;

/// <summary>A settlement run is calculated from a journal position, and again from it with the same lines.</summary>
public sealed class SettlementsTests : IAsyncDisposable
{
    private static readonly SettlementPointId Connector = new("S1-C1");
    private static readonly RegisterId Import = new(Connector, Direction.Import);
    private readonly AccountTown town = new();
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => town.DisposeAsync();

    private Task Append(string stream, LedgerEvent fact, Instant at) => town.AppendAsync(stream, fact, at);

    private Task Register(SettlementPointId point, SettlementPointKind kind, string owner, Instant from,
        string zone = "Asia/Shanghai") => town.RegisterAsync(point, kind, from, 15, owner, zone);

    private Task Read(Instant at, long steps) => Append(
        Streams.Register(Import), new RegisterReadingRecorded(Import, at, steps, ReadingQuality.Measured, null), at);

    private Task Curve(int quarter, long wattHours, int version = 1)
    {
        var from = Midnight + Duration.FromMinutes(15 * quarter);
        return Append(Streams.Curve(Connector, Day), new IntervalRecorded(
            Connector, new Interval(from, from + Duration.FromMinutes(15)), version, IntervalRecordState.Final,
            Energy.FromWattHours(wattHours), Energy.Zero, Power.Zero, Power.FromKilowatts(100), 900_000_000, 0, [],
            900, 0,
            0, 0, 0, ReadingQuality.Measured, null, Digest), from);
    }

    private Task<SettlementCalculation> Calculate() => town.CalculateAsync(Day);

    private async Task FullDay()
    {
        await Register(Connector, SettlementPointKind.Connector, "cpo", Before);
        await Append(Streams.Register(Import), new RegisterInstalled(Import, "M1", 6, 0, 1, null), Before);
        await town.PublishAsync(1, 0.5m, Before);
        await town.PublishAsync(2, 0.8m, Midnight);
        await town.PublishAsync(3, 9m, Midnight + Duration.FromHours(1)); // in force from the next day on
        await town.AssignAsync();
        for (var quarter = 0; quarter < 96; quarter++) await Curve(quarter, 1000);
    }

    private async Task<TimeOfUseSettlement.RunRow> Record(string run, string? supersedes)
    {
        var calculated = (await Calculate()).ShouldBeOfType<SettlementCalculation.Calculated>();
        var request = calculated.Request(new(run), supersedes is null ? RunKind.Interim : RunKind.Correction,
            supersedes is null ? null : new(supersedes));
        var state = SettlementState.Empty;
        await foreach (var recorded in town.Journal.ReadStreamAsync(Streams.Settlement(Account, Day), 0, Ct))
            state = Settlement.Evolve(state, EventCodec.Decode(recorded));
        var decided = Settlement.Decide(state, request, calculated.Statement, Midnight + Duration.FromDays(1), new(run))
            .ShouldBeOfType<Decision.Accepted>();
        await town.Journal.AppendAsync(
            Streams.Settlement(Account, Day), ExpectedRevision.Any, decided.Facts, TestFolder.Tester, null, Ct);
        await Calculate();
        return new Answers(town.Views).HoldingRun(Account, Day).ShouldNotBeNull();
    }

    [Fact]
    public async Task A_stored_run_is_derived_again_from_its_position_whatever_came_later()
    {
        await FullDay();
        var first = await Record("R1", null);
        first.Total.ShouldBe(76.8m); // 96 kWh at 0.8
        first.TariffVersion.ShouldBe(2);
        await Read(Midnight, 100);
        await Read(Midnight + Duration.FromDays(1), 197); // one kWh more than the curve
        await Curve(0, 1500, 2);
        var second = await Record("R2", "R1");
        (second.Total, second.ChangeFromSuperseded).ShouldBe((77.6m, 0.8m));
        var again = await Settlements.RederiveAsync(town.Journal, town.Views, first, Ct);
        again.Differs.ShouldBeNull();
        again.Statement.ShouldNotBeNull().LinesRoot.Hex.ShouldBe(first.LinesRoot);
        (await Settlements.RederiveAsync(town.Journal, town.Views, second, Ct)).Differs.ShouldBeNull();
        (await Settlements.RederiveAsync(town.Journal, town.Views,
            second with { AtPosition = first.AtPosition, RuleVersion = "0" }, Ct))
            .Differs.ShouldNotBeNull().ShouldContain("the run's were 0");
        new Answers(town.Views).Runs(Account, Day).Select(run => run.Run).ShouldBe(["R1", "R2"]);
    }

    /// <summary>The next local day begins within the same day of UTC, by which readings are kept.</summary>
    [Fact]
    public async Task What_is_installed_or_read_after_a_day_gives_it_no_lines_of_export()
    {
        await FullDay();
        var (export, end) = (new RegisterId(Connector, Direction.Export), Midnight + Duration.FromDays(1));
        await Append(Streams.Register(export), new RegisterInstalled(export, "M1", 6, 0, 1, null), end);
        await ReadAsync(end);
        (await LinesAsync()).ShouldBe(96);
        await ReadAsync(end - Duration.FromMinutes(15));
        (await LinesAsync()).ShouldBe(192);

        Task ReadAsync(Instant from) => Append(Streams.IntervalReadings(export, from.InUtc().Date),
            new IntervalReadingRecorded(export, new(from, from + Duration.FromMinutes(15)), Energy.FromWattHours(1),
                ReadingQuality.Measured, null, Digest), from);

        async Task<int> LinesAsync() =>
            (await Calculate()).ShouldBeOfType<SettlementCalculation.Calculated>().Statement.Lines.Count;
    }

    [Fact]
    public async Task Points_that_are_not_settled_are_named_with_their_reason()
    {
        await FullDay();
        await Register(new("S1-C2"), SettlementPointKind.Connector, "cpo", Midnight + Duration.FromHours(1));
        await Register(new("S1-C3"), SettlementPointKind.Connector, "cpo", Before);
        await Register(new("S1-C3"), SettlementPointKind.Connector, "other", Midnight);
        await Register(new("S1-C4"), SettlementPointKind.Connector, "cpo", Before, "Europe/Paris");
        var calculated = (await Calculate()).ShouldBeOfType<SettlementCalculation.Calculated>();
        calculated.Statement.Lines.Count.ShouldBe(96);
        calculated.LeftOut.Select(point => $"{point.Point}: {point.WhyNot}").ShouldBe([
            "S1-C2: it is registered from 2026-03-01T17:00:00Z on", "S1-C3: other owns it on that day",
            "S1-C4: its day is that of Europe/Paris, and the account's that of Asia/Shanghai"]);
        await Register(new("S1-G"), SettlementPointKind.GridConnection, "cpo", Before);
        (await Calculate()).ShouldBeOfType<SettlementCalculation.Calculated>().LeftOut
            .First(point => point.Point == Connector).WhyNot.ShouldNotBeNull().ShouldContain("grid connection S1-G");
    }

    [Fact]
    public async Task Without_point_or_tariff_nothing_is_calculated_and_views_behind_are_refused()
    {
        (await Calculate())
            .ShouldBeOfType<SettlementCalculation.NotPossible>().Code.ShouldBe(Rejection.UnknownSettlementPoint);
        await Register(Connector, SettlementPointKind.Connector, "cpo", Before);
        var problem = (await Calculate()).ShouldBeOfType<SettlementCalculation.NotPossible>();
        (problem.Code, problem.Detail).ShouldBe((Rejection.UnknownTariff, "cpo has no tariff on 2026-03-02"));
        await town.AssignAsync();
        (await Should.ThrowAsync<InvalidOperationException>(() =>
            Settlements.CalculateAsync(town.Journal, town.Views, Account, Day, 2, Ct))).Message.ShouldContain("1 of 2 events");
        (await Calculate()).ShouldBeOfType<SettlementCalculation.NotPossible>().Detail
            .ShouldBe("no version of tariff T is in force on 2026-03-02");
    }
}
