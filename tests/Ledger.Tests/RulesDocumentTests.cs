using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Ledger.Cli;
using Ledger.Ingest;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// <c>docs/rules.md</c> is what somebody reads who checks a rule by hand: every example in it runs as it stands there
/// and gives the answer printed below it, and its lists of rules are those that come with the program.
/// </summary>
public sealed partial class RulesDocumentTests
{
    private static readonly string text = Repository.Text("docs/rules.md");

    public static TheoryData<string, string, string> Examples() => [.. Example().Matches(text)
        .Select(found => (found.Groups["feed"].Value, found.Groups["kind"].Value, found.Groups["answer"].Value))];

    [Theory, MemberData(nameof(Examples))]
    public void An_example_gives_the_answer_below_it(string feed, string kind, string answer)
    {
        var (exit, output, errors) = CommandRun.Of(["calc", kind, "--in", "-"], Fed(feed));
        exit.ShouldBe(ExitCode.Done, errors);
        CalcTests.Holds(JsonNode.Parse(output)!, JsonNode.Parse(answer)!, kind);
    }

    [Fact]
    public void Every_kind_has_its_section_with_an_example_and_a_source()
    {
        Section().Matches(text).Select(section => section.Groups["kind"].Value).ShouldBe(Calc.Kinds, ignoreOrder: true);
        foreach (Match section in Section().Matches(text))
        {
            section.Value.ShouldContain("Source:", Case.Sensitive, section.Groups["kind"].Value);
            var examples = Example().Matches(section.Value).Select(found => found.Groups["kind"].Value).ToList();
            examples.ShouldNotBeEmpty(section.Groups["kind"].Value);
            examples.ShouldAllBe(kind => kind == section.Groups["kind"].Value);
        }
    }

    [Fact]
    public void The_lists_of_rules_are_those_of_the_program() => Rule().Matches(text)
        .Select(row => (row.Groups["name"].Value, row.Groups["numbers"].Value)).ShouldBe(
            StandardPacks.Names.Select(name => (name, StandardPacks.Find(name)!)).Select(pack => (
                pack.Item2.Baseline is null ? pack.name : pack.name["baseline-".Length..],
                pack.Item2.Provisional ? "provisional" : "read in the rule")), ignoreOrder: true);

    /// <summary>What a shell makes of the left side of the pipe.</summary>
    private static string Fed(string feed)
    {
        using var shell = Process.Start(
            new ProcessStartInfo("/bin/sh", ["-c", feed]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        var input = shell.StandardOutput.ReadToEnd();
        shell.WaitForExit();
        shell.ExitCode.ShouldBe(0, feed);
        return input;
    }

    [GeneratedRegex(@"^```sh\n(?<feed>.*?)\s*\|\s*ledger calc (?<kind>[\w-]+) --in -\n```\n+```json\n(?<answer>.*?)^```$",
        RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Example();

    [GeneratedRegex(@"^## (?<kind>[a-z-]+)$.*?(?=^## |\z)", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Section();

    [GeneratedRegex(@"^\| `(?<name>[a-z0-9-]+)` \| (?<numbers>provisional|read in the rule) \|",
        RegexOptions.Multiline)]
    private static partial Regex Rule();
}
