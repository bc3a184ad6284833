using NodaTime;
using NodaTime.Text;

namespace Ledger.Domain;

/// <summary>The kind of a settlement run; a correction names what changed.</summary>
public enum RunKind { Initial = 1, Interim = 2, Final = 3, Correction = 4 }

/// <summary>One side of a double entry; the amounts of a run's postings sum to zero.</summary>
public sealed record Posting(string Account, decimal Amount);

/// <summary>
/// A settlement run was calculated: a pure fold over the facts up to <paramref name="AtPosition"/>. The lines are
/// re-derived from it; the fact holds their count and digest.
/// </summary>
public sealed record SettlementRunCompleted(
    RunId Run, RunKind Kind, PartyId Account, LocalDate Day, string Zone, long AtPosition,
    TariffId Tariff, int TariffVersion, string RuleVersion, string TzdbVersion,
    int Lines, EvidenceDigest LinesRoot, decimal Total, string Currency, IReadOnlyList<Posting> Postings,
    RunId? Supersedes, bool Incomplete) : LedgerEvent;

/// <summary>What is asked of a run: which day of which account, from the facts up to which position.</summary>
public sealed record SettlementRequest(
    RunId Run, RunKind Kind, string Zone, long AtPosition, string TzdbVersion, RunId? Supersedes);

/// <summary>The runs of one account and day, in order.</summary>
public sealed record SettlementState(IReadOnlyList<SettlementRunCompleted> Runs)
{
    public static readonly SettlementState Empty = new([]);

    /// <summary>Which of the runs were published.</summary>
    public IReadOnlyList<SettlementRunPublished> Published { get; init; } = [];

    /// <summary>The corrections that were booked as deltas on one of the runs, in order.</summary>
    public IReadOnlyList<SettlementDeltasBooked> Deltas { get; init; } = [];

    /// <summary>The run that holds: the last one; null where there is none.</summary>
    public SettlementRunCompleted? Holding => Runs.Count == 0 ? null : Runs[^1];
}

/// <summary>When a calculated statement may become a settlement run.</summary>
public static class Settlement
{
    /// <summary>Version of the rules in Tariff.cs and Statement.cs; it rises when a number could change.</summary>
    public const string RuleVersion = "statement-1/" + StatementRounding.Name;

    /// <summary>That of a statement on which flexibility is paid: before it there was none of it in a total.</summary>
    public const string FlexibilityRuleVersion = "statement-2/" + StatementRounding.Name;

    /// <summary>That of a statement in which a period is cut where a price changes inside it: before it such a line had
    /// no amount.</summary>
    public const string CutRuleVersion = "statement-3/" + StatementRounding.Name;

    /// <summary>That of a statement that leaves out what counted twice before it: a feeder beside its connection, an
    /// hour on two days of two zones, one kWh for two calls, or a station's delivery for one of its owners.</summary>
    public const string OnceRuleVersion = "statement-4/" + StatementRounding.Name;

    /// <summary>That of a statement on which a call is not paid for what a claim of the other direction holds: before
    /// it only claims of the order's own direction counted, and a run that names an earlier version is calculated
    /// again without them.</summary>
    public const string BothDirectionsRuleVersion = "statement-5/" + StatementRounding.Name;

    /// <summary>That of a statement on which an instruction counts as it was recorded and not as it says that it was
    /// issued: of two calls for one hour the one that was recorded first is paid, and one that was recorded after it
    /// had begun penalises nobody. A run that names an earlier version is calculated again by the word.</summary>
    public const string AsRecordedRuleVersion = "statement-6/" + StatementRounding.Name;

    /// <summary>That of a statement on which what a claim of another programme holds at a point is taken from that
    /// point alone, or a call is paid of which no decimal says what part of it a period is. A run that names an
    /// earlier version takes it from all that is paid together, and has no amount for such a call.</summary>
    public const string EachPointRuleVersion = "statement-7/" + StatementRounding.Name;

    /// <summary>That of a statement on which the charges of a point are of the days on which it was settled. By an
    /// earlier version they are of all days on which the account owned it.</summary>
    public const string SettledDaysRuleVersion = "statement-8/" + StatementRounding.Name;

