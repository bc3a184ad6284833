using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Api.Pages;

/// <summary>The instructions that touch the day, each with its tally and, opened, how fast it was followed, and the
/// verdict and reasons of each target.</summary>
internal static class ComplianceSection
{
    /// <param name="at">At which the calls are read.</param>
    /// <param name="page">Its address, and of which instruction it is asked how fast it was followed: that takes its
    /// curves.</param>
    public static async Task<Html> OfAsync(OpenLedger ledger, Answers answers, long before, Instant at, LocalDay day,
        (string Address, InstructionId? Followed) page, CancellationToken ct)
    {
        var found = new List<Html>();
        var curves = new CallCurves(ledger.Journal, ledger.Samples(), before - 1)
        { SamplesLeft = ResponseSection.SamplesMax };
        foreach (var row in answers.Instructions().Where(row => day.MayTouch(row.Start, row.End)))
        {
            var told = answers.Instruction(new(row.Instruction))!;
            // By the clocks of the first of its points at which it is in the day.
            if (told.Targets.FirstOrDefault(target => day.Touches(target.Point, row.Start, row.End)) is not { } first)
                continue;
            var seen = told.ReadAt(at);
            var worth = await DeliverySection.OfAsync(ledger, seen, before, at, ct).ConfigureAwait(false);
            var response = page.Followed?.Value == row.Instruction
                ? await ResponseSection.OfAsync(curves, answers, seen, ct).ConfigureAwait(false)
                : ResponseSection.Link(row.Instruction, page.Address);
            found.Add(Instruction(seen, answers.UnknownTargets(seen), day.ZoneOf(first.Point), worth, response));
        }
        if (found.Count == 0)
            found.Add(Html.Format($"<p class=\"empty\">No dispatch instruction holds on this day.</p>"));
        return Html.Format($"<section><h2>Compliance</h2>{Html.Join(found)}</section>");
    }

    private static Html Instruction(
        InstructionAnswer answer, IReadOnlyList<string> unknown, DateTimeZone zone, Html worth, Html response)
    {
        var (row, tally) = (answer.Instruction, answer.Instruction.Tally);
        var counts = Html.Join(new (string Verdict, int Count)[]
        {
            ("kept", tally.Kept), ("partly kept", tally.PartlyKept), ("broken", tally.Broken),
            ("excused", tally.Excused), ("unproven", tally.Unproven),
            (CallTime.NotOverYet, tally.NotOverYet()),
        }.Where(each => each.Count > 0).Select(each =>
            Html.Format($"<li><span class=\"mark {Class(each.Verdict)}\">{each.Count} {each.Verdict}</span></li>")));
        var withdrawn = row.WithdrawnAt is not { } at ? Html.Nothing
            : Html.Format($" <span class=\"mark\">withdrawn from {Clock(at, zone)} on</span>");
        var nobodys = unknown.Count == 0 ? Html.Nothing : Html.Format(
            $"<p>{string.Join(", ", unknown)}: nobody registered it, so nothing is measured there.</p>");
        return Html.Format($"""
            <article><h3>{row.Instruction}{withdrawn}</h3>
            <p>{DayPage.Words(row.Kind)}, ordered by {row.IssuedBy},
            {Clock(row.Start, zone)} to {Clock(row.End, zone)} {zone.Id}</p>
            <p class="figures">{Figures(answer)}</p>{nobodys}
            <ul class="tally">{counts}</ul>{worth}{response}
            <details><summary>{tally.Instructed} settlement points, {tally.Eligible} of them eligible</summary>
            {Targets(row.Kind, answer.Targets)}</details></article>
            """);
    }

    /// <summary>A cap has no delivery: of a curtailment it is told what was allowed and what was taken above
    /// it.</summary>
    private static Html Figures(InstructionAnswer answer)
    {
        var (kind, tally) = (answer.Instruction.Kind, answer.Instruction.Tally);
        var figures = kind == InstructionKind.Curtail
            ? new[] { (tally.Ordered, "allowed"), (tally.Excess, "above cap and tolerance") }
            : [(tally.Ordered, "ordered"), (tally.Delivered, "delivered"), (tally.Deficiency, "deficient"),
               (tally.DeficiencyExcused, "of it excused"),
               .. !answer.IsNotOver && tally.OrderedUnmeasured() is var unmeasured && unmeasured > Energy.Zero
                   ? new[] { (unmeasured, "of which nothing is proven") } : []];
        return Html.Join(
        [
            .. figures.Select(figure => Html.Format(
                $"<span><b>{DayPage.Kwh(figure.Item1)}</b> kWh {figure.Item2}</span> ")),
            answer.IsNotOver ? Html.Format($"<span>so far: it is not over yet</span>") : Html.Nothing,
        ]);
    }

    private static Html Targets(InstructionKind kind, IReadOnlyList<CurtailmentCompliance.TargetRow> targets) =>
        HtmlTable.Of(
        "Verdict of each settlement point",
        kind == InstructionKind.Curtail
            ? [new("Point"), new("Verdict"), new("Allowed", "kWh", true), new("Above it", "kWh", true), new("Reasons")]
            : [new("Point"), new("Verdict"), new("Ordered", "kWh", true), new("Delivered", "kWh", true),
               new("Deficient", "kWh", true), new("Reasons")],
        targets.Select(row => (IReadOnlyList<Html>)
        [
            Html.Of(row.Point), Html.Format(
                $"<span class=\"mark {Class(DayPage.Words(row.Verdict))}\">{DayPage.Words(row.Verdict)}</span>"),
            .. (kind == InstructionKind.Curtail
                ? new[] { row.Ordered, row.Excess } : [row.Ordered, row.Delivered, row.Deficiency])
                .Select(energy => Html.Of(DayPage.Kwh(energy))),
            Html.Of(string.Join("; ", row.Reasons)),
        ]));

    private static string Class(string verdict) => verdict.Replace(' ', '-');

    private static string Clock(Instant at, DateTimeZone zone) =>
        $"{DayPage.Iso(at.InZone(zone).Date)} {DayPage.Clock(at, zone)}";
}
