using System.Security.Cryptography;
using System.Text;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Readings are derived again from the text of their evidence, whatever its format; a fact that says otherwise is found
/// with both values, although every hash of the journal is right.
/// </summary>
public sealed class ReadingVerificationTests
{
    private const string Payload =
        """{"FV":"1.0","PG":"T1","MS":"M1","RD":[{"TM":"2026-02-01T00:00:00,000+0000 S","TX":"B","RV":1.500,"RI":"1-b:1.8.0","RU":"kWh","ST":"G"}]}""";

    private const string Nem12File = """
        100,NEM12,202602101000,MDP,RETAILER
        200,CP2,E1,E1,E1,N1,SERIAL,kWh,30,20260210
        300,20260201,VALUES,A,,,20260202000000,
        900
        """;

    private const string Sessions = """
        Session,CCS,Arrival,Departure,Stay,Energy (Wh),Pmax (W)
        1,1,2026-01-20T10:00:00,2026-01-20T11:00:00,60,1234.5,50000
        2,1,2026-01-20T12:00:00,2026-01-20T13:00:00,60,1000,50000
        """;

    private static async Task<IntakeLedger> LedgerAsync()
    {
        var ledger = new IntakeLedger();
        await ledger.TakeAsync(IntakeLedger.Connector);
        ledger.Registers[("M1", Direction.Import)] = new(new("CP1"), Direction.Import);
        return ledger;
    }

    private static string Spki(ECDsa key) => Convert.ToHexString(key.ExportSubjectPublicKeyInfo());

    private static string Signed(ECDsa key, string payload = Payload) =>
        $$"""OCMF|{{payload}}|{"SA":"ECDSA-secp256r1-SHA256","SD":"{{Convert.ToHexString(key.SignData(
            Encoding.UTF8.GetBytes(payload), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence))}}"}""";

    private static string Contained(string value, string? key) => "<values><value><signedData format=\"OCMF\">"
        + value.Replace("\"", "&quot;", StringComparison.Ordinal)
            .Replace("\r", "&#13;", StringComparison.Ordinal)
        + $"</signedData>{(key is null ? "" : $"<publicKey>{key}</publicKey>")}</value></values>";

    /// <summary>Verifies the facts of a ledger, one of them changed.</summary>
    internal static async Task<(ReadingVerification Verified, Findings Findings)> VerifyAsync(
        IntakeLedger ledger, Func<LedgerEvent, LedgerEvent>? change = null)
    {
        var findings = new Findings();
        var verification = new ReadingVerification(ledger.Ledger.Evidence.Get, findings);
        foreach (var recorded in await TestFolder.AllAsync(ledger.Ledger.Journal))
        {
            var fact = EventCodec.Decode(recorded);
            verification.Verify(recorded.Position, recorded.Envelope.Stream, recorded.Envelope.ValidFrom,
                change?.Invoke(fact) ?? fact);
        }
        verification.Finish();
        return (verification, findings);
    }

    private static Func<LedgerEvent, LedgerEvent> Reading(Func<RegisterReadingRecorded, LedgerEvent> change) =>
        fact => fact is RegisterReadingRecorded { IndexSteps: > 0 } reading ? change(reading) : fact;

    /// <summary>From evidence to facts: what a file has and no fact records from it is counted.</summary>
    [Fact]
    public async Task Readings_beside_those_that_were_recorded_are_counted()
    {
        await using var ledger = await LedgerAsync();
        await ledger.TakeAsync("""
            point,register,read_at,kwh
            CP1,1.8.0,2026-02-01T00:00:00Z,1.500
            CP1,1.8.0,2026-02-01T01:00:00Z,1.600
            CP1,1.8.0,2026-02-01T02:00:00Z,1.700

            """);
        (await VerifyAsync(ledger)).Verified.Unrecorded.ShouldBe(0);
        var (verified, _) = await VerifyAsync(ledger, Reading(reading =>
            reading.IndexSteps == 1600 ? reading with { Evidence = null } : reading));
        verified.Unrecorded.ShouldBe(1);
    }

    public static TheoryData<string, string, string> Forged => new()
    {
        { "index", "index 1501 steps", "1500 steps by the evidence" },
        { "time", "1500 steps at 2026-02-01T00:00:01Z", "a reading of CP1/1.8.0 at that instant" },
        { "register", "1500 steps at", "a reading of CP1/2.8.0 at that instant" },
        { "quality", "quality Estimated", "Measured" },
        { "suspect", "quality Suspect without a finding", "the quality that its evidence gives" },
        { "evidence", "not kept", "" },
    };

