using System.Globalization;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger report station ID --period DAY[..DAY]</c>: what a regulator files about one station. What it declares,
/// what its tests and calls showed, what may be promised of it, when it was above a limit,
/// and how complete and how signed the evidence of all this is, with the journal's position and digest,
/// so that anyone with the journal computes the same.
/// </summary>
public static class ReportStation
{
    /// <summary>Longest period of one report: a leap year.</summary>
    private const int DaysMax = 366;

    public static Verb Verb { get; } = new("report", "station ID",
        "what a regulator files about a station: standards, tests, calls, credible power, limits, completeness, "
        + "signatures",
        "ledger report station S01 --period 2026-06-01..2026-06-30 --html > report.html",
        [
            new("--period", "DAY[..DAY]", $"the settlement days, the last one included; at most {DaysMax}"),
            new("--html", null, "one page to print, in place of text; it needs nothing from elsewhere"),
            LedgerReader.AsOfOption,
        ],
        RunAsync);

    /// <summary>What a report is made from.</summary>
    private sealed record Asked(
        LedgerReader Ledger, Answers Answers, long Events, StationId Station, IReadOnlyList<MasterData.PointRow> Points,
        DateTimeZone Zone, LocalDate From, LocalDate To)
    {
        public Interval Period { get; } =
            new(SettlementCalendar.Day(Zone, From).Start, SettlementCalendar.Day(Zone, To).End);
        public IEnumerable<LocalDate> Days =>
            Enumerable.Range(0, NodaTime.Period.DaysBetween(From, To) + 1).Select(From.PlusDays);
    }

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count != 2 || line.Words[0] != "station") throw new UsageException("report needs: station ID");
        if (line.Json && line.Flag("--html")) throw new UsageException("--json and --html are two forms of one report");
        var station = CommandLine.Read<StationId>(line.Words[1], StationId.TryParse, "ID is an identifier");
        var (from, to) = Days(line.Required("--period"));
        await using var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
        var asOf = await ledger.AsOfAsync(line, ct).ConfigureAwait(false);
        var answers = ledger.Answers(asOf);
        var points = answers.Points().Where(point => point.Station == station.Value).ToList();
        if (points.Count == 0) throw new CouldNotException($"there is no station {station}");
        var zone = DateTimeZoneProviders.Tzdb[points[0].Zone];
        var page = await PageAsync(
            new(ledger, answers, asOf + 1 ?? answers.KnownBefore, station, points, zone, from, to),
            ledger.Page("report", asOf), ct).ConfigureAwait(false);
        if (line.Flag("--html"))
            page.WriteHtml(shell.Output, $"Report of station {station}, {line.Required("--period")}");
        else page.Write(shell.Output, line.Json);
        return ExitCode.Done;
    }

    private static (LocalDate From, LocalDate To) Days(string text)
    {
        const string rule = "--period is a day like 2026-06-02, or two like 2026-06-01..2026-06-30";
        var edges = text.Split("..");
        if (edges.Length > 2) throw new UsageException($"{rule}, not '{text}'");
        var from = CommandLine.Read<LocalDate>(edges[0], CommandLine.TryDay, rule);
        var to = CommandLine.Read<LocalDate>(edges[^1], CommandLine.TryDay, rule);
        if (to < from || Period.DaysBetween(from, to) >= DaysMax)
            throw new UsageException($"--period has 1 to {DaysMax} days, the first one first, not '{text}'");
        return (from, to);
    }

    private static async Task<Page> PageAsync(Asked asked, Page page, CancellationToken ct)
    {
        var calls = asked.Answers.Calls(asked.Station)
            .Where(call => call.Order.Start < asked.Period.End && call.Order.End > asked.Period.Start).ToList();
        var real = calls.Where(call => call.Test is null).ToList();
        var windows = StationWindows.Of(calls);
        var evidence = new List<PointEvidence>();
        foreach (var point in asked.Points) evidence.Add(await EvidenceAsync(asked, point, ct).ConfigureAwait(false));
        Head(asked, page, evidence);
        page.Table("standards", "Declared standards and certificates", StationListings.Standards(
                asked.Answers.Standards(asked.Station).Where(standard => Holds(standard, asked.Period))))
            .Note("A standard is what the station declares; the ledger holds the declaration and checks no "
                + "certificate.")
            .Table("tests", "Test dispatches", CallListings.Tests(calls.Where(call => call.Test is not null)))
            .Table("calls", "Real calls", CallListings.Calls(real))
            .Table("response", "Response to the real calls: what 5 %, 50 % and 95 % of them stayed at or below",
                CallListings.Response(windows.All))
            .Note("The delay counts from the start of an order to 10 % of it at the last connector.")
            .Table("credible", "What may be promised, from the real calls", CallListings.Windows(windows))
            .Field("callsWithoutSample", null, windows.NoSample)
            .Note($"A call followed if what it delivered for certain, after the measurement's uncertainty, reaches its "
                + $"order; kW "
                + "in 90 % and 95 % are what so many of the known calls delivered for certain, and time without data "
                + "counts as "
                + $"nothing delivered. Below {Credibility.CallsMin} calls there is no figure. Rates and credible "
                + $"powers are lower bounds at 95 % "
                + $"confidence (Clopper and Pearson): of calls to come nothing is credible before "
                + $"{StationWindows.CallsFor(90)} calls for 90 % "
                + $"and {StationWindows.CallsFor(95)} for 95 %. Real calls that are no sample of delivered power, "
                + $"because "
                + $"they are caps or were not measured: {windows.NoSample}. Tests are announced, and no sample.");
        Limits(asked, page);
        return page
            .Table("energy", "Verified energy of the connectors", EnergyListings.Stations(asked.Days
                .SelectMany(asked.Answers.Stations).Where(day => day.Station == asked.Station.Value)))
            .Table("evidence", "Completeness and signatures", StationListings.Evidence(evidence))
            .Note("Periods that are not recorded are missing, not zero. Instants are UTC; kW and kWh are positive in "
                + "the direction "
                + "that is named.");
    }

    private static void Limits(Asked asked, Page page)
    {
        var limits = asked.Points.SelectMany(point => asked.Answers.StandingLimits(new(point.Point)))
            .Where(limit => limit.ValidFrom < asked.Period.End
                && (limit.ValidTo is not { } end || end > asked.Period.Start));
        var answers = asked.Points.Where(point => asked.Answers.StandingLimits(new(point.Point)).Count > 0)
            .SelectMany(point => asked.Days.SelectMany(day => asked.Answers.Limits(day, new(point.Point)))).ToList();
        page.Table("limits", "Standing limits", LimitListings.Limits(limits))
            .Table("limitTotals", "Standing limits over the period",
                LimitListings.Totals(answers.Select(answer => answer.Day)))
            .Table("limitViolations", "Settlement periods above a limit",
                LimitListings.Violations(answers.SelectMany(answer => answer.Periods).OrderBy(period => period.Start)));
        if (answers.Count > 0)
            page.Note("Contract demand limits the mean power of a settlement period, every other limit the power "
                + "itself. At least and at "
                + "most are what the interval records prove without the curve. A cause is what is recorded of the same "
                + "time; "
                + "nothing proves that it was the only one.");
    }

    private static void Head(Asked asked, Page page, List<PointEvidence> evidence)
    {
        var connectors = asked.Points.Where(point => point.Kind == SettlementPointKind.Connector).ToList();
        Power Sum(IEnumerable<MasterData.PointRow> points) => new(points.Sum(point => point.RatedMilliwatts));
        long Of(Func<PointEvidence, long> count) => evidence.Sum(count);
        page.Field("digest", "digest of the whole journal", Convert.ToHexStringLower(asked.Ledger.Journal.Root))
            .Field("journalEvents", "its events", asked.Ledger.Journal.Length)
            .Field("station", "station", asked.Station.Value)
            .Field("from", "first day", asked.From).Field("to", "last day", asked.To)
            .Field("zone", "zone", asked.Zone.Id)
            .Field("owners", "owner", asked.Points.Select(point => point.Owner).Distinct().Order(StringComparer.Ordinal)
            .ToList())
            .Field("connectors", "connectors", connectors.Count)
            .Field("installedKw", "installed kW", Sum(connectors))
            .Field("v2gKw", "of them V2G kW", Sum(connectors.Where(point => point.Bidirectional)))
            .Field(null, "complete",
                Share(Of(point => point.Recorded), Of(point => point.Expected), "settlement periods are recorded")
                + $", {Of(point => point.Final).ToString(CultureInfo.InvariantCulture)} of them final")
            .Field(null, "signed",
                Share(Of(point => point.Signed), Of(point => point.Readings), "register readings are signed"));
    }

    private static string Share(long part, long whole, string what) => string.Create(
        CultureInfo.InvariantCulture, $"{part} of {whole} {what}");

    private static bool Holds(MasterData.StandardRow standard, Interval period) =>
        standard.ValidFrom < period.End && (standard.ValidTo is not { } end || end > period.Start);

    private static async Task<PointEvidence> EvidenceAsync(Asked asked, MasterData.PointRow point, CancellationToken ct)
    {
        var id = new SettlementPointId(point.Point);
        var zone = DateTimeZoneProviders.Tzdb[point.Zone];
        var expected = asked.Days.Sum(day =>
            (long)(SettlementCalendar.Day(zone, day).Duration.ToInt64Nanoseconds()
                / (point.PeriodMinutes * 60_000_000_000L)));
        var records = asked.Days.SelectMany(day => asked.Answers.IntervalRecords(id, day))
            .Where(record => record.State != IntervalRecordState.Superseded && record.Quality != ReadingQuality.Missing)
            .ToList();
        long readings = 0, signed = 0;
        foreach (var direction in Enum.GetValues<Direction>())
            await foreach (var recorded in asked.Ledger.Journal
                .ReadStreamAsync(Streams.Register(new(id, direction)), 0, ct).ConfigureAwait(false))
            {
                if (recorded.Position >= asked.Events) break;
                if (EventCodec.Decode(recorded) is not RegisterReadingRecorded reading
                    || !Within(reading.ReadAt, asked.Period)) continue;
                readings++;
                if (reading.Quality == ReadingQuality.MeasuredSigned) signed++;
            }
        return new(point, expected, records.Count,
            records.Count(record => record.State == IntervalRecordState.Final),
            records.Count(record => record.Quality == ReadingQuality.Suspect), readings, signed);
    }

    // A reading at the last midnight ends the last day, so it belongs to the report.
    private static bool Within(Instant at, Interval period) => at >= period.Start && at <= period.End;
}
