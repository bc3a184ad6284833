using System.Globalization;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A small town whose statement rests on evidence that names persons: the day's first reading came with the card of
/// one, the last with the card of another, a curve is about a third; a table of sessions, a damaged value, and texts
/// that nobody reads name some of them again.
/// </summary>
internal sealed class PersonalTown : IDisposable
{
    /// <summary>Names that occur nowhere by chance.</summary>
    public const string First = "04A2B3C4D5E6F7-QX", Second = "DE-ABC-C7731QZ", Third = "Jane Q. Driver-Xylophone";

    public const string Curve = """
        point,time,kw
        S01-C1,2026-02-27T18:00:00+08:00,-180
        S01-C1,2026-02-27T18:10:00+08:00,-200
        S01-C1,2026-02-27T18:30:00+08:00,-150.5
        S01-C1,2026-02-27T18:50:00+08:00,-190
        S01-C1,2026-02-27T19:00:00+08:00,0

        """;

    private const string Sessions = """
        Session,CCS,Arrival,Departure,Minutes,Energy (Wh),Pmax (W)
        910077001,1,2026-02-20T10:00:00,2026-02-20T11:00:00,60,20000.125,50000
        910077002,1,2026-02-21T10:00:00,2026-02-21T11:00:00,60,30000.250,60000

        """;

    private readonly SmallTown town = new();

    public string Data => town.Data;
    public string Keys => Path.Combine(Data, "ledger.subjects");

    public PersonalTown()
    {
        town.ImportMasterData().Exit.ShouldBe(ExitCode.Done);
        Import("first.ocmf", Signed("T1", First, "2026-02-27T00:00:00,000+0800 S", "1000.000")).Exit
            .ShouldBe(ExitCode.Done);
        Import("second.ocmf", Signed("T2", Second, "2026-02-28T00:00:00,000+0800 S", "1500.500")).Exit
            .ShouldBe(ExitCode.Done);
        town.Run("import", File("curve.csv", Curve), "--subject", Third).Exit.ShouldBe(ExitCode.Done);
        Import("sessions.csv", Sessions, "--zone", "Asia/Shanghai").Exit.ShouldBe(ExitCode.Done);
        Import("damaged.ocmf", Signed("T3", First, "2026-02-28T01:00:00,000+0800 S", "1501.000")[..^90]).Exit
            .ShouldBe(ExitCode.NotAsItShouldBe);
        Import("other-meter.ocmf", Signed("T4", First, "2026-02-28T01:00:00,000+0800 S", "9").Replace("\"M1\"",
            "\"M9\"", StringComparison.Ordinal)).Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        Import($"cdr-of-{First}.json", $$"""{"type":"cdr","{{First}}":1,"uid":"{{First}}"}""").Exit
            .ShouldBe(ExitCode.NotAsItShouldBe);
        town.Run("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R1").Exit.ShouldBe(ExitCode.Done);
        town.Run("checkpoint", "--origin", "ledger.example/town").Exit.ShouldBe(ExitCode.Done);
    }

    public static string Signed(string pagination, string id, string time, string kwh) =>
        $$"""OCMF|{"FV":"1.0","PG":"{{pagination}}","MS":"M1","IS":true,"IT":"ISO14443","ID":"{{id}}","RD":[{"TM":"{{time}}","TX":"B","RV":{{kwh}},"RI":"1-b:1.8.0","RU":"kWh","ST":"G"}]}|{"SA":"ECDSA-secp256r1-SHA256","SD":"3006020101020101"}""";

    public CommandRun Run(params string[] args) => town.Run(args);

    public CommandRun Import(string name, string content, params string[] options) =>
        town.Run(["import", File(name, content), .. options]);

    public string File(string name, string content) => town.File(name, content);

    public SqliteJournalOptions Options =>
        new(Data, new LedgerId("town"), new StandingClock(SmallTown.Now), TestFolder.Secret);

    /// <summary>Every fact, with its position.</summary>
    public async Task<List<(long Position, LedgerEvent Fact)>> FactsAsync()
    {
        await using var journal = SqliteJournalReader.Open(Options);
        return (await TestFolder.AllAsync(journal)).ConvertAll(recorded =>
            (recorded.Position, EventCodec.Decode(recorded)));
    }

    /// <summary>The evidence of the day's first reading, which names <see cref="First"/>.</summary>
    public async Task<EvidenceDigest> FirstEvidenceAsync() => (await FactsAsync()).Select(known => known.Fact)
        .OfType<RegisterReadingRecorded>().First(reading => reading.Register.Point.Value == "S01-C1").Evidence!.Value;

    /// <summary>The keys that the file holds: 80 bytes each, the key in bytes 40 to 72.</summary>
    public List<byte[]> KeyBytes() => System.IO.File.Exists(Keys)
        ? [.. System.IO.File.ReadAllBytes(Keys).Chunk(80).Select(record => record[40..72])] : [];

    /// <summary>Every file of the folder as it lies there, open ones too, by its name.</summary>
    public Dictionary<string, byte[]> Files() => Directory.EnumerateFiles(Data, "*", SearchOption.AllDirectories)
        .Where(path => Path.GetFileName(path) != "journal.lock") // which is empty, and nobody else may open it
        .ToDictionary(path => Path.GetRelativePath(Data, path), path =>
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read,
                FileShare.ReadWrite | FileShare.Delete);
            using var bytes = new MemoryStream();
            file.CopyTo(bytes);
            return bytes.ToArray();
        });

    public static string Count(int number) => number.ToString(CultureInfo.InvariantCulture);

    public void Dispose() => town.Dispose();
}
