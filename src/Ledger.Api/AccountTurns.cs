using Ledger.Domain;

namespace Ledger.Api;

/// <summary>
/// Who of an account waits for whom. A close of a month sums up days, each a stream of its own, so nothing is settled
/// between its first look and its fact: it has the account to itself. Runs and corrections go on beside one another;
/// two of one day meet in its stream.
/// </summary>
public sealed class AccountTurns : IDisposable
{
    private const int RunsMax = 16; // of an account at once
    private const int Turns = 64; // accounts that share one wait for each other's closes, which are rare

    private readonly (SemaphoreSlim Runs, SemaphoreSlim Closing)[] turns =
        [.. Enumerable.Range(0, Turns).Select(_ => (new SemaphoreSlim(RunsMax), new SemaphoreSlim(1)))];

    /// <summary>Settles beside other runs of the account, and while no month of it is being closed.</summary>
    public async Task<T> BesideRunsAsync<T>(PartyId account, Func<Task<T>> settle, CancellationToken ct)
    {
        var (runs, _) = Of(account);
        await runs.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            return await settle().ConfigureAwait(false);
        }
        finally
        {
            runs.Release();
        }
    }

    /// <summary>Closes a month of the account while nothing of it is being settled.</summary>
    public async Task<T> AloneAsync<T>(PartyId account, Func<Task<T>> close, CancellationToken ct)
    {
        var (runs, closing) = Of(account);
        // Two that took the turns of runs one after another would each wait for the other's.
        await closing.WaitAsync(ct).ConfigureAwait(false);
        var taken = 0;
        try
        {
            for (; taken < RunsMax; taken++) await runs.WaitAsync(ct).ConfigureAwait(false);
            return await close().ConfigureAwait(false);
        }
        finally
        {
            if (taken > 0) runs.Release(taken);
            closing.Release();
        }
    }

    public void Dispose()
    {
        foreach (var (runs, closing) in turns)
        {
            runs.Dispose();
            closing.Dispose();
        }
    }

    private (SemaphoreSlim Runs, SemaphoreSlim Closing) Of(PartyId account) =>
        turns[(account.GetHashCode() & int.MaxValue) % Turns];
}
