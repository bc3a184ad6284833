using Ledger.Api.Tables;
using NodaTime;
using Parquet;
using Parquet.Schema;

namespace Ledger.Tests;

/// <summary>The rows of a Parquet file as texts by column; what is null is empty.</summary>
internal static class ParquetRows
{
    public static async Task<List<Dictionary<string, string>>> ReadAsync(ParquetReader reader)
    {
        var rows = new List<Dictionary<string, string>>();
        for (var i = 0; i < reader.RowGroupCount; i++)
        {
            using var group = reader.OpenRowGroupReader(i);
            var from = rows.Count;
            for (var row = 0; row < group.RowCount; row++) rows.Add([]);
            foreach (var field in reader.Schema.DataFields)
            {
                var texts = await TextsAsync(group, field, (int)group.RowCount);
                for (var row = 0; row < texts.Length; row++) rows[from + row][field.Name] = texts[row];
            }
        }
        return rows;
    }

    /// <summary>The columns of a file, each with its type.</summary>
    public static async Task<List<string>> TypesAsync(byte[] file)
    {
        using var stream = new MemoryStream(file);
        await using var reader = await ParquetReader.CreateAsync(
            stream, cancellationToken: TestContext.Current.CancellationToken);
        return [.. reader.Schema.DataFields.Select(field => $"{field.Name} " + field switch
        {
            DecimalDataField number => $"DECIMAL({number.Precision},{number.Scale})",
            _ when field.ClrType == typeof(ReadOnlyMemory<char>) => "text",
            _ => field.ClrType.Name,
        })];
    }

    private static Task<string[]> TextsAsync(ParquetRowGroupReader group, DataField field, int rows)
    {
        var type = field.ClrType;
        return type == typeof(decimal) ? TextsAsync<decimal>(group, field, rows, number => TableCell.Exact(number))
            : type == typeof(int) ? TextsAsync<int>(group, field, rows, number => TableCell.Exact(number))
            : type == typeof(long) ? TextsAsync<long>(group, field, rows, number => TableCell.Exact(number))
            : type == typeof(bool) ? TextsAsync<bool>(group, field, rows, yes => TableCell.Exact(yes))
            : type == typeof(DateTime) ? TextsAsync<DateTime>(group, field, rows,
                at => TableCell.Exact(Instant.FromDateTimeUtc(DateTime.SpecifyKind(at, DateTimeKind.Utc))))
            : StringsAsync(group, field, rows);
    }

    private static async Task<string[]> TextsAsync<T>(
        ParquetRowGroupReader group, DataField field, int rows, Func<T, string> text) where T : struct
    {
        var values = new T?[rows];
        await group.ReadAsync<T>(field, values.AsMemory(), cancellationToken: TestContext.Current.CancellationToken);
        return [.. values.Select(value => value is { } there ? text(there) : "")];
    }

    private static async Task<string[]> StringsAsync(ParquetRowGroupReader group, DataField field, int rows)
    {
        var values = new string?[rows];
        await group.ReadAsync(field, values.AsMemory(), cancellationToken: TestContext.Current.CancellationToken);
        return [.. values.Select(value => value ?? "")];
    }
}
