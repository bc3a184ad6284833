using Ledger.Api.Access;
using Ledger.Domain;
using Ledger.Journal.Pipeline;

namespace Ledger.Api.Jobs;

/// <summary>
/// In whose name a job runs. It may have waited, and a key that was revoked meanwhile does nothing more: what was asked
/// for with a key begins only while its holder has one that reaches as much. Nobody can be asked of a token or a
/// certificate whether it still holds, and whoever may write the data folder needs none.
/// </summary>
internal sealed class JobRight
{
    private readonly KeyRing keys;
    private readonly Principal by;
    private readonly bool needsKey;

    private JobRight(KeyRing keys, Principal by, bool needsKey) =>
        (this.keys, this.by, this.needsKey) = (keys, by, needsKey);

    /// <summary>A key is needed where keys reached as much when it was asked for: who came with a token may have a
    /// smaller one beside it.</summary>
    public static async Task<JobRight> OfAsync(KeyRing keys, Principal by, CancellationToken ct)
    {
        var right = new JobRight(keys, by, true);
        return by.Role is not null && right.Reaches(
            await keys.StationsAsync(by.Actor, by.Role, by.Party, ct).ConfigureAwait(false))
            ? right : new(keys, by, false);
    }

    /// <summary>Why it does not begin; null where it does.</summary>
    public async Task<string?> WhyNotAsync(CancellationToken ct) => !needsKey || Reaches(
        await keys.StationsAsync(by.Actor, by.Role, by.Party, ct).ConfigureAwait(false)) ? null
            : $"{by.Actor} has no valid access key any more that reaches what it is about";

    /// <param name="held">The stations of each key.</param>
    private bool Reaches(IReadOnlyList<IReadOnlyList<StationId>> held)
    {
        var reaches = held.Select(stations => Roles.ReachOf(by.Role!.Value, by.Party, stations))
            .Where(one => one with { Stations = null } == by.Reach with { Stations = null }).ToList();
        return reaches.Exists(one => one.Stations is null)
            || (reaches.Count > 0 && by.Reach.Stations is { } limit
                && limit.All(station => reaches.Exists(one => one.Stations!.Contains(station))));
    }
}
