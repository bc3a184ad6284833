using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Ledger.Journal;

/// <summary>
/// A statement that runs once an event: prepared once, and spoken to without a command object and its boxed parameters,
/// nor with a handle that is counted at each call. Used by one thread, and no longer than its connection.
/// </summary>
public sealed class SqliteStatement : IDisposable
{
    private const string Library = "e_sqlite3"; // that of SQLitePCLRaw.bundle_e_sqlite3, which the connection uses too
    private static readonly nint Copied = -1; // SQLITE_TRANSIENT: SQLite keeps a copy of its own
    private static readonly nint Kept = 0; // SQLITE_STATIC: they stay where they are
    private readonly sqlite3 database;
    private readonly sqlite3_stmt statement;
    private readonly nint handle;

    /// <exception cref="SqliteException">The statement does not fit the tables that are there.</exception>
    public SqliteStatement(SqliteConnection connection, string sql) : this(connection.Handle!, sql) { }

    /// <inheritdoc cref="SqliteStatement(SqliteConnection, string)"/>
    public SqliteStatement(sqlite3 database, string sql)
    {
        this.database = database;
        Check(raw.sqlite3_prepare_v2(database, sql, out statement));
        handle = statement.DangerousGetHandle();
    }

    /// <summary>Sets a parameter, of which the first is number 1.</summary>
    public void Bind(int parameter, long value) => Check(BindInt64(handle, parameter, value));

    /// <inheritdoc cref="Bind(int, long)"/>
    public void Bind(int parameter, ReadOnlySpan<byte> value) => Check(value.IsEmpty
        ? raw.sqlite3_bind_zeroblob(statement, parameter, 0) // a pointer to no bytes would be NULL
        : BindBlob(handle, parameter, in MemoryMarshal.GetReference(value), value.Length, Copied));

    /// <inheritdoc cref="Bind(int, long)"/>
    public void Bind(int parameter, string value) => Check(raw.sqlite3_bind_text(statement, parameter, value));

    /// <summary>Sets a parameter to a text that is UTF-8 already.</summary>
    public void BindText(int parameter, ReadOnlySpan<byte> value) => Check(value.IsEmpty
        ? raw.sqlite3_bind_text(statement, parameter, "")
        : BindText(handle, parameter, in MemoryMarshal.GetReference(value), value.Length, Copied));

    /// <summary>Bytes that stay where they are, and as they are, until the statement has run.</summary>
    public void BindInPlace(int parameter, nint address, int bytes) =>
        Check(BindKept(handle, parameter, address, bytes, Kept));

    /// <summary>Runs a statement that gives no row. A reset says the error that a step did not end with.</summary>
    public void Run()
    {
        if (Step(handle) is var result && result != raw.SQLITE_DONE)
        {
            Reset();
            SqliteException.ThrowExceptionForRC(result, database);
        }
        Check(ResetStatement(handle));
    }

    /// <summary>Whether there is a next row, whose columns are then read; after that the statement is reset.</summary>
    public bool IsRow()
    {
        var result = Step(handle);
        if (result is not (raw.SQLITE_ROW or raw.SQLITE_DONE)) SqliteException.ThrowExceptionForRC(result, database);
        return result == raw.SQLITE_ROW;
    }

    /// <summary>How many rows the last statement that changed any has changed.</summary>
    public int Changed => raw.sqlite3_changes(database);

    /// <summary>A column of the row, of which the first is number 0.</summary>
    public long Int64(int column) => ColumnInt64(handle, column);

    /// <summary>A text, made a string.</summary>
    public string Text(int column) => Encoding.UTF8.GetString(Blob(column));

    /// <summary>The bytes of a column, which hold until the next row or reset; of a text they are UTF-8.</summary>
    public ReadOnlySpan<byte> Blob(int column) => raw.sqlite3_column_blob(statement, column);

    /// <summary>How many bytes a column has.</summary>
    public int BytesOf(int column) => ColumnBytes(handle, column);

    /// <summary>Copies the bytes of a column, as many as <see cref="BytesOf"/> says.</summary>
    public void CopyTo(int column, byte[] into, int at, int bytes)
    {
        if (bytes > 0) Marshal.Copy(ColumnBlob(handle, column), into, at, bytes); // of no bytes there is no pointer
    }

    /// <summary>Whether a column of the row is a text, and not bytes.</summary>
    public bool IsText(int column) => raw.sqlite3_column_type(statement, column) == raw.SQLITE_TEXT;

    /// <summary>Resets the statement at its end, also where a row is not read to its end: no read holds a snapshot
    /// after it.</summary>
    public Question Asked() => new(this);

    /// <summary>A statement until its rows are read.</summary>
    public readonly ref struct Question(SqliteStatement statement)
    {
        public void Dispose() => statement.Reset();
    }

    /// <summary>Makes the statement ready to run again.</summary>
    public void Reset() => _ = ResetStatement(handle); // its error is that of the step, which was thrown

    private void Check(int result)
    {
        if (result != raw.SQLITE_OK) SqliteException.ThrowExceptionForRC(result, database);
    }

    public void Dispose() => statement.Dispose();

    [DllImport(Library, EntryPoint = "sqlite3_bind_int64"), SuppressGCTransition]
    private static extern int BindInt64(nint statement, int parameter, long value);

    [DllImport(Library, EntryPoint = "sqlite3_bind_blob")]
    private static extern int BindBlob(nint statement, int parameter, in byte value, int bytes, nint destructor);

    [DllImport(Library, EntryPoint = "sqlite3_bind_text")]
    private static extern int BindText(nint statement, int parameter, in byte value, int bytes, nint destructor);

    [DllImport(Library, EntryPoint = "sqlite3_bind_blob"), SuppressGCTransition]
    private static extern int BindKept(nint statement, int parameter, nint value, int bytes, nint destructor);

    [DllImport(Library, EntryPoint = "sqlite3_step")]
    private static extern int Step(nint statement);

    // What a step has found is asked without telling the collector: it is there, and no lock of it is anybody else's.
    [DllImport(Library, EntryPoint = "sqlite3_column_int64"), SuppressGCTransition]
    private static extern long ColumnInt64(nint statement, int column);

    [DllImport(Library, EntryPoint = "sqlite3_column_bytes"), SuppressGCTransition]
    private static extern int ColumnBytes(nint statement, int column);

    [DllImport(Library, EntryPoint = "sqlite3_column_blob"), SuppressGCTransition]
    private static extern nint ColumnBlob(nint statement, int column);

    [DllImport(Library, EntryPoint = "sqlite3_reset")]
    private static extern int ResetStatement(nint statement);
}
