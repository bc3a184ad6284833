using System.Buffers.Binary;
using System.Data;
using System.Text;
using Ledger.Journal;
using Npgsql;

namespace Ledger.Stores.Postgres;

/// <summary>
/// Rows on their way into a table in PostgreSQL's binary COPY format
/// (https://www.postgresql.org/docs/15/sql-copy.html, "Binary Format"): a count of fields, then of each field its
/// length and its bytes, the highest byte first. Written here, because each field that goes through the driver's own
/// importer costs more than its bytes do. Rows are sent when there are enough of them.
/// </summary>
internal sealed class BinaryCopy : IDisposable
{
    /// <summary>A buffer of the connection that has room for what is sent together: then it leaves at once, and else
    /// its length leaves before it.</summary>
    public const int BufferBytes = SentTogether + RowBytesUsual + 1024;

    private const int SentTogether = 32 * 1024; // bytes, and the row with which they are so many
    private const int RowBytesUsual = 4096;
    private const int LengthBytes = sizeof(int);
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
    private static readonly byte[] Signature = [.. "PGCOPY\n"u8, 0xff, .. "\r\n\0"u8];
    private readonly NpgsqlConnection connection;
    private readonly NpgsqlRawCopyStream stream;
    private byte[] buffer = new byte[SentTogether + RowBytesUsual];
    private int written;
    private bool isComplete;

    /// <param name="target">The table and its columns, in the order of the fields.</param>
    public BinaryCopy(NpgsqlConnection connection, string target)
    {
        this.connection = connection;
        stream = connection.BeginRawBinaryCopy($"COPY {target} FROM STDIN (FORMAT BINARY)");
        Signature.CopyTo(Take(Signature.Length));
        Take(2 * sizeof(int)).Clear(); // no flags, no extension of the header
    }

    public void StartRow(int fields)
    {
        if (written >= SentTogether) Send();
        BinaryPrimitives.WriteInt16BigEndian(Take(sizeof(short)), (short)fields);
    }

    public void Write(long value) => BinaryPrimitives.WriteInt64BigEndian(Field(sizeof(long)), value);

    /// <summary>A uuid whose bytes are those of the id.</summary>
    public void Write(EventId value) => value.CopyTo(Field(EventId.Bytes));

    public void Write(ReadOnlySpan<byte> value) => value.CopyTo(Field(value.Length));

    public void Write(string value) => Utf8.GetBytes(value, Field(Utf8.GetByteCount(value)));

    /// <summary>A <c>bigint[]</c>.</summary>
    public void Write(List<long> values)
    {
        Array(Bigint, values.Count, values.Count * (LengthBytes + sizeof(long)));
        foreach (var value in values) Write(value);
    }

    /// <summary>A <c>text[]</c> of texts in UTF-8.</summary>
    public void Write(List<ReadOnlyMemory<byte>> texts)
    {
        Array(Text, texts.Count, texts.Sum(text => LengthBytes + text.Length));
        foreach (var text in texts) Write(text.Span);
    }

    // The types' numbers in every database: src/include/catalog/pg_type.dat.
    private const int Bigint = 20, Text = 25;

    /// <summary>How an array begins; its elements are written like fields.</summary>
    private void Array(int type, int count, int bytesOfElements)
    {
        ReadOnlySpan<int> head =
        [
            1, // dimension
            0, // no element is null
            type,
            count,
            1, // the number of the first element
        ];
        BinaryPrimitives.WriteInt32BigEndian(Take(LengthBytes), (head.Length * sizeof(int)) + bytesOfElements);
        foreach (var number in head) BinaryPrimitives.WriteInt32BigEndian(Take(sizeof(int)), number);
    }

    /// <summary>Returns when the server has all rows; what is wrong with one is thrown here.</summary>
    public void Complete()
    {
        BinaryPrimitives.WriteInt16BigEndian(Take(sizeof(short)), -1);
        Send();
        isComplete = true;
        stream.Dispose();
    }

    private Span<byte> Field(int length)
    {
        BinaryPrimitives.WriteInt32BigEndian(Take(LengthBytes), length);
        return Take(length);
    }

    private Span<byte> Take(int bytes)
    {
        if (written + bytes > buffer.Length)
            System.Array.Resize(ref buffer, Math.Max(2 * buffer.Length, written + bytes));
        written += bytes;
        return buffer.AsSpan(written - bytes, bytes);
    }

    private void Send()
    {
        stream.Write(buffer, 0, written);
        stream.Flush();
        written = 0;
    }

    /// <summary>Gives up the rows that are not complete.</summary>
    public void Dispose()
    {
        if (isComplete)
        {
            stream.Dispose();
            return;
        }
        isComplete = true;
        try
        {
            stream.Cancel();
            stream.Dispose();
        }
        catch (Exception) when (connection.State != ConnectionState.Open)
        {
            // The connection is gone, and the rows with it; where it goes amid cancelling, the driver stumbles.
        }
    }
}
