using System.Text;
using Ledger.Cli.Exchange;
using Ledger.Cli.Listings;
using Ledger.Cli.Months;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger export NAME</c>: a listing of the ledger as CSV or JSON, for other programs. The rows are those of
/// <c>show</c>, with every column and every digit.
/// </summary>
public static class Export
{
    /// <param name="At">The instant at which calls are read.</param>
    private sealed record Asked(
        CommandLine Line, LedgerReader Ledger, long? AsOf, Instant At, string? About, CancellationToken Ct)
    {
        public Answers Answers => Ledger.Answers(AsOf);
        /// <summary>The journal's own listing needs no views: it is of all that was there when it was opened.</summary>
        public long EventsBefore { get; } = AsOf + 1 ?? Ledger.Journal.Length;
    }

    private const string Journal = "journal";

    private static readonly Dictionary<string,
        (string? About, bool Needed, Func<Asked, Task<Listing>> ListAsync)> Names = new(StringComparer.Ordinal)
        {
            ["export"] = (null, false, asked =>
                Task.FromResult(EnergyListings.Days(
                    asked.Answers.Days().SelectMany(day => asked.Answers.Export(day))))),
            ["stations"] = (null, false, asked =>
                Task.FromResult(EnergyListings.Stations(asked.Answers.Days().SelectMany(asked.Answers.Stations)))),
            ["records"] = (null, false, asked => Task.FromResult(Records(asked))),
            ["checks"] = (null, false, asked => Task.FromResult(Checks(asked))),
            ["instructions"] = (null, false, asked =>
                Task.FromResult(DispatchListings.Instructions(asked.Answers.Instructions().ReadAt(asked.At)))),
            ["compliance"] = (null, false, asked => Task.FromResult(Targets(asked))),
            ["settlement"] = (null, false, RunsAsync),
            ["statement"] = ("RUN", true, StatementAsync),
            ["entries"] = ("RUN", true, EntriesAsync),
            ["delivery"] = ("INSTRUCTION", true, async asked => DeliveryListings.Shares((await ShowDelivery.FindAsync(
                asked.Ledger, asked.AsOf, asked.At, asked.About!, asked.Ct).ConfigureAwait(false)))),
            ["refusals"] = (null, false, asked => Task.FromResult(RecordListings.Refusals(asked.Answers.Refusals()))),
            ["points"] = (null, false, asked => Task.FromResult(RecordListings.Points(asked.Answers.Points()))),
            ["registers"] = (null, false, asked => Task.FromResult(RecordListings.Registers(asked.Answers.Registers()))),
            ["tariffs"] = (null, false, asked => Task.FromResult(RecordListings.Tariffs(asked.Answers.Tariffs()))),
            ["rule-packs"] = (null, false, asked => Task.FromResult(RecordListings.RulePacks(asked.Answers.RulePacks()))),
            ["programmes"] = (null, false, asked =>
                Task.FromResult(ProgrammeListings.Programmes(asked.Answers.Programmes()))),
            ["enrolments"] = (null, false, asked =>
                Task.FromResult(ProgrammeListings.Enrolments(asked.Answers.Enrolments()))),
            ["schedules"] = (null, false, asked =>
                Task.FromResult(PlanListings.Schedules(asked.Answers.Schedules()))),
            ["sessions"] = (null, false, asked => Task.FromResult(PlanListings.Sessions(asked.Answers.Sessions()))),
            ["outages"] = (null, false, asked => Task.FromResult(PlanListings.Outages(asked.Answers.Outages()))),
            ["claims"] = (null, false, asked => Task.FromResult(ProgrammeListings.Claims(asked.Answers.Claims()))),
            [Journal] = (null, false, asked => Task.FromResult(RecordListings.Journal(Events(asked)))),
        };

    private static Option Format { get; } = new("--format", "csv|json|ndjson|xlsx|parquet",
        "of listings: CSV after RFC 4180, a JSON array, a JSON object a line, a spreadsheet or Parquet; csv without it, json "
        + "with --json");

