using System.Globalization;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Proof;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A ledger of two recorded months, of which March is over, settled and archived. In March came the curve of a day in
/// two files, the readings of a register that nobody settles, a file that nobody can read, and one that names a person;
/// in April a late sample of the day's morning, whose record rests on the morning's file as well.
/// </summary>
internal sealed class ArchivedTown : IDisposable
{
    public const string Person = "Jane";
    public static readonly Instant April = Instant.FromUtc(2026, 4, 5, 0, 0), May = Instant.FromUtc(2026, 5, 1, 0, 0);

    private const string MasterData = """
        {"type":"settlement-point","point":"P1","station":"S1","kind":"connector","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"settlement-point","point":"P2","station":"S2","kind":"connector","owner":"friend","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":1000,"bidirectional":false,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"register","point":"P2","direction":"import","meterSerial":"M2","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"tariff","tariff":"flat","version":1,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"2026-01-01T00:00:00+08:00","rules":[{"months":[1,2,3,4,5,6,7,8,9,10,11,12],"days":["weekday","weekend","holiday"],"from":"00:00","to":"24:00","period":"flat"}],"prices":[{"period":"flat","importPerKwh":"1.1","exportPerKwh":"1.0"}]}
        {"type":"tariff-assignment","account":"cpo","tariff":"flat","validFrom":"2026-01-01T00:00:00+08:00"}

        """;

    private readonly SmallTown town = new();
    private readonly TestFolder outside = new();

    /// <param name="settles">Whether the day gets final runs.</param>
    public ArchivedTown(bool settles = true)
    {
        Import(SmallTown.Now, "master-data.jsonl", MasterData);
        Import(SmallTown.Now, "morning.csv", Curve(0, 72));
        Import(SmallTown.Now, "afternoon.csv", Curve(73, 144));
        Import(SmallTown.Now, "readings.csv", "point,register,read_at,kwh\nP2,1.8.0,2026-02-27T00:00:00+08:00,5\n"
            + "P2,1.8.0,2026-02-28T00:00:00+08:00,50\n");
        Import(SmallTown.Now, "junk.txt", "junk\n", ExitCode.NotAsItShouldBe);
        Run(SmallTown.Now, "import", town.File("person.txt", "a note\n"), "--subject", Person).Exit
            .ShouldBe(ExitCode.NotAsItShouldBe);
        if (settles) Settle(SmallTown.Now, "R1", "final");
        Import(April, "late.csv", "point,time,kw\nP1,2026-02-27T06:05:00+08:00,11\n");
        if (settles) Settle(April, "R2", "correction");
        SigningKeyFile.ReadOrCreate(Data, "town", [.. Enumerable.Repeat((byte)7, 32)]);
        Done(April, "checkpoint");
        Done(May, "export", "month", "2026-03", March);
    }

    public string Data => town.Data;
    public string March => Path.Combine(outside.Path, "2026-03");
    public string Elsewhere(string name) => Path.Combine(outside.Path, name);

    public SqliteJournalOptions Options => new(Data, new LedgerId("town"), new StandingClock(May), TestFolder.Secret);

    public CommandRun Run(Instant at, params string[] args) =>
        CommandRun.Of([.. args, "--data", Data], clock: new StandingClock(at));

    public CommandRun Done(Instant at, params string[] args)
    {
        var run = Run(at, args);
        (run.Exit, run.Errors).ShouldBe((ExitCode.Done, ""), run.Output);
        return run;
    }

    public CommandRun Prune(string month = "2026-03", string? archive = null, Instant? at = null) =>
        Run(at ?? May, "prune", month, "--archive", archive ?? March, "--retention", "RP-7");

    public CommandRun Import(Instant at, string name, string content, int exit = ExitCode.Done)
    {
        var run = Run(at, "import", town.File(name, content));
        run.Exit.ShouldBe(exit, run.Output + run.Errors);
        return run;
    }

    public string File(string name, string content) => town.File(name, content);

    public async Task<List<LedgerEvent>> FactsAsync()
    {
        await using var journal = SqliteJournalReader.Open(Options);
        return (await TestFolder.AllAsync(journal)).ConvertAll(EventCodec.Decode);
    }

    /// <summary>The name of what names nobody.</summary>
    public static EvidenceDigest Digest(string content) => new(Convert.ToHexStringLower(
        System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(content))));

    /// <summary>The day's samples, one in ten minutes, from one to another: 10 kW and a bit, at midnight 0.</summary>
    public static string Curve(int from, int to)
    {
        var start = Instant.FromUtc(2026, 2, 26, 16, 0); // local midnight
        return "point,time,kw\n" + string.Concat(Enumerable.Range(from, to - from + 1).Select(i => string.Create(
            CultureInfo.InvariantCulture, $"P1,{start + Duration.FromMinutes(10 * i)},{(i == 144 ? 0 : 10 + i % 5)}\n")));
    }

    private void Settle(Instant at, string run, string kind) =>
        Done(at, "settle", "--account", "cpo", "--day", "2026-02-27", "--run", run, "--kind", kind);

    public void Dispose()
    {
        town.Dispose();
        outside.Dispose();
    }
}
