using Ledger.Projections;

namespace Ledger.Tests;

/// <summary>The promises of every read model, in views.db.</summary>
public sealed class SqliteViewsContractTests : ViewStoreContractTests, IDisposable
{
    private readonly string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
    private readonly List<SqliteViews> opened = [];

    private protected override IViewStore Open()
    {
        lock (opened)
        {
            opened.Add(new SqliteViews(path));
            return opened[^1];
        }
    }

    public void Dispose()
    {
        opened.ForEach(views => views.Dispose());
        foreach (var file in new[] { path, path + "-wal", path + "-shm" }) File.Delete(file);
    }
}
