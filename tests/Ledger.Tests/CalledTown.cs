using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;
using NodaTime.Text;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A ledger of connectors that are metered by the hour, for calls under a programme from their facts to money. Its days
/// are those of Shanghai in February 2026, and the 27th is that of the calls, which is settled; the programme pays 2
/// per kWh, and an order of it penalises with 1.
/// </summary>
internal sealed class CalledTown : IDisposable
{
    private readonly SmallTown town = new();
    private readonly Dictionary<string, (Instant Next, int Index)> meters = [];
    private readonly HashSet<(string Programme, string Point)> enrolled = [];
    private readonly List<string> files = [];
    private Instant filesAt;

    /// <summary>Whether who is called takes part in the programme, which everybody has to who owes a penalty.</summary>
    public bool Enrols { get; init; } = true;

    /// <summary>What the ledger's clock shows: the afternoon before the call, until a baseline is frozen or later hours
    /// are metered. Then it is 1 March.</summary>
    public Instant Clock { get; set; } = Instant.FromUtc(2026, 2, 27, 8, 30);

    /// <summary>When the first metered hour begins: midnight of 22 February, unless a call needs a longer
    /// history.</summary>
    public Instant MeteredFrom { get; init; } = Instant.FromUtc(2026, 2, 21, 16, 0);

    /// <summary>A programme whose baseline is the mean of the two highest of the three days before,
    /// and that pays up to the order.</summary>
    public CalledTown(string paidPer = "settlementPoint", string more = "")
    {
        Import("""
            {"type":"rule-pack","pack":"days","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00+08:00","baseline":{"method":"days","dayClass":"any","pool":3,"keep":2,"minDays":2,"keepBy":"highest","lookbackDaysMax":10,"holidays":"ignored"}}
            {"type":"rule-pack","pack":"up-to-order","version":1,"provisional":false,"source":"a contract","validFrom":"2026-01-01T00:00:00+08:00","scoring":{"level":"interval","bands":[{"value":"0"},{"from":"0","slope":"1"},{"from":"1","slope":"0"}],"payment":[{"quantity":"effective","price":"price"}],"penalty":{"edge":"1","against":"delivered","price":"penaltyPrice"}}}
            """);
        Publish("reduce", 1, paidPer, more);
    }

    /// <summary>A version of a programme, from the beginning of the year.</summary>
    public void Publish(string programme, int version, string paidPer, string more = "",
        string baseline = "days") =>
        Import($$"""
            {"type":"programme","programme":"{{programme}}","version":{{version}},"validFrom":"2026-01-01T00:00:00+08:00","service":"demandReduction","baselinePack":"{{baseline}}","scoringPack":"up-to-order","paidPer":"{{paidPer}}","precedence":1,"currency":"CNY","pricePerKwh":"2"{{more}}}
            """);

    /// <summary>A connector, or another point, with its register.</summary>
    public void Connector(string point, string station = "S01", string owner = "cpo", string kind = "connector") =>
        Import($$"""
        {"type":"settlement-point","point":"{{point}}","station":"{{station}}","kind":"{{kind}}","owner":"{{owner}}","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":1000,"bidirectional":false,"validFrom":"2026-01-01T00:00:00+08:00"}
        {"type":"register","point":"{{point}}","direction":"import","meterSerial":"M-{{point}}","digits":9,"decimals":3,"validFrom":"2026-01-01T00:00:00+08:00"}
        """);

    /// <summary>
    /// Meters one hour after another, each with these kWh; the first begins at <see cref="MeteredFrom"/>.
    /// </summary>
    public void Meter(string point, params IEnumerable<int> hours)
    {
        var rows = new StringBuilder("point,register,read_at,kwh\n");
        if (!meters.TryGetValue(point, out var meter))
        {
            meter = (MeteredFrom, 0);
            rows.Append(Row(point, meter));
        }
        foreach (var kwh in hours)
        {
            meter = (meter.Next + Duration.FromHours(1), meter.Index + kwh);
            rows.Append(Row(point, meter));
        }
        meters[point] = meter;
        if (meter.Next > Clock) Clock = SmallTown.Now;
        Import(rows.ToString());
    }

