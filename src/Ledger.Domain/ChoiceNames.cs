using System.Globalization;

namespace Ledger.Domain;

/// <summary>
/// A choice by one of its names, and nothing else: <see cref="Enum.TryParse{T}(string, out T)"/> also takes numbers,
/// and lists whose values it joins, so that two names may become a third.
/// </summary>
public static class ChoiceNames
{
    public static bool TryParse<T>(
        string? text, out T choice, StringComparison comparison = StringComparison.Ordinal) where T : struct, Enum
    {
        foreach (var each in Enum.GetValues<T>())
            if (string.Equals($"{each}", text, comparison))
            {
                choice = each;
                return true;
            }
        choice = default;
        return false;
    }

    /// <summary>A rule by its name, or by its number in digits.</summary>
    public static bool TryRule(string? text, out Rejection rule)
    {
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
            return TryParse(text, out rule);
        rule = (Rejection)number;
        return Enum.IsDefined(rule);
    }
}
