using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Laws of compliance over random calls with gaps, corrections, doubts, facts, states and claims.</summary>
public sealed class ComplianceLawTests
{
    private static readonly Instant Start = Instant.FromUtc(2026, 7, 1, 10, 0);
    private static readonly SettlementPointId[] Points = [new("C1"), new("C2")];

    /// <summary>From the worst verdict to the best one.</summary>
    private static readonly ComplianceVerdict[] Ranks =
    [
        ComplianceVerdict.Broken, ComplianceVerdict.PartlyKept, ComplianceVerdict.Unproven, ComplianceVerdict.Excused,
        ComplianceVerdict.Kept,
    ];

    private sealed record Call(DispatchInstructed Order, Instant? WithdrawnAt, CallEvidence Evidence)
    {
        public InstructionVerdict Judged => Compliance.Judge(Order, WithdrawnAt, Evidence);
    }

    private static Instant At(int minutes) => Start + Duration.FromMinutes(minutes);

    private static readonly Gen<Interval> AnyPeriod = Gen.Select(Gen.Int[-20, 40], Gen.Int[1, 40],
        (from, length) => new Interval(At(from), At(from + length)));

    private static readonly Gen<SettlementPointId> AnyPoint = Gen.Int[0, 1].Select(i => Points[i]);

    private static readonly Gen<IntervalRecorded> AnyRecord = Gen.Select(
        AnyPoint, Gen.Select(Gen.Int[-1, 2], Gen.Int[1, 3], Gen.Int[0, 9], (n, version, quality) =>
            (n, version, quality)),
        Gen.Int[0, 30_000], Gen.Int[0, 30_000], Gen.Int[0, 3], Gen.Int[-2_100_000, 2_100_000],
        (point, key, import, export, gap, clock) => new IntervalRecorded(
            point, new(At(15 * key.n), At(15 * (key.n + 1))), key.version, IntervalRecordState.Final,
            Energy.FromWattHours(import), Energy.FromWattHours(export), Power.FromKilowatts(-export / 200),
            Power.FromKilowatts(import / 200), 0, 0,
            gap == 0 ? [] : [new(new(At(15 * key.n + gap), At(15 * key.n + gap) + Duration.FromSeconds(gap)))], 0, 0,
            0, 0,
            clock, key.quality == 0 ? ReadingQuality.Suspect : ReadingQuality.Measured, null,
            new(new string('a', 64))));

    private static readonly Gen<ChargingStateRecorded> AnyState = Gen.Select(
        AnyPoint, Gen.OneOf(Gen.Int[-20, 40], Gen.Int[-1460, -1400]), Gen.Int[0, 4], Gen.Int[0, 120],
        (point, minute, kind, limit) =>
            new ChargingStateRecorded(
            point, At(minute), kind > 0, kind > 1 ? 100 * kind : null, null, kind > 2
                ? Power.FromKilowatts(limit) : null,
            kind == 4 ? "contactor" : null, "charger"));

    private static readonly Gen<CallEvidence> AnyEvidence = Gen.Select(
        AnyRecord.List[0, 8], Gen.Select(AnyPoint, AnyPeriod, Gen.Enum<ShortfallReason>(), (point, period, reason) =>
            new ChargingFactRecorded(point, period, reason, "charger", null)).List[0, 3],
        AnyState.List[0, 4], Gen.Select(AnyPoint, Gen.Enum<ShortfallReason>()).List[0, 2], Gen.Bool,
        (records, facts, states, claims, rated) => new CallEvidence(
            [], [.. records.DistinctBy(record => (record.Point, record.Period, record.Version))], facts,
            [.. claims.Select(claim => new ReasonClaimed(new("I1"), claim.Item1, claim.Item2, new("cpo")))])
        {
            States = [.. states.DistinctBy(state => (state.Point, state.At))],
            Rated = rated ? Points.ToDictionary(point => point, _ => Power.FromKilowatts(350)) : [],
        });

    private static readonly Gen<Call> AnyCall = Gen.Select(
        Gen.Enum<InstructionKind>(), Gen.Int[0, 110], Gen.Int[0, 10], Gen.Int[0, 3], Gen.Int[-5, 60], AnyEvidence,
        (kind, kilowatts, tolerance, ramp, withdrawn, evidence) => new Call(
            new(new("I1"), kind, new("grid"), At(-10), new(At(0), At(30)),
                [.. Points.Select(point => new InstructionTarget(point, Power.FromKilowatts(kilowatts)))],
                Power.FromKilowatts(tolerance), 60_000L * ramp, 1m, 2m, null, null),
            withdrawn < 30 ? At(withdrawn) : null, evidence));

