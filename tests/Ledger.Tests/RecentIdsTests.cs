using CsCheck;
using Ledger.Journal;
using Ledger.Stores.Postgres;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A stored id is never taken for a new one, and nobody asks about facts in the order of time.</summary>
public sealed class RecentIdsTests
{
    private static EventId Id(int number) => new((UInt128)(uint)number);

    [Fact]
    public void Whatever_is_stored_may_be_stored() =>
        Gen.Select(Gen.Int[0, 40].Array[0, 60], Gen.Int[0, 40], Gen.Int[1, 8]).Sample((drawn, asked, keptMin) =>
        {
            var added = drawn.Distinct().ToArray(); // an id is added once
            var ids = new RecentIds(null, keptMin);
            foreach (var number in added) ids.Add(Id(number));
            // What was added is there; else it is asked about only where it is not later than what is not kept.
            var older = Math.Max(0, ((added.Length - 1) / keptMin) - 1) * keptMin;
            (added.Length - older).ShouldBeLessThanOrEqualTo(2 * keptMin);
            var highest = older > 0 ? added[..older].Max() : 0;
            ids.MayBeStored(Id(asked)).ShouldBe(asked <= highest || added[older..].Contains(asked));
        }, iter: LongRun.Samples);

    [Fact]
    public void What_is_later_than_all_that_was_there_is_new_until_it_is_added()
    {
        var ids = new RecentIds(Id(100), keptMin: 2);
        (ids.MayBeStored(Id(100)), ids.MayBeStored(Id(7)), ids.MayBeStored(Id(101))).ShouldBe((true, true, false));
        ids.Add(Id(103));
        ids.Add(Id(102));
        (ids.MayBeStored(Id(101)), ids.MayBeStored(Id(102)), ids.MayBeStored(Id(103)), ids.MayBeStored(Id(104)))
            .ShouldBe((false, true, true, false), "it is between those that are kept");
        foreach (var number in (int[])[105, 106]) ids.Add(Id(number));
        (ids.MayBeStored(Id(101)), ids.MayBeStored(Id(103)), ids.MayBeStored(Id(104))).ShouldBe((false, true, false));
        ids.Add(Id(107));
        (ids.MayBeStored(Id(101)), ids.MayBeStored(Id(103)), ids.MayBeStored(Id(104))).ShouldBe((true, true, false));
    }
}
