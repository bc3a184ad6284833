namespace Ledger.Domain;

/// <summary>
/// How many targets came to which verdict, and their sums. The tally of a verdict that changed is the old tally less
/// the old verdict and plus the new one, so nobody needs all targets to count one.
/// </summary>
/// <param name="EligiblePower">What the eligible targets could give or were allowed, as their vehicles could.</param>
/// <param name="Lower">The sum of the lower bounds of excess, or of deficiency.</param>
/// <param name="Upper">The sum of the upper bounds.</param>
/// <param name="ConnectedAtNotice">Targets where a vehicle was connected when the instruction was issued.</param>
/// <param name="ConnectedAtStart">The same when the call began.</param>
/// <param name="Arrivals">Vehicles that came while the call ran.</param>
public sealed record VerdictTally(
    int Instructed, int Kept, int PartlyKept, int Broken, int Excused, int Unproven, Energy Ordered, Energy Excess,
    Energy Delivered, Energy Deficiency, Energy DeficiencyExcused, decimal Payment, decimal Penalty, decimal Net,
    Power EligiblePower, Energy Lower, Energy Upper, int ConnectedAtNotice, int ConnectedAtStart, int Arrivals)
{
    public static readonly VerdictTally Empty = new(
        0, 0, 0, 0, 0, 0, Energy.Zero, Energy.Zero, Energy.Zero, Energy.Zero, Energy.Zero, 0, 0, 0,
        Power.Zero, Energy.Zero, Energy.Zero, 0, 0, 0);

    /// <summary>Targets that no recorded fact excuses: what participation is measured against.</summary>
    public int Eligible => Instructed - Excused;

    /// <summary>Targets of a call that is read before its end and of which nothing is proven yet: those with no other
    /// verdict.</summary>
    public int NotOverYet() => Instructed - Kept - PartlyKept - Broken - Excused - Unproven;

    /// <summary>Of an export what was ordered for time of which nothing is proven: of all that was ordered neither
    /// delivered nor deficient.</summary>
    public Energy OrderedUnmeasured() => Ordered - Delivered - Deficiency;

    public VerdictTally Plus(TargetVerdict verdict) => Add(verdict, 1);
    public VerdictTally Less(TargetVerdict verdict) => Add(verdict, -1);

    private VerdictTally Add(TargetVerdict verdict, int times)
    {
        int When(ComplianceVerdict counted) => verdict.Verdict == counted ? times : 0;
        return new(Instructed + times, Kept + When(ComplianceVerdict.Kept),
            PartlyKept + When(ComplianceVerdict.PartlyKept), Broken + When(ComplianceVerdict.Broken),
            Excused + When(ComplianceVerdict.Excused), Unproven + When(ComplianceVerdict.Unproven),
            Ordered + verdict.Ordered * times, Excess + verdict.Excess * times, Delivered + verdict.Delivered * times,
            Deficiency + verdict.Deficiency * times, DeficiencyExcused + verdict.DeficiencyExcused * times,
            Payment + (verdict.Worth?.Payment ?? 0m) * times, Penalty + (verdict.Worth?.Penalty ?? 0m) * times,
            Net + (verdict.Worth?.Net ?? 0m) * times,
            new(EligiblePower.Milliwatts + verdict.EligiblePower.Milliwatts * times),
            Lower + verdict.Bounds.Lower * times, Upper + verdict.Bounds.Upper * times,
            ConnectedAtNotice + (verdict.Connection.AtNotice == true ? times : 0),
            ConnectedAtStart + (verdict.Connection.AtStart == true ? times : 0),
            Arrivals + verdict.Connection.Arrivals * times);
    }
}
