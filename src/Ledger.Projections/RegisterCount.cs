using Ledger.Domain;
using NodaTime;
using static Ledger.Projections.VerifiedExport;

namespace Ledger.Projections;

/// <summary>What a register counted over a stretch of time, and one step of it; or why it gives no amount.</summary>
/// <param name="Step">The smallest energy that it shows, factor applied.</param>
internal readonly record struct RegisterCount(Energy? Amount, Energy? Step, string? Problem)
{
    /// <summary>Of a day whose edges were not both read.</summary>
    public static readonly RegisterCount NotRead = Nothing("no register reading at both edges of the day");

    private static RegisterCount Nothing(string? problem) => new(null, null, problem);

    /// <summary>From edge to edge, reading by reading; null where one of the edges has no reading.</summary>
    public static RegisterCount? Of(ChangedRows rows, RegisterKeys register, Interval edges)
    {
        // Most that ask come before the end is read.
        if (rows.Get<ReadingRow>(register.Reading(edges.End)) is null) return null;
        var readings = rows.Between<ReadingRow>(register.Readings, edges.Start, edges.End);
        if (readings.Count == 0 || readings[0].ReadAt != edges.Start) return null;
        var installed = rows.Between<RegisterRow>(register.Installed, Instant.MinValue, edges.End - Duration.Epsilon);
        if (installed.Count == 0 || installed[0].ValidFrom > edges.Start) return Nothing("no register is installed");
        var meter = installed[installed.Count - 1];
        if (meter.ValidFrom > edges.Start) return Nothing($"meter {meter.MeterSerial} was installed during the day");
        return ProblemOf(readings, edges) ?? Sum(readings, meter);
    }

    // A reading that is missing was taken back: it is as if it had never come.
    private static bool Counts(ReadingRow reading) => reading.Quality != ReadingQuality.Missing;

    private static RegisterCount? ProblemOf(SeriesRows<ReadingRow> readings, Interval edges)
    {
        ReadingRow? first = null, last = null, doubtful = null;
        for (var i = 0; i < readings.Count; i++)
        {
            if (readings[i] is not { } reading || !Counts(reading)) continue;
            first ??= reading;
            last = reading;
            if (reading.Quality == ReadingQuality.Suspect) doubtful ??= reading;
        }
        if (last is null || ReferenceEquals(first, last) || first!.ReadAt != edges.Start || last.ReadAt != edges.End)
            return NotRead;
        return doubtful is null ? null : Nothing($"the reading of {doubtful.ReadAt} is suspect");
    }

    private static RegisterCount Sum(SeriesRows<ReadingRow> readings, RegisterRow meter)
    {
        var scale = new RegisterScale(meter.Digits, meter.Decimals, meter.Factor, meter.ModulusSteps);
        var (sum, before) = (Energy.Zero, (ReadingRow?)null);
        for (var i = 0; i < readings.Count; i++)
        {
            var reading = readings[i];
            if (!Counts(reading)) continue;
            if (before is not null)
            {
                var part = Domain.Register.Difference(scale, before.IndexSteps, reading.IndexSteps);
                if (part.Delta is not { } delta) return Nothing(part.Detail);
                sum += delta;
            }
            before = reading;
        }
        return new(sum, scale.Step, null);
    }
}
