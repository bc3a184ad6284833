using Ledger.Cli;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A station of two connectors and one day of charging, by the verb <c>import</c>: three sessions at the first
/// connector, of which the last has no reading at its end, and one at the second, which is proven by provider's
/// intervals.
/// </summary>
internal sealed class ChargeTown : IDisposable
{
    public static readonly Instant Now = Instant.FromUtc(2026, 3, 5, 0, 0);
    public const string Day = "2026-03-02";

    internal const string MasterData = """
        {"type":"settlement-point","point":"S01-C1","station":"S01","kind":"connector","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":350,"bidirectional":true,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"settlement-point","point":"S01-C2","station":"S01","kind":"connector","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":350,"bidirectional":false,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"register","point":"S01-C1","direction":"import","meterSerial":"M1","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"register","point":"S01-C1","direction":"export","meterSerial":"M1","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"register","point":"S01-C2","direction":"import","meterSerial":"M2","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"tariff","tariff":"tou","version":1,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"2026-01-01T00:00:00+08:00","rules":[{"months":[1,2,3,4,5,6,7,8,9,10,11,12],"days":["weekday","weekend","holiday"],"from":"08:00","to":"22:00","period":"peak"},{"months":[1,2,3,4,5,6,7,8,9,10,11,12],"days":["weekday","weekend","holiday"],"from":"00:00","to":"24:00","period":"valley"}],"prices":[{"period":"peak","importPerKwh":"1.1","exportPerKwh":"1.0"},{"period":"valley","importPerKwh":"0.3533","exportPerKwh":"0.3"}]}
        {"type":"tariff-assignment","account":"cpo","tariff":"tou","validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"charging-state","point":"S01-C1","at":"2026-03-02T06:00:00+08:00","connected":false,"source":"ocpp"}
        {"type":"charging-state","point":"S01-C1","at":"2026-03-02T07:30:00+08:00","connected":true,"source":"ocpp"}
        {"type":"charging-state","point":"S01-C1","at":"2026-03-02T09:30:00+08:00","connected":false,"source":"ocpp"}
        {"type":"charging-state","point":"S01-C1","at":"2026-03-02T18:00:00+08:00","connected":true,"source":"ocpp"}
        {"type":"charging-state","point":"S01-C1","at":"2026-03-02T19:00:00+08:00","connected":false,"source":"ocpp"}
        {"type":"charging-state","point":"S01-C1","at":"2026-03-02T20:10:00+08:00","connected":true,"source":"ocpp"}
        {"type":"charging-state","point":"S01-C1","at":"2026-03-02T20:40:00+08:00","connected":false,"source":"ocpp"}
        """;

    internal const string Readings = """
        point,register,read_at,kwh
        S01-C1,1.8.0,2026-03-02T07:00:00+08:00,1000.000
        S01-C1,1.8.0,2026-03-02T09:30:30+08:00,1040.125
        S01-C1,1.8.0,2026-03-02T18:00:05+08:00,1040.125
        S01-C1,1.8.0,2026-03-02T18:59:55+08:00,1043.125
        S01-C1,2.8.0,2026-03-02T07:00:00+08:00,10
        S01-C1,2.8.0,2026-03-02T09:30:30+08:00,10
        S01-C1,2.8.0,2026-03-02T18:00:05+08:00,10
        S01-C1,2.8.0,2026-03-02T18:59:55+08:00,30.5

        """;

    private readonly TestFolder folder = new();
    private readonly string inputs = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    public ChargeTown()
    {
        Directory.CreateDirectory(inputs);
        Ledger.Journal.LedgerIdentity.OpenOrCreate(Data, new LedgerId("town"), TestFolder.Secret);
        Done("import", File("master.jsonl", MasterData));
        Done("import", File("readings.csv", Readings));
    }

    public string Data => folder.Path;

    public string File(string name, string content)
    {
        var path = Path.Combine(inputs, name);
        System.IO.File.WriteAllText(path, content);
        return path;
    }

    public string PathOf(string name) => Path.Combine(inputs, name);

    public CommandRun Run(params string[] args) =>
        CommandRun.Of([.. args, "--data", Data], clock: new StandingClock(Now));

    public CommandRun Done(params string[] args)
    {
        var run = Run(args);
        run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
        return run;
    }

    public void Dispose()
    {
        folder.Dispose();
        Directory.Delete(inputs, recursive: true);
    }
}
