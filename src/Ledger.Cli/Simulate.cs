using System.Globalization;
using Ledger.Api.Access;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Ingest.Simulation;
using NodaTime;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger simulate fleet</c>: the power of many connectors as a wire would bring it, with faults whose effect is
/// known, and beside it what is true; the same options write the same bytes. Or it streams them to a ledger
/// (<see cref="SimulatedSending"/>).
/// </summary>
public static class Simulate
{
    private const int RateDefault = 50, MinutesDefault = 15, SeedDefault = 1, PeriodMinutesDefault = 15;
    private const int GatewayDefault = 500;
    private const string KeyVariable = "LEDGER_KEY";
    private static readonly Instant StartDefault = Instant.FromUtc(2026, 6, 2, 8, 0);

    public static Verb Verb { get; } = new("simulate", "fleet",
        "writes what many connectors stream, with faults whose effect is known, and what is true of it; or sends it",
        "ledger simulate fleet --connectors 100 --rate 50 --minutes 15 --faults gaps,lostframes --out fleet",
        [
            new("--connectors", "N", $"how many connectors there are, 1 to {StreamPlan.ConnectorsMax}"),
            new("--rate", "HZ", $"samples a second and connector, {RateDefault} where it is not given"),
            new("--minutes", "M", $"for how long, {MinutesDefault} where it is not given"),
            new("--seed", "S", $"what decides all chance, {SeedDefault} where it is not given"),
            new("--start", "INSTANT", $"when it begins; where it is not given {StartDefault}, with --to so that nothing lies "
                + "in the future"),
            new("--faults", "LIST",
                $"all, or with commas between them: {string.Join(", ", StreamFaultNames.All)}; none where it is not given"),
            new("--jitter", "MS", "how late a sample may be taken, 0 where it is not given"),
            new("--unit", "W|mW", "of power; W where it is not given"),
            new("--gateway", "N",
                $"connectors that share a frame, {GatewayDefault} where it is not given; 1: each sends its own"),
            new("--period", "MINUTES", $"of settlement, {PeriodMinutesDefault} where it is not given"),
            new("--out", "DIR", "a new or empty folder"),
            new("--to", "URL", "in place of --out: streams to the ledger that takes frames there"),
            new("--speed", "N|max", "with --to: so many seconds in one, 1 where it is not given, or as fast as they are taken"),
            new("--register", "URL", "with --to: registers the settlement points there first, where the ledger is served"),
            new("--key-file", "FILE", "with --to: the access key that the ledger asks for, alone in a file; "
                + $"{KeyVariable} in the environment says the same"),
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words is not ["fleet"]) throw new UsageException("simulate needs what: fleet");
        var period = Number(line, "--period", 1, 60) ?? PeriodMinutesDefault;
        if (!SettlementCalendar.IsPeriodLength(period))
            throw new UsageException("--period is 5, 15, 30 or 60, as a settlement period has minutes");
        if (line.Option("--to") is null)
        {
            if (line.Option("--speed") is not null || line.Option("--register") is not null
                || line.Option("--key-file") is not null)
                throw new UsageException("--speed, --register and --key-file go with --to");
            return Write(PlanOf(line, StartDefault), period, line, shell, ct);
        }
        if (line.Option("--out") is not null) throw new UsageException("it is --out or --to");
        var speed = line.Option<int>("--speed", TrySpeed, $"max, or {Rule(1, SpeedMax)}") ?? 1;
        var to = line.Required<Target>("--to", TryUrl, UrlRule).Url;
        var register = line.Option<Target>("--register", TryUrl, UrlRule)?.Url;
        var minutes = Number(line, "--minutes", 1, StreamPlan.MinutesMax) ?? MinutesDefault;
        var plan = PlanOf(line, StartOf(shell.Clock.GetCurrentInstant(), minutes, speed));
        await new SimulatedSending(plan, period, shell).SendAsync(to, register, speed, KeyOf(line), line.Json, ct)
            .ConfigureAwait(false);
        return ExitCode.Done;
    }

    /// <summary>Never on the command line itself, where everybody on the machine reads it.</summary>
    private static string? KeyOf(CommandLine line)
    {
        var key = line.Option("--key-file") is { } path ? File.ReadAllText(path).Trim()
            : Environment.GetEnvironmentVariable(KeyVariable) is { Length: > 0 } variable ? variable.Trim() : null;
        return key is null || AccessKeyText.TryParse(key, out _) || key.Count('.') == 2 ? key // a key, or a token
            : throw new CouldNotException("that is no access key: it is like ledger_KEY_SECRET");
    }

