using System.Globalization;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Projections;

/// <summary>An amount of a recorded run, explained.</summary>
/// <param name="Line">The number of the line or charge; null where it is the total.</param>
/// <param name="Differs">What of the run does not come out again; null where all does.</param>
public sealed record ExplainedAmount(
    TimeOfUseSettlement.RunRow Run, int? Line, ExplainedValue Tree, string? Differs)
{
    /// <summary>Whether the fold and the explanation agree, and the run comes out as it was recorded.</summary>
    public bool Holds => Tree.Holds && Differs is null;

    /// <summary>Of its statement.</summary>
    public required int MoneyDecimals { get; init; }
}

/// <summary>An explained value for programs: each names its rule, and the rules stand once beside the tree.</summary>
public sealed record ExplainedNode(
    string Name, string Unit, string Says, string Follows, bool Holds, string Rule, string Arithmetic, long? Position,
    IReadOnlyList<ExplainedNode> From)
{
    private const string Before = "; explained above";
    private const string Foreign = "by figures of others too, which are not told";

    /// <summary>What is rounded to be paid, and the sums of such.</summary>
    private static readonly HashSet<ExplanationRule> Paid =
    [
        ExplanationRule.Total, ExplanationRule.Direction, ExplanationRule.Amount, ExplanationRule.Delta,
        ExplanationRule.Charges, ExplanationRule.Flexibility, ExplanationRule.Payment, ExplanationRule.Penalty,
        ExplanationRule.Redistributed, ExplanationRule.Availability,
    ];

    /// <summary>A value that several others follow from is written out where it comes first.</summary>
    /// <param name="moneyDecimals">Of what is rounded to be paid.</param>
    /// <param name="reaches">Whose figures are told. Of anybody else's it is said that they are there, and not of whom
    /// or what they are, and what is made of them is told without its arithmetic. Null: everybody's.</param>
    public static ExplainedNode Of(ExplainedValue value, int moneyDecimals, Predicate<PartyId>? reaches = null) =>
        Of(value, moneyDecimals, reaches ?? (_ => true), new(ReferenceEqualityComparer.Instance));

    /// <summary>A value's text as it is shown: what is rounded to be paid has all its decimals, any other is as it is.
    /// </summary>
    public static string Shown(ExplainedValue value, string text, int moneyDecimals) =>
        Paid.Contains(value.Rule) && value.Unit is [>= 'A' and <= 'Z', ..] // a currency, and no kWh that is counted
        && decimal.TryParse(text, NumberStyles.Number, CultureInfo.InvariantCulture, out var amount)
            ? $"{(Money)Money.With(moneyDecimals, amount)}" : text;

    private static ExplainedNode Of(
        ExplainedValue value, int moneyDecimals, Predicate<PartyId> reaches, HashSet<ExplainedValue> written)
    {
        if (IsForeign(value))
            return new("of another", value.Unit, ExplainedValue.None, ExplainedValue.None, value.Holds, value.Rule.Id,
                "", null, []);
        var again = value.From.Count > 0 && !written.Add(value);
        return new(value.Name, value.Unit, Shown(value, value.Says, moneyDecimals),
            Shown(value, value.Follows, moneyDecimals), value.Holds, value.Rule.Id,
            (value.From.Any(IsForeign) ? Foreign : value.Arithmetic) + (again ? Before : ""), value.Position,
            again ? [] : [.. value.From.Select(child => Of(child, moneyDecimals, reaches, written))]);

        bool IsForeign(ExplainedValue of) => of.Whose is { } party && !reaches(party);
    }
}

/// <summary>
/// A recorded run with all that its lines follow from: calculated again from its own position, and each line explained
/// when it is asked for.
/// </summary>
public sealed class ExplainedRun
{
    private readonly Dictionary<(SettlementPointId, Direction), (MeteredReasons Reasons,
        PointFacts Facts)> reasons = [];
    private readonly SettlementFacts facts;
    private readonly PricingFacts pricing;
    private readonly List<LineCarry> carries = [];
    private readonly IReadOnlyDictionary<SettlementPointId, ReasonedMonth> months;
    private readonly Dictionary<SettlementPointId, ChargeReasons> charged = [];
    private ChargeReasons? ofAccount;
    private readonly Dictionary<int, ExplainedValue> explained = [];
    private readonly IReadOnlyDictionary<InstructionId, FlexibilityReasons> calls;
    private readonly IReadOnlyDictionary<(ProgrammeId, string), AvailabilityReasons> ready;

