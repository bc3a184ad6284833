using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>What moved a line, in words, and the positions of the facts that did.</summary>
internal sealed record LineCause(string Why, IReadOnlyList<long> Facts);

/// <summary>
/// Which facts moved a line between two runs: those that one of its explanations rests on and the other does not, and
/// first of all what was recorded between the two. A fact that took another's place without being counted itself, as a
/// withdrawal, is found as that one's latest version; where nothing else says why, what was recorded of the point
/// between the two runs does.
/// </summary>
/// <param name="reaches">Whose figures are told; of anybody else's it is only said that they moved the line.</param>
internal sealed class LineCauses(
    IJournal journal, ExplainedRun was, ExplainedRun now, Predicate<PartyId> reaches, CancellationToken ct)
{
    private const int FactsSaid = 12; // more than one line ever rests on that is read from a register

    private const string Carried = "the rest of a cent or of a watt-hour that a changed line leaves is carried to it";

    /// <summary>A line as far as the search for its cause asks for it.</summary>
    /// <param name="Point">Null where it is of no point.</param>
    /// <param name="Time">In which what was metered of the point matters to it.</param>
    private sealed record Moved(
        bool IsNew, bool IsGone, bool IsCarried, SettlementPointId? Point, Direction? Direction, Interval Time)
    {
        public InstructionId? Call { get; init; }

        public bool IsOneSided => IsNew || IsGone;
    }

    private readonly FactWords words = new(journal, ct);
    private readonly bool isForward = was.Run.AtPosition <= now.Run.AtPosition;
    private readonly KnownFacts known =
        new(journal, Math.Max(was.Run.AtPosition, now.Run.AtPosition), ct); // all that either of the two counts
    private readonly Dictionary<long, long?> latest = [];
    private readonly Dictionary<Moved, IReadOnlyList<long>> between = [];

    public FactWords Words => words;

    public ExplainedRun Was => was;

    public ExplainedRun Now => now;

    private ExplainedRun Earlier => isForward ? was : now;

    private long Since => Earlier.Run.AtPosition;

    /// <param name="isCarried">Whether energy and price are the same, and only a rest that is carried to it is not.
    /// </param>
    public Task<LineCause> OfAsync(StatementLine? before, StatementLine? after, bool isCarried)
    {
        var line = (after ?? before)!;
        return OfAsync(Facts(was, before, line.Point, isCarried), Facts(now, after, line.Point, isCarried),
            new(before is null, after is null, isCarried, line.Point, line.Direction, TheDay), false);
    }

    public async Task<LineCause> OfAsync(StatementCharge? before, StatementCharge? after, bool isCarried)
    {
        var key = ChargeKey.From((after ?? before)!);
        var month = new Interval(Day(key.Of).Start, TheDay.End);
        var cause = await OfAsync(before is null ? [] : was.Charge(before).Positions(),
            after is null ? [] : now.Charge(after).Positions(),
            new(before is null, after is null, isCarried, key.Point, null, month), false).ConfigureAwait(false);
        return isCarried ? cause with { Why = Carried } : cause;
    }

    public Task<LineCause> OfAsync(FlexibilityLine? before, FlexibilityLine? after, bool isCarried)
    {
        var key = FlexibilityKey.From((after ?? before)!);
        // A line that another pays now is another one, and rests on the facts of the one that it was.
        var (a, b) = (Tree(was, before, key), Tree(now, after, key));
        var (rested, rests) = (Told(a), Told(b));
        var others = All(a).Except(All(b)).Concat(All(b).Except(All(a))).Except(rested).Except(rests).Any();
        return OfAsync(rested, rests, new(a is null, b is null, isCarried, null, null, TheDay)
        {
            Call = key.Instruction,
        }, others);

        static ExplainedValue? Tree(ExplainedRun run, FlexibilityLine? line, FlexibilityKey key) =>
            (line ?? run.Statement.Flexibility.FirstOrDefault(each => FlexibilityKey.From(each) == key)) is { } there
                ? run.Flexibility(there) : null;

        static IReadOnlyList<long> All(ExplainedValue? tree) => tree?.Positions() ?? [];

        IReadOnlyList<long> Told(ExplainedValue? tree) => tree?.Positions(reaches) ?? [];
    }

    /// <summary>A price is by the tariff, which is by its assignment where it is another; an energy by what was metered
    /// and the registration of its point. What is only carried to a line is by no master data of its point.</summary>
    private List<long> Facts(ExplainedRun run, StatementLine? line, SettlementPointId point, bool isCarried)
    {
        List<long> facts = line is null ? [] : [.. run.Metered(line).Positions()];
        facts.Add(run.Pricing.Tariff.Position);
        if (was.Pricing.Tariff.Position != now.Pricing.Tariff.Position) facts.Add(run.Pricing.AssignmentPosition);
        if (!isCarried && run.Pricing.Points.TryGetValue(point, out var registered)) facts.Add(registered);
        return facts;
    }

    /// <param name="others">Whether figures moved it that are not told.</param>
    private async Task<LineCause> OfAsync(
        IReadOnlyList<long> rested, IReadOnlyList<long> rests, Moved line, bool others)
    {
        if (now.IsTakenBack)
            return new($"{now.Run.Run} (position {Number(now.Run.RecordedPosition)}), has no line any more", []);
        // What is taken back as a whole is so for no fact of a line; and of a line that is on one side only, what
        // counts on other lines as it did moved nothing.
        bool Counts(long position) => !was.IsTakenBack && (!line.IsOneSided || position >= Since);
        var (gone, come) = (rested.Except(rests).Where(Counts).ToList(), rests.Except(rested).Where(Counts).ToList());
        var late = gone.Concat(come).Where(position => position >= Since).ToHashSet();
        foreach (var position in isForward ? gone : come)
            if (await LatestAsync(position).ConfigureAwait(false) is { } version && version >= Since) late.Add(version);
        if (late.Count == 0 && IsUnexplained(line, gone.Count + come.Count))
            late.UnionWith(await BetweenAsync(line).ConfigureAwait(false));
        return new(await SayAsync(line, [.. late.Order()], gone, come, others).ConfigureAwait(false),
            [.. gone.Concat(come).Concat(late).Distinct().Order()]);
    }

    /// <summary>Whether it is to be asked what was recorded of the point: not of two days beside each other, and not
    /// where other rules, or a rest that is carried, say why.</summary>
    private bool IsUnexplained(Moved line, int facts) => !was.IsTakenBack
        && (was.Run.Account, was.Run.Day) == (now.Run.Account, now.Run.Day)
        && (line.IsOneSided || facts > 0 || (!line.IsCarried && !AreOtherRules));

    private bool AreOtherRules =>
        (was.Run.RuleVersion, was.Run.TzdbVersion) != (now.Run.RuleVersion, now.Run.TzdbVersion);

    private async Task<long?> LatestAsync(long position)
    {
        if (!latest.TryGetValue(position, out var version))
            latest[position] = version = await FactVersions.LaterAsync(known,
                await words.OfAsync(position).ConfigureAwait(false)).ConfigureAwait(false);
        return version;
    }

    /// <summary>What was recorded of a line's point or call after the first of the two runs was calculated, and before
    /// the second. A point that is not settled is so by its registration or its place.</summary>
    private async Task<IReadOnlyList<long>> BetweenAsync(Moved line)
    {
        if (between.TryGetValue(line, out var before)) return before;
        List<long> found = [];
        if (line.Point is { } point)
        {
            var places = (await known.ReadAsync(Streams.Point(point)).ConfigureAwait(false)).Concat(
                (await known.ReadAsync(Streams.StationTree).ConfigureAwait(false)).Where(placed =>
                    placed.Event is PointPlaced { Point: var placedPoint } && placedPoint == point));
            found = [.. places.Where(each => each.From < line.Time.End).Select(each => each.Position).Where(IsBetween)];
            if (found.Count == 0 || !line.IsOneSided)
                found.AddRange((await MeteredAsync(point, line).ConfigureAwait(false)).Where(IsBetween));
        }
        else if (line.Call is { } call)
            foreach (var stream in (string[])[Streams.Instruction(call), Streams.Baselines(call)])
                foreach (var each in (await known.ReadAsync(stream).ConfigureAwait(false))
                    .Where(each => IsBetween(each.Position)))
                    if (each.Event is not BaselineFrozen { Point: var of } || (await known.PointInForceAsync(
                        of, line.Time.Start).ConfigureAwait(false))?.Event
                            is SettlementPointRegistered { Owner: var owner } && reaches(owner))
                        found.Add(each.Position);
        return between[line] = found;
    }

    private bool IsBetween(long position) => position >= Since;

    /// <summary>The positions of what was metered of a point in the days of a line, and of its meters.</summary>
    private async Task<List<long>> MeteredAsync(SettlementPointId point, Moved line)
    {
        var (found, zone) = (new List<long>(), DateTimeZoneProviders.Tzdb[was.Run.Zone]);
        for (var day = line.Time.Start.InZone(zone).Date; Day(day) is var time && time.Start < line.Time.End;
            day = day.PlusDays(1))
        {
            var facts = await known.MeteredAsync(point, day, [time]).ConfigureAwait(false);
            found.AddRange(facts.Installations.Where(each => each.Fact.From < time.End
                && IsOf(each.Fact.Installed.Register)).Select(each => each.Position));
            found.AddRange(facts.Readings.Where(each => IsOf(each.Fact.Register)).Select(each => each.Position));
            found.AddRange(facts.ReadingCorrections.Where(each => IsOf(each.Fact.Register))
                .Select(each => each.Position));
            found.AddRange(facts.IntervalReadings.Where(each => IsOf(each.Fact.Register))
                .Select(each => each.Position));
            found.AddRange(facts.IntervalCorrections.Where(each => IsOf(each.Fact.Register))
                .Select(each => each.Position));
            found.AddRange(facts.Estimates.Where(each => IsOf(each.Fact.Register)).Select(each => each.Position));
            found.AddRange(facts.IntervalRecords.Select(each => each.Position));
        }
        return found;

        bool IsOf(RegisterId register) => line.Direction is null || register.Direction == line.Direction;
    }

    /// <param name="late">What was recorded between the two.</param>
    private async Task<string> SayAsync(Moved line, List<long> late, List<long> gone, List<long> come, bool others)
    {
        var reasons = new List<string>();
        if (line.IsNew) reasons.Add($"{was.Run.Run} had no such line{LeftOut(was, line.Point)}");
        if (line.IsGone) reasons.Add($"{now.Run.Run} has no such line{LeftOut(now, line.Point)}");
        // What came late is why there is a difference; what counts with it was known before, and is only named.
        var (said, how) = late.Count > 0 ? (late, $", came after {Earlier.Run.Run} was calculated")
            : come.Count > 0 ? (come, " counts now") : (gone, " counts no longer");
        foreach (var position in said.Take(FactsSaid))
            reasons.Add($"{(await words.OfAsync(position).ConfigureAwait(false)).Says} (position {Number(position)}){how}");
        if (late.Count > 0 && come.Except(late).ToList() is { Count: > 0 } with)
            reasons.Add($"{(isForward ? "with" : "without")} it counts what was known before, at position"
                + $"{(with.Count == 1 ? "" : "s")} {string.Join(", ", with.Take(FactsSaid).Select(Number))}");
        if (said.Count - FactsSaid is > 0 and var more) reasons.Add($"and {Number(more)} more facts");
        if (others) reasons.Add("what others are paid of the same call is by other facts");
        return reasons.Count > 0 ? string.Join("; ", reasons)
            : line.IsCarried ? Carried
            : AreOtherRules ? $"the same facts by other rules: {was.Run.RuleVersion} and {now.Run.RuleVersion}, "
                + $"time-zone rules {was.Run.TzdbVersion} and {now.Run.TzdbVersion}"
            : $"the same facts of its own, and others beside it, recorded from position {Number(Since)} on";
    }

    private static string LeftOut(ExplainedRun run, SettlementPointId? point) =>
        run.LeftOut.FirstOrDefault(left => left.Point == point) is { WhyNot: { } why } ? $", because {why}" : "";

    private Interval TheDay => Day(RowJson.Day(was.Run.Day));

    private Interval Day(LocalDate day) => SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[was.Run.Zone], day);

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