    /// <summary>In real time it begins now; what is faster ends now.</summary>
    private static Instant StartOf(Instant now, int minutes, int speed)
    {
        var second = Instant.FromUnixTimeSeconds(now.ToUnixTimeSeconds());
        return speed == 1 ? second : second - Duration.FromMinutes(minutes);
    }

    private static int Write(StreamPlan plan, int period, CommandLine line, Shell shell, CancellationToken ct)
    {
        var folder = line.Required("--out");
        Directory.CreateDirectory(folder);
        if (Directory.EnumerateFileSystemEntries(folder).Any())
            throw new CouldNotException($"{folder} is not empty");
        var written = StreamFiles.Write(plan, period, folder, shell.Progress, ct);
        shell.EndProgress();
        new Page().Field("out", "written to", folder)
            .Field("gateways", "gateways", plan.Gateways)
            .Field("frames", "frames", written.Frames)
            .Field("frameBytes", "bytes of frames", written.FrameBytes)
            .Field("samples", "samples in periods", written.Samples)
            .Field("repeats", "repeated samples in periods", written.Repeats)
            .Field("lost", "lost frames", written.Lost)
            .Field("gaps", "gaps in periods", written.Gaps)
            .Write(shell.Output, line.Json);
        return ExitCode.Done;
    }

    private static StreamPlan PlanOf(CommandLine line, Instant start)
    {
        var rate = Number(line, "--rate", 1, 1000) ?? RateDefault;
        var plan = new StreamPlan(
            Number(line, "--seed", 0, int.MaxValue) ?? SeedDefault,
            line.Required<int>("--connectors", (string text, out int value) =>
                Within(text, 1, StreamPlan.ConnectorsMax, out value), Rule(1, StreamPlan.ConnectorsMax)),
            rate, Number(line, "--minutes", 1, StreamPlan.MinutesMax) ?? MinutesDefault,
            line.Instant("--start") ?? start)
        {
            Faults = line.Option<StreamFaults>("--faults", StreamFaultNames.TryParse,
                $"all, or some of {string.Join(",", StreamFaultNames.All)}") ?? StreamFaults.None,
            JitterMs = Number(line, "--jitter", 0, 999) ?? 0,
            PowerUnitMilliwatts = line.Option<int>("--unit", TryUnit, "W or mW") ?? 1000,
            // Rates that do not divide a thousand have steps of no whole milliseconds.
            TimeUnitMicroseconds = 1000 % rate == 0 ? 1000 : 1,
            ConnectorsPerGateway = Number(line, "--gateway", 1, StreamPlan.ConnectorsPerGatewayMax)
                ?? Math.Min(GatewayDefault, StreamPlan.SamplesPerFrameMax / (rate + 2)),
        };
        return plan.Problem() is { } problem ? throw new UsageException(problem) : plan;
    }

    private const int SpeedMax = 100_000;
    private const string UrlRule = "an address like http://127.0.0.1:8480";

    private readonly record struct Target(Uri Url);

    private static bool TryUrl(string text, out Target target)
    {
        var isUrl = Uri.TryCreate(text, UriKind.Absolute, out var url)
            && (url.Scheme == Uri.UriSchemeHttp || url.Scheme == Uri.UriSchemeHttps);
        target = new(url ?? new Uri("http://127.0.0.1"));
        return isUrl;
    }

    private static bool TrySpeed(string text, out int speed)
    {
        speed = SimulatedSending.AsFastAsTaken;
        return text == "max" || Within(text, 1, SpeedMax, out speed);
    }

    private static bool TryUnit(string text, out int milliwatts)
    {
        milliwatts = text == "mW" ? 1 : 1000;
        return text is "W" or "mW";
    }

    private static int? Number(CommandLine line, string option, int min, int max) => line.Option<int>(
        option, (string text, out int value) => Within(text, min, max, out value), Rule(min, max));

    private static string Rule(int min, int max) => $"a number from {min} to {max}";

    private static bool Within(string text, int min, int max, out int value) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value >= min && value <= max;
}