    private ExplainedRun(RederivedRun again, SettlementFacts facts, PricingFacts pricing,
        IReadOnlyDictionary<SettlementPointId, ReasonedMonth> months,
        IReadOnlyDictionary<InstructionId, FlexibilityReasons> calls,
        IReadOnlyDictionary<(ProgrammeId, string), AvailabilityReasons> ready)
    {
        (Run, Statement, Differs, this.facts, this.pricing, this.months, this.calls, this.ready) =
            (again.Run, again.Statement!, again.Differs, facts, pricing, months, calls, ready);
        var carry = LineCarry.None;
        for (var i = 0; i < Statement.Lines.Count; i++)
        {
            carries.Add(carry);
            carry = carry.After(Statement.Lines[i], Statement.Lines.ElementAtOrDefault(i + 1));
        }
        foreach (var charge in Statement.Charges)
        {
            carries.Add(carry);
            carry = carry.After(charge);
        }
        carries.Add(carry);
    }

    public TimeOfUseSettlement.RunRow Run { get; }
    public Statement Statement { get; }
    public string? Differs { get; }

    /// <summary>The points of the account that are not settled, each with the reason.</summary>
    public IReadOnlyList<SettledPoint> LeftOut => facts.LeftOut;

    /// <summary>The facts by which the lines are priced.</summary>
    public PricingFacts Pricing => pricing;

    /// <summary>Whether all of it was taken back, so that nothing of it is due.</summary>
    public bool IsTakenBack { get; private init; }

    /// <summary>Null where nothing can be calculated from the facts before the run's position.</summary>
    public static Task<ExplainedRun?> OfAsync(
        IJournal journal, IViewStore views, TimeOfUseSettlement.RunRow run, CancellationToken ct) =>
        OfAsync(journal, views, NamedRun.Of(run), ct);

