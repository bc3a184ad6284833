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
            var period = Delivery.Uftp(Enum.Parse<FlexDirection>(words[0]), n[0], n[1], n[2], 1m, 7m, 11m);
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
}
