using System.Globalization;
using Ledger.Cli.Bundles;
using Ledger.Cli.Lines;
using Ledger.Cli.Listings;
using Ledger.Cli.Months;
using Ledger.Domain;
using Ledger.Journal.Proof;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger sample</c>: draws statement lines for an audit, examines each from its raw evidence, projects what is
/// wrong to all lines, and writes all of it as one zip that is verified alone. The same seed over the same runs draws
/// the same lines for whoever asks.
/// </summary>
public static class Sample
{
    private const int ConfidenceDefault = 95;

    public static Verb Verb { get; } = new("sample", "",
        "draws statement lines by a seed for an audit, examines each from its evidence, and bundles all of it",
        "ledger sample --lines 60 --seed 8f2c41 --out sample.zip",
        [
            new("--lines", "N", $"how many lines to draw, 1 to {AuditSample.LinesMax}"),
            new("--seed", "TEXT", "what decides the draw; let the auditor choose it"),
            new("--statement", "RUN", "draws from this settlement run; from all that hold where it is not given"),
            new("--account", "PARTY", "draws from this account's runs only; with --statement: whose run it is"),
            new("--day", "DAY", "draws from runs of this settlement day only; with --statement: its day"),
            new("--confidence", "PERCENT",
                $"of the upper limits, {ConfidenceFactor.PercentMin} to {ConfidenceFactor.PercentMax}; "
                + $"{ConfidenceDefault} where it is not given"),
            new("--out", "FILE", "where the zip goes"),
            PrunedEvidence.ArchiveOption,
            .. Disclosing.Options,
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count > 0) throw new UsageException($"sample takes no '{line.Words[0]}'");
        var lines = line.Required<int>("--lines", (string text, out int value) => Within(text, 1, AuditSample.LinesMax,
            out value), $"a number from 1 to {AuditSample.LinesMax}");
        var confidence = line.Option<int>("--confidence", (string text, out int value) => Within(text,
            ConfidenceFactor.PercentMin, ConfidenceFactor.PercentMax, out value),
            $"a whole percentage from {ConfidenceFactor.PercentMin} to {ConfidenceFactor.PercentMax}")
            ?? ConfidenceDefault;
        var (seed, path) = (line.Required("--seed"), line.Required("--out"));
        if (!SeededDraw.IsSeed(seed))
            throw new UsageException($"--seed is 1 to {SeededDraw.SeedLengthMax} characters, none of control");
        var named = line.Option("--statement");
        // Of a run that is named, account and day only tell which one it is.
        var request = new LinesRequest.Sample(lines, seed, confidence, named)
        {
            Account = named is null ? line.Account : null,
            Day = named is null ? line.Day("--day") : null,
        };
        var (result, files, personal) = await GatherAsync(line, shell, request, ct).ConfigureAwait(false);
        var zip = await BundleZip.HandOutAsync(path, files, line, shell, $"{request}", personal, ct)
            .ConfigureAwait(false);
        PageOf(result, path, zip).Write(shell.Output, line.Json);
        return result.Exceptions == 0 ? ExitCode.Done : ExitCode.NotAsItShouldBe;
    }

    /// <summary>The ledger is closed again before the reading is recorded in it.</summary>
    private static async Task<(LinesResult Result, SortedDictionary<string, byte[]> Files,
        IReadOnlyList<EvidenceDigest> Personal)> GatherAsync(
        CommandLine line, Shell shell, LinesRequest.Sample request, CancellationToken ct)
    {
        var options = DataFolder.OptionsOf(line, shell);
        await using var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
        var bundle = new LinesBundle(ledger, options.Log, ct);
        var population = Population(ledger.Answers(null).Runs(), request, line);
        var (result, files) = await PrunedEvidence
            .ReadAsync(ledger.Journal, () => bundle.OfAsync(request, population), ct).ConfigureAwait(false);
        return (result, files, bundle.Personal);
    }

    private static bool Within(string text, int min, int max, out int value) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value >= min && value <= max;

    /// <summary>The run that is named, else of each account and day that is asked for the one that holds: the
    /// last.</summary>
    private static List<TimeOfUseSettlement.RunRow> Population(
        IReadOnlyList<TimeOfUseSettlement.RunRow> runs, LinesRequest.Sample asked, CommandLine line)
    {
        List<TimeOfUseSettlement.RunRow> population = asked.Statement is { } named
            ? [RecordedRun.Find(line, runs, named)]
            : [.. runs.Where(run => asked.IsOf(new(run.Account), RowJson.Day(run.Day)))
                .GroupBy(run => (run.Account, run.Day)).Select(same => same.MaxBy(run => run.RecordedPosition)!)];
        return population.Count > 0 ? population
            : throw new CouldNotException($"there is no settlement run{asked.Of} to draw from");
    }

    private static Page PageOf(LinesResult result, string path, byte[] zip)
    {
        var (drawn, evaluation, currency) = (result.Drawn!, result.Evaluation!, result.Runs[0].Run.Currency);
        var page = new Page().Field("out", "written to", path).Field("sha256", "SHA-256", BundleFiles.Digest(zip))
            .Field("runs", "settlement runs", result.Runs.Count)
            .Field("population", "lines to draw from", drawn.Strata.Sum(stratum => stratum.Lines))
            .Field("drawn", "lines drawn", result.Lines.Count).Field("currency", "currency", currency)
            .Field("interval", "sampling interval", Money(drawn.Interval))
            .Field("value", "value of all lines", evaluation.Value)
            .Field("valueExamined", "value of the lines drawn", evaluation.ValueExamined)
            .Table("strata", "strata by amount, without its sign", Listing.Of(drawn.Strata,
                new("stratum", "stratum", row => row.Stratum), new("lines", "lines", row => row.Lines),
                new("value", "value", row => row.Value), new("drawn", "drawn", row => row.Drawn),
                new("hits", "hits", row => row.Hits)));
        page.Table("lines", null, Listing.Of(result.Lines,
            new("run", null, row => row.Line.Run.Run.Run.Value), new("number", null, row => row.Line.Number),
            new("stratum", null, row => row.Drawn!.Stratum), new("amount", null, row => row.Line.Amount),
            new("byEvidence", null, row => row.Line.Audited?.Amount),
            new("exceptions", null, row => row.Line.Exceptions)));
        page.Table("exceptions", $"exceptions: {result.Exceptions}", Listing.Of(
            result.Lines.Where(row => row.Line.Exceptions.Count > 0),
            new("line", "line", row => $"{row.Line.Run.Run.Run}#{row.Line.Number}"),
            new("amount", "amount", row => row.Line.Amount),
            new("byEvidence", "by evidence", row => row.Line.Audited?.Amount),
            new("what", "what", row => row.Line.Exceptions)));
        return page.Field("known", "misstated in the lines drawn", evaluation.Known)
            .Field("projected", "projected to all lines", Money(evaluation.Projected))
            .Field("confidencePercent", "confidence of the limits, %", evaluation.ConfidencePercent)
            .Field("overstatedMax", "stated too high by at most", Money(evaluation.OverstatedMax))
            .Field("understatedMax", "stated too low by at most", Money(evaluation.UnderstatedMax))
            .Field("deviatingWithoutValueMax", "lines without value that may deviate",
                evaluation.DeviatingWithoutValueMax)
            .Note("Drawn and projected by monetary units (ISA 530, AICPA Audit Sampling): docs/evidence-bundle.md. "
                + "'ledger verify' draws, examines and projects again from the zip alone.");
    }

    private static string Money(Fraction amount) => amount.ToText(6);
}
