using CsCheck;
using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Laws of statements whose tariff charges demand, tiers, fees, tax and bounds: the explanation's own arithmetic comes
/// to the same charges as the fold and to no others, a run and its deltas are the run again, and double entries
/// conserve energy and money with charges in them. Each law is tried with 10 000 samples every day and a million with
/// LEDGER_LONG: a sample bills a month two to six times, so most of its months are a day of whole hours.
/// </summary>
public sealed class ChargeLawTests(ITestOutputHelper output)
{
    private static readonly PartyId Account = new("A");

    private static PricingFacts Pricing(ChargedDay day) => new(new(7, day.Tariff), 8,
        new Dictionary<SettlementPointId, long> { [ChargedDay.Point] = 9 });

    [Fact]
    public void The_explanation_comes_to_the_charges_of_the_fold_and_to_no_others()
    {
        var seen = new SampleShares(("demand", 40), ("tiers", 20), ("hours of use", 5), ("a least price", 5),
            ("not known", 10), ("less than before", 1), ("carried money", 50), ("a session", 8), ("parking", 10),
            ("the account's", 30), ("due before", 3));
        ChargedDay.All.Sample(day =>
        {
            var statement = day.Build(Account);
            var ofPoint = new ChargeReasons(ChargedDay.Point, day.Tariff, day.Reasoned());
            var ofAccount = new ChargeReasons(day.Tariff, day.Standing);
            ofPoint.Charges.Keys.Concat(ofAccount.Charges.Keys).Order()
                .ShouldBe(statement.Charges.Select(ChargeKey.From).Order());
            var carry = Carried(statement.Lines);
            var carried = carry.Money != 0m;
            foreach (var charge in statement.Charges)
            {
                var key = ChargeKey.From(charge);
                var reasons = key.Point is null ? ofAccount : ofPoint;
                StatementText.ParseCharge(charge.Canonical()).ShouldBe(charge);
                var explained = reasons.Explain(key, charge, carry.Money, Pricing(day));
                if (!explained.Holds)
                    explained.All().Where(value => value.Says != value.Follows)
                        .Select(value => $"{charge.Name} {value.Name}: {value.Says} ≠ {value.Follows} ({value.Arithmetic})")
                        .ShouldBeEmpty();
                // What is said wrongly is seen at the top of the tree, so the rest of it is not looked at again.
                reasons.Explain(key, charge with { Amount = (charge.Amount ?? 0m) + 0.01m }, carry.Money, Pricing(day))
                    .Holds.ShouldBeFalse();
                reasons.Explain(key, charge with { Quantity = (charge.Quantity ?? 0m) + 1m }, carry.Money, Pricing(day))
                    .Holds.ShouldBeFalse();
                carry = carry.After(charge);
            }
            carry.Money.ShouldBe(statement.Residual);
            seen.Add(statement.Charges.Any(charge => charge is { Part: BillPart.Demand, Amount: not null }),
                statement.Charges.Any(charge => charge is { Part: BillPart.Energy, Amount: not null }),
                day.Tariff.Terms!.UseBy is not null
                    && statement.Charges.Any(charge => charge is { Part: BillPart.Energy, Amount: not null }),
                statement.Charges.Any(charge => charge.Name == "least price"),
                statement.Charges.Any(charge => charge.Problem is not null),
                statement.Charges.Any(charge =>
                    charge is { Part: not BillPart.Fees and not BillPart.Tax, AmountExact: < 0m }),
                carried, statement.Charges.Any(charge => charge is { Name: "session", AmountExact: not null }),
                statement.Charges.Any(charge => charge is { Name: "parking", Quantity: > 0m }),
                ofAccount.Charges.Count > 0, day.Tariff.Terms!.ChargeTheAccount && ofAccount.Charges.Count == 0);
        }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);
    }

    private static LineCarry Carried(IReadOnlyList<StatementLine> lines)
    {
        var carry = LineCarry.None;
        for (var i = 0; i < lines.Count; i++) carry = carry.After(lines[i], lines.ElementAtOrDefault(i + 1));
        return carry;
    }

