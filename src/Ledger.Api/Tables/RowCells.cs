using System.Globalization;
using System.Text;
using System.Text.Json;
using Ledger.Domain;
using NodaTime.Text;

namespace Ledger.Api.Tables;

/// <summary>The JSON of one row after another, taken apart into the texts of its columns; what no column names is left
/// out.</summary>
internal sealed class RowCells
{
    private sealed class Node(byte[] name)
    {
        public byte[] Name => name;
        public int Column { get; set; } = None;
        public List<Node> Parts { get; } = [];
    }

    private const int None = -1;
    private readonly IReadOnlyList<TableColumn> columns;
    private readonly Node root = new([]);
    private readonly (int Start, int Length)[] places;
    private byte[] texts = new byte[1024];
    private int used;

    public RowCells(IReadOnlyList<TableColumn> columns)
    {
        (this.columns, places) = (columns, new (int, int)[columns.Count]);
        for (var i = 0; i < columns.Count; i++)
        {
            var node = root;
            foreach (var name in columns[i].Name.Split('.'))
            {
                var bytes = Encoding.UTF8.GetBytes(name);
                var next = node.Parts.Find(part => part.Name.AsSpan().SequenceEqual(bytes));
                if (next is null) node.Parts.Add(next = new(bytes));
                node = next;
            }
            node.Column = i;
        }
    }

    /// <summary>The text of a column; empty where the row has no value in it.</summary>
    public ReadOnlySpan<byte> this[int column] =>
        places[column] is (var start, >= 0 and var length) ? texts.AsSpan(start, length) : [];

    public void Read(ReadOnlySpan<byte> json)
    {
        Array.Fill(places, (0, None));
        used = 0;
        if (texts.Length < json.Length) texts = new byte[2 * json.Length]; // no text is longer than its JSON
        var reader = new Utf8JsonReader(json);
        reader.Read();
        ReadObject(ref reader, root, json);
    }

    /// <summary>The values, each as its column has them; one that is not what the column says is its text.</summary>
    public object?[] Values()
    {
        var values = new object?[columns.Count];
        for (var i = 0; i < values.Length; i++)
            if (places[i].Length >= 0) values[i] = Value(columns[i].Kind, this[i]);
        return values;
    }

    private static object Value(CellKind? kind, ReadOnlySpan<byte> text) => kind switch
    {
        CellKind.Integer when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture,
            out var integer) => integer,
        > CellKind.Integer when decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint,
            CultureInfo.InvariantCulture, out var number) && IsExact(number, text) =>
            kind == CellKind.Money ? new Money(number) : (object)number,
        CellKind.TruthValue when text is [(byte)'t', ..] => true,
        CellKind.TruthValue when text is [(byte)'f', ..] => false,
        CellKind.Instant when InstantPattern.ExtendedIso.Parse(Encoding.UTF8.GetString(text))
            .TryGetValue(default, out var at) => at,
        _ => Encoding.UTF8.GetString(text),
    };

    /// <summary>A decimal has 28 digits for sure, and an energy may have more.</summary>
    private static bool IsExact(decimal number, ReadOnlySpan<byte> text) =>
        text.Length <= 28 || TableCell.Exact(number) == Encoding.UTF8.GetString(text);

    // The members of a row come in the order of the columns, so the next name is nearly always the one looked for.
    private void ReadObject(ref Utf8JsonReader reader, Node node, ReadOnlySpan<byte> json)
    {
        var expected = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            Node? part = null;
            for (var i = 0; i < node.Parts.Count && part is null; i++)
            {
                var at = (expected + i) % node.Parts.Count;
                if (!reader.ValueTextEquals(node.Parts[at].Name)) continue;
                (part, expected) = (node.Parts[at], at + 1);
            }
            reader.Read();
            if (part is null) reader.Skip();
            else if (reader.TokenType == JsonTokenType.StartObject && part.Parts.Count > 0)
                ReadObject(ref reader, part, json);
            else if (part.Column >= 0 && reader.TokenType != JsonTokenType.Null)
                ReadValue(ref reader, part.Column, json);
            else
                reader.Skip();
        }
    }

    private void ReadValue(ref Utf8JsonReader reader, int column, ReadOnlySpan<byte> json)
    {
        var start = used;
        if (reader.TokenType == JsonTokenType.String)
        {
            used += reader.CopyString(texts.AsSpan(used));
        }
        else
        {
            var from = (int)reader.TokenStartIndex;
            reader.Skip();
            var text = json[from..(int)reader.BytesConsumed];
            text.CopyTo(texts.AsSpan(used));
            used += text.Length;
        }
        places[column] = (start, used - start);
    }
}
