using System.Collections.Frozen;
using System.Reflection;
using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>
/// The rule packs that come with the program, one JSON file each in the folder Packs. They are proposals to start from:
/// in a ledger a pack holds only once it is recorded as a fact.
/// </summary>
public static class StandardPacks
{
    private const string Folder = "Packs/", Ending = ".json";

    private static readonly FrozenDictionary<string, Lazy<RulePackPublished>> ByName = typeof(StandardPacks).Assembly
        .GetManifestResourceNames()
        .Where(resource => resource.StartsWith(Folder, StringComparison.Ordinal))
        .Select(resource => resource[Folder.Length..^Ending.Length])
        .ToFrozenDictionary(name => name, name =>
            new Lazy<RulePackPublished>(() => Read(name)), StringComparer.Ordinal);

    /// <summary>The names of all packs, in the order of their letters.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. ByName.Keys.Order(StringComparer.Ordinal)];

    /// <summary>The pack of this name, null where there is none.</summary>
    public static RulePackPublished? Find(string name) => ByName.TryGetValue(name, out var pack) ? pack.Value : null;

    /// <summary>The pack's file as it is, null where there is none of this name.</summary>
    public static byte[]? Text(string name)
    {
        using var file = Assembly.GetExecutingAssembly().GetManifestResourceStream($"{Folder}{name}{Ending}");
        if (file is null) return null;
        using var text = new MemoryStream();
        file.CopyTo(text);
        return text.ToArray();
    }

    private static RulePackPublished Read(string name)
    {
        using var document = InputValue.Parse(Text(name)!);
        return RulePackText.Read(new InputValue("input", document.RootElement));
    }
}
