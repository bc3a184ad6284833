namespace Ledger.Domain;

/// <summary>How many samples or numbers a record says. How many a sender sends, repeats or leaves out is up to the
/// sender, so what is beyond two thousand million is said to be <see cref="int.MaxValue"/>.</summary>
public static class SampleCount
{
    public static int Of(long count) => (int)Math.Min(count, int.MaxValue);

    public static int Sum(int one, int other) => Of((long)one + other);
}
