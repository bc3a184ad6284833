using System.Globalization;
using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Delivered and deficiency, and their money, against the published tables.</summary>
public sealed class DeliveryTests
{
    [Fact]
    public void Uftp_table_comes_out()
    {
        var path = Path.Combine(AppContext.BaseDirectory, "Scenarios", "delivery.txt");
        foreach (var line in File.ReadLines(path).Where(l => l.Length > 0 && l[0] != '#'))
        {
            var words = line.Split([' ', '|'], StringSplitOptions.RemoveEmptyEntries);
            var n = words.Skip(1).Select(w => decimal.Parse(w, CultureInfo.InvariantCulture)).ToArray();
            var period = Delivery.OneSided(Enum.Parse<FlexDirection>(words[0]), n[0], n[1], n[2], 1m, 7m, 11m);
            (period.Delivered, period.Deficiency, period.Net).ShouldBe((n[3], n[4], n[5]), line);
            (period.Payment - period.Penalty).ShouldBe(period.Net, line);
        }
    }

    [Fact]
    public void Deg_pays_clamped_meters_and_publishes_the_netted_sum()
    {
        var deg1 = Delivery.Clamp(FlexDirection.Reduce, [new(45, 20), new(38, 15), new(52, 25)], null, 2m, 3.50m, 0m);
        deg1.Payment.ShouldBe(525.00m);
        Delivery.Clamp(FlexDirection.Reduce, [new(100, 60)], 40m, 2m, 3.50m, 1m).Net.ShouldBe(280.00m);
        var against = Delivery.Clamp(FlexDirection.Reduce, [new(10, 5), new(10, 20)], 6m, 1m, 1m, 2m);
        (against.Clamped, against.Netted, against.Net).ShouldBe((5m, -5m, 3m));
    }

    [Fact]
    public void A_total_is_the_sum_of_each_column() =>
        Delivery.Total([new(1, 2, 3, 4, -1), new(10, 20, 30, 40, -10)])
            .ShouldBe(new DeliveryPeriod(11, 22, 33, 44, -11));

    [Fact]
    public void Without_an_offer_all_that_was_delivered_is_eligible_and_nothing_is_penalised()
    {
        var free = Delivery.Clamp(FlexDirection.Increase, [new(10, 15), new(10, 5)], null, 2m, 3m, 100m);
        (free.Clamped, free.Netted, free.Eligible, free.Payment, free.Penalty).ShouldBe((5m, 0m, 5m, 30m, 0m));
    }

    [Fact]
    public void A_shortfall_against_the_offer_is_penalised_by_time()
    {
        var thin = Delivery.Clamp(FlexDirection.Reduce, [new(10, 5)], 8m, 2m, 3m, 4m);
        (thin.Eligible, thin.Payment, thin.Penalty, thin.Net).ShouldBe((5m, 30m, 24m, 6m));
    }

    [Fact]
    public void A_negative_order_or_time_is_a_bug()
    {
        Should.Throw<ArgumentOutOfRangeException>(() => Delivery.OneSided(FlexDirection.Reduce, 1, 1, -1, 1, 1, 1));
        Should.Throw<ArgumentOutOfRangeException>(() => Delivery.OneSided(FlexDirection.Reduce, 1, 1, 1, -1, 1, 1));
        Should.Throw<ArgumentOutOfRangeException>(() => Delivery.Clamp(FlexDirection.Reduce, [], null, -1, 1, 1));
    }
}
