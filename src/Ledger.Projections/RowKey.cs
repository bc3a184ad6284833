using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// The key of a row: ASCII, ordered by byte. Most rows are of a series, whose keys differ in an instant, such as the
/// readings of a register: a fold finds them by the instant, and the text is made when a store asks for it. Whoever
/// names rows by an instant always does, and never by their text.
/// </summary>
public readonly record struct RowKey
{
    /// <summary>A key that is its text.</summary>
    public RowKey(RowName name) => Name = name;

    /// <summary>The key of a series at an instant.</summary>
    /// <param name="name">What the texts of all keys of the series begin with.</param>
    /// <param name="rest">What stands behind the instant, where one instant has several rows; empty, or from a
    /// separator on.</param>
    public RowKey(RowName name, Instant at, string rest = "") => (Name, At, this.rest) = (name, at, rest);

    // In the order in which they are compared: keys of one fact differ in their instant or in their series.
    public Instant At { get; }
    /// <summary>Of the series, or of the row where it is of none.</summary>
    public RowName Name { get; }
    private readonly string? rest; // null of a key that is no more than its text

    /// <summary>The name of the series; the text of a key that is of none.</summary>
    public string Series => Name.Text;
    public string Rest => rest ?? "";
    public bool IsOfSeries => rest is not null;

    public static implicit operator RowKey(string text) => new(new RowName(text));

    public bool Equals(RowKey other) => At == other.At && Name.Equals(other.Name) && rest == other.rest;
    public override int GetHashCode() => HashCode.Combine(At, Name, rest);

    /// <summary>Reads a key of a series back from its text.</summary>
    public static RowKey Of(string series, string text)
    {
        var at = text.AsSpan(series.Length);
        // Before the year 1 a text is longer by its sign.
        var length = UtcText.LengthOf(RowJson.Decimals) + (at[0] == '-' ? 1 : 0);
        return new(series, RowJson.Instant(at[..length].ToString()), at[length..].ToString());
    }

    /// <summary>The text as UTF-8.</summary>
    internal void Write(TextBuffer into)
    {
        into.Write(Series.AsSpan());
        if (!IsOfSeries) return;
        RowWriter.WriteKey(At, into);
        into.Write(rest.AsSpan());
    }

    public override string ToString() => IsOfSeries ? string.Concat(Series, RowJson.Key(At), rest) : Series;
}
