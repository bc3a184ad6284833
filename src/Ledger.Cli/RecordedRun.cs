using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>The one recorded run that a command line names.</summary>
internal static class RecordedRun
{
    /// <summary>What tells runs of one name apart.</summary>
    public static IReadOnlyList<Option> Options { get; } =
    [
        new("--account", "PARTY", "whose run it is, where several accounts have one of that name"),
        new("--day", "DAY", "its settlement day, where an account has several of that name"),
    ];

    /// <exception cref="CouldNotException">None is called so, or several are.</exception>
    public static TimeOfUseSettlement.RunRow Find(
        CommandLine line, IEnumerable<TimeOfUseSettlement.RunRow> runs, string name) =>
        new RunName(name, line.Account, line.Day("--day")).Among(runs) switch
        {
            [var run] => run,
            [] => throw None(line, name),
            var several => throw new CouldNotException($"{name}: {RunName.Several(several)}"),
        };

    /// <summary>The run, or the correction that was booked on one.</summary>
    /// <exception cref="CouldNotException">None is called so, or several are.</exception>
    public static NamedRun FindNamed(CommandLine line, Answers answers, string name) =>
        new RunName(name, line.Account, line.Day("--day")).Among(answers.Runs(), answers.Deltas()) switch
        {
            [var named] => named,
            [] => throw None(line, name),
            var several => throw new CouldNotException(
                $"{name}: {RunName.Several(several.Select(each => each.Run))}"),
        };

    private static CouldNotException None(CommandLine line, string name) =>
        new($"there is no settlement run {name}{Of(line)}; 'ledger show settlement' lists them");

    private static string Of(CommandLine line) =>
        (line.Account is { } account ? $" of {account}" : "") + (line.Option("--day") is { } day ? $" on {day}" : "");
}
