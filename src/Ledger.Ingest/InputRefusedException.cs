using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>A value of the input breaks a rule; the message names the field, the value and the rule.</summary>
public sealed class InputRefusedException(Rejection code, string fieldPath, string value, string rule)
    : Exception($"{code}: {DetailOf(fieldPath, value, rule)}")
{
    public Rejection Code => code;
    public string Field => fieldPath;
    public string Value => Shortened(value);
    public string Rule => rule;
    /// <summary>Field, value and rule in one sentence.</summary>
    public string Detail => DetailOf(fieldPath, value, rule);

    /// <summary>Longest piece of the refused value that is repeated, in characters.</summary>
    const int valueLengthMax = 60;

    static string DetailOf(string fieldPath, string value, string rule) =>
        $"{fieldPath}{(value.Length == 0 ? "" : $" is {Shortened(value)}")}: {rule}";

    static string Shortened(string value) =>
        value.Length <= valueLengthMax ? value : $"{value[..valueLengthMax]}… ({value.Length} characters)";
}
