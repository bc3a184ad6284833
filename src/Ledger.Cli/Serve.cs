using System.Globalization;
using System.Net;
using Ledger.Api;
using Ledger.Api.Streaming;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using NodaTime;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger serve</c>: owns the data folder and serves the ledger over HTTP until it is told to stop.
/// A storage error stops it with a loud line and an exit code that is not zero.
/// </summary>
public static class Serve
{
    public const int PortDefault = 8480;

    /// <summary>What it can be started with, also by a file of settings and by the environment.</summary>
    internal static IReadOnlyList<Option> Options { get; } =
    [
        new("--port", "N", $"the port; {PortDefault.ToString(CultureInfo.InvariantCulture)} where it is not given, "
            + $"0 for any free one"),
        new("--stream-port", "N", "takes frames over gRPC at this port too, 0 for any free one"),
        new("--give-up-after", "SECONDS", "gives up raw samples of a sender whose frames have all waited for so long, "
            + "on record; nothing is given up where it is not given"),
        new("--listen", "ADDRESS", "127.0.0.1 where it is not given; one that other machines reach needs keys and TLS"),
        .. ServeAccess.Options,
        .. ServeLimits.Options,
        DataFolder.LedgerOption,
        ServeSettings.Option,
    ];

    public static Verb Verb { get; } = new("serve", "",
        "serves the ledger over HTTP, until it is told to stop",
        "ledger serve --data ./demo-data --port 8480",
        Options,
        RunAsync);

    private static async Task<int> RunAsync(CommandLine given, Shell shell, CancellationToken ct)
    {
        if (given.Words.Count > 0) throw new UsageException($"serve takes no '{given.Words[0]}'");
        var line = ServeSettings.Applied(given, Verb, shell.Environment);
        var address = AddressOf(line);
        if (line.Option("--tls-certificate") is null && LedgerServer.WhyNot(address) is { } bare)
            throw new UsageException(bare);
        var port = PortOf(line, PortDefault);
        var streamPort = StreamPortOf(line);
        await using var ledger = DataFolder.Open(DataFolder.OptionsOf(line, shell) with
        {
            EvidenceLimits = ServeLimits.Of(line),
        }, shell);
        var access = await ServeAccess.OfAsync(line, ledger, address, ct).ConfigureAwait(false);
        if (LedgerServer.WhyNot(address, access) is { } open) throw new UsageException(open);
        await using var streams = OpenStreams(ledger);
        await using var senders = streamPort is { } at
            ? await StartAsync(() => StreamServer.StartAsync(streams,
                new(address, at) { GivesUpAfter = GivesUpAfterOf(line) }, ct, ledger, access))
                .ConfigureAwait(false)
            : null;
        await using var server = await StartAsync(() => LedgerServer.StartAsync(ledger,
            new(address, port)
            {
                Access = access,
                Webhooks = new() { AllowedNetworks = ServeAccess.WebhookNetworks(line) },
                Jobs = ServeJobs.Kinds(line, shell),
            }, TextWriter.Synchronized(shell.Errors), ct, streams))
            .ConfigureAwait(false);
        shell.Output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"ledger {ledger.Journal.Ledger} at {server.Url} has {ledger.Journal.Length} facts, ")
            + $"digest {Convert.ToHexStringLower(ledger.Journal.Root)}");
        if (access.IsRequired) await ServeAccess.ShowFirstKeyAsync(ledger, shell, ct).ConfigureAwait(false);
        if (senders is not null) shell.Output.WriteLine($"frames are taken at {senders.Url}");
        var ended = await Task.WhenAny(server.Ended, Task.Delay(Timeout.Infinite, ct)).ConfigureAwait(false);
        if (ended != server.Ended) return ExitCode.Done;
        var cause = await server.Ended.ConfigureAwait(false);
        shell.Errors.WriteLine(
            $"ledger serve: STOPPED by a storage error: {cause?.Message}; look at the disk, then start again");
        return ExitCode.CouldNot;
    }

    /// <summary>After how long samples are given up; null: never.</summary>
    internal static Duration? GivesUpAfterOf(CommandLine line) =>
        line.Option<int>("--give-up-after", TrySeconds, "whole seconds, 0 to 60") is { } seconds
            ? Duration.FromSeconds(seconds) : null;

    private static bool TrySeconds(string text, out int seconds) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out seconds)
        && seconds <= 60; // well within StreamServerOptions.IdleMax

    /// <summary>The address that <c>--listen</c> names, or this machine's own.</summary>
    internal static IPAddress AddressOf(CommandLine line) =>
        line.Option<Address>("--listen", TryAddress, "an address like 127.0.0.1")?.Value ?? IPAddress.Loopback;

    internal static int PortOf(CommandLine line, int otherwise) =>
        PortOf(line, "--port") ?? otherwise;

    /// <summary>The port for frames; null where none are taken.</summary>
    internal static int? StreamPortOf(CommandLine line) => PortOf(line, "--stream-port");

    private static int? PortOf(CommandLine line, string option) =>
        line.Option<int>(option, TryPort, "a number from 0 to 65535");

    /// <summary>What was acknowledged is integrated whether or not anybody sends more.</summary>
    private static StreamEngine OpenStreams(OpenLedger ledger)
    {
        try
        {
            return ledger.OpenStreams();
        }
        catch (FrameLogDamagedException damaged)
        {
            throw new CouldNotException($"{damaged.Message}; restore the data folder from a copy");
        }
    }

    private static async Task<T> StartAsync<T>(Func<Task<T>> start)
    {
        try
        {
            return await start().ConfigureAwait(false);
        }
        catch (IOException taken)
        {
            throw new CouldNotException(taken.Message);
        }
    }

    private readonly record struct Address(IPAddress Value);

    private static bool TryAddress(string text, out Address address)
    {
        var known = IPAddress.TryParse(text, out var parsed);
        address = new(parsed ?? IPAddress.None);
        return known;
    }

    private static bool TryPort(string text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port <= IPEndPoint.MaxPort;
}
