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
        string Correct(int supersedes, string rest) =>
            $$"""{"type":"register-reading-correction","point":"CP1","direction":"import","readAt":"2026-02-04T00:00:00Z","supersedes":{{supersedes}},{{rest}},"reason":"another meter"}""";
        foreach (var input in (string[])[Correct(1, "\"indexSteps\":0,\"quality\":\"missing\""), Exchange,
            Correct(2, "\"indexSteps\":507")])
            (await ledger.TakeAsync(input)).Outcomes.ShouldHaveSingleItem().ShouldBeOfType<RecordOutcome.Recorded>();
    }
}
