using System.Security.Cryptography;
using System.Text;
using Ledger.Api.Access;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using Ledger.Journal.Copies;
using Ledger.Journal.Pipeline;
using Ledger.Journal.Proof;
using Ledger.Projections;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using NodaTime;

namespace Ledger.Api;

/// <summary>
/// A ledger, open in its data folder: the composition root of every door of one process. The journal and the views in
/// the store that was chosen, the evidence archive, and the command pipeline with all its routes.
/// </summary>
public sealed class OpenLedger : IAsyncDisposable
{
    public const string ViewsFileName = "views.db";
    /// <summary>What a served ledger that asks for keys says to whoever may read its folder.</summary>
    public const string TokenFileName = "access.token";

    private readonly IJournal journal;
    private readonly ServiceProvider services;
    private readonly IViewStore views;
    private readonly FolderLock owned;
    private readonly CurrentViews current;
    private readonly RunnerLease lease;
    private readonly SemaphoreSlim folding = new(1);
    private readonly string folder;
    private readonly byte[] secret;
    private long applied; // the views have all before this position, whoever else asks

    private OpenLedger(
        FolderLock owned, IJournal journal, EvidenceArchive evidence, IViewStore views, LedgerOptions options)
    {
        var clock = options.Clock;
        (this.owned, this.journal, Evidence, this.views, Clock) = (owned, journal, evidence, views, clock);
        (folder, secret, Log) = (options.Directory, options.Secret, options.Log);
        lease = LedgerStores.LeaseOf(options);
        Recorder = new Recorder(journal, evidence, clock, options.EvidenceLimits);
        current = LedgerStores.Following(options, journal, views);
        Routes = Dropping.AddTo(Redriving.AddTo(Pruning.AddTo(Erasing.AddTo(StreamRecording.AddTo(CurveRecording.AddTo(
            Freezing.AddTo(Publishing.AddTo(RunSettlement.AddTo(StandardRoutes.Create(), this), this), this), evidence),
            evidence), evidence, folder), this), evidence), this);
        services = new ServiceCollection().AddCommandPipeline(Recorder, clock, AccessReach.AddTo(Routes),
            new KnownOwners(OwnersOfStationAsync, OwnersOfMeterAsync))
            .BuildServiceProvider();
        Commands = services.GetRequiredService<IMediator>();
        Intake = new Intake(Commands, Recorder, new RegisterDirectory(this).MetersAsync);
    }

    public IJournal Journal => journal;
    public EvidenceArchive Evidence { get; }
    public IViewStore Views => views;
    public IClock Clock { get; }
    /// <summary>Why evidence that was pruned could not be removed when the ledger was opened, as where the disk is
    /// full; null where nothing is left of it. All else goes on, and the next who opens the ledger removes
    /// it.</summary>
    public string? Unpruned { get; private init; }
    /// <summary>What the ledger publishes of itself: checkpoints and tiles.</summary>
    public TransparencyLog Log { get; }
    public Recorder Recorder { get; }
    /// <summary>Every input that the pipeline takes.</summary>
    public CommandRoutes Routes { get; }
    /// <summary>The one way to record: every command passes the pipeline.</summary>
    public IMediator Commands { get; }
    /// <summary>The one door for files and texts.</summary>
    public Intake Intake { get; }
    /// <summary>In what order runs of an account and closes of its months are calculated and recorded.</summary>
    public AccountTurns Turns { get; } = new();

    /// <summary>
    /// Who records at this machine itself, by <paramref name="actor"/> (a door's name): whoever may write the folder
    /// may record anything in it.
    /// </summary>
    public Principal Operator(string actor) => Operator(Journal.Ledger, actor);

    /// <summary>The same of a ledger that is not open here.</summary>
    public static Principal Operator(LedgerId ledger, string actor) =>
        new(actor, new PartyId(ledger.Value), Scopes.All);

