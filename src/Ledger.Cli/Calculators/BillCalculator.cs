using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Cli.Calculators;

/// <summary>
/// <c>bill {tariff, zone?, load: [{start, minutes, importKwh, exportKwh?, curve?}], sessions?, previous?}</c> →
/// <c>{lines, totals, residual, incomplete}</c>: what a tariff charges for a load, line by line. Without
/// <c>moneyDecimals</c> in the tariff nothing is rounded.
/// </summary>
static class BillCalculator
{
    /// <summary>Longest interval of a load: a month of 31 days.</summary>
    const int minutesMax = 31 * 24 * 60;
    const long parkedMinutesMax = 366L * 24 * 60;

    public static JsonObject Evaluate(InputValue input)
    {
        var asked = input.Object("tariff", "zone", "load", "sessions", "previous");
        var tariffs = asked.Required("tariff");
        var tariff = TariffText.ReadInline(tariffs, asked.Optional("zone")?.Text());
        if (!SettlementCalendar.TryZone(tariff.Zone, out _))
            throw (asked.Optional("zone") ?? tariffs).Refused(
                Rejection.UnknownZone, "must be a zone of the tz database, such as Asia/Shanghai");
        var load = asked.Required("load");
        try
        {
            var bill = Bill.Of(tariff, new(
                Loads(load), asked.Optional("sessions")?.Array().ConvertAll(Session) ?? [],
                asked.Optional("previous")?.Array().ConvertAll(row => Earlier(row, tariff)) ?? []));
            return Answer(bill);
        }
        catch (OverflowException)
        {
            throw new InputRefusedException(Rejection.TooManyDigits, load.Path, "",
                "prices, quantities and shares of the bill must have products that a decimal holds exactly");
        }
    }

    static List<BillLoad> Loads(InputValue input)
    {
        var rows = input.Array();
        if (rows.Count == 0) throw input.Refused(Rejection.WrongCount, "needs at least one interval");
        var loads = rows.ConvertAll(Load);
        for (var i = 1; i < loads.Count; i++)
            if (loads[i].Period.Start < loads[i - 1].Period.End)
                throw new InputRefusedException(Rejection.PeriodsOverlap, rows[i].Path, "",
                    "must begin where the interval before it ends, or later");
        return loads;
    }

    static BillLoad Load(InputValue row)
    {
        var load = row.Object("start", "minutes", "importKwh", "exportKwh", "curve");
        var start = load.Required("start").At();
        var period = new Interval(
            start, start + Duration.FromMinutes(load.Required("minutes").Integer(1, minutesMax)));
        // Left out, export is none; null, in either direction, is energy that nobody knows.
        load.Required("importKwh");
        return new(period, Known(load, "importKwh"),
            load.Members.ContainsKey("exportKwh") ? Known(load, "exportKwh") : Energy.Zero, Curve(load, start));
    }

    static Energy? Known(InputObject load, string name) =>
        load.Optional(name) is not { } value ? null
        : value.KilowattHours() is var energy && energy >= Energy.Zero ? energy
        : throw value.Refused(Rejection.NegativeEnergy, "import and export stand apart and are not negative");

    static PowerSample[] Curve(InputObject load, Instant start)
    {
        if (load.Optional("curve") is not { } curve) return [];
        var rounded = false;
        var samples = CurveInput.Samples(curve, ref rounded);
        var from = PowerCurve.Microseconds(start);
        return [.. samples.Select(sample => sample with { AtMicroseconds = from + sample.AtMicroseconds })];
    }

    static BillSession Session(InputValue row)
    {
        var session = row.Object("start", "parkedMinutes");
        return new(session.Required("start").At(), 60L * (session.Optional("parkedMinutes")?.Units(
            0, 0, parkedMinutesMax, $"must be whole minutes, at most {parkedMinutesMax}") ?? 0L));
    }

    static EarlierPeak Earlier(InputValue row, TariffPublished tariff)
    {
        var peak = row.Object("charge", "month", "peakKw");
        var (charge, month, kw) = (peak.Required("charge"), peak.Required("month"), peak.Required("peakKw"));
        var name = charge.Text();
        if (tariff.Terms?.DemandCharges.Any(known => known.Name == name && known.Per == DemandSpan.Month) != true)
            throw charge.Refused(Rejection.OutOfRange, "must name a demand charge of the tariff that is by month");
        var parsed = YearMonthPattern.Iso.Parse(month.Text());
        return parsed.Success ? new(name, parsed.Value, Kilowatts(kw))
            : throw month.Refused(Rejection.InvalidTime, "must be a month yyyy-MM");
    }

    /// <summary>A demand that is not negative, with at most six decimals of a kW: whole milliwatts.</summary>
    internal static decimal Kilowatts(InputValue input)
    {
        var rounded = false;
        var power = new Power(input.Milliwatts(ref rounded));
        return rounded || power < Power.Zero
            ? throw input.Refused(Rejection.OutOfRange, "must not be negative and have at most 6 decimals of a kW")
            : power.Kilowatts;
    }

    static JsonObject Answer(Bill bill) => new()
    {
        ["lines"] = new JsonArray([.. bill.Lines.Select(line => (JsonNode)Answer(line))]),
        ["totals"] = new JsonObject
        {
            ["energy"] = Text(bill.Totals.Energy),
            ["demand"] = Text(bill.Totals.Demand),
            ["fixed"] = Text(bill.Totals.Fixed),
            ["fees"] = Text(bill.Totals.Fees),
            ["tax"] = Text(bill.Totals.Tax),
            ["total"] = Text(bill.Totals.Total),
        },
        ["residual"] = Text(bill.Residual),
        ["incomplete"] = bill.Incomplete,
    };

    static JsonObject Answer(BillLine line) => new()
    {
        ["number"] = line.Number,
        ["part"] = line.Part.ToString().ToLowerInvariant(),
        ["name"] = line.Name,
        ["of"] = LocalDatePattern.Iso.Format(line.Of),
        ["unit"] = line.Unit,
        ["quantity"] = Text(line.Quantity),
        ["price"] = Text(line.Price),
        ["amountExact"] = Text(line.AmountExact),
        ["amount"] = Text(line.Amount),
        ["taxPercent"] = Text(line.TaxPercent),
        ["basis"] = line.Basis,
        ["rule"] = line.Rule,
        ["problem"] = line.Problem,
    };

    static string? Text(decimal? value) =>
        value?.ToString("0.############################", CultureInfo.InvariantCulture);
}
