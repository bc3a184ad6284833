using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger reconcile cdr</c>: registers against charge records against settlement, by station and day, with what does
/// not agree, how much money is in question and which fact would settle it. The records are those of a file, or without
/// one those of the ledger. Nothing is recorded.
/// </summary>
public static class Reconcile
{
    public static Verb Verb { get; } = new("reconcile", "cdr",
        "compares registers, charge records and settlement by station and day: what does not agree, the money at stake, "
        + "and the fact that would resolve it",
        "ledger reconcile cdr --in cdrs.json",
        [
            new("--in", "FILE", "charge records of OCPI in JSON, or CSV; those that the ledger holds without it"),
            new("--point", "POINT", "this point only; all records of the file are of it, however they name it"),
            new("--day", "DAY[..DAY]", "days on which sessions ended; those on which records did without it"),
            new("--csv", null, "the exceptions as CSV, in place of text"),
        ],
        RunAsync);

    /// <summary>Longest stretch that is reconciled at once.</summary>
    private const int DaysMax = 366;

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words is not ["cdr"]) throw new UsageException("reconcile needs: cdr");
        if (line.Json && line.Flag("--csv")) throw new UsageException("--json and --csv are two forms of one answer");
        await using var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
        var answers = ledger.Answers(null);
        var points = answers.Points().ToDictionary(point => new SettlementPointId(point.Point));
        var only = line.Option<SettlementPointId>("--point", SettlementPointId.TryParse, "an identifier");
        if (only is { } named && !points.ContainsKey(named))
            throw new CouldNotException($"there is no settlement point {named}");
        var file = line.Option("--in");
        var records = file is not null ? FromFile(file, only, points)
            : await OwnAsync(ledger, ct).ConfigureAwait(false);
        if (only is not null) records = records.FindAll(record => record.Point == only);
        var asked = ReconciledRecords.Of(answers, points, records, NamedDays(line));
        var (sessions, settled) = await GatherAsync(
            ledger, answers, asked, Concerned(points, file is null ? [] : records, only), ct).ConfigureAwait(false);
        var (reconciled, exceptions) = Reconciliation.Of(new(sessions, asked.Records, settled,
            points.ToDictionary(point => point.Key, point => (new StationId(point.Value.Station),
                DateTimeZoneProviders.Tzdb[point.Value.Zone])), Reconciliation.ToleranceDefault));
        if (line.Flag("--csv")) ReconciliationListings.Exceptions(exceptions).WriteCsv(shell.Output);
        else
            ledger.Page("reconciliation", null)
                .Table("days", "by station and day of a session's end", ReconciliationListings.Days(reconciled))
                .Table("exceptions", "what does not agree", ReconciliationListings.Exceptions(exceptions))
                .Write(shell.Output, line.Json);
        return exceptions.Count == 0 ? ExitCode.Done : ExitCode.NotAsItShouldBe;
    }

    private static List<ChargeRecorded> FromFile(
        string path, SettlementPointId? hinted, Dictionary<SettlementPointId, MasterData.PointRow> points)
    {
        try
        {
            return [.. ChargeRecordFiles.Read(File.ReadAllBytes(path)).Select(input => input.Record with
            {
                Point = hinted ?? input.Places.Where(points.ContainsKey).Select(place => (SettlementPointId?)place)
                    .FirstOrDefault() ?? throw new CouldNotException(
                        $"record {input.Record.Record}: no settlement point is named "
                        + $"{string.Join(" or ", input.Places)}; --point names it"),
            })];
        }
        catch (InputRefusedException refused)
        {
            throw new CouldNotException($"{path}: {refused.Message}");
        }
    }

    private static async Task<List<ChargeRecorded>> OwnAsync(LedgerReader ledger, CancellationToken ct)
    {
        var records = new List<ChargeRecorded>();
        await foreach (var recorded in ledger.Journal.ReadAllAsync(0, ct).ConfigureAwait(false))
            if ((recorded.Envelope.Stream.StartsWith(Streams.OwnChargeRecords, StringComparison.Ordinal)
                    || recorded.Envelope.Stream.StartsWith(Streams.ChargeRecords, StringComparison.Ordinal))
                && EventCodec.Decode(recorded) is ChargeRecorded record) records.Add(record);
        return records;
    }

    private static HashSet<LocalDate>? NamedDays(CommandLine line) => line.Option("--day") is not { } text ? null
        : DaysOf(text) is { } named ? [.. named] : throw new UsageException($"--day is {DaysRule}, not '{text}'");

    internal static readonly string DaysRule =
        $"a day like 2026-06-02, or two like 2026-06-01..2026-06-30 with at most {DaysMax} days";

    /// <summary>The days that a text names; null where it names none.</summary>
    internal static IEnumerable<LocalDate>? DaysOf(string text)
    {
        var edges = text.Split("..");
        return edges.Length <= 2
            && CommandLine.TryDay(edges[0], out var from) && CommandLine.TryDay(edges[^1], out var to)
            && to >= from && Period.DaysBetween(from, to) < DaysMax
            ? Enumerable.Range(0, Period.DaysBetween(from, to) + 1).Select(from.PlusDays) : null;
    }

    /// <summary>The points that are compared: the one named, else all of every station that a record of the file is at,
    /// because a file is one party's; without a file all.</summary>
    private static HashSet<SettlementPointId> Concerned(
        Dictionary<SettlementPointId, MasterData.PointRow> points, List<ChargeRecorded> ofFile,
        SettlementPointId? only)
    {
        var stations = ofFile.Select(record => points[record.Point].Station).ToHashSet(StringComparer.Ordinal);
        return [.. points.Values.Where(point => stations.Count == 0 || stations.Contains(point.Station))
            .Select(point => new SettlementPointId(point.Point)).Where(point => only is null || point == only)];
    }

    private static async Task<(List<MeteredSession> Sessions, List<SettledDay> Settled)> GatherAsync(
        LedgerReader ledger, Answers answers, ReconciledRecords asked, HashSet<SettlementPointId> concerned,
        CancellationToken ct)
    {
        var (sessions, settled) = (new List<MeteredSession>(), new List<SettledDay>());
        // Whose a point was on a day, the sessions of that day say.
        foreach (var party in concerned.SelectMany(answers.OwnersOf).Distinct().OrderBy(
            party => party.Value, StringComparer.Ordinal))
        {
            await foreach (var (day, ended) in EndedSessions.OfDaysAsync(ledger.Journal, ledger.Views, party,
                asked.DaysOfStays.Order(), answers.KnownBefore, ct).ConfigureAwait(false))
                sessions.AddRange(ended.Where(session =>
                    concerned.Contains(session.Session.Point) && asked.Compares(session.Session, day)));
            await foreach (var facts in SettlementFacts.OfDaysAsync(ledger.Journal, ledger.Views, party,
                asked.Days.Where(day => answers.HoldingRun(party, day) is not null).Order(), answers.KnownBefore, ct)
                .ConfigureAwait(false))
                settled.AddRange((await SettledAsync(ledger, answers.HoldingRun(party, facts.Day)!, facts, ct)
                    .ConfigureAwait(false)).Where(of => concerned.Contains(of.Point)));
        }
        return (sessions, settled);
    }

    /// <summary>What the run that holds settled of each point and direction; of each that it lacks nothing.</summary>
    /// <param name="known">What is known of its day now.</param>
    private static async Task<IEnumerable<SettledDay>> SettledAsync(
        LedgerReader ledger, TimeOfUseSettlement.RunRow run, SettlementFacts known, CancellationToken ct)
    {
        var original = (await RunStatement.DeriveAsync(ledger, run, ct).ConfigureAwait(false)).Statement;
        // What is booked on a run is settled with it; after a credit nothing is.
        if ((await StatementCorrections.StandingAsync(ledger.Journal, ledger.Views, run, original, default, ct)
            .ConfigureAwait(false)).Statement is not { } statement) return [];
        var now = known.Points.ToDictionary(point => point.Registered.Point);
        var settled = statement.Lines.ToLookup(line => (line.Point, line.Direction));
        return settled.Select(lines => lines.Key).Union(now.Values.SelectMany(facts =>
                facts.Directions.Select(direction => (facts.Registered.Point, direction))))
            .Select(of =>
            {
                var facts = now.GetValueOrDefault(of.Item1);
                var lines = settled[of].ToList();
                return new SettledDay(of.Item1, of.Item2, known.Day, lines.Count > 0
                        ? new(lines.Min(each => each.Period.Start), lines.Max(each => each.Period.End))
                        : new(facts!.Periods[0].Start, facts.Periods[^1].End),
                    new(run.Run), lines.Sum(each => each.BilledKwh ?? 0m), statement.EnergyStep,
                    // What is not proven is in neither sum: the statement says that it is incomplete.
                    (facts?.Quantities() ?? []).Where(each => each.Direction == of.Item2)
                        .Aggregate(Energy.Zero, (sum, each) => sum + (each.Metered ?? Energy.Zero)),
                    lines.Sum(each => each.Amount ?? 0m), statement.Currency);
            });
    }
}
