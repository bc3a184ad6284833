using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Cli.Demonstration;

/// <summary>What was recorded: how many facts of each kind, and from how many samples of power curves.</summary>
internal static class RecordedSection
{
    public static async Task<Section> Of(DemoOutcome outcome, IJournal journal, CancellationToken ct)
    {
        var counts = new Dictionary<string, long>();
        var (samples, gaps) = (0L, 0L);
        await foreach (var recorded in journal.ReadAllAsync(0, ct).ConfigureAwait(false))
        {
            counts[recorded.Envelope.WireName] = counts.GetValueOrDefault(recorded.Envelope.WireName) + 1;
            if (EventCodec.Decode(recorded) is not IntervalRecorded record) continue;
            samples += record.Samples;
            gaps += record.Gaps.Count;
        }
        var files = outcome.Taken.Count;
        var bytes = outcome.Taken.Sum(taken => taken.Bytes);
        var plan = outcome.Plan;
        return new Section("recorded", "What was recorded",
            [
                $"{Shown.Of(plan.Stations, "station")} of one city on {DayText(outcome)} ({plan.Zone}): " +
                $"{Shown.Count(plan.Stations * plan.Connectors)} connectors, "
                + $"{Shown.Of(plan.Stations, "storage unit")}, " +
                $"{Shown.Of(plan.Stations, "grid connection")}; power curves with a sample every {plan.StepSeconds} s. "
                + "Stations, vehicles, prices and instructions are invented.",
                $"{Shown.Of(files, "file")} were handed in, {Shown.Count(bytes / 1000)} kB. {Shown.Count(samples)} "
                + $"samples became " +
                $"{Shown.Of(counts.GetValueOrDefault("interval-recorded"), "interval record")}, " +
                $"which name {Shown.Of(gaps, "gap")}.",
            ],
            [new ReportTable(["fact", ">recorded"],
            [
                .. counts.OrderByDescending(count => count.Value).ThenBy(count => count.Key, StringComparer.Ordinal)
                    .Select(count => (string[])[count.Key.Replace('-', ' '), Shown.Count(count.Value)]),
                ["all", Shown.Count(journal.Length)],
            ])],
            []);
    }

    private static string DayText(DemoOutcome outcome) =>
        NodaTime.Text.LocalDatePattern.Iso.Format(outcome.Plan.Day);
}
