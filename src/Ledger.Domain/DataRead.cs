using NodaTime;

namespace Ledger.Domain;

/// <summary>How often one resource was read, and of what.</summary>
/// <param name="Of">The identifiers that the question named, in the order of their parameters; null: it named
/// none.</param>
public sealed record ReadCount(string Operation, string? Of, int Times);

/// <summary>
/// Somebody has read data of others in a stretch of time: whose data it is can be told who looked. Reads are gathered,
/// so that looking costs the journal one fact in many reads.
/// </summary>
/// <param name="Others">Reads beyond those that are listed, which are bounded.</param>
public sealed record DataRead(
    string By, PartyId Party, Role Role, Interval During, IReadOnlyList<ReadCount> Reads, int Others) : LedgerEvent;

/// <summary>When a read is recorded: always. Nothing is judged here; who may read is another rule's.</summary>
public static class DataReads
{
    /// <summary>Entries of one fact.</summary>
    public const int ReadsMax = 200;

    public static NewFact Fact(DataRead read) => NewFact.At(read, read.During.Start,
        new EvidenceKey($"data-read/{read.By}/{read.Party}/{read.Role}/{read.During.Start.ToUnixTimeTicks()}"));
}
