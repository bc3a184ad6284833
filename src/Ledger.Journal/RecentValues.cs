using System.Text;

namespace Ledger.Journal;

/// <summary>
/// Values that were read lately, by their text: of one that comes again no text is made, and it is not checked again.
/// For one thread at a time.
/// </summary>
/// <param name="places">For how many; a power of two.</param>
internal sealed class RecentValues<T>(RecentValues<T>.Parse parse, int places) where T : struct
{
    /// <summary>The value of a text, which is ASCII in each of its forms; false where it is none.</summary>
    public delegate bool Parse(string? text, out T value);

    private readonly (string? Text, T Value)[] known = new (string?, T)[places];

    /// <summary>The value whose text these bytes are; false where they are none's.</summary>
    public bool TryGet(ReadOnlySpan<byte> bytes, out T value)
    {
        ref var place = ref known[RecentTexts.PlaceOf(bytes, places)];
        if (place.Text is null || !Ascii.Equals(bytes, place.Text))
        {
            value = default;
            if (!Ascii.IsValid(bytes)) return false;
            var text = Encoding.ASCII.GetString(bytes);
            if (!parse(text, out value)) return false;
            place = (text, value);
        }
        value = place.Value;
        return true;
    }
}