    /// <summary>So a total that somebody reads has no part that nobody names.</summary>
    [Fact]
    public void What_was_ordered_is_delivered_deficient_or_of_time_of_which_nothing_is_proven() => AnyCall
        .Where(call => call.Order.Kind == InstructionKind.Export).Sample(call =>
    {
        var ordered = call.Order.Targets.ToDictionary(target => target.Point, target => target.Quantity);
        call.Judged.Tally.OrderedUnmeasured().HalfNanojoules.ShouldBe(call.Judged.Targets.Aggregate(Int128.Zero,
            (sum, target) => sum + (Int128)ordered[target.Point].Milliwatts * target.Unmeasured.ToInt64Nanoseconds()
                / 1000 * 2));
    });

    [Fact]
    public void Parts_sum_to_the_whole() => AnyCall.Sample(call =>
    {
        var (order, judged) = (call.Order, call.Judged);
        var tally = judged.Tally;
        tally.Instructed.ShouldBe(tally.Kept + tally.PartlyKept + tally.Broken + tally.Excused + tally.Unproven);
        tally.Excess.ShouldBe(Sum(target => target.Excess));
        tally.Deficiency.ShouldBe(Sum(target => target.Deficiency));
        (tally.Lower, tally.Upper).ShouldBe((Sum(target => target.Bounds.Lower), Sum(target => target.Bounds.Upper)));
        foreach (var target in judged.Targets)
        {
            var point = order.Kind == InstructionKind.Export ? target.Deficiency : target.Excess;
            target.Bounds.Lower.ShouldBeLessThanOrEqualTo(point);
            target.Bounds.Upper.ShouldBeGreaterThanOrEqualTo(point);
            target.DeficiencyExcused.ShouldBeInRange(Energy.Zero, target.Deficiency);
            (target.Delivered + target.Deficiency).ShouldBeLessThanOrEqualTo(target.Ordered);
        }

        Energy Sum(Func<TargetVerdict, Energy> part) =>
            judged.Targets.Aggregate(Energy.Zero, (sum, target) => sum + part(target));
    }, iter: LongRun.Samples);

    [Fact]
    public void The_order_of_facts_changes_nothing() => Gen.Select(AnyCall, Gen.Int[0, 1000]).Sample((call, seed) =>
    {
        var random = new Random(seed);
        T[] Shuffled<T>(IReadOnlyList<T> facts)
        {
            T[] shuffled = [.. facts];
            random.Shuffle(shuffled);
            return shuffled;
        }

        var evidence = call.Evidence;
        Text((call with
        {
            Evidence = evidence with
            {
                Records = Shuffled(evidence.Records),
                Facts = Shuffled(evidence.Facts),
                Claims = Shuffled(evidence.Claims),
                States = Shuffled(evidence.States),
            },
        }).Judged).ShouldBe(Text(call.Judged));
    }, iter: LongRun.Samples);

    /// <summary>Whoever takes more back has given no more.</summary>
    [Fact]
    public void More_import_never_improves_an_export() => Gen.Select(AnyCall.Where(call =>
        call.Order.Kind == InstructionKind.Export), Gen.Int[1, 30_000]).Sample((call, more) =>
    {
        var taken = call with
        {
            Evidence = call.Evidence with
            {
                // At the powers that the record has: more energy by itself says nothing of when it flowed.
                Records = [.. call.Evidence.Records.Select(record =>
                    record with { Import = record.Import + Energy.FromWattHours(more) })],
                Facts = [],
                States = [],
            },
        };
        var plain = call with { Evidence = call.Evidence with { Facts = [], States = [] } };
        foreach (var (less, most) in plain.Judged.Targets.Zip(taken.Judged.Targets))
        {
            most.Delivered.ShouldBeLessThanOrEqualTo(less.Delivered);
            if (most.Verdict == ComplianceVerdict.Kept) less.Verdict.ShouldBe(ComplianceVerdict.Kept);
        }
    }, iter: LongRun.Samples);

