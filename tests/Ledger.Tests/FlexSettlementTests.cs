using System.Xml;
using System.Xml.Linq;
using System.Xml.Schema;
using Ledger.Domain;
using Ledger.Projections;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// FlexSettlement messages of the Shapeshifter specification: powers and amounts are those of the delivery, and the
/// worked table of the settle phase comes out of them.
/// </summary>
public sealed class FlexSettlementTests
{
    private const string Path = "/v1/flex-settlements?issuer=dso&account=cpo&month=2026-02&senderDomain=grid.dso.example"
        + "&recipientDomain=cpo.example&domainSince=2020-01";

    private static async Task<(string Text, XElement Message)> MessageAsync(ExchangeTown town, string path = Path)
    {
        var answer = await town.Served.GetAsync(path);
        (answer.Status, answer.Media).ShouldBe((200, "application/xml"), answer.Text);
        return (answer.Text, XDocument.Parse(answer.Text).Root!);
    }

    [Fact]
    public async Task An_order_is_settled_for_each_that_is_paid_with_every_period()
    {
        await using var town = await ExchangeTown.CalledAsync();
        var (text, message) = await MessageAsync(town);
        Snapshot.Match(text, "FlexSettlementTests.message");
        message.Elements("FlexOrderSettlement").Select(order => $"{order.Attribute("OrderReference")!.Value} "
            + $"{order.Attribute("CongestionPoint")!.Value} {order.Attribute("Price")!.Value} {order.Attribute("Penalty")!.Value} "
            + order.Attribute("NetSettlement")!.Value).ShouldBe([
            "I1 ea1.2020-01.example.dso.grid:C1 160 0 160", "I1 ea1.2020-01.example.dso.grid:C2 0 80 -80"]);
        Powers(message, "C1").ShouldBe(["19 100000 -40000 20000 -40000 0", "20 100000 -40000 20000 -40000 0"]);
        Powers(message, "C2").ShouldBe(["19 100000 -40000 100000 0 40000", "20 100000 -40000 100000 0 40000"]);
        // The same as known at the same position is the same message.
        (await MessageAsync(town, $"{Path}&asOf={town.Served.Ledger.Journal.Length - 1}")).Text.ShouldBe(text);
    }

    /// <summary>
    /// Specification, settle phase, settlement example: baseline 10, ordered 2, price 7, penalty 11; allocations 7 to
    /// 11 give 14, 14, −4, −22, −33. Here ten times of it, as kW of hours.
    /// </summary>
    [Fact]
    public async Task The_worked_table_of_the_settle_phase_comes_out()
    {
        await using var town = await ExchangeTown.StartAsync(price: "7", isBeforeTheCall: true);
        await town.ConnectorAsync("C1");
        await town.MeterAsync("C1", CalledTown.Hours((5 * 24) + 8, 100));
        await town.CapAsync("I1", """{"point":"C1","kw":80}""", to: "23", penalty: "11");
        await town.FreezeAsync("I1");
        await town.MeterAsync("C1", [.. CalledTown.Hours(10, 100), 70, 80, 90, 100, 110, 100]);
        var (_, message) = await MessageAsync(town);
        Powers(message, "C1").ShouldBe(["19 100000 -20000 70000 -20000 0", "20 100000 -20000 80000 -20000 0",
            "21 100000 -20000 90000 -10000 10000", "22 100000 -20000 100000 0 20000", "23 100000 -20000 110000 0 30000"]);
        var order = message.Element("FlexOrderSettlement")!;
        ((decimal)order.Attribute("Price")!, (decimal)order.Attribute("Penalty")!, (decimal)order.Attribute("NetSettlement")!)
            .ShouldBe((140 + 140 + 70, 110 + 220 + 330, 10 * (14 + 14 - 4 - 22 - 33)));
        // Deficiency = allocation − baseline − orders, where it is above zero.
        foreach (var isp in order.Elements("ISP"))
            ((long)isp.Attribute("PowerDeficiency")!).ShouldBe(Math.Max(0, (long)isp.Attribute("ActualPower")!
                - (long)isp.Attribute("BaselinePower")! - (long)isp.Attribute("OrderedFlexPower")!));
    }

