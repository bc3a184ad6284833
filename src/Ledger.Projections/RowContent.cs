namespace Ledger.Projections;

/// <summary>
/// What a row says: as a fold made it, or the JSON as which it is stored. The JSON of what a fold made is written when
/// somebody asks, and each time: nobody keeps both.
/// </summary>
public readonly struct RowContent : IEquatable<RowContent>
{
    private readonly object? content; // a text is JSON: no fold makes a row that is a text

    private RowContent(object? content) => this.content = content;

    /// <summary>What a fold made; null where the row ends.</summary>
    public static RowContent Of(object? row) => new(row);

    public static implicit operator RowContent(string? json) => new(json);

    /// <summary>Whether the row ends.</summary>
    public bool IsNone => content is null;

    /// <summary>Null where the row ends.</summary>
    public string? Json => content is null ? null : content as string ?? RowJson.Write(content);

    /// <summary>The JSON as UTF-8; nothing where the row ends.</summary>
    public void Write(TextBuffer into)
    {
        if (content is string json) into.Write(json.AsSpan());
        else if (content is not null) RowWriter.Write(content, into);
    }

    /// <summary>Whether the JSON is the same.</summary>
    public bool Equals(RowContent other) =>
        content is null || other.content is null ? IsNone == other.IsNone
            : content is string || other.content is string ? Json == other.Json
            : RowEquality.IsSame(content, other.content);

    public override bool Equals(object? other) => other is RowContent row && Equals(row);
    public override int GetHashCode() => Json?.GetHashCode(StringComparison.Ordinal) ?? 0;
    public override string ToString() => Json ?? "";
    public static bool operator ==(RowContent one, RowContent other) => one.Equals(other);
    public static bool operator !=(RowContent one, RowContent other) => !one.Equals(other);
}
