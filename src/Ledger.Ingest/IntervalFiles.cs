using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Ingest;

/// <summary>
/// NEM12 files: interval readings, handed in per register and UTC day. A channel that makes none is kept as evidence
/// under a note that names it.
/// </summary>
internal static class IntervalFiles
{
    public static async Task TakeAsync(IntakeRun run, Submission file, string text)
    {
        if (Nem12.Read(text, out var channels) is { } refused)
        {
            await run.RefuseAsync(file.Source, refused, file).ConfigureAwait(false);
            return;
        }
        var evidence = run.Archive(file);
        foreach (var channel in channels)
        {
            var what = $"{file.Source}: {channel.Nmi} {channel.Suffix}";
            if (Nem12Readings.KeptOnly(channel) is { } note)
                await run.KeepAsync(what, note, file).ConfigureAwait(false);
            else
                foreach (var day in Nem12Readings.Of(channel, evidence)
                    .GroupBy(reading => reading.Period.Start.InUtc().Date))
                    await run.SendAsync($"{what} {LocalDatePattern.Iso.Format(day.Key)}",
                        new FactInput.Of<IntervalReadingBatch>(Batch(day.Key, [.. day])), file).ConfigureAwait(false);
        }
    }

    private static IntervalReadingBatch Batch(LocalDate utcDay, IReadOnlyList<IntervalReadingRecorded> readings) =>
        new(readings[0].Register, utcDay, readings);
}
