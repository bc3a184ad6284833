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

    [Fact]
    public void The_view_has_the_versions_that_stand() =>
        Gen.Select(Gen.Int[0, 5], Gen.Int[0, 2], (day, owner) => Version($"{day}{"ABC"[owner]}")).Array[0, 9].Sample(versions =>
        {
            var (view, rows) = (new MasterData(), new Rows());
            foreach (var (from, registered) in versions)
                foreach (var change in view.Apply(rows, new(registered, 0, new(from, from), from, registered.Owner)))
                    rows.Put(change);
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

        public object? Get(in RowKey key, Type type) => rows.GetValueOrDefault(key.ToString());

        public void Between(RowName series, Instant first, Instant last, Instant until, Type type,
            ReadOnlySpan<RowChange> over, FoundRows into) =>
            throw new NotSupportedException("master data has no series");

        public IReadOnlyList<KeyValuePair<string, object>> Range(string first, string last, Type type) =>
            [.. rows.Where(row => string.CompareOrdinal(row.Key, first) >= 0
                && string.CompareOrdinal(row.Key, last) <= 0)];
    }
}
