namespace Ledger.Ingest;

/// <summary>
/// The years of which a file may have samples, intervals or sessions: a time of another year is a slip, or of a clock
/// that nobody had set. A fact may hold from before (<see cref="FactValues"/>), and a stream's clock is judged by when
/// its frames came. Only doors ask this; evidence that was taken before is read again as it was read.
/// </summary>
internal static class MeasuredTime
{
    /// <summary>Clocks that were never set begin before it, in 1970 or in 1980.</summary>
    public const int YearMin = 2000;
    private const int YearMax = 2199;

    /// <summary>The rule in words, as every door says it.</summary>
    public static readonly string Rule = $"not of {YearMin} to {YearMax}";

    public static bool Has(int year) => year is >= YearMin and <= YearMax;
}