    /// <summary>Opens the ledger in a folder; where <paramref name="create"/> names one,
    /// it is made where there is none.</summary>
    public static OpenLedger Open(string directory, LedgerId? create, IClock clock)
    {
        var identity = create is { } named
            ? LedgerIdentity.OpenOrCreate(directory, named) : LedgerIdentity.Open(directory);
        return Open(new LedgerOptions(directory, identity.Ledger, clock, identity.Secret));
    }

    /// <summary>An embedded ledger: all of it in one folder.</summary>
    public static OpenLedger Open(SqliteJournalOptions embedded) => Open(LedgerOptions.Of(embedded));

    /// <summary>
    /// Opens a ledger whose data folder this process then owns. Throws <see cref="FolderOwnedException"/> where another
    /// process does, <see cref="StoreRefusedException"/> where its journal is in another store,
    /// <see cref="ViewsAheadException"/> where its views have applied what the journal does not have, and
    /// <see cref="RowVersionException"/> where a later program made their rows.
    /// </summary>
    public static OpenLedger Open(LedgerOptions options)
    {
        if (!options.TakesOverCopy) LedgerCopy.Refuse(options.Directory);
        DurableFiles.CreateDirectory(options.Directory);
        var owned = FolderLock.Take(options.Directory);
        var opened = new Stack<IDisposable>([owned]);
        IJournal? journal = null;
        try
        {
            journal = LedgerStores.OpenJournal(options, owned);
            var evidence = EvidenceArchive.Open(options.Directory, options.Secret, LastEvidence.NamedIn(journal));
            opened.Push(evidence);
            var views = LedgerStores.OpenViews(options);
            if (views is IDisposable closed) opened.Push(closed);
            // Before anything is recorded at the positions of what is lost.
            if (!options.RebuildsViews)
            {
                ViewsAhead.Refuse(journal, views, StandardProjections.All);
                RowVersions.RefuseLater(views, StandardProjections.All);
            }
            // An erasure, a pruning or a dropping that a crash interrupted is finished before anything else is done.
            Erasing.FinishAsync(journal, evidence, options.Directory, CancellationToken.None).GetAwaiter().GetResult();
            var unpruned = Pruning.TryFinishAsync(journal, evidence, CancellationToken.None).GetAwaiter().GetResult();
            Dropping.FinishAsync(journal, FramesOf(options.Directory), CancellationToken.None).GetAwaiter().GetResult();
            return new OpenLedger(owned, journal, evidence, views, options) { Unpruned = unpruned };
        }
        catch
        {
            journal?.DisposeAsync().AsTask().GetAwaiter().GetResult();
            while (opened.TryPop(out var part)) part.Dispose();
            throw;
        }
    }

    /// <summary>The root of the log at a length; null where the journal is shorter.</summary>
    public EvidenceDigest? RootAt(long size) =>
        LeafEntries.RootAt(journal, secret, size) is { } root ? new(Convert.ToHexStringLower(root)) : null;

    /// <summary>A file of this ledger's folder that is no part of the journal.</summary>
    internal string PathOf(string fileName) => Path.Combine(folder, fileName);

