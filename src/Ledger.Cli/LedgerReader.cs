using System.Collections.ObjectModel;
using System.Data.Common;
using System.Globalization;
using Ledger.Api;
using Ledger.Cli.Listings;
using Ledger.Cli.Months;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Copies;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Cli;

/// <summary>
/// A ledger open for reading, with or without an owner beside it. Views that are behind the journal are first brought
/// up to it where nobody owns the folder; beside an owner they are read as far as the owner has come. Of a copy no byte
/// is changed: where its views are behind, as of a program that had one view less, or have rows of another program's
/// version, they are computed in a file that is removed again. Beside an owner that has such rows nothing is read.
/// </summary>
public sealed class LedgerReader : IAsyncDisposable
{
    private readonly ComputedViews? computed;

    private LedgerReader(
        IJournal journal, IViewStore stored, EvidenceArchive evidence, ComputedViews? computed = null) =>
        (Journal, Stored, Views, Evidence, this.computed) =
            (journal, stored, computed?.Views ?? stored, evidence, computed);

    public IJournal Journal { get; }

    /// <summary>What every answer is read from: <see cref="Stored"/>, or the rows computed in its place.</summary>
    public IViewStore Views { get; }

    /// <summary>The rows that the ledger keeps, for whoever doubts them.</summary>
    public IViewStore Stored { get; }

    /// <summary>The row versions of those stored views that are not this program's, as they were before this one
    /// computed any anew.</summary>
    public IReadOnlyDictionary<string, int> OtherVersions { get; private set; } =
        ReadOnlyDictionary<string, int>.Empty;

    public EvidenceArchive Evidence { get; }

    /// <summary>The last event that every view had applied when the ledger was opened: all answers are as known then,
    /// whatever its owner records meanwhile. -1 before the first.</summary>
    public long Last { get; private set; } = -1;

    /// <summary>The command line's option for reading as of an earlier position.</summary>
    public static Option AsOfOption { get; } = new("--as-of", "POSITION|INSTANT",
        "as known after the event at this position, or at this instant; as known now where it is not given");

