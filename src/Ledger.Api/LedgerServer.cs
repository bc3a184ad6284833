using System.Net;
using System.Security.Authentication;
using Ledger.Api.Access;
using Ledger.Api.Jobs;
using Ledger.Api.Pages;
using Ledger.Api.Resources;
using Ledger.Api.Tables;
using Ledger.Api.Webhooks;
using Ledger.Domain;
using Ledger.Ingest.Streaming;
using Ledger.Journal;
using Ledger.Projections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using NodaTime;
using JournalState = Ledger.Api.Resources.JournalState;

namespace Ledger.Api;

/// <summary>Where and with which bounds a ledger is served.</summary>
/// <param name="Address">A loopback address, or any where <see cref="Access"/> asks for keys and has TLS.</param>
/// <param name="Port">0: any free port.</param>
public sealed record ServerOptions(IPAddress Address, int Port)
{
    /// <summary>Requests with one fact that may be under way; one more is answered 429.</summary>
    public int FactRequestsMax { get; init; } = 256;
    /// <summary>Files that may be under way, each up to 64 MiB in memory; one more is answered 429. So many requests
    /// with frames may be beside them, each up to 16 MiB: a file may wait for the views, and frames do not.</summary>
    public int FileRequestsMax { get; init; } = 4;
    /// <summary>Reads that may be under way; one more is answered 429.</summary>
    public int ReadRequestsMax { get; init; } = 64;
    /// <summary>Callers that may follow live; one more is answered 429.</summary>
    public int LiveRequestsMax { get; init; } = 64;
    /// <summary>Requests that may be under way for which a whole run is calculated; one more is answered 429.</summary>
    public int HeavyRequestsMax { get; init; } = 8;
    /// <summary>The largest file that is taken, in bytes.</summary>
    public int FileBytesMax { get; init; } = Limits.ImportBytesMax;
    /// <summary>How long a body may take, beside a second for each 64 KiB of it.</summary>
    public Duration BodyPatience { get; init; } = Duration.FromSeconds(30);
    /// <summary>Days of interval records that are kept ready to be sent, in bytes.</summary>
    public long RecordBytesKept { get; init; } = 256 * 1024 * 1024;
    /// <summary>Who may do what here.</summary>
    public AccessOptions Access { get; init; } = AccessOptions.Open;
    /// <summary>How subscribers are told of what happens.</summary>
    public WebhookOptions Webhooks { get; init; } = new();
    /// <summary>Kinds of long work beside those of the interface itself.</summary>
    public IReadOnlyList<JobKind> Jobs { get; init; } = [];
    /// <summary>Jobs of a party that are kept, and bytes of their results: beyond these the oldest that are over are
    /// forgotten.</summary>
    public int JobsKeptPerPartyMax { get; init; } = 100;
    public long JobBytesKeptPerPartyMax { get; init; } = 256 * 1024 * 1024;
    /// <summary>Reads and facts of one holder in a second, in the mean; the next one is answered 429.</summary>
    public int ReadsPerSecondMax { get; init; } = 500;
    public int FactsPerSecondMax { get; init; } = 2000;
    /// <summary>Requests in a second, in the mean, from one address, that bring nobody's key; the next one is answered
    /// 429.</summary>
    public int StrangersPerSecondMax { get; init; } = 500;
    /// <summary>False where it is only to be described, and answers nobody.</summary>
    internal bool Listens { get; init; } = true;
}

