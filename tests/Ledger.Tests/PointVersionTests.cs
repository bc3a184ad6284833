using CsCheck;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Which versions of a point stand, and whose it is at an instant: by the rule and the view alike.</summary>
public sealed class PointVersionTests
{
    private static readonly Instant First = Instant.FromUtc(2026, 1, 1, 0, 0);

    /// <summary>Versions as they are recorded: the day from which each holds, and its owner.</summary>
    [Theory]
    [InlineData("1A 5B", "1A 5B")]
    [InlineData("1A 5A 5B", "1A 5B")]
    [InlineData("1A 9A 5B", "1A 5B")] // what A had for later ends with the sale
    [InlineData("1A 9C 5B", "1A 5B 9C")] // a chain of sales may be recorded in any order
    [InlineData("1A 9A 5A", "1A 5A 9A")] // other data of the same owner end nothing
    [InlineData("1A 5B 9A", "1A 5B 9A")] // sold back
    [InlineData("1A 7A 9B 5C", "1A 5C 9B")]
    [InlineData("5A 1B", "1B 5A")] // there was an owner before
    [InlineData("1A 9A 1B", "1B")] // it was never A's
    [InlineData("1A 9A 5B 9A", "1A 5B 9A")]
    public void A_sale_ends_what_the_former_owner_had_for_later(string recorded, string stands) =>
        string.Join(' ', Folded(recorded.Split(' ').Select(Version)).Standing.Select(version =>
            $"{(int)(version.From - First).TotalDays}{version.Registered.Owner}")).ShouldBe(stands);

    [Theory]
    [InlineData("5A 9B", "AAAAAAAAABBB", "-----AAAABBB")] // before its first day it is of whom it begins with
    [InlineData("1A 9A 5B", "AAAAABBBBBBB", "-AAAABBBBBBB")]
    [InlineData("", "------------", "------------")]
    public void A_point_has_one_holder_at_an_instant(string recorded, string holders, string inForce)
    {
        var state = Folded(recorded.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(Version));
        var days = Enumerable.Range(0, 12).Select(day => First + Duration.FromDays(day)).ToList();
        string.Concat(days.Select(day => state.HolderAt(day)?.Owner.Value ?? "-")).ShouldBe(holders);
        string.Concat(days.Select(day => state.InForce(day)?.Registered.Owner.Value ?? "-")).ShouldBe(inForce);
        state.FromOn(First + Duration.FromDays(6)).Select(version => version.Registered.Owner.Value)
            .ShouldBe(recorded switch { "5A 9B" => ["A", "B"], "" => [], _ => ["B"] });
    }

    [Fact]
    public void What_stands_or_was_replaced_in_its_place_is_known_and_what_a_sale_ended_may_come_again()
    {
        var state = Folded("1A 9A 5B".Split(' ').Select(Version));
        string Answer(string text) => Version(text) is var (from, registered)
            && SettlementPoint.Decide(state, registered, from) is Decision.AlreadyRecorded ? "known" : "new";
        (Answer("1A"), Answer("5B"), Answer("9A"), Answer("5A"), Answer("2A")).ShouldBe(
            ("known", "known", "new", "new", "new"));
        state = Folded("1A 1B".Split(' ').Select(Version));
        (Answer("1A"), Answer("1B"), Answer("1C")).ShouldBe(("known", "known", "new"));
        // Whoever means to return to the first is told that the second stands, and whoever repeats the second nothing.
        string? Said(string text) => Version(text) is var (from, registered)
            ? ((Decision.AlreadyRecorded)SettlementPoint.Decide(state, registered, from)).Detail : null;
        Said("1B").ShouldBeNull();
        Said("1A")!.ShouldContain("another version from 2026-01-02T00:00:00Z on has replaced it");
    }

    private static readonly Gen<PointVersion> AnyVersion =
        Gen.Select(Gen.Int[0, 5], Gen.Int[0, 2], (day, owner) => Version($"{day}{"ABC"[owner]}"));

    /// <summary>Whoever adds up days, or judges calls, keeps all versions of a point in one row.</summary>
    [Fact]
    public void A_row_of_a_point_has_the_versions_that_stand() =>
        AnyVersion.Array[1, 9].Sample(versions =>
        {
            var (point, rated) = (FoldedBy<VerifiedExport.PointRow>(new VerifiedExport(), "point|CP1", versions),
                FoldedBy<CurtailmentCompliance.RatedRow>(new CurtailmentCompliance(), "rated|CP1", versions));
            var stand = Folded(versions).Standing
                .Select(version => (version.From, (string?)version.Registered.Owner.Value));
            point.Select(row => (row.ValidFrom, row.Owner)).ShouldBe(stand);
            rated.Select(row => (row.ValidFrom, row.Owner)).ShouldBe(stand);
            point.ShouldAllBe(row => row == point[0] || row.Later == null);
        }, iter: LongRun.Samples);

