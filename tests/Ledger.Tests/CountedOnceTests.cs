using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using Shouldly;
using static Ledger.Tests.AccountTown;

namespace Ledger.Tests;

/// <summary>No kWh is settled twice: neither at a point behind another one of its account, nor on two days.</summary>
public sealed class CountedOnceTests : IAsyncDisposable
{
    private readonly AccountTown town = new();
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => town.DisposeAsync();

    private Task AppendAsync(string stream, LedgerEvent fact, Instant at) => town.AppendAsync(stream, fact, at);

    private Task RegisterAsync(string point, SettlementPointKind kind, Instant from, string zone = "Asia/Shanghai") =>
        town.RegisterAsync(new(point), kind, from, 60, zone: zone);

    private Task PlaceAsync(string point, string parent, Instant from) =>
        AppendAsync(Streams.StationTree, new PointPlaced(new(point), from, new(parent)), from);

    private async Task PriceAsync(TariffTerms? terms = null)
    {
        await town.PublishAsync(1, 1m, Before, terms);
        await town.AssignAsync();
    }

    /// <summary>Metered energy of an hour, counted from midnight in Shanghai.</summary>
    private async Task MeterAsync(string point, int hour, long wattHours = 1000)
    {
        var (register, from) = (new RegisterId(new(point), Direction.Import), Midnight + Duration.FromHours(hour));
        await AppendAsync(Streams.IntervalReadings(register, from.InUtc().Date), new IntervalReadingRecorded(register,
            new(from, from + Duration.FromHours(1)), Energy.FromWattHours(wattHours), ReadingQuality.Measured, null,
            Digest), from);
    }

    private async Task<Statement> StatementAsync(LocalDate day) =>
        (await town.CalculateAsync(day)).ShouldBeOfType<SettlementCalculation.Calculated>().Statement;

    /// <summary>A feeder with a meter of its own is a connection that is placed behind the station's.</summary>
    [Fact]
    public async Task A_feeder_is_not_settled_beside_the_connection_before_it()
    {
        await PriceAsync();
        await RegisterAsync("F", SettlementPointKind.GridConnection, Before);
        await RegisterAsync("G", SettlementPointKind.GridConnection, Before);
        foreach (var point in (string[])["F", "G"]) await MeterAsync(point, 0);
        var beside = await StatementAsync(Day);
        (beside.Total, Settlement.RuleVersionOf(beside)).ShouldBe((2m, Settlement.RuleVersion));
        await PlaceAsync("F", "G", Midnight);
        var behind = (await town.CalculateAsync(Day)).ShouldBeOfType<SettlementCalculation.Calculated>();
        (behind.Statement.Total, Settlement.RuleVersionOf(behind.Statement)).ShouldBe((1m, Settlement.OnceRuleVersion));
        behind.LeftOut.ShouldHaveSingleItem().WhyNot.ShouldBe(
            "it lies behind grid connection G of S1, which is settled");
        // The day before it was not there yet.
        foreach (var point in (string[])["F", "G"]) await MeterAsync(point, -1);
        (await StatementAsync(Day.PlusDays(-1))).Total.ShouldBe(2m);
    }

    [Fact]
    public async Task A_fee_of_the_account_is_of_the_days_on_which_it_has_a_point_that_is_settled()
    {
        await PriceAsync(TariffTerms.None with
        {
            Fees = [new("contract", FeeBasis.Day, 5m, 1, null, FeeBearer.Account)],
        });
        await RegisterAsync("F", SettlementPointKind.GridConnection, Before);
        await RegisterAsync("G", SettlementPointKind.GridConnection, Before);
        await PlaceAsync("F", "G", Before);
        await MeterAsync("G", 0, 0);
        (await StatementAsync(Day)).Charges.ShouldHaveSingleItem().AmountExact.ShouldBe(5m);
    }

    private static string Settled(IEnumerable<(string Point, SettlementPointKind Kind, string Owner)> points,
        params IEnumerable<(string Point, string Parent)> places)
    {
        var tree = places.Aggregate(StationTreeState.Empty, (state, place) => StationTree.Evolve(state,
            new PointPlaced(new(place.Point), Before, new(place.Parent))));
        return string.Join("; ", SettledPoints.Of(Account, points.Select(each => new SettlementPointRegistered(
                new(each.Point), new("S1"), each.Kind, new(each.Owner), "Asia/Shanghai", 60, Power.Zero, false)), Day, tree)
            .Select(each => each.Settled ? $"{each.Point}" : $"{each.Point}: {each.WhyNot}"));
    }

