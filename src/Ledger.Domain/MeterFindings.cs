using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>What validation looks for in meter data. Names and numbers are fixed for ever.</summary>
public enum MeterRule
{
    /// <summary>An interval does not begin at a multiple of its resolution, in UTC.</summary>
    Alignment = 1,
    Count = 2,
    Resolution = 3,
    Duplicate = 4,
    Conflict = 5,
    Gap = 6,
    Spike = 7,
    SumCheck = 8,
    Zero = 9,
    Negative = 10,
    High = 11,
    Low = 12,
    Clock = 13,
    ProlongedEstimation = 14,
    Factor = 15,
    PowerLimit = 16,
    BeginZero = 17,
    ScaleJump = 18,
    Continuity = 19,
    Decrease = 20,
}

/// <summary>What a finding does to the value that it names, from the least.</summary>
public enum FindingSeverity
{
    /// <summary>Worth a look; the value counts as it is.</summary>
    Note = 1,
    /// <summary>The value is kept with quality suspect.</summary>
    Suspect = 2,
    /// <summary>The value may not count.</summary>
    Refuse = 3,
}

/// <summary>A rule in words: how severe it is, what it says, and the clause that it comes from.</summary>
public sealed record MeterRuleText(FindingSeverity Severity, string Rule, string Source);

/// <summary>That a rule is broken. <paramref name="At"/> is an interval, or from one reading to the next.</summary>
/// <param name="Saw">What was seen, with units.</param>
public sealed record MeterFinding(MeterRule Rule, Interval At, string Saw)
{
    public FindingSeverity Severity => MeterRules.Of(Rule).Severity;
}

/// <summary>
/// A finding about a reading that was recorded with quality suspect,
/// so that the reason stands in the journal beside it.
/// </summary>
public sealed record MeterFindingRecorded(
    RegisterId Register, Interval At, MeterRule Rule, FindingSeverity Severity, string Saw,
    EvidenceDigest? Evidence) : LedgerEvent;

/// <summary>
/// The numbers that validation compares with. Where a market has its own, they replace these;
/// each default says where it is from. Percentages are whole.
/// </summary>
/// <param name="SpikePercent">Most by which the highest interval exceeds the third-highest. California:
/// 180 (from memory).</param>
/// <param name="SumTolerance">Most by which the intervals' sum leaves the register's difference,
/// beside one register step.</param>
/// <param name="EstimatedMax">Longest run of estimated or substituted intervals. Ours: one day.</param>
/// <param name="ClockOffsetMax">Farthest that the meter's clock may be off. JJG 1148-2022 at later verification:
/// 3 min.</param>
/// <param name="High">Most energy of one interval; null: no limit beside the rated power.</param>
/// <param name="Low">Least energy of one interval; null: none.</param>
/// <param name="ScaleJumpRatio">
/// A step at least this many times the largest that was seen before, but possible when divided by 1000,
/// looks like watt-hours sent as kilowatt-hours. Ours: 500, half of 1000.
/// </param>
public sealed record MeterThresholds(
    int SpikePercent, Energy SumTolerance, Duration EstimatedMax, Duration ClockOffsetMax, Energy? High, Energy? Low,
    int ScaleJumpRatio)
{
    public static readonly MeterThresholds Default = new(
        SpikePercent: 180, SumTolerance: Energy.Zero, EstimatedMax: Duration.FromDays(1),
        ClockOffsetMax: Duration.FromMinutes(3), High: null, Low: null, ScaleJumpRatio: 500);
}

/// <summary>
/// Every rule of validation in words. "Oracle" is the rule set of Oracle Utilities Meter Data Management, "BRS-021" the
/// Danish business requirement for submitted metered data, as energinet's open code has it. Spike and zero are notes,
/// because a charger that stands idle and then charges at full power is the rule and not an error.
/// </summary>
public static class MeterRules
{
    /// <summary>The finding as a fact, to be appended with the reading that it makes suspect.</summary>
    public static NewFact Fact(RegisterId register, MeterFinding finding, EvidenceDigest? evidence) => new(
        new MeterFindingRecorded(register, finding.At, finding.Rule, finding.Severity, finding.Saw, evidence),
        finding.At,
        new EvidenceKey($"finding/{register}/{finding.Rule}/{InstantPattern.ExtendedIso.Format(finding.At.Start)}/" +
            InstantPattern.ExtendedIso.Format(finding.At.End)));

    public static MeterRuleText Of(MeterRule rule) => rule switch
    {
        MeterRule.Alignment => new(FindingSeverity.Refuse,
            "an interval begins at a multiple of its resolution in UTC", "BRS-021 D66"),
        MeterRule.Count => new(FindingSeverity.Suspect,
            "there are as many intervals as the time divided by the resolution, counted in UTC", "BRS-021 E87"),
        MeterRule.Resolution => new(FindingSeverity.Refuse,
            "every interval is as long as the resolution says", "BRS-021 D23; Oracle: interval size"),
        MeterRule.Duplicate => new(FindingSeverity.Note,
            "an interval or an instant occurs once; the same value again changes nothing", "Oracle: duplicate"),
        MeterRule.Conflict => new(FindingSeverity.Refuse,
            "an interval or an instant has one value", "Oracle: duplicate"),
        MeterRule.Gap => new(FindingSeverity.Suspect,
            "the intervals follow each other without holes", "BRS-021; Oracle: consecutive interval"),
        MeterRule.Spike => new(FindingSeverity.Note,
            "the highest interval exceeds the third-highest by no more than the tolerance", "Oracle: spike"),
        MeterRule.SumCheck => new(FindingSeverity.Suspect,
            "the intervals sum to the difference of the register, within one step and the tolerance",
            "Oracle: sum check"),
        MeterRule.Zero => new(FindingSeverity.Note, "not every interval is zero", "Oracle: zero"),
        MeterRule.Negative =>
            new(FindingSeverity.Refuse, "no energy of one direction is negative", "BRS-021 E86; Oracle: negative"),
        MeterRule.High =>
            new(FindingSeverity.Suspect, "no interval holds more than the high limit", "Oracle: high/low"),
        MeterRule.Low => new(FindingSeverity.Suspect, "no interval holds less than the low limit", "Oracle: high/low"),
        MeterRule.Clock => new(FindingSeverity.Suspect,
            "the meter's clock is off by no more than the limit", "JJG 1148-2022; CIM 1.4.64"),
        MeterRule.ProlongedEstimation => new(FindingSeverity.Note,
            "no longer run of intervals is estimated than the limit", "Oracle: prolonged estimation"),
        MeterRule.Factor => new(FindingSeverity.Suspect,
            "the factor that the reading was sent with is the factor of the installed register", "Oracle: multiplier"),
        MeterRule.PowerLimit => new(FindingSeverity.Suspect,
            "no more energy flows than the highest power times the time", "physics: |ΔE| ≤ P·Δt"),
        MeterRule.BeginZero => new(FindingSeverity.Refuse,
            "a register that has counted does not begin at zero again", "citrineos PR 1060: an offline transaction"),
        MeterRule.ScaleJump => new(FindingSeverity.Suspect,
            "a step is not a thousand times what was seen before: watt-hours sent as kilowatt-hours",
            "Oracle: unit of measure"),
        MeterRule.Continuity => new(FindingSeverity.Suspect,
            "a transaction begins with the index with which the one before it ended", "OCPP 2.0.1 MeterValues"),
        MeterRule.Decrease => new(FindingSeverity.Refuse, "a register falls only where it rolls over", "Register.cs"),
        _ => throw new ArgumentOutOfRangeException(nameof(rule)),
    };
}
