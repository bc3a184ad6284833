using CsCheck;
using Ledger.Ingest.Streaming;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Which numbers of a session's frames are missing is remembered within a bound, however they are
/// filled.</summary>
public sealed class MissingNumbersTests
{
    [Fact]
    public void Numbers_that_are_filled_from_their_middle_make_no_more_stretches_than_may_be()
    {
        var missing = new MissingNumbers();
        missing.Add(1, long.MaxValue - 1);
        for (var i = 1L; i <= 5000; i++) missing.Take(i * 1_000_000);
        missing.Stretches.ShouldBe(MissingNumbers.StretchesMax);
        // The first ones are still known, and nothing comes twice.
        missing.Take(1).ShouldBeTrue();
        missing.Take(1).ShouldBeFalse();
        missing.Take(1_000_000).ShouldBeFalse();
        missing.Take(long.MaxValue - 1).ShouldBeFalse();
    }

    /// <summary>Of few stretches each number is known, at both ends and between.</summary>
    [Fact]
    public void A_missing_number_is_found_once() => Gen.Long[0, 40].Array[1, 60].Sample(numbers =>
    {
        var missing = new MissingNumbers();
        missing.Add(5, 14);
        missing.Add(20, 34);
        var left = Enumerable.Range(5, 10).Concat(Enumerable.Range(20, 15)).Select(number => (long)number).ToHashSet();
        return numbers.All(number => missing.Take(number) == left.Remove(number));
    }, iter: LongRun.Samples / 4);
}
