using System.Globalization;
using System.Reflection;
using Ledger.Api;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Fleet;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Cli.Demonstration;

/// <summary>
/// The charge records of the shown station, as <c>ledger export cdr</c> writes them by an invented public tariff: what
/// each connector's stays come to, one record in full, and the stays of which nothing is charged because nothing is
/// proven.
/// </summary>
internal static class ChargeRecordSection
{
    public static async Task<Section> OfAsync(DemoOutcome outcome, OpenLedger ledger, CancellationToken ct)
    {
        var zone = DateTimeZoneProviders.Tzdb[outcome.Plan.Zone];
        var tariff = PublicTariff();
        var stays = await EndedSessions.GatherAsync(ledger.Journal, ledger.Views, FleetMasterData.Operator,
            outcome.Plan.Day, ledger.Journal.Length, ct).ConfigureAwait(false);
        List<OcpiSession> proven = [.. stays.Where(stay => stay.Why is null)
            .Select(stay => OcpiSession.Of(stay, tariff, zone))];
        List<OcpiSession> records = [.. proven.Where(stay => stay.Unpriced is null)];
        List<MeteredSession> without =
        [
            .. stays.Where(stay => stay.Why is not null),
            .. proven.Where(stay => stay.Unpriced is not null)
                .Select(stay => stay.Metered with { Why = stay.Unpriced }),
        ];
        return new Section("chargeRecords",
            $"Charge records of station {FleetPlan.StationOf(outcome.Plan.ShownStation)}",
            [
                $"{Shown.Of(stays.Count, "stay")} of vehicles ended on the day; {Shown.Count(records.Count)} of them can be written "
                + "as a charge record (OCPI 2.3.0). A stay begins and ends with the charger's word; its energy is the register's "
                + "difference where it was read at both edges, and else what is settled of its quarter hours, if nobody else "
                + "stood there in any of them. The public tariff is invented: 2.00 CNY to begin, 1.60 a kWh, and 12.00 an hour "
                + "for standing there without charging, in steps of 15 minutes; 13 % tax.",
            ],
            [
                new ReportTable(["connector", ">stays", ">records", ">kWh", ">parked h", ">without tax", ">with tax"],
                [
                    .. stays.GroupBy(stay => stay.Session.Point).OrderBy(point => point.Key).Select(point => Row(
                        point.Key.Value, point.Count(),
                        [.. records.Where(record => record.Metered.Session.Point == point.Key)])),
                    Row("all", stays.Count, records),
                ]),
                .. records.OrderByDescending(record => record.Cost.Parking.WithoutTax).Take(1)
                    .Select(record => Full(record, zone)),
                .. without.Count == 0 ? Array.Empty<ReportTable>() : [new ReportTable(
                    ["no record of", "from", "to", "because"],
                    [.. without.Take(WithoutShown).Select(stay => (string[])[stay.Session.Point.Value,
                        Shown.Local(stay.Session.Start, zone), Shown.Local(stay.Session.End, zone), stay.Why!])])],
            ],
            [
                (without.Count > WithoutShown
                    ? $"{Shown.Of(without.Count - WithoutShown, "more stay")} have no record for the same reason. " : "")
                + "What is not proven is charged to nobody, and never as zero: a reading of the register at its edges, "
                + "handed in later, is the fact that makes the record.",
            ]);
    }

    private const int WithoutShown = 3;

    private static OcpiTariff PublicTariff()
    {
        using var file = Assembly.GetExecutingAssembly().GetManifestResourceStream("Demonstration/public-tariff.json")!;
        using var bytes = new MemoryStream();
        file.CopyTo(bytes);
        using var document = InputValue.Parse(bytes.ToArray());
        return OcpiText.Tariff(new InputValue("tariff", document.RootElement));
    }

    private static string[] Row(string name, int stays, List<OcpiSession> records) =>
    [
        name, Shown.Count(stays), Shown.Count(records.Count), Shown.Kwh(records.Sum(record => record.TotalEnergyKwh)),
        Hours(records.Sum(record => record.TotalParkingHours)),
        Shown.Money(records.Sum(record => record.Cost.Total.WithoutTax!.Value)),
        Shown.Money(records.Sum(record => record.Cost.Total.WithTax!.Value)),
    ];

    /// <summary>The parts of one record and how they make its total.</summary>
    private static ReportTable Full(OcpiSession record, DateTimeZone zone)
    {
        var (stay, cost) = (record.Metered.Session, record.Cost);
        return new(
            [$"{stay.Point}, {Shown.Local(stay.Start, zone)}-{Shown.Local(stay.End, zone)}", ">quantity", ">price",
                ">without tax", ">with tax"],
            [
                Part("begin", OcpiCharge.Fixed, "", cost.Fixed), Part("energy", OcpiCharge.Energy, "kWh", cost.Energy),
                Part("parking", OcpiCharge.Parking, "h", cost.Parking),
                ["all", "", "", Exact(cost.Total.WithoutTax), Exact(cost.Total.WithTax)],
            ]);

        string[] Part(string name, OcpiCharge charge, string unit, OcpiAmount amount)
        {
            var lines = cost.Lines.Where(line => line.Charge == charge).ToList();
            return [name, $"{lines.Aggregate(Fraction.Zero, (sum, line) => sum + line.Quantity).ToText(4)} {unit}".TrimEnd(),
                lines.Count == 0 ? "" : Exact(lines[0].Component.Price), Exact(amount.WithoutTax), Exact(amount.WithTax)];
        }
    }

    private static string Hours(decimal hours) => hours.ToString("0.00", CultureInfo.InvariantCulture);

    private static string Exact(decimal? amount) => amount?.ToString("0.00##", CultureInfo.InvariantCulture) ?? "–";
}
