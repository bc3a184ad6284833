using System.Text.Json.Nodes;
using Ledger.Cli;
using Ledger.Cli.Listings;
using Ledger.Ingest;
using Ledger.Journal;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What others wrote is shown as their words: it commands no terminal and is no line of the ledger's own.
/// </summary>
public sealed class TerminalTests
{
    private const string Forged = "a.csv\n4711  released  -  meter ok\u001b[1A\u001b[2K\u009b2K\u007f";

    [Fact]
    public async Task A_name_with_control_characters_is_refused()
    {
        await using var served = await ServedLedger.StartAsync();
        var answer = await served.PostAsync($"/v1/imports?name={Uri.EscapeDataString(Forged)}", "x");
        (answer.Status, answer["name"]).ShouldBe((400, "ForbiddenCharacter"));
        (await served.PostAsync("/v1/imports?name=a%20b.csv", "x")).Status.ShouldBe(200);
    }

    /// <summary>As an earlier program took it, or a file of the operator's own is called.</summary>
    [Fact]
    public async Task What_is_recorded_of_a_refusal_writes_no_line_of_its_own()
    {
        await using var served = await ServedLedger.StartAsync(hasIdentity: true);
        await served.Ledger.Intake.TakeAsync(
            new Submission("point,register\u001b]0;mine\u0007\n4711  released\n"u8.ToArray(), Forged), new IntakeHints(),
            served.Ledger.Operator("night"), TestContext.Current.CancellationToken);
        await served.Ledger.CatchUpAsync(TestContext.Current.CancellationToken);
        CommandRun Show(params string[] words) =>
            CommandRun.Of(["show", .. words, "--data", served.Options.Directory], clock: served.Clock);
        var rows = JsonNode.Parse(Show("refusals", "--json").Output)!["refusals"]!.AsArray();
        ((string)rows.ShouldHaveSingleItem()!["source"]!).ShouldBe(Forged); // for programs as it is
        var position = (string)rows[0]!["position"]!;
        foreach (var run in (CommandRun[])[Show("refusals"), Show("refusal", position), Show("event", position)])
        {
            run.Exit.ShouldBe(ExitCode.Done, run.Errors);
            run.Output.ShouldContain("4711");
            run.Output.ShouldNotContain(character => char.IsControl(character) && character != '\n');
            run.Output.Split('\n').ShouldNotContain(line => line.StartsWith("4711", StringComparison.Ordinal));
        }
        Show("refusal", position).Output.ShouldContain("point,register?]0;mine?\n");
    }

    [Fact]
    public void A_cell_and_a_note_have_no_control_character()
    {
        using var text = new StringWriter { NewLine = "\n" };
        new Page().Field("one", "one", "a\u001bb\tc\r\nd").Note("e\u0007\nf")
            .Table("rows", "rows", Listing.Of(["g\nh i"], new("row", "row", row => row), new("n", "n", _ => 1)))
            .Write(text, json: false);
        text.ToString().ShouldBe("one  a?b?c\n     d\n\ne??f\n\nrows\nrow    n\ng?h i  1\n");
    }
}
