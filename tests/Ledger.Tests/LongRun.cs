namespace Ledger.Tests;

/// <summary>How many samples a law is tried with: 10 000 every day, a million with <c>LEDGER_LONG=1</c>.</summary>
internal static class LongRun
{
    public static long Samples { get; } = Environment.GetEnvironmentVariable("LEDGER_LONG") == "1" ? 1_000_000 : 10_000;
}
