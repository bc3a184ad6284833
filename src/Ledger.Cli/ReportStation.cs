using System.Globalization;
using Ledger.Api;
using Ledger.Cli.Listings;
using Ledger.Cli.Months;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger report station ID --period DAY[..DAY]</c>: a <see cref="StationReport"/>, with the journal's position and
/// digest, so that anyone with the journal computes the same.
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
            LedgerReader.AsOfOption, PrunedEvidence.ArchiveOption,
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count != 2 || line.Words[0] != "station") throw new UsageException("report needs: station ID");
        if (line.Json && line.Flag("--html")) throw new UsageException("--json and --html are two forms of one report");
        var station = CommandLine.Read<StationId>(line.Words[1], StationId.TryParse, "ID is an identifier");
        var (from, to) = Days(line.Required("--period"));
        await using var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
        var asOf = await ledger.AsOfAsync(line, ct).ConfigureAwait(false);
        var at = await ledger.ReadAtAsync(line, asOf, shell.Clock, ct).ConfigureAwait(false);
        var report = StationReport.Of(ledger.Answers(asOf), station, from, to, at)
            ?? throw new CouldNotException($"there is no station {station}");
        var responses = await StationResponse.OfAsync(
            report, ShowResponse.CurvesOf(line, ledger, asOf, ShowResponse.SamplesMax), ct).ConfigureAwait(false);
        var page = ledger.Page("report", asOf);
        Head(ledger, report, page);
        Body(report, responses, page);
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

    private static void Head(LedgerReader ledger, StationReport report, Page page)
    {
        long Of(Func<PointEvidence, long> count) => report.Evidence.Sum(count);
        page.Field("digest", "digest of the whole journal", Convert.ToHexStringLower(ledger.Journal.Root))
            .Field("journalEvents", "its events", ledger.Journal.Length)
            .Field("station", "station", report.Station.Value)
            .Field("from", "first day", report.From).Field("to", "last day", report.To)
            .Field("zone", "zone", report.Zone.Id)
            .Field("owners", "owner", report.Owners.ToList())
            .Field("connectors", "connectors", report.Connectors.Count)
            .Field("installedKw", "installed kW", report.Installed)
            .Field("v2gKw", "of them V2G kW", report.Bidirectional)
            .Field(null, "complete",
                Share(Of(point => point.Recorded), Of(point => point.Expected), "settlement periods are recorded")
                + $", {Of(point => point.Final).ToString(CultureInfo.InvariantCulture)} of them final")
            .Field(null, "signed",
                Share(Of(point => point.Signed), Of(point => point.Readings), "register readings are signed"));
    }

    private static string Share(long part, long whole, string what) => string.Create(
        CultureInfo.InvariantCulture, $"{part} of {whole} {what}");

    private static void Body(StationReport report, IReadOnlyList<StationResponse> responses, Page page)
    {
        var windows = report.Windows;
        page.Table("standards", "Declared standards and certificates", StationListings.Standards(report.Standards))
            .Note("A standard is what the station declares; the ledger holds the declaration and checks no "
                + "certificate.")
            .Table("tests", "Test dispatches", CallListings.Tests(report.Tests))
            .Table("calls", "Real calls", CallListings.Calls(report.Calls))
            .Table("response", "Response to the real calls: what 5 %, 50 % and 95 % of them stayed at or below",
                CallListings.Response(windows.All))
            .Note("The delay counts from the start of an order to 10 % of it at the last connector, by the clocks that were "
                + "reported.")
            .Table("curveResponse", "How fast calls and tests were followed: as reported, and by the power curve",
                ResponseListings.Calls(responses))
            .Note("Both count from the start of the order. What was reported is of the last connector, the curve is the sum "
                + "of the connectors that had something to change.")
            .Table("contradictedClocks", "Reported clocks that the power curve contradicts",
                ResponseListings.Contradicted(responses))
            .Table("credible", "What may be promised, from the real calls", CallListings.Windows(windows))
            .Field("callsWithoutSample", null, windows.NoSample)
            .Note(CallListings.Promise(windows));
        Limits(report, page);
        page.Table("energy", "Verified energy of the connectors", EnergyListings.Stations(report.Energy))
            .Table("evidence", "Completeness and signatures", StationListings.Evidence(report.Evidence))
            .Note("Periods that are not recorded are missing, not zero. Instants are UTC; kW and kWh are positive in "
                + "the direction "
                + "that is named.");
    }

    private static void Limits(StationReport report, Page page)
    {
        page.Table("limits", "Standing limits", LimitListings.Limits(report.Limits))
            .Table("limitTotals", "Standing limits over the period", LimitListings.Totals(report.LimitTotals))
            .Table("limitViolations", "Settlement periods above a limit",
                LimitListings.Violations(report.LimitViolations));
        if (report.LimitDays.Count > 0)
            page.Note("Contract demand limits the mean power of a settlement period, every other limit the power "
                + "itself. At least and at "
                + "most are what the interval records prove without the curve. A cause is what is recorded of the same "
                + "time; "
                + "nothing proves that it was the only one.");
    }
}
