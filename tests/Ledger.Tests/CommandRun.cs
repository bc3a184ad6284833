using System.Text;
using Ledger.Cli;
using NodaTime;

namespace Ledger.Tests;

/// <summary>What a command line did: its exit code and what it wrote, run in this process on a clock that stands.</summary>
internal sealed record CommandRun(int Exit, string Output, string Errors)
{
    public static CommandRun Of(string[] args, string input = "", IClock? clock = null) =>
        OfAsync(args, input, clock).GetAwaiter().GetResult();

    public static async Task<CommandRun> OfAsync(string[] args, string input = "", IClock? clock = null)
    {
        await using var output = new StringWriter { NewLine = "\n" };
        await using var errors = new StringWriter { NewLine = "\n" };
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(input));
        var shell = new Shell(stream, output, errors, clock ?? new StandingClock(TestFolder.Start));
        var exit = await Verbs.RunAsync(args, shell, TestContext.Current.CancellationToken);
        return new(exit, output.ToString(), errors.ToString());
    }
}
