using System.Net;
using Ledger.Api.Pages;
using Ledger.Api.Resources;
using Ledger.Domain;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using Ledger.Projections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using JournalState = Ledger.Api.Resources.JournalState;

namespace Ledger.Api;

/// <summary>Where and with which bounds a ledger is served.</summary>
/// <param name="Address">A loopback address: access from elsewhere is not part of this version.</param>
/// <param name="Port">0: any free port.</param>
public sealed record ServerOptions(IPAddress Address, int Port)
{
    /// <summary>Requests with one fact that may be under way; one more is answered 429.</summary>
    public int FactRequestsMax { get; init; } = 256;
    /// <summary>Files that may be under way, each up to 64 MiB in memory; one more is answered 429.</summary>
    public int FileRequestsMax { get; init; } = 4;
    /// <summary>Reads that may be under way; one more is answered 429.</summary>
    public int ReadRequestsMax { get; init; } = 64;
    /// <summary>The largest file that is taken, in bytes.</summary>
    public int FileBytesMax { get; init; } = Limits.ImportBytesMax;
}

/// <summary>
/// An open ledger on HTTP: its resources, its one page and its health, with the views following in the background.
/// Nothing comes from the environment or a settings file, so what listens is what the caller said.
/// </summary>
public sealed class LedgerServer : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly CancellationTokenSource stopping = new();
    private readonly TaskCompletionSource<Exception?> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Health health;
    private Task following = Task.CompletedTask;

    private LedgerServer(WebApplication app, Health health) => (this.app, this.health) = (app, health);

    /// <summary>Where it answers.</summary>
    public Uri Url { get; private set; } = new("http://127.0.0.1");

    /// <summary>Completes when the journal or the frame log can record no more, with the storage error: the process
    /// must end.</summary>
    public Task<Exception?> Ended => ended.Task;

    /// <summary>Why an address cannot be listened on; null where it can.</summary>
    public static string? WhyNot(IPAddress address) => IPAddress.IsLoopback(address)
        ? null
        : $"{address} can be reached from other machines, and this version has no access control: it listens on "
            + $"127.0.0.1 or ::1 only";

    /// <param name="streams">The ledger's intake of streams, where this process has it open: it belongs to what is
    /// ready, and its end is the server's.</param>
    public static async Task<LedgerServer> StartAsync(OpenLedger ledger, ServerOptions options, TextWriter errors,
        CancellationToken ct, StreamEngine? streams = null)
    {
        if (WhyNot(options.Address) is { } open) throw new ArgumentException(open, nameof(options));
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "ledger" });
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Bound(kestrel, options));
        builder.Services.AddSingleton<IHostLifetime, CallersLifetime>().AddRoutingCore().AddBoundedRequests(options)
            .AddLedgerOpenApi();
        var app = builder.Build();
        var server = new LedgerServer(app, new Health(ledger));
        app.Use(Protection.Headers).Use(Protection.OwnOriginOnly)
            .Use((context, next) => Failures.Answer(context, next, errors, server.Fault));
        app.UseRouting().UseRateLimiter();
        Map(app, ledger, server.health, streams);
        await app.StartAsync(ct).ConfigureAwait(false);
        server.Url = new Uri(app.Services.GetRequiredService<IServer>().Features
            .Get<IServerAddressesFeature>()!.Addresses.First());
        ledger.PublishUrl(server.Url);
        server.following = server.FollowAsync(ledger, errors);
        _ = streams?.Faulted.ContinueWith(ended => server.Fault(ended.Exception!.GetBaseException()),
            CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        return server;
    }

    private static void Map(WebApplication app, OpenLedger ledger, Health health, StreamEngine? streams)
    {
        Facts.Map(app, ledger);
        Files.Map(app, ledger);
        if (streams is not null) StreamFrames.Map(app, streams);
        SettlementRuns.Map(app, ledger);
        ExplanationReads.Map(app, ledger);
        Exports.Map(app, ledger);
        ComplianceVerdicts.Map(app, ledger);
        LimitReads.Map(app, ledger);
        FlexibilityReads.Map(app, ledger);
        DeliveryReads.Map(app, ledger);
        MasterDataReads.Map(app, ledger);
        ProgrammeReads.Map(app, ledger);
        RefusedEvidence.Map(app, ledger);
        JournalState.Map(app, ledger);
        LogFiles.Map(app, ledger);
        health.Map(app, streams);
        DayPage.Map(app, ledger);
        app.MapOpenApi("/openapi/{documentName}.json");
    }

    internal static void Bound(KestrelServerOptions kestrel, ServerOptions options)
    {
        kestrel.Listen(options.Address, options.Port);
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = options.FileBytesMax;
        kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024; // bytes; ours need a few hundred
        kestrel.Limits.MaxConcurrentConnections = 1024;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(120);
    }

    private async Task FollowAsync(OpenLedger ledger, TextWriter errors)
    {
        try
        {
            await ledger.FollowAsync(stopping.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The server was asked to stop.
        }
        catch (ProjectionStoppedException stopped)
        {
            health.Stopped(stopped.Message);
            await errors
                .WriteLineAsync($"ALARM the views {stopped.Message}; facts are still recorded, reads are refused")
                .ConfigureAwait(false);
        }
        catch (Exception failed)
        {
            health.Stopped(failed.Message);
            Fault(failed);
        }
    }

    /// <summary>The journal, the views or the streams met a storage error: nothing more can be promised by this
    /// process.</summary>
    private void Fault(Exception cause) => ended.TrySetResult(cause);

    /// <summary>Takes no new request, answers those under way, and ends.</summary>
    public async ValueTask DisposeAsync()
    {
        using (var patience = new CancellationTokenSource(TimeSpan.FromSeconds(10)))
            await app.StopAsync(patience.Token).ConfigureAwait(false);
        await stopping.CancelAsync().ConfigureAwait(false);
        await following.ConfigureAwait(false);
        await app.DisposeAsync().ConfigureAwait(false);
        health.Dispose();
        stopping.Dispose();
        ended.TrySetResult(null);
    }

    /// <summary>Signals are for the caller, which closes the ledger after the server.</summary>
    internal sealed class CallersLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;
        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