    /// <summary>That of a statement on which terms that were recorded after power was declared ready pay it no earlier
    /// than they were recorded, or a call has no amount because its rule asks whether data were late. A run that names
    /// an earlier version believes the terms, and takes no data for late.</summary>
    public const string InTimeRuleVersion = "statement-9/" + StatementRounding.Name;

    /// <summary>That of a statement on which a call is held to what was agreed and measured: only who takes part owes a
    /// penalty, and by the programme's notice, ramp and tolerance; one kWh is paid once also where a point lies behind
    /// another; and what nobody measured is unknown. A run that names an earlier version asks none of it.</summary>
    public const string AgreedRuleVersion = "statement-10/" + StatementRounding.Name;

    /// <summary>That of a statement on which power held ready at points that lie behind each other is paid once: by an
    /// earlier version each of them is paid all that it declared.</summary>
    public const string ReadyOnceRuleVersion = "statement-11/" + StatementRounding.Name;

    /// <summary>By which a new run is calculated, whatever version its statement then has to name.</summary>
    public const string NewestRuleVersion = ReadyOnceRuleVersion;

    /// <summary>From the oldest on, those of which a run is calculated again as it was.</summary>
    private static readonly string[] ToldApart =
    [
        BothDirectionsRuleVersion, AsRecordedRuleVersion, EachPointRuleVersion, SettledDaysRuleVersion,
        InTimeRuleVersion, AgreedRuleVersion, ReadyOnceRuleVersion,
    ];

    /// <summary>Every version that a run or its deltas may name.</summary>
    private static readonly string[] RuleVersions =
        [RuleVersion, FlexibilityRuleVersion, CutRuleVersion, OnceRuleVersion, .. ToldApart];

    /// <summary>Whether claims of either direction count by a version.</summary>
    public static bool CountsBothDirections(string ruleVersion) => IsSince(BothDirectionsRuleVersion, ruleVersion);

    /// <summary>Whether an instruction counts by a version as it was recorded.</summary>
    public static bool CountsAsRecorded(string ruleVersion) => IsSince(AsRecordedRuleVersion, ruleVersion);

    /// <summary>Whether by a version energy is held of each point by itself, and any call can be scored.</summary>
    public static bool CountsEachPoint(string ruleVersion) => IsSince(EachPointRuleVersion, ruleVersion);

    /// <summary>Whether by a version only days count on which a point was settled.</summary>
    public static bool CountsSettledDays(string ruleVersion) => IsSince(SettledDaysRuleVersion, ruleVersion);

    /// <summary>Whether a version asks what was known, and what came, in time.</summary>
    public static bool CountsInTime(string ruleVersion) => IsSince(InTimeRuleVersion, ruleVersion);

    /// <summary>Whether a version is another one or came after it.</summary>
    public static bool IsNoEarlier(string ruleVersion, string than) =>
        Array.IndexOf(RuleVersions, ruleVersion) >= Array.IndexOf(RuleVersions, than);

    /// <summary>Whether a version holds a call to what was agreed and measured.</summary>
    public static bool CountsAsAgreed(string ruleVersion) => IsSince(AgreedRuleVersion, ruleVersion);

    /// <summary>Whether by a version power held ready is paid once on its way.</summary>
    public static bool CountsReadyOnce(string ruleVersion) => IsSince(ReadyOnceRuleVersion, ruleVersion);

    private static bool IsSince(string first, string ruleVersion) =>
        Array.IndexOf(ToldApart, ruleVersion) >= Array.IndexOf(ToldApart, first);

    /// <summary>The version of the rules by which a statement is made.</summary>
    public static string RuleVersionOf(Statement statement) =>
        statement.CountsReadyOnce ? ReadyOnceRuleVersion
        : statement.CountsAsAgreed ? AgreedRuleVersion
        : statement.CountsInTime ? InTimeRuleVersion
        : statement.CountsSettledDays ? SettledDaysRuleVersion
        : statement.CountsEachPoint ? EachPointRuleVersion
        : statement.CountsAsRecorded ? AsRecordedRuleVersion
        : statement.CountsBothDirections ? BothDirectionsRuleVersion
        : statement.CountsOnce ? OnceRuleVersion
        : statement.HasCutPeriods ? CutRuleVersion
        : statement.Flexibility.Count == 0 ? RuleVersion : FlexibilityRuleVersion;

