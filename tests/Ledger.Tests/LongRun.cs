namespace Ledger.Tests;

/// <summary>
/// How many samples a law is tried with: 10 000 every day, a million with <c>LEDGER_LONG=1</c>, and a thousand for each
/// mutant of a rule, which there are hundreds of. What holds of each of many is asked for by those of which it does
/// not: an assertion that is given as an expression compiles it anew for each sample, which costs more than most laws.
/// </summary>
internal static class LongRun
{
    public static long Samples { get; } =
        Environment.GetEnvironmentVariable("LEDGER_LONG") == "1" ? 1_000_000
        : Environment.GetEnvironmentVariable("LEDGER_MUTATING") == "1" ? 1_000
        : 10_000;
}
