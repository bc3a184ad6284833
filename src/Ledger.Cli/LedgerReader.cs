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
/// up to it where nobody owns the folder; beside an owner they are read as far as the owner has come.
/// </summary>
public sealed class LedgerReader : IAsyncDisposable
{
    private readonly SqliteViews views;

    private LedgerReader(SqliteJournalReader journal, SqliteViews views, EvidenceArchive evidence) =>
        (Journal, this.views, Evidence) = (journal, views, evidence);

    public IJournal Journal { get; }
    public IViewStore Views => views;
    public EvidenceArchive Evidence { get; }

    /// <summary>The command line's option for reading as of an earlier position.</summary>
    public static Option AsOfOption { get; } = new("--as-of", "POSITION|INSTANT",
        "as known after the event at this position, or at this instant; as known now where it is not given");

    public static async Task<LedgerReader> OpenAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        var options = DataFolder.OptionsOf(line, shell);
        var isCopy = LedgerCopy.Find(options.Directory) is not null;
        if (isCopy && !File.Exists(Path.Combine(options.Directory, OpenLedger.ViewsFileName)))
            await CopiedViews.CatchUpAsync(options, ct).ConfigureAwait(false);
        var reader = Open(options);
        if (!isCopy && new Answers(reader.Views).KnownBefore < reader.Journal.Length)
        {
            await reader.DisposeAsync().ConfigureAwait(false);
            await CatchUpAsync(options, ct).ConfigureAwait(false);
            reader = Open(options);
        }
        PrunedEvidence.TakeFrom(reader.Evidence, line.Each(PrunedEvidence.ArchiveOption.Name), options.Secret);
        return reader;
    }

    private static LedgerReader Open(SqliteJournalOptions options)
    {
        var journal = SqliteJournalReader.Open(options);
        // The evidence after the journal: so it has that of every fact that the journal shows.
        var evidence = EvidenceArchive.OpenForReading(options.Directory, options.Secret);
        var path = Path.Combine(options.Directory, OpenLedger.ViewsFileName);
        try
        {
            // Reading a copy changes no byte of it.
            return new(journal, LedgerCopy.Find(options.Directory) is null
                ? new SqliteViews(path) : SqliteViews.OpenForReading(path), evidence);
        }
        catch (DbException damaged)
        {
            throw new CouldNotException($"{path} cannot be read ({damaged.Message}); it holds nothing of its own: "
                + "delete it, and it is computed again from the journal");
        }
    }

    private static async Task CatchUpAsync(SqliteJournalOptions options, CancellationToken ct)
    {
        OpenLedger owned;
        try
        {
            owned = OpenLedger.Open(options);
        }
        catch (FolderOwnedException)
        {
            return; // the owner brings the views up to the journal; what it has applied is consistent
        }
        await using (owned) await owned.CatchUpAsync(ct).ConfigureAwait(false);
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

    public static bool TryPosition(string text, out long position) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out position);

    /// <summary>The answers of the views as of a position.</summary>
    public Answers Answers(long? asOf) => new(Views, asOf);

    /// <summary>A page that begins with the ledger and the position up to which it is known.</summary>
    public Page Page(string what, long? asOf)
    {
        var events = asOf + 1 ?? new Answers(Views).KnownBefore;
        return new Page().Field("show", null, what).Field("ledger", null, Journal.Ledger.Value)
            .Field("events", null, events)
            .Field(null, "ledger",
                $"{Journal.Ledger}, as known from its first {events.ToString(CultureInfo.InvariantCulture)} events");
    }

    public async ValueTask DisposeAsync()
    {
        views.Dispose();
        Evidence.Dispose();
        await Journal.DisposeAsync().ConfigureAwait(false);
    }
}
