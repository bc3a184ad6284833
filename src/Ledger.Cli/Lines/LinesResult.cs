using Ledger.Domain;
using NodaTime.Text;

namespace Ledger.Cli.Lines;

/// <summary>
/// Lines that were asked for, each examined; of a sample also how it was drawn and what its exceptions come to for all
/// lines. Whoever bundles lines and whoever verifies the bundle make it in this one way.
/// </summary>
/// <param name="Runs">In the order of their positions.</param>
/// <param name="Lines">Each with how it was drawn, where it was.</param>
internal sealed record LinesResult(
    LinesRequest Request, IReadOnlyList<RunLines> Runs,
    IReadOnlyList<(ExaminedStatementLine Line, DrawnLine? Drawn)> Lines, AuditSample? Drawn,
    AuditEvaluation? Evaluation)
{
    /// <summary>Lines that are not as they should be.</summary>
    public int Exceptions => Lines.Count(each => each.Line.Exceptions.Count > 0);

    /// <summary>Throws <see cref="FormatException"/> where the request names a line or a run that is not there, or runs
    /// of several currencies, whose amounts have no sum.</summary>
    public static async Task<LinesResult> OfAsync(
        LinesRequest request, IReadOnlyList<RunLines> runs, LineExamination examination)
    {
        if (request is not LinesRequest.Sample asked)
        {
            var one = (LinesRequest.One)request;
            if (runs is not [var run] || run.Run.Run.Value != one.Run || run.Examinable < one.Number)
                throw new FormatException($"there is no line {request}");
            var line = await examination.ExamineAsync(run, one.Number - 1).ConfigureAwait(false);
            return new(request, runs, [(line, null)], null, null);
        }
        if (asked.Statement is { } named && (runs is not [var of] || of.Run.Run.Value != named))
            throw new FormatException($"the sample is of {named}, and the runs here are "
                + string.Join(", ", runs.Select(run => run.Run.Run)));
        if (runs.FirstOrDefault(run => !asked.IsOf(run.Run.Account, run.Run.Day)) is { } other)
            throw new FormatException($"the sample is{asked.Of}, and {other.Run.Run} is of {other.Run.Account} on "
                + LocalDatePattern.Iso.Format(other.Run.Day));
        if (runs.Select(run => run.Run.Currency).Distinct().Count() > 1)
            throw new FormatException("the runs are in several currencies: name one of them");
        var items = runs.SelectMany(run => run.Lines.Select(line =>
                new SampleItem(run.Position, line.Number, line.Amount))
            .Concat(run.Charges.Take(run.Examinable - run.Lines.Count).Select(charge =>
                new SampleItem(run.Position, charge.Number, charge.Amount)))).ToList();
        if (items.Count == 0) throw new FormatException("the runs have no lines to draw from");
        var drawn = AuditSample.Draw(items, asked.Lines, asked.Seed, DecimalsOf(items));
        var lines = new List<(ExaminedStatementLine Line, DrawnLine? Drawn)>();
        foreach (var each in drawn.Drawn)
            lines.Add((await examination.ExamineAsync(
                runs.Single(run => run.Position == each.Item.Run), each.Item.Number - 1).ConfigureAwait(false), each));
        var evaluation = AuditEvaluation.Of(drawn, [.. lines.Select(each => new ExaminedLine(
            each.Drawn!, each.Line.Audited?.Amount, each.Line.Exceptions.Count > 0))], asked.Confidence);
        return new(request, runs, lines, drawn, evaluation);
    }

    /// <summary>The decimals that the amounts need; trailing zeros are none.</summary>
    private static int DecimalsOf(IEnumerable<SampleItem> items)
    {
        var decimals = 0;
        foreach (var item in items)
            while (item.Amount is { } amount && Math.Round(amount, decimals) != amount) decimals++;
        return decimals;
    }
}
