namespace Ledger.Api.Tables;

/// <summary>
/// A table as a file takes it. Its rows are read as often as they are needed, each time the same, and one after
/// another, so that no form needs room for all of them.
/// </summary>
/// <param name="Rows">A value a column: null, a figure, a truth value, an instant, or a text.</param>
/// <param name="About">What is said of the whole, by name.</param>
public sealed record Table(
    IReadOnlyList<TableColumn> Columns, IEnumerable<IReadOnlyList<object?>> Rows,
    IReadOnlyDictionary<string, string> About);

/// <summary>As many tables are files as can be at once, in all or of one holder.</summary>
public sealed class TablesBusyException() : Exception("as many files as can be are made or sent");

/// <summary>A table has more than a sheet can hold.</summary>
public sealed class TableTooLongException(string name, string more)
    : Exception($"{name} has {more}: take csv or parquet");
