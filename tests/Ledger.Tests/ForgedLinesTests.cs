using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Ledger.Cli;
using Ledger.Cli.Bundles;
using Ledger.Cli.Listings;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A ledger that records a run with other lines than its facts give, and signs it; and a line of it that is as it
/// should be: whoever has the bundle of this line alone finds what is wrong with the run around it.
/// </summary>
public sealed partial class ForgedLinesTests
{
    private const int ImportsOfC1 = 24, ExportsOfC1 = 48, All = 72;

    /// <param name="asked">The line that is asked for, as the honest run numbers it; the last one of the forged run.
    /// </param>
    [Theory]
    [InlineData("as it is", All, null)]
    [InlineData("a point twice", All, "line 25: S01-C1 Import")]
    [InlineData("another total", All, "total 999999, and ")]
    [InlineData("another currency", All, "EUR by the run")]
    [InlineData("no exports", ImportsOfC1, "S01-C1 has 0 lines of Export, and 24 by the facts")]
    [InlineData("fewer exports", ExportsOfC1 - 4, "S01-C1 has 20 lines of Export, and 24 by the facts")]
    public void A_run_that_is_forged_around_a_line_is_found(string forgery, int asked, string? found)
    {
        using var town = SmallTown.WithItsDay();
        town.ImportCurve().Exit.ShouldBe(ExitCode.Done);
        Done(town, "settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R1");
        Done(town, "checkpoint", "--origin", "ledger.example/town");
        var honest = Lines(town, "R1");
        honest.Count.ShouldBe(All);
        List<string> lines = forgery switch
        {
            "a point twice" => [.. honest[ExportsOfC1..], .. honest[..ExportsOfC1], .. honest[ExportsOfC1..]],
            _ => honest[..asked],
        };
        var run = Forged(town, $"R1#{asked}", lines, lines.Count,
            forgery == "another total" ? "999999" : null, forgery == "another currency" ? "EUR" : null);
        run.Exit.ShouldBe(found is null ? ExitCode.Done : ExitCode.NotAsItShouldBe, run.Output + run.Errors);
        if (found is not null) run.Output.ShouldContain(found);
    }

    /// <summary>The lines after it are not in the bundle.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_charge_that_stands_twice_is_found(bool twice)
    {
        using var town = ChargedTown.Settled();
        var lines = Lines(town, "R2");
        var asked = 1 + lines.FindIndex(line => line.Contains("|demand|", StringComparison.Ordinal));
        if (twice) lines.Insert(asked, lines[asked - 1]);
        var run = Forged(town, $"R2#{asked}", lines, twice ? asked + 1 : asked, null, null);
        run.Exit.ShouldBe(twice ? ExitCode.NotAsItShouldBe : ExitCode.Done, run.Output + run.Errors);
        if (twice) run.Output.ShouldContain("demand of P1 stands twice");
    }

    /// <summary>The run lacks the first or the last charge of its point, and its total does.</summary>
    /// <param name="askedFromLast">Which of the other charges is asked for: what stands after it is not in the bundle.
    /// </param>
    [Theory]
    [InlineData(true, 0, true)]
    [InlineData(false, 0, true)]
    [InlineData(false, 1, false)]
    public void A_charge_that_is_due_and_left_out_is_found_as_far_as_the_bundle_goes(
        bool first, int askedFromLast, bool isFound)
    {
        using var town = ChargedTown.Settled();
        var lines = Lines(town, "R2");
        var leftOut = first ? lines.FindIndex(line => line.Contains("|Charge", StringComparison.Ordinal)) : lines.Count - 1;
        var asked = lines.Count - askedFromLast - (first ? 0 : 1);
        lines.RemoveAt(leftOut);
        var here = lines.Count - askedFromLast;
        var run = Forged(town, $"R2#{asked}", lines, here, null, null);
        run.Exit.ShouldBe(isFound ? ExitCode.NotAsItShouldBe : ExitCode.Done, run.Output + run.Errors);
        if (isFound) run.Output.ShouldContain("is due by the facts, and left out");
        else run.Output.ShouldContain("whether the charges of 1 points of these lines, for their month or day, are all that is due");
    }

    private static void Done(SmallTown town, params string[] args)
    {
        var run = town.Run(args);
        run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
    }

