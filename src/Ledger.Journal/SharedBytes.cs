namespace Ledger.Journal;

/// <summary>
/// Room for bytes in arrays that several share, because to make an array takes longer than to fill it. Who keeps bytes
/// keeps the array that they share, so it is not large. For one thread at a time.
/// </summary>
public sealed class SharedBytes
{
    private const int Together = 16 * 1024;
    private const int OwnMin = Together / 4; // so many bytes have an array of their own
    private byte[] shared = [];
    private int taken;

    /// <summary>Room that nobody else is given. What it holds is to be written over.</summary>
    public ArraySegment<byte> Take(int bytes)
    {
        if (bytes >= OwnMin) return new(GC.AllocateUninitializedArray<byte>(bytes));
        if (shared.Length - taken < bytes) (shared, taken) = (GC.AllocateUninitializedArray<byte>(Together), 0);
        taken += bytes;
        return new(shared, taken - bytes, bytes);
    }
}
