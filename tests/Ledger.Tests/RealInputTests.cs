using System.Globalization;
using System.Text.Json;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Other people's files through the one door into a real journal;
/// the published results are the expected ones.</summary>
public sealed class RealInputTests
{
    private static readonly DateTimeZone Zurich = DateTimeZoneProviders.Tzdb["Europe/Zurich"];

    private static string Samples(string folder)
    {
        var root = Environment.GetEnvironmentVariable("LEDGER_SAMPLES");
        if (string.IsNullOrEmpty(root))
            Assert.Skip($"sample: set LEDGER_SAMPLES to the folder that holds samples/{folder}");
        return Path.Combine(root, "samples", folder);
    }

    [Fact]
    public async Task Every_signed_value_has_its_published_verdict()
    {
        var folder = Samples("ocmf-safe");
        await using var ledger = new IntakeLedger();
        await InstallMetersAsync(ledger, folder);
        var verdicts = new SortedDictionary<string, int>();
        foreach (var rows in File.ReadAllLines(Path.Combine(folder, "VERDICTS.tsv")).Where(row => row.Contains(" | "))
            .GroupBy(row => row.Split(" | ")[0]))
        {
            var path = Directory.GetFiles(folder, rows.Key, SearchOption.AllDirectories).Single();
            var report = await ledger.TakeAsync(File.ReadAllBytes(path), name: rows.Key);
            report.Format.ShouldBe("signed values");
            foreach (var (row, number) in rows.Select((row, index) => (row, index + 1)))
            {
                var expected = row.Contains("non-OCMF") ? "REFUSED" : row.Split(" | ")[1].Split(' ')[0];
                verdicts[expected] = verdicts.GetValueOrDefault(expected) + 1;
                var parts = report.Parts.Where(part =>
                    $"{part.What} ".StartsWith($"{rows.Key} value {number} ", StringComparison.Ordinal)).ToList();
                parts.ShouldNotBeEmpty(row);
                // Two receipts are templates: they name OCMF and hold nothing.
                foreach (var part in parts)
                    Check(part, row.EndsWith("| OCMF non-OCMF", StringComparison.Ordinal) ? "EMPTY" : expected);
            }
        }
        verdicts.ShouldBe(new Dictionary<string, int>
        {
            ["VALID"] = 241,
            ["KEY-ERR"] = 2,
            ["INVALID"] = 4,
            ["NO-KEY"] = 2,
            ["REFUSED"] = 20,
        }, ignoreOrder: true);
    }

    private static void Check(IntakePart part, string expected)
    {
        var refused = part.Outcome as RecordOutcome.Refused;
        switch (expected)
        {
            case "EMPTY":
                refused!.Code.ShouldBe(Rejection.EmptyInput, part.What);
                break;
            case "REFUSED":
                refused!.Code.ShouldBe(Rejection.UnknownFormat, part.What);
                refused.Detail.ShouldContain("not supported");
                break;
            case "INVALID":
                part.Signed!.Signature.ShouldBe(SignatureVerdict.Invalid, part.What);
                refused!.Code.ShouldBe(Rejection.SignatureInvalid);
                break;
            case "NO-KEY":
                part.Signed!.Signature.ShouldBe(SignatureVerdict.NoKey, part.What);
                part.Outcome.IsDurable.ShouldBeTrue($"{part}");
                break;
            default:
                part.Signed!.Signature.ShouldBe(SignatureVerdict.Valid, part.What);
                if (refused is not null)
                    ((Rejection[])[Rejection.NotPlausible, Rejection.UnknownUnit, Rejection.EvidenceConflict,
                        Rejection.ReadBeforeLastReading])
                        .ShouldContain(refused.Code, $"{part}");
                break;
        }
    }

