using System.Text.Json.Nodes;
using Ledger.Domain;

namespace Ledger.Cli;

/// <summary>
/// What has to be said before sealed evidence is shown or handed out: who reads, and what for. It is a fact, durable
/// before the first byte is written. Evidence that names nobody, or whose personal parts are erased, asks nothing.
/// </summary>
internal static class Disclosing
{
    public static IReadOnlyList<Option> Options { get; } =
    [
        new("--by", "WHO", "who reads evidence that names persons: an identifier, as a number of staff"),
        new("--why", "PURPOSE", "what for: audit, dispute, subjectRequest, authority or operation; recorded with --by"),
    ];

    /// <summary>Records who reads which pieces; nothing where there are none.</summary>
    public static async Task RecordAsync(
        CommandLine line, Shell shell, string what, IReadOnlyCollection<EvidenceDigest> pieces, CancellationToken ct)
    {
        if (pieces.Count == 0) return;
        if (line.Option("--by") is not { } by || Choices.Of<DisclosurePurpose>(line, "--why") is not { } purpose)
            throw new CouldNotException("this evidence names persons, and whoever reads it is recorded: "
                + "say who and what for, with --by WHO --why PURPOSE");
        var answer = await FactDoor.SendAsync(line, shell, "disclosures", "disclosure", new JsonObject
        {
            ["evidence"] = new JsonArray([.. pieces.Select(piece => (JsonNode)piece.Hex)]),
            ["by"] = by,
            ["what"] = what,
            ["purpose"] = Choices.Text(purpose),
        }, ct).ConfigureAwait(false);
        if (answer.Refused is { } refused) throw new CouldNotException($"the reading is not recorded: {refused}");
    }
}
