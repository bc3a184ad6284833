using System.Buffers;
using System.Globalization;
using Ledger.Api.Access;

namespace Ledger.Api.Tables;

/// <summary>The table of an answer: its columns, and the JSON of its rows as often as they are asked for.</summary>
public sealed record AnsweredTable(
    string Name, IReadOnlyList<TableColumn> Columns, Func<IEnumerable<ReadOnlyMemory<byte>>> Rows)
{
    /// <summary>As CSV, or as lines.</summary>
    public void WriteText(TableForm form, IBufferWriter<byte> into)
    {
        var text = new TableText(Columns);
        if (form == TableForm.Csv) text.WriteHead(into);
        foreach (var row in Rows())
            if (form == TableForm.Csv) text.WriteRow(into, row.Span);
            else TableText.WriteLine(into, row.Span);
    }

    /// <summary>As a file that is made whole. Throws <see cref="TablesBusyException"/> where as many are there as can
    /// be.</summary>
    public Task<PlacedFile> ToFileAsync(HttpContext context, TableForm form, long? position) =>
        context.RequestServices.GetRequiredService<TablePlaces>()
            .MakeAsync(HolderOf(context), () => MakeAsync(context, form, position));

    private static string? HolderOf(HttpContext context) =>
        context.Features.Get<Asker>()?.Principal is { Role: not null } who ? $"{who.Party} {who.Actor}" : null;

    private async Task<FileStream> MakeAsync(HttpContext context, TableForm form, long? position)
    {
        // A file has a column, also of a table whose rows alone would say which, and that has none.
        var table = new Table(Columns.Count == 0 ? [new("none", CellKind.Text)] : Columns, Values(),
            About(context, position));
        var file = TableFile.Temporary();
        try
        {
            if (form == TableForm.Parquet)
                await ParquetFile.WriteAsync(table, file, context.RequestAborted).ConfigureAwait(false);
            else
                SpreadsheetFile.Write(file, [(Name, table), ("about", AboutAsTable(table))]);
            file.Position = 0;
            return file;
        }
        catch
        {
            await file.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private IEnumerable<IReadOnlyList<object?>> Values()
    {
        var cells = new RowCells(Columns);
        foreach (var row in Rows())
        {
            cells.Read(row.Span);
            yield return cells.Values();
        }
    }

    /// <summary>What was asked, and as of what it was answered.</summary>
    private static Dictionary<string, string> About(HttpContext context, long? position)
    {
        var ledger = context.RequestServices.GetRequiredService<OpenLedger>();
        return new(StringComparer.Ordinal)
        {
            ["ledger"] = ledger.Journal.Ledger.Value,
            ["question"] = $"{context.Request.Path}{context.Request.QueryString}",
            ["asOf"] = position?.ToString(CultureInfo.InvariantCulture) ?? "",
            ["checkpoint"] = context.Response.Headers[Representation.CheckpointHeader].ToString(),
        };
    }

    private static Table AboutAsTable(Table table) => new(
        [new("name", CellKind.Text), new("value", CellKind.Text)],
        [.. table.About.Select(each => (IReadOnlyList<object?>)[each.Key, each.Value])],
        new Dictionary<string, string>());
}