    /// <summary>32 bytes of the ledger's secret for one purpose.</summary>
    internal byte[] KeyFor(string purpose) => HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, 32,
        info: Encoding.ASCII.GetBytes($"ledger {purpose}"));

    /// <summary>Says where this process takes facts, so that a command beside it can hand its own over.</summary>
    public void PublishUrl(Uri url) => owned.PublishUrl(url.ToString());

    /// <summary>Leaves in the folder what shows a command beside this process to be allowed to read the folder; for
    /// the folder's owner alone, and of no use once this process has ended.</summary>
    public void PublishToken(string token)
    {
        var path = Path.Combine(folder, TokenFileName);
        File.Delete(path);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var writer = new StreamWriter(path, options);
        writer.Write(token);
    }

    private async ValueTask<IReadOnlyCollection<PartyId>> OwnersOfStationAsync(StationId station, CancellationToken ct)
    {
        await CatchUpAsync(ct).ConfigureAwait(false);
        return new Answers(views).OwnersFromOn(Clock.GetCurrentInstant(), station, null);
    }

    private async ValueTask<IReadOnlyCollection<PartyId>> OwnersOfMeterAsync(string serial, CancellationToken ct)
    {
        await CatchUpAsync(ct).ConfigureAwait(false);
        return new Answers(views).OwnersFromOn(Clock.GetCurrentInstant(), null, serial);
    }

    /// <summary>Opens the intake of streams in this ledger's folder; the caller closes it before the ledger.</summary>
    public StreamEngine OpenStreams(StreamOptions? options = null) => StreamEngine.Open(
        options ?? new(new FrameLogOptions(FramesOf(folder))), Recorder, Evidence,
        Commands, Operator("streams"), secret, Clock);

    /// <summary>Reads the samples of records from the evidence and the frame log of this folder.</summary>
    public RecordSamples Samples() =>
        new(Evidence, new FrameLogReader(FramesOf(folder)));

    /// <summary>What of the frame log of this folder may go, as <see cref="Dropping.LookAsync"/>.</summary>
    internal Task<IReadOnlyList<KeptSegment>> FramesBeforeAsync(
        DroppedFrames dropped, Instant before, CancellationToken ct) =>
        Dropping.LookAsync(Journal, Evidence, secret, folder, dropped, before, _ => { }, ct);

    /// <summary>Removes the frames that the journal says are dropped.</summary>
    internal Task<long> RemoveDroppedAsync(CancellationToken ct) => Dropping.FinishAsync(Journal, FramesOf(folder), ct);

    private static string FramesOf(string folder) => Path.Combine(folder, FrameLogOptions.FolderName);

    /// <summary>
    /// Brings the views up to the journal's present length, so that what is read next includes all that was
    /// acknowledged before, in rows as this program makes them. Throws <see cref="ProjectionStoppedException"/> at an
    /// event that cannot be applied, and <see cref="RowVersionException"/> at rows of a later program.
    /// </summary>
    public async Task<long> CatchUpAsync(CancellationToken ct)
    {
        // Most reads come when nothing is new: what the views once had they have.
        var length = journal.Length;
        if (Interlocked.Read(ref applied) == length) return length;
        await folding.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            var known = await current.CatchUpAsync(ct).ConfigureAwait(false);
            Interlocked.Exchange(ref applied, known);
            return known;
        }
        finally
        {
            folding.Release();
        }
    }

    /// <summary>
    /// Keeps the views at the journal until cancelled. An event that cannot be applied ends it with
    /// <see cref="ProjectionStoppedException"/>, a storage error with <see cref="JournalFaultedException"/>.
    /// </summary>
    public async Task FollowAsync(CancellationToken ct)
    {
        while (true)
        {
            var next = await CatchUpAsync(ct).ConfigureAwait(false);
            await Journal.WaitForAsync(next, ct).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// Computes views anew from the journal beside the live ones, which are read and followed meanwhile, and puts them
    /// in their place. Returns how the old rows differed.
    /// </summary>
    public async Task<IReadOnlyList<RowDifference>> RebuildViewsAsync(
        IReadOnlyList<IProjection> projections, CancellationToken ct)
    {
        var rebuild = new Rebuild(Journal, views, projections, Decode, lease);
        await rebuild.FoldAsync(ct).ConfigureAwait(false);
        await folding.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            return await rebuild.SwitchAsync(ct).ConfigureAwait(false);
        }
        finally
        {
            folding.Release();
        }
    }

    private static LedgerEvent Decode(string wireName, int version, ReadOnlySpan<byte> payload) =>
        EventCodec.Decode(wireName, version, payload);

    /// <summary>Whether the pipeline has a handler for a command of this type.</summary>
    public bool Resolves(Type command) =>
        services.GetService(typeof(IRequestHandler<,>).MakeGenericType(command, typeof(RecordOutcome))) is not null;

    public async ValueTask DisposeAsync()
    {
        await services.DisposeAsync().ConfigureAwait(false);
        await Journal.DisposeAsync().ConfigureAwait(false);
        LedgerStores.Close(views);
        Evidence.Dispose();
        owned.Dispose();
        folding.Dispose();
        Turns.Dispose();
    }
}