    /// <summary>The same kWh in each of so many hours.</summary>
    public static IEnumerable<int> Hours(int hours, int kwh) => Enumerable.Repeat(kwh, hours);

    /// <summary>A cap of 27 February from an hour of the day on, issued at 08:00.</summary>
    public void Cap(string instruction, string targets, string from = "27T18", string to = "27T20", string more = "",
        string programme = "reduce")
    {
        if (Enrols)
            foreach (var target in JsonNode.Parse($"[{targets}]")!.AsArray()) Enrol(programme, (string)target!["point"]!);
        Import($$"""
        {"type":"instruction","instruction":"{{instruction}}","kind":"curtail","issuedBy":"dso","issuedAt":"2026-02-27T08:00:00+08:00","start":"2026-02-{{from}}:00:00+08:00","end":"2026-02-{{to}}:00:00+08:00","targets":[{{targets}}],"penaltyPerKwh":"1","programme":"{{programme}}"{{more}}}
        """);
    }

    /// <summary>From the beginning of the year, where nobody has enrolled the point before.</summary>
    public void Enrol(string programme, string point)
    {
        if (!enrolled.Contains((programme, point)))
            Import($$"""
                {"type":"enrolment","programme":"{{programme}}","point":"{{point}}","prequalifiedKw":1000,"from":"2026-01-01T00:00:00+08:00"}
                """);
    }

    public void Freeze(string instruction, params string[] options) => Done(["freeze", instruction, .. options]);

    /// <summary>From the beginning of the year these accounts pay 0.5 for a kWh that is drawn, whenever it is, and get
    /// 0.4 for one that is given.</summary>
    public void Bill(params IEnumerable<string> accounts) => Import("""
        {"type":"tariff","tariff":"T","version":1,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"2026-01-01T00:00:00+08:00","rules":[{"period":"flat"}],"prices":[{"period":"flat","importPerKwh":0.5,"exportPerKwh":0.4}],"energyDecimals":3,"moneyDecimals":2}
        """ + string.Concat(accounts.Select(account => $$"""

        {"type":"tariff-assignment","account":"{{account}}","tariff":"T","validFrom":"2026-01-01T00:00:00+08:00"}
        """)));

    /// <summary>What a run pays an account for flexibility and the version of the rules that it names, once it is
    /// explained and all is verified.</summary>
    public (string? Paid, string? Version) Settled(string account = "cpo", string run = "R1")
    {
        Done("settle", "--account", account, "--day", "2026-02-27", "--run", run);
        Done("explain", run, "total");
        Done("verify");
        return (Paid(run), ((string?)JsonNode.Parse(Done("show", "settlement", "--json"))!["runs"]!.AsArray()
            .Single(row => (string)row!["run"]! == run)!["ruleVersion"])?.Split('/')[0]);
    }

    /// <summary>What a run pays for flexibility.</summary>
    public string? Paid(string run) =>
        (string?)JsonNode.Parse(Done("show", "statement", run, "--json"))!["flexibilityTotal"];

    /// <summary>What somebody else needs to derive the statement is in its bundle, for either program.</summary>
    public void BundleIsVerified(string run = "R1")
    {
        Done("checkpoint", "--origin", "ledger.example/town");
        var zip = town.File("bundle.zip", "");
        Done("bundle", "--statement", run, "--out", zip);
        Done("verify", zip);
        OtherProgram.Verifies(zip);
    }

    public CommandRun Run(params string[] args)
    {
        Take();
        Clock = SmallTown.Now;
        return town.Run(args);
    }

    /// <summary>What a verb says that does what it is asked.</summary>
    public string Done(params string[] verb)
    {
        var run = Run(verb);
        run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
        return run.Output;
    }

    /// <summary>The ledger, with its views as far as its journal is.</summary>
    public async Task<OpenLedger> OpenAsync()
    {
        Take();
        var ledger = OpenLedger.Open(new SqliteJournalOptions(
            town.Data, new LedgerId("town"), new StandingClock(SmallTown.Now), TestFolder.Secret));
        await ledger.CatchUpAsync(TestContext.Current.CancellationToken);
        return ledger;
    }

