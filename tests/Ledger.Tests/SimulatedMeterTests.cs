using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Simulation;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

public sealed class SimulatedMeterTests
{
    private static readonly StreamPlan Plan = new(11, 40, 10, 180, Instant.FromUtc(2026, 6, 2, 8, 0));

    [Fact]
    public void A_sessions_signed_value_is_read_verified_and_says_what_flowed()
    {
        var fleet = new StreamFleet(Plan);
        var (sessions, discharged) = (0, 0);
        for (var connector = 0; connector < Plan.Connectors; connector++)
        {
            var truth = new StreamTruth(fleet.Stream(connector));
            var meter = new SimulatedMeter(truth);
            foreach (var session in meter.SessionsEnded())
            {
                Ocmf.Read(meter.SignedValue(session), meter.PublicKey, out var value).ShouldBeNull();
                (value!.Signature, value.Conform, value.Plausible).ShouldBe((SignatureVerdict.Valid, true, true));
                value.Serial.ShouldBe(meter.Serial);
                var readings = value.Readings;
                readings.Select(reading => Ocmf.DirectionOf(reading.Obis)).ShouldBe(
                    [Direction.Import, Direction.Export, Direction.Import, Direction.Export]);
                var flowed = truth.Of(new Interval(readings[0].At, readings[2].At));
                Counts(readings[0], readings[2], flowed.Import);
                Counts(readings[1], readings[3], flowed.Export);
                sessions++;
                if (session.Discharges) discharged++;
                (flowed.Export > Energy.Zero).ShouldBe(session.Discharges);
            }
        }
        (sessions, discharged).ShouldBe((133, 24));
    }

    /// <summary>A register counts whole watt-hours: a difference lies less than one from the energy.</summary>
    private static void Counts(OcmfReading begin, OcmfReading end, Energy flowed)
    {
        Ocmf.TryValue(begin, out var from).ShouldBeTrue();
        Ocmf.TryValue(end, out var to).ShouldBeTrue();
        var difference = Energy.FromWattHours((long)((to - from) * 1000)) - flowed;
        difference.ShouldBeLessThan(Energy.FromWattHours(1));
        difference.ShouldBeGreaterThan(Energy.FromWattHours(-1));
    }

    [Fact]
    public void A_signed_value_that_was_changed_is_no_longer_the_meters()
    {
        var meter = new SimulatedMeter(new StreamTruth(new StreamFleet(Plan).Stream(3)));
        var text = meter.SignedValue(meter.SessionsEnded().First());
        Ocmf.Read(text.Replace("\"TX\":\"B\"", "\"TX\":\"C\"", StringComparison.Ordinal), meter.PublicKey,
            out var changed);
        changed!.Signature.ShouldBe(SignatureVerdict.Invalid);
        var other = new SimulatedMeter(new StreamTruth(new StreamFleet(Plan).Stream(4)));
        Ocmf.Read(text, other.PublicKey, out var foreign);
        foreign!.Signature.ShouldBe(SignatureVerdict.Invalid);
    }

    [Fact]
    public void Registers_never_run_backwards_and_a_session_begins_where_the_one_before_ended()
    {
        var meter = new SimulatedMeter(new StreamTruth(new StreamFleet(Plan).Stream(5)));
        RegisterIndices? before = null;
        foreach (var session in meter.SessionsEnded())
        {
            var (begin, end) = (meter.At(session.StartIndex), meter.At(session.StopIndex));
            if (before is { } last)
                (begin.ImportWattHours, begin.ExportWattHours).ShouldBe((last.ImportWattHours, last.ExportWattHours));
            end.ImportWattHours.ShouldBeGreaterThan(begin.ImportWattHours);
            before = end;
        }
        before.ShouldNotBeNull();
    }
}
