using System.Text.RegularExpressions;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Projections;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What the documents say of the code is compared with the code.</summary>
public sealed partial class DocumentTests
{
    private static readonly string[] Columns =
        ["Trigger", "Evidence or command", "Decision file", "Fact", "Views that change", "Scenario file"];

    private sealed record Row(string DecisionFile, string Fact, string Views, string ScenarioFile);

    [Fact]
    public void The_event_model_has_one_row_for_every_fact()
    {
        var facts = typeof(LedgerEvent).Assembly.GetTypes()
            .Where(type => type.IsSubclassOf(typeof(LedgerEvent))).Select(type => type.Name);
        EventModel().Select(row => Quoted(row.Fact).Single()).ShouldBe(facts, ignoreOrder: true);
    }

    [Fact]
    public void The_event_model_names_the_file_that_declares_the_fact_or_decides_it()
    {
        foreach (var row in EventModel())
            foreach (var file in Quoted(row.DecisionFile))
                Repository.Text($"src/Ledger.Domain/{file}")
                    .ShouldContain(Quoted(row.Fact).Single(), Case.Sensitive, row.Fact);
    }

    [Fact]
    public void The_event_model_names_exactly_the_views_that_read_the_fact()
    {
        foreach (var row in EventModel())
            Quoted(row.Views).ShouldBe(
                StandardProjections.All.Where(view => view.Handled.Any(fact => fact.Name == Quoted(row.Fact).Single()))
                    .Select(view => view.GetType().Name), ignoreOrder: true, row.Fact);
    }

    [Fact]
    public void The_event_model_names_scenario_files_that_exist()
    {
        foreach (var file in EventModel().SelectMany(row => Quoted(row.ScenarioFile)))
            File.Exists(Repository.PathOf($"tests/Ledger.Tests/Scenarios/{file}")).ShouldBeTrue(file);
    }

    [Fact]
    public void Paths_in_documents_exist()
    {
        var missing =
            from document in Documents()
            from Match path in PathInCode().Matches(Repository.Text(document))
            where !File.Exists(Repository.PathOf(path.Groups[1].Value))
                && !Directory.Exists(Repository.PathOf(path.Groups[1].Value))
            select $"{document}: {path.Groups[1].Value}";
        missing.ShouldBeEmpty();
    }

    [Fact]
    public void Commands_in_documents_are_verbs_with_options_that_they_know()
    {
        var wrong =
            from document in Documents()
            from command in Commands(Repository.Text(document))
            let known = Verbs.Find(command.Verb)?.Options.Concat(CommandLine.Common).Select(option => option.Name)
            where known is null || command.Options.Except(known).Any()
            select $"{document}: ledger {command.Verb} {string.Join(' ', command.Options)}";
        wrong.ShouldBeEmpty();
        Commands(Repository.Text("README.md")).Count().ShouldBeGreaterThan(20);
    }

    [Fact]
    public void A_term_stands_in_the_vocabulary_once()
    {
        var terms = Repository.Text("docs/vocabulary.md").Split('\n').Where(line => line.StartsWith('|'))
            .Select(line => Cells(line)[0]).Where(term => term is not ("Say" or "Name" or "---")).ToList();
        terms.Count.ShouldBeGreaterThan(200);
        terms.GroupBy(term => term).Where(same => same.Count() > 1).Select(same => same.Key).ShouldBeEmpty();
    }

    /// <summary>What code and documents cite as "market rules" is a section of the list of sources.</summary>
    [Fact]
    public void Sections_of_the_market_rules_are_in_the_list_of_sources()
    {
        var listed = Repository.Text("docs/sources.md").Split('\n').Where(line => line.StartsWith('|'))
            .Select(line => Cells(line)[0]).ToList();
        var cited = Repository.Files("src", "*.cs").Concat(Documents())
            .Concat(Repository.Files("tests/Ledger.Tests/Scenarios", "*.txt"))
            .SelectMany(path => MarketRules().Matches(Repository.Text(path)).Select(cite => cite.Groups[1].Value))
            .Distinct().ToList();
        cited.ShouldContain("2.10");
        cited.Except(listed).ShouldBeEmpty();
    }

    [Fact]
    public void A_document_has_one_title()
    {
        foreach (var document in Documents())
            Fences().Replace(Repository.Text(document), "").Split('\n')
                .Count(line => line.StartsWith("# ", StringComparison.Ordinal)).ShouldBe(1, document);
    }

    [Fact]
    public void The_readme_gives_the_commands_and_the_way_of_a_reading()
    {
        var readme = Repository.Text("README.md");
        readme.ShouldContain("dotnet run --project src/Ledger.Cli -c Release -- ");
        readme.ShouldContain("\n./test.sh\n");
        FileOnTheWay().Count(readme).ShouldBeInRange(4, 5);
    }

    [Fact]
    public void The_licence_is_Apache_2() =>
        Repository.Text("LICENSE").ShouldSatisfyAllConditions(
            text => text.ShouldContain("Apache License"), text => text.ShouldContain("Version 2.0, January 2004"));

    private static IReadOnlyList<string> Documents() => Repository.Files(".", "*.md");

    /// <summary>Command lines in code spans and in blocks, the latter without what stands behind <c> #</c>.</summary>
    private static IEnumerable<(string Verb, IReadOnlyList<string> Options)> Commands(string text)
    {
        var joined = text.Replace("\\\n", " ", StringComparison.Ordinal);
        return Fences().Matches(joined).SelectMany(block => CommandInBlock().Matches(block.Value))
            .Concat(CommandInSpan().Matches(Fences().Replace(joined, "")))
            .Select(command => (command.Groups[1].Value, (IReadOnlyList<string>)OptionOfCommand()
                .Matches(command.Groups[2].Value.Split(" #")[0]).Select(option => option.Value).ToList()));
    }

    private static IReadOnlyList<Row> EventModel()
    {
        var table = Repository.Text("docs/event-model.md").Split('\n')
            .Where(line => line.StartsWith('|')).Select(Cells).ToList();
        table[0].ShouldBe(Columns);
        return table.Skip(2).Select(cells => new Row(cells[2], cells[3], cells[4], cells[5])).ToList();
    }

    private static string[] Cells(string line) => line.Trim().Trim('|').Split('|', StringSplitOptions.TrimEntries);

    private static IReadOnlyList<string> Quoted(string cell) =>
        CodeSpan().Matches(cell).Select(match => match.Groups[1].Value).ToList();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex CodeSpan();

    [GeneratedRegex(@"`((?:src|tests|docs)/[A-Za-z0-9_./-]+)`")]
    private static partial Regex PathInCode();

    [GeneratedRegex(@"^\d\. `src/[^`]+`", RegexOptions.Multiline)]
    private static partial Regex FileOnTheWay();

    [GeneratedRegex(@"(?:^|\| )ledger ([a-z]+)([^|\n]*)", RegexOptions.Multiline)]
    private static partial Regex CommandInBlock();

    [GeneratedRegex(@"`ledger ([a-z]+)([^`]*)`")]
    private static partial Regex CommandInSpan();

    [GeneratedRegex(@"(?<![\w-])--[a-z][a-z-]*")]
    private static partial Regex OptionOfCommand();

    [GeneratedRegex(@"market rules §(\d+(?:\.\d+)?)", RegexOptions.IgnoreCase)]
    private static partial Regex MarketRules();

    [GeneratedRegex(@"^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Fences();
}
