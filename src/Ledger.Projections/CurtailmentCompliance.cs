using System.Text.Json.Serialization;
using Ledger.Domain;
using NodaTime;

namespace Ledger.Projections;

/// <summary>
/// Every dispatch instruction with the domain's verdict of each target and their tally. The view keeps what
/// <see cref="Compliance"/> needs (the latest interval record of each period, charging facts and states, rated power,
/// clocks, claims, the withdrawal) and asks it anew for a target whenever one of them changes,
/// so facts may come in any order: records before their instruction, late versions of records, facts after the end.
/// </summary>
public sealed class CurtailmentCompliance : IProjection
{
    /// <param name="BoundMicroseconds">What the source's clock may be wrong by; null where nothing says so.</param>
    public sealed record ClockRow(InstructionClock Clock, Instant At, string Source, long? BoundMicroseconds);
    public sealed record ClaimRow(ShortfallReason Reason, string ClaimedBy);
    public sealed record GapRow(Instant Start, Instant End);
    public sealed record RecordRow(
        Instant Start, Instant End, int Version, IntervalRecordState State, Energy Import, Energy Export,
        long MinimumMilliwatts, long MaximumMilliwatts, IReadOnlyList<GapRow> Gaps, long ClockOffsetMicroseconds,
        ReadingQuality Quality,
        string? Reason);
    public sealed record FactRow(Instant Start, Instant End, ShortfallReason Reason, string Source);
    /// <summary>A charging state with the instant at which the next one of the point takes over.</summary>
    public sealed record StateRow(
        Instant At, Instant End, bool Connected, int? StateOfChargePerMille, long? VehicleImportMaxMilliwatts,
        long? VehicleExportMaxMilliwatts, string? Fault, string Source);
    /// <summary>What a point is rated for, with the versions that begin later.</summary>
    public sealed record RatedRow(
        long Milliwatts, string? Owner = null, Instant ValidFrom = default,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<RatedRow>? Later = null)
        : IPointVersion<RatedRow>
    {
        public RatedRow With(IReadOnlyList<RatedRow>? later) => this with { Later = later };
    }
    /// <summary>Says which instruction aims at a point, for finding it from a record or a fact.</summary>
    public sealed record AimRow(string Instruction, Instant IssuedAt, Instant Start, Instant End);
    /// <summary>One instruction, and the tally of its targets' verdicts, energies and money.</summary>
    public sealed record InstructionRow(
        string Instruction, InstructionKind Kind, string IssuedBy, Instant IssuedAt, Instant Start, Instant End,
        Instant? WithdrawnAt, string? WithdrawalReason, long ToleranceMilliwatts, long RampAllowanceMs,
        decimal PricePerKwh, decimal PenaltyPerKwh, string? Programme, TestRule? Test, VerdictTally Tally,
        // Left out where there is none, so that rows of an earlier program are the same bytes.
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? ActivationPermille = null)
    {
        /// <summary>Of a call that is read before its end the targets that have no other verdict
        /// (<see cref="CallReading"/>). No fold says it, so it is left out of rows.</summary>
        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public int? NotOverYet { get; init; }
    }
    /// <summary>
    /// One target: its verdict and reasons, the energies judged, the time left out, the clocks with their sources, and
    /// for an export what it is worth (payment, penalty and net in the currency of the contract, not rounded).
    /// The bounds are those of excess or deficiency. <paramref name="UnrecordedMicroseconds"/> is the time without any
    /// record; null where that is all the time without data.
    /// </summary>
    public sealed record TargetRow(
        string Instruction, string Point, long QuantityMilliwatts, ComplianceVerdict Verdict,
        IReadOnlyList<string> Reasons, IReadOnlyList<ShortfallReason> Supported, IReadOnlyList<ClaimRow> Claimed,
        Energy Ordered, Energy Excess, Energy Delivered, Energy Deficiency, Energy DeficiencyExcused,
        long RampExcludedMicroseconds, long UnmeasuredMicroseconds, decimal? Payment, decimal? Penalty, decimal? Net,
        IReadOnlyList<ClockRow> Clocks, EnergyBounds Bounds, InstructionReach Reach, Connection Connection,
        long EligibleMilliwatts,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] long? UnrecordedMicroseconds = null)
    {
        [WrittenAfter(nameof(DeficiencyExcused))]
        public string OrderedKwh => Ordered.ToKwh();
        [WrittenAfter(nameof(OrderedKwh))]
        public string ExcessKwh => Excess.ToKwh();
        [WrittenAfter(nameof(ExcessKwh))]
        public string DeliveredKwh => Delivered.ToKwh();
        [WrittenAfter(nameof(DeliveredKwh))]
        public string DeficiencyKwh => Deficiency.ToKwh();
    }

    public string Name => "CurtailmentCompliance";
    public int RowVersion => 1;
    public IReadOnlySet<Type> Handled { get; } = new HashSet<Type>
    {
        typeof(DispatchInstructed), typeof(InstructionClockRecorded), typeof(InstructionWithdrawn),
        typeof(ChargingFactRecorded), typeof(ReasonClaimed), typeof(IntervalRecorded),
        typeof(ChargingStateRecorded), typeof(SettlementPointRegistered),
    };

    public IReadOnlyList<RowChange> Apply(IRows rows, RecordedFact fact)
    {
        var next = rows.Unchanged();
        switch (fact.Event)
        {
            case DispatchInstructed e: Instruct(next, e); break;
            case InstructionWithdrawn e: Withdraw(next, e); break;
            case InstructionClockRecorded e:
                Amend(next, e.Instruction.Value, e.Point, target => target with
                {
                    Clocks = [.. target.Clocks.Append(new ClockRow(e.Clock, e.At, e.Source, null))
                        .OrderBy(clock => clock.Clock).ThenBy(clock => clock.At)],
                });
                break;
            case ReasonClaimed e:
                Amend(next, e.Instruction.Value, e.Point, target => target with
                {
                    Claimed = [.. target.Claimed.Append(new ClaimRow(e.Reason, e.ClaimedBy.Value)).Distinct()
                        .OrderBy(claim => claim.Reason).ThenBy(claim => claim.ClaimedBy, StringComparer.Ordinal)],
                });
                break;
            case ChargingFactRecorded e:
                var keys = next.KeysOf(e.Point);
                next.Put(new(keys.Facts, e.Period.End, $"|{RowJson.Key(e.Period.Start)}|{e.Reason}|{e.Source}"),
                    new FactRow(e.Period.Start, e.Period.End, e.Reason, e.Source));
                JudgeTouched(next, keys, e.Point, e.Period);
                break;
            case ChargingStateRecorded e: Hold(next, e); break;
            case SettlementPointRegistered e: Rate(next, e, fact.ValidTime.Start); break;
            case IntervalRecorded e: Record(next, e); break;
        }
        return next;
    }

    private static void Instruct(ChangedRows rows, DispatchInstructed e)
    {
        var (start, end) = (e.Period.Start, e.Period.End);
        rows.Put($"instruction|{e.Instruction}", new InstructionRow(
            e.Instruction.Value, e.Kind, e.IssuedBy.Value, e.IssuedAt, start, end, null, null,
            e.Tolerance.Milliwatts, e.RampAllowanceMs, e.PricePerKwh, e.PenaltyPerKwh, e.Programme?.Value, e.Test,
            VerdictTally.Empty, e.Activation?.Permille));
        foreach (var aim in e.Targets)
        {
            rows.Put(new(rows.KeysOf(aim.Point).Aims, end, $"|{e.Instruction}"),
                new AimRow(e.Instruction.Value, e.IssuedAt, start, end));
            Judge(rows, e.Instruction.Value, aim.Point, KeyOf(e.Instruction.Value, aim.Point), null,
                Unjudged(e.Instruction, aim));
        }
    }

    private static void Withdraw(ChangedRows rows, InstructionWithdrawn e)
    {
        var order = rows.Get<InstructionRow>($"instruction|{e.Instruction}") ?? throw Unknown(e.Instruction.Value);
        rows.Put($"instruction|{e.Instruction}", order with { WithdrawnAt = e.At, WithdrawalReason = e.Reason });
        foreach (var target in rows.Range<TargetRow>($"target|{e.Instruction}|", $"target|{e.Instruction}|~"))
            Judge(rows, target.Instruction, new(target.Point), KeyOf(target.Instruction, new(target.Point)), target,
                target);
    }

    private static void Record(ChangedRows rows, IntervalRecorded e)
    {
        var keys = rows.KeysOf(e.Point);
        var key = new RowKey(keys.Records, e.Period.Start);
        if (rows.Get<RecordRow>(key) is { } before && before.Version >= e.Version) return; // an earlier version, late
        rows.Put(key, new RecordRow(
            e.Period.Start, e.Period.End, e.Version, e.State, e.Import, e.Export, e.Minimum.Milliwatts,
            e.Maximum.Milliwatts,
            e.Gaps.Count == 0 ? [] : [.. e.Gaps.Select(gap => new GapRow(gap.Missing.Start, gap.Missing.End))],
            e.ClockOffsetMicroseconds, e.Quality, e.Reason));
        JudgeTouched(rows, keys, e.Point, e.Period);
    }

    /// <summary>A state takes over from the one before it,
    /// and ends where the next one was already said to begin.</summary>
    private static void Hold(ChangedRows rows, ChargingStateRecorded e)
    {
        var keys = rows.KeysOf(e.Point);
        var states = keys.States;
        var around = rows.Between<StateRow>(states, e.At, Instant.MaxValue).All
            .OrderBy(row => row.At).ThenBy(row => row.Source, StringComparer.Ordinal).ToList();
        var end = around.Find(After)?.At ?? Instant.MaxValue;
        if (around.FindLast(row => !After(row)) is { } before)
        {
            rows.Put(Key(before), null);
            rows.Put(Key(before with { End = e.At }), before with { End = e.At });
        }
        var state = new StateRow(e.At, end, e.Connected, e.StateOfChargePerMille, e.VehicleImportMax?.Milliwatts,
            e.VehicleExportMax?.Milliwatts, e.Fault, e.Source);
        rows.Put(Key(state), state);
        JudgeTouched(rows, keys, e.Point, new Interval(e.At - Compliance.SaidAfter, end), aim => aim.IssuedAt);

        bool After(StateRow row) =>
            row.At > e.At || (row.At == e.At && string.CompareOrdinal(row.Source, e.Source) > 0);
        RowKey Key(StateRow row) => new(states, row.End, $"|{RowJson.Key(row.At)}|{row.Source}");
    }

    private static void Rate(ChangedRows rows, SettlementPointRegistered e, Instant from)
    {
        var keys = rows.KeysOf(e.Point);
        var known = rows.Get<RatedRow>(keys.Rated);
        rows.Put(keys.Rated, known.And(new RatedRow(e.Rated.Milliwatts, e.Owner.Value, from)));
        foreach (var aim in rows.Between<AimRow>(keys.Aims, Instant.MinValue, Instant.MaxValue).All)
            Amend(rows, aim.Instruction, e.Point, target => target);
    }

    // Aims, facts and states are keyed by their end, so that those long past are not read.
    private static void JudgeTouched(ChangedRows rows, PointKeys keys, SettlementPointId point, Interval when) =>
        JudgeTouched(rows, keys, point, when, aim => aim.Start);

    /// <param name="from">From when on what happened matters to an aim.</param>
    private static void JudgeTouched(
        ChangedRows rows, PointKeys keys, SettlementPointId point, Interval when, Func<AimRow, Instant> from)
    {
        var aims = rows.Between<AimRow>(keys.Aims, when.Start, Instant.MaxValue);
        for (var i = 0; i < aims.Count; i++)
            if (from(aims[i]) < when.End && when.Start < aims[i].End)
                Amend(rows, aims[i].Instruction, point, target => target);
    }

    private static void Amend(
        ChangedRows rows, string instruction, SettlementPointId point, Func<TargetRow, TargetRow> amend)
    {
        var key = KeyOf(instruction, point);
        var before = rows.Get<TargetRow>(key) ?? throw Unknown($"{instruction} at {point}");
        Judge(rows, instruction, point, key, before, amend(before));
    }

    private static RowKey KeyOf(string instruction, SettlementPointId point) => $"target|{instruction}|{point}";

    /// <summary>Asks the domain for the verdict from all that is kept; it counts in place of the one before.</summary>
    private static void Judge(ChangedRows rows, string instruction, SettlementPointId point, in RowKey ofTarget,
        TargetRow? before, TargetRow target)
    {
        RowKey ofInstruction = $"instruction|{instruction}";
        var row = rows.Get<InstructionRow>(ofInstruction) ?? throw Unknown(instruction);
        var aim = new InstructionTarget(point, new Power(target.QuantityMilliwatts));
        var id = new InstructionId(instruction);
        var verdict = Compliance.JudgeTarget(Order(row, aim), row.WithdrawnAt, aim,
            Evidence(rows, row, target, id, point));
        rows.Put(ofTarget, target with
        {
            Verdict = verdict.Verdict,
            Reasons = verdict.Reasons,
            Supported = verdict.Supported,
            Ordered = verdict.Ordered,
            Excess = verdict.Excess,
            Delivered = verdict.Delivered,
            Deficiency = verdict.Deficiency,
            DeficiencyExcused = verdict.DeficiencyExcused,
            RampExcludedMicroseconds = Microseconds(verdict.RampExcluded),
            UnmeasuredMicroseconds = Microseconds(verdict.Unmeasured),
            Payment = verdict.Worth?.Payment,
            Penalty = verdict.Worth?.Penalty,
            Net = verdict.Worth?.Net,
            Clocks = target.Clocks.Count == 0 ? [] :
            [
                .. target.Clocks.Zip(verdict.Clocks.Skip(1), (clock, step) => clock with
                {
                    BoundMicroseconds = step.Bound is { } bound ? Microseconds(bound) : null,
                }),
            ],
            Bounds = verdict.Bounds,
            Reach = verdict.Reach,
            Connection = verdict.Connection,
            EligibleMilliwatts = verdict.EligiblePower.Milliwatts,
            UnrecordedMicroseconds =
                verdict.Unrecorded == verdict.Unmeasured ? null : Microseconds(verdict.Unrecorded),
        });
        var others = before is null ? row.Tally : row.Tally.Less(Verdict(before));
        rows.Put(ofInstruction, row with { Tally = others.Plus(verdict) });
    }

    private static CallEvidence Evidence(
        ChangedRows rows, InstructionRow row, TargetRow target, InstructionId id, SettlementPointId point)
    {
        var rated = new Dictionary<SettlementPointId, Power>();
        if (rows.Get<RatedRow>(rows.KeysOf(point).Rated) is { } known)
            rated[point] = new(known.InForce(row.Start).Milliwatts);
        return new(
            target.Clocks.Count == 0 ? [] : [.. target.Clocks.Select(clock =>
                new InstructionClockRecorded(id, point, clock.Clock, clock.At, clock.Source))],
            Records(rows, point, row.Start, row.End), Facts(rows, point, row.Start),
            target.Claimed.Count == 0 ? [] : [.. target.Claimed.Select(claim =>
                new ReasonClaimed(id, point, claim.Reason, new(claim.ClaimedBy)))])
        {
            States = States(rows, point, row.IssuedAt, row.End),
            Rated = rated,
        };
    }

    // The longest interval record is an hour: one that reaches into the call starts at most that long before it.
    private static List<IntervalRecorded> Records(
        ChangedRows rows, SettlementPointId point, Instant start, Instant end)
    {
        var found = rows.Between<RecordRow>(rows.KeysOf(point).Records, start - Duration.FromHours(1), end);
        var records = new List<IntervalRecorded>(found.Count);
        for (var i = 0; i < found.Count; i++)
            if (found[i] is { } kept && kept.End > start && kept.Start < end)
                records.Add(new(
                    point, new Interval(kept.Start, kept.End), kept.Version, kept.State, kept.Import, kept.Export,
                    new Power(kept.MinimumMilliwatts), new Power(kept.MaximumMilliwatts), 0, 0,
                    kept.Gaps.Count == 0 ? [] : [.. kept.Gaps.Select(gap => new CurveGap(new(gap.Start, gap.End)))],
                    0, 0, 0, 0, kept.ClockOffsetMicroseconds, kept.Quality, kept.Reason, NoEvidence));
        return records;
    }

    private static readonly EvidenceDigest NoEvidence = new(new string('0', 64));

    private static IReadOnlyList<ChargingFactRecorded> Facts(
        ChangedRows rows, SettlementPointId point, Instant start) =>
        rows.Between<FactRow>(rows.KeysOf(point).Facts, start, Instant.MaxValue) is { Count: > 0 } found
            ? [.. found.All.Select(kept => new ChargingFactRecorded(
                point, new Interval(kept.Start, kept.End), kept.Reason, kept.Source, null))] : [];

    private static IReadOnlyList<ChargingStateRecorded> States(
        ChangedRows rows, SettlementPointId point, Instant notice, Instant end) =>
        rows.Between<StateRow>(rows.KeysOf(point).States, notice, Instant.MaxValue) is { Count: > 0 } found
            ? [.. found.All.Where(kept => kept.At < end + Compliance.SaidAfter)
                .Select(kept => StateOf(point, kept))] : [];

    internal static ChargingStateRecorded StateOf(SettlementPointId point, StateRow kept) => new(
        point, kept.At, kept.Connected, kept.StateOfChargePerMille, PowerOf(kept.VehicleImportMaxMilliwatts),
        PowerOf(kept.VehicleExportMaxMilliwatts), kept.Fault, kept.Source);

    private static Power? PowerOf(long? milliwatts) => milliwatts is { } known ? new Power(known) : null;

    private static DispatchInstructed Order(InstructionRow row, InstructionTarget aim) => new(
        new(row.Instruction), row.Kind, new(row.IssuedBy), row.IssuedAt, new Interval(row.Start, row.End), [aim],
        new Power(row.ToleranceMilliwatts), row.RampAllowanceMs, row.PricePerKwh, row.PenaltyPerKwh,
        row.Programme is { } programme ? new ProgrammeId(programme) : null, row.Test);

    private static TargetRow Unjudged(InstructionId instruction, InstructionTarget aim) => new(
        instruction.Value, aim.Point.Value, aim.Quantity.Milliwatts, ComplianceVerdict.Unproven, [], [], [],
        Energy.Zero, Energy.Zero, Energy.Zero, Energy.Zero, Energy.Zero, 0, 0, null, null, null, [],
        EnergyBounds.Zero, InstructionReach.NotReceived, Connection.Unknown, 0);

    /// <summary>The verdict that a row holds, as the tally counted it.</summary>
    private static TargetVerdict Verdict(TargetRow row) => new(
        new(row.Point), row.Verdict, row.Reasons, row.Supported, [], row.Ordered, row.Excess, row.Delivered,
        row.Deficiency, row.DeficiencyExcused, Duration.Zero, Duration.Zero,
        row.Net is { } net ? new(0, 0, row.Payment ?? 0, row.Penalty ?? 0, net) : null, row.Bounds, row.Reach, [],
        row.Connection, new Power(row.EligibleMilliwatts));

    /// <summary>A tally with one more target: for whoever is to see a part of an instruction.</summary>
    internal static VerdictTally Plus(VerdictTally tally, TargetRow row) => tally.Plus(Verdict(row));

    private static long Microseconds(Duration time) => time.ToInt64Nanoseconds() / 1000;

    private static InvalidOperationException Unknown(string what) => new($"no instruction {what}");
}
