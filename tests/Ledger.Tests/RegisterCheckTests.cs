using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Laws of the error budget; its figures are in <c>Scenarios/calc-reconcile.txt</c>.</summary>
public sealed class RegisterCheckTests
{
    private static readonly Gen<Power> AnyPower = Gen.Long[-1_000_000_000, 1_000_000_000].Select(mw => new Power(mw));

    private static readonly Gen<GapBound> AnyGap = Gen.Select(Gen.Int[0, 900], AnyPower, AnyPower, (seconds, a, b) =>
        new GapBound(Duration.FromSeconds(seconds), a < b ? a : b, a < b ? b : a));

    private static readonly Gen<MeasurementErrors> AnyErrors = Gen.Select(
        Gen.Long[0, ErrorBand.Percent], Gen.Long[0, 100], Gen.Int[0, 10_000], AnyPower.Array[2], AnyGap.List[0, 3],
        (band, wattHours, offset, edges, gaps) => new MeasurementErrors(new(band), new(band / 2),
            Energy.FromWattHours(wattHours), Duration.FromMilliseconds(offset - 5000), edges, gaps, new(band / 3)));

    private static readonly Gen<Energy> AnyEnergy = Gen.Long[-400_000, 400_000].Select(Energy.FromWattHours);

    [Fact]
    public void The_terms_sum_to_the_tolerance_and_none_is_negative() =>
        Gen.Select(AnyEnergy, AnyErrors).Sample((register, errors) =>
        {
            var budget = RegisterCheck.Budget(register, errors);
            var sum = budget.Terms().Aggregate(Energy.Zero, (sum, term) => sum + term.Energy);
            return sum == budget.Tolerance && budget.Terms().All(term => term.Energy >= Energy.Zero)
                && (budget.Dominating() is not { } most
                    || budget.Terms().All(term => term.Energy <= budget.Terms()[(int)most - 1].Energy));
        }, iter: LongRun.Samples);

    [Fact]
    public void A_wider_tolerance_never_makes_two_values_inconsistent() =>
        Gen.Select(AnyEnergy, AnyEnergy, AnyErrors, AnyGap, Gen.Long[0, 1000])
            .Sample((register, off, errors, gap, step) =>
        {
            var curve = register + new Energy(off.HalfNanojoules / 100);
            var narrow = Judge(errors);
            var wide = Judge(errors with
            {
                Gaps = [.. errors.Gaps, gap],
                RegisterStep = errors.RegisterStep + Energy.FromWattHours(step),
            });
            return wide.Budget.Tolerance >= narrow.Budget.Tolerance && wide.Difference == narrow.Difference
                && (narrow.Verdict == RegisterVerdict.Inconsistent || wide.Verdict != RegisterVerdict.Inconsistent);

            RegisterCheckResult Judge(MeasurementErrors known) =>
                RegisterCheck.Judge(register, curve, RegisterCheck.Budget(register, known), RegisterCheck.Decides);
        }, iter: LongRun.Samples);

    [Fact]
    public void A_band_is_rounded_up_so_that_it_is_never_too_narrow()
    {
        new ErrorBand(1).Of(new Energy(1)).ShouldBe(new Energy(1));
        new ErrorBand(1).Of(new Energy(-1_000_000_001)).ShouldBe(new Energy(2));
        new ErrorBand(ErrorBand.Percent).Of(Energy.FromWattHours(100)).ShouldBe(Energy.FromWattHours(1));
        new ErrorBand(ErrorBand.Percent).Of(Energy.Zero).ShouldBe(Energy.Zero);
    }

    [Fact]
    public void Every_term_has_its_words()
    {
        var words = Enum.GetValues<ErrorTerm>().Select(term => RegisterCheck.Words(term)).ToList();
        words.Distinct().Count().ShouldBe(words.Count);
        RegisterCheck.Words(null).ShouldBe("nothing");
    }
}
