using System.Text.Json;
using Ledger.Api;

namespace Ledger.Cli;

/// <summary>
/// The store that a command line means: <c>--store</c>, else the environment's <c>LEDGER_STORE</c>, else what
/// <c>appsettings.json</c> of the working directory says under <c>Ledger</c>, else SQLite in the data folder. Views of
/// an EventStoreDB likewise: <c>--views</c>, <c>LEDGER_VIEWS</c>, <c>Views</c>.
/// </summary>
internal static class StoreSettings
{
    public const string FileName = "appsettings.json", StoreVariable = "LEDGER_STORE", ViewsVariable = "LEDGER_VIEWS";

    /// <summary>The options that every verb knows.</summary>
    public static IReadOnlyList<Option> Options { get; } =
    [
        new("--store", "STORE", $"where the journal and the views are: {StoreChoice.Rule}; what {StoreVariable} or "
            + $"{FileName} says, else the data folder, where it is not given"),
        new("--views", "STORE", $"where the views are beside an esdb:// journal: {StoreChoice.ViewsRule}; views.db in "
            + "the data folder where it is not given"),
    ];

    /// <summary>The store, or usage that names the value and the rule that it breaks.</summary>
    public static StoreChoice StoreOf(CommandLine line) => StoreOf(line, line.Data);

    /// <param name="data">The data folder.</param>
    public static StoreChoice StoreOf(CommandLine line, string data)
    {
        var (text, from) = Named(line);
        var views = line.Option("--views");
        if (text is null && views is null) return new StoreChoice.Sqlite(data);
        text ??= $"sqlite:{data}";
        if (views is null && StoreChoice.HasViewsElsewhere(text))
            views = Environment.GetEnvironmentVariable(ViewsVariable) is { Length: > 0 } set ? set : Setting("Views");
        return Parse(text, from, views, data);
    }

    /// <summary>A store's name, read by its rule.</summary>
    public static StoreChoice Parse(string text, string from, string? views, string data)
    {
        try
        {
            return StoreChoice.Parse(text, from, views, data);
        }
        catch (StoreRefusedException refused)
        {
            throw new UsageException(refused.Message);
        }
    }

    /// <summary>The store of a ledger that is copied: <c>--views</c> are those of the copy.</summary>
    public static StoreChoice FromOf(CommandLine line, string data)
    {
        var (text, from) = Named(line);
        return text is null ? new StoreChoice.Sqlite(data) : Parse(text, from, null, data);
    }

    private static (string? Text, string From) Named(CommandLine line) =>
        line.Option("--store") is { } option ? (option, "--store")
        : Environment.GetEnvironmentVariable(StoreVariable) is { Length: > 0 } variable ? (variable, StoreVariable)
        : (Setting("Store"), $"Store in {FileName}");

    private static readonly JsonDocumentOptions Commented = new() { CommentHandling = JsonCommentHandling.Skip };

    private static string? Setting(string name)
    {
        if (!File.Exists(FileName)) return null;
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(FileName), Commented);
            return json.RootElement.TryGetProperty("Ledger", out var ledger) && ledger.TryGetProperty(name, out var value)
                ? value.GetString() : null;
        }
        catch (Exception wrong) when (wrong is JsonException or InvalidOperationException)
        {
            throw new UsageException($"{Path.GetFullPath(FileName)} cannot be read: {wrong.Message}");
        }
    }
}
