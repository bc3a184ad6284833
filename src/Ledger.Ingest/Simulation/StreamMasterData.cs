using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Xml.Linq;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Ingest.Simulation;

/// <summary>
/// The plan of a simulated fleet as text, and what a ledger has to know of it, as <c>ledger import</c> takes it:
/// settlement points, registers, and the signed values of the sessions that ended, each with its meter's key.
/// </summary>
public static class StreamMasterData
{
    /// <summary>Values of one container; a reader takes 10 000.</summary>
    private const int SignedValuesPerFile = 5_000;

    /// <summary>The party that owns every simulated connector, and sends their frames.</summary>
    public const string Owner = "simulated-operator";

    private static readonly JsonSerializerOptions LineFormat =
        new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    internal static void Write(StreamFleet fleet, int periodMinutes, string folder)
    {
        var plan = fleet.Plan;
        var validFrom = ValidFrom(plan);
        using (StreamFiles.Text(folder, "plan.txt", About(plan))) { }
        using var points = StreamFiles.Text(folder, "settlement-points.jsonl", null);
        using var registers = StreamFiles.Text(folder, "registers.jsonl", null);
        var (signed, files) = (new List<XElement>(), 0);
        for (var connector = 0; connector < plan.Connectors; connector++)
        {
            var (point, meter) = (plan.PointOf(connector).Value,
                new SimulatedMeter(new StreamTruth(fleet.Stream(connector))));
            points.Write(PointLine(plan, connector, periodMinutes));
            foreach (var direction in (string[])["import", "export"])
                registers.Write(Json(new JsonObject
                {
                    ["type"] = "register",
                    ["point"] = point,
                    ["direction"] = direction,
                    ["meterSerial"] = meter.Serial,
                    ["digits"] = SimulatedMeter.Digits,
                    ["decimals"] = SimulatedMeter.Decimals,
                    ["factor"] = 1,
                    ["validFrom"] = validFrom,
                }));
            foreach (var session in meter.SessionsEnded()) signed.Add(Signed(meter, session));
            if (signed.Count >= SignedValuesPerFile) WriteSigned(folder, ++files, signed);
        }
        if (signed.Count > 0) WriteSigned(folder, ++files, signed);
    }

    /// <summary>The line of a file of facts that registers a connector, its line end included.</summary>
    public static string PointLine(StreamPlan plan, int connector, int periodMinutes)
    {
        var point = plan.PointOf(connector).Value;
        return Json(new JsonObject
        {
            ["type"] = "settlement-point",
            ["point"] = point,
            ["station"] = point[..point.IndexOf('-')],
            ["kind"] = "connector",
            ["owner"] = Owner,
            ["zone"] = "UTC",
            ["periodMinutes"] = periodMinutes,
            ["ratedKw"] = 600m,
            ["bidirectional"] = true,
            ["validFrom"] = ValidFrom(plan),
        });
    }

    /// <summary>A session that is signed may have begun before the plan.</summary>
    private static string ValidFrom(StreamPlan plan) =>
        InstantPattern.ExtendedIso.Format(plan.Start - Duration.FromDays(1));

    private static XElement Signed(SimulatedMeter meter, SimulatedSession session) => new("value",
        new XElement("signedData", new XAttribute("format", "OCMF"), new XAttribute("encoding", "plain"),
            meter.SignedValue(session)),
        new XElement("publicKey", new XAttribute("encoding", "plain"), meter.PublicKey));

    private static void WriteSigned(string folder, int number, List<XElement> signed)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"signed-values-{number:000}.xml");
        using var file = StreamFiles.Text(folder, name, "<values>");
        foreach (var value in signed) file.Write(value.ToString(SaveOptions.DisableFormatting) + "\n");
        file.Write("</values>\n");
        signed.Clear();
    }

    private static string About(StreamPlan plan) => string.Create(CultureInfo.InvariantCulture,
        $"ledger-simulated-fleet/1\nseed {plan.Seed}\nconnectors {plan.Connectors}\nrate {plan.RateHz} Hz\n"
        + $"minutes {plan.Minutes}\nstart {InstantPattern.ExtendedIso.Format(plan.Start)}\njitter {plan.JitterMs} ms\n"
        + $"power unit {plan.PowerUnitMilliwatts} mW\ntime unit {plan.TimeUnitMicroseconds} us\n"
        + $"connectors per gateway {plan.ConnectorsPerGateway}\nconnectors per station {plan.ConnectorsPerStation}\n"
        + $"faults {StreamFaultNames.Of(plan.Faults)}");

    private static string Json(JsonObject line) => line.ToJsonString(LineFormat) + "\n";
}
