using System.Globalization;
using System.Text;
using System.Xml;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Api.Exchange;

/// <summary>Between whom a FlexSettlement goes: their Internet domains.</summary>
/// <param name="DomainSince">A month in which the sender owned its domain: part of the entity addresses that it gives
/// (Shapeshifter specification, appendix Message transport mechanism).</param>
public sealed record FlexParties(string SenderDomain, string RecipientDomain, YearMonth DomainSince);

/// <summary>
/// The orders of a month as a FlexSettlement message (Shapeshifter specification 3.0, message FlexSettlement). One
/// FlexOrderSettlement for each order, day and what is paid together; its price is what was paid for what was
/// delivered, so that price less penalty is the net settlement. The programme is the contract: each of its periods
/// says what was declared ready and what was ordered. Powers are whole watts and carry the specification's sign.
/// </summary>
public static class FlexSettlementText
{
    private const string Version = "3.0.0";

    /// <summary>Amounts have at most four decimals (CurrencyAmountType).</summary>
    private const string Amount = "0.####";

    public static string Write(FlexOrders orders, FlexParties parties, YearMonth month, Instant knownAt)
    {
        var text = new StringWriterUtf8();
        using (var xml = XmlWriter.Create(text, new XmlWriterSettings { Indent = true, NewLineChars = "\n" }))
        {
            var (first, last) = (month.OnDayOfMonth(1), month.PlusMonths(1).OnDayOfMonth(1).PlusDays(-1));
            var conversation = $"flex settlement {parties.SenderDomain} {parties.RecipientDomain} {Day(first)}";
            xml.WriteStartElement("FlexSettlement");
            xml.WriteAttributeString("Version", Version);
            xml.WriteAttributeString("SenderDomain", parties.SenderDomain);
            xml.WriteAttributeString("RecipientDomain", parties.RecipientDomain);
            xml.WriteAttributeString("TimeStamp", InstantPattern.ExtendedIso.Format(knownAt));
            // The same month as known at the same time is the same message.
            xml.WriteAttributeString("MessageID", NamedUuid.Of($"{conversation} {knownAt}"));
            xml.WriteAttributeString("ConversationID", NamedUuid.Of(conversation));
            xml.WriteAttributeString("PeriodStart", Day(first));
            xml.WriteAttributeString("PeriodEnd", Day(last));
            xml.WriteAttributeString("Currency", orders.Currency!);
            foreach (var order in orders.Orders) WriteOrder(xml, order, parties);
            foreach (var contract in orders.Contracts.GroupBy(period => period.Programme)) WriteContract(xml, contract);
            xml.WriteEndElement();
        }
        return text.ToString() + "\n";
    }

    private static void WriteOrder(XmlWriter xml, FlexOrder order, FlexParties parties)
    {
        xml.WriteStartElement("FlexOrderSettlement");
        xml.WriteAttributeString("OrderReference", order.Instruction.Value);
        xml.WriteAttributeString("Period", Day(order.Day));
        xml.WriteAttributeString("ContractID", order.Programme.Value);
        xml.WriteAttributeString("BaselineReference", order.Baseline);
        xml.WriteAttributeString("CongestionPoint", AddressOf(order.Paid, parties));
        xml.WriteAttributeString("Price", Money(order.Payment));
        xml.WriteAttributeString("Penalty", Money(order.Penalty));
        xml.WriteAttributeString("NetSettlement", Money(order.Payment - order.Penalty));
        foreach (var period in order.Periods)
        {
            xml.WriteStartElement("ISP");
            Number(xml, "Start", period.Number);
            Number(xml, "Duration", 1);
            Number(xml, "BaselinePower", period.BaselineWatts);
            Number(xml, "OrderedFlexPower", period.OrderedWatts);
            Number(xml, "ActualPower", period.ActualWatts);
            Number(xml, "DeliveredFlexPower", period.DeliveredWatts);
            Number(xml, "PowerDeficiency", period.DeficiencyWatts);
            xml.WriteEndElement();
        }
        xml.WriteEndElement();
    }

    private static void WriteContract(XmlWriter xml, IGrouping<ProgrammeId, FlexContractPeriod> contract)
    {
        xml.WriteStartElement("ContractSettlement");
        xml.WriteAttributeString("ContractID", contract.Key.Value);
        foreach (var day in contract.GroupBy(period => period.Day))
        {
            xml.WriteStartElement("Period");
            xml.WriteAttributeString("Period", Day(day.Key));
            foreach (var period in day)
            {
                xml.WriteStartElement("ISP");
                Number(xml, "Start", period.Number);
                Number(xml, "Duration", 1);
                Number(xml, "ReservedPower", period.ReservedWatts);
                Number(xml, "OrderedPower", period.OrderedWatts);
                xml.WriteEndElement();
            }
            xml.WriteEndElement();
        }
        xml.WriteEndElement();
    }

    /// <summary>Entity address of type 1: a month, the sender's domain in reverse, and our name.</summary>
    private static string AddressOf(string paid, FlexParties parties) => string.Create(CultureInfo.InvariantCulture,
        $"ea1.{parties.DomainSince.Year:D4}-{parties.DomainSince.Month:D2}."
        + $"{string.Join('.', parties.SenderDomain.Split('.').Reverse())}:{paid}");

    private static string Day(LocalDate day) => LocalDatePattern.Iso.Format(day);

    private static string Money(decimal amount) => amount.ToString(Amount, CultureInfo.InvariantCulture);

    private static void Number(XmlWriter xml, string name, long value) =>
        xml.WriteAttributeString(name, value.ToString(CultureInfo.InvariantCulture));

    private sealed class StringWriterUtf8() : StringWriter(CultureInfo.InvariantCulture)
    {
        public override Encoding Encoding => Encoding.UTF8;
    }
}