    [Fact]
    public async Task Signed_import_and_export_are_recorded_apart_and_known_again()
    {
        var folder = Samples("ocmf-safe");
        await using var ledger = new IntakeLedger();
        await InstallMetersAsync(ledger, folder);
        var file = File.ReadAllBytes(Path.Combine(folder, "VW_OCMF_load.xml"));
        (await ledger.TakeAsync(file)).Outcomes.Count(outcome => outcome is RecordOutcome.Recorded).ShouldBe(4);
        var readings = (await ledger.FactsAsync()).OfType<RegisterReadingRecorded>().ToList();
        readings.Select(reading => (reading.Register.Direction, reading.IndexSteps)).ShouldBe(
        [
            (Direction.Import, 57_584_000_000), (Direction.Import, 58_685_000_000),
            (Direction.Export, 4_405_000_000), (Direction.Export, 4_405_000_000),
        ]);
        // The clock's status is R, relative to an event: signed, but in doubt.
        readings.ShouldAllBe(reading => reading.Quality == ReadingQuality.Suspect);
        ledger.Ledger.Evidence.Get(readings[0].Evidence!.Value).ShouldNotBeNull();
        (await ledger.TakeAsync(file)).Outcomes.ShouldAllBe(outcome => outcome is RecordOutcome.AlreadyRecorded);

        await ledger.TakeAsync(File.ReadAllBytes(Path.Combine(folder, "brainpoolP256r1.xml")));
        // Its register is that of a tariff, which is no total.
        (await ledger.FactsAsync()).OfType<RegisterReadingRecorded>().Count().ShouldBe(4);
        (await ledger.FactsAsync()).OfType<EvidenceKept>().Last().Note.ShouldStartWith("RD[0]: ");
    }

    /// <summary>A point and registers of nine decimals for every meter that the samples name.</summary>
    private static async Task InstallMetersAsync(IntakeLedger ledger, string folder)
    {
        foreach (var path in Directory.GetFiles(folder, "*.xml").Order(StringComparer.Ordinal))
        {
            if (OcmfContainer.Read(File.ReadAllBytes(path), out var values) is not null) continue;
            foreach (var value in values.Select(value => value.Value))
                foreach (var obis in value?.Readings.Select(reading => reading.Obis) ?? [])
                    if (Ocmf.DirectionOf(obis) is { } direction && value!.Serial.Length > 0)
                        ledger.Registers.TryAdd((value.Serial, direction), new RegisterId(
                            new SettlementPointId(
                                $"M{ledger.Registers.Count(known => known.Key.Direction == direction)}"), direction));
        }
        var facts = ledger.Registers.Select(known => JsonSerializer.Serialize(new
        {
            type = "register",
            point = known.Value.Point.Value,
            direction = known.Value.Direction == Direction.Import ? "import" : "export",
            meterSerial = known.Key.Serial,
            digits = 18,
            decimals = 9,
            validFrom = "2000-01-01T00:00:00Z",
        }));
        (await ledger.TakeAsync(string.Join('\n', facts))).Outcomes.ShouldAllBe(outcome =>
            outcome is RecordOutcome.Recorded);
    }

    [Fact]
    public async Task Interval_data_add_up_to_the_published_totals()
    {
        var folder = Samples("nem12");
        var rows = File.ReadAllLines(Path.Combine(folder, "EXPECTED_TOTALS.tsv")).Skip(1)
            .Select(line => line.Split('\t')).ToList();
        var kept = new List<string>();
        foreach (var file in rows.GroupBy(row => row[0]))
        {
            var path = Directory.GetFiles(Path.Combine(folder, "examples"), file.Key, SearchOption.AllDirectories)
                .Single();
            // Some example files repeat readings of others, so each has its own ledger.
            await using var ledger = new IntakeLedger();
            var report = await ledger.TakeAsync(File.ReadAllBytes(path), name: file.Key);
            report.Outcomes.ShouldAllBe(outcome => outcome is RecordOutcome.Recorded);
            var facts = await ledger.FactsAsync();
            kept.AddRange(facts.OfType<EvidenceKept>().Select(fact => fact.Note));
            foreach (var row in file.Where(row => row[3].ToUpperInvariant() is "WH" or "KWH"))
                Total(facts, row).ShouldBe(Expected(row), string.Join(' ', row));
        }
        var others = rows.Where(row => row[3].ToUpperInvariant() is not ("WH" or "KWH")).ToList();
        others.Count.ShouldBe(6);
        foreach (var row in others)
            kept.ShouldContain(note => note.StartsWith($"{row[1]} {row[2]}: unit '{row[3]}'"), $"{row[0]} {row[2]}");
    }

