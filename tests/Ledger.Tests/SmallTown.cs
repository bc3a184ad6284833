using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A small ledger for the verbs, made by the verb <c>import</c> from facts in text: one station of two connectors, one
/// day of register readings, an export instruction, a tariff. Clock and secret stand, so that all bytes do.
/// </summary>
internal sealed class SmallTown : IDisposable
{
    public static readonly Instant Now = Instant.FromUtc(2026, 3, 1, 0, 0);

    private const string MasterData = """
        {"type":"settlement-point","point":"S01-C1","station":"S01","kind":"connector","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"settlement-point","point":"S01-C2","station":"S01","kind":"connector","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":350,"bidirectional":false,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"register","point":"S01-C1","direction":"import","meterSerial":"M1","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"register","point":"S01-C1","direction":"export","meterSerial":"M1","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"tariff","tariff":"tou","version":1,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"2026-01-01T00:00:00+08:00","rules":[{"months":[1,2,3,4,5,6,7,8,9,10,11,12],"days":["weekday","weekend","holiday"],"from":"08:00","to":"22:00","period":"peak"},{"months":[1,2,3,4,5,6,7,8,9,10,11,12],"days":["weekday","weekend","holiday"],"from":"00:00","to":"24:00","period":"valley"}],"prices":[{"period":"peak","importPerKwh":"1.1","exportPerKwh":"1.0"},{"period":"valley","importPerKwh":"0.35","exportPerKwh":"0.3"}]}
        {"type":"tariff-assignment","account":"cpo","tariff":"tou","validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"instruction","instruction":"I1","kind":"export","issuedBy":"dso","issuedAt":"2026-02-27T08:00:00+08:00","start":"2026-02-27T18:00:00+08:00","end":"2026-02-27T19:00:00+08:00","targets":[{"point":"S01-C1","kw":200},{"point":"S01-C2","kw":100}],"pricePerKwh":"3","penaltyPerKwh":"1"}
        {"type":"charging-fact","point":"S01-C2","start":"2026-02-27T18:00:00+08:00","end":"2026-02-27T19:00:00+08:00","reason":"noVehicle","source":"charger"}
        """;

    private const string Readings = """
        point,register,read_at,kwh
        S01-C1,1.8.0,2026-02-27T00:00:00+08:00,1000.000
        S01-C1,1.8.0,2026-02-27T08:00:00+08:00,1400.000
        S01-C1,1.8.0,2026-02-28T00:00:00+08:00,1500.500
        S01-C1,2.8.0,2026-02-27T00:00:00+08:00,50
        S01-C1,2.8.0,2026-02-28T00:00:00+08:00,230.25
        S01-C1,1.8.0,2026-02-28T08:00:00+08:00,12.000
        S01-C9,1.8.0,2026-02-27T00:00:00+08:00,1

        """;

    private const string Curve = """
        point,time,kw
        S01-C1,2026-02-27T18:00:00+08:00,-180
        S01-C1,2026-02-27T18:10:00+08:00,-200
        S01-C1,2026-02-27T18:30:00+08:00,-150.5
        S01-C1,2026-02-27T18:50:00+08:00,-190
        S01-C1,2026-02-27T19:00:00+08:00,0
        S01-C1,2026-02-27T19:20:00+08:00,20

        """;

    private readonly TestFolder folder = new();
    private readonly string inputs = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    public string Data => folder.Path;

    /// <summary>An empty ledger.</summary>
    public SmallTown()
    {
        Directory.CreateDirectory(inputs);
        LedgerIdentity.OpenOrCreate(Data, new LedgerId("town"), TestFolder.Secret);
    }

    private SmallTown(SavedFolder saved)
    {
        Directory.CreateDirectory(inputs);
        saved.LayOut(Data);
    }

    private static readonly Lazy<SavedFolder> ItsDay = Once(() =>
    {
        var town = new SmallTown();
        var masterData = town.ImportMasterData();
        masterData.Exit.ShouldBe(ExitCode.Done, masterData.Output + masterData.Errors);
        town.ImportReadings().Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        return town;
    });

    /// <summary>The ledger after its day.</summary>
    public static SmallTown WithItsDay() => From(ItsDay);

    /// <summary>Another one that is to the byte as it was made once.</summary>
    public static SmallTown From(Lazy<SavedFolder> made) => new(made.Value);

    /// <summary>What a town comes to that many tests begin with.</summary>
    public static Lazy<SavedFolder> Once(Func<SmallTown> make) => new(() =>
    {
        using var town = make();
        return new SavedFolder(town.Data);
    });

    /// <summary>Imports the day's readings: five are right, one fell back, one is of no register.</summary>
    public CommandRun ImportReadings(params string[] options) =>
        Run(["import", File("readings.csv", Readings), .. options]);

    public Task<CommandRun> ReadingsAsync() => CommandRun.OfAsync(
        ["import", File("readings.csv", Readings), "--data", Data], clock: new StandingClock(Now));

    public CommandRun ImportMasterData(params string[] options) =>
        Run(["import", File("master-data.jsonl", MasterData), .. options]);

    /// <summary>Imports the power curve of the connector that exports, of two settlement periods of its day.</summary>
    public CommandRun ImportCurve() => Run(["import", File("curve.csv", Curve)]);

    /// <summary>A file of this content.</summary>
    public string File(string name, string content)
    {
        var path = Path.Combine(inputs, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        System.IO.File.WriteAllText(path, content);
        return path;
    }

    public CommandRun Run(params string[] args) => RunAt(Now, args);

    public CommandRun RunAt(Instant now, params string[] args) =>
        CommandRun.Of([.. args, "--data", Data], clock: new StandingClock(now));

    /// <summary>The ledger holds facts as they were recorded before (<see cref="EarlierFacts"/>).</summary>
    public void Holds(string facts) => HoldsAsync(facts).GetAwaiter().GetResult();

    private async Task HoldsAsync(string facts)
    {
        await using var ledger = OpenLedger.Open(new SqliteJournalOptions(
            Data, new LedgerId("town"), new StandingClock(Now), TestFolder.Secret));
        await EarlierFacts.AppendAsync(ledger.Journal, facts);
        await ledger.CatchUpAsync(TestContext.Current.CancellationToken);
    }

    public void Dispose()
    {
        folder.Dispose();
        Directory.Delete(inputs, recursive: true);
    }
}