    /// <summary>Two operators call one connector for one time, and the first of them is paid. Who settles the second is
    /// told so, though the first call is none of his to see.</summary>
    [Fact]
    public async Task Which_of_two_calls_is_paid_does_not_hang_on_who_asks()
    {
        await using var town = await ExchangeTown.StartAsync(isBeforeTheCall: true);
        await town.ConnectorAsync("C1");
        await town.MeterAsync("C1", CalledTown.Hours((5 * 24) + 8, 100));
        await town.ImportAsync("""{"type":"instruction","instruction":"I0","kind":"curtail","issuedBy":"tso","issuedAt":"2026-02-27T08:00:00+08:00","start":"2026-02-27T18:00:00+08:00","end":"2026-02-27T20:00:00+08:00","targets":[{"point":"C1","kw":60}],"programme":"reduce"}""");
        await town.CapAsync("I1", """{"point":"C1","kw":60}""");
        await town.FreezeAsync("I1");
        await town.MeterAsync("C1", CalledTown.Hours(16, 20));
        var (ledger, everything) = (town.Served.Ledger, new Answers(town.Served.Ledger.Views));
        await ledger.CatchUpAsync(TestContext.Current.CancellationToken);
        var dso = new Answers(ledger.Views, null, new Reach(null, null, new("dso"), true), ExchangeTown.Now);
        dso.Instructions().Select(order => order.Instruction).ShouldBe(["I1"]);
        foreach (var asking in new[] { dso, everything })
        {
            var orders = await FlexOrders.OfAsync(ledger.Journal, asking, everything, new("dso"), new("cpo"),
                new(2026, 2), ledger.Journal.Length, TestContext.Current.CancellationToken);
            orders.Orders.ShouldBeEmpty();
            orders.Unsettled.ShouldHaveSingleItem().Why.ShouldContain("I0 calls C1 for the same time");
        }
    }

    [Fact]
    public async Task What_was_held_ready_and_ordered_stands_under_the_contract()
    {
        await using var town = await ExchangeTown.StartAsync(isBeforeTheCall: true);
        foreach (var point in new[] { "C1", "C2" })
        {
            await town.ConnectorAsync(point);
            await town.MeterAsync(point, CalledTown.Hours((5 * 24) + 8, 100));
        }
        await town.EnrolAsync("reduce", "C1");
        await town.ImportAsync("""
            {"type":"availability","programme":"reduce","point":"C1","declaredAt":"2026-02-25T00:00:00Z","start":"2026-02-27T10:00:00Z","end":"2026-02-27T11:00:00Z","availableKw":75}
            {"type":"availability","programme":"reduce","point":"C1","declaredAt":"2026-02-25T01:00:00Z","start":"2026-02-27T10:00:00Z","end":"2026-02-27T11:30:00Z","availableKw":70.5}
            """);
        await town.CapAsync("I1", """{"point":"C1","kw":60},{"point":"C2","kw":60}""");
        await town.FreezeAsync("I1");
        foreach (var point in new[] { "C1", "C2" }) await town.MeterAsync(point, CalledTown.Hours(16, 100));
        var (_, message) = await MessageAsync(town);
        var contract = message.Elements("ContractSettlement").Single();
        contract.Attribute("ContractID")!.Value.ShouldBe("reduce");
        contract.Elements("Period").Single().Attribute("Period")!.Value.ShouldBe("2026-02-27");
        // The declaration holds for the whole of the first hour and half of the second, which is not all of it.
        contract.Descendants("ISP").Select(isp => $"{isp.Attribute("Start")!.Value} {isp.Attribute("ReservedPower")!.Value} "
            + isp.Attribute("OrderedPower")!.Value).ShouldBe(["19 -70500 -80000", "20 0 -80000"]);
    }

