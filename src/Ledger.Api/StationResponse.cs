using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Projections;

namespace Ledger.Api;

/// <summary>
/// One call of a station by the power curves of its targets there, beside what was reported of it: two sources that are
/// told apart. The reported figures are those of the last target, the curve's those of the station's sum.
/// </summary>
/// <param name="Response">Of the targets at the station together; null where it was not derived, and
/// <paramref name="WhyNot"/> says why.</param>
/// <param name="Compared">How many reported clocks the curves have the figure of.</param>
/// <param name="Contradicted">The reported clocks that the curves contradict.</param>
public sealed record StationResponse(
    StationCall Call, OrderResponse? Response, int Compared,
    IReadOnlyList<(SettlementPointId Point, ReportedClock Clock)> Contradicted, string? WhyNot)
{
    /// <summary>Why, of a response that is told in part or not at all.</summary>
    public string? Why => WhyNot ?? Response?.Why;

    /// <summary>The responses to a report's calls, real ones and tests, as far as the samples that may be read go: a
    /// report of a long time says of the rest that it was not derived.</summary>
    public static async Task<IReadOnlyList<StationResponse>> OfAsync(
        StationReport report, CallCurves curves, CancellationToken ct)
    {
        var found = new List<StationResponse>();
        foreach (var call in report.Calls.Concat(report.Tests).OrderBy(call => call.Order.Start)
            .ThenBy(call => call.Order.Instruction, StringComparer.Ordinal))
            found.Add(await OfAsync(call, curves, ct).ConfigureAwait(false));
        return found;
    }

    private static async Task<StationResponse> OfAsync(StationCall call, CallCurves curves, CancellationToken ct)
    {
        var own = call.Targets.Select(target => target.Point).ToHashSet(StringComparer.Ordinal);
        try
        {
            var response = await curves.ResponseAsync(
                new(call.Order.Instruction), point => own.Contains(point.Value), ct).ConfigureAwait(false);
            if (response is null) return new(call, null, 0, [], "there is no such instruction");
            var together = response.Sums.FirstOrDefault(sum => sum.Targets == own.Count)?.Response
                ?? OrderResponse.Unknown("its targets are at another station now, or it was withdrawn before it began");
            var clocks = response.Targets.SelectMany(
                target => target.Clocks, (target, clock) => (target.Point, Clock: clock)).ToList();
            return new(call, together,
                clocks.Count(each => each.Clock.Agreement != ClockAgreement.NotCompared),
                clocks.FindAll(each => each.Clock.Agreement == ClockAgreement.Contradicted), null);
        }
        catch (TooManySamplesException)
        {
            return new(call, null, 0, [], "it has more samples than this report reads: ledger show response");
        }
    }
}
