using Ledger.Api;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using Microsoft.Data.Sqlite;

namespace Ledger.Cli;

/// <summary>Views that one verb computes for itself, in a file that is removed with them: all versions of all rows of a
/// large ledger are more than its memory has room for.</summary>
internal sealed class ComputedViews : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("ledger-views-");
    private readonly SqliteViews views;

    private ComputedViews() => views = new(Path.Combine(folder.FullName, OpenLedger.ViewsFileName));

    public IViewStore Views => views;

    /// <summary>All views after every event of a journal.</summary>
    public static Task<ComputedViews> ComputeAsync(IJournal journal, CancellationToken ct) =>
        ComputeAsync(journal, StandardProjections.All, null, ct);

    /// <summary>The views after every event before <paramref name="end"/> (null: the whole journal).</summary>
    public static async Task<ComputedViews> ComputeAsync(
        IJournal journal, IReadOnlyList<IProjection> projections, long? end, CancellationToken ct)
    {
        var computed = new ComputedViews();
        try
        {
            await new ProjectionRunner(journal, computed.views, projections, Decode).CatchUpAsync(ct, end)
                .ConfigureAwait(false);
            return computed;
        }
        catch (SqliteException failed)
        {
            computed.Dispose();
            throw new CouldNotException($"views cannot be computed in {computed.folder.FullName}, "
                + $"where they need room: {failed.Message}");
        }
        catch
        {
            computed.Dispose();
            throw;
        }
    }

    private static LedgerEvent Decode(string wireName, int version, ReadOnlySpan<byte> payload) =>
        EventCodec.Decode(wireName, version, payload);

    public void Dispose()
    {
        views.Dispose();
        folder.Delete(recursive: true);
    }
}
