using System.Text;
using Ledger.Api;
using Ledger.Api.Jobs;
using Ledger.Api.Resources;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal.Pipeline;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>
/// Long work of the command line that a served ledger takes as jobs: the verb itself runs beside the server in this
/// process, on the same folder, so its result is what the verb would print. What it may be asked about is what the
/// asker reaches.
/// </summary>
public static class ServeJobs
{
    private const string Json = "application/json", Zip = "application/zip";

    /// <param name="line">With which the ledger is served: the verbs look where it does.</param>
    public static IReadOnlyList<JobKind> Kinds(CommandLine line, Shell shell)
    {
        string[] place = [.. CommandLine.Common.Where(option => option.Value is not null)
            .Where(option => line.Option(option.Name) is not null)
            .Select(option => $"{option.Name}={line.Option(option.Name)}")];
        return
        [
            new(JobKind.Verification, Scopes.AccessRead,
                "hashes every byte of the ledger again and derives everything anew, as ledger verify does", ["fast"],
                request => Task.FromResult(Work(shell, Json, _ =>
                    ["verify", "--json", .. request.Asked.Optional("fast")?.Flag() ?? false ? ["--fast"] : Nothing, .. place]))),
            new("reconciliation", Scopes.SettlementRead,
                "compares sessions, charge records and settled days, as ledger reconcile cdr does", ["point", "day", "records"],
                request => ReconciliationAsync(request, place, shell)),
            new("bundle", Scopes.SettlementRead,
                "writes a settlement run with its events and proofs as one zip, as ledger bundle does", ["run", "account", "day", "why"],
                request => BundleAsync(request, place, shell)),
        ];
    }

    private static readonly string[] Nothing = [];

    private static async Task<JobWork> ReconciliationAsync(JobRequest request, string[] place, Shell shell)
    {
        var point = request.Asked.Optional("point")?.Point();
        if (point is null && !request.By.Reach.IsEverything)
            throw request.Asked.Required("kind").Refused(Rejection.MissingField,
                "needs a point, which is yours: without one it is of the whole ledger");
        var day = request.Asked.Optional("day")?.Line(Limits.IdentifierLengthMax);
        if (day is not null && Reconcile.DaysOf(day) is null)
            throw request.Asked.Required("day").Refused(Rejection.InvalidTime, $"must be {Reconcile.DaysRule}");
        var records = request.Asked.Optional("records") is { } given ? Encoding.UTF8.GetBytes(given.Json.GetRawText()) : null;
        // Read at once, so that what is wrong with them is the answer to the request and names no file of the server's.
        if (records is not null) ChargeRecordFiles.Read(records);
        var answers = await AnswersAsync(request).ConfigureAwait(false);
        if (point is { } named && (!answers.Reaches(named) || answers.Points().All(row => row.Point != named.Value)))
            throw new NotThereException($"there is no settlement point {named}, or it is not yours");
        return Work(shell, Json, folder =>
        {
            var file = Path.Combine(folder, "records.json");
            if (records is not null) File.WriteAllBytes(file, records);
            return ["reconcile", "cdr", "--json", .. point is { } of ? [$"--point={of}"] : Nothing,
                .. day is not null ? [$"--day={day}"] : Nothing, .. records is not null ? ["--in", file] : Nothing, .. place];
        });
    }

    private static async Task<JobWork> BundleAsync(JobRequest request, string[] place, Shell shell)
    {
        var run = request.Asked.Required("run").Text();
        var why = request.Asked.Optional("why")?.Line(Limits.IdentifierLengthMax);
        if (why is not null && !request.By.Holds(Scopes.EvidenceDisclose))
            throw new ScopeMissingException(Scopes.EvidenceDisclose);
        var name = new RunName(run, request.Asked.Optional("account")?.Party(), request.Asked.Optional("day")?.Day());
        // The verb works as the ledger itself, for which other accounts' runs of that name are there too.
        var reached = name.Among((await AnswersAsync(request).ConfigureAwait(false)).Runs()) switch
        {
            [var one] => one,
            [] => throw new NotThereException($"there is no settlement run {run}, or it is not yours"),
            var several => throw new InputRefusedException(Rejection.MissingField, "run", $"\"{run}\"", RunName.Several(several)),
        };
        return Work(shell, Zip, _ => ["bundle", $"--statement={reached.Run}", $"--account={reached.Account}",
            $"--day={reached.Day}", "--out=result",
            .. why is not null ? [$"--by={request.By.Actor}", $"--why={why}"] : Nothing, .. place]);
    }

    private static async Task<Answers> AnswersAsync(JobRequest request)
    {
        await request.Ledger.CatchUpAsync(CancellationToken.None).ConfigureAwait(false);
        return new(request.Ledger.Views, null, request.By.Reach, request.Ledger.Clock.GetCurrentInstant());
    }

    /// <summary>Runs a verb, whose result is what it prints, or the bundle that it hands out.</summary>
    /// <param name="args">Its command line, given a folder that is its own while it runs.</param>
    private static JobWork Work(Shell shell, string media, Func<string, string[]> args) => async (progress, ct) =>
    {
        var folder = Directory.CreateTempSubdirectory("ledger-job-");
        try
        {
            using var handedOut = new MemoryStream();
            await using var output = new StringWriter { NewLine = "\n" };
            await using var errors = new ProgressWriter(progress);
            var own = shell with
            {
                Output = output,
                Errors = errors,
                Raw = Stream.Null,
                HandedOut = handedOut,
                Input = Stream.Null,
                Watched = true,
            };
            var exit = await Verbs.RunAsync(args(folder.FullName), own, ct).ConfigureAwait(false);
            ct.ThrowIfCancellationRequested();
            if (exit is not (ExitCode.Done or ExitCode.NotAsItShouldBe))
                throw new JobFailedException(errors.Last ?? $"it ended with exit code {exit}");
            var content = media == Zip ? handedOut.ToArray() : Encoding.UTF8.GetBytes(output.ToString());
            return new(media, content, exit == ExitCode.Done ? "done" : "done, and not all is as it should be",
                exit == ExitCode.Done);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    };

    /// <summary>What a verb says for people who watch, piece by piece: how far it is, or what went wrong.</summary>
    private sealed class ProgressWriter(Action<string> progress) : StringWriter
    {
        private const char Escape = '\u001b';

        /// <summary>The last line that was no progress.</summary>
        public string? Last { get; private set; }

        public override void Write(string? value)
        {
            if (value is null) return;
            var doing = value[(value.LastIndexOf(Escape) is var at && at >= 0 ? Math.Min(value.Length, at + 3) : 0)..];
            if (doing.Length > 0) progress(doing);
        }

        public override void WriteLine(string? value) => Last ??= value;
    }
}
