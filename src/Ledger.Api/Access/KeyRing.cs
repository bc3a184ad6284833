using System.Diagnostics;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using NodaTime;

namespace Ledger.Api.Access;

/// <summary>
/// The access keys of the journal, at hand. What another process recorded is known after
/// <see cref="AgeMaxMs"/> at the latest, so a revocation counts within that time.
/// </summary>
internal sealed class KeyRing(Recorder recorder, IClock clock)
{
    /// <summary>How old what is known may be, in ms; a revocation is to count within a second.</summary>
    public const int AgeMaxMs = 250;

    /// <summary>How often the journal is read again at most, however many come with keys that are not known.</summary>
    private static readonly TimeSpan RereadEvery = TimeSpan.FromMilliseconds(50);

    private static readonly EvidenceDigest NoKey = new(new string('0', 64));

    private sealed record Read(AccessKeysState State, long At);

    private readonly SemaphoreSlim reading = new(1);
    private volatile Read? read;

    /// <summary>Whether a key was ever issued.</summary>
    public async ValueTask<bool> HasAnyAsync(CancellationToken ct) =>
        !(await ReadAsync(AgeMaxMs, ct).ConfigureAwait(false)).Known.IsEmpty;

    /// <summary>Of each key that somebody in a role has and that is valid now its stations; none of a key for all that
    /// the role reaches.</summary>
    public async ValueTask<IReadOnlyList<IReadOnlyList<StationId>>> StationsAsync(
        string holder, Role? role, PartyId party, CancellationToken ct)
    {
        var now = clock.GetCurrentInstant();
        return [.. (await ReadAsync(AgeMaxMs, ct).ConfigureAwait(false)).Known.Values
            .Where(known => known.Revoked is null && known.Issued.Expires > now
                && (known.Issued.Holder, known.Issued.Role, known.Issued.Party) == (holder, role, party))
            .Select(known => known.Issued.Stations)];
    }

    /// <summary>Who holds a key; null where it is not known, has expired, or was revoked: nobody is told
    /// which.</summary>
    public async ValueTask<Principal?> HolderAsync(AccessKeyText key, CancellationToken ct)
    {
        var state = await ReadAsync(AgeMaxMs, ct).ConfigureAwait(false);
        if (!state.Known.ContainsKey(key.Key)) state = await ReadAsync(0, ct).ConfigureAwait(false);
        var known = state.Known.GetValueOrDefault(key.Key);
        var fits = key.Fits(known?.Issued.Secret ?? NoKey);
        return fits && known is { Revoked: null, Issued: var issued } && issued.Expires > clock.GetCurrentInstant()
            ? Roles.Principal(issued.Holder, issued.Role, issued.Party, issued.Stations) : null;
    }

    /// <summary>What is known and not older; many who come at once with keys that nobody knows share one
    /// reading.</summary>
    private async ValueTask<AccessKeysState> ReadAsync(int ageMaxMs, CancellationToken ct)
    {
        var asked = Stopwatch.GetTimestamp();
        if (read is { } known && Stopwatch.GetElapsedTime(known.At, asked).TotalMilliseconds < ageMaxMs)
            return known.State;
        await reading.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            if (read is { } meanwhile && meanwhile.At >= asked) return meanwhile.State;
            // Whoever waits here with this one is told by the same reading: a key that was just given is found by it.
            if (read is { } before && Stopwatch.GetElapsedTime(before.At) is var age && age < RereadEvery)
                await Task.Delay(RereadEvery - age, ct).ConfigureAwait(false);
            var at = Stopwatch.GetTimestamp();
            var (state, _) = await recorder.LoadAsync(
                Streams.AccessKeys, AccessKeysState.Empty, AccessKeys.Evolve, ct).ConfigureAwait(false);
            read = new(state, at);
            return state;
        }
        finally
        {
            reading.Release();
        }
    }
}
