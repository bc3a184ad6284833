using System.Globalization;

namespace Ledger.Journal.Indexing;

/// <summary>
/// The index of a journal: runs that follow each other from position 0, the folder <c>index</c> beside journal.db. It
/// says nothing that the journal does not say, and is made anew where it is missing. Which runs there are never changes
/// here: whoever reads keeps them open, also when their files have been merged and deleted meanwhile.
/// </summary>
public sealed class IndexRuns(IReadOnlyList<IndexRun> all) : IDisposable
{
    public const string FolderName = "index";
    private const int LooksMax = 5; // while another process merges runs as fast as they are listed

    public static readonly IndexRuns None = new([]);

    /// <summary>In order of their positions.</summary>
    public IReadOnlyList<IndexRun> All => all;

    /// <summary>Before which position all events are in the index.</summary>
    public long Length { get; } = all.Count == 0 ? 0 : all[^1].Name.To;

    /// <summary>Opens the index as far as it is whole and of this journal. What is behind is no part of it: it may be
    /// of a later journal, which was lost, or damaged.</summary>
    /// <param name="folder">Of the runs.</param>
    /// <param name="leafAt">The leaf entry at a position of the journal; null where there is no event.</param>
    public static IndexRuns Open(string folder, Func<long, byte[]?> leafAt)
    {
        var runs = Load(folder, (_, _) => { });
        var own = runs.TakeWhile(run => leafAt(run.Name.To - 1).AsSpan().SequenceEqual(run.LastLeaf)).ToList();
        foreach (var other in runs.Skip(own.Count)) other.Dispose();
        return new(own);
    }

    /// <summary>The runs of a folder that follow each other from position 0, whosever they are.</summary>
    /// <param name="tell">Is told the name of a file that is none of them and should be, and why it is not.</param>
    public static List<IndexRun> Load(string folder, Action<string, string> tell)
    {
        for (var look = 1; ; look++)
        {
            var names = Directory.Exists(folder)
                ? Directory.EnumerateFiles(folder).Select(path => RunName.Parse(Path.GetFileName(path)))
                    .OfType<RunName>().ToList() : [];
            var (chain, beyond) = Chain(names);
            if (beyond is not null && look < LooksMax) continue; // a folder that changes is not listed as of one moment
            var runs = new List<IndexRun>();
            try
            {
                foreach (var name in chain) runs.Add(IndexRun.Open(folder, name));
                if (beyond is { } lost)
                    tell($"{lost}", string.Create(CultureInfo.InvariantCulture,
                        $"the runs before it end at position {(chain.Count == 0 ? 0 : chain[^1].To)}"));
                return runs;
            }
            catch (Exception gone) when (gone is FileNotFoundException or DirectoryNotFoundException && look < LooksMax)
            {
                foreach (var run in runs) run.Dispose(); // one was merged meanwhile
            }
            catch (Exception damaged) when (damaged is InvalidDataException or FileNotFoundException
                or DirectoryNotFoundException)
            {
                tell($"{chain[runs.Count]}", damaged.Message);
                return runs;
            }
        }
    }

    /// <summary>The longest runs that follow each other from position 0, and the first that lies behind them.</summary>
    private static (List<RunName> Chain, RunName? Beyond) Chain(List<RunName> names)
    {
        var longest = names.GroupBy(name => name.From)
            .ToDictionary(same => same.Key, same => same.MaxBy(name => name.To));
        var chain = new List<RunName>();
        for (var at = 0L; longest.TryGetValue(at, out var next); at = next.To) chain.Add(next);
        var end = chain.Count == 0 ? 0 : chain[^1].To;
        return (chain, names.Where(name => name.To > end).OrderBy(name => name.From)
            .Select(name => (RunName?)name).FirstOrDefault());
    }

    /// <summary>With one more, which follows.</summary>
    public IndexRuns With(IndexRun next) => new([.. all, next]);

    /// <summary>With the one that was made of some of them in their place.</summary>
    public IndexRuns With(IndexRun merged, IReadOnlyList<IndexRun> of) =>
        new([.. all.TakeWhile(run => run != of[0]), merged, .. all.SkipWhile(run => run != of[^1]).Skip(1)]);

    /// <summary>The first so many neighbours of one length; null where no so many are neighbours.</summary>
    public IReadOnlyList<IndexRun>? Neighbours(int count)
    {
        for (int first = 0, next = 1; next <= all.Count; next++)
        {
            if (next - first == count) return [.. all.Skip(first).Take(count)];
            if (next < all.Count && all[next].Name.Events != all[first].Name.Events) first = next;
        }
        return null;
    }

    /// <summary>Adds the last revision of each stream that is not known yet. Of each run no block is read twice.
    /// </summary>
    /// <param name="streams">The streams' numbers, in ascending order.</param>
    /// <param name="revisions">By stream, as far as they are known.</param>
    public void AddLastRevisions(IReadOnlyList<long> streams, Dictionary<long, long> revisions)
    {
        var cursor = new KeyCursor();
        foreach (var run in all.Reverse())
        {
            streams = [.. streams.Where(stream => !revisions.ContainsKey(stream))];
            foreach (var stream in streams)
                if (cursor.SeekBefore(run.Streams, IndexRun.StreamKey(stream + 1, 0))
                    && IndexRun.StreamOf(cursor.Key) == stream)
                    revisions.Add(stream, IndexRun.RevisionOf(cursor.Key));
        }
    }

    public void Dispose()
    {
        foreach (var run in all) run.Dispose();
    }
}
