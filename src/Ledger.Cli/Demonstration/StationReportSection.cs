using System.Globalization;
using Ledger.Domain;
using Ledger.Ingest.Fleet;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Cli.Demonstration;

/// <summary>
/// What a regulator reads first of a station's report: what it declares, its test, and what may be promised of it,
/// beside a station of which too few calls are known to say anything.
/// </summary>
internal static class StationReportSection
{
    public static Section Of(DemoOutcome outcome, Answers answers)
    {
        var station = FleetPlan.StationOf(outcome.Plan.ShownStation);
        var other = FleetPlan.StationOf(outcome.Plan.ShownStation % outcome.Plan.Stations + 1);
        var (calls, others) = (answers.Calls(station, Instant.MaxValue), answers.Calls(other, Instant.MaxValue));
        var response = StationWindows.Of(calls).All;
        return new Section("stationReport", $"Report of station {station}",
            [
                $"What {station} declares and what its calls showed. A standard is the station's word; the ledger "
                + $"checks no certificate.",
            ],
            [
                new ReportTable(["declared standard", "certificate", "issuer"],
                [
                    .. answers.Standards(station).Select(row => (string[])
                        [row.Standard, row.Certificate ?? "none: declared only", row.Issuer ?? "–"]),
                ]),
                new ReportTable(
                    ["test dispatch", ">must deliver %", ">delivered %", ">90 % within s", ">90 % after s", "outcome"],
                    [.. calls.Where(call => call.Test is not null).Select(Test)]),
                new ReportTable(
                    ["real calls of", ">calls", ">followed", ">rate at least %", ">kW in 90 %", ">kW in 95 %",
                        ">credible kW 90 %", ">most ordered kW"],
                    [Window($"{station}", StationWindows.Of(calls)), Window($"{other}", StationWindows.Of(others))]),
            ],
            [
                $"The delay to 10 % of an order was {Seconds(response.Delay.Fifth)} s in 5 %, "
                + $"{Seconds(response.Delay.Median)} s in half and {Seconds(response.Delay.NinetyFifth)} s in 95 % of "
                + $"the calls of {station} at most. A rate is the lower bound at 95 % confidence; below "
                + $"{Credibility.CallsMin} calls there is no figure, and of calls to come no power is credible in 90 % "
                + $"of them before {StationWindows.CallsFor(90)} calls are known.",
            ]);
    }

    private static string[] Test(StationCall call) =>
    [
        call.Order.Instruction, Percent(call.Order.Test!.DeliveredPermilleMin),
        Percent((long)(call.Delivered.HalfNanojoules * 1000 / call.Ordered.HalfNanojoules)),
        Milliseconds(call.Order.Test.T90MsMax),
        call.NinetyPercentAfter is { } after
            ? Milliseconds((long)after.TotalMilliseconds) : "–", Shown.Words(call.Test!.Value),
    ];

    private static string[] Window(string station, StationWindows windows)
    {
        var all = windows.All;
        return
        [
            station, Shown.Count(all.Calls), all.Successes?.ToString(CultureInfo.InvariantCulture) ?? "–",
            all.SuccessRateAtLeastMillionths is { } rate ? Percent(rate / 1_000) : "–",
            Kilowatts(all.Delivered90), Kilowatts(all.Delivered95), Kilowatts(all.Credible90),
            Kilowatts(all.OrderedMost),
        ];
    }

    private static string Percent(long permille) => (permille / 10m).ToString("0.0", CultureInfo.InvariantCulture);

    private static string Milliseconds(long time) => (time / 1000m).ToString("0.###", CultureInfo.InvariantCulture);

    private static string Seconds(long? microseconds) =>
        microseconds is { } time ? (time / 1_000_000m).ToString("0.###", CultureInfo.InvariantCulture) : "–";

    private static string Kilowatts(long? milliwatts) => milliwatts is { } power ? Shown.Kw(new Power(power)) : "–";
}
