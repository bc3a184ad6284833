using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Exchange;

/// <summary>
/// Programmes of the ledger as programs of OpenADR 3 (3.1, object program): what its events and reports may carry, what
/// kind of flexibility it buys, and since when it holds. It has no targets, which in OpenADR says that whoever may read
/// programs may read this one, as is so here. A programme whose name cannot be an id of OpenADR is none: no event can
/// name it.
/// </summary>
public static class OpenAdrPrograms
{
    /// <summary>What an event of a program may carry.</summary>
    private static readonly string[] EventTypes =
    [
        OpenAdrEventText.ImportLimit, OpenAdrEventText.ExportLimit, OpenAdrEventText.SetPoint,
        OpenAdrEventText.ExportSetPoint,
    ];

    /// <summary>The names of the programs, in their order.</summary>
    public static IReadOnlyList<ProgrammeId> Of(Answers answers) =>
    [
        .. answers.Programmes().Select(version => version.Programme).Distinct().Where(OpenAdrEventText.IsObjectId)
            .Order(StringComparer.Ordinal).Select(name => new ProgrammeId(name)),
    ];

    /// <summary>One of them as JSON, as known before a position.</summary>
    /// <param name="before">Facts from this position on are not counted.</param>
    public static async Task<JsonObject> WriteAsync(
        IJournal journal, ProgrammeId programme, long before, CancellationToken ct)
    {
        var versions = new List<(ProgrammePublished Version, Instant RecordedAt)>();
        await foreach (var recorded in journal.ReadStreamAsync(Streams.Programme(programme), 0, ct)
            .ConfigureAwait(false))
            if (recorded.Position < before && EventCodec.Decode(recorded) is ProgrammePublished version)
                versions.Add((version, recorded.Envelope.RecordedAt));
        var latest = versions.MaxBy(each => each.Version.Version).Version;
        return new()
        {
            ["id"] = programme.Value,
            ["createdDateTime"] = OpenAdrObjects.Time(versions[0].RecordedAt),
            ["modificationDateTime"] = OpenAdrObjects.Time(versions[^1].RecordedAt),
            ["objectType"] = "PROGRAM",
            ["programName"] = programme.Value,
            // The span of a program (3.1, program): a programme has no end.
            ["intervalPeriod"] = new JsonObject
            {
                ["start"] = OpenAdrObjects.Time(versions.Min(each => each.Version.ValidFrom)),
            },
            ["payloadDescriptors"] = new JsonArray(
                [.. EventTypes.Select(OpenAdrObjects.Descriptor), .. OpenAdrReports.Descriptors()]),
            ["attributes"] = new JsonArray(
                // Definition, program attribute enumerations: a categorisation that the program defines.
                OpenAdrObjects.Payload("PROGRAM_TYPE", JsonValue.Create(TypeOf(latest.Service)))),
        };
    }

    private static string TypeOf(ServiceKind service) => service switch
    {
        ServiceKind.DemandReduction => "DEMAND_REDUCTION",
        ServiceKind.DemandIncrease => "DEMAND_INCREASE",
        ServiceKind.Export => "EXPORT",
        ServiceKind.Regulation => "REGULATION",
        ServiceKind.Reserve => "RESERVE",
        _ => throw new System.Diagnostics.UnreachableException($"{service}"),
    };
}
