using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Projections;

/// <summary>Rows of runs, and of what was said of them, with the decimals to which their statements are rounded: those
/// of the tariff that each run names. Rows are kept without zeros at their end, as facts are.</summary>
public sealed class MoneyDecimals(
    IJournal journal, IReadOnlyList<TimeOfUseSettlement.RunRow> runs, CancellationToken ct)
{
    private readonly Dictionary<(string Tariff, int Version), int> known = [];

    public async Task<IReadOnlyList<TimeOfUseSettlement.RunRow>> OfAsync(IEnumerable<TimeOfUseSettlement.RunRow> rows)
    {
        var shown = new List<TimeOfUseSettlement.RunRow>();
        foreach (var row in rows) shown.Add(row.With(await OfAsync(row).ConfigureAwait(false)));
        return shown;
    }

    public async Task<IReadOnlyList<TimeOfUseSettlement.DeltasRow>> OfAsync(
        IEnumerable<TimeOfUseSettlement.DeltasRow> rows)
    {
        var shown = new List<TimeOfUseSettlement.DeltasRow>();
        foreach (var row in rows)
            shown.Add(row with
            {
                Total = Money.With(await OfAsync(row.Corrects, row.Account, row.Day).ConfigureAwait(false), row.Total),
            });
        return shown;
    }

    public async Task<IReadOnlyList<TimeOfUseSettlement.PublicationRow>> OfAsync(
        IEnumerable<TimeOfUseSettlement.PublicationRow> rows)
    {
        var shown = new List<TimeOfUseSettlement.PublicationRow>();
        foreach (var row in rows)
            shown.Add(row.FlexibilityTotal is not { } total ? row : row with
            {
                FlexibilityTotal = Money.With(
                    await OfAsync(row.Run, row.Account, row.Day).ConfigureAwait(false), total),
            });
        return shown;
    }

    /// <summary>A month may have runs by several tariffs: it has the decimals of the finest.</summary>
    public async Task<IReadOnlyList<TimeOfUseSettlement.MonthRow>> OfAsync(
        IEnumerable<TimeOfUseSettlement.MonthRow> rows)
    {
        var shown = new List<TimeOfUseSettlement.MonthRow>();
        foreach (var row in rows)
        {
            var decimals = 0;
            foreach (var run in runs.Where(run => run.Account == row.Account && run.Day[..7] == row.Month[..7]))
                decimals = Math.Max(decimals, await OfAsync(run).ConfigureAwait(false));
            shown.Add(row with { Total = Money.With(decimals, row.Total) });
        }
        return shown;
    }

    /// <summary>What is at stake of a run.</summary>
    public async Task<IReadOnlyList<TimeOfUseSettlement.DisputeRow>> OfAsync(
        IEnumerable<TimeOfUseSettlement.DisputeRow> rows)
    {
        var shown = new List<TimeOfUseSettlement.DisputeRow>();
        foreach (var row in rows)
            shown.Add(row with
            {
                Amount = Money.With(await OfAsync(row.Run, row.Account, row.Day).ConfigureAwait(false), row.Amount),
            });
        return shown;
    }

    private async Task<int> OfAsync(string name, string account, string day) =>
        runs.FirstOrDefault(run => (run.Run, run.Account, run.Day) == (name, account, day)) is { } found
            ? await OfAsync(found).ConfigureAwait(false) : 0;

    private async Task<int> OfAsync(TimeOfUseSettlement.RunRow run)
    {
        if (known.TryGetValue((run.Tariff, run.TariffVersion), out var before)) return before;
        var decimals = 0;
        await foreach (var recorded in journal.ReadStreamAsync(Streams.Tariff(new(run.Tariff)), 0, ct)
            .ConfigureAwait(false))
            if (EventCodec.Decode(recorded) is TariffPublished tariff && tariff.Version == run.TariffVersion)
                decimals = tariff.MoneyDecimals;
        return known[(run.Tariff, run.TariffVersion)] = decimals;
    }
}
