using Ledger.Domain;

namespace Ledger.Projections;

/// <summary>
/// What somebody means by the name of a run or of a correction: the run as it was calculated, or as it stands with what
/// was booked on it, up to and with that correction.
/// </summary>
/// <param name="Booked">What was booked on the run so far, in order; none: it is the run itself.</param>
public sealed record NamedRun(
    TimeOfUseSettlement.RunRow Run, IReadOnlyList<TimeOfUseSettlement.DeltasRow> Booked)
{
    /// <summary>The run itself, whatever was booked on it.</summary>
    public static NamedRun Of(TimeOfUseSettlement.RunRow run) => new(run, []);

    /// <summary>The run with all that is booked on it: what holds.</summary>
    public static NamedRun Standing(
        TimeOfUseSettlement.RunRow run, IEnumerable<TimeOfUseSettlement.DeltasRow> deltas) =>
        new(run, [.. deltas.Where(each => IsOn(each, run))]);

    /// <summary>The corrections of a name, each with the run that it corrects and what was booked on that before.
    /// </summary>
    public static IEnumerable<NamedRun> Corrections(string name, IEnumerable<TimeOfUseSettlement.RunRow> runs,
        IReadOnlyList<TimeOfUseSettlement.DeltasRow> deltas) =>
        from run in runs
        from last in deltas
        where last.Run == name && IsOn(last, run)
        select new NamedRun(run, [.. deltas.Where(each => IsOn(each, run) && each.Position <= last.Position)]);

    /// <summary>As it is called: by its last correction, or by the run.</summary>
    public string Name => Booked is [.., var last] ? last.Run : Run.Run;

    /// <summary>As a person would say it.</summary>
    public string Says => Booked switch
    {
        [] => Run.Run,
        [.., { Style: CorrectionStyle.Credit } credit] => $"{Run.Run}, taken back by {credit.Run}",
        [var only] => $"{Run.Run} with {only.Run}",
        [var first, .., var last] => $"{Run.Run} with {first.Run} to {last.Run}",
    };

    /// <summary>What is due by it.</summary>
    public decimal Total => Run.Total + Booked.Sum(each => each.Total);

    /// <summary>Whether all of it was taken back.</summary>
    public bool IsTakenBack => Booked is [.., { Style: CorrectionStyle.Credit }];

    /// <summary>As it stood before its last correction.</summary>
    public NamedRun Before => this with { Booked = [.. Booked.SkipLast(1)] };

    private static bool IsOn(TimeOfUseSettlement.DeltasRow deltas, TimeOfUseSettlement.RunRow run) =>
        (deltas.Corrects, deltas.Account, deltas.Day) == (run.Run, run.Account, run.Day);
}
