using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// What the samples of a law held. A law over samples that never meet a case proves nothing of it, so each case has the
/// least share of the samples, in percent, that must hold it: a generator that stops making a case fails the test.
/// </summary>
internal sealed class SampleShares(params (string Case, int PercentMin)[] cases)
{
    private readonly long[] seen = new long[cases.Length];
    private long samples;

    /// <summary>One sample, and whether it held each case, in their order;
    /// samples may come from several threads.</summary>
    public void Add(params ReadOnlySpan<bool> held)
    {
        held.Length.ShouldBe(cases.Length);
        Interlocked.Increment(ref samples);
        for (var i = 0; i < held.Length; i++)
            if (held[i]) Interlocked.Increment(ref seen[i]);
    }

    /// <summary>Prints every share, with how many standard deviations of so many independent samples lie between it and
    /// its bound, and fails where one is too small. Seeds differ from run to run: fewer than five would be luck.
    /// </summary>
    public void ShouldBeEnough(ITestOutputHelper output)
    {
        var shares = cases.Select((wanted, i) => (wanted.Case, wanted.PercentMin, Percent: 100m * seen[i] / samples))
            .ToList();
        output.WriteLine($"{samples} samples: " +
            string.Join(", ", shares.Select(share =>
                FormattableString.Invariant($"{share.Case} {share.Percent:0.#} % ({Deviations(share):0.#} σ)"))));
        shares.Where(share => share.Percent < share.PercentMin).ShouldBeEmpty();

        double Deviations((string Case, int PercentMin, decimal Percent) share) =>
            (double)(share.Percent - share.PercentMin)
                / Math.Sqrt((double)(share.Percent * (100 - share.Percent)) / samples);
    }
}