    /// <summary>What a recorded run says that no program ever let it say, whatever its day comes to.</summary>
    /// <param name="position">Where it was recorded.</param>
    public static IEnumerable<(string Found, string Expected)> NeverRecorded(SettlementRunCompleted run, long position)
    {
        foreach (var never in NeverRecorded(run.AtPosition, run.RuleVersion, position)) yield return never;
        if (run is { Kind: RunKind.Final, Incomplete: true })
            yield return ("a final run that is incomplete", "a final run of which every line has an amount");
    }

    /// <summary>The same of any calculation that was recorded.</summary>
    public static IEnumerable<(string Found, string Expected)> NeverRecorded(
        long atPosition, string ruleVersion, long position)
    {
        if (atPosition > position)
            yield return ($"a run of the facts before {atPosition}", "facts that were recorded before it");
        if (!RuleVersions.Contains(ruleVersion))
            yield return ($"rules {ruleVersion}", "rules of a statement that this program knows");
    }

    /// <summary>
    /// Guards in order of their codes: the superseded run unknown, a day that has not begun, energy missing in a final
    /// run, price missing in a final run, a run of that name with another result, unbalanced postings, a correction of
    /// a run that no longer holds, a closed month, a kind that is past. An incomplete interim run is recorded as
    /// incomplete.
    /// </summary>
    /// <param name="monthIsClosed">After it only corrections follow.</param>
    public static Decision Decide(
        SettlementState state, SettlementRequest request, Statement statement, Instant now, EvidenceKey evidence,
        bool monthIsClosed = false)
    {
        var run = Completed(request, statement);
        var known = state.Runs.FirstOrDefault(earlier => earlier.Run == request.Run);
        if (known is not null && Same(known, run))
            return new Decision.AlreadyRecorded
            {
                Is = fact => fact is SettlementRunCompleted completed && completed.Run == run.Run,
            };
        if (request.Supersedes is { } superseded && state.Runs.All(earlier => earlier.Run != superseded))
            return new Decision.Rejected(Rejection.UnknownRun,
                $"{superseded}, to be superseded, is no run of this day");
        var begins = SettlementCalendar.Day(DateTimeZoneProviders.Tzdb[request.Zone], statement.Day).Start;
        if (request is not { Kind: RunKind.Correction, Supersedes: not null } && Limits.IsInTheFuture(begins, now))
            return new Decision.Rejected(Rejection.ReadInTheFuture,
                $"{LocalDatePattern.Iso.Format(statement.Day)} begins at {begins}: nothing of it can be settled before");
        if (request.Kind == RunKind.Final && statement.Incomplete)
        {
            var line = statement.Lines.FirstOrDefault(l => l.Problem is not null && l.Metered is null)
                ?? statement.Lines.FirstOrDefault(l => l.Problem is not null);
            if (line is null)
                return new Decision.Rejected(Rejection.PeriodIncomplete,
                    Charge(statement) ?? Flexibility(statement) ?? "no lines");
            return line.Metered is null
                ? new Decision.Rejected(Rejection.PeriodIncomplete, Where(line))
                : new Decision.Rejected(Rejection.PriceMissing, Where(line));
        }

        if (known is not null || state.Deltas.Any(deltas => deltas.Run == request.Run))
            return new Decision.Rejected(Rejection.RunExists, $"{request.Run} has another result");
        if (run.Postings.Sum(posting => posting.Amount) != 0m)
            return new Decision.Rejected(Rejection.PostingsUnbalanced, "postings do not sum to zero");
        if (DoubleEntry.NotConserved(statement, DoubleEntry.Of(statement, isPublished: false)) is { } lost)
            return new Decision.Rejected(Rejection.PostingsUnbalanced, lost);
        if (request is { Kind: RunKind.Correction, Supersedes: { } corrected } && state.Holding!.Run != corrected)
            return new Decision.Rejected(Rejection.RunSuperseded,
                $"{state.Holding.Run} holds for this day, and not {corrected}");
        if (monthIsClosed && request.Kind != RunKind.Correction)
            return new Decision.Rejected(Rejection.MonthClosed,
                $"the month of {LocalDatePattern.Iso.Format(statement.Day)} is closed: only corrections");
        return PastBy(state, request.Kind) is { } past
            ? new Decision.Rejected(Rejection.RunKindIsPast, Past(state, request.Kind, past, statement.Day))
            : new Decision.Accepted(NewFact.At(run, now, evidence));
    }

