using System.Globalization;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Ingest.Frames;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger show response INSTRUCTION [--point POINT]</c>: how fast a call was followed by the power curves of its
/// targets, beside what was reported of them.
/// </summary>
internal static class ShowResponse
{
    /// <summary>Samples that are read at most: exact fractions cost time and room.</summary>
    public const int SamplesMax = 4_000_000;

    /// <summary>Which target is shown.</summary>
    public static Option Point { get; } = new("--point", "POINT", "of response: one target only");

    public static CallCurves CurvesOf(CommandLine line, LedgerReader ledger, long? asOf, int samplesMax) => new(
        ledger.Journal, new(ledger.Evidence, new(Path.Combine(line.Data, FrameLogOptions.FolderName))),
        asOf ?? ledger.Last)
    { SamplesLeft = samplesMax };

    public static async Task<Page> PageAsync(
        CommandLine line, LedgerReader ledger, long? asOf, string about, CancellationToken ct)
    {
        var id = CommandLine.Read<InstructionId>(about, InstructionId.TryParse, "INSTRUCTION is an identifier");
        var only = line.Option<SettlementPointId>(Point.Name, SettlementPointId.TryParse, "an identifier");
        try
        {
            var found = await CurvesOf(line, ledger, asOf, SamplesMax)
                .ResponseAsync(id, point => (only ?? point) == point, ct).ConfigureAwait(false);
            return PageOf(ledger.Page("response", asOf), found ?? throw new CouldNotException(only is { } named
                ? $"there is no dispatch instruction {id} with a target {named}" : $"there is no dispatch instruction {id}"));
        }
        catch (TooManySamplesException)
        {
            throw new CouldNotException(string.Create(CultureInfo.InvariantCulture,
                $"the curves of the call have more than {SamplesMax} samples: name one target with {Point.Name}"));
        }
    }

    private static Page PageOf(Page page, CallResponse found)
    {
        var order = found.Order;
        page.Field("instruction", null, order.Instruction.Value).Field("kind", null, order.Kind)
            .Field(null, "instruction", $"{order.Instruction}: {Cell.Shown(order.Kind)}, issued at "
                + Cell.Shown(order.IssuedAt))
            .Field("issuedAt", null, order.IssuedAt)
            .Field("start", "counted from", order.Period.Start).Field("end", "to", found.Call?.End)
            .Field("toleranceKw", "tolerance kW", order.Tolerance)
            .Table("targets", "how fast, by the power curve of each target", ResponseListings.Targets(found.Targets));
        // Of one target it is the same again.
        page.Table("sums", found.Targets.Count < 2 ? null
                : "of several together: the sum of those that had something to change",
                ResponseListings.Sums(found.Sums))
            .Table("notTold", "what the curves do not tell", ResponseListings.NotTold(
                found.Targets, found.Targets.Count < 2 ? [] : found.Sums))
            .Table("clocks", "what was reported, beside the curve", ResponseListings.Clocks(
                found.Targets, order.Period.Start))
            .Table("holes", "time of the call of which the power is not known", ResponseListings.Holes(found.Targets))
            .Table("doubts", "what may be wrong with samples, by the records of the call",
                ResponseListings.Doubts(found.Targets));
        foreach (var moved in found.Targets.Where(target => target.AtIssue is not null
            && target.Response.Standing == ResponseStanding.NothingOrdered))
            page.Note($"{moved.Point} was at {(moved.AtIssue!.Value / 1_000_000L).ToText(6)} kW when the order was issued.");
        return page.Note("Seconds count from the start of the order; the change counts from the power at the start to the "
            + "level of the order, which it lets nobody exceed. The curve is the one by which energy is counted, straight "
            + "between samples or as its sender declared them, and nothing is drawn across a gap. What is missing to 90 % is "
            + "what was not given from the start until 90 % of the change was reached; what was deficient of the order says "
            + $"'ledger show compliance {order.Instruction}'.");
    }
}