/// <summary>
/// An open ledger on HTTP: its resources, its one page and its health, with the views following in the background.
/// Nothing comes from the environment or a settings file, so what listens is what the caller said.
/// </summary>
public sealed class LedgerServer : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly ReadLog reads;
    private readonly CancellationTokenSource stopping = new();
    private readonly TaskCompletionSource<Exception?> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Health health;
    private readonly WebhookService webhooks;
    private readonly JobRunner jobs;
    private Task following = Task.CompletedTask, noting = Task.CompletedTask, telling = Task.CompletedTask;

    private readonly OpenLedger ledger;
    private readonly TextWriter errors;
    private readonly Strangers strangers;

    private LedgerServer(WebApplication app, OpenLedger ledger, ReadLog reads, WebhookService webhooks, JobRunner jobs,
        TextWriter errors, ServerOptions options)
    {
        (this.app, this.ledger, this.errors, this.reads) = (app, ledger, errors, reads);
        strangers = new(options.StrangersPerSecondMax);
        (this.webhooks, this.jobs, health) = (webhooks, jobs, new(ledger));
    }

    /// <summary>Says what a person must know of, and goes on.</summary>
    private void Alarm(string what) => errors.WriteLine($"ALARM {what}");

    /// <summary>Where it answers.</summary>
    public Uri Url { get; private set; } = new("http://127.0.0.1");

    /// <summary>Completes when the journal or the frame log can record no more, with the storage error: the process
    /// must end.</summary>
    public Task<Exception?> Ended => ended.Task;

    /// <summary>Looks once for what subscribers are to be told, and sends what is due: what the server does by itself
    /// twice a second.</summary>
    public Task TellAsync(CancellationToken ct) => webhooks.StepAsync(ct);

    /// <summary>Why an address cannot be listened on; null where it can.</summary>
    public static string? WhyNot(IPAddress address, AccessOptions? access = null) =>
        (access ?? AccessOptions.Open).WhyNot(address);

    /// <param name="streams">The ledger's intake of streams, where this process has it open: it belongs to what is
    /// ready, and its end is the server's.</param>
    public static async Task<LedgerServer> StartAsync(OpenLedger ledger, ServerOptions options, TextWriter errors,
        CancellationToken ct, StreamEngine? streams = null)
    {
        if (WhyNot(options.Address, options.Access) is { } open) throw new ArgumentException(open, nameof(options));
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "ledger" });
        if (options.Listens)
            builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration()
                .ConfigureKestrel(kestrel => Bound(kestrel, options));
        else builder.Services.AddSingleton<IServer, DescribedServer>();
        var credentials = new Credentials(ledger, options.Access);
        builder.Services.AddSingleton(ledger).AddSingleton(options).AddSingleton(_ => credentials)
            .AddSingleton<TablePlaces>()
            .AddSingleton<IHostLifetime, CallersLifetime>().AddRoutingCore().AddBoundedRequests(options)
            .AddLedgerOpenApi();
        var app = builder.Build();
        var reads = new ReadLog(ledger);
        var webhooks = new WebhookService(
            ledger, credentials, reads, options.Webhooks, streams, options.Access.KeepsDataHere);
        var jobs = new JobRunner(
            new JobStore(ledger.PathOf(JobStore.FileName)), ledger, options, credentials.Keys, errors,
            webhooks.JobDone);
        var server = new LedgerServer(app, ledger, reads, webhooks, jobs, errors, options);
        ledger.Recorder.Uncounted.Alarmed += server.Alarm;
        app.Use(Protection.Headers).Use((context, next) => Protection.OwnOriginOnly(context, next, options.Access))
            .Use((context, next) => Failures.Answer(context, next, errors, server.Fault));
        var admission = new Admission(credentials, server.strangers, server.reads, options.Access.KeepsDataHere);
        app.Use(HeadRequests.AnswerAsync).UseRouting().Use(admission.AdmitAsync)
            .UseRateLimiter().Use(new IdempotentRequests().AnswerAsync).Use(KnownNames.RequireAsync);
        Map(app, ledger, server.health, streams, options);
        MapOrders(app, ledger, server, options);
        await app.StartAsync(ct).ConfigureAwait(false);
        var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
        server.Url = new Uri(addresses.First());
        // Whoever may read the folder may do what its operator may, beside this process too.
        if (options.Access.IsRequired) ledger.PublishToken(credentials.FolderToken);
        ledger.PublishUrl(new Uri(addresses.Last()));
        server.following = server.FollowAsync();
        server.noting = server.NoteReadsAsync();
        server.telling = webhooks.RunAsync(errors, server.stopping.Token);
        _ = streams?.Faulted.ContinueWith(ended => server.Fault(ended.Exception!.GetBaseException()),
            CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        return server;
    }

    /// <summary>The OpenAPI document of all that a ledger with such jobs can be asked, made of its resources.</summary>
    public static async Task<byte[]> DescribeAsync(
        OpenLedger ledger, StreamEngine streams, IReadOnlyList<JobKind> jobs, CancellationToken ct)
    {
        var server = await StartAsync(ledger, new(IPAddress.Loopback, 0) { Jobs = jobs, Listens = false },
            TextWriter.Null, ct, streams).ConfigureAwait(false);
        await using var described = server.ConfigureAwait(false);
        return await OpenApiDocument.MakeAsync(server.app.Services, ct).ConfigureAwait(false);
    }

    private static void Map(
        WebApplication app, OpenLedger ledger, Health health, StreamEngine? streams, ServerOptions options)
    {
        Facts.Map(app, ledger);
        AccessReads.Map(app, ledger);
        Files.Map(app, ledger);
        if (streams is not null) StreamFrames.Map(app, ledger, streams);
        ExplanationReads.Map(app, ledger);
        Exports.Map(app, ledger);
        ReadingReads.Map(app, ledger);
        RecordReads.Map(app, ledger, options.RecordBytesKept);
        ComplianceVerdicts.Map(app, ledger);
        LimitReads.Map(app, ledger);
        FlexibilityReads.Map(app, ledger);
        DeliveryReads.Map(app, ledger);
        ResponseReads.Map(app, ledger);
        InstructionEvents.Map(app, ledger);
        CurveReads.Map(app, ledger);
        OperationReads.Map(app, ledger);
        StationReports.Map(app, ledger);
        MasterDataReads.Map(app, ledger);
        TermReads.Map(app, ledger);
        ProgrammeReads.Map(app, ledger);
        RefusedEvidence.Map(app, ledger);
        OpenAdr.Map(app, ledger);
        GreenButton.Map(app, ledger);
        FlexSettlements.Map(app, ledger);
        OcpiCdrs.Map(app, ledger);
        JournalState.Map(app, ledger);
        LogFiles.Map(app, ledger);
        InclusionProofs.Map(app, ledger);
        health.Map(app, streams, saysMore: !options.Access.IsRequired);
        DayPage.Map(app, ledger);
        InterfacePage.Map(app);
        app.MapLedgerOpenApi();
    }

    /// <summary>What is asked of the server itself, and not of the journal.</summary>
    private static void MapOrders(WebApplication app, OpenLedger ledger, LedgerServer server, ServerOptions options)
    {
        SettlementRuns.Map(app, ledger, server.jobs);
        StatementReads.Map(app, ledger);
        SettlementPreviews.Map(app, ledger);
        WebhookResources.Map(app, ledger, server.webhooks, options.Webhooks);
        JobResources.Map(app, ledger, server.jobs, [SettlementJob.Kind, .. options.Jobs]);
    }

    internal static void Bound(KestrelServerOptions kestrel, ServerOptions options)
    {
        kestrel.Listen(options.Address, options.Port, listen => Secured(listen, options.Access.Tls));
        // For commands beside this process, which come with the data folder's own token and know no certificate.
        if (options.Access.Tls is not null) kestrel.Listen(IPAddress.Loopback, 0);
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = options.FileBytesMax;
        kestrel.Limits.MaxRequestHeadersTotalSize = 16 * 1024; // bytes; ours need a few hundred
        kestrel.Limits.MaxConcurrentConnections = 1024;
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(120);
    }

    internal static void Secured(ListenOptions listen, TlsOptions? tls)
    {
        if (tls is null) return;
        listen.UseHttps(https =>
        {
            https.ServerCertificate = tls.Server;
            https.SslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13;
            if (tls.StationAuthority is not { } authority) return;
            https.ClientCertificateMode = ClientCertificateMode.AllowCertificate;
            https.ClientCertificateValidation = (certificate, _, _) =>
                StationCertificates.IsSignedBy(authority, certificate);
        });
    }

    /// <summary>Records who has read what, every few seconds.</summary>
    private async Task NoteReadsAsync()
    {
        try
        {
            using var timer = new PeriodicTimer(ReadLog.Every.ToTimeSpan());
            while (await timer.WaitForNextTickAsync(stopping.Token).ConfigureAwait(false))
                await reads.RecordAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The server was asked to stop.
        }
        catch (JournalFaultedException failed)
        {
            Fault(failed);
        }
    }

    private async Task RecordLastReadsAsync()
    {
        try
        {
            await reads.RecordAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (JournalFaultedException failed)
        {
            await errors.WriteLineAsync($"who has read what since the last record is lost: {failed.Message}")
                .ConfigureAwait(false);
        }
    }

    private async Task FollowAsync()
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
            // Said first: whoever sees that the server is not ready finds why.
            await errors
                .WriteLineAsync($"ALARM the views {stopped.Message}; facts are still recorded, reads are refused")
                .ConfigureAwait(false);
            health.Stopped(stopped.Message);
            webhooks.ProjectionStopped(stopped);
        }
        catch (RowVersionException later)
        {
            await errors.WriteLineAsync($"ALARM {later.Message}; facts are still recorded, reads are refused")
                .ConfigureAwait(false);
            health.Stopped(later.Message);
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
        await jobs.DisposeAsync().ConfigureAwait(false);
        await stopping.CancelAsync().ConfigureAwait(false);
        await telling.ConfigureAwait(false);
        await following.ConfigureAwait(false);
        await noting.ConfigureAwait(false);
        // What a webhook was told while the server was asked to stop is read too.
        await RecordLastReadsAsync().ConfigureAwait(false);
        await app.DisposeAsync().ConfigureAwait(false);
        ledger.Recorder.Uncounted.Alarmed -= Alarm;
        webhooks.Dispose();
        strangers.Dispose();
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
