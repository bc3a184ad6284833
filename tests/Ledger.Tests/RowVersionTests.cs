using System.Globalization;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using NodaTime.Text;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// The same events give the same rows for as long as a projection says the same version of them
/// (<see cref="IProjection.RowVersion"/>). The events are those of a file, to whose end others may be added, and the
/// accepted digests are those of another: a line is added where a version is raised, or where events are added, and
/// none is ever changed. Each line has a digest of all before it, so who would change one has to make all behind it
/// anew, which nothing here does for him.
/// </summary>
public sealed class RowVersionTests
{
    private const string Accepted = "tests/Ledger.Tests/RowVersions.verified.txt",
        Received = "tests/Ledger.Tests/RowVersions.received.txt", Facts = "tests/Ledger.Tests/RowVersions.facts.txt";

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>A line of the accepted digests: the rows of a projection's version after so many events.</summary>
    /// <param name="Chain">Of this line and all before it.</param>
    private sealed record Line(string Projection, int Version, int Events, string Rows, string Chain)
    {
        public static Line After(string chain, string projection, int version, int events, string rows) => new(
            projection, version, events, rows, Hashed($"{chain} {projection} {version} {events} {rows}")[..16]);

        public static Line Parse(string text) =>
            text.Split(' ') is [var projection, var version, var events, var rows, var chain]
            ? new(projection, int.Parse(version, CultureInfo.InvariantCulture),
                int.Parse(events, CultureInfo.InvariantCulture), rows, chain)
            : throw new FormatException($"{Accepted} has the line '{text}'");

        public override string ToString() => $"{Projection} {Version} {Events} {Rows} {Chain}";
    }

    /// <summary>The events of the file, in the order in which they are recorded.</summary>
    private sealed class JournalOfFile : IJournal
    {
        private readonly List<RecordedEvent> events = [];

        public JournalOfFile(IEnumerable<string> lines)
        {
            foreach (var line in lines)
            {
                if (line.Split('\t')
                    is not [var stream, var name, var version, var from, var to, var at, var party, var json])
                    throw new FormatException($"{Facts} has the line '{line}'");
                var fact = EventCodec.FromJson(name, int.Parse(version, CultureInfo.InvariantCulture), json);
                var encoded = EventCodec.Encode(fact);
                events.Add(new(events.Count, new Envelope(Ledger, stream, 0, EventId.From(Time(from),
                    new EvidenceKey($"{events.Count}")), encoded.WireName, encoded.Version, Time(from), Time(to), Time(at),
                    "test", new PartyId(party), null, [], encoded.ContentType), encoded.Payload));
            }
        }

        private static Instant Time(string text) => InstantPattern.ExtendedIso.Parse(text).Value;

        public LedgerId Ledger { get; } = new("versions");
        public long Length => events.Count;
        public byte[] Root => [];
        public IEnumerable<Type> Types => events.Select(each => EventCodec.Decode(each).GetType());

        public async IAsyncEnumerable<RecordedEvent> ReadAllAsync(
            long fromPosition, [EnumeratorCancellation] CancellationToken ct)
        {
            await Task.CompletedTask;
            foreach (var each in events.Skip((int)fromPosition)) yield return each;
        }

        public IAsyncEnumerable<RecordedEvent> ReadStreamAsync(
            string stream, long fromRevision, CancellationToken ct) =>
            throw new NotSupportedException();

        public ValueTask<AppendResult> AppendAsync(string stream, ExpectedRevision expected,
            IReadOnlyList<NewFact> facts, Principal by, EventId? causation, CancellationToken ct) =>
            throw new NotSupportedException();

        public Task WaitForAsync(long position, CancellationToken ct) => throw new NotSupportedException();
        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    private static string[] LinesOf(string file) =>
        Repository.Text(file).ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');

    [Fact]
    public async Task Rows_change_only_with_their_version()
    {
        var facts = LinesOf(Facts);
        var accepted = LinesOf(Accepted).Select(Line.Parse).ToList();
        Chained(accepted);
        var rows = await Replay.RecomputeAsync(new JournalOfFile(facts), StandardProjections.All,
            (name, version, payload) => EventCodec.Decode(name, version, payload), null, Ct);
        var lines = accepted.ToList();
        // The events themselves first, as if they were rows that have always one version.
        Check(lines, "events", 1, facts.Length, end => Hashed(string.Join('\n', facts.Take(end))));
        foreach (var projection in StandardProjections.All)
            Check(lines, projection.Name, projection.RowVersion, facts.Length,
                end => DigestOf(rows, projection.Name, end));
        if (lines.Count == accepted.Count)
        {
            File.Delete(Repository.PathOf(Received));
            return;
        }
        File.WriteAllText(Repository.PathOf(Received), string.Concat(lines.Select(line => $"{line}\n")));
        Assert.Fail($"not accepted yet: {string.Join(", ", lines.Skip(accepted.Count))}; read {Received}, which is "
            + $"{Accepted} with this at its end");
    }

