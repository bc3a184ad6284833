using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Ledger.Cli;
using Ledger.Cli.Bundles;
using Ledger.Journal;
using Ledger.Journal.Proof;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A ledger that records a run which does not follow from its facts, and signs it: whoever has the bundle alone finds
/// it, by either program.
/// </summary>
public sealed class ForgedRunTests : IDisposable
{
    private const string Facts = """
        {"type":"settlement-point","point":"C9","station":"S09","kind":"connector","owner":"cpo9","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":1000,"bidirectional":false,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"tariff-assignment","account":"cpo9","tariff":"tou","validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"tariff","tariff":"tou","version":2,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"2027-01-01T00:00:00+08:00","rules":[{"months":[1,2,3,4,5,6,7,8,9,10,11,12],"days":["weekday","weekend","holiday"],"from":"08:00","to":"22:00","period":"peak"},{"months":[1,2,3,4,5,6,7,8,9,10,11,12],"days":["weekday","weekend","holiday"],"from":"00:00","to":"24:00","period":"valley"}],"prices":[{"period":"peak","importPerKwh":"1.1","exportPerKwh":"1.0"},{"period":"valley","importPerKwh":"0.35","exportPerKwh":"0.3"}]}
        """;

    /// <summary>100 kWh from 18:00 on and 200 kWh from 19:00 on; nothing is known of any other hour.</summary>
    private const string Curve = """
        point,time,kw
        C9,2026-02-27T18:00:00+08:00,100
        C9,2026-02-27T19:00:00+08:00,100
        C9,2026-02-27T20:00:00+08:00,300

        """;

    private readonly SmallTown town = SmallTown.WithItsDay();
    private readonly SortedDictionary<string, byte[]> files;
    private readonly JsonNode statement;
    private readonly List<string> lines;

    public ForgedRunTests()
    {
        Done("import", town.File("more.jsonl", Facts));
        Done("import", town.File("c9.csv", Curve));
        Done("settle", "--account", "cpo9", "--day", "2026-02-27", "--run", "F1");
        Done("checkpoint", "--origin", "ledger.example/town");
        var zip = town.File("f1.zip", "");
        Done("bundle", "--statement", "F1", "--out", zip);
        files = BundleZip.Read(File.ReadAllBytes(zip));
        statement = JsonNode.Parse(files[BundleFiles.Json])!;
        lines = [.. Text(BundleFiles.Lines).TrimEnd('\n').Split('\n')];
    }

    public void Dispose() => town.Dispose();

    [Fact]
    public void A_run_that_was_signed_again_as_it_is_is_verified() =>
        Verified(Signed(run => run)).ShouldBe((true, true));

    [Fact]
    public void A_line_that_has_the_record_of_another_hour_is_found()
    {
        // What is of 18:00 stands at 19:00, and the other way about; both hours have one price.
        int[] moved = [6, 7, 9, 10, 11];
        var (six, seven) = (lines[18].Split('|'), lines[19].Split('|'));
        (six[6], seven[6]).ShouldBe(("720000000000000000", "1440000000000000000"));
        foreach (var cell in moved) (six[cell], seven[cell]) = (seven[cell], six[cell]);
        (lines[18], lines[19]) = (string.Join('|', six), string.Join('|', seven));
        var rows = Text(BundleFiles.Csv).Split("\r\n");
        var (first, second) = (rows[19].Split(','), rows[20].Split(','));
        foreach (var cell in (int[])[6, 7, 9, 10, 12]) (first[cell], second[cell]) = (second[cell], first[cell]);
        (rows[19], rows[20]) = (string.Join(',', first), string.Join(',', second));
        files[BundleFiles.Csv] = Encoding.UTF8.GetBytes(string.Join("\r\n", rows));
        var (one, other) = (statement["lines"]![18]!, statement["lines"]![19]!);
        foreach (var member in (string[])["meteredKwh", "billedKwh", "amountExact", "amount", "source"])
            (one[member], other[member]) = (other[member]!.DeepClone(), one[member]!.DeepClone());
        Verified(Signed(run => run)).ShouldBe((false, false));
    }

    [Fact]
    public void An_hour_that_was_left_out_is_found()
    {
        lines.RemoveAt(23);
        statement["lines"]!.AsArray().RemoveAt(23);
        files[BundleFiles.Csv] = Encoding.UTF8.GetBytes(
            string.Join("\r\n", Text(BundleFiles.Csv).Split("\r\n").Where((_, row) => row != 24)));
        Verified(Signed(run => run.Replace("\"lines\":24", "\"lines\":23", StringComparison.Ordinal)))
            .ShouldBe((false, false));
    }

