namespace Ledger.Cli;

/// <summary>An option of a verb.</summary>
/// <param name="Value">How its value is called; null where it is a flag.</param>
/// <param name="Does">What it says to the verb, and what holds without it.</param>
public sealed record Option(string Name, string? Value, string Does)
{
    /// <summary>Whether it may be given more than once.</summary>
    public bool Repeats { get; init; }

    public override string ToString() => Value is null ? Name : $"{Name} {Value}";
}

/// <summary>One verb of <c>ledger</c>: what a person must know of it, and what it does.</summary>
/// <param name="Words">What stands after its name, as the usage writes it.</param>
/// <param name="Example">A command line that does something useful.</param>
/// <param name="RunAsync">Does it and gives the exit code.</param>
public sealed record Verb(
    string Name, string Words, string Does, string Example, IReadOnlyList<Option> Options,
    Func<CommandLine, Shell, CancellationToken, Task<int>> RunAsync)
{
    /// <summary>The verb's own page: what <c>--help</c> prints.</summary>
    public string Usage
    {
        get
        {
            var options = Options.Concat(CommandLine.Common).ToList();
            var width = options.Max(option => option.ToString().Length);
            var lines = options.SelectMany(option => TextTable.Wrapped(option.Does, TextTable.WidthMax - width - 4)
                .Select((part, i) => $"  {(i == 0 ? option.ToString() : "").PadRight(width)}  {part}"));
            return string.Join('\n',
            [
                $"usage: ledger {$"{Name} {Words}".TrimEnd()} [OPTIONS]",
                .. TextTable.Wrapped(Does, TextTable.WidthMax),
                "options:", .. lines, "example:", $"  {Example}",
            ]);
        }
    }
}