    /// <summary>Throws where rows of the version are no longer those that were accepted; adds the line that is missing
    /// of a version, or of as many events.</summary>
    /// <param name="digest">Of the rows as they were after so many events.</param>
    private static void Check(
        List<Line> lines, string projection, int version, int events, Func<int, string> digest)
    {
        var known = lines.FindAll(line => line.Projection == projection);
        (known.LastOrDefault()?.Version ?? version).ShouldBeLessThanOrEqualTo(version,
            $"the row version of {projection} is never lowered");
        foreach (var line in known.Where(line => line.Version == version))
            digest(line.Events).ShouldBe(line.Rows,
                $"rows of {projection} changed: raise its row version and accept the new digest");
        if (!known.Exists(line => line.Version == version && line.Events == events))
            lines.Add(Line.After(lines.LastOrDefault()?.Chain ?? "", projection, version, events, digest(events)));
    }

    [Fact]
    public void Other_rows_are_accepted_with_another_version_and_with_no_other()
    {
        List<Line> lines = [];
        void Made(int version, int events, string rows) => Check(lines, "V", version, events, end => $"{rows}{end}");
        Made(1, 5, "a");
        Made(1, 5, "a");
        lines.Count.ShouldBe(1);
        Made(1, 7, "a"); // events were added: the earlier line still holds
        Should.Throw<ShouldAssertException>(() => Made(1, 7, "b")).Message
            .ShouldContain("rows of V changed: raise its row version and accept the new digest");
        Should.Throw<ShouldAssertException>(() => Made(1, 8, "b"));
        Made(2, 7, "b");
        Should.Throw<ShouldAssertException>(() => Made(1, 7, "a")).Message.ShouldContain("is never lowered");
        lines.Select(line => (line.Version, line.Events, line.Rows)).ShouldBe([(1, 5, "a5"), (1, 7, "a7"), (2, 7, "b7")]);
        Chained(lines);
    }

    /// <summary>Else a projection could change how it reads a fact, and no digest would.</summary>
    [Fact]
    public void Every_fact_that_a_projection_reads_is_among_the_events() =>
        StandardProjections.All.SelectMany(projection => projection.Handled).Distinct()
            .Except(new JournalOfFile(LinesOf(Facts)).Types)
            .Select(type => type.Name).ShouldBeEmpty($"add one to the end of {Facts}");

    [Fact]
    public void A_line_that_was_accepted_cannot_be_changed_alone()
    {
        var lines = new List<Line>();
        foreach (var (name, digest) in (ReadOnlySpan<(string, string)>)[("A", "1"), ("B", "2"), ("A", "3")])
            lines.Add(Line.After(lines.LastOrDefault()?.Chain ?? "", name, 1, 9, digest));
        Chained(lines);
        for (var at = 0; at < lines.Count; at++)
        {
            List<Line> changed = [.. lines], fewer = [.. lines];
            changed[at] = changed[at] with { Rows = "4" };
            Should.Throw<ShouldAssertException>(() => Chained(changed)).Message.ShouldContain("is never changed");
            fewer.RemoveAt(at);
            if (at < lines.Count - 1) Should.Throw<ShouldAssertException>(() => Chained(fewer));
        }
    }

    private static void Chained(IReadOnlyList<Line> lines)
    {
        var before = "";
        foreach (var line in lines)
        {
            line.ShouldBe(Line.After(before, line.Projection, line.Version, line.Events, line.Rows),
                "a line that was accepted is never changed nor taken out; others are added behind the last one");
            before = line.Chain;
        }
    }

    /// <summary>Of every version of every row, in order of key and position, as it was known after so many events.
    /// </summary>
    private static string DigestOf(MemoryViews views, string projection, int end)
    {
        var text = new StringBuilder();
        Replay.ScanUntil(views, projection, end, (key, from, to, json) => text.Append(CultureInfo.InvariantCulture,
            $"{Encoding.UTF8.GetString(key)}\t{from}\t{to}\t{Encoding.UTF8.GetString(json)}\n"));
        return Hashed(text.ToString());
    }

    private static string Hashed(string text) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