    [Theory]
    [MemberData(nameof(Forged))]
    public async Task A_row_and_a_signed_value_are_compared_with_their_text(
        string change, string found, string expected)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        foreach (var text in (string[])
            ["point,register,read_at,kwh\nCP1,1.8.0,2026-02-01T00:00:00Z,1.500\n", Signed(key)])
        {
            await using var ledger = await LedgerAsync();
            (await ledger.TakeAsync(text, new IntakeHints(PublicKey: Spki(key)))).Outcomes
                .ShouldAllBe(outcome => outcome is RecordOutcome.Recorded);
            var (whole, none) = await VerifyAsync(ledger);
            none.Faults.ShouldBeEmpty();
            whole.Registers.Readings.ShouldBe(1);
            var (_, findings) = await VerifyAsync(ledger, Reading(reading => change switch
            {
                "index" => reading with { IndexSteps = 1501 },
                "time" => reading with { ReadAt = reading.ReadAt + Duration.FromSeconds(1) },
                "register" => reading with { Register = reading.Register with { Direction = Direction.Export } },
                "quality" => reading with { Quality = ReadingQuality.Estimated },
                "suspect" => reading with { Quality = ReadingQuality.Suspect },
                _ => reading with { Evidence = new EvidenceDigest(new string('a', 64)) },
            }));
            if (change == "evidence")
            {
                findings.NotChecked.ShouldContain("1 register readings whose evidence is not there to be read");
                continue;
            }
            var fault = findings.Faults.ShouldHaveSingleItem();
            fault.Place.ShouldStartWith("position ");
            fault.Place.ShouldContain("register/CP1/1.8.0");
            fault.Found.ShouldContain(found);
            fault.Expected.ShouldContain(expected);
        }
    }

    /// <summary>A signature is verified with the key that came with the value, else with the meter's; a reading that
    /// neither bears out is found, and one whose key is not kept is said not to be checked.</summary>
    [Fact]
    public async Task Signatures_are_verified_again()
    {
        using var own = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var foreign = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await using var bare = await LedgerAsync();
        await bare.TakeAsync(Signed(own), new IntakeHints(PublicKey: Spki(own)));
        (await VerifyAsync(bare)).Findings.NotChecked.ShouldBeEmpty();
        // As a ledger of before has it, which took the key beside it for the meter's.
        (await VerifyAsync(bare, Reading(reading =>
            reading with { Quality = ReadingQuality.MeasuredSigned }))).Findings.NotChecked
            .ShouldContain("1 signatures of values whose key came beside them and is not kept");

        await using var contained = await LedgerAsync();
        await contained.TakeAsync(Contained(Signed(own), Spki(own)));
        var (verified, findings) = await VerifyAsync(contained);
        findings.Faults.ShouldBeEmpty();
        findings.NotChecked.ShouldBeEmpty();
        verified.Registers.ShouldBe((1, 1));
        (await VerifyAsync(contained, Reading(reading => reading with { Quality = ReadingQuality.MeasuredSigned })))
            .Findings.Faults.ShouldBeEmpty();

        await using var known = await LedgerAsync();
        await known.TakeAsync($"meter_serial,public_key,valid_from\nM1,{Spki(own)},2026-01-01T00:00:00Z");
        await known.TakeAsync(Contained(Signed(own), Spki(own)));
        var unsigned = (await VerifyAsync(known, Reading(reading =>
            reading with { Quality = ReadingQuality.Measured }))).Findings.Faults.ShouldHaveSingleItem();
        (unsigned.Found, unsigned.Expected).ShouldBe(("quality Measured", "MeasuredSigned by the evidence"));

        // As if the key list had named another key before the value came: then it should never have counted.
        await using var listed = await LedgerAsync();
        await listed.TakeAsync($"meter_serial,public_key,valid_from\nM1,{Spki(own)},2026-01-01T00:00:00Z");
        await listed.TakeAsync(Signed(own), new IntakeHints(PublicKey: Spki(own)));
        (await VerifyAsync(listed)).Findings.ShouldSatisfyAllConditions(
            found => found.Faults.ShouldBeEmpty(), found => found.NotChecked.ShouldBeEmpty());
        (await VerifyAsync(listed, fact => fact is MeterKeyRegistered registered
            ? registered with { PublicKey = Spki(foreign).ToLowerInvariant() } : fact)).Findings.Faults
            .ShouldContain(fault => fault.Found.Contains("signature is Invalid", StringComparison.Ordinal));
    }

    /// <summary>The doors once recorded a value without a key as measured alone, whatever keys were registered. Where
    /// the meter did sign it that is less than could be said and no fault; where it did not, the reading never should
    /// have counted. That it was signed nobody says without a key.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_value_without_a_key_may_stand_as_measured_where_its_meter_signed_it(bool isContained)
    {
        using var own = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var foreign = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await using var ledger = await LedgerAsync();
        await ledger.TakeAsync($"meter_serial,public_key,valid_from\nM1,{Spki(own)},2026-01-01T00:00:00Z");
        (await ledger.TakeAsync(isContained ? Contained(Signed(own), null) : Signed(own))).Outcomes
            .ShouldHaveSingleItem().ShouldBeOfType<RecordOutcome.Recorded>();
        LedgerEvent AsBefore(LedgerEvent fact) =>
            fact is RegisterReadingRecorded reading ? reading with { Quality = ReadingQuality.Measured } : fact;

        var (verified, signed) = await VerifyAsync(ledger, AsBefore);
        signed.Faults.ShouldBeEmpty();
        verified.Registers.ShouldBe((1, 1));
        var (_, forged) = await VerifyAsync(ledger, fact => fact is MeterKeyRegistered key
            ? key with { PublicKey = Spki(foreign).ToLowerInvariant() } : AsBefore(fact));
        forged.Faults.ShouldHaveSingleItem().Found.ShouldBe("a reading by a value whose signature is Invalid");
        var (_, unsaid) = await VerifyAsync(ledger, fact => fact is MeterKeyRegistered key
            ? key with { From = Instant.FromUtc(2026, 2, 2, 0, 0) } : fact);
        // A key may have come beside a bare value, and is not kept; with a container it would be there.
        if (isContained) unsaid.Faults.ShouldHaveSingleItem().Found.ShouldBe("quality MeasuredSigned");
        else unsaid.NotChecked.ShouldBe(["1 signatures of values whose key came beside them and is not kept"]);
    }

    /// <summary>XML has one line end, and a payload that was signed with another keeps it as a reference.</summary>
    [Fact]
    public async Task A_payload_is_kept_with_the_line_ends_that_were_signed()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await using var ledger = await LedgerAsync();
        var payload = Payload.Replace(",\"RD\"", ",\r\n\"RD\"", StringComparison.Ordinal);
        (await ledger.TakeAsync(Contained(Signed(key, payload), Spki(key)))).Outcomes.ShouldHaveSingleItem()
            .ShouldBeOfType<RecordOutcome.Recorded>();
        var (verified, findings) = await VerifyAsync(ledger);
        findings.Faults.ShouldBeEmpty();
        verified.Registers.ShouldBe((1, 1));
    }

    /// <summary>Once the total at the vehicle counted as the meter's; what was recorded of it verifies.</summary>
    [Fact]
    public async Task A_total_at_the_vehicle_that_was_recorded_verifies()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await using var ledger = await LedgerAsync();
        await ledger.TakeAsync(Signed(key, Payload.Replace("""{"TM":""",
            """{"TM":"2026-02-01T00:00:00,000+0000 S","TX":"B","RV":1.400,"RI":"01-00:B1.08.00*FF","RU":"kWh","ST":"G"},{"TM":""",
            StringComparison.Ordinal)), new IntakeHints(PublicKey: Spki(key)));
        (await ledger.FactsAsync()).OfType<RegisterReadingRecorded>().ShouldHaveSingleItem().IndexSteps.ShouldBe(1500);
        (await ledger.FactsAsync()).OfType<EvidenceKept>().ShouldHaveSingleItem().Note
            .ShouldStartWith("RD[0]: '01-00:B1.08.00*FF' is no register of all import or export at the meter");
        (await VerifyAsync(ledger, Reading(reading => reading with { IndexSteps = 1400 }))).Findings.Faults
            .ShouldBeEmpty();
    }

    [Fact]
    public async Task Interval_readings_are_compared_with_their_file()
    {
        await using var ledger = await LedgerAsync();
        (await ledger.TakeAsync(Nem12File.Replace("VALUES", string.Join(',', Enumerable.Repeat("1.25", 48)))))
            .Outcomes.ShouldAllBe(outcome => outcome is RecordOutcome.Recorded);
        var (whole, none) = await VerifyAsync(ledger);
        none.Faults.ShouldBeEmpty();
        whole.Intervals.ShouldBe(48);
        var changed = false;
        var fault = (await VerifyAsync(ledger, fact =>
        {
            if (fact is not IntervalReadingRecorded reading || changed) return fact;
            changed = true;
            return reading with { Energy = reading.Energy + Energy.FromWattHours(1) };
        })).Findings.Faults.ShouldHaveSingleItem();
        (fault.Found, fault.Expected)
            .ShouldBe(("1.251000000000 kWh", "1.250000000000 kWh by the evidence"));
        fault.Place.ShouldContain("interval-reading/CP2:1/1.8.0/2026-01-31");
    }

    [Fact]
    public async Task Sessions_are_compared_with_their_file()
    {
        await using var ledger = await LedgerAsync();
        (await ledger.TakeAsync(Sessions, new IntakeHints(Zone: DateTimeZoneProviders.Tzdb["Europe/Zurich"])))
            .Outcomes.ShouldAllBe(outcome => outcome is RecordOutcome.Recorded);
        var (whole, none) = await VerifyAsync(ledger);
        none.Faults.ShouldBeEmpty();
        whole.Registers.Readings.ShouldBe(3);
        (await VerifyAsync(ledger, Reading(reading => reading.IndexSteps == 2_234_500
            ? reading with { IndexSteps = 2_234_501 } : reading))).Findings.Faults
            .ShouldHaveSingleItem().Expected.ShouldBe("2234500 steps by the evidence");
    }

    private static readonly string[] charges =
    [
        """
        {"country_code":"CN","party_id":"ABC","id":"R1","start_date_time":"2026-02-01T10:00:00Z","end_date_time":"2026-02-01T11:00:00Z","cdr_location":{"evse_id":"CP1","connector_id":"1"},"currency":"CNY","charging_periods":[],"total_cost":{"excl_vat":5.0,"incl_vat":5.65},"total_energy":10}
        """,
        "id,country_code,party_id,start_date_time,end_date_time,evse_id,currency,total_energy,total_cost_excl_vat,"
        + """
        total_cost_incl_vat
        R0,CN,ABC,2026-02-01T10:00:00Z,2026-02-01T11:00:00Z,CP1,CNY,none,1,1
        R1,CN,ABC,2026-02-01T10:00:00Z,2026-02-01T11:00:00Z,CP1,CNY,10,5,5.65
        R1,CN,ABC,2026-02-01T10:00:00Z,2026-02-01T11:00:00Z,CP1,CNY,10,6,6.78
        R2,CN,ABC,2026-02-01T11:00:00Z,2026-02-01T12:00:00Z,CP1,CNY,3,2,2

        """,
    ];

    public static TheoryData<string, string, string> ForgedCharges => new()
    {
        { "", "", "" },
        { "case", "", "" },
        { "cost", "cost without tax 500", "5 by the evidence" },
        { "tax", "cost with tax none", "5.65 by the evidence" },
        { "energy", "energy 11.000000000000 kWh", "10.000000000000 kWh by the evidence" },
        { "start", "start 2026-02-01T09:00:00Z", "2026-02-01T10:00:00Z by the evidence" },
        { "end", "end 2026-02-01T12:00:00Z", "2026-02-01T11:00:00Z by the evidence" },
        { "currency", "currency EUR", "CNY by the evidence" },
        { "credits", "credits R7", "none by the evidence" },
        { "number", "charge record R9 of CN*ABC", "one that evidence" },
        { "operator", "charge record R1 of CN*XYZ", "one that evidence" },
    };

    /// <summary>A record of OCPI, and a table of which two rows were refused.</summary>
    [Theory]
    [MemberData(nameof(ForgedCharges))]
    public async Task A_charge_record_is_compared_with_its_text(string change, string found, string expected)
    {
        foreach (var text in charges)
        {
            await using var ledger = await LedgerAsync();
            // Letters of either case are one issuer, and the fact has capitals.
            await ledger.TakeAsync(change == "case" ? text.Replace("\"CN\"", "\"cn\"", StringComparison.Ordinal)
                .Replace(",CN,ABC", ",cn,Abc", StringComparison.Ordinal) : text);
            var (verified, findings) = await VerifyAsync(ledger, fact => fact is not ChargeRecorded { Record.Value: "R1" } of
                ? fact : change switch
                {
                    "cost" => of with { CostWithoutTax = 500m },
                    "tax" => of with { CostWithTax = null },
                    "energy" => of with { Energy = Energy.FromWattHours(11_000) },
                    "start" => of with { Start = of.Start - Duration.FromHours(1) },
                    "end" => of with { End = of.End + Duration.FromHours(1) },
                    "currency" => of with { Currency = "EUR" },
                    "credits" => of with { Credits = new("R7") },
                    "number" => of with { Record = new("R9") },
                    "operator" => of with { Operator = new("CN*XYZ") },
                    _ => of,
                });
            findings.NotChecked.ShouldBeEmpty();
            verified.Charges.Compared.ShouldBe((text == charges[0] ? 1 : 2) - (change is "number" or "operator" ? 1 : 0));
            verified.Charges.Faults.ShouldBe(findings.FaultCount);
            if (found.Length == 0)
            {
                findings.Faults.ShouldBeEmpty();
                continue;
            }
            var fault = findings.Faults.ShouldHaveSingleItem();
            fault.Place.ShouldContain(", cdr/");
            fault.Found.ShouldBe(found);
            fault.Expected.ShouldStartWith(expected);
        }
    }

    /// <summary>A place may be given beside a file, and is not kept; evidence may be gone.</summary>
    [Fact]
    public async Task What_no_evidence_shows_of_a_charge_record_is_said()
    {
        await using var ledger = await LedgerAsync();
        await ledger.TakeAsync(charges[0].Replace("CP1", "EVSE-7", StringComparison.Ordinal),
            new IntakeHints(Point: new("CP1")));
        var (verified, findings) = await VerifyAsync(ledger);
        (verified.Charges.Compared, findings.FaultCount).ShouldBe((1, 0));
        findings.NotChecked.ShouldBe(
            ["1 points of charge records that their evidence does not name: they were given beside a file"]);

        var record = (await ledger.FactsAsync()).OfType<ChargeRecorded>().Single();
        Left(record with { Evidence = null }, _ => null).ShouldBe("charge records that name no evidence");
        Left(record, _ => null).ShouldBe("charge records whose evidence is not there to be read");
        Left(record, digest => throw new EvidenceErasedException(digest))
            .ShouldBe("charge records whose evidence was erased");
        Left(record, digest => throw new EvidencePrunedException(digest, 7))
            .ShouldBe("charge records whose evidence was pruned");

        static string? Left(ChargeRecorded record, Func<EvidenceDigest, byte[]?> evidence)
        {
            var findings = new Findings();
            var verification = new ChargeRecordVerification(evidence, findings);
            var left = verification.Verify("here", record);
            (verification.Compared, findings.FaultCount).ShouldBe((0, 0));
            return left;
        }
    }

    [Fact]
    public async Task Evidence_that_is_no_charge_record_is_a_fault()
    {
        await using var ledger = await LedgerAsync();
        await ledger.TakeAsync(charges[0]);
        var record = (await ledger.FactsAsync()).OfType<ChargeRecorded>().Single();
        var findings = new Findings();
        new ChargeRecordVerification(_ => "something else"u8.ToArray(), findings).Verify("here", record).ShouldBeNull();
        findings.Faults.ShouldHaveSingleItem().Expected.ShouldBe("the evidence that the charge record names");
    }

    /// <summary>What the rule of registers decided, asked again of the facts of a ledger, one of them
    /// changed.</summary>
    private static async Task<Findings> DecidedAsync(IntakeLedger ledger, Func<LedgerEvent, LedgerEvent>? change = null)
    {
        var (findings, ct) = (new Findings(), TestContext.Current.CancellationToken);
        var readings = new ReadingVerification(ledger.Ledger.Evidence.Get, new Findings());
        var decisions = new RegisterDecisions(ledger.Ledger.Journal, findings);
        foreach (var recorded in await TestFolder.AllAsync(ledger.Ledger.Journal))
        {
            var fact = EventCodec.Decode(recorded);
            fact = change?.Invoke(fact) ?? fact;
            await decisions.VerifyAsync(recorded, fact, readings.Verify(recorded.Position, recorded.Envelope.Stream,
                recorded.Envelope.ValidFrom, fact), ct);
        }
        await decisions.FinishAsync(ct);
        return findings;
    }

    /// <summary>A suspect reading is none for a baseline or a bill, and a quarantined one for nobody: the rule has to
    /// give what was recorded.</summary>
    [Fact]
    public async Task A_reading_is_suspect_or_quarantined_only_by_the_rule()
    {
        await using var ledger = await LedgerAsync();
        await ledger.TakeAsync("point,register,read_at,kwh\nCP1,1.8.0,2026-02-01T00:00:00Z,1\n"
            + "CP1,1.8.0,2026-02-01T00:15:00Z,1.5\nCP1,1.8.0,2026-02-01T00:30:00Z,9000\nCP1,1.8.0,2026-02-01T00:45:00Z,7\n");
        (await ledger.FactsAsync()).Count(fact => fact is RegisterReadingQuarantined
            or RegisterReadingRecorded { Quality: ReadingQuality.Suspect }).ShouldBe(2);
        (await DecidedAsync(ledger)).Faults.ShouldBeEmpty();
        static LedgerEvent? Forged(LedgerEvent fact, LedgerEvent? forged) =>
            fact is RegisterReadingRecorded { IndexSteps: 1_500 } ? forged : null;
        var suspect = (await DecidedAsync(ledger, fact => fact is RegisterReadingRecorded reading
            ? Forged(fact, reading with { Quality = ReadingQuality.Suspect }) ?? fact : fact)).Faults
            .ShouldHaveSingleItem();
        (suspect.Found, suspect.Expected).ShouldBe(("a suspect reading", "one that counts"));
        var held = (await DecidedAsync(ledger, fact => fact is RegisterReadingRecorded reading
            ? Forged(fact, new RegisterReadingQuarantined(reading.Register, reading.ReadAt, reading.IndexSteps,
                Rejection.ChangeOfBasis, "as agreed", reading.Evidence)) ?? fact : fact)).Faults.ShouldHaveSingleItem();
        (held.Found, held.Expected).ShouldBe(("a quarantined reading", "one that counts"));

        await using var provided = await LedgerAsync();
        await provided.TakeAsync(Nem12File.Replace("VALUES", string.Join(',', Enumerable.Repeat("1.25", 48))));
        (await DecidedAsync(provided)).Faults.ShouldBeEmpty();
        (await DecidedAsync(provided, fact => fact is IntervalReadingRecorded reading
            ? reading with { Quality = ReadingQuality.Suspect } : fact)).FaultCount.ShouldBe(48);
    }

    /// <summary>A reading that validation made suspect has its finding beside it, which makes it so.</summary>
    [Fact]
    public async Task A_finding_explains_a_suspect_reading()
    {
        await using var ledger = await LedgerAsync();
        await ledger.TakeAsync("point,register,read_at,kwh\nCP1,1.8.0,2026-02-01T00:00:00Z,1\n"
            + "CP1,1.8.0,2026-02-01T00:15:00Z,9000\n");
        (await ledger.FactsAsync()).ShouldContain(fact => fact is MeterFindingRecorded);
        (await VerifyAsync(ledger)).Findings.Faults.ShouldBeEmpty();
    }

    [Fact]
    public async Task What_came_as_a_fact_has_no_text_to_compare()
    {
        await using var ledger = await LedgerAsync();
        await ledger.TakeAsync("""
            {"type":"register-reading","point":"CP1","direction":"import","readAt":"2026-02-01T00:00:00Z","kwh":1.5}
            {"type":"register-reading-correction","point":"CP1","direction":"import","readAt":"2026-02-01T00:00:00Z","supersedes":1,"indexSteps":1600,"reason":"read again"}
            """);
        var (_, findings) = await VerifyAsync(ledger);
        findings.Faults.ShouldBeEmpty();
        findings.NotChecked.ShouldBe(
        [
            "1 corrections and estimates, of which the fact itself is all that is kept",
            "1 register readings that came as facts and name no evidence",
        ]);
    }
}
