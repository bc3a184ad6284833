using System.Diagnostics;
using System.Text;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Every reader of bytes from outside against its corpus and against changes of it, from a seed: it answers or refuses,
/// within a second and 256 MiB, and throws nothing else. docs/fuzzing.md.
/// </summary>
public sealed class FuzzTests
{
    /// <summary>Longest reading of one input, in ms, and most that it may allocate, in bytes.</summary>
    private const int MillisecondsMax = 1_000;
    private const long BytesMax = 256L * 1024 * 1024;

    /// <summary>What breaks readers: separators, escapes, signs, ends of ranges, other formats' beginnings.</summary>
    private static readonly byte[][] Tokens =
    [
        .. ((string[])["\"", "\\", "\\ud800", "\\u0000", "\0", "\n", "\r\n", "\n\n", ",", "|", "{", "}", "[", "]", "<",
            "&", "<!DOCTYPE a [<!ENTITY b \"b\">]>", "-", "+", ".", "e", "1e60", "1e-60", "99999999999999999999",
            "-9223372036854775808", "NaN", "null", "true", "9999-12-31T23:59:59Z", "0000-01-01T00:00:00-18:00", "24:00",
            "PK\u0003\u0004", "PAR1", "OCMF|", "100,", "200,", "300,", "400,", "900", "kWh", "type", "point", "values",
            "kw", "— ", "origin", "quorum ", "group ", "witness ", "index "]).Select(Encoding.UTF8.GetBytes),
        [0xFF], [0x80], [0xC0, 0x80], [0xEF, 0xBB, 0xBF], [0x1F, 0x8B], [0x28, 0xB5, 0x2F, 0xFD], [0, 0, 0, 0],
        [0xFF, 0xFF, 0xFF, 0xFF], [0xFF, 0xFF, 0xFF, 0x7F], [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1],
    ];

    private static string CorpusFolder => Path.Combine(AppContext.BaseDirectory, "Corpus");

    public static IEnumerable<TheoryDataRow<string>> Targets() =>
        FuzzTargets.All.Keys.Select(name => new TheoryDataRow<string>(name));

    [Theory, MemberData(nameof(Targets))]
    public void A_reader_answers_its_corpus_and_whatever_becomes_of_it(string target)
    {
        WholeMachine.SkipWhileMutating();
        var read = FuzzTargets.All[target];
        var corpus = Corpus(target);
        corpus.Count.ShouldBeGreaterThan(0, $"Corpus/{target} is empty");
        foreach (var input in corpus) Try(input, "corpus");
        var random = new Random(20260702);
        for (var i = 0; i < LongRun.Samples; i++) Try(Changed(random, corpus), $"input {i} of seed 20260702");

        void Try(byte[] input, string which)
        {
            var (before, started) = (GC.GetAllocatedBytesForCurrentThread(), Stopwatch.GetTimestamp());
            try
            {
                read(input);
            }
            catch (Exception fault)
            {
                throw new InvalidOperationException(
                    $"{target}, {which}: {Convert.ToBase64String(input)}", fault);
            }
            var bytes = GC.GetAllocatedBytesForCurrentThread() - before;
            var milliseconds = (long)Stopwatch.GetElapsedTime(started).TotalMilliseconds;
            if (bytes >= BytesMax) throw new InvalidOperationException(
                $"{target}, {which}: {bytes} bytes for {Convert.ToBase64String(input)}");
            // A machine that is busy may stop any thread for a second: what is slow is slow again.
            if (milliseconds >= MillisecondsMax)
            {
                started = Stopwatch.GetTimestamp();
                read(input);
                milliseconds = (long)Stopwatch.GetElapsedTime(started).TotalMilliseconds;
                if (milliseconds >= MillisecondsMax) throw new InvalidOperationException(
                    $"{target}, {which}: {milliseconds} ms for {Convert.ToBase64String(input)}");
            }
        }
    }

    [Fact]
    public void The_corpus_is_small_and_has_a_folder_for_each_reader()
    {
        Directory.GetDirectories(CorpusFolder).Select(Path.GetFileName).Order(StringComparer.Ordinal)
            .ShouldBe(FuzzTargets.All.Keys);
        Directory.EnumerateFiles(CorpusFolder, "*", SearchOption.AllDirectories)
            .Sum(path => new FileInfo(path).Length).ShouldBeLessThanOrEqualTo(200 * 1024);
    }

    private static List<byte[]> Corpus(string target) =>
        [.. Directory.EnumerateFiles(Path.Combine(CorpusFolder, target)).Order(StringComparer.Ordinal)
            .Select(File.ReadAllBytes)];

    private static byte[] Changed(Random random, List<byte[]> corpus)
    {
        var bytes = corpus[random.Next(corpus.Count)];
        for (var changes = random.Next(1, 6); changes > 0; changes--) bytes = Change(random, bytes, corpus);
        return bytes;
    }

    private static byte[] Change(Random random, byte[] bytes, List<byte[]> corpus)
    {
        var at = random.Next(bytes.Length + 1);
        var end = Math.Min(bytes.Length, at + random.Next(1, 1 << random.Next(1, 9)));
        var token = Tokens[random.Next(Tokens.Length)];
        switch (random.Next(9))
        {
            case 0: return bytes[..at]; // cut off
            case 1: return [.. bytes[..at], .. bytes[end..]]; // a stretch left out
            case 2: return [.. bytes[..end], .. bytes[at..]]; // a stretch twice
            case 3: return [.. bytes[..at], .. token, .. bytes[at..]];
            case 4: return [.. bytes[..at], .. token, .. bytes[end..]];
            case 5 when at < bytes.Length: // one bit
                var flipped = bytes[..];
                flipped[at] ^= (byte)(1 << random.Next(8));
                return flipped;
            case 6 when at < bytes.Length: // one byte
                var changed = bytes[..];
                changed[at] = (byte)random.Next(256);
                return changed;
            case 7: // the end of another input
                var other = corpus[random.Next(corpus.Count)];
                return [.. bytes[..at], .. other[random.Next(other.Length + 1)..]];
            default: // a stretch many times, as long as that stays an input of a moment
                var stretch = bytes[at..end];
                var times = Math.Min(random.Next(2, 40), 20_000 / Math.Max(1, stretch.Length));
                return [.. bytes[..at], .. Enumerable.Repeat(stretch, times).SelectMany(each => each), .. bytes[at..]];
        }
    }
}