    private static List<string> Lines(SmallTown town, string run)
    {
        var zip = town.File("whole.zip", "");
        Done(town, "bundle", "--statement", run, "--out", zip);
        return [.. Text(BundleZip.Read(File.ReadAllBytes(zip))[BundleFiles.Lines]).TrimEnd('\n').Split('\n')];
    }

    /// <summary>Verifies the bundle of one line, signed again with a run of these lines, of which so many are in it and
    /// the last one is the line that was asked for.</summary>
    private static CommandRun Forged(
        SmallTown town, string asked, List<string> lines, int here, string? total, string? currency)
    {
        var zip = town.File("forged.zip", "");
        Done(town, "prove", asked, "--out", zip);
        var files = BundleZip.Read(File.ReadAllBytes(zip));
        lines = [.. lines.Select((line, i) => $"{i + 1}{line[line.IndexOf('|', StringComparison.Ordinal)..]}")];
        var leaves = SignedAgain.LeavesOf(lines);
        var root = Convert.ToHexStringLower(SignedAgain.RootOf(leaves));
        total ??= lines.Sum(Amount).ToString("0.##", CultureInfo.InvariantCulture);
        var document = JsonNode.Parse(files[BundleFiles.LinesJson])!;
        var (run, line) = (document["runs"]![0]!, document["lines"]![0]!.AsObject());
        document["request"]!["number"] = here;
        (run["lines"], run["linesHere"], run["linesRoot"], run["total"]) = (lines.Count, here, root, total);
        if (currency is not null) run["currency"] = currency;
        (line["number"], line["text"], line["byEvidence"]) = (here, lines[here - 1], lines[here - 1]);
        var path = SignedAgain.Inclusion(leaves, here - 1);
        if (here == lines.Count && !line.ContainsKey("path")) line.Insert(line.IndexOf("text") + 1, "path", null);
        if (here == lines.Count) line["path"] = Hashes(path);
        document["path"] = Hashes(path);
        // A charge's own value names its line.
        files[BundleFiles.LinesJson] = Encoding.UTF8.GetBytes(document.ToJsonString(Listing.Indented).Replace(
            $"\"line {asked.Split('#')[1]}: ", $"\"line {here}: ", StringComparison.Ordinal) + '\n');
        var statement = files.Keys.Single(name =>
            name.StartsWith(BundleFiles.StatementsFolder, StringComparison.Ordinal));
        files[statement] = Encoding.UTF8.GetBytes(string.Concat(lines.Take(here).Select(each => each + '\n')));
        SignedAgain.Sign(files, $"{asked.Split('#')[0]}#{here}", BundleFiles.LinesFormat, (name, payload) =>
            name != "settlement-run-completed" ? payload
                : Encoding.UTF8.GetBytes(RunOf(Encoding.UTF8.GetString(payload), lines.Count, root, total, currency)));
        File.WriteAllBytes(zip, BundleZip.Write(files));
        return town.Run("verify", zip, "--json");
    }

    private static string RunOf(string payload, int lines, string root, string total, string? currency)
    {
        var run = JsonNode.Parse(payload)!;
        payload = Count().Replace(payload, string.Create(CultureInfo.InvariantCulture, $"\"lines\":{lines},"), 1)
            .Replace((string)run["linesRoot"]!, root, StringComparison.Ordinal)
            .Replace($"\"total\":\"{run["total"]}\"", $"\"total\":\"{total}\"", StringComparison.Ordinal);
        return currency is null ? payload : payload.Replace($"\"currency\":\"{run["currency"]}\"",
            $"\"currency\":\"{currency}\"", StringComparison.Ordinal);
    }

    private static JsonArray Hashes(IEnumerable<byte[]> path) =>
        new([.. path.Select(hash => (JsonNode)Convert.ToBase64String(hash))]);

    private static decimal Amount(string line)
    {
        var cells = line.Split('|');
        var amount = cells[cells[2].StartsWith("Charge", StringComparison.Ordinal) ? 8 : 10];
        return amount == "-" ? 0m : decimal.Parse(amount, CultureInfo.InvariantCulture);
    }

    private static string Text(byte[] file) => Encoding.UTF8.GetString(file);

    [GeneratedRegex("\"lines\":[0-9]+,")]
    private static partial Regex Count();
}
