using System.Diagnostics.CodeAnalysis;

namespace Ledger.Cli;

/// <summary>
/// A command line: the verb, its words, and its options. An option is <c>--name value</c>, but for the flags, which
/// stand alone. A name that no verb knows, or one that is given twice, is refused.
/// </summary>
public sealed class CommandLine
{
    static readonly HashSet<string> flags = ["--json", "--help"];
    static readonly HashSet<string> valued = ["--data", "--in"];

    readonly Dictionary<string, string> options = new(StringComparer.Ordinal);
    readonly List<string> words = [];

    CommandLine() { }

    public string Verb { get; private set; } = "";
    public IReadOnlyList<string> Words => words;
    public bool Json => options.ContainsKey("--json");
    public bool Help => options.ContainsKey("--help");
    public string? Option(string name) => options.GetValueOrDefault(name);

    public static bool TryParse(
        IReadOnlyList<string> args, [NotNullWhen(true)] out CommandLine? line, [NotNullWhen(false)] out string? problem)
    {
        line = null;
        var parsed = new CommandLine();
        for (var i = 0; i < args.Count; i++)
        {
            problem = parsed.Take(args, ref i);
            if (problem is not null) return false;
        }
        if (parsed.words.Count > 0)
        {
            parsed.Verb = parsed.words[0];
            parsed.words.RemoveAt(0);
        }
        line = parsed;
        problem = null;
        return true;
    }

    string? Take(IReadOnlyList<string> args, ref int i)
    {
        var arg = args[i];
        if (!arg.StartsWith("--", StringComparison.Ordinal))
        {
            words.Add(arg);
            return null;
        }
        var takesValue = valued.Contains(arg);
        if (!takesValue && !flags.Contains(arg)) return $"unknown option {arg}";
        if (takesValue && i + 1 == args.Count) return $"{arg} needs a value";
        return options.TryAdd(arg, takesValue ? args[++i] : "") ? null : $"{arg} is given twice";
    }
}
