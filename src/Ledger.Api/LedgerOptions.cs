using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Proof;
using NodaTime;

namespace Ledger.Api;

/// <summary>What a ledger is opened with.</summary>
/// <param name="Directory">The data folder, which one process owns: identity, evidence, checkpoints, frame log.</param>
/// <param name="Ledger">Which ledger it is.</param>
/// <param name="Clock">What time it is, for recordedAt.</param>
/// <param name="Secret">The ledger's secret, from which salts and the keys of evidence come; at least 16 bytes.</param>
public sealed record LedgerOptions(string Directory, LedgerId Ledger, IClock Clock, byte[] Secret)
{
    /// <summary>Where journal and views are; the data folder itself where nobody says so.</summary>
    public StoreChoice Store { get; init; } = new StoreChoice.Sqlite(Directory);

    /// <summary>How much of what is refused is kept; the disk of the folder is everybody's.</summary>
    public EvidenceLimits EvidenceLimits { get; init; } = EvidenceLimits.Standard;

    /// <summary>Whether a copy may be opened for writing: only to take what it is a copy of, and to record that it is
    /// the ledger from now on.</summary>
    public bool TakesOverCopy { get; init; }

    /// <summary>Whether it is opened to say what is wrong in it, and not refused for it.</summary>
    public bool IsExamined { get; init; }

    /// <summary>Whether it is opened to compute the views anew: then it does not matter what is in them.</summary>
    public bool RebuildsViews { get; init; }

    /// <summary>An embedded ledger: all of it in one folder.</summary>
    public static LedgerOptions Of(SqliteJournalOptions embedded) =>
        new(embedded.Directory, embedded.Ledger, embedded.Clock, embedded.Secret)
        {
            TakesOverCopy = embedded.TakesOverCopy,
        };

    /// <summary>What the ledger publishes of itself, and where.</summary>
    public TransparencyLog Log => new(Directory, Secret);

    /// <summary>Whether all of the ledger is in the data folder: a copy of the folder is then a copy of it.</summary>
    public bool IsInOneFolder => Store.Name == new StoreChoice.Sqlite(Directory).Name;

    /// <summary>What an embedded journal is opened with; null where a server keeps it.</summary>
    public SqliteJournalOptions? Embedded => Store is StoreChoice.Sqlite(var folder)
        ? new(folder, Ledger, Clock, Secret) { TakesOverCopy = TakesOverCopy, IsExamined = IsExamined } : null;
}