    /// <summary>Period 19 of a day is 18 to 19 o'clock of C1, which is settled by the hour, and 4:30 to 4:45 of C2,
    /// which is by the quarter; and its third quarter is no hour of C1. A contract has one length a day.</summary>
    [Theory]
    [InlineData("04:30", "04:45", 15, "Asia/Shanghai", "reduce", false)]
    [InlineData("00:30", "00:45", 15, "Asia/Shanghai", "reduce", false)]
    [InlineData("18:00", "19:00", 60, "Asia/Tokyo", "reduce", false)]
    [InlineData("18:00", "19:00", 60, "Asia/Taipei", "reduce", true)] // the same hours by another name
    [InlineData("04:30", "04:45", 15, "Asia/Shanghai", "other", true)]
    public async Task A_number_of_a_contract_is_of_one_length_and_zone(
        string from, string to, int minutes, string zone, string programme, bool isSettled)
    {
        await using var town = await ExchangeTown.StartAsync(isBeforeTheCall: true);
        await town.PublishAsync("other");
        await town.ConnectorAsync("C1");
        await town.ConnectorAsync("C2", minutes, zone);
        await town.MeterAsync("C1", CalledTown.Hours((5 * 24) + 8, 100));
        await town.MeterAsync("C2", minutes, CalledTown.Hours((5 * 24 * 60 / minutes) + 8, 100));
        await town.CapAsync("I1", """{"point":"C1","kw":60}""");
        await town.CapAsync("I2", """{"point":"C2","kw":60}""", from, to, programme, issued: "00");
        await town.FreezeAsync("I1");
        await town.FreezeAsync("I2");
        await town.MeterAsync("C1", CalledTown.Hours(16, 100));
        await town.MeterAsync("C2", minutes, CalledTown.Hours((24 * 60 / minutes) - 8, 100));
        var answer = await town.Served.GetAsync(Path);
        answer.Status.ShouldBe(isSettled ? 200 : 422, answer.Text);
        if (isSettled) return;
        answer["name"].ShouldBe("NotSettled");
        answer["detail"]!.ShouldContain(
            "reduce on 2026-02-27 would be of several lengths or zones, and one number would name two times");
    }

    [Fact]
    public async Task An_order_without_money_stops_the_message_and_one_that_was_withdrawn_before_does_not()
    {
        await using var town = await ExchangeTown.CalledAsync();
        await town.CapAsync("I2", """{"point":"C1","kw":60}""");
        var answer = await town.Served.GetAsync(Path);
        (answer.Status, answer["name"]).ShouldBe((422, "NotSettled"));
        answer["detail"]!.ShouldBe("I2 is not settled: no baseline of it is frozen");
        await town.HoldsAsync("""{"type":"instruction-withdrawal","instruction":"I2","at":"2026-02-27T09:00:00Z","reason":"no need"}""");
        (await MessageAsync(town)).Message.Elements("FlexOrderSettlement").Count().ShouldBe(2);
    }

    [Theory]
    [InlineData("issuer=dso", "issuer=other", 404)]
    [InlineData("account=cpo", "account=other", 404)]
    [InlineData("month=2026-02", "month=2026-03", 404)]
    [InlineData("month=2026-02", "month=2026-13", 400)]
    [InlineData("domainSince=2020-01", "domainSince=2020", 400)]
    [InlineData("senderDomain=grid.dso.example", "senderDomain=Grid", 400)]
    [InlineData("recipientDomain=cpo.example", "recipientDomain=-.example", 400)]
    [InlineData("&recipientDomain=cpo.example", "", 400)]
    public async Task A_wrong_question_is_refused(string from, string to, int status)
    {
        await using var town = await ExchangeTown.CalledAsync();
        (await town.Served.GetAsync(Path.Replace(from, to, StringComparison.Ordinal))).Status.ShouldBe(status);
    }

    /// <summary>Against the specification's schema where it lies beside the samples.</summary>
    [Fact]
    public async Task The_message_is_valid_by_its_schema()
    {
        var schema = SchemaFile.Of("shapeshifter", "UFTP-agr-dso.xsd");
        await using var town = await ExchangeTown.CalledAsync();
        var (text, _) = await MessageAsync(town);
        var set = new XmlSchemaSet { XmlResolver = new XmlUrlResolver() };
        set.Add(null, schema);
        var faults = new List<string>();
        XDocument.Parse(text).Validate(set, (_, fault) => faults.Add(fault.Message));
        faults.ShouldBeEmpty();
    }

    private static IEnumerable<string> Powers(XElement message, string paid) => message.Elements("FlexOrderSettlement")
        .Where(order => order.Attribute("CongestionPoint")!.Value.EndsWith($":{paid}", StringComparison.Ordinal))
        .Elements("ISP").Select(isp => string.Join(' ', new[] { "Start", "BaselinePower", "OrderedFlexPower", "ActualPower",
            "DeliveredFlexPower", "PowerDeficiency" }.Select(name => isp.Attribute(name)!.Value)));
}
