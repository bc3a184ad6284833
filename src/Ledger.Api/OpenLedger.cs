using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using NodaTime;

namespace Ledger.Api;

/// <summary>
/// An embedded ledger, open in its data folder: the composition root of every door of one process. The journal, the
/// evidence archive, the views and the command pipeline, with the views following the journal.
/// </summary>
public sealed class OpenLedger : IAsyncDisposable
{
    public const string ViewsFileName = "views.db";

    private readonly ServiceProvider services;
    private readonly SqliteViews views;
    private readonly ProjectionRunner runner;
    private readonly SemaphoreSlim folding = new(1);

    private OpenLedger(SqliteJournal journal, EvidenceArchive evidence, SqliteViews views, IClock clock)
    {
        (Journal, Evidence, this.views, Clock) = (journal, evidence, views, clock);
        Recorder = new Recorder(journal, evidence, clock);
        runner = new ProjectionRunner(journal, views, StandardProjections.All,
            (wireName, version, payload) => EventCodec.Decode(wireName, version, payload));
        services = new ServiceCollection().AddCommandPipeline(Recorder, clock, StandardRoutes.Create()).BuildServiceProvider();
        Commands = services.GetRequiredService<IMediator>();
    }

    public IJournal Journal { get; }
    public EvidenceArchive Evidence { get; }
    public IViewStore Views => views;
    public IClock Clock { get; }
    public Recorder Recorder { get; }
    /// <summary>The one way to record: every command passes the pipeline.</summary>
    public IMediator Commands { get; }

    public static OpenLedger Open(SqliteJournalOptions options)
    {
        var opened = new Stack<IDisposable>();
        var journal = SqliteJournal.Open(options);
        try
        {
            var evidence = EvidenceArchive.Open(options.Directory, options.Secret);
            opened.Push(evidence);
            var views = new SqliteViews(Path.Combine(options.Directory, ViewsFileName));
            opened.Push(views);
            return new OpenLedger(journal, evidence, views, options.Clock);
        }
        catch
        {
            while (opened.TryPop(out var part)) part.Dispose();
            journal.DisposeAsync().AsTask().GetAwaiter().GetResult();
            throw;
        }
    }

    /// <summary>
    /// Brings the views up to the journal's present length, so that what is read next includes all that was
    /// acknowledged before. Throws <see cref="ProjectionStoppedException"/> at an event that cannot be applied.
    /// </summary>
    public async Task<long> CatchUpAsync(CancellationToken ct)
    {
        await folding.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            return await runner.CatchUpAsync(ct).ConfigureAwait(false);
        }
        finally
        {
            folding.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await services.DisposeAsync().ConfigureAwait(false);
        await Journal.DisposeAsync().ConfigureAwait(false);
        views.Dispose();
        Evidence.Dispose();
        folding.Dispose();
    }
}
