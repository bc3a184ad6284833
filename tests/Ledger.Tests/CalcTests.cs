using System.Text.Json.Nodes;
using Ledger.Cli;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// <c>ledger calc</c> by a table that can be read and checked by hand: kind | input | what the answer holds, or the
/// refusal's code and field.
/// </summary>
public sealed class CalcTests
{
    public static TheoryData<string> Lines() => [.. Directory
        .GetFiles(Path.Combine(AppContext.BaseDirectory, "Scenarios"), "calc*.txt").Order(StringComparer.Ordinal)
        .SelectMany(File.ReadLines).Where(line => line.Length > 0 && line[0] != '#')];

    [Theory, MemberData(nameof(Lines))]
    public void Each_line_of_the_table_holds(string line)
    {
        var cells = line.Split('|', StringSplitOptions.TrimEntries);
        cells.Length.ShouldBe(3, line);
        var (exit, output, errors) = Run(["calc", cells[0], "--in", "-", "--json"], cells[1]);
        if (cells[2].StartsWith('{'))
        {
            exit.ShouldBe(ExitCode.Done, errors);
            Holds(JsonNode.Parse(output)!, JsonNode.Parse(cells[2])!, "answer");
            return;
        }
        exit.ShouldBe(ExitCode.CouldNot, output);
        output.ShouldBeEmpty();
        var problem = JsonNode.Parse(errors)!;
        $"{problem["code"]} {problem["field"]}".ShouldBe(cells[2]);
        ((string?)problem["rule"]).ShouldNotBeNullOrEmpty();
    }

    [Fact]
    public void The_order_of_samples_changes_nothing()
    {
        const string forward = """{"samples":[[0,1],[1,2],[1,3],[2,-1],[3,0.5]],"periodSeconds":2}""";
        const string backward = """{"samples":[[3,0.5],[1,3],[2,-1],[1,2],[0,1]],"periodSeconds":2}""";
        Run(["calc", "integrate", "--in", "-"], forward).ShouldBe(Run(["calc", "integrate", "--in", "-"], backward));
    }

    [Fact]
    public void A_refused_value_is_named_with_its_field_and_rule_in_plain_text_too()
    {
        var (exit, _, errors) = Run(["calc", "round", "--in", "-"], """{"values":["1.5","abc"],"decimals":0}""");
        exit.ShouldBe(ExitCode.CouldNot);
        errors.Trim().ShouldBe(
            "ledger calc: NotANumber: values[1] is \"abc\": must be a decimal number with an exponent of at most 60");
    }

    [Theory]
    [InlineData]
    [InlineData("calc")]
    [InlineData("calc", "unknown", "--in", "-")]
    [InlineData("calc", "round")]
    [InlineData("calc", "round", "--in")]
    [InlineData("calc", "round", "--in", "-", "--in", "-")]
    [InlineData("frobnicate")]
    [InlineData("calc", "round", "--in", "-", "--loud")]
    public void A_wrong_command_line_is_usage(params string[] args) => Run(args, "{}").Exit.ShouldBe(ExitCode.Usage);

    [Fact]
    public void A_file_that_is_not_there_is_could_not() =>
        Run(["calc", "round", "--in", Path.Combine(Path.GetTempPath(), "no-such-folder", "x.json")], "").Exit
            .ShouldBe(ExitCode.CouldNot);

    static CommandRun Run(string[] args, string input) => CommandRun.Of(args, input);

    /// <summary>Every member that the table states is in the answer, as text equal; the answer may hold more.</summary>
    internal static void Holds(JsonNode actual, JsonNode expected, string path)
    {
        if (expected is JsonObject members)
        {
            foreach (var (name, value) in members)
                if (value is null) (actual.AsObject().ContainsKey(name) && actual[name] is null)
                    .ShouldBeTrue($"{path}.{name}");
                else Holds(actual[name].ShouldNotBeNull($"{path}.{name}"), value, $"{path}.{name}");
        }
        else if (expected is JsonArray elements)
        {
            actual.AsArray().Count.ShouldBe(elements.Count, path);
            for (var i = 0; i < elements.Count; i++) Holds(actual[i]!, elements[i]!, $"{path}[{i}]");
        }
        else
        {
            actual.ToJsonString().ShouldBe(expected.ToJsonString(), path);
        }
    }
}