    private static IReadOnlyList<Option> OfAll { get; } =
    [
        new("--out", "FILE", "where it goes; standard output where it is not given, but for xlsx and parquet"),
        LedgerReader.AsOfOption,
    ];

    public static Verb Verb { get; } = new("export", "NAME",
        "writes a listing for other programs, also as a spreadsheet (XLSX) or Parquet file: "
            + string.Join(", ", Names.Select(name => $"{name.Key} {name.Value.About}".TrimEnd()))
            + ", the log as plain files: tiles DIR, a month that has ended: month YYYY-MM DIR, and for whoever pays, by "
            + "party and day: OCPI charge records: cdr PARTY DAY, orders after T/CEC 102: tcec PARTY DAY",
        "ledger export statement R1 --format csv --out r1.csv",
        [Format, .. OfAll, .. RecordedRun.Options, .. ExportRecords.Options, .. ExportOrders.Options],
        RunAsync);

    /// <summary>The options of one thing that is exported, beside those of every verb.</summary>
    private static IEnumerable<Option> OptionsOf(string name) => name switch
    {
        ExportMonth.Name or ExportTiles.Name => [],
        ExportRecords.Name => [.. OfAll, .. ExportRecords.Options],
        ExportOrders.Name => [.. OfAll, .. ExportOrders.Options],
        "statement" or "entries" => [Format, .. OfAll, .. RecordedRun.Options],
        _ => [Format, .. OfAll],
    };

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words is [var of, ..] && Verb.Options.Except(OptionsOf(of)).FirstOrDefault(line.Has) is { } other)
            throw new UsageException($"export {of} does not know the option {other.Name}");
        if (line.Words is [ExportMonth.Name, ..])
            return await ExportMonth.RunAsync(line, shell, ct).ConfigureAwait(false);
        if (line.Words is [ExportRecords.Name, ..])
            return await ExportRecords.RunAsync(line, shell, ct).ConfigureAwait(false);
        if (line.Words is [ExportOrders.Name, ..])
            return await ExportOrders.RunAsync(line, shell, ct).ConfigureAwait(false);
        if (line.Words is [ExportTiles.Name, ..]) return await ExportTiles.RunAsync(line, shell).ConfigureAwait(false);
        if (line.Words.Count == 0 || !Names.TryGetValue(line.Words[0], out var name))
            throw new UsageException("export needs one of " + string.Join(", ", (IEnumerable<string>)[.. Names.Keys,
                ExportTiles.Name, ExportMonth.Name, ExportRecords.Name, ExportOrders.Name]));
        if (name.Needed && line.Words.Count < 2) throw new UsageException($"export {line.Words[0]} needs {name.About}");
        if (line.Words.Count > (name.About is null ? 1 : 2))
            throw new UsageException($"export {line.Words[0]} takes no '{line.Words[^1]}'");
        var format = line.Option("--format") ?? (line.Json ? "json" : "csv");
        var write = WriterOf(line.Words[0], format, ct);
        if (format is "xlsx" or "parquet" && line.Option("--out") is null)
            throw new UsageException($"--format {format} is no text: name a file with --out");
        await using var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
        var asOf = await ledger.AsOfAsync(line, ct).ConfigureAwait(false);
        var at = await ledger.ReadAtAsync(line, asOf, shell.Clock, ct).ConfigureAwait(false);
        var asked = new Asked(line, ledger, asOf, at, line.Words.ElementAtOrDefault(1), ct);
        var listing = await name.ListAsync(asked).ConfigureAwait(false);
        if (line.Option("--out") is { } path)
        {
            await OutFile.WriteAsync(path, file => write(listing, file)).ConfigureAwait(false);
            var page = line.Words[0] == Journal ? ledger.PageOf(Journal, asked.EventsBefore)
                : ledger.Page(line.Words[0], asOf);
            page.Field("out", "written to", path);
            foreach (var field in listing.Summary) page.Field(field.Name, field.Title, field.Value);
            page.Write(shell.Output, line.Json);
        }
        else if (format == "csv") listing.WriteCsv(shell.Output);
        else if (format == "json") listing.WriteJson(shell.Output);
        else listing.WriteLines(shell.Output);
        if (listing.Differs is not { } differs) return ExitCode.Done;
        shell.Errors.WriteLine($"ledger export: {asked.About}, derived again: {differs}");
        return ExitCode.NotAsItShouldBe;
    }

    private static Func<Listing, Stream, Task> WriterOf(
        string name, string format, CancellationToken ct) => format switch
        {
            "csv" => Text((listing, writer) => listing.WriteCsv(writer)),
            "json" => Text((listing, writer) => listing.WriteJson(writer)),
            "ndjson" => Text((listing, writer) => listing.WriteLines(writer)),
            "xlsx" => (listing, file) =>
            {
                ListingFile.WriteXlsx(file, [(name, listing), .. listing.Summary.Count == 0
                    ? [] : new[] { ("summary", listing.SummaryListing()) }]);
                return Task.CompletedTask;
            }
            ,
            "parquet" => (listing, file) => ListingFile.WriteParquetAsync(listing, file, ct),
            var other => throw new UsageException($"--format is csv, json, ndjson, xlsx or parquet, not '{other}'"),
        };

    private static Func<Listing, Stream, Task> Text(Action<Listing, TextWriter> write) => async (listing, file) =>
    {
        await using var text = new StreamWriter(file, new UTF8Encoding(false), leaveOpen: true) { NewLine = "\n" };
        write(listing, text);
    };

    private static async Task<Listing> StatementAsync(Asked asked)
    {
        var (run, statement, differs) = await RunStatement.DeriveAsync(asked.Ledger, RunOf(asked), asked.Ct)
            .ConfigureAwait(false);
        return StatementListings.Of(run, statement).DerivedAgain(differs);
    }

    private static async Task<Listing> RunsAsync(Asked asked)
    {
        var runs = asked.Answers.Runs();
        return SettlementListings.Runs(
            await new MoneyDecimals(asked.Ledger.Journal, runs, asked.Ct).OfAsync(runs).ConfigureAwait(false));
    }

    private static TimeOfUseSettlement.RunRow RunOf(Asked asked) =>
        RecordedRun.Find(asked.Line, asked.Answers.Runs(), asked.About!);

    /// <summary>The double entries of a run's statement, and whether they make or lose anything.</summary>
    private static async Task<Listing> EntriesAsync(Asked asked)
    {
        var (run, statement, differs) = await RunStatement.DeriveAsync(asked.Ledger, RunOf(asked), asked.Ct)
            .ConfigureAwait(false);
        var entries = DoubleEntry.Of(statement, asked.Answers.Publications().Any(row => row.IsOf(run)));
        var listing = SettlementListings.Entries(entries, run) with
        {
            Summary =
            [
                new("run", "run", run.Run), new("account", "account", run.Account), new("day", "day", run.Day),
                new("total", "total", (Money)run.Total),
                new("conserved", "nothing made or lost", DoubleEntry.NotConserved(statement, entries) ?? "yes"),
            ],
        };
        return listing.DerivedAgain(differs);
    }

    private static Listing Records(Asked asked) => EnergyListings.Records(
        from point in asked.Answers.Points()
        from day in asked.Answers.Days()
        from record in asked.Answers.IntervalRecords(new SettlementPointId(point.Point), day)
        select record);

    private static Listing Checks(Asked asked) => EnergyListings.Checks(
        from point in asked.Answers.Points()
        from day in asked.Answers.Days()
        from check in asked.Answers.PeriodChecks(new SettlementPointId(point.Point), day)
        select check);

    private static Listing Targets(Asked asked) => DispatchListings.Targets(
        from instruction in asked.Answers.Instructions()
        from target in asked.Answers.Instruction(new InstructionId(instruction.Instruction))!.ReadAt(asked.At).Targets
        select target);

    // Row by row: a journal may be longer than memory.
    private static IEnumerable<RecordedEvent> Events(Asked asked) =>
        asked.Ledger.Journal.ReadAllAsync(0, asked.Ct).ToBlockingEnumerable(asked.Ct)
            .TakeWhile(happened => happened.Position < asked.EventsBefore);
}
