using System.Diagnostics.CodeAnalysis;
using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Cli;

/// <summary>The command line itself is wrong: the verb's usage is printed, and the shell gets 64.</summary>
public sealed class UsageException(string problem) : Exception(problem);

/// <summary>Reads an option's value; false where it breaks the option's rule.</summary>
public delegate bool TryRead<T>(string text, out T value);

/// <summary>
/// A command line: the verb, its words, and its options, which may stand anywhere. An option is <c>--name value</c> or
/// <c>--name=value</c>, but for the flags, which stand alone. One that this verb does not know, or one that is given
/// twice and may not be, is refused; so is one whose value is forgotten, where the next word is an option: a value that
/// looks like one is said on purpose, with <c>=</c>. No word and no value is empty.
/// </summary>
public sealed class CommandLine
{
    public const string DataDefault = "./ledger-data";

    /// <summary>What every verb knows.</summary>
    public static IReadOnlyList<Option> Common { get; } =
    [
        new("--data", "DIR", $"the data folder of the ledger; {DataDefault} where it is not given"),
        .. StoreSettings.Options,
        new("--json", null, "one JSON object in place of text"),
        new("--help", null, "what the verb does, its options, and an example"),
    ];

    private readonly Dictionary<string, string> options = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<string>> repeated = new(StringComparer.Ordinal);
    private readonly List<string> words = [];
    private Verb? verb;

    private CommandLine() { }

    /// <summary>The verb's name as given, which may be none that there is; empty where none is given.</summary>
    public string Verb { get; private set; } = "";
    public IReadOnlyList<string> Words => words;
    public bool Json => Flag("--json");
    public bool Help => Flag("--help");
    public string Data => Option("--data") ?? DataDefault;
    public bool Flag(string name) => options.ContainsKey(name);
    public bool Has(Option option) => options.ContainsKey(option.Name) || repeated.ContainsKey(option.Name);
    public string? Option(string name) => options.GetValueOrDefault(name);
    /// <summary>Every value of an option that may be given more than once, in order.</summary>
    public IReadOnlyList<string> Each(string name) => repeated.GetValueOrDefault(name, []);
    public string Required(string name) => Option(name) ?? throw new UsageException($"{name} is needed");

    /// <summary>The same line with what is not said on it filled in.</summary>
    /// <param name="settings">Values by options that the verb knows.</param>
    public CommandLine With(IReadOnlyDictionary<string, string> settings)
    {
        var filled = new CommandLine { Verb = Verb, verb = verb };
        filled.words.AddRange(words);
        foreach (var (name, values) in repeated) filled.repeated[name] = values;
        foreach (var (name, value) in settings) filled.options[name] = value;
        foreach (var (name, value) in options) filled.options[name] = value;
        return filled;
    }

    /// <summary>Reads the arguments; where they are wrong, the line still knows its verb,
    /// for the usage to be the verb's.</summary>
    public static bool TryParse(
        IReadOnlyList<string> args, out CommandLine line, [NotNullWhen(false)] out string? problem)
    {
        line = new CommandLine();
        problem = null;
        for (var i = 0; i < args.Count && problem is null; i++) problem = line.Take(args, ref i);
        return problem is null;
    }

    private string? Take(IReadOnlyList<string> args, ref int i)
    {
        var arg = args[i];
        if (!arg.StartsWith("--", StringComparison.Ordinal))
        {
            if (Verb.Length == 0) verb = Verbs.Find(Verb = arg);
            else if (arg.Length == 0) return $"{Verb} takes no empty word";
            else words.Add(arg);
            return null;
        }
        var equals = arg.IndexOf('=');
        var name = NameOf(arg);
        if (Known(name) is not { } known)
            return Verb.Length > 0 ? $"{Verb} does not know the option {name}"
                : $"unknown option {name} before the verb";
        if (known.Value is null)
            return equals >= 0 ? $"{name} takes no value" : options.TryAdd(name, "") ? null : $"{name} is given twice";
        var value = equals >= 0 ? arg[(equals + 1)..]
            : i + 1 < args.Count && Known(NameOf(args[i + 1])) is null ? args[++i] : "";
        if (value.Length == 0) return $"{name} needs a value, {known.Value}";
        if (known.Repeats)
        {
            if (!repeated.TryGetValue(name, out var values)) repeated[name] = values = [];
            values.Add(value);
            return null;
        }
        return options.TryAdd(name, value) ? null : $"{name} is given twice";
    }

    private Option? Known(string name) =>
        Common.Concat(verb?.Options ?? []).FirstOrDefault(option => option.Name == name);

    private static string NameOf(string arg) => arg.IndexOf('=') is >= 0 and var equals ? arg[..equals] : arg;

    /// <summary>The option's value, null where it is not given; a value that breaks the rule is usage.</summary>
    public T? Option<T>(string name, TryRead<T> read, string rule) where T : struct =>
        Option(name) is { } text ? Read(text, read, $"{name} is {rule}") : null;

    public T Required<T>(string name, TryRead<T> read, string rule) where T : struct =>
        Read(Required(name), read, $"{name} is {rule}");

    /// <summary>A word or value read by its rule, or usage that states the rule.</summary>
    public static T Read<T>(string text, TryRead<T> read, string rule) =>
        read(text, out var value) ? value : throw new UsageException($"{rule}, not '{text}'");

    /// <summary>The option's day, as <c>2026-06-02</c>.</summary>
    public LocalDate? Day(string name) => Option<LocalDate>(name, TryDay, "a day like 2026-06-02");

    /// <summary>The option's instant, as <c>2026-06-02T08:00:00Z</c>.</summary>
    public Instant? Instant(string name) => Option<Instant>(name, TryInstant, "an instant like 2026-06-02T08:00:00Z");

    /// <summary>The account that <c>--account</c> names.</summary>
    public PartyId? Account => Option<PartyId>("--account", PartyId.TryParse, "a party's identifier");

    public static bool TryDay(string text, out LocalDate day) => DayText.TryDay(text, out day);

    public static bool TryInstant(string text, out Instant at) =>
        InstantPattern.ExtendedIso.Parse(text).TryGetValue(default, out at);
}
