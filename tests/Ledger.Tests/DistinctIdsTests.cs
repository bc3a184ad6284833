using CsCheck;
using Ledger.Journal;
using Ledger.Journal.Verification;
using Shouldly;

namespace Ledger.Tests;

/// <summary>An id that comes twice is found, however many events lie between.</summary>
public sealed class DistinctIdsTests
{
    private const int SortedAtOnce = 1 << 16;

    private static List<(EventId, long, long)> Repeated(IEnumerable<EventId> all)
    {
        using var ids = new DistinctIds();
        var position = 0L;
        foreach (var id in all) ids.Add(id, position++);
        return [.. ids.Repeated()];
    }

    [Fact]
    public void Few_ids_are_compared_with_each_other() =>
        Gen.Int[0, 20].Array[0, 30].Sample(numbers =>
        {
            var expected = numbers.Select((number, at) => (Id: new EventId((UInt128)number), At: (long)at))
                .GroupBy(one => one.Id).OrderBy(same => same.Key.Value)
                .SelectMany(same => same.Zip(same.Skip(1), (before, next) => (next.Id, next.At, before.At)));
            Repeated(numbers.Select(number => new EventId((UInt128)number))).ShouldBe(expected);
        }, iter: 500);

    [Theory]
    [InlineData(SortedAtOnce - 1)]
    [InlineData(SortedAtOnce)]
    [InlineData(SortedAtOnce + 1)]
    [InlineData(5 * SortedAtOnce)]
    public void Of_many_ids_those_that_come_twice_are_found(int count)
    {
        // A permutation: an odd factor modulo 2^32 gives each number another.
        var ids = Enumerable.Range(0, count)
            .Select(i => new EventId((UInt128)unchecked((uint)i * 2_654_435_761u) << 96)).ToList();
        Repeated(ids).ShouldBeEmpty();
        ids[count - 1] = ids[0];
        ids[count / 2] = ids[0];
        Repeated(ids).ShouldBe([(ids[0], count / 2, 0L), (ids[0], count - 1, count / 2)]);
    }

    [Fact]
    public void Nothing_of_it_stays_in_the_temporary_folder()
    {
        var folder = Directory.CreateTempSubdirectory("ledger-ids-").FullName;
        try
        {
            using (var ids = new DistinctIds(folder))
            {
                for (var i = 0; i <= SortedAtOnce; i++) ids.Add(new EventId((UInt128)i), i);
                Directory.EnumerateFiles(folder).Count().ShouldBe(1);
                ids.Repeated().ShouldBeEmpty();
            }
            Directory.EnumerateFiles(folder).ShouldBeEmpty();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
