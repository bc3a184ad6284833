using System.Globalization;

namespace Ledger.Domain;

/// <summary>
/// An amount that was rounded, as it is shown: with all the decimals to which its statement is rounded, 5.00 and not 5
/// or 5.0. A decimal carries them itself, as its scale, which changes neither its value nor a recorded byte: facts and
/// the texts that roots are over have no zeros at their end.
/// </summary>
public readonly record struct Money(decimal Amount) : IFormattable
{
    /// <summary>The same amount with at least these decimals.</summary>
    public static decimal With(int decimals, decimal amount) => amount + new decimal(0, 0, 0, false, (byte)decimals);

    public static Money? Of(decimal? amount) => amount is { } known ? new Money(known) : null;

    public static implicit operator Money(decimal amount) => new(amount);

    public override string ToString() =>
        (Amount == 0m ? Math.Abs(Amount) : Amount).ToString(CultureInfo.InvariantCulture);

    public string ToString(string? format, IFormatProvider? formatProvider) => ToString();
}
