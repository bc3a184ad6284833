using System.Diagnostics;
using System.Text.RegularExpressions;
using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The recipes of <c>docs/api.md</c>, run as they stand there, with bash and curl and nothing else.</summary>
public sealed partial class ApiRecipeTests
{
    [Fact]
    public async Task Every_recipe_does_what_it_says()
    {
        Assert.SkipUnless(HasCurl(), "this machine has no curl and bash");
        await using var town = await AccessTown.StartAsync();
        var second = await town.GiveAsync("lee", Role.ChargingOperator, "ACME", []);
        var document = Repository.Text("docs/api.md").ReplaceLineEndings("\n");
        var script = "set -euo pipefail\nledger() { dotnet \"$LEDGER_DLL\" \"$@\"; }\n"
            + string.Join('\n', Blocks().Matches(document).Where(block => block.Groups[1].Value == "sh")
                .Select(block => block.Groups[2].Value));
        var folder = Directory.CreateTempSubdirectory("ledger-recipes-");
        try
        {
            var path = Path.Combine(folder.FullName, "recipes.sh");
            await File.WriteAllTextAsync(path, script, TestContext.Current.CancellationToken);
            var start = new ProcessStartInfo("bash", [path])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                WorkingDirectory = folder.FullName,
            };
            foreach (var (name, value) in new (string, string)[]
            {
                ("LEDGER", town.Served.Client.BaseAddress!.ToString().TrimEnd('/')),
                ("OPERATOR", town.Key(Role.ChargingOperator).Shown), ("SECOND", second.Shown),
                ("GRID", town.Key(Role.GridOperator).Shown), ("ADMIN", town.Key(Role.Administrator).Shown),
                ("DATA", town.Served.Options.Directory),
                ("LEDGER_DLL", Path.Combine(AppContext.BaseDirectory, "ledger.dll")),
            })
                start.Environment[name] = value;
            using var bash = Process.Start(start)!;
            bash.StandardInput.Close();
            var (output, errors) = (bash.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken),
                bash.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
            await bash.WaitForExitAsync(TestContext.Current.CancellationToken);
            bash.ExitCode.ShouldBe(0, $"{await output}\n{await errors}\n{town.Served.Errors}");
            foreach (var shown in Blocks().Matches(document).Where(block => block.Groups[1].Value == "text")
                .SelectMany(block => block.Groups[2].Value.TrimEnd('\n').Split('\n')))
                (await output).ShouldContain(shown);
            Blocks().Count(document).ShouldBe(22);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static bool HasCurl() => !OperatingSystem.IsWindows() && new[] { "curl", "bash" }.All(tool =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(path => File.Exists(Path.Combine(path, tool))));

    [GeneratedRegex(@"^```(sh|text)\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Blocks();
}