    /// <summary>The same of a run as it stands with a correction: the day that the correction makes of it.</summary>
    public static async Task<ExplainedRun?> OfAsync(
        IJournal journal, IViewStore views, NamedRun named, CancellationToken ct)
    {
        var again = await StatementCorrections.RederiveAsync(journal, views, named, ct).ConfigureAwait(false);
        if (again.Statement is null) return null;
        var run = again.Run;
        var (account, day) = (new PartyId(run.Account), RowJson.Day(run.Day));
        var facts = await SettlementFacts.GatherAsync(journal, views, account, day, run.AtPosition, run.RuleVersion, ct)
            .ConfigureAwait(false);
        var known = new KnownFacts(journal, run.AtPosition, ct);
        var start = SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[facts.Zone!], day).Start;
        var tariff = await known.KnownInForceAsync(Streams.Tariff(facts.Assigned!.Value), start).ConfigureAwait(false);
        var assigned = await known.KnownInForceAsync(Streams.Assignment(account), start).ConfigureAwait(false);
        var points = new Dictionary<SettlementPointId, long>();
        foreach (var point in facts.Points)
            points[point.Registered.Point] = (await known.PointInForceAsync(point.Registered.Point, start)
                .ConfigureAwait(false))!.Position;
        var months = facts.Tariff!.Terms is { } terms
            ? await MonthsOfPoints.ReasonedAsync(known, account, facts.Tariff, terms, day, facts.Points,
                facts.Settled).ConfigureAwait(false)
            : new Dictionary<SettlementPointId, ReasonedMonth>();
        var (calls, ready) = await PaidAsync(again.Statement, new(journal, new(views, run.AtPosition - 1),
            run.AtPosition, run.RuleVersion, ct)).ConfigureAwait(false);
        return new(again, facts, new(new(tariff!.Position, facts.Tariff!), assigned!.Position, points), months, calls,
            ready)
        {
            IsTakenBack = named.IsTakenBack,
        };
    }

    /// <summary>What the lines of flexibility follow from: of each call, and of each point that is paid for being
    /// ready.</summary>
    private static async Task<(IReadOnlyDictionary<InstructionId, FlexibilityReasons> Calls,
        IReadOnlyDictionary<(ProgrammeId, string), AvailabilityReasons> Ready)> PaidAsync(
        Statement statement, CallReasons reasons)
    {
        var calls = new Dictionary<InstructionId, FlexibilityReasons>();
        var ready = new Dictionary<(ProgrammeId, string), AvailabilityReasons>();
        foreach (var line in statement.Flexibility)
            if (line.Instruction is { } instruction)
            {
                if (!calls.ContainsKey(instruction)
                    && await reasons.OfAsync(instruction).ConfigureAwait(false) is { } call)
                    calls[instruction] = new(call, Deliveries.MoneyDecimals);
            }
            else if (!ready.ContainsKey((line.Programme, line.Paid)))
            {
                var point = new SettlementPointId(line.Paid);
                if (await reasons.DayOfAsync(point, statement.Day).ConfigureAwait(false) is (var registered, var day))
                    ready[(line.Programme, line.Paid)] =
                        new(await reasons.ReadyAsync(line.Programme, point, day).ConfigureAwait(false), line.Paid,
                            registered.Owner, day, Deliveries.MoneyDecimals);
            }
        return (calls, ready);
    }

    /// <summary>The amount of the line, charge or line of flexibility with this number, from 1 on.</summary>
    public ExplainedAmount Line(int number) => new(Run, number,
        number <= Statement.Lines.Count ? Explained(number - 1)
        : number <= Statement.Lines.Count + Statement.Charges.Count
            ? Charge(Statement.Charges[number - 1 - Statement.Lines.Count])
        : Flexibility(Statement.Flexibility[number - 1 - Statement.Lines.Count - Statement.Charges.Count]), Differs)
    {
        MoneyDecimals = Statement.MoneyDecimals,
    };

    /// <summary>A line of flexibility, explained.</summary>
    public ExplainedValue Flexibility(FlexibilityLine line) =>
        explained.TryGetValue(line.Number, out var before) ? before
        : explained[line.Number] = line.Instruction is { } call && calls.TryGetValue(call, out var reasons)
            ? reasons.Explain(FlexibilityKey.From(line), line, Statement.Currency)
        : line.Instruction is null && ready.TryGetValue((line.Programme, line.Paid), out var held)
            ? held.Explain(FlexibilityKey.From(line), line, Statement.Currency)
            : new($"line {line.Number}: {FlexibilityKey.From(line)}", Statement.Currency,
                line.Amount is { } amount ? RowJson.Text(amount) : ExplainedValue.None, ExplainedValue.None,
                ExplanationRule.Missing,
                line.Problem ?? "nothing says why", []);

    /// <summary>Every line of flexibility, and every one that is due and not there.</summary>
    public IEnumerable<ExplainedValue> Flexibilities()
    {
        var there = Statement.Flexibility.Select(FlexibilityKey.From).ToHashSet();
        return Statement.Flexibility.Select(Flexibility).Concat(calls.Values.SelectMany(call =>
            call.DueTo(Statement.Account).Where(key => !there.Contains(key)).Order()
                .Select(key => call.Explain(key, null, Statement.Currency))))
            .Concat(ready.Values.SelectMany(held =>
                held.DueTo(Statement.Account).Where(key => !there.Contains(key)).Order()
                    .Select(key => held.Explain(key, null, Statement.Currency))));
    }

    /// <summary>A charge of the statement, explained.</summary>
    public ExplainedValue Charge(StatementCharge charge) =>
        explained.TryGetValue(charge.Number, out var before) ? before
        : explained[charge.Number] = Charged(charge.Point).Explain(
            ChargeKey.From(charge), charge, carries[charge.Number - 1].Money, pricing);

    /// <summary>The total as it was recorded, down to the facts of every line.</summary>
    public ExplainedAmount Total() => new(Run, null, LineReasons.OfTotal(
        Run.Total, Statement, [.. Enumerable.Range(0, Statement.Lines.Count).Select(Explained)],
        [.. Charges()], [.. Flexibilities()]), Differs)
    {
        MoneyDecimals = Statement.MoneyDecimals,
    };

    /// <summary>Every charge of the statement, and every one that is due and not there.</summary>
    public IEnumerable<ExplainedValue> Charges() => Statement.Charges.Select(Charge).Concat(Forgotten());

    /// <summary>What is due by the months and stands on no line: nothing, where the run is right.</summary>
    private IEnumerable<ExplainedValue> Forgotten()
    {
        var there = Statement.Charges.Select(ChargeKey.From).ToHashSet();
        IEnumerable<SettlementPointId?> owe = months.Keys.Order().Select(point => (SettlementPointId?)point);
        return (facts.Standing is null ? owe : owe.Append(null)).Select(Charged).SelectMany(reasons =>
            reasons.Charges.Keys.Where(key => !there.Contains(key))
                .Select(key => reasons.Explain(key, null, carries[^1].Money, pricing)));
    }

    private ChargeReasons Charged(SettlementPointId? point) =>
        point is not { } of ? ofAccount ??= new(pricing.Tariff.Fact, facts.Standing!)
        : charged.TryGetValue(of, out var before) ? before
        : charged[of] = new(of, pricing.Tariff.Fact, months[of]);

    /// <summary>The energy of a line, explained.</summary>
    public ExplainedValue Metered(StatementLine line)
    {
        if (!reasons.TryGetValue((line.Point, line.Direction), out var of))
        {
            var point = facts.Points.First(each => each.Registered.Point == line.Point);
            of = reasons[(line.Point, line.Direction)] = (new MeteredReasons(
                line.Point, line.Direction, point.Periods, point.Metered, point.Registered.Rated), point);
        }
        var index = 0;
        while (of.Facts.Periods[index] != line.Period) index++;
        return of.Reasons.Of(index, line.Metered);
    }

    private ExplainedValue Explained(int index) => LineReasons.OfLine(
        Statement.Lines[index], carries[index], Metered(Statement.Lines[index]), Statement.Currency, pricing);
}