    [Fact]
    public void A_wider_tolerance_never_worsens_a_verdict() =>
        Gen.Select(AnyCall, Gen.Int[0, 30]).Sample((call, more) =>
    {
        var wider = call
            with
        { Order = call.Order with { Tolerance = call.Order.Tolerance + Power.FromKilowatts(more) } };
        foreach (var (narrow, wide) in call.Judged.Targets.Zip(wider.Judged.Targets))
            Array.IndexOf(Ranks, wide.Verdict).ShouldBeGreaterThanOrEqualTo(Array.IndexOf(Ranks, narrow.Verdict));
    }, iter: LongRun.Samples);

    /// <summary>Who kept the order without any ramp keeps it with one, unless that leaves nothing to judge. States are
    /// left out: where a vehicle's limit is below the tolerance, less time has less of both.</summary>
    [Fact]
    public void An_allowance_takes_no_kept_order_away() => Gen.Select(AnyCall, Gen.Int[1, 20]).Sample((call, minutes) =>
    {
        Call With(int ramp) => call with
        {
            Order = call.Order with { RampAllowanceMs = 60_000L * ramp },
            Evidence = call.Evidence with { States = [] },
        };
        var nothing = At(minutes) >= Instant.Min(call.WithdrawnAt ?? At(30), At(30));
        foreach (var (without, ramped) in With(0).Judged.Targets.Zip(With(minutes).Judged.Targets))
            if (without.Verdict == ComplianceVerdict.Kept)
                ramped.Verdict.ShouldBe(nothing ? ComplianceVerdict.Excused : ComplianceVerdict.Kept);
    }, iter: LongRun.Samples);

    [Fact]
    public void That_nobody_was_there_excuses_no_import_above_a_cap() => AnyCall.Where(call =>
        call.Order.Kind == InstructionKind.Curtail && call.Order.Targets[0].Quantity > Power.FromKilowatts(5))
        .Sample(call =>
    {
        var absent = call with
        {
            Evidence = call.Evidence with
            {
                Facts = [.. call.Evidence.Facts, .. Points.Select(point => new ChargingFactRecorded(
                    point, new(At(-60), At(100)), ShortfallReason.NoVehicle, "charger", null))],
            },
        };
        foreach (var (alone, said) in call.Judged.Targets.Zip(absent.Judged.Targets))
            if (alone.Verdict is ComplianceVerdict.Broken or ComplianceVerdict.PartlyKept)
                said.Verdict.ShouldBe(alone.Verdict);
    }, iter: LongRun.Samples);

    [Fact]
    public void A_claim_improves_no_verdict() => AnyCall.Sample(call =>
    {
        var silent = call with { Evidence = call.Evidence with { Claims = [] } };
        silent.Judged.Tally.ShouldBe(call.Judged.Tally);
    }, iter: LongRun.Samples);

    [Fact]
    public void The_samples_have_what_is_hard()
    {
        var (gaps, corrections, doubts, withdrawn, verdicts) = (0, 0, 0, 0, new Dictionary<ComplianceVerdict, int>());
        var lines = new List<string>();
        AnyCall.Sample(call =>
        {
            var records = call.Evidence.Records;
            if (records.Any(record => record.Gaps.Count > 0)) gaps++;
            if (records.GroupBy(record => (record.Point, record.Period)).Any(group => group.Count() > 1)) corrections++;
            if (records.Any(record => record.Quality == ReadingQuality.Suspect)) doubts++;
            if (call.WithdrawnAt is not null) withdrawn++;
            foreach (var target in call.Judged.Targets)
                verdicts[target.Verdict] = verdicts.GetValueOrDefault(target.Verdict) + 1;
        }, iter: 2_000, threads: 1);
        lines.Add($"of 2000 calls: gaps {gaps}, corrections {corrections}, suspect {doubts}, withdrawn {withdrawn}");
        lines.AddRange(verdicts.OrderBy(verdict => verdict.Key).Select(verdict => $"{verdict.Key} {verdict.Value}"));
        TestContext.Current.TestOutputHelper?.WriteLine(string.Join(", ", lines));
        Math.Min(Math.Min(gaps, corrections), Math.Min(doubts, withdrawn)).ShouldBeGreaterThan(200);
        verdicts.Count.ShouldBe(Ranks.Length);
        verdicts.Values.Min().ShouldBeGreaterThan(20);
    }

    private static string Text(InstructionVerdict verdict) => string.Join('\n', verdict.Targets.Select(target =>
        $"{target with { Reasons = [], Supported = [], Claimed = [], Clocks = [] }} {string.Join("; ", target.Reasons)} " +
        $"{string.Join(",", target.Supported)} {string.Join(",", target.Claimed)}"));
}
