using System.Text;
using Ledger.Cli;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What a command line did: its exit code and what it wrote,
/// run in this process on a clock that stands.</summary>
internal sealed record CommandRun(int Exit, string Output, string Errors)
{
    /// <summary>What it wrote that is no text.</summary>
    public ReadOnlyMemory<byte> Raw { get; private init; }

    /// <summary>It could not, and said so in this one line.</summary>
    public void ShouldBeFailure(string line)
    {
        Errors.ShouldBe(line + "\n");
        (Exit, Output).ShouldBe((ExitCode.CouldNot, ""));
    }

    public static CommandRun Of(string[] args, string input = "", IClock? clock = null,
        IReadOnlyDictionary<string, string>? environment = null) =>
        OfAsync(args, input, clock, environment).GetAwaiter().GetResult();

    /// <param name="environment">What a server would be told by its environment; nothing of what the tests are
    /// told.</param>
    /// <param name="said">Is told what it writes as errors while it goes on.</param>
    public static async Task<CommandRun> OfAsync(string[] args, string input = "", IClock? clock = null,
        IReadOnlyDictionary<string, string>? environment = null, Action? said = null)
    {
        await using var output = new StringWriter { NewLine = "\n" };
        await using var errors = new ErrorText(said) { NewLine = "\n" };
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(input));
        using var raw = new MemoryStream();
        var shell = new Shell(stream, raw, output, errors, clock ?? new StandingClock(TestFolder.Start))
        {
            Environment = environment ?? new Dictionary<string, string>(),
        };
        var exit = await Verbs.RunAsync(args, shell, TestContext.Current.CancellationToken);
        return new(exit, output.ToString(), errors.ToString()) { Raw = raw.Length == 0 ? default : raw.ToArray() };
    }

    private sealed class ErrorText(Action? said) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            said?.Invoke();
        }
    }
}