    public static async Task<LedgerReader> OpenAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        var options = DataFolder.OptionsOf(line, shell);
        var isCopy = LedgerCopy.Find(options.Directory) is not null;
        if (isCopy && LedgerStores.ViewsFile(options) is { } file && !File.Exists(file))
            await ViewsBeside.CatchUpAsync(options, ct).ConfigureAwait(false);
        var reader = Open(options);
        var others = RowVersions.Others(reader.Stored, StandardProjections.All)
            .ToDictionary(view => view.Name, view => reader.Stored.Reached(view.Name).RowVersion);
        var isBehind = new Answers(reader.Views).KnownBefore < reader.Journal.Length || others.Count > 0;
        if (isBehind && !isCopy)
        {
            await reader.DisposeAsync().ConfigureAwait(false);
            await CatchUpAsync(options, ct).ConfigureAwait(false);
            reader = Open(options);
        }
        try
        {
            await ViewsAhead.WaitAsync(reader.Journal, reader.Views, StandardProjections.All, ct).ConfigureAwait(false);
            ViewsAhead.Refuse(reader.Journal, reader.Views, StandardProjections.All);
            if (isBehind && isCopy) reader = await reader.RecomputedAsync(ct).ConfigureAwait(false);
            RowVersions.Refuse(reader.Views, StandardProjections.All);
            PrunedEvidence.TakeFrom(reader.Evidence, line.Each(PrunedEvidence.ArchiveOption.Name), options.Secret);
            reader.Last = new Answers(reader.Views, reader.Journal.Length - 1).KnownBefore - 1;
            reader.OtherVersions = others;
            return reader;
        }
        catch
        {
            await reader.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static LedgerReader Open(LedgerOptions options)
    {
        var journal = LedgerStores.OpenReader(options);
        // The evidence after the journal: so it has that of every fact that the journal shows.
        var evidence = EvidenceArchive.OpenForReading(options.Directory, options.Secret);
        try
        {
            // Who only reads changes nothing of a copy, nor of what another program may be writing.
            return new(journal, LedgerStores.OpenViewsForReading(options) ?? LedgerStores.OpenViews(options), evidence);
        }
        catch (DbException damaged) when (LedgerStores.ViewsFile(options) is { } path)
        {
            throw new CouldNotException($"{path} cannot be read ({damaged.Message}); it holds nothing of its own: "
                + "delete it, and it is computed again from the journal");
        }
    }

    /// <summary>The same ledger with all of its views, in the place of this one.</summary>
    private async Task<LedgerReader> RecomputedAsync(CancellationToken ct) =>
        new(Journal, Stored, Evidence, await ComputedViews.ComputeAsync(Journal, ct).ConfigureAwait(false));

    /// <summary>Where another process owns the folder, it brings the views up to the journal; what it has applied is
    /// consistent.</summary>
    private static async Task CatchUpAsync(LedgerOptions options, CancellationToken ct)
    {
        try
        {
            if (options.Embedded is null)
            {
                // A server's journal is not opened for writing by who reads: that would fence off who writes.
                using var owned = FolderLock.Take(options.Directory);
                await ViewsBeside.CatchUpAsync(options, ct).ConfigureAwait(false);
                return;
            }
            await using var ledger = OpenLedger.Open(options);
            await ledger.CatchUpAsync(ct).ConfigureAwait(false);
        }
        catch (FolderOwnedException)
        {
            // Nothing is left to do here.
        }
    }

    /// <summary>The event at a position; whoever asks knows that it is there.</summary>
    public async Task<RecordedEvent> EventAsync(long position, CancellationToken ct)
    {
        await foreach (var recorded in Journal.ReadAllAsync(position, ct).ConfigureAwait(false)) return recorded;
        throw new CouldNotException($"there is no event at position {position}");
    }

    /// <summary>The position that <c>--as-of</c> means: of the last event known then;
    /// null where it is not given.</summary>
    public async Task<long?> AsOfAsync(CommandLine line, CancellationToken ct)
    {
        if (line.Option("--as-of") is not { } text) return null;
        if (CommandLine.TryInstant(text, out var instant))
            return await Projections.Replay.PositionAtAsync(Journal, instant, ct)
                .ConfigureAwait(false) is >= 0 and var at
                ? at
                : throw new CouldNotException($"nothing was recorded at {text} or before");
        return CommandLine.Read<long>(text, TryPosition,
            "--as-of is a position or an instant like 2026-06-02T08:00:00Z") is var position
            && position < Journal.Length
            ? position
            : throw new CouldNotException(
                $"there is no event at position {position}; the journal has {Journal.Length} events");
    }

    /// <summary>The instant at which a page reads what has a time to come (<see cref="CallReading"/>): now, or that of
    /// <c>--as-of</c>, of a position when the event there was recorded.</summary>
    public async Task<Instant> ReadAtAsync(CommandLine line, long? asOf, IClock clock, CancellationToken ct) =>
        asOf is not { } position ? clock.GetCurrentInstant()
        : CommandLine.TryInstant(line.Option("--as-of")!, out var named)
            ? Instant.Min(named, clock.GetCurrentInstant())
        : await Projections.Replay.RecordedAtAsync(Journal, position, ct).ConfigureAwait(false);

    public static bool TryPosition(string text, out long position) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out position);

    /// <summary>The answers of the views as of a position; null: as of <see cref="Last"/>.</summary>
    public Answers Answers(long? asOf) => new(Views, asOf ?? Last);

    /// <summary>A page that begins with the ledger and the position up to which it is known.</summary>
    public Page Page(string what, long? asOf) => PageOf(what, Answers(asOf).KnownBefore);

    /// <summary>The same of what is known from the first events.</summary>
    public Page PageOf(string what, long events) =>
        new Page().Field("show", null, what).Field("ledger", null, Journal.Ledger.Value)
            .Field("events", null, events)
            .Field(null, "ledger",
                $"{Journal.Ledger}, as known from its first {events.ToString(CultureInfo.InvariantCulture)} events");

    public async ValueTask DisposeAsync()
    {
        LedgerStores.Close(Stored);
        computed?.Dispose();
        Evidence.Dispose();
        await Journal.DisposeAsync().ConfigureAwait(false);
    }
}
