using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Ledger.Ingest;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What the intake counts, as a host that exports it sees it.</summary>
public sealed class IntakeTelemetryTests
{
    [Fact]
    public async Task Samples_late_ones_and_refusals_by_rule_are_counted()
    {
        // Other tests count too, so what is asked is that at least these are among it.
        var counted = new ConcurrentDictionary<string, long>(StringComparer.Ordinal);
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listening) =>
            {
                if (instrument.Meter.Name == IntakeTelemetry.Name) listening.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            var name = instrument.Name;
            foreach (var tag in tags) name += $" {tag.Value}";
            counted.AddOrUpdate(name, value, (_, before) => before + value);
        });
        listener.Start();
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(IntakeLedger.Connector);
        ledger.Clock.Now = Instant.FromUtc(2026, 2, 2, 1, 0);
        await ledger.TakeAsync("point,time,kw\nCP1,2026-02-02T00:00:00Z,1\nCP1,2026-02-02T00:00:01Z,2\nCP1,2026-02-02T00:15:00Z,2\n");
        counted.GetValueOrDefault("ledger.intake.samples").ShouldBeGreaterThanOrEqualTo(3);
        var late = counted.GetValueOrDefault("ledger.intake.late");
        await ledger.TakeAsync("point,time,kw\nCP1,2026-02-02T00:00:02Z,1\nCP1,2026-02-02T00:00:03Z,2\n");
        (counted.GetValueOrDefault("ledger.intake.late") - late).ShouldBeGreaterThanOrEqualTo(2);
        await ledger.TakeAsync("point,time,kw\nCP1,2026-02-02T00:00:00Z,nothing\n");
        counted.GetValueOrDefault("ledger.intake.refused NotANumber refused").ShouldBeGreaterThanOrEqualTo(1);
    }
}