    private const SettlementPointKind Grid = SettlementPointKind.GridConnection,
        Connector = SettlementPointKind.Connector;

    [Fact]
    public void Of_points_behind_each_other_the_outermost_of_the_account_is_settled()
    {
        const string BehindG = "it lies behind grid connection G of S1, which is settled";
        const string BehindF = "it lies behind grid connection F of S1, which is settled";
        // A tenant's feeder lies behind the landlord's connection; one connector behind it, one beside it.
        Settled([("C1", Connector, "cpo"), ("C2", Connector, "cpo"), ("F", Grid, "cpo"), ("G", Grid, "landlord")],
            ("F", "G"), ("C1", "F"), ("C2", "G")).ShouldBe($"C1: {BehindF}; C2; F");
        // Of the connector nothing is said: it lies behind the only connection that the account has there.
        Settled([("C1", Connector, "cpo"), ("F", Grid, "cpo")], ("F", "G")).ShouldBe($"C1: {BehindF}; F");
        // A way of several points, one of them another's.
        Settled([("C1", Connector, "cpo"), ("F", Grid, "other"), ("G", Grid, "cpo")], ("C1", "F"), ("F", "G"))
            .ShouldBe($"C1: {BehindG}; G");
        // A connector behind a connector, with and without a connection.
        Settled([("C1", Connector, "cpo"), ("C2", Connector, "cpo")], ("C2", "C1"))
            .ShouldBe("C1; C2: it lies behind C1 of S1, which is settled");
        Settled([("C1", Connector, "cpo"), ("C2", Connector, "cpo"), ("G", Grid, "cpo")], ("C2", "C1"))
            .ShouldBe($"C1: {BehindG}; C2: {BehindG}; G");
        // Two connections to the grid are both settled.
        Settled([("F", Grid, "cpo"), ("G", Grid, "cpo")]).ShouldBe("F; G");
    }

    [Fact]
    public async Task A_zone_further_east_ends_the_day_before_and_no_hour_is_of_two_days()
    {
        await PriceAsync();
        await RegisterAsync("C", SettlementPointKind.Connector, Before, zone: "Etc/UTC");
        await RegisterAsync("C", SettlementPointKind.Connector, Midnight);
        for (var hour = -16; hour < 24; hour++) await MeterAsync("C", hour);
        var (first, second) = (await StatementAsync(Day.PlusDays(-1)), await StatementAsync(Day));
        (first.Total, Settlement.RuleVersionOf(first)).ShouldBe((16m, Settlement.OnceRuleVersion));
        (second.Total, Settlement.RuleVersionOf(second)).ShouldBe((24m, Settlement.RuleVersion));
        first.Lines[^1].Period.End.ShouldBe(second.Lines[0].Period.Start);

        // What is handed out of both days is what is settled of them, each hour once.
        var days = new List<MeteredDayOfPoint>();
        await foreach (var day in MeteredRange.DaysAsync(town.Journal, new("C"), Day.PlusDays(-1), Day, town.Journal.Length, Ct))
            days.Add(day);
        days.ConvertAll(day => (day.Whole, day.Periods.Count)).ShouldBe([
            (new(Midnight - Duration.FromHours(16), Midnight), 16),
            (new(Midnight, Midnight + Duration.FromHours(24)), 24)]);
        (await MeteredRange.WithinAsync(town.Journal, new("C"), new(Midnight - Duration.FromHours(2),
            Midnight + Duration.FromHours(2)), town.Journal.Length, Ct)).Select(period => period.Period.Start).ShouldBe(
            Enumerable.Range(-2, 4).Select(hour => Midnight + Duration.FromHours(hour)));
    }

    /// <summary>A year of a point: its registrations and registers are of no day, and long.</summary>
    [Fact]
    public async Task A_long_range_reads_every_stream_once()
    {
        await RegisterAsync("C", SettlementPointKind.Connector, Before);
        await MeterAsync("C", 0);
        var (journal, days) = (new CountedReads(town.Journal), 0);
        await foreach (var day in MeteredRange.DaysAsync(journal, new("C"), Day, Day.PlusDays(365), journal.Length, Ct))
            days += day.Periods.Count == 24 ? 1 : 0;
        days.ShouldBe(366);
        foreach (var stream in (string[])[Streams.Point(new("C")), .. Enum.GetValues<Direction>().Select(direction =>
            Streams.Register(new(new("C"), direction)))]) journal.Of[stream].ShouldBe(1, stream);
        Enumerable.Range(0, 366).ShouldAllBe(day => journal.Of[Streams.Curve(new("C"), Day.PlusDays(day))] == 1);
    }