    /// <summary>All of a kind of facts, in the order in which they were recorded.</summary>
    public async Task<IReadOnlyList<TFact>> FactsAsync<TFact>()
    {
        await using var ledger = await OpenAsync();
        return [.. (await TestFolder.AllAsync(ledger.Journal)).Select(EventCodec.Decode).OfType<TFact>()];
    }

    /// <summary>The call's net amount by a version of the rules.</summary>
    public async Task<decimal?> NetAsync(string instruction, string ruleVersion)
    {
        await using var ledger = await OpenAsync();
        return (await Deliveries.PaidAsync(ledger.Journal, new Answers(ledger.Views), new(instruction),
            ledger.Journal.Length, ruleVersion, TestContext.Current.CancellationToken))?.Net;
    }

    /// <summary>Records another run as of now, made of one that is there.</summary>
    public async Task RecordRunAsync(string like, Func<SettlementRunCompleted, SettlementRunCompleted> made)
    {
        var ct = TestContext.Current.CancellationToken;
        var former = (await FactsAsync<SettlementRunCompleted>()).Last(each => each.Run.Value == like);
        await using var ledger = await OpenAsync();
        var run = made(former) with { AtPosition = ledger.Journal.Length };
        await ledger.Journal.AppendAsync(Streams.Settlement(run.Account, run.Day), ExpectedRevision.Any,
            [NewFact.At(run, SmallTown.Now, Settlement.KeyOf(run.Run, run.Account, run.Day))], TestFolder.Tester, null,
            ct);
        await ledger.CatchUpAsync(ct);
    }

    /// <summary>A file of facts that are all taken. It waits for those after it, so that one verb takes them all, until
    /// something else is asked or they come at another time.</summary>
    public void Import(string text)
    {
        if (Clock != filesAt) Take();
        filesAt = Clock;
        files.Add(File(text));
        foreach (var line in text.Split('\n').Where(line => line.Contains("\"type\":\"enrolment\"", StringComparison.Ordinal)))
            enrolled.Add(((string)JsonNode.Parse(line)!["programme"]!, (string)JsonNode.Parse(line)!["point"]!));
    }

    public CommandRun TryImport(string text, params string[] options)
    {
        Take();
        return town.RunAt(Clock, ["import", File(text), .. options]);
    }

    private void Take()
    {
        if (files.Count == 0) return;
        var run = town.RunAt(filesAt, ["import", .. files]);
        files.Clear();
        run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
    }

    /// <summary>In a folder of its own, because the name says whence a fact came.</summary>
    private string File(string text) => town.File(Path.Combine($"{files.Count}",
        text.TrimStart().StartsWith('{') ? "facts.jsonl" : "readings.csv"), text);

    /// <summary>The ledger holds facts as they were recorded before (<see cref="EarlierFacts"/>).</summary>
    public void Holds(string facts)
    {
        Take();
        Clock = SmallTown.Now;
        town.Holds(facts);
    }

    /// <summary>The delivery page for programs.</summary>
    public JsonElement Delivery(string instruction)
    {
        Take();
        var shown = town.Run("show", "delivery", instruction, "--json");
        shown.Exit.ShouldBe(ExitCode.Done, shown.Errors);
        return JsonDocument.Parse(shown.Output).RootElement;
    }

    /// <summary>The call's net amount; null while it is unknown.</summary>
    public string? Net(string instruction) => Delivery(instruction).GetProperty("net").GetString();

    /// <summary>A column of a page's table.</summary>
    public static IEnumerable<string?> Column(JsonElement page, string table, string name) =>
        page.GetProperty(table).EnumerateArray().Select(row => row.GetProperty(name).GetString());

    public void Dispose()
    {
        try
        {
            Take();
        }
        finally
        {
            town.Dispose();
        }
    }

    private static string Row(string point, (Instant At, int Index) meter) => string.Create(
        CultureInfo.InvariantCulture, $"{point},1.8.0,{InstantPattern.ExtendedIso.Format(meter.At)},{meter.Index}\n");
}
