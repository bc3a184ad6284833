using System.Collections.Concurrent;
using System.Data.Common;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Api.Jobs;

/// <summary>
/// Runs jobs, a few at a time and two of one party at most waiting or running beside others; a further one is refused
/// while as many wait as can. Of each party so many are kept, with results of so many bytes, each for thirty days: what
/// is beyond is forgotten, the oldest first. What a job does is what the same request would do at once: it holds
/// nothing that would have to be undone when it is cancelled or cut.
/// </summary>
internal sealed class JobRunner : IAsyncDisposable
{
    private const int AtOnce = 2, WaitingMax = 32, PerPartyMax = 4;
    /// <summary>A result that says no more than what was recorded is kept whatever the disk has.</summary>
    private const int ResultBytesFree = 4096;
    /// <summary>How often progress is written down.</summary>
    private static readonly TimeSpan ProgressEvery = TimeSpan.FromMilliseconds(250);
    private static readonly Duration KeptFor = Duration.FromDays(30);
    private static readonly TimeSpan ForgetEvery = TimeSpan.FromHours(1);

    private readonly IClock clock;
    private readonly UncountedEvidence disk;
    private readonly ServerOptions options;
    private readonly TextWriter errors;
    private readonly Action<Job, JobResult> done;
    private readonly SemaphoreSlim places = new(AtOnce);
    private readonly CancellationTokenSource stopping = new();
    private readonly Task forgetting;
    private readonly ConcurrentDictionary<string, (Job Job, CancellationTokenSource Cancel, Task Running)> underWay =
        new(StringComparer.Ordinal);
    private readonly Lock gate = new();

    /// <param name="done">Is told of each job that was done.</param>
    public JobRunner(
        JobStore store, OpenLedger ledger, ServerOptions options, TextWriter errors, Action<Job, JobResult> done)
    {
        (Store, this.options, this.errors, this.done) = (store, options, errors, done);
        (clock, disk) = (ledger.Clock, ledger.Recorder.Uncounted);
        store.CutWhatRan(clock.GetCurrentInstant());
        store.Forget(clock.GetCurrentInstant() - KeptFor);
        forgetting = ForgetAsync();
    }

    public JobStore Store { get; }

    /// <summary>Takes a job; null where as many are under way as can be.</summary>
    public Job? Start(JobKind kind, string asked, Principal by, JobWork work)
    {
        lock (gate)
        {
            if (underWay.Count >= WaitingMax
                || underWay.Values.Count(other => other.Job.Party == by.Party) >= PerPartyMax) return null;
            Store.Forget(clock.GetCurrentInstant() - KeptFor);
            Store.Forget(by.Party, options.JobsKeptPerPartyMax - 1, options.JobBytesKeptPerPartyMax);
            var job = new Job($"j{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8))}", kind.Name, asked, by.Actor,
                by.Role, by.Party, Job.StationsOf(by.Reach), clock.GetCurrentInstant(), null, null, Job.Waiting, null,
                null, false);
            Store.Add(job);
            // It waits for no time and no other source, so there is nothing of it to dispose of; and it may be
            // cancelled at the moment when its job ends.
            var cancel = new CancellationTokenSource();
            underWay[job.Name] = (job, cancel, Task.Run(() => RunAsync(job, work, cancel), CancellationToken.None));
            return job;
        }
    }

    /// <summary>Ends a job that is under way.</summary>
    public async Task CancelAsync(string name)
    {
        if (!underWay.TryGetValue(name, out var job)) return;
        await job.Cancel.CancelAsync().ConfigureAwait(false);
        await job.Running.ConfigureAwait(false);
    }

    private async Task RunAsync(Job job, JobWork work, CancellationTokenSource cancel)
    {
        try
        {
            await places.WaitAsync(cancel.Token).ConfigureAwait(false);
            try
            {
                Store.Started(job.Name, clock.GetCurrentInstant());
                var result = await work(Progress(job.Name), cancel.Token).ConfigureAwait(false);
                MakeRoom(job.Party, result.Content.Length);
                if (!Store.Ended(job.Name, Job.Done, result.Says, result, clock.GetCurrentInstant()))
                    throw new JobFailedException(JobStore.ErasedSince);
                done(job, result);
            }
            finally
            {
                places.Release();
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // What the server cuts by stopping is no wish of whoever asked.
            var (standing, why) = stopping.IsCancellationRequested
                ? (Job.Cut, "the server ended before it was done; ask for it again") : (Job.Cancelled, "it was cancelled");
            Store.Ended(job.Name, standing, why, null, clock.GetCurrentInstant());
        }
        catch (JobFailedException failed)
        {
            Store.Ended(job.Name, Job.Failed, failed.Message, null, clock.GetCurrentInstant());
        }
        catch (Exception failed)
        {
            await errors.WriteLineAsync($"job {job.Name} ({job.Kind}): {failed}").ConfigureAwait(false);
            Store.Ended(job.Name, Job.Failed, "this is a fault of the program or of storage; see the server's standard error",
                null, clock.GetCurrentInstant());
        }
        finally
        {
            lock (gate) underWay.TryRemove(job.Name, out _);
        }
    }

    /// <summary>Makes room for a result; throws where there is none.</summary>
    private void MakeRoom(PartyId party, int bytes)
    {
        if (bytes > options.JobBytesKeptPerPartyMax)
            throw new JobFailedException(string.Create(CultureInfo.InvariantCulture,
                $"its result has {bytes} bytes, and of a party {options.JobBytesKeptPerPartyMax} are kept"));
        if (bytes > ResultBytesFree && disk.IsDiskLow(bytes))
            throw new JobFailedException(string.Create(CultureInfo.InvariantCulture,
                $"its result has {bytes} bytes, for which the disk has too few free"));
        Store.Forget(party, options.JobsKeptPerPartyMax, options.JobBytesKeptPerPartyMax - bytes);
    }

    private async Task ForgetAsync()
    {
        using var timer = new PeriodicTimer(ForgetEvery);
        try
        {
            while (await timer.WaitForNextTickAsync(stopping.Token).ConfigureAwait(false))
                Store.Forget(clock.GetCurrentInstant() - KeptFor);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The server was asked to stop.
        }
        catch (DbException failed)
        {
            await errors.WriteLineAsync($"jobs are forgotten only when others are taken: {failed.Message}")
                .ConfigureAwait(false);
        }
    }

    private Action<string> Progress(string name)
    {
        var last = 0L;
        return doing =>
        {
            if (Stopwatch.GetElapsedTime(Interlocked.Read(ref last)) < ProgressEvery) return;
            Interlocked.Exchange(ref last, Stopwatch.GetTimestamp());
            Store.Progressed(name, doing);
        };
    }

    /// <summary>Cuts what is under way.</summary>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync().ConfigureAwait(false);
        var left = underWay.Values.ToList();
        foreach (var job in left) await job.Cancel.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(left.Select(job => job.Running).Append(forgetting)).ConfigureAwait(false);
        places.Dispose();
        stopping.Dispose();
        Store.Dispose();
    }
}