    [Fact]
    public void A_run_and_its_deltas_are_the_day_run_again_with_its_charges()
    {
        var seen = new SampleShares(("a charge that moved", 30), ("a charge that came or went", 10));
        Gen.Select(ChargedDay.All, Gen.Int[0, 1_000_000], Gen.Int[0, 100]).Sample((day, seed, share) =>
        {
            var (original, second, third) = (day.Build(Account), day.Corrected(seed, share / 4).Build(Account),
                day.Corrected(seed + 1, share).Build(Account));
            var (first, next) = (StatementDeltas.Between(original, second), StatementDeltas.Between(second, third));
            StatementDeltas.Unlike(original, [first], second).ShouldBeNull();
            StatementDeltas.Unlike(original, [first, next], third).ShouldBeNull();
            (original.Total + first.Total + next.Total).ShouldBe(third.Total);
            first.Postings(Account).Sum(posting => posting.Amount).ShouldBe(0m);
            Posted(original, first, next).ShouldBe(Posted(third));
            var credit = StatementDeltas.Between(original, null);
            StatementDeltas.Unlike(original, [credit], null).ShouldBeNull();
            (original.Total + credit.Total).ShouldBe(0m);
            credit.Count.ShouldBe(credit.Lines.Count + credit.Charges.Count);
            StatementDeltas.Between(original, original).Count.ShouldBe(0);
            // A delta of a charge that is another is seen.
            if (first.Charges.FirstOrDefault(charge => charge.Amount != 0m) is { } moved)
                StatementDeltas.Unlike(original, [first with
                {
                    Charges = [.. first.Charges.Select(charge => charge == moved
                        ? charge with { Amount = charge.Amount + 0.01m } : charge)],
                }], second).ShouldNotBeNull().ShouldContain(moved.Charge.Name);
            // What changed in words is all that changed.
            var changes = StatementCharges.Difference(original, second);
            decimal Charged(Statement statement) => statement.Charges.Sum(charge => charge.Amount ?? 0m);
            (Charged(original) + changes.Sum(change => (change.After ?? 0m) - (change.Before ?? 0m)))
                .ShouldBe(Charged(second));
            seen.Add(first.Charges.Any(charge => charge.Amount != 0m),
                changes.Any(change => change.Before is null != change.After is null));
        }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);
    }

    /// <summary>What is posted to each account together; accounts without anything left out.</summary>
    private static Dictionary<string, decimal> Posted(Statement statement, params Deltas[] deltas) =>
        statement.Postings.Concat(deltas.SelectMany(each => each.Postings(Account)))
            .GroupBy(posting => posting.Account).Select(group => (group.Key, Sum: group.Sum(posting => posting.Amount)))
            .Where(each => each.Sum != 0m).OrderBy(each => each.Key, StringComparer.Ordinal)
            .ToDictionary(each => each.Key, each => each.Sum);

    [Fact]
    public void Double_entries_with_charges_conserve_money_and_tax_is_nobodys_revenue()
    {
        var seen = new SampleShares(("tax", 50), ("charges", 80));
        ChargedDay.All.Sample(day =>
        {
            var statement = day.Build(Account);
            var entries = DoubleEntry.Of(statement, isPublished: true);
            DoubleEntry.NotConserved(statement, entries).ShouldBeNull();
            decimal Has(string account) => DoubleEntry.Balances(entries).Where(each => each.Account == account)
                .Sum(each => each.MoneyPending + each.MoneyPosted);
            var tax = statement.Charges.Where(charge => charge.Part == BillPart.Tax).Sum(charge => charge.Amount ?? 0m);
            Has(DoubleEntry.TaxOf(null)).ShouldBe(tax);
            Has(DoubleEntry.SalesOf(null)).ShouldBe(statement.Total - tax);
            if (statement.Charges.Sum(charge => charge.Amount ?? 0m) is var charged && charged != 0m)
                DoubleEntry.NotConserved(statement with { Charges = [] },
                    DoubleEntry.Of(statement with { Charges = [] }, true)).ShouldBe("the account does not pay the statement's total");
            seen.Add(tax != 0m, charged != 0m);
        }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);
    }
}
