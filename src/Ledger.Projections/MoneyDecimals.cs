using Ledger.Domain;
using Ledger.Journal;

namespace Ledger.Projections;

/// <summary>Rows of runs, and of what was said of them, with the decimals to which their statements are rounded: those
/// of the tariff that each run names. Rows are kept without zeros at their end, as facts are.</summary>
public sealed class MoneyDecimals(
    IJournal journal, IReadOnlyList<TimeOfUseSettlement.RunRow> runs, CancellationToken ct)
{
    private readonly Dictionary<(string Tariff, int Version), int> known = [];

    public Task<IReadOnlyList<TimeOfUseSettlement.RunRow>> OfAsync(IEnumerable<TimeOfUseSettlement.RunRow> rows) =>
        EachAsync(rows, OfAsync, (row, decimals) => row.With(decimals));

    public Task<IReadOnlyList<TimeOfUseSettlement.DeltasRow>> OfAsync(
        IEnumerable<TimeOfUseSettlement.DeltasRow> rows) =>
        EachAsync(rows, row => OfAsync(row.Corrects, row.Account, row.Day),
            (row, decimals) => row with { Total = Money.With(decimals, row.Total) });

    public Task<IReadOnlyList<TimeOfUseSettlement.PublicationRow>> OfAsync(
        IEnumerable<TimeOfUseSettlement.PublicationRow> rows) =>
        EachAsync(rows, row => OfAsync(row.Run, row.Account, row.Day), (row, decimals) => row with
        {
            FlexibilityTotal = row.FlexibilityTotal is { } total ? Money.With(decimals, total) : null,
        });

    public Task<IReadOnlyList<TimeOfUseSettlement.MonthRow>> OfAsync(IEnumerable<TimeOfUseSettlement.MonthRow> rows) =>
        EachAsync(rows, OfAsync, (row, decimals) => row with { Total = Money.With(decimals, row.Total) });

    /// <summary>What is at stake of a run.</summary>
    public Task<IReadOnlyList<TimeOfUseSettlement.DisputeRow>> OfAsync(
        IEnumerable<TimeOfUseSettlement.DisputeRow> rows) =>
        EachAsync(rows, row => OfAsync(row.Run, row.Account, row.Day),
            (row, decimals) => row with { Amount = Money.With(decimals, row.Amount) });

    private static async Task<IReadOnlyList<TRow>> EachAsync<TRow>(
        IEnumerable<TRow> rows, Func<TRow, Task<int>> decimalsOf, Func<TRow, int, TRow> with)
    {
        var shown = new List<TRow>();
        foreach (var row in rows) shown.Add(with(row, await decimalsOf(row).ConfigureAwait(false)));
        return shown;
    }

    /// <summary>A month may have runs by several tariffs: it has the decimals of the finest.</summary>
    private async Task<int> OfAsync(TimeOfUseSettlement.MonthRow month)
    {
        var decimals = 0;
        foreach (var run in runs.Where(run => run.Account == month.Account && run.Day[..7] == month.Month[..7]))
            decimals = Math.Max(decimals, await OfAsync(run).ConfigureAwait(false));
        return decimals;
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
