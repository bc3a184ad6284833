using System.Globalization;
using System.Net;
using Ledger.Api;
using Ledger.Domain;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger serve</c>: owns the data folder and serves the ledger over HTTP on this machine until it is told to stop.
/// A storage error stops it with a loud line and an exit code that is not zero.
/// </summary>
public static class Serve
{
    public const int PortDefault = 8480;

    public static Verb Verb { get; } = new("serve", "",
        "serves the ledger over HTTP on this machine, until it is told to stop",
        "ledger serve --data ./demo-data --port 8480",
        [
            new("--port", "N", $"the port; {PortDefault.ToString(CultureInfo.InvariantCulture)} where it is not given, "
                + $"0 for any free one"),
            new("--listen", "ADDRESS", "a loopback address; 127.0.0.1 where it is not given"),
            DataFolder.LedgerOption,
        ],
        RunAsync);

    private static async Task<int> RunAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Words.Count > 0) throw new UsageException($"serve takes no '{line.Words[0]}'");
        var address = AddressOf(line);
        if (LedgerServer.WhyNot(address) is { } open) throw new UsageException(open);
        var port = PortOf(line, PortDefault);
        await using var ledger = DataFolder.Open(line, shell);
        await using var server = await StartAsync(ledger, new ServerOptions(address, port), shell, ct)
            .ConfigureAwait(false);
        shell.Output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"ledger {ledger.Journal.Ledger} at {server.Url} has {ledger.Journal.Length} facts, ")
            + $"digest {Convert.ToHexStringLower(ledger.Journal.Root)}");
        var ended = await Task.WhenAny(server.Ended, Task.Delay(Timeout.Infinite, ct)).ConfigureAwait(false);
        if (ended != server.Ended) return ExitCode.Done;
        var cause = await server.Ended.ConfigureAwait(false);
        shell.Errors.WriteLine(
            $"ledger serve: STOPPED by a storage error: {cause?.Message}; look at the disk, then start again");
        return ExitCode.CouldNot;
    }

    /// <summary>The address that <c>--listen</c> names, or this machine's own.</summary>
    internal static IPAddress AddressOf(CommandLine line) =>
        line.Option<Address>("--listen", TryAddress, "an address like 127.0.0.1")?.Value ?? IPAddress.Loopback;

    internal static int PortOf(CommandLine line, int otherwise) =>
        line.Option<int>("--port", TryPort, "a number from 0 to 65535") ?? otherwise;

    private static async Task<LedgerServer> StartAsync(OpenLedger ledger, ServerOptions options, Shell shell,
        CancellationToken ct)
    {
        try
        {
            return await LedgerServer.StartAsync(ledger, options, TextWriter.Synchronized(shell.Errors), ct)
                .ConfigureAwait(false);
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