    /// <summary>
    /// The run after which another of a kind no longer follows; null where one may. Runs of a day go from initial by
    /// interim to final (market rules §2.10) and never back. What nobody has published may be made again; after a
    /// publication somebody answers for what holds, and only a correction, which says that it is one, or a run of a
    /// later kind takes its place. Of interim runs markets have several, so one follows a published one.
    /// </summary>
    private static SettlementRunCompleted? PastBy(SettlementState state, RunKind kind) =>
        kind == RunKind.Correction ? null
        : state.Runs.LastOrDefault(run => run.Kind != RunKind.Correction && run.Kind > kind)
            ?? (kind == RunKind.Interim ? null : state.Runs.LastOrDefault(run => IsPublished(state, run)
                && (run.Kind == kind || (run.Kind == RunKind.Correction && kind == RunKind.Initial))));

    private static string Past(SettlementState state, RunKind kind, SettlementRunCompleted by, LocalDate day)
    {
        var left = Enum.GetValues<RunKind>().Where(each => PastBy(state, each) is null).Select(Word).ToList();
        var may = left.Count == 1 ? left[0] : $"{string.Join(", ", left.SkipLast(1))} or {left[^1]}";
        return $"kind is '{Word(kind)}', and {by.Run} of {LocalDatePattern.Iso.Format(day)} stands ({Word(by.Kind)}"
            + (IsPublished(state, by) ? ", published" : "")
            + $"): runs go from initial by interim to final, and what is published is only corrected. Ask for kind {may}; "
            + "a correction also books only what changed (style deltas) or takes all back (style credit)";
    }

    private static bool IsPublished(SettlementState state, SettlementRunCompleted run) =>
        state.Published.Any(published => published.Run == run.Run);

    /// <summary>A choice as it is posted.</summary>
    private static string Word<T>(T choice) where T : struct, Enum => $"{choice}".ToLowerInvariant();

    public static SettlementState Evolve(SettlementState state, LedgerEvent happened) =>
        happened switch
        {
            SettlementRunCompleted run => state with { Runs = [.. state.Runs, run] },
            SettlementRunPublished published => state with { Published = [.. state.Published, published] },
            SettlementDeltasBooked deltas => state with { Deltas = [.. state.Deltas, deltas] },
            _ => state,
        };

    /// <summary>What the fact of a run, or of its deltas, is known by.</summary>
    public static EvidenceKey KeyOf(RunId run, PartyId account, LocalDate day) =>
        new($"settlement/{NameOf(run, account, day)}");

    /// <summary>
    /// A run's name as nobody else's run has it. One that begins with its account and day says whose it is; any other
    /// may be the name of another account's run too, so that two of one tick would be one fact, and account and day
    /// stand beside it.
    /// </summary>
    internal static string NameOf(RunId run, PartyId account, LocalDate day)
    {
        var of = LocalDatePattern.Iso.Format(day);
        return run.Value.StartsWith($"{account}-{of}", StringComparison.Ordinal)
            ? run.Value : $"{account}|{of}|{run}";
    }

    private static SettlementRunCompleted Completed(SettlementRequest request, Statement statement) => new(
        request.Run, request.Kind, statement.Account, statement.Day, request.Zone, request.AtPosition,
        statement.Tariff, statement.TariffVersion, RuleVersionOf(statement), request.TzdbVersion, statement.Texts,
        statement.LinesRoot, statement.Total, statement.Currency, statement.Postings, request.Supersedes,
        statement.Incomplete);

    private static bool Same(SettlementRunCompleted a, SettlementRunCompleted b) =>
        a with { Postings = [] } == b with { Postings = [] } && a.Postings.SequenceEqual(b.Postings);

    private static string? Charge(Statement statement) =>
        statement.Charges.FirstOrDefault(charge => charge.Problem is not null) is { } charge
            ? $"{ChargeKey.From(charge).Whose} {charge.Name}: {charge.Problem}" : null;

    private static string? Flexibility(Statement statement) =>
        statement.Flexibility.FirstOrDefault(line => line.Problem is not null) is { } line
            ? $"{FlexibilityKey.From(line)}: {line.Problem}" : null;

    private static string Where(StatementLine line) =>
        $"{line.Point} {Word(line.Direction)} {line.Period}: {line.Problem}";
}