    private static Energy Total(IEnumerable<LedgerEvent> facts, string[] row)
    {
        var register = new RegisterId(new SettlementPointId($"{row[1]}:{row[2][1..]}"), row[2][0] == 'E'
            ? Direction.Import : Direction.Export);
        return facts.OfType<IntervalReadingRecorded>().Where(reading => reading.Register == register)
            .Aggregate(Energy.Zero, (sum, reading) => sum + reading.Energy);
    }

    private static Energy Expected(string[] row)
    {
        var milliwattHours = decimal.Parse(row[7], CultureInfo.InvariantCulture)
            * (row[3].Length == 2 ? 1_000m : 1_000_000m);
        decimal.Truncate(milliwattHours).ShouldBe(milliwattHours);
        return new Energy((Int128)milliwattHours * (Energy.HalfNanojoulesPerWattHour / 1000));
    }

    [Fact]
    public async Task Every_invalid_file_of_interval_data_is_refused_whole_and_kept()
    {
        var folder = Path.Combine(Samples("nem12"), "examples", "invalid");
        await using var ledger = new IntakeLedger();
        foreach (var path in Directory.GetFiles(folder).Order(StringComparer.Ordinal))
        {
            var report = await ledger.TakeAsync(File.ReadAllBytes(path), name: Path.GetFileName(path));
            report.Parts.ShouldHaveSingleItem().Outcome.ShouldBeOfType<RecordOutcome.Refused>(path).Detail
                .ShouldNotBeEmpty();
        }
        (await ledger.FactsAsync()).ShouldAllBe(fact => fact is EvidenceRefused);
        (await ledger.FactsAsync()).Count.ShouldBe(11);
    }

    [Fact]
    public async Task Charging_sessions_make_one_register_per_connector()
    {
        var file = File.ReadAllBytes(Path.Combine(Samples("epfl-level3"), "sessions.csv"));
        await using var ledger = new IntakeLedger();
        (await ledger.TakeAsync(file)).Parts.ShouldHaveSingleItem().Outcome.ShouldBeOfType<RecordOutcome.Refused>()
            .Code.ShouldBe(Rejection.UnknownZone);
        var hints = new IntakeHints(Zone: Zurich);
        var report = await ledger.TakeAsync(file, hints);
        report.Format.ShouldBe("EPFL sessions");
        report.Outcomes.ShouldAllBe(outcome => outcome is RecordOutcome.Recorded);
        var facts = await ledger.FactsAsync();
        var readings = facts.OfType<RegisterReadingRecorded>().GroupBy(reading => reading.Register).ToList();
        readings.Select(register => register.Key.ToString())
            .ShouldBe(["epfl-level3:CCS1/1.8.0", "epfl-level3:CCS2/1.8.0"], ignoreOrder: true);
        // 992 sessions, and each register's beginning.
        readings.Sum(register => register.Count()).ShouldBe(992 + 2);
        var total = Energy.Zero;
        foreach (var register in readings)
        {
            var installed = facts.OfType<RegisterInstalled>().Single(fact => fact.Register == register.Key);
            total += Register.Difference(installed, register.First().IndexSteps,
                register.Last().IndexSteps).Delta!.Value;
        }
        total.ToKwh(6).ShouldBe("33034.750300");
        (await ledger.TakeAsync(file, hints)).Outcomes.ShouldAllBe(outcome => outcome is RecordOutcome.AlreadyRecorded);
    }
}
