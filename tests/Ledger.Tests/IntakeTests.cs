using System.IO.Compression;
using System.Text;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Files and texts through the one door into a real journal.</summary>
public sealed class IntakeTests
{
    /// <summary>One fact of every type; each stands on those before it.</summary>
    internal const string EveryFact = IntakeLedger.Connector + "\n" + """
        {"type":"register-reading","point":"CP1","direction":"import","readAt":"2026-02-01T08:00:00+08:00","kwh":"1234.567"}
        {"type":"register-reading","point":"CP1","direction":"import","readAt":"2026-02-01T00:15:00Z","kwh":1300,"quality":"estimated"}
        {"type":"instruction","instruction":"I1","kind":"export","issuedBy":"GRID","issuedAt":"2026-02-01T00:00:00Z","start":"2026-02-01T00:30:00Z","end":"2026-02-01T01:00:00Z","targets":[{"point":"CP1","kw":500.5}],"toleranceKw":"5","rampSeconds":30,"pricePerKwh":"0.8","penaltyPerKwh":1.2}
        {"type":"instruction-clock","instruction":"I1","point":"CP1","clock":"tenPercent","at":"2026-02-01T00:30:05.25Z","source":"meter"}
        {"type":"reason-claim","instruction":"I1","point":"CP1","reason":"vehicleLimit","claimedBy":"ACME"}
        {"type":"charging-fact","point":"CP1","start":"2026-02-01T00:40:00Z","end":"2026-02-01T00:50:00Z","reason":"stateOfChargeFloor","source":"CP1 controller"}
        {"type":"instruction-withdrawal","instruction":"I1","at":"2026-03-01T00:00:00Z","reason":"no longer needed"}
        {"type":"tariff","tariff":"T1","version":1,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"2026-01-01T00:00:00+08:00","rules":[{"months":[1,2,3,4,5,6,7,8,9,10,11,12],"days":["weekday","weekend","holiday"],"from":"00:00","to":"24:00","period":"flat"}],"prices":[{"period":"flat","importPerKwh":"0.61","exportPerKwh":"0.35"}],"holidays":["2026-02-17"]}
        {"type":"tariff-assignment","account":"ACME","tariff":"T1","validFrom":"2026-01-01T00:00:00+08:00"}
        """;

    [Fact]
    public async Task Every_fact_is_recorded_once_as_lines_and_known_again_as_an_array()
    {
        await using var ledger = new IntakeLedger();
        var report = await ledger.TakeAsync(EveryFact);
        report.Format.ShouldBe("facts");
        report.Parts.Count.ShouldBe(12);
        report.Outcomes.ShouldAllBe(outcome => outcome is RecordOutcome.Recorded);
        report.Parts[11].What.ShouldBe("file line 12");
        var facts = await ledger.FactsAsync();
        facts.Count.ShouldBe(12);
        facts.OfType<RegisterReadingRecorded>().Select(reading => (reading.IndexSteps, reading.Quality))
            .ShouldBe([(1234567, ReadingQuality.Measured), (1300000, ReadingQuality.Estimated)]);
        facts.OfType<DispatchInstructed>().Single().Targets.Single().Quantity.ShouldBe(new Power(500_500_000));
        facts.OfType<TariffPublished>().Single().Rules.Single().To.ShouldBeNull();

        var array = await ledger.TakeAsync($"[{string.Join(",\n", EveryFact.Split('\n'))}]");
        array.Parts.Count.ShouldBe(12);
        array.Outcomes.ShouldAllBe(outcome => outcome is RecordOutcome.AlreadyRecorded);
        (await ledger.FactsAsync()).Count.ShouldBe(12);
    }

    [Fact]
    public async Task One_fact_is_taken_under_the_type_of_its_route_and_the_key_of_its_sender()
    {
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(IntakeLedger.Connector);
        Task<RecordOutcome> Take(string text, string? type, string key) => ledger.Intake.TakeFactAsync(
            new Submission(Encoding.UTF8.GetBytes(text), "POST /readings"), type, IntakeLedger.Operator,
            new IdempotencyKey(key),
            TestContext.Current.CancellationToken);
        const string reading = """{"point":"CP1","direction":"import","readAt":"2026-02-01T00:00:00Z","kwh":"1"}""";
        var first = await Take(reading, "register-reading", "a");
        first.ShouldBeOfType<RecordOutcome.Recorded>();
        (await Take(reading, "register-reading", "a")).ShouldBe(first);
        (await Take(reading, "register-reading", "b")).ShouldBeOfType<RecordOutcome.AlreadyRecorded>();
        (await Take(reading, "register", "c"))
            .ShouldBeOfType<RecordOutcome.Refused>().Code.ShouldBe(Rejection.UnknownField);
        (await Take(reading, null, "d")).ShouldBeOfType<RecordOutcome.Refused>().Code.ShouldBe(Rejection.MissingField);
        (await Take(reading.Replace("\"1\"", "\"1.0001\""), "register-reading", "e"))
            .ShouldBeOfType<RecordOutcome.Refused>()
            .Detail.ShouldBe("kwh '\"1.0001\"' is finer than register CP1/1.8.0 shows, 3 decimals of a kWh");
    }

