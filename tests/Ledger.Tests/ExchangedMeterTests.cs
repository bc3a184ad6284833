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

    private static async Task<Findings> VerifyAsync(IntakeLedger ledger)
    {
        var findings = new Findings();
        var verification = new ReadingVerification(ledger.Ledger.Evidence.Get, findings);
        foreach (var recorded in await TestFolder.AllAsync(ledger.Ledger.Journal))
            verification.Verify(recorded.Position, recorded.Envelope.Stream, EventCodec.Decode(recorded));
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
}
