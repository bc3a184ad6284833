namespace Ledger.Projections;

/// <summary>
/// The name of a row, or of a series of rows. It knows where it was found last, so that a fold which keeps its names
/// looks up the text of each once: to look it up for every fact took longer than to fold most facts. For one thread at
/// a time.
/// </summary>
public sealed class RowName(string text) : IEquatable<RowName>
{
    private object? era, place;

    public string Text => text;

    public static implicit operator RowName(string text) => new(text);

    /// <summary>Where it was found; null where that was somewhere else, in another era or as something else.</summary>
    /// <param name="era">While places stay what they are; whoever has places draws it, and another one when they
    /// change.</param>
    internal object? PlaceIn(object era) => ReferenceEquals(this.era, era) ? place : null;

    /// <summary>It was found here, and is here until the era ends.</summary>
    internal void IsAt(object found, object era) => (this.era, place) = (era, found);

    public bool Equals(RowName? other) => ReferenceEquals(this, other) || (other is not null && text == other.Text);
    public override bool Equals(object? other) => other is RowName name && Equals(name);
    public override int GetHashCode() => text.GetHashCode(StringComparison.Ordinal);
    public override string ToString() => text;
}
