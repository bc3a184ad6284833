using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Ledger.Api;
using Ledger.Api.Access;
using Ledger.Cli.Listings;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Journal;
using Ledger.Projections;
using NodaTime;

namespace Ledger.Cli;

/// <summary>
/// <c>ledger check</c>: whether <c>ledger serve</c> would start with the same options, settings and environment, and
/// what stands in its way. Nothing is recorded and nothing is listened on for longer than it takes to see that it could
/// be.
/// </summary>
public static class Check
{
    private static readonly Duration CertificateEndsSoon = Duration.FromDays(14);

    public static Verb Verb { get; } = new("check", "",
        "says whether serve would start with these options, settings and environment, and what stands in its way",
        "ledger check --data ./my-ledger --settings serve.json", Serve.Options, RunAsync);

    /// <summary>One thing that was looked at.</summary>
    private sealed record Finding(string What, bool IsGood, string Says);

    private static async Task<int> RunAsync(CommandLine given, Shell shell, CancellationToken ct)
    {
        if (given.Words.Count > 0) throw new UsageException($"check takes no '{given.Words[0]}'");
        var line = ServeSettings.Applied(given, Verb, shell.Environment);
        var findings = new List<Finding>();
        var address = Serve.AddressOf(line);
        AccessOptions? access = null;
        await LookAsync(findings, line, "data folder", () => FolderAsync(line, shell, ct)).ConfigureAwait(false);
        await LookAsync(findings, line, "access", async () =>
        {
            var hasKeys = await HasKeysAsync(line, shell, ct).ConfigureAwait(false);
            access = ServeAccess.Of(line, hasKeys, address);
            return (access.WhyNot(address) is null, access.WhyNot(address)
                ?? (access.IsRequired ? "everybody needs a key" : $"whoever reaches {address} is the operator"));
        }).ConfigureAwait(false);
        await LookAsync(findings, line, "refused evidence",
            () => Task.FromResult(ServeLimits.Look(ServeLimits.Of(line), line.Data))).ConfigureAwait(false);
        if (access?.Tls is { } tls)
            await LookAsync(findings, line, "certificate", () => Task.FromResult(Certificate(tls, shell.Clock)))
                .ConfigureAwait(false);
        if (line.Option("--webhook-networks") is not null)
            await LookAsync(findings, line, "webhooks", () => Task.FromResult((true,
                "may also be sent to " + string.Join(", ", ServeAccess.WebhookNetworks(line))))).ConfigureAwait(false);
        if (Serve.StreamPortOf(line) is not null && line.Option("--give-up-after") is not null)
            await LookAsync(findings, line, "give up after", () => Task.FromResult((true,
                $"samples are given up after {Serve.GivesUpAfterOf(line)}"))).ConfigureAwait(false);
        await PortsAsync(findings, line, address).ConfigureAwait(false);
        new Page().Table("checks", "what serve needs", Listing.Of(findings,
            new("what", "what", row => row.What), new("good", "good", row => row.IsGood),
            new("says", "says", row => row.Says))).Write(shell.Output, line.Json);
        return findings.All(finding => finding.IsGood) ? ExitCode.Done : ExitCode.NotAsItShouldBe;
    }

    /// <summary>What cannot be looked at is not good, and the others are looked at all the same.</summary>
    private static async Task LookAsync(
        List<Finding> findings, CommandLine line, string what, Func<Task<(bool IsGood, string Says)>> look)
    {
        try
        {
            var (isGood, says) = await look().ConfigureAwait(false);
            findings.Add(new(what, isGood, says));
        }
        catch (UsageException wrong)
        {
            findings.Add(new(what, false, wrong.Message));
        }
        catch (Exception wrong) when (wrong is not OperationCanceledException
            && Failure.Explain(wrong, line.Data) is { } explained)
        {
            findings.Add(new(what, false, explained));
        }
    }

    private static async Task<(bool, string)> FolderAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (line.Option("--ledger") is { } created && !File.Exists(Path.Combine(line.Data, LedgerIdentity.FileName)))
            return (LedgerId.TryParse(created, out _), $"a new ledger {created} is made there");
        try
        {
            await using var ledger = DataFolder.Open(line, shell);
            await ledger.CatchUpAsync(ct).ConfigureAwait(false);
            // The log alone: the streams would go on where they were, and record.
            var frames = Path.Combine(line.Data, FrameLogOptions.FolderName);
            if (Directory.Exists(frames)) FrameLog.Open(new(frames)).Dispose();
            return (true, string.Create(CultureInfo.InvariantCulture,
                $"ledger {ledger.Journal.Ledger}, {ledger.Journal.Length} facts, views at the journal"));
        }
        catch (FolderOwnedException owned)
        {
            return (false, owned.Message);
        }
    }

    private static async Task<bool> HasKeysAsync(CommandLine line, Shell shell, CancellationToken ct)
    {
        if (!File.Exists(Path.Combine(line.Data, LedgerIdentity.FileName))) return false;
        await using var ledger = await LedgerReader.OpenAsync(line, shell, ct).ConfigureAwait(false);
        await foreach (var _ in ledger.Journal.ReadStreamAsync(Streams.AccessKeys, 0, ct).ConfigureAwait(false))
            return true;
        return false;
    }

    private static (bool, string) Certificate(TlsOptions tls, IClock clock)
    {
        var ends = Instant.FromDateTimeUtc(tls.Server.NotAfter.ToUniversalTime());
        var begins = Instant.FromDateTimeUtc(tls.Server.NotBefore.ToUniversalTime());
        var now = clock.GetCurrentInstant();
        return !tls.Server.HasPrivateKey ? (false, "its private key is not with it")
            : now < begins || now >= ends ? (false, $"{tls.Server.Subject} holds from {begins} to {ends}")
            : (ends - now > CertificateEndsSoon, $"{tls.Server.Subject} holds until {ends}");
    }

    /// <summary>The ports that are listened on, all at once: no two of them are one.</summary>
    private static async Task PortsAsync(List<Finding> findings, CommandLine line, IPAddress address)
    {
        var held = new List<TcpListener>();
        try
        {
            foreach (var (what, port) in new[] { ("port", Serve.PortOf(line, Serve.PortDefault)),
                ("stream port", Serve.StreamPortOf(line) ?? 0) })
                if (port > 0)
                    await LookAsync(findings, line, what, () => Task.FromResult(Port(new(address, port), held)))
                        .ConfigureAwait(false);
        }
        finally
        {
            foreach (var listener in held) listener.Dispose();
        }
    }

    private static (bool, string) Port(IPEndPoint at, List<TcpListener> held)
    {
        held.Add(new(at));
        try
        {
            held[^1].Start();
            return (true, string.Create(CultureInfo.InvariantCulture, $"{at.Address} port {at.Port} is free"));
        }
        catch (SocketException taken)
        {
            return (false, string.Create(CultureInfo.InvariantCulture, $"{at.Address} port {at.Port}: {taken.Message}"));
        }
    }
}
