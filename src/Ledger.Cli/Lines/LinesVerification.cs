using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Cli.Bundles;
using Ledger.Domain;
using Ledger.Journal.Verification;

namespace Ledger.Cli.Lines;

/// <summary>
/// The lines of a bundle, examined again from the bundle's events and evidence: the runs' lines have the recorded
/// roots, a sample is drawn again from its seed, and what comes out is compared with the bundle's own document.
/// </summary>
internal sealed class LinesVerification(
    IReadOnlyDictionary<string, byte[]> files, BundleEvents events, BundleManifest manifest, Findings findings,
    CancellationToken ct)
{
    /// <summary>Null where there is none that can be read.</summary>
    public LinesRequest? Request { get; private set; }
    public int Examined { get; private set; }
    public long Population { get; private set; }
    public int Runs { get; private set; }

    public async Task VerifyAsync(LedgerId ledger, long length)
    {
        if (!files.TryGetValue(BundleFiles.LinesJson, out var document)) return;
        JsonNode? said;
        LinesRequest request;
        IReadOnlyList<byte[]>? path;
        try
        {
            said = JsonNode.Parse(document);
            request = LinesRequest.Read(said?["request"]);
            path = request is LinesRequest.One ? LinesDocument.PathIn(said) : null;
        }
        catch (Exception wrong) when (wrong is JsonException or FormatException or InvalidOperationException
            or ArgumentException or OverflowException)
        {
            findings.Add(BundleFiles.LinesJson, wrong.Message, "a request for lines, and what it gave");
            return;
        }
        Request = request;
        if (manifest.Run != $"{request}") findings.Add(BundleFiles.Manifest, manifest.Run, $"{request}");
        var runs = ReadRuns(path);
        var examination = new LineExamination(events.Journal(ledger, length), events.Evidence, ct);
        try
        {
            var result = await LinesResult.OfAsync(request, runs, examination).ConfigureAwait(false);
            (Examined, Runs, Population) = (result.Lines.Count, runs.Count, runs.Sum(run => (long)run.Examinable));
            foreach (var each in result.Lines)
                foreach (var exception in each.Line.Exceptions)
                    findings.Add($"{each.Line.Run.Run.Run}#{Count(each.Line.Number)}", exception,
                        "a line that follows from its facts and evidence");
            Compare(document, path is null ? LinesDocument.Of(result)
                : LinesDocument.With(LinesDocument.Of(result), path));
            SayWhatIsLeft(result);
        }
        catch (FormatException wrong)
        {
            findings.Add(BundleFiles.LinesJson, wrong.Message, "lines that can be asked for");
        }
        VerifyRest(examination);
    }

    /// <summary>Every run with its lines, which have the root that the run recorded.</summary>
    private List<RunLines> ReadRuns(IReadOnlyList<byte[]>? path)
    {
        var runs = new List<RunLines>();
        foreach (var (recorded, fact) in events.All)
        {
            if (fact is not SettlementRunCompleted completed) continue;
            var empty = new RunLines(recorded.Position, completed, [], [], []);
            try
            {
                if (!files.TryGetValue(empty.FileName, out var file)) throw new FormatException("no such file");
                var run = RunLines.Read(recorded.Position, completed, file);
                foreach (var (found, expected) in Settlement.NeverRecorded(completed, recorded.Position))
                    findings.Add(BundleFiles.Event(recorded.Position), found, expected);
                var tree = new LinesTree(run.Texts);
                if (run.IsWhole && path is null
                    ? Convert.ToHexStringLower(tree.Root) != completed.LinesRoot.Hex
                    : !tree.IsBeginningOf(completed.Lines, Convert.FromHexString(completed.LinesRoot.Hex), path ?? []))
                    findings.Add(empty.FileName, "lines that are not the run's",
                        $"lines with the root {completed.LinesRoot}");
                foreach (var fault in run.Faults())
                    findings.Add(empty.FileName, fault, "lines as a statement has them");
                runs.Add(run);
            }
            catch (Exception wrong) when (wrong is FormatException or ArgumentException or OverflowException
                or NodaTime.Text.UnparsableValueException)
            {
                findings.Add(empty.FileName, wrong.Message, "the canonical lines of a settlement run");
            }
        }
        return runs;
    }

    private void Compare(byte[] found, byte[] expected)
    {
        if (found.AsSpan().SequenceEqual(expected)) return;
        var (actual, should) = (Encoding.UTF8.GetString(found).Split('\n'),
            Encoding.UTF8.GetString(expected).Split('\n'));
        var line = 0;
        while (line < actual.Length && line < should.Length && actual[line] == should[line]) line++;
        findings.Add($"{BundleFiles.LinesJson}, line {Count(line + 1)}",
            actual.ElementAtOrDefault(line)?.Trim() ?? "no such line",
            should.ElementAtOrDefault(line)?.Trim() ?? "no such line");
    }

    private void SayWhatIsLeft(LinesResult result)
    {
        var drawn = result.Lines.Count;
        if (Population > drawn)
            findings.LeaveOut($"{Count(Population - drawn)} other lines, but for what they leave over to these: only "
                + "that they are the run's");
        if (result.Runs.Sum(run => run.Lines.Count + run.Charges.Count - run.Examinable) is > 0 and var owed)
            findings.LeaveOut($"{Count(owed)} charges that rest on all points of the account: only that they are "
                + "the run's; a bundle of the statement derives them");
        if (result.Runs.Sum(run => run.Flexibility.Count) is > 0 and var paid)
            findings.LeaveOut($"{Count(paid)} lines of flexibility: only that they are the run's; a bundle of the "
                + "statement derives them");
        var asRecorded = result.Lines.SelectMany(each => each.Line.AsRecorded).Distinct().Count();
        if (asRecorded > 0)
            findings.LeaveOut($"{Count(asRecorded)} facts of these lines against evidence: they have none to be read");
        var beyond = result.Lines.GroupBy(each => (each.Line.Run.Position, each.Line.Point))
            .Count(point => point.All(each => each.Line.HasChargesBeyond));
        if (beyond > 0)
            findings.LeaveOut($"whether the charges of {Count(beyond)} points of these lines, for their month or day, are all "
                + "that is due: not all that stand in the run are here, or none was asked for");
        findings.LeaveOut("whether the points of these lines are all that the account is settled by, and whether other "
            + "points stand in its runs that should not be there");
        findings.LeaveOut("what the runs say beside their lines, as postings, the run that each supersedes, and the total "
            + "where not all lines are here: a bundle of the statement derives it");
        if (result.Request is LinesRequest.Sample { Statement: null })
            findings.LeaveOut("whether other runs should have been drawn from");
    }

    /// <summary>Files and events on which nothing rests.</summary>
    private void VerifyRest(LineExamination examination)
    {
        var used = examination.Given.Select(recorded => recorded.Position).ToHashSet();
        foreach (var (recorded, fact) in events.All)
            if (fact is not SettlementRunCompleted && !used.Contains(recorded.Position))
                findings.Add(BundleFiles.Event(recorded.Position), "an event on which no line rests",
                    "only the events that they rest on");
        var runs = events.All.Where(known => known.Fact is SettlementRunCompleted)
            .Select(known =>
                new RunLines(known.Recorded.Position, (SettlementRunCompleted)known.Fact, [], [], []).FileName);
        foreach (var name in files.Keys.Where(name =>
            name.StartsWith(BundleFiles.StatementsFolder, StringComparison.Ordinal)).Except(runs))
            findings.Add(name, "lines of no run that is here", "none");
    }

    private static string Count(long number) => number.ToString(CultureInfo.InvariantCulture);
}
