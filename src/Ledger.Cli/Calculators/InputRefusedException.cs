using Ledger.Domain;

namespace Ledger.Cli.Calculators;

/// <summary>A value of the input breaks a rule; the message names the field, the value and the rule.</summary>
public sealed class InputRefusedException(Rejection code, string fieldPath, string value, string rule)
    : Exception($"{code}: {fieldPath}{(value.Length == 0 ? "" : $" is {Shortened(value)}")}: {rule}")
{
    public Rejection Code => code;
    public string Field => fieldPath;
    public string Value => Shortened(value);
    public string Rule => rule;

    /// <summary>Longest piece of the refused value that is repeated, in characters.</summary>
    const int valueLengthMax = 60;

    static string Shortened(string value) =>
        value.Length <= valueLengthMax ? value : $"{value[..valueLengthMax]}… ({value.Length} characters)";
}
