using Ledger.Cli;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A small ledger whose tariff charges more than energy: demand with a ratchet, a second tier, fees and tax. One point,
/// read hourly on two days of a month; a reading of the first evening comes late and moves the peak of the month.
/// </summary>
internal static class ChargedTown
{
    private const string MasterData = """
        {"type":"settlement-point","point":"P1","station":"S01","kind":"gridConnection","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":500,"bidirectional":false,"validFrom":"2026-02-26T00:00:00+08:00"}
        {"type":"register","point":"P1","direction":"import","meterSerial":"M1","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"tariff","tariff":"industrial","version":1,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"2026-01-01T00:00:00+08:00","rules":[{"from":"08:00","to":"22:00","period":"peak"},{"period":"valley"}],"prices":[{"period":"peak","importTiers":[["600","1.1"],["inf","1.3"]],"exportPerKwh":"1.0"},{"period":"valley","importPerKwh":"0.35","exportPerKwh":"0.3"}],"demandCharges":[{"name":"demand","perKw":"42","intervalMinutes":60}],"fees":[{"name":"standing","per":"month","amount":"50","taxPercent":"0"},{"name":"service","per":"kwh","amount":"0.02"}],"taxPercent":"13"}
        {"type":"tariff-assignment","account":"cpo","tariff":"industrial","validFrom":"2026-01-01T00:00:00+08:00"}
        """;

    private const string Readings = """
        point,register,read_at,kwh
        P1,1.8.0,2026-02-26T00:00:00+08:00,1000.000
        P1,1.8.0,2026-02-26T08:00:00+08:00,1080.000
        P1,1.8.0,2026-02-27T00:00:00+08:00,1400.000
        P1,1.8.0,2026-02-27T08:00:00+08:00,1440.250
        P1,1.8.0,2026-02-28T00:00:00+08:00,2000.000

        """;

    private const string Late = "point,register,read_at,kwh\nP1,1.8.0,2026-02-27T18:00:00+08:00,1600.25\n";

    /// <summary>Settled as R1 without the late reading, and as R2 with it; a checkpoint signs all of it.</summary>
    public static SmallTown Settled()
    {
        var town = new SmallTown();
        void Done(params string[] args)
        {
            var run = town.Run(args);
            run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
        }

        Done("import", town.File("master-data.jsonl", MasterData));
        Done("import", town.File("readings.csv", Readings));
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R1", "--by", "anna");
        Done("import", town.File("late.csv", Late));
        Done("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R2", "--kind", "correction");
        Done("checkpoint", "--origin", "ledger.example/town");
        return town;
    }
}
