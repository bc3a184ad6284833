using Ledger.Cli.Listings;
using Ledger.Cli.Months;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger show WHAT</c>: reads the ledger as an auditor would. Every page says from how many events it is known, and
/// every figure has its unit, and its source or position.
/// </summary>
public static class Show
{
    /// <summary>What a page is made from.</summary>
    /// <param name="At">The instant at which calls are read.</param>
    private sealed record Asked(
        CommandLine Line, LedgerReader Ledger, long? AsOf, Instant At, string? About, CancellationToken Ct)
    {
        public Answers Answers => Ledger.Answers(AsOf);
        public Page Page(string what) => Ledger.Page(what, AsOf);
        public MoneyDecimals Money(IReadOnlyList<TimeOfUseSettlement.RunRow> runs) => new(Ledger.Journal, runs, Ct);
    }

    /// <param name="About">What the second word names; null where there is none.</param>
    /// <param name="Needed">Whether it has to be there.</param>
    private sealed record What(string? About, bool Needed, string[] Options, Func<Asked, Task<Page>> PageAsync);

    private static readonly Dictionary<string, What> Whats = new(StringComparer.Ordinal)
    {
        ["summary"] = new(null, false, [], SummaryAsync),
        ["export"] = new(null, false, ["--day"], asked => Task.FromResult(Energy(asked))),
        ["compliance"] = new("INSTRUCTION", false, [], asked => Task.FromResult(Compliance(asked))),
        ["settlement"] = new(null, false, ["--account", "--day"], SettlementAsync),
        ["statement"] = new("RUN", true, ["--account", "--day", "--lines"], StatementAsync),
        ["disputes"] = new(null, false, [], DisputesAsync),
        ["refusals"] = new(null, false, ["--code", "--source", "--day"], asked => Task.FromResult(
            ShowRefusals.PageOf(asked.Page("refusals"), asked.Line, asked.Answers))),
        ["refusal"] = new("POSITION", true, [], asked => ShowRefusals.OneAsync(
            asked.Page("refusal"), asked.Ledger, asked.Answers, asked.About!, asked.Ct)),
        ["points"] = new(null, false, [], asked =>
            Listed(asked, "points", "settlement points", RecordListings.Points(asked.Answers.Points()))),
        ["registers"] = new(null, false, [], asked =>
            Listed(asked, "registers", "registers", RecordListings.Registers(asked.Answers.Registers()))),
        ["meters"] = new(null, false, [], asked => Task.FromResult(asked.Page("meters")
            .Table("classes", "accuracy classes of meters", MasterDataListings.Classes(asked.Answers.MeterClasses()))
            .Table("keys", "public keys of meters", MasterDataListings.Keys(asked.Answers.MeterKeys())))),
        ["tree"] = new(null, false, [], asked => Task.FromResult(asked.Page("tree")
            .Table("places", "points that lie behind another than their station's connection",
                MasterDataListings.Places(asked.Answers.Places()))
            .Table("lossFactors", "losses declared between a point and its parent",
                MasterDataListings.LossFactors(asked.Answers.LossFactors())))),
        ["tariffs"] = new(null, false, [], asked => Task.FromResult(asked.Page("tariffs")
            .Table("tariffs", "tariffs", RecordListings.Tariffs(asked.Answers.Tariffs()))
            .Table("assignments", "accounts and their tariffs",
                RecordListings.Assignments(asked.Answers.Assignments())))),
        ["baseline"] = new("INSTRUCTION", true, [], asked =>
            ShowDelivery.BaselineAsync(asked.Ledger, asked.AsOf, asked.About!, asked.Ct)),
        ["delivery"] = new("INSTRUCTION", true, [], asked =>
            ShowDelivery.PageAsync(asked.Ledger, asked.AsOf, asked.At, asked.About!, asked.Ct)),
        ["response"] = new("INSTRUCTION", true, ["--point", "--archive"], asked =>
            ShowResponse.PageAsync(asked.Line, asked.Ledger, asked.AsOf, asked.About!, asked.Ct)),
        ["credible"] = new("STATION", true, [], asked => Task.FromResult(Credible(asked))),
        ["limits"] = new(null, false, ["--day"], asked => Task.FromResult(StandingLimits(asked))),
        ["peak"] = new("STATION", true, ["--day"], asked => Task.FromResult(ShowPeak.PageOf(
            asked.Page("peak"), asked.Answers, asked.About!, asked.Line.Day("--day")))),
        ["eligibility"] = new("POINT", true, ["--day"], asked => ShowEligibility.PageAsync(
            asked.Page("eligibility"), asked.Ledger, asked.AsOf, asked.About!, asked.Line.Day("--day"), asked.Ct)),
        ["rule-packs"] = new(null, false, [], asked => Listed(
            asked, "rulePacks", "rule packs, each version", RecordListings.RulePacks(asked.Answers.RulePacks()))),
        ["programmes"] = new(null, false, [], asked =>
            Listed(asked, "programmes", "programmes", ProgrammeListings.Programmes(asked.Answers.Programmes()))),
        ["enrolments"] = new(null, false, [], asked => Task.FromResult(asked.Page("enrolments")
            .Table("enrolments", "enrolments", ProgrammeListings.Enrolments(asked.Answers.Enrolments()))
            .Table("availabilities", "declared availability",
                ProgrammeListings.Availabilities(asked.Answers.Availabilities())))),
        ["schedules"] = new(null, false, [], asked => Listed(asked, "schedules",
            "declared schedules", PlanListings.Schedules(asked.Answers.Schedules()))),
        ["sessions"] = new(null, false, [], asked => Listed(asked, "sessions",
            "what charging sessions asked for", PlanListings.Sessions(asked.Answers.Sessions()))),
        ["outages"] = new(null, false, [], asked => Listed(asked, "outages",
            "settlement points out of service", PlanListings.Outages(asked.Answers.Outages()))),
        ["claims"] = new(null, false, [], asked => Listed(asked, "claims",
            "claims on delivered energy: one kWh counts once", ProgrammeListings.Claims(asked.Answers.Claims()))),
        ["balance"] = new("STATION", true, ["--day"], asked => Task.FromResult(Balance(asked))),
        ["records"] = new("POINT", true, ["--day"], asked => Task.FromResult(Records(asked))),
        ["event"] = new("POSITION", true, [], EventAsync),
    };

