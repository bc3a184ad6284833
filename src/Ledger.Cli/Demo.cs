using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Api;
using Ledger.Cli.Demonstration;
using Ledger.Ingest.Fleet;
using Ledger.Journal;
using Ledger.Projections;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger demo</c>: plays a city's charging day into a new ledger and answers what a grid operator, a charging
/// operator and an auditor would ask of it. With <c>--json</c> it prints only what the seed determines.
/// </summary>
public static class Demo
{
    public const string DataDefault = "./demo-data";
    public const int SeedDefault = 20250716;

    private static readonly JsonSerializerOptions Indented =
        new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Verb Verb { get; } = new("demo", "",
        "plays a city's charging day, from one seed, into a new ledger, and shows what it proves",
        "ledger demo --seed 7 --data ./demo-7",
        [new("--seed", "N", $"what all chance comes from; {SeedDefault} where it is not given")],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count > 0) throw new UsageException("demo takes no words");
        var seed = line.Option<int>("--seed", TrySeed, "a whole number from 0 to 2147483647") ?? SeedDefault;
        var data = line.Option("--data") ?? DataDefault;
        if (Directory.Exists(data) && Directory.EnumerateFileSystemEntries(data).Any())
            throw new CouldNotException(
                $"{data} is not empty; a demonstration needs a folder of its own: name one with --data, or remove it");
        var (sections, digest) = await PlayAsync(FleetPlan.City(seed), data, shell.Progress, ct,
            StoreSettings.StoreOf(line, data)).ConfigureAwait(false);
        shell.EndProgress();
        shell.Output.Write(line.Json ? Json(seed, sections, digest) : Text(seed, sections, digest, Where(line, data)));
        return ExitCode.Done;
    }

    /// <summary>Plays a plan into a folder and a store, and gives what <c>--json</c> prints of it.</summary>
    public static async Task<string> JsonOfAsync(FleetPlan plan, string data, StoreChoice store, CancellationToken ct)
    {
        var (sections, digest) = await PlayAsync(plan, data, _ => { }, ct, store).ConfigureAwait(false);
        return Json(plan.Seed, sections, digest);
    }

    /// <summary>Plays a plan into a folder, and into the store where one is named, and reads the answers back from the
    /// views.</summary>
    internal static async Task<(IReadOnlyList<Section> Sections, DemoDigest Digest)> PlayAsync(
        FleetPlan plan, string data, Action<string> progress, CancellationToken ct, StoreChoice? store = null)
    {
        var clock = DemoDay.ClockOf(plan);
        var identity = LedgerIdentity.OpenOrCreate(data, DemoDay.Ledger, DemoDay.SecretOf(plan.Seed));
        var ledger = OpenLedger.Open(new LedgerOptions(data, identity.Ledger, clock, identity.Secret)
        {
            Store = store ?? new StoreChoice.Sqlite(data),
        });
        await using var closing = ledger.ConfigureAwait(false);
        if (ledger.Journal.Length > 0)
            throw new CouldNotException($"{store!.Name} holds a ledger of {ledger.Journal.Length} events; a demonstration "
                + "needs a store of its own");
        var outcome = await DemoDay.PlayAsync(plan, ledger, clock, progress, ct).ConfigureAwait(false);
        progress("reading the answers");
        var answers = new Answers(ledger.Views);
        IReadOnlyList<Section> sections =
        [
            await RecordedSection.Of(outcome, ledger.Journal, ct).ConfigureAwait(false),
            ExportSection.Of(outcome, answers),
            .. ComplianceSections.Of(outcome, answers),
            ExcuseSection.Of(answers),
            ProgrammeSection.Of(answers),
            ClaimSection.Of(outcome, answers),
            LimitSection.Of(outcome, answers),
            StationReportSection.Of(outcome, answers),
            StatementSections.Statement(outcome),
            await StatementSections.ChangeAsync(outcome, ledger, answers, ct).ConfigureAwait(false),
            await ChargeRecordSection.OfAsync(outcome, ledger, ct).ConfigureAwait(false),
            RefusedSection.Of(outcome, answers),
            CheckSection.Of(outcome, answers),
        ];
        return (sections, new DemoDigest(ledger.Journal.Length, Convert.ToHexStringLower(ledger.Journal.Root)));
    }

    internal static string Json(int seed, IReadOnlyList<Section> sections, DemoDigest digest)
    {
        var answer = new JsonObject
        {
            ["ledger"] = DemoDay.Ledger.Value,
            ["seed"] = seed,
            ["facts"] = digest.Facts,
            ["digest"] = digest.Root,
            ["sections"] = Report.Json(sections),
        };
        return answer.ToJsonString(Indented) + "\n";
    }

    internal static string Text(int seed, IReadOnlyList<Section> sections, DemoDigest digest, string where) =>
        Report.Text(
    [
        .. sections,
        new Section("digest", "The digest",
            [
                $"All {Shown.Count(digest.Facts)} facts are under one RFC 6962 root, {digest.Root}. The same seed "
                + $"({seed.ToString(CultureInfo.InvariantCulture)}) gives the same root on every machine; another "
                + "order, another amount or another time in any one fact gives another.",
            ], [], []),
        new Section("next", "What to try next", [], [new ReportTable(["to", "run"], DemoCommands.Of(where))], []),
    ]);

    /// <summary>The options by which a command finds this ledger again; a store's name may hold a password.</summary>
    private static string Where(CommandLine line, string data) =>
        line.Option("--store") is null ? $"--data {data}" : $"--data {data} --store STORE";

    private static bool TrySeed(string text, out int seed) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out seed);
}

/// <summary>How many facts the journal holds, and their Merkle root in hexadecimal.</summary>
internal sealed record DemoDigest(long Facts, string Root);
