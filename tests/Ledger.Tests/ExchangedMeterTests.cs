using System.Security.Cryptography;
using System.Text;
using Ledger.Api;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Verification;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A meter is exchanged for one that shows other decimals: whenever the exchange and the readings are recorded, a
/// reading is one of the meter that counted when it was read, as the settlement reads it.
/// </summary>
public sealed class ExchangedMeterTests
{
    private static readonly RegisterId Import = new(new SettlementPointId("CP1"), Direction.Import);
    private static readonly Instant Day1 = Instant.FromUtc(2026, 2, 1, 0, 0), Day2 = Day1 + Duration.FromDays(1);

    /// <summary>M1 shows three decimals (<see cref="IntakeLedger.Connector"/>), M2 none.</summary>
    private const string Exchange = """
        {"type":"register","point":"CP1","direction":"import","meterSerial":"M2","digits":6,"decimals":0,"validFrom":"2026-02-03T00:00:00Z"}
        """;

    /// <summary>M2 shows what M1 did, so that an index tells nothing of its meter.</summary>
    private static readonly string Alike = Exchange.Replace("\"digits\":6,\"decimals\":0", "\"digits\":9,\"decimals\":3",
        StringComparison.Ordinal);

    /// <summary>M1 was moved to another point, and M2 took its place.</summary>
    private static readonly string Moved = IntakeLedger.Connector.Split('\n')[0].Replace("CP1", "CP2", StringComparison.Ordinal)
        + "\n" + Alike.Trim() + "\n" + Alike.Replace("CP1", "CP2", StringComparison.Ordinal)
            .Replace("M2", "M1", StringComparison.Ordinal);