    private static IReadOnlyList<T> FoldedBy<T>(IProjection view, string key, IEnumerable<PointVersion> versions)
        where T : class, IPointVersion<T>
    {
        var rows = new Rows();
        foreach (var (from, registered) in versions) rows.Apply(view, registered, from);
        var first = rows.Get<T>(key)!;
        return [first, .. first.Later ?? []];
    }

    /// <summary>A row of an earlier program has one version, the last recorded, and does not say when that began: it
    /// holds until another one does.</summary>
    [Fact]
    public void A_row_of_an_earlier_program_holds_until_another_version_begins()
    {
        var (view, rows, day) = (new VerifiedExport(), new Rows(), First + Duration.FromDays(2));
        rows.Put(new("point|CP1", RowJson.Read<VerifiedExport.PointRow>("""
            {"station":"S1","kind":"connector","zone":"UTC","ratedMilliwatts":"10000000","bidirectional":true}
            """)));
        rows.Apply(view, Version("5B").Registered with { Station = new("S2"), Zone = "UTC" },
            First + Duration.FromDays(5));
        foreach (var at in (Instant[])[day, First + Duration.FromDays(6)])
            rows.Apply(view, new IntervalRecorded(new("CP1"), new(at, at + Duration.FromMinutes(15)), 1,
                IntervalRecordState.Final, Energy.FromWattHours(10), Energy.Zero, Power.Zero, Power.FromKilowatts(1),
                900_000_000, 0, [], 900, 0, 0, 0, 0, ReadingQuality.Measured, null, new(new string('a', 64))), at);
        rows.Range<VerifiedExport.StationRow>("station|", "station|~").Select(row => row.Key)
            .ShouldBe(["station|2026-01-03|S1", "station|2026-01-07|S2"]);
        RowJson.Read<CurtailmentCompliance.RatedRow>("""{"milliwatts":"10000000"}""").ShouldBe(new(10_000_000));
    }

    [Fact]
    public void The_view_has_the_versions_that_stand() =>
        AnyVersion.Array[0, 9].Sample(versions =>
        {
            var (view, rows) = (new MasterData(), new Rows());
            foreach (var (from, registered) in versions) rows.Apply(view, registered, from);
            rows.Range<MasterData.PointRow>("point|CP1|", "point|CP1|~")
                .Select(row => (row.Value.ValidFrom, row.Value.Owner))
                .ShouldBe(Folded(versions).Standing.Select(version => (version.From, version.Registered.Owner.Value)));
        }, iter: LongRun.Samples);

    private static PointVersion Version(string text) => new(First + Duration.FromDays(text[0] - '0'),
        new(new("CP1"), new("S1"), SettlementPointKind.Connector, new($"{text[1]}"), "Asia/Shanghai", 15,
            Power.FromKilowatts(10), true));

    private static SettlementPointState Folded(IEnumerable<PointVersion> versions) => versions.Aggregate(
        SettlementPointState.Empty,
        (state, version) => SettlementPoint.Evolve(state, version.Registered, version.From));

    private sealed class Rows : IRows
    {
        private readonly SortedDictionary<string, object> rows = new(StringComparer.Ordinal);

        public void Put(RowChange change)
        {
            if (change.Row is { } row) rows[change.Key.ToString()] = row;
            else rows.Remove(change.Key.ToString());
        }

        public void Apply(IProjection view, LedgerEvent fact, Instant from)
        {
            foreach (var change in view.Apply(this, new(fact, 0, new(from, from), from, new("A"))).ToList())
                Put(change);
        }

        public object? Get(in RowKey key, Type type) => rows.GetValueOrDefault(key.ToString());

        public void Between(RowName series, Instant first, Instant last, Instant until, Type type,
            ReadOnlySpan<RowChange> over, FoundRows into)
        {
            // nothing comes before its point here
        }

        public IReadOnlyList<KeyValuePair<string, object>> Range(string first, string last, Type type) =>
            [.. rows.Where(row => string.CompareOrdinal(row.Key, first) >= 0
                && string.CompareOrdinal(row.Key, last) <= 0)];
    }
}