    private static IReadOnlyList<PointVersion> Versions(params IEnumerable<(Instant From, string Zone)> versions) =>
        [.. versions.Select(each => new PointVersion(each.From, new(new("C"), new("S1"), Connector, Account, each.Zone, 60,
            Power.Zero, false)))];

    [Fact]
    public void The_days_of_a_point_follow_its_zones()
    {
        // A zone of half hours ends the last hour within it.
        var kolkata = Versions((Before, "Etc/UTC"), (Midnight, "Asia/Kolkata"));
        PointDays.TryPeriods(kolkata, Day.PlusDays(-1), out var cut, out _).ShouldBeTrue();
        (cut.Count, cut[^1]).ShouldBe((19, new Interval(Instant.FromUtc(2026, 3, 1, 18, 0),
            Instant.FromUtc(2026, 3, 1, 18, 30))));
        (PointDays.EndsEarly(kolkata, Day.PlusDays(-1)), PointDays.EndsEarly(kolkata, Day)).ShouldBe((true, false));
        PointDays.TryPeriods(kolkata, Day, out var next, out _).ShouldBeTrue();
        (next.Count, next[0].Start).ShouldBe((24, cut[^1].End));
        // Further west there are hours of no day, and whole days beside them.
        var west = Versions((Before, "Asia/Shanghai"), (Midnight, "Etc/UTC"));
        PointDays.TryPeriods(west, Day.PlusDays(-1), out var last, out _).ShouldBeTrue();
        PointDays.TryPeriods(west, Day, out var first, out _).ShouldBeTrue();
        (last.Count, last[^1].End, first.Count, first[0].Start).ShouldBe(
            (24, Midnight, 24, Instant.FromUtc(2026, 3, 2, 0, 0)));
        PointDays.EndsEarly(west, Day.PlusDays(-1)).ShouldBeFalse();
        // From the last zone to the first one a day begins before the one that it ends, which then has no hour.
        var across = Versions((Before, "Pacific/Pago_Pago"), (Midnight, "Pacific/Kiritimati"));
        PointDays.TryPeriods(across, Day, out _, out var problem).ShouldBeFalse();
        problem.ShouldBe("DayNotWholePeriods: the next day, of another zone, begins before it");
        PointDays.TryPeriods(across, Day.PlusDays(-1), out var whole, out _).ShouldBeTrue();
        PointDays.TryPeriods(across, Day.PlusDays(1), out var begun, out _).ShouldBeTrue();
        whole[^1].End.ShouldBe(begun[0].Start);
        PointDays.TryPeriods(Versions((Midnight, "Etc/UTC")), Day.PlusDays(-9), out _, out var before).ShouldBeFalse();
        before.ShouldStartWith("UnknownSettlementPoint: ");
    }

    [Fact]
    public async Task A_register_that_counts_more_than_any_plant_is_named_and_stops_nothing_else()
    {
        await PriceAsync();
        await RegisterAsync("C", SettlementPointKind.Connector, Before);
        var register = new RegisterId(new("C"), Direction.Import);
        await AppendAsync(Streams.Register(register),
            new RegisterInstalled(register, "M1", Limits.RegisterDigitsMax, 0, 15_000, null), Before);
        foreach (var (hour, steps) in new[] { (0, 0), (1, 999_999_999_999_999_999) })
            await AppendAsync(Streams.Register(register), new RegisterReadingRecorded(
                register, Midnight + Duration.FromHours(hour), steps, ReadingQuality.Measured, null), Midnight);
        var refused = (await town.CalculateAsync(Day)).ShouldBeOfType<SettlementCalculation.NotPossible>();
        (refused.Code, refused.Detail).ShouldBe((Rejection.OutOfRange,
            "an energy or amount of cpo on 2026-03-02 has more digits than are counted exactly"));
        (await StatementAsync(Day.PlusDays(1))).Lines.Count.ShouldBe(24);
    }
}
