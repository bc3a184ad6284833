using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>A rule as a pack file states it; provisional where numbers of it were not read in the rule itself.</summary>
public sealed record BaselinePack(string Name, int Version, bool Provisional, string Source, BaselineRule Rule);

/// <summary>The baselines that come with the program, one file each: the folder Packs, baseline-NAME.json.</summary>
public static class BaselinePacks
{
    private const string Beginning = "Packs/baseline-", Ending = ".json";

    /// <summary>The names of all of them, in the order of their letters.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. typeof(BaselinePacks).Assembly.GetManifestResourceNames()
        .Where(name => name.StartsWith(Beginning, StringComparison.Ordinal))
        .Select(name => name[Beginning.Length..^Ending.Length]).Order(StringComparer.Ordinal)];

    /// <summary>The baseline of this name, null where there is none.</summary>
    public static BaselinePack? Find(string name)
    {
        using var file = typeof(BaselinePacks).Assembly.GetManifestResourceStream($"{Beginning}{name}{Ending}");
        if (file is null) return null;
        using var text = new MemoryStream();
        file.CopyTo(text);
        using var document = InputValue.Parse(text.ToArray());
        var pack = new InputValue("input", document.RootElement)
            .Object("pack", "version", "provisional", "source", "baseline");
        return new BaselinePack(
            pack.Required("pack").Line(Limits.IdentifierLengthMax), pack.Required("version").Integer(1, int.MaxValue),
            pack.Required("provisional").Flag(), pack.Required("source").Line(Limits.TextLengthMax),
            BaselineText.Rule(pack.Required("baseline")));
    }
}