    private static Option XlsxOption { get; } = new("--xlsx", "FILE",
        "writes the page as a spreadsheet, a sheet for each table, in place of the text; not of evidence");

    public static Verb Verb { get; } = new("show", "WHAT",
        "reads the ledger: " + string.Join(", ", Whats.Select(what => $"{what.Key} {what.Value.About}".TrimEnd()))
            + ", evidence DIGEST, evidence POINT START",
        "ledger show compliance --as-of 2026-06-02T08:00:00Z",
        [
            LedgerReader.AsOfOption,
            new("--day", "DAY", "of export, limits, balance, records, peak, eligibility and statement: the settlement day, "
                + "like 2026-06-02; the first two show all without it; of refusals: the UTC day"),
            Redrive.Code with { Does = "of refusals: the rule, by its number or name" }, ShowRefusals.Source,
            new("--account", "PARTY", "of settlement: one account only; of statement: whose run it is, where several have one of that name"),
            new("--lines", null, "of statement: every line, in place of totals by tariff period"),
            new("--out", "FILE", "of evidence: where its bytes go; standard output where it is not given. Of a record's: "
                + "each file or frame as it was received, after its length (4 bytes, the lowest first)"),
            ShowResponse.Point, XlsxOption, PrunedEvidence.ArchiveOption, .. Disclosing.Options,
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        var name = line.Words.Count == 0 ? "summary" : line.Words[0];
        if (name == "evidence")
            return await (line.Words.Count == 3 ? ShowRecordEvidence.RunAsync(line, shell, ct)
                : ShowEvidence.RunAsync(line, shell, ct)).ConfigureAwait(false);
        if (!Whats.TryGetValue(name, out var what)) throw new UsageException($"show does not know '{name}'");
        if (what.Needed && line.Words.Count < 2) throw new UsageException($"show {name} needs {what.About}");
        if (line.Words.Count > (what.About is null ? 1 : 2))
            throw new UsageException($"show {name} takes no '{line.Words[^1]}'");
        foreach (var option in Verb.Options.Where(option =>
            option != LedgerReader.AsOfOption && option != XlsxOption && line.Has(option)))
            if (!what.Options.Contains(option.Name))
                throw new UsageException($"show {name} does not know the option {option.Name}");
        await using var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
        var asOf = await ledger.AsOfAsync(line, ct).ConfigureAwait(false);
        var at = await ledger.ReadAtAsync(line, asOf, shell.Clock, ct).ConfigureAwait(false);
        var page = await what.PageAsync(new(line, ledger, asOf, at, line.Words.ElementAtOrDefault(1), ct))
            .ConfigureAwait(false);
        if (line.Option("--xlsx") is not { } path)
        {
            page.Write(shell.Output, line.Json);
            return ExitCode.Done;
        }
        await OutFile.WriteAsync(path, file =>
        {
            page.WriteXlsx(file);
            return Task.CompletedTask;
        }).ConfigureAwait(false);
        ledger.Page(name, asOf).Field("out", "written to", path).Write(shell.Output, line.Json);
        return ExitCode.Done;
    }

    private static Task<Page> Listed(Asked asked, string name, string title, Listing listing) =>
        Task.FromResult(asked.Page(name).Table(name, title, listing));

    private static async Task<Page> SummaryAsync(Asked asked)
    {
        var answers = asked.Answers;
        var (days, points, refusals) = (answers.Days(), answers.Points(), answers.Refusals());
        var runs = answers.Runs();
        var holding = runs.Where(run => answers.HoldingRun(new(run.Account),
            CommandLine.Read<LocalDate>(run.Day, CommandLine.TryDay, "a day"))?.Run == run.Run).ToList();
        var booked = answers.Deltas().Where(deltas => holding.Exists(run => run.Run == deltas.Corrects
            && run.Account == deltas.Account && run.Day == deltas.Day)).ToList();
        var money = asked.Money(runs);
        int Standing(string standing) => refusals.Count(refusal => refusal.Standing == standing);
        var page = asked.Page("summary")
            .Field("journalEvents", "journal", asked.Ledger.Journal.Length)
            .Field("journalDigest", "digest", Convert.ToHexStringLower(asked.Ledger.Journal.Root))
            .Field("firstDay", "first day", days.Count == 0 ? null : days[0])
            .Field("lastDay", "last day", days.Count == 0 ? null : days[^1])
            .Field("stations", "stations", points.Select(point => point.Station).Distinct().Count())
            .Field("points", "settlement points", points.Count)
            .Field("refused", "refused", Standing("refused"))
            .Field("quarantined", "quarantined", Standing("quarantined"))
            .Field("kept", "kept, not settled", Standing("kept"))
            .Table("energy", "energy by station", EnergyListings.Stations(days.SelectMany(answers.Stations)))
            .Table("compliance", "dispatch instructions",
                DispatchListings.Instructions(answers.Instructions().ReadAt(asked.At)))
            .Table("settlement", "settlement runs that hold", SettlementListings.Runs(
                await money.OfAsync(holding).ConfigureAwait(false)));
        return booked.Count == 0 ? page
            : page.Table("deltas", "what is booked on them as deltas", SettlementListings.Deltas(
                await money.OfAsync(booked).ConfigureAwait(false)));
    }

    private static Page Energy(Asked asked)
    {
        var days = asked.Line.Day("--day") is { } day ? [day] : asked.Answers.Days();
        return asked.Page("export")
            .Table("points", "verified energy by settlement point",
                EnergyListings.Days(days.SelectMany(each => asked.Answers.Export(each))))
            .Table("stations", "verified energy by station, its connectors only",
                EnergyListings.Stations(days.SelectMany(asked.Answers.Stations)))
            .Note("The register is the amount where it was read at both edges of the day, else the curve is. "
                + "Energies are rounded to 6 decimals here; --json and export have 12.");
    }

    private static Page Compliance(Asked asked)
    {
        if (asked.About is null)
            return asked.Page("compliance").Table("instructions", "dispatch instructions",
                DispatchListings.Instructions(asked.Answers.Instructions().ReadAt(asked.At)));
        var id = CommandLine.Read<InstructionId>(asked.About, InstructionId.TryParse, "INSTRUCTION is an identifier");
        var answer = asked.Answers.Instruction(id)
            ?? throw new CouldNotException($"there is no dispatch instruction {id}");
        return ShowCompliance.Of(
            asked.Page("compliance"), answer.ReadAt(asked.At), asked.Answers.UnknownTargets(answer));
    }

    private static async Task<Page> DisputesAsync(Asked asked) => asked.Page("disputes").Table("disputes",
        "disputes of settlement runs", SettlementListings.Disputes(await asked.Money(asked.Answers.Runs())
            .OfAsync(asked.Answers.Disputes()).ConfigureAwait(false)));

    private static async Task<Page> SettlementAsync(Asked asked)
    {
        var (all, answers) = (asked.Answers.Runs(), asked.Answers);
        if (asked.Line.Account is { } party && !answers.IsAccount(party))
            throw new CouldNotException($"there is no account {party}: no settlement point and no tariff is its own");
        var money = asked.Money(all);
        var (account, day) = (asked.Line.Account?.Value, asked.Line.Day("--day") is { } named ? Cell.Exact(named) : null);
        // A month is asked for with each of its days.
        bool IsAsked(string of, string on) =>
            (account ?? of) == of && (day ?? on).StartsWith(on, StringComparison.Ordinal);
        return asked.Page("settlement")
            .Table("runs", "settlement runs, in the order in which they were recorded", SettlementListings.Runs(
                await money.OfAsync(all.Where(row => IsAsked(row.Account, row.Day))).ConfigureAwait(false)))
            .Table("publications", "published", SettlementListings.Publications(await money.OfAsync(
                answers.Publications().Where(row => IsAsked(row.Account, row.Day))).ConfigureAwait(false), all))
            .Table("deltas", "corrections booked as deltas", SettlementListings.Deltas(await money.OfAsync(
                answers.Deltas().Where(row => IsAsked(row.Account, row.Day))).ConfigureAwait(false)))
            .Table("months", "closed months", SettlementListings.Months(await money.OfAsync(
                answers.ClosedMonths().Where(row => IsAsked(row.Account, row.Month[..7]))).ConfigureAwait(false)));
    }

    private static async Task<Page> StatementAsync(Asked asked)
    {
        var (run, statement, differs) = await RunStatement.DeriveAsync(asked.Ledger,
            RecordedRun.Find(asked.Line, asked.Answers.Runs(), asked.About!), asked.Ct).ConfigureAwait(false);
        var page = asked.Page("statement")
            .Field("run", "run", run.Run).Field("kind", "kind", run.Kind).Field("account", "account", run.Account)
            .Field("day", "day", run.Day).Field("zone", null, run.Zone)
            .Field("tariff", "tariff", $"{run.Tariff} v{run.TariffVersion}")
            .Field("atPosition", "facts before position", run.AtPosition)
            .Field("recordedPosition", "recorded at position", run.RecordedPosition)
            .Field("total", null, (Money)run.Total).Field("currency", null, run.Currency)
            .Field(null, "total", $"{Cell.Shown((Money)run.Total)} {run.Currency}{(run.Incomplete ? ", incomplete" : "")}")
            .Field("incomplete", null, run.Incomplete).Field("supersedes", "supersedes", run.Supersedes)
            .Field("linesRoot", "lines' root", run.LinesRoot)
            .Field("differs", "derived again", differs ?? "the same lines and total");
        var beside = await ShowStatement.GatherAsync(asked.Ledger, asked.Answers, run, statement, asked.Ct)
            .ConfigureAwait(false);
        beside.AddFields(page);
        page.Table("totals", "by direction and tariff period",
                SettlementListings.Totals(SettlementListings.Totals(statement.Lines)))
            .Table("postings", "postings", SettlementListings.Postings(statement.Postings));
        if (statement.Charges.Count > 0)
            page.Table("charges", "charges beside energy", SettlementListings.Charges(statement.Charges));
        beside.AddTables(page);
        return asked.Line.Flag("--lines")
            ? page.Table("lines", "lines", StatementListings.Of(run, statement))
            : page.Table("incompleteLines", "lines without an amount", SettlementListings.Incomplete(statement.Lines));
    }

    private static Page StandingLimits(Asked asked)
    {
        var days = asked.Line.Day("--day") is { } day ? [day] : asked.Answers.Days();
        var limits = new LimitAnswers(asked.Answers);
        var answers = days.SelectMany(each => limits.On(each)).ToList();
        return asked.Page("limits")
            .Table("limits",
                "standing limits, of an event the last version; of overlapping ones the later recorded holds",
                LimitListings.Limits(asked.Answers.StandingLimits()))
            .Table("days", "limits by day", LimitListings.Days(answers.Select(answer => answer.Day)))
            .Table("periods", "recorded periods above, near or unproven",
                LimitListings.Periods(answers.SelectMany(answer => answer.Periods)))
            .Note("At least and at most are what the interval records prove without the curve; – is no bound, because "
                + "data is missing.");
    }

    private static Page Balance(Asked asked)
    {
        var station = CommandLine.Read<StationId>(asked.About!, StationId.TryParse, "STATION is an identifier");
        var day = asked.Line.Day("--day") ?? throw new UsageException("show balance needs --day");
        var (total, periods) = asked.Answers.Balance(station, day) ?? throw new CouldNotException(
            IsStation(asked, station) ? $"{station} has no grid connection with a settlement day {Cell.Shown(day)}"
                : $"there is no station {station}");
        var page = asked.Page("balance").Field("station", "station", station.Value)
            .Table("days", "the day: sums of its proven periods", BalanceListings.Days([total]))
            .Table("periods", "settlement periods", BalanceListings.Periods(periods));
        return asked.Line.Json ? page.Table("parts", null, BalanceListings.Parts(periods)) : page
            .Note("V2G is what bidirectional connectors measured, less losses, at most the connection's export. What "
                + "is "
                + "not measured is unproven, never zero. --json has each point's part.");
    }

    private static Page Records(Asked asked)
    {
        var point = CommandLine.Read<SettlementPointId>(asked.About!, SettlementPointId.TryParse,
            "POINT is an identifier");
        var day = asked.Line.Day("--day") ?? throw new UsageException("show records needs --day");
        var (records, checks) = (asked.Answers.IntervalRecords(point, day), asked.Answers.PeriodChecks(point, day));
        if (records.Count + checks.Count == 0 && asked.Answers.Versions(point).Count == 0)
            throw new CouldNotException($"settlement point {point} is not registered");
        return asked.Page("records").Field("point", "point", point.Value).Field("day", "day", day)
            .Table("records", "interval records, the latest version of each", EnergyListings.Records(records))
            .Table("checks", "register checks of single periods", EnergyListings.Checks(checks));
    }

    private static Page Credible(Asked asked)
    {
        var station = CommandLine.Read<StationId>(asked.About!, StationId.TryParse, "STATION is an identifier");
        if (!IsStation(asked, station)) throw new CouldNotException($"there is no station {station}");
        var connectors = asked.Answers.PointsAt(station, new(asked.At, asked.At + Duration.Epsilon))
            .Where(point => point.Kind == SettlementPointKind.Connector).ToList();
        var windows = StationWindows.Of(asked.Answers.Calls(station, asked.At));
        return asked.Page("credible").Field("station", "station", station.Value)
            .Field("installedKw", "installed kW", new Power(connectors.Sum(point => point.RatedMilliwatts)))
            .Field("v2gKw", "of them V2G kW",
                new Power(connectors.Where(point => point.Bidirectional).Sum(point => point.RatedMilliwatts)))
            .Field("callsWithoutSample", "calls that are no sample", windows.NoSample)
            .Table("credible", "what may be promised, from the real calls", CallListings.Windows(windows))
            .Table("response", "response of the real calls", CallListings.Response(windows.All))
            .Note("The delay counts from the start of an order to 10 % of it at the last connector, by the clocks that "
                + "were recorded of it (instruction-clock).")
            .Note(CallListings.Promise(windows));
    }

    private static bool IsStation(Asked asked, StationId station) =>
        asked.Answers.PointsAt(station, new(Instant.MinValue, Instant.MaxValue)).Count > 0;

    private static async Task<Page> EventAsync(Asked asked)
    {
        var position = CommandLine.Read<long>(asked.About!, LedgerReader.TryPosition,
            "POSITION is a whole number from 0");
        var found = position >= (asked.AsOf + 1 ?? asked.Ledger.Journal.Length) ? null
            : await asked.Ledger.Journal.ReadAllAsync(position, asked.Ct).FirstOrDefaultAsync(asked.Ct)
                .ConfigureAwait(false);
        if (found is not { Envelope: var header })
            throw new CouldNotException($"there is no event at position {position}");
        return new Page().Field("show", null, "event").Field("ledger", "ledger", header.Ledger.Value)
            .Field("position", "position", found.Position).Field("recordedAt", "recorded at", header.RecordedAt)
            .Field("eventId", "event id", header.Id.ToString())
            .Field("stream", "stream", header.Stream).Field("revision", "revision", header.Revision)
            .Field("wireName", "fact", header.WireName).Field("wireVersion", "version", header.WireVersion)
            .Field("validFrom", "valid from", header.ValidFrom).Field("validTo", "valid to", header.ValidTo)
            .Field("actor", "actor", header.Actor).Field("tenant", "tenant", header.Tenant.Value)
            .Field("causation", "causation", header.Causation?.ToString())
            .Field("sealed", "sealed fields", header.Sealed.Select(field => field.Name).ToList())
            .Field("contentType", "content type", header.ContentType)
            .Field("payloadBytes", "payload bytes", found.Payload.Length)
            .Field("event", "event", new CanonicalJson(EventCodec.ToJson(found)));
    }
}