    private static ECDsa Signs { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private static readonly IntakeHints Key = new(PublicKey: Convert.ToHexString(Signs.ExportSubjectPublicKeyInfo()));

    private static readonly string Registered = $"meter_serial,public_key,valid_from\nM1,{Key.PublicKey},2026-01-01T00:00:00Z";

    private static string Said(string meter, string day, string kwh)
    {
        var payload = $$"""{"FV":"1.0","PG":"T1","MS":"{{meter}}","RD":[{"TM":"2026-02-{{day}}T00:00:00,000+0000 S","TX":"B","RV":{{kwh}},"RI":"1-b:1.8.0","RU":"kWh","ST":"G"}]}""";
        return $$"""OCMF|{{payload}}|{"SA":"ECDSA-secp256r1-SHA256","SD":"{{Convert.ToHexString(Signs.SignData(
            Encoding.UTF8.GetBytes(payload), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence))}}"}""";
    }

    /// <summary>Through the ledger's own door, which knows where meters are.</summary>
    private static async Task<RecordOutcome> SendAsync(IntakeLedger ledger, string text) =>
        (await ledger.Ledger.Intake.TakeAsync(new(Encoding.UTF8.GetBytes(text), "file"), Key, IntakeLedger.Operator,
            TestContext.Current.CancellationToken)).Outcomes.Last();

    private static async Task<List<(string Point, int Day, long Steps)>> CountedAsync(IntakeLedger ledger) =>
        [.. (await ledger.FactsAsync()).OfType<RegisterReadingRecorded>().Select(reading =>
            (reading.Register.Point.Value, reading.ReadAt.InUtc().Day, reading.IndexSteps))];

    private static string Correct(int supersedes, string rest, string day = "04") =>
        $$"""{"type":"register-reading-correction","point":"CP1","direction":"import","readAt":"2026-02-{{day}}T00:00:00Z","supersedes":{{supersedes}},{{rest}},"reason":"another meter"}""";

    private static string Withdraw(int supersedes) => Correct(supersedes, "\"indexSteps\":0,\"quality\":\"missing\"");

    private static string Read(string at, string kwh) => $"point,register,read_at,kwh\nCP1,1.8.0,{at},{kwh}\n";

    private static async Task<IntakeLedger> LedgerAsync(params string[] inputs)
    {
        var ledger = new IntakeLedger();
        foreach (var input in (string[])[IntakeLedger.Connector, .. inputs])
            (await ledger.TakeAsync(input)).Outcomes.ShouldAllBe(outcome => outcome is RecordOutcome.Recorded);
        return ledger;
    }

    private static async Task<MeteredFacts> MeteredAsync(IntakeLedger ledger)
    {
        var all = (await TestFolder.AllAsync(ledger.Ledger.Journal))
            .ConvertAll(recorded => (Recorded: recorded, Fact: EventCodec.Decode(recorded)));
        return MeteredFacts.None with
        {
            Installations = [.. all.Where(each => each.Fact is RegisterInstalled).Select(each =>
                new Positioned<RegisterInForce>(each.Recorded.Position,
                    new(each.Recorded.Envelope.ValidFrom, (RegisterInstalled)each.Fact)))],
            Readings = [.. all.Where(each => each.Fact is RegisterReadingRecorded).Select(each =>
                new Positioned<RegisterReadingRecorded>(each.Recorded.Position, (RegisterReadingRecorded)each.Fact))],
        };
    }

    /// <param name="soonerFrom">Of an exchange that an earlier version had known when it recorded the value.</param>
    private static async Task<Findings> VerifyAsync(IntakeLedger ledger, Instant? soonerFrom = null)
    {
        var findings = new Findings();
        var verification = new ReadingVerification(ledger.Ledger.Evidence.Get, findings);
        foreach (var recorded in (await TestFolder.AllAsync(ledger.Ledger.Journal)).OrderBy(recorded =>
            soonerFrom is not null && recorded.Envelope.ValidFrom == soonerFrom
                && EventCodec.Decode(recorded) is RegisterInstalled ? -1 : recorded.Position))
            verification.Verify(recorded.Position, recorded.Envelope.Stream, recorded.Envelope.ValidFrom,
                EventCodec.Decode(recorded));
        verification.Finish();
        return findings;
    }

    /// <summary>An exchange that is recorded before it happens, or before the last reading of the old meter
    /// comes.</summary>
    [Fact]
    public async Task A_reading_of_the_old_meter_that_comes_after_the_exchange_was_recorded_is_in_its_steps()
    {
        await using var ledger = await LedgerAsync(
            Read("2026-02-01T00:00:00Z", "500.000"), Exchange, Read("2026-02-02T00:00:00Z", "512.000"));
        var facts = await MeteredAsync(ledger);
        facts.Readings.Select(reading => reading.Fact.IndexSteps).ShouldBe([500_000, 512_000]);
        MeteredDay.Of(Import.Point, Import.Direction, [new Interval(Day1, Day2)], facts).ShouldHaveSingleItem()
            .Metered.ShouldBe(Energy.FromWattHours(12_000));
        (await VerifyAsync(ledger)).Faults.ShouldBeEmpty();
    }

    /// <summary>The new meter begins at an index of its own, and the old one's last reading may still come.</summary>
    [Fact]
    public async Task Readings_of_both_meters_count_in_any_order_and_no_difference_reaches_from_one_to_the_other()
    {
        await using var ledger = await LedgerAsync(Read("2026-02-01T00:00:00Z", "500.000"), Exchange,
            Read("2026-02-03T00:00:00Z", "3"), Read("2026-02-04T00:00:00Z", "7"),
            Read("2026-02-02T00:00:00Z", "512.000"));
        // Digits of the old meter, of which the new one shows none.
        (await ledger.TakeAsync(Read("2026-02-05T00:00:00Z", "7.5"))).Outcomes.ShouldHaveSingleItem()
            .ShouldBeOfType<RecordOutcome.Refused>().Code.ShouldBe(Rejection.OutOfRange);
        MeteredDay.Of(Import.Point, Import.Direction,
            [.. Enumerable.Range(0, 3).Select(day => new Interval(
                Day1 + Duration.FromDays(day), Day1 + Duration.FromDays(day + 1)))], await MeteredAsync(ledger))
            .Select(quantity => quantity.Metered)
            .ShouldBe([Energy.FromWattHours(12_000), null, Energy.FromWattHours(4_000)]);
        (await VerifyAsync(ledger)).Faults.ShouldBeEmpty();
    }

    /// <summary>A reading that is recorded already cannot become another index by an exchange that is told
    /// late.</summary>
    [Fact]
    public async Task An_exchange_that_is_told_after_readings_of_the_new_meter_is_refused_until_they_are_withdrawn()
    {
        await using var ledger = await LedgerAsync(
            Read("2026-02-01T00:00:00Z", "500.000"), Read("2026-02-04T00:00:00Z", "507"));
        var refused = (await ledger.TakeAsync(Exchange)).Outcomes.ShouldHaveSingleItem()
            .ShouldBeOfType<RecordOutcome.Refused>();
        refused.Code.ShouldBe(Rejection.ChangeOfBasis);
        refused.Detail.ShouldContain("2026-02-04T00:00:00Z, 507000 steps, was read with 3 decimals and not with 0");
        foreach (var input in (string[])[Withdraw(1), Exchange, Correct(2, "\"indexSteps\":507")])
            (await ledger.TakeAsync(input)).Outcomes.ShouldHaveSingleItem().ShouldBeOfType<RecordOutcome.Recorded>();
    }

    /// <summary>More digits than the new meter has, and never less than the old one showed before.</summary>
    [Fact]
    public async Task A_correction_is_judged_by_the_meter_that_was_read()
    {
        await using var ledger = await LedgerAsync(
            Read("2026-02-01T00:00:00Z", "500.000"), Read("2026-02-02T00:00:00Z", "512.000"), Exchange);
        (await SendAsync(ledger, Correct(1, "\"indexSteps\":499999", "02"))).ShouldBeOfType<RecordOutcome.Refused>()
            .Code.ShouldBe(Rejection.ChangeOfBasis);
        (await SendAsync(ledger, Correct(1, "\"indexSteps\":1512000", "02"))).ShouldBeOfType<RecordOutcome.Recorded>();
    }

    /// <summary>A signed value names its meter, and not its register.</summary>
    [Fact]
    public async Task A_value_of_after_its_meter_was_exchanged_counts_nowhere()
    {
        await using var ledger = await LedgerAsync(Registered, Alike);
        (await SendAsync(ledger, Said("M1", "02", "512.000"))).ShouldBeOfType<RecordOutcome.Recorded>();
        var refused = (await SendAsync(ledger, Said("M1", "04", "513.000"))).ShouldBeOfType<RecordOutcome.Refused>();
        refused.Code.ShouldBe(Rejection.UnknownRegister);
        refused.Detail.ShouldContain(
            "the meter counted register CP1/1.8.0 until 2026-02-03T00:00:00Z, and this value is of 2026-02-04T00:00:00Z");
        (await SendAsync(ledger, Said("M1", "03", "512.500"))).ShouldBeOfType<RecordOutcome.Refused>();
        (await CountedAsync(ledger)).ShouldBe([("CP1", 2, 512_000)]);
        (await VerifyAsync(ledger)).Faults.ShouldBeEmpty();
    }

    /// <summary>As the rule itself says it, whatever a door knew when it looked for the register.</summary>
    [Fact]
    public async Task A_value_is_judged_by_the_meter_in_force_when_it_is_recorded()
    {
        foreach (var exchange in (string[])[Alike, Exchange])
        {
            await using var ledger = await LedgerAsync(exchange);
            ledger.Registers[("M1", Direction.Import)] = Import; // as it was known before the exchange
            var refused = (await ledger.TakeAsync(Said("M1", "04", "513.001"), Key)).Outcomes.ShouldHaveSingleItem()
                .ShouldBeOfType<RecordOutcome.Refused>();
            (refused.Code, refused.Detail).ShouldBe((Rejection.UnknownRegister,
                "a value of meter M1 at 2026-02-04T00:00:00Z, when register CP1/1.8.0 was counted by meter M2"));
        }
        var state = new[] { ("M1", Day1), ("M2", Day2) }.Aggregate(RegisterState.Empty, (known, meter) =>
            Register.Evolve(known, new RegisterInstalled(Import, meter.Item1, 9, 3, 1, null), meter.Item2));
        foreach (var (at, meter, counts) in ((Instant, string?, bool)[])[(Day2, "M1", false), (Day2, "M2", true),
            (Day2, null, true), (Day2 - Duration.Epsilon, "M1", true), (Day1 - Duration.Epsilon, "M1", true)])
            (Register.Decide(state, new(Import, at, 1, ReadingQuality.Measured, null, meter), Day2)
                is Decision.Accepted).ShouldBe(counts, $"{meter} at {at}");
    }

    /// <summary>Also where the move is only planned, or told before an old value comes.</summary>
    [Fact]
    public async Task A_value_of_a_meter_that_was_moved_counts_where_it_was_at_its_time()
    {
        await using var ledger = await LedgerAsync(Moved);
        foreach (var (day, kwh) in ((string, string)[])[("04", "513.000"), ("02", "512.000"), ("05", "514.000")])
            (await SendAsync(ledger, Said("M1", day, kwh))).ShouldBeOfType<RecordOutcome.Recorded>();
        (await CountedAsync(ledger)).ShouldBe([("CP2", 4, 513_000), ("CP1", 2, 512_000), ("CP2", 5, 514_000)]);
        (await VerifyAsync(ledger)).Faults.ShouldBeEmpty();
    }

    [Fact]
    public async Task An_exchange_that_is_told_after_the_old_meter_signed_is_refused_until_the_value_is_withdrawn()
    {
        await using var ledger = await LedgerAsync(Registered);
        await SendAsync(ledger, Said("M1", "04", "513.000"));
        var refused = (await SendAsync(ledger, Alike)).ShouldBeOfType<RecordOutcome.Refused>();
        refused.Code.ShouldBe(Rejection.ChangeOfBasis);
        refused.Detail.ShouldContain("2026-02-04T00:00:00Z, 513000 steps, was signed by meter M1 and not by M2");
        // The same meter once more, with another factor, is no exchange.
        (await SendAsync(ledger, Alike.Replace("M2", "M1", StringComparison.Ordinal)
            .Replace("\"decimals\":3", "\"decimals\":3,\"factor\":2", StringComparison.Ordinal)))
            .ShouldBeOfType<RecordOutcome.Recorded>();
        (await SendAsync(ledger, Withdraw(1))).ShouldBeOfType<RecordOutcome.Recorded>();
        (await SendAsync(ledger, Alike)).ShouldBeOfType<RecordOutcome.Recorded>();
        (await VerifyAsync(ledger)).Faults.ShouldBeEmpty();
    }

    /// <summary>Nobody registered the key, so the fact does not say that the meter did: the evidence does.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_value_that_counts_where_its_meter_did_not_is_found_until_it_is_withdrawn(bool wasKnown)
    {
        await using var ledger = await LedgerAsync();
        foreach (var text in (string[])[Said("M1", "02", "512.000"), Said("M1", "04", "513.000"), Alike])
            (await SendAsync(ledger, text)).ShouldBeOfType<RecordOutcome.Recorded>();
        Instant? sooner = wasKnown ? Instant.FromUtc(2026, 2, 3, 0, 0) : null;
        var fault = (await VerifyAsync(ledger, sooner)).Faults.ShouldHaveSingleItem();
        (fault.Found, fault.Expected).ShouldBe(("a value of meter M1 of 2026-02-04T00:00:00Z counts as CP1/1.8.0",
            "nowhere: another meter had taken its place"));
        await SendAsync(ledger, Withdraw(1));
        (await VerifyAsync(ledger, sooner)).Faults.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_value_of_a_meter_that_was_elsewhere_is_found_with_where_it_was()
    {
        await using var ledger = await LedgerAsync();
        await SendAsync(ledger, Said("M1", "04", "513.000"));
        await SendAsync(ledger, Moved);
        (await VerifyAsync(ledger)).Faults.ShouldHaveSingleItem().Expected
            .ShouldBe("as CP2/1.8.0, which the meter counted then");
    }

    [Fact]
    public async Task A_quarantined_value_of_a_meter_that_was_exchanged_is_not_released()
    {
        await using var ledger = await LedgerAsync();
        await SendAsync(ledger, Said("M1", "02", "512.000"));
        var held = (await SendAsync(ledger, Said("M1", "04", "400.000"))).ShouldBeOfType<RecordOutcome.Quarantined>();
        await SendAsync(ledger, Alike);
        (await ledger.Ledger.Intake.TakeFactAsync(RefusalToRelease.Text(held.Position, "staff-7", "looked at"),
            "refusal-release", IntakeLedger.Operator, new("release"), TestContext.Current.CancellationToken))
            .ShouldBeOfType<RecordOutcome.Refused>().Code.ShouldBe(Rejection.UnknownRegister);
        (await ledger.FactsAsync()).OfType<RegisterReadingCorrected>().ShouldBeEmpty();
        (await VerifyAsync(ledger)).Faults.ShouldBeEmpty();
    }

    /// <summary>Whose value it is, says evidence that lies in a month's archive: it is released where no other meter
    /// can have come in between.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_quarantined_value_whose_evidence_was_pruned_is_released_unless_the_meter_is_another_since(
        bool isExchanged)
    {
        await using var ledger = await LedgerAsync();
        await SendAsync(ledger, Said("M1", "02", "512.000"));
        var held = (await SendAsync(ledger, Said("M1", "04", "400.000"))).ShouldBeOfType<RecordOutcome.Quarantined>();
        var evidence = (await ledger.FactsAsync()).OfType<RegisterReadingQuarantined>().Single().Evidence!.Value;
        ledger.Ledger.Evidence.Prune(new Dictionary<EvidenceDigest, long> { [evidence] = 1 });
        if (isExchanged) await SendAsync(ledger, Alike);
        var outcome = await ledger.Ledger.Intake.TakeFactAsync(
            RefusalToRelease.Text(held.Position, "staff-7", "looked at"), "refusal-release", IntakeLedger.Operator,
            new("release"), TestContext.Current.CancellationToken);
        outcome.ShouldBeOfType<RecordOutcome.Refused>().Code.ShouldBe(
            isExchanged ? Rejection.EvidencePruned : Rejection.ChangeOfBasis);
    }
}
