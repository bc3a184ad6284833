using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime.Text;

namespace Ledger.Cli.Months;

/// <summary>How a command reads what was pruned: from the archives that it is given, and else it says which one has
/// it.</summary>
internal static class PrunedEvidence
{
    /// <summary>Of verbs that read raw evidence.</summary>
    public static Option ArchiveOption { get; } =
        new("--archive", "DIR", "the archive of a month that was pruned, from which its evidence is taken; may be given "
            + "for several months")
        { Repeats = true };

    /// <summary>From now on, evidence that was pruned is taken from the archives that the command line names.</summary>
    public static void TakeFrom(EvidenceArchive evidence, IReadOnlyList<string> archives, byte[] secret)
    {
        foreach (var archive in archives)
            if (File.Exists(Path.Combine(archive, MonthArchive.FileName))) evidence.TakePrunedFrom(archive, secret);
            else throw new CouldNotException($"{archive} is no month's archive ({MonthArchive.FileName} is missing)");
    }

    /// <summary>Runs what reads raw evidence; where that needs an archive, it says which.</summary>
    public static async Task<T> ReadAsync<T>(IJournal journal, Func<Task<T>> read, CancellationToken ct)
    {
        try
        {
            return await read().ConfigureAwait(false);
        }
        catch (EvidencePrunedException pruned)
        {
            await foreach (var recorded in journal.ReadAllAsync(pruned.Position, ct).ConfigureAwait(false))
                if (EventCodec.Decode(recorded) is MonthPruned fact)
                    throw new CouldNotException($"evidence {pruned.Digest} is not here: {Describe(recorded, fact)}; "
                        + "give that with --archive DIR");
                else break;
            throw new CouldNotException($"{pruned.Message}; give the archive of its month with --archive DIR");
        }
    }

    /// <summary>When and by which fact a month was pruned, and how its archive is known.</summary>
    public static string Describe(RecordedEvent recorded, MonthPruned fact) => Describe(recorded.Position, fact)
        + $", recorded at {InstantPattern.ExtendedIso.Format(recorded.Envelope.RecordedAt)}";

    public static string Describe(long position, MonthPruned fact) =>
        $"{YearMonthPattern.Iso.Format(fact.Month)} was pruned into the archive whose {FileSums.Name} has the SHA-256 "
        + $"{fact.Sums}, by the fact at position {position.ToString(CultureInfo.InvariantCulture)} "
        + $"(retention {fact.Retention})";
}