    [Fact]
    public async Task Rows_of_readings_share_appends_and_one_refused_row_stops_no_other()
    {
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(IntakeLedger.Connector);
        const string rows = """
            point,register,read_at,kwh,quality
            CP1,1.8.0,2026-02-01T00:00:00Z,10.000,measured
            CP1,2.8.0,2026-02-01T00:00:00Z,5.5,
            CP1,1.8.0,2026-02-01T00:15:00Z,ten,measured
            CP1,1.8.0,2026-02-01T00:15:00Z,11.000,substituted
            CP9,1.8.0,2026-02-01T00:15:00Z,11.000,measured

            """;
        var report = await ledger.TakeAsync(rows);
        report.Parts.Select(part => part.Outcome.GetType().Name)
            .ShouldBe(["Recorded", "Recorded", "Refused", "Recorded", "Refused"]);
        report.Parts[2].ShouldBe(new IntakePart("file line 4", new RecordOutcome.Refused(
            Rejection.NotANumber, "kwh: 'ten' is not a decimal number (digits, one point, no unit)")));
        report.Parts[4].Outcome.ShouldBe(new RecordOutcome.Refused(Rejection.UnknownRegister,
            "register CP9/1.8.0 is not installed"));
        var refused = (await ledger.FactsAsync()).OfType<EvidenceRefused>().First();
        refused.Source.ShouldBe("file line 4");
        Encoding.UTF8.GetString(ledger.Ledger.Evidence.Get(refused.Evidence)!)
            .ShouldBe("CP1,1.8.0,2026-02-01T00:15:00Z,ten,measured");
        (await ledger.TakeAsync(rows)).Outcomes.Count(outcome => outcome is RecordOutcome.AlreadyRecorded).ShouldBe(3);
    }

    /// <summary>A cut number is a number too. The whole file is the evidence, because the row alone does not show that
    /// it is cut and would count when somebody takes it again.</summary>
    [Fact]
    public async Task A_file_of_readings_that_is_cut_amid_its_last_number_gives_no_other_index()
    {
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(IntakeLedger.Connector);
        const string rows = "point,register,read_at,kwh\nCP1,1.8.0,2026-02-01T00:00:00Z,100.000\n"
            + "CP1,1.8.0,2026-02-01T01:00:00Z,1234.567\n";
        var cut = rows[..^5];
        (await ledger.TakeAsync(cut)).Parts.Select(part => part.Outcome).ToList().ShouldSatisfyAllConditions(
            outcomes => outcomes[0].ShouldBeOfType<RecordOutcome.Recorded>(),
            outcomes => outcomes[1].ShouldBe(new RecordOutcome.Refused(Rejection.Truncated,
                "no line end after the last row 'CP1,1.8.0,2026-02-01T01:00:00Z,1234'")));
        async Task<IEnumerable<long>> IndicesAsync() => (await ledger.FactsAsync()).OfType<RegisterReadingRecorded>()
            .Select(reading => reading.IndexSteps);
        (await IndicesAsync()).ShouldBe([100_000]);
        var refused = (await ledger.FactsAsync()).OfType<EvidenceRefused>().ShouldHaveSingleItem();
        Encoding.UTF8.GetString(ledger.Ledger.Evidence.Get(refused.Evidence)!).ShouldBe(cut);
        await ledger.TakeAsync(rows.Replace("\n", "\r\n", StringComparison.Ordinal));
        (await IndicesAsync()).ShouldBe([100_000, 1_234_567]);
    }

    [Fact]
    public async Task A_zip_is_taken_file_by_file_and_a_zip_inside_it_is_refused()
    {
        await using var ledger = new IntakeLedger();
        var inner = Zip(("facts.json", Encoding.UTF8.GetBytes(EveryFact)));
        var report =
            await ledger.TakeAsync(Zip(("a.txt", Encoding.UTF8.GetBytes(IntakeLedger.Connector)), ("b.zip", inner)));
        report.Format.ShouldBe("zip");
        report.Parts.Select(part => part.What)
            .ShouldBe(["file/a.txt line 1", "file/a.txt line 2", "file/a.txt line 3", "file/b.zip"]);
        report.Parts[3].Outcome.ShouldBeOfType<RecordOutcome.Refused>().Detail
            .ShouldBe("a zip inside a zip is not read");
    }

    [Fact]
    public async Task Who_may_not_write_is_told_why_and_leaves_nothing()
    {
        await using var ledger = new IntakeLedger();
        var nobody = new Principal("nobody", new PartyId("X"), new HashSet<string>());
        foreach (var text in (string[])[EveryFact, "nonsense",
            "point,register,read_at,kwh\nCP1,1.8.0,2026-02-01T00:00:00Z,1\n"])
        {
            var report = await ledger.Intake.TakeAsync(new Submission(Encoding.UTF8.GetBytes(text), "file"),
                new IntakeHints(), nobody,
                TestContext.Current.CancellationToken);
            report.Outcomes.ShouldAllBe(outcome => outcome is RecordOutcome.Refused);
        }
        (await ledger.FactsAsync()).ShouldBeEmpty();
    }

    internal static byte[] Zip(params (string Name, byte[] Bytes)[] files)
    {
        using var memory = new MemoryStream();
        using (var zip = new ZipArchive(memory, ZipArchiveMode.Create, leaveOpen: true))
            foreach (var (name, bytes) in files)
            {
                using var entry = zip.CreateEntry(name).Open();
                entry.Write(bytes);
            }
        return memory.ToArray();
    }
}
