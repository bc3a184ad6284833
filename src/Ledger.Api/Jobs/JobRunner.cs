using System.Collections.Concurrent;
using System.Data.Common;
using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using Ledger.Api.Access;
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
    /// <summary>How often it is tried to write down how a job ended.</summary>
    private static readonly TimeSpan EndEvery = TimeSpan.FromSeconds(1);
    /// <summary>How long whoever cancels waits for the end.</summary>
    private static readonly TimeSpan CancelPatience = TimeSpan.FromSeconds(5);
    private static readonly Duration KeptFor = Duration.FromDays(30);
    private static readonly TimeSpan ForgetEvery = TimeSpan.FromHours(1);

    private readonly IClock clock;
    private readonly UncountedEvidence disk;
    private readonly ServerOptions options;
    private readonly KeyRing keys;
    private readonly TextWriter errors;
    private readonly Action<Job, JobResult> done;
    private readonly SemaphoreSlim places = new(AtOnce);
    private readonly CancellationTokenSource stopping = new();
    private readonly Task forgetting;
    private readonly ConcurrentDictionary<string, (Job Job, CancellationTokenSource Cancel, Task Running)> underWay =
        new(StringComparer.Ordinal);
    private readonly Lock gate = new();

    /// <param name="done">Is told of the result of each job, before it is kept: that it cannot be, or that the process
    /// ends, is no reason not to tell.</param>
    public JobRunner(JobStore store, OpenLedger ledger, ServerOptions options, KeyRing keys, TextWriter errors,
        Action<Job, JobResult> done)
    {
        (Store, this.options, this.keys, this.errors, this.done) = (store, options, keys, errors, done);
        (clock, disk) = (ledger.Clock, ledger.Recorder.Uncounted);
        store.CutWhatRan(clock.GetCurrentInstant());
        store.Forget(clock.GetCurrentInstant() - KeptFor);
        forgetting = ForgetAsync();
    }

    public JobStore Store { get; }

    /// <summary>Takes a job; null where as many are under way as can be.</summary>
    public async Task<Job?> StartAsync(
        JobKind kind, string asked, Principal by, JobWork work, CancellationToken ct)
    {
        var right = await JobRight.OfAsync(keys, by, ct).ConfigureAwait(false);
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
            underWay[job.Name] = (job, cancel,
                Task.Run(() => RunAsync(job, work, right, cancel), CancellationToken.None));
            return job;
        }
    }

    /// <summary>Ends a job that is under way; false where it cannot be written down yet that it ended.</summary>
    public async Task<bool> CancelAsync(string name)
    {
        if (!underWay.TryGetValue(name, out var job)) return true;
        await job.Cancel.CancelAsync().ConfigureAwait(false);
        await job.Running.WaitAsync(CancelPatience).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return job.Running.IsCompleted;
    }

    private async Task RunAsync(Job job, JobWork work, JobRight right, CancellationTokenSource cancel)
    {
        try
        {
            if (await WhyNotDoneAsync(job, work, right, cancel).ConfigureAwait(false) is var (standing, why))
                await EndAsync(job, standing, why).ConfigureAwait(false);
        }
        finally
        {
            lock (gate) underWay.TryRemove(job.Name, out _);
        }
    }

    /// <summary>Does a job and keeps its result; how it ended otherwise, null where it is done.</summary>
    private async Task<(string Standing, string Why)?> WhyNotDoneAsync(
        Job job, JobWork work, JobRight right, CancellationTokenSource cancel)
    {
        try
        {
            await places.WaitAsync(cancel.Token).ConfigureAwait(false);
            try
            {
                if (await right.WhyNotAsync(cancel.Token).ConfigureAwait(false) is { } why)
                    throw new JobFailedException(why);
                Store.Started(job.Name, clock.GetCurrentInstant());
                var result = await work(Progress(job.Name), cancel.Token).ConfigureAwait(false);
                done(job, result);
                MakeRoom(job.Party, result);
                if (!Store.Ended(job.Name, Job.Done, result.Says, result, clock.GetCurrentInstant()))
                    throw new JobFailedException(JobStore.ErasedSince);
                return null;
            }
            finally
            {
                places.Release();
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // What the server cuts by stopping is no wish of whoever asked.
            return stopping.IsCancellationRequested
                ? (Job.Cut, "the server ended before it was done; ask for it again") : (Job.Cancelled, "it was cancelled");
        }
        catch (JobFailedException failed)
        {
            return (Job.Failed, failed.Message);
        }
        catch (Exception failed)
        {
            await errors.WriteLineAsync($"job {job.Name} ({job.Kind}): {failed}").ConfigureAwait(false);
            return (Job.Failed, "this is a fault of the program or of storage; see the server's standard error");
        }
    }

    /// <summary>Writes down how a job ended, as soon as that can be: until then it is under way, and never both over
    /// and running. Where the server stops before, the next start says that it was cut.</summary>
    private async Task EndAsync(Job job, string standing, string why)
    {
        for (var isSaid = false; ; isSaid = true)
            try
            {
                Store.Ended(job.Name, standing, why, null, clock.GetCurrentInstant());
                return;
            }
            catch (DbException failed)
            {
                if (!isSaid)
                    await errors.WriteLineAsync($"job {job.Name} ({job.Kind}) is {standing} ({why}), which cannot be "
                        + $"written down and is tried again: {failed.Message}").ConfigureAwait(false);
                if (stopping.IsCancellationRequested) return;
                await Task.Delay(EndEvery, stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
    }

    /// <summary>Makes room for a result; throws where there is none, with what the result says.</summary>
    private void MakeRoom(PartyId party, JobResult result)
    {
        var bytes = result.Content.Length;
        if (bytes > options.JobBytesKeptPerPartyMax)
            throw new JobFailedException(string.Create(CultureInfo.InvariantCulture,
                $"its result has {bytes} bytes, and of a party {options.JobBytesKeptPerPartyMax} are kept; it says: {result.Says}"));
        if (bytes > ResultBytesFree && disk.IsDiskLow(bytes))
            throw new JobFailedException(string.Create(CultureInfo.InvariantCulture,
                $"its result has {bytes} bytes, for which the disk has too few free; it says: {result.Says}"));
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
