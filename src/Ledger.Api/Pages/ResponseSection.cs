using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Projections;

namespace Ledger.Api.Pages;

/// <summary>How fast an instruction was followed by the power curves of its targets, and which of the clocks that were
/// reported of it they contradict.</summary>
internal static class ResponseSection
{
    /// <summary>Samples that one page reads.</summary>
    public const int SamplesMax = CallCurves.SamplesAtOnce;

    /// <summary>To the same page with it.</summary>
    /// <param name="page">Its address.</param>
    public static Html Link(string instruction, string page) => Html.Format(
        $"<p><a href=\"{page}&amp;response={Uri.EscapeDataString(instruction)}#response\">How fast, by the power curve</a></p>");

    public static async Task<Html> OfAsync(
        CallCurves curves, Answers answers, InstructionAnswer seen, CancellationToken ct)
    {
        var own = seen.Targets.Select(target => target.Point).ToHashSet(StringComparer.Ordinal);
        try
        {
            return await curves.ResponseAsync(new(seen.Instruction.Instruction),
                point => own.Contains(point.Value) && answers.Reaches(point), ct).ConfigureAwait(false) is { } found
                ? Shown(found) : Html.Nothing;
        }
        catch (TooManySamplesException)
        {
            return Html.Format($"""
                <p class="empty">How fast it was followed is not shown here, because its curves have too many samples:
                <code>ledger show response {seen.Instruction.Instruction}</code>.</p>
                """);
        }
    }

    private static Html Shown(CallResponse found)
    {
        var contradicted = found.Targets.Sum(
            target => target.Clocks.Count(clock => clock.Agreement == ClockAgreement.Contradicted));
        var mark = contradicted == 0 ? Html.Nothing : Html.Format(
            $" <span class=\"mark broken\">{contradicted} reported clocks contradicted</span>");
        return Html.Format($"""
            <details open id="response"><summary>How fast, by the power curve{mark}</summary>
            {Table(found)}{Clocks(found)}</details>
            """);
    }

    private static Html Table(CallResponse found) => HtmlTable.Of(
        "Response from the start of the order, by the power curve",
        [
            new("Of"), new("At start", "kW", true), new("To change", "kW", true), new("10 %", "s", true),
            new("90 %", "s", true), new("Ramp", "kW/s", true), new("Settled", "s", true), new("Held", "%", true),
            new("Widest step", "s", true), new("What the curve does not tell"),
        ],
        [
            .. found.Targets.Select(target => Row(target.Point.Value, target.Response)),
            .. found.Targets.Count == 1 ? [] : found.Sums.Select(sum =>
                Row(sum.Station is { } station ? $"{station}, {sum.Targets} points" : "All", sum.Response)),
        ]);

    private static IReadOnlyList<Html> Row(string of, OrderResponse response) =>
    [
        Html.Of(of), Millionths(response.Initial), Millionths(response.Change), Millionths(response.TenPercent),
        Millionths(response.NinetyPercent), Figure(response.Ramp), Millionths(response.Settled),
        Figure(response.Sustained * 100L), Millionths(response.WidestStep), Html.Of(response.Why ?? "–"),
    ];

    private static Html Clocks(CallResponse found) =>
        found.Targets.All(target => target.Clocks.Count == 0) ? Html.Nothing : HtmlTable.Of(
            "What was reported, beside the curve; seconds after the start",
            [new("Point"), new("Clock"), new("By"), new("Reported", "s", true), new("Curve", "s", true), new("Is"), new("Why")],
            found.Targets.SelectMany(target => target.Clocks, (target, clock) => (IReadOnlyList<Html>)
            [
                Html.Of(target.Point.Value), Html.Of(DayPage.Words(clock.Clock)), Html.Of(clock.Source),
                Millionths(new Fraction((clock.At - found.Order.Period.Start).ToInt64Nanoseconds(), 1000)),
                Millionths(clock.Curve), Html.Of(DayPage.Words(clock.Agreement)), Html.Of(clock.Why ?? "–"),
            ]));

    // µs in seconds, mW in kW.
    private static Html Millionths(Fraction? figure) => Figure(figure / 1_000_000L);
    private static Html Figure(Fraction? figure) =>
        Html.Of(figure is { } known ? DayPage.Grouped(known.ToDecimal(3), 3) : "–");
}
