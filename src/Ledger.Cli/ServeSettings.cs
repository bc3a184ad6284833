using System.Text.Json;
using Ledger.Domain;
using Ledger.Ingest;

namespace Ledger.Cli;

/// <summary>
/// What <c>serve</c> is started with beside its command line: a settings file (<c>--settings</c>) and the environment.
/// A setting is an option without its dashes: <c>"tlsKey"</c> in the file, <c>LEDGER_TLS_KEY</c> in the environment,
/// for <c>--tls-key</c>. The command line goes before the environment, and that before the file. A setting that nobody
/// knows is refused, because one that is misspelt would be one that does not hold.
/// </summary>
internal static class ServeSettings
{
    private const string EnvironmentPrefix = "LEDGER_";
    private const int BytesMax = 64 * 1024;

    public static Option Option { get; } = new("--settings", "FILE",
        "JSON with options by their names, as tlsKey for --tls-key; LEDGER_TLS_KEY in the environment says the same");

    /// <summary>Options that have to be on the command line itself.</summary>
    private static readonly string[] NotSettings = ["--settings", "--json", "--help"];

    /// <summary>The command line with what it does not say filled in.</summary>
    public static CommandLine Applied(
        CommandLine line, Verb verb, IReadOnlyDictionary<string, string> environment)
    {
        var known = verb.Options.Concat(CommandLine.Common).Where(option => !NotSettings.Contains(option.Name)
            && option.Value is not null).ToList();
        var settings = new Dictionary<string, string>(StringComparer.Ordinal);
        if (line.Option(Option.Name) is { } path)
            foreach (var (name, value) in Read(path))
                settings[known.Find(option => SettingOf(option) == name)?.Name
                    ?? throw new CouldNotException($"{path}: there is no setting {name}; there are "
                        + string.Join(", ", known.Select(SettingOf)))] = value;
        if (Unknown(environment.Keys) is { } misspelt)
            throw new CouldNotException($"{misspelt} in the environment: there is no such setting; there are "
                + string.Join(", ", known.Select(VariableOf)));
        foreach (var option in known)
            if (environment.GetValueOrDefault(VariableOf(option)) is { Length: > 0 } value)
                settings[option.Name] = value;
        return line.With(settings);
    }

    /// <summary>The first variable that looks like a setting and is none of any command.</summary>
    private static string? Unknown(IEnumerable<string> variables) => variables.Order(StringComparer.Ordinal)
        .FirstOrDefault(name => name.StartsWith(EnvironmentPrefix, StringComparison.Ordinal)
            && !Verbs.All.SelectMany(verb => verb.Options).Concat(CommandLine.Common)
                .Any(option => VariableOf(option) == name));

    /// <summary>--tls-key is tlsKey.</summary>
    private static string SettingOf(Option option) => string.Concat(option.Name[2..].Split('-')
        .Select((word, i) => i == 0 ? word : char.ToUpperInvariant(word[0]) + word[1..]));

    private static string VariableOf(Option option) =>
        EnvironmentPrefix + option.Name[2..].Replace('-', '_').ToUpperInvariant();

    private static IEnumerable<(string Name, string Value)> Read(string path)
    {
        try
        {
            if (new FileInfo(path).Length > BytesMax) throw new CouldNotException($"{path} is no file of settings");
            using var document = InputValue.Parse(File.ReadAllBytes(path));
            return [.. new InputValue("input", document.RootElement).OpenObject().Members
                .Select(member => (member.Key, member.Value.Json.ValueKind == JsonValueKind.Number
                    ? member.Value.Json.GetRawText() : member.Value.Line(Limits.TextLengthMax)))];
        }
        catch (Exception unusable) when (unusable is InputRefusedException or IOException)
        {
            throw new CouldNotException($"{path}: {(unusable as InputRefusedException)?.Detail ?? unusable.Message}");
        }
    }
}
