using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
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
        foreach (var channel in channels)
        {
            var what = $"{file.Source}: {channel.Nmi} {channel.Suffix}";
            if (Nem12Readings.KeptOnly(channel) is { } note)
                await run.KeepAsync(what, note, file).ConfigureAwait(false);
            else
                foreach (var day in Nem12Readings.Of(channel, null)
                    .GroupBy(reading => (Day: reading.Period.Start.InUtc().Date, reading.Register)))
                    await run.SendAsync($"{what} {LocalDatePattern.Iso.Format(day.Key.Day)}",
                        evidence => new FactInput.Of<IntervalReadingBatch>(new(day.Key.Register, day.Key.Day,
                            [.. day.Select(reading => reading with { Evidence = evidence })])),
                        file, file, day.Key.Register.Point).ConfigureAwait(false);
        }
    }
}