    [Fact]
    public void A_tariff_that_is_not_in_force_is_found()
    {
        statement["tariffVersion"] = 2;
        Verified(Signed(run => run.Replace("\"tariffVersion\":1", "\"tariffVersion\":2", StringComparison.Ordinal)))
            .ShouldBe((false, false));
    }

    [Fact]
    public void A_line_of_a_point_that_somebody_else_owns_is_found() =>
        Verified(Signed(run => run, point => point.Replace("\"cpo9\"", "\"cpo8\"", StringComparison.Ordinal)))
            .ShouldBe((false, false));

    private void Done(params string[] args)
    {
        var run = town.Run(args);
        run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
    }

    private string Text(string name) => Encoding.UTF8.GetString(files[name]);

    /// <summary>Whether the bundle is verified: by this program, by the other one.</summary>
    private (bool, bool) Verified(string zip)
    {
        var (mine, other) = (town.Run("verify", zip), BundleTests.Python(zip));
        TestContext.Current.TestOutputHelper!.WriteLine(mine.Output + other.Output);
        return (mine.Exit == ExitCode.Done, other.Exit == 0);
    }

    /// <summary>A bundle of these lines in a log of the same events, but for the run, which has their root; of the
    /// events that no bundle shows, other leaves stand in the log.</summary>
    private string Signed(Func<string, string> forge, Func<string, string>? forgePoint = null)
    {
        var before = (string)statement["linesRoot"]!;
        var root = Convert.ToHexStringLower(
            RootOf(lines.Select(line => MerkleTree.LeafHash(Encoding.UTF8.GetBytes(line)))));
        statement["linesRoot"] = root;
        files[BundleFiles.Lines] = Encoding.UTF8.GetBytes(string.Concat(lines.Select(line => line + '\n')));
        if (!JsonNode.DeepEquals(statement, JsonNode.Parse(files[BundleFiles.Json])))
            files[BundleFiles.Json] = Encoding.UTF8.GetBytes(statement.ToJsonString() + '\n');
        var shown = files.Keys.Where(name => name.StartsWith(BundleFiles.EventsFolder, StringComparison.Ordinal))
            .Select(name => TlogProof.Parse(Text(name)))
            .ToDictionary(proof => proof.Index, proof => DisclosedEvent.Read(proof.Extra!));
        foreach (var (position, known) in shown.ToList())
            if (known.At(position) is { Envelope: { WireName: "settlement-run-completed" } envelope })
            {
                var payload = Encoding.UTF8.GetBytes(forge(Encoding.UTF8.GetString(known.Payload))
                    .Replace(before, root, StringComparison.Ordinal));
                shown[position] = new(known.Salt, EnvelopeBytes.Write(envelope, payload.Length), payload);
            }
            else if (forgePoint is not null
                && known.At(position) is { Envelope: { WireName: "settlement-point-registered" } registered })
            {
                var payload = Encoding.UTF8.GetBytes(forgePoint(Encoding.UTF8.GetString(known.Payload)));
                shown[position] = new(known.Salt, EnvelopeBytes.Write(registered, payload.Length), payload);
            }
        var size = Checkpoint.Parse(SignedNote.Parse(files[BundleFiles.Checkpoint]).Text).Size;
        byte[][] leaves = [.. Enumerable.Range(0, (int)size).Select(at => MerkleTree.LeafHash(
            shown.TryGetValue(at, out var known) ? known.LeafEntry() : SHA256.HashData(BitConverter.GetBytes(at))))];
        var key = new SignerKey("ledger.example/town", new byte[32]);
        var note = $"{SignedNote.Sign(new Checkpoint("ledger.example/town", size, RootOf(leaves)).ToText(), key)}";
        files[BundleFiles.Checkpoint] = Encoding.UTF8.GetBytes(note);
        files[BundleFiles.Keys] = Encoding.UTF8.GetBytes($"{key.Verifier}\n");
        foreach (var (position, known) in shown)
            files[BundleFiles.Event(position)] = Encoding.UTF8.GetBytes($"{new TlogProof(position,
                MerkleProof.Inclusion(position, size, (level, index) => RootOf(
                    leaves.Skip((int)(index << level)).Take(1 << level))), note, known.ToBytes())}");
        files[BundleFiles.Sums] = BundleFiles.SumsOf(files);
        files[BundleFiles.Manifest] = BundleManifest.Of("town", "F1", files).ToBytes();
        var zip = town.File("forged.zip", "");
        File.WriteAllBytes(zip, BundleZip.Write(files));
        return zip;
    }

    private static byte[] RootOf(IEnumerable<byte[]> leaves)
    {
        List<byte[]> hashes = [.. leaves];
        while (hashes.Count > 1)
            hashes = [.. hashes.Chunk(2)
                .Select(pair => pair.Length == 1 ? pair[0] : MerkleTree.NodeHash(pair[0], pair[1]))];
        return hashes[0];
    }
}
