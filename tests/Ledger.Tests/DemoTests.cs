using System.Diagnostics;
using System.Text.Json;
using Ledger.Cli;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The whole demonstration, as a user runs it: the most that one seed can prove about sameness.</summary>
public sealed class DemoTests : IDisposable
{
    private readonly TestFolder here = new(), elsewhere = new();

    public void Dispose()
    {
        here.Dispose();
        elsewhere.Dispose();
    }

    [Fact]
    public async Task One_seed_gives_the_same_ledger_on_another_machine_and_the_views_are_what_the_journal_says()
    {
        WholeMachine.SkipWhileMutating();
        var other = ElsewhereAsync(); // which has a processor of its own
        var first = await CommandRun.OfAsync(["demo", "--data", here.Path, "--json"]);
        var second = await other;
        first.ShouldSatisfyAllConditions(run => run.Exit.ShouldBe(ExitCode.Done), run => run.Errors.ShouldBeEmpty());
        using var answer = JsonDocument.Parse(first.Output);
        Snapshot.Match(string.Join('\n', new[] { "ledger", "seed", "facts", "digest" }
            .Select(name => $"{name} {answer.RootElement.GetProperty(name)}")), "Demo.digest");

        second.ShouldBe(first.Output);
        Snapshot.Match((await ReportAsync()).Output, "Demo.report");
        JsonDocument.Parse((await ReportAsync("--json")).Output).RootElement.GetProperty("digest").GetString()
            .ShouldBe(answer.RootElement.GetProperty("digest").GetString());
        (await ReportAsync("--html")).Output.ShouldStartWith("<!doctype html>");
        (await CommandRun.OfAsync(["replay", "--diff", "--data", here.Path])).Exit.ShouldBe(ExitCode.Done);
        (await CommandRun.OfAsync(["demo", "--data", here.Path])).ShouldBeFailure(
            $"ledger demo: {here.Path} is not empty; a demonstration needs a folder of its own: name one with --data, or remove it");
    }

    private async Task<CommandRun> ReportAsync(params string[] form)
    {
        var run = await CommandRun.OfAsync(["report", "station", "st10", "--period", "2025-07-16", "--data", here.Path,
            .. form]);
        run.ShouldSatisfyAllConditions(done => done.Exit.ShouldBe(ExitCode.Done), done => done.Errors.ShouldBeEmpty());
        return run;
    }

    /// <summary>Another language and time zone, one processor, no vector instructions.</summary>
    private async Task<string> ElsewhereAsync()
    {
        var start = new ProcessStartInfo("dotnet")
        {
            ArgumentList = { Path.Combine(AppContext.BaseDirectory, "ledger.dll"), "demo", "--data", elsewhere.Path,
                "--json" },
            Environment =
            {
                ["LANG"] = "tr_TR.UTF-8", ["LC_ALL"] = "tr_TR.UTF-8", ["TZ"] = "America/St_Johns",
                ["DOTNET_SYSTEM_GLOBALIZATION_INVARIANT"] = "0", ["DOTNET_PROCESSOR_COUNT"] = "1",
                ["DOTNET_EnableHWIntrinsic"] = "0",
            },
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        process.ExitCode.ShouldBe(ExitCode.Done);
        return output;
    }
}
