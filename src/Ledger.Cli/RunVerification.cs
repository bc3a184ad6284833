using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime.TimeZones;

namespace Ledger.Cli;

/// <summary>What was said of a run after it was calculated, derived again: its double entries, its deltas, and what its
/// publication pins.</summary>
internal static class RunVerification
{
    /// <summary>Each thing that is not as it was recorded, in words.</summary>
    public static async Task<IReadOnlyList<string>> FaultsAsync(IJournal journal, IViewStore views,
        TimeOfUseSettlement.RunRow run, Statement statement, CancellationToken ct)
    {
        var faults = new List<string>();
        if (DoubleEntry.NotConserved(statement, DoubleEntry.Of(statement, isPublished: false)) is { } lost)
            faults.Add(lost);
        faults.AddRange(await ChargeFaultsAsync(journal, views, run, statement, ct).ConfigureAwait(false));
        if (await StatementCorrections.CheckAsync(journal, views, run, statement, long.MaxValue, ct)
            .ConfigureAwait(false) is { } corrected)
        {
            faults.AddRange(corrected.Deltas.Where(deltas => deltas.Differs is not null)
                .Select(deltas => $"{deltas.Booked.Run}: {deltas.Differs}"));
            if (corrected.Unlike is { } unlike) faults.Add(unlike);
        }
        foreach (var said in new Answers(views).Publications().Where(row => row.IsOf(run)))
            if (await Publications.DraftAsync(journal, views, new(run.Run), new(run.Account), RowJson.Day(run.Day),
                said.PublishedBy, ct).ConfigureAwait(false) is not { Publication: var again }
                || (again.CalculatedBy, again.RunDigest.Hex, again.TariffDigest.Hex, again.Completeness,
                    again.Flexibility?.LinesRoot.Hex) != (said.CalculatedBy, said.RunDigest, said.TariffDigest,
                    said.Completeness, said.FlexibilityRoot))
                faults.Add($"the publication at position {said.Position} pins what does not come out again");
        return faults;
    }

    /// <summary>Whether it says that facts, which are in the log, do not fit together: then that is what is wrong with
    /// them.</summary>
    public static bool IsOfFacts(Exception wrong) => wrong is ProjectionStoppedException or InvalidOperationException
        or InvalidCastException or ArgumentException or OverflowException or DateTimeZoneNotFoundException;

    /// <summary>What runs say of time-zone rules that are not those here, by which nobody can calculate.</summary>
    /// <param name="versions">Of each run and each correction.</param>
    public static IEnumerable<string> OtherTimeZones(IEnumerable<string> versions) => versions
        .Where(version => version != SettlementCalendar.TzdbVersion).CountBy(version => version)
        .OrderBy(version => version.Key, StringComparer.Ordinal).Select(version => string.Create(
            CultureInfo.InvariantCulture, $"whether {version.Value} runs were calculated by the time-zone rules "
                + $"{version.Key}, as they say: here they are {SettlementCalendar.TzdbVersion}"));

    /// <summary>Each charge that its month does not give, and each line of flexibility that its call does not give,
    /// by the second arithmetic.</summary>
    public static async Task<IReadOnlyList<string>> ChargeFaultsAsync(IJournal journal, IViewStore views,
        TimeOfUseSettlement.RunRow run, Statement statement, CancellationToken ct) =>
        statement.Charges.Count + statement.Flexibility.Count == 0
            || await ExplainedRun.OfAsync(journal, views, run, ct).ConfigureAwait(false) is not { } explained ? []
        : [.. explained.Charges().Select(charge => (Amount: charge, By: "its month"))
            .Concat(explained.Flexibilities().Select(line => (Amount: line, By: "its call")))
            .Where(each => !each.Amount.Holds).Select(each =>
            each.Amount.All().First(value => value.Says != value.Follows) is var wrong && wrong == each.Amount
                ? $"{wrong.Name}: {wrong.Says}, and {wrong.Follows} by {each.By}"
                : $"{each.Amount.Name}: {wrong.Name} {wrong.Says}, and {wrong.Follows} by {each.By}")];
}
