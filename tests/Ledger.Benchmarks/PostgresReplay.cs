using System.Diagnostics;
using System.Globalization;
using JasperFx.Events;
using JasperFx.Events.Projections;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using Ledger.Stores.Postgres;
using Ledger.Tests;
using Marten;
using Marten.Events.Aggregation;

namespace Ledger.Benchmarks;

/// <summary>A register's row, and Marten's document.</summary>
public sealed class RegisterTotal
{
    public string Id { get; set; } = "";
    public long Readings { get; set; }
    public long LastIndex { get; set; }
}

/// <summary>
/// One fold into PostgreSQL, by the runner of this program and by Marten's asynchronous daemon: of each register the
/// number of its readings and the last index. Marten keeps the last state of each document; the views keep every row as
/// it was at each position too. What counts is how fast either goes on: each folds all of it twice, and measured are
/// the last three quarters of the second time, when the program itself has been compiled.
/// </summary>
internal static class PostgresReplay
{
    private const int BatchEvents = 5000;
    private const int WarmedUpPart = 4; // of all events
    private const int Times = 2; // of which the last counts
    private static readonly TimeSpan BetweenLooks = TimeSpan.FromMilliseconds(50);

    private sealed class RegisterTotals : IProjection
    {
        public string Name => nameof(RegisterTotals);
        public int RowVersion => 1;
        public IReadOnlySet<Type> Handled { get; } = new HashSet<Type> { typeof(RegisterReadingRecorded) };

        public IReadOnlyList<RowChange> Apply(IRows rows, RecordedFact fact)
        {
            var reading = (RegisterReadingRecorded)fact.Event;
            var key = reading.Register.ToString();
            var readings = rows.Get<RegisterTotal>(key)?.Readings ?? 0;
            return [new(key, new RegisterTotal { Id = key, Readings = readings + 1, LastIndex = reading.IndexSteps })];
        }
    }

    /// <summary>The same fold as Marten has it.</summary>
    public sealed partial class RegisterTotalProjection : SingleStreamProjection<RegisterTotal, string>
    {
        public override RegisterTotal? Evolve(RegisterTotal? snapshot, string id, IEvent e) => e.Data switch
        {
            PostgresThroughput.PlainReading reading => new RegisterTotal
            {
                Id = id,
                Readings = (snapshot?.Readings ?? 0) + 1,
                LastIndex = long.Parse(reading.Index, CultureInfo.InvariantCulture),
            },
            _ => snapshot,
        };
    }

    /// <summary>Events a second of the runner, of the first so many of the journal.</summary>
    public static async Task<double> RunnerAsync(PostgresServer server, MartenJournal journal, long events)
    {
        using var views = MartenViews.Open(new PostgresLedger(server.Connection(), journal.Ledger));
        var runner = new ProjectionRunner(journal, views, [new RegisterTotals()],
            (wireName, version, payload) => EventCodec.Decode(wireName, version, payload), BatchEvents,
            RunnerLease.OfThisProcess);
        var rate = 0.0;
        for (var time = 0; time < Times; time++)
        {
            views.Reset(nameof(RegisterTotals));
            var from = await runner.CatchUpAsync(CancellationToken.None, events / WarmedUpPart)
                .ConfigureAwait(false);
            var watch = Stopwatch.StartNew();
            var length = await runner.CatchUpAsync(CancellationToken.None, events).ConfigureAwait(false);
            rate = (length - from) / watch.Elapsed.TotalSeconds;
        }
        return rate;
    }

    /// <summary>Events a second of Marten's daemon.</summary>
    public static async Task<double> DaemonAsync(PostgresServer server, Action<StoreOptions> configure, long events)
    {
        var rate = 0.0;
        for (var time = 0; time < Times; time++)
        {
            if (time > 0) server.Execute("""
                TRUNCATE marten.mt_doc_registertotal;
                DELETE FROM marten.mt_event_progression WHERE name LIKE 'RegisterTotal%'
                """);
            rate = await DaemonOnceAsync(server, configure, events).ConfigureAwait(false);
        }
        return rate;
    }

    private static async Task<double> DaemonOnceAsync(
        PostgresServer server, Action<StoreOptions> configure, long events)
    {
        var store = DocumentStore.For(options =>
        {
            configure(options);
            options.Projections.Add(new RegisterTotalProjection(), ProjectionLifecycle.Async);
        });
        await using (store.ConfigureAwait(false))
        {
            await store.Storage.ApplyAllConfiguredChangesToDatabaseAsync().ConfigureAwait(false);
            using var daemon = await store.BuildProjectionDaemonAsync().ConfigureAwait(false);
            await daemon.StartAllAsync().ConfigureAwait(false);
            long from;
            while ((from = Folded(server)) < events / WarmedUpPart)
                await Task.Delay(BetweenLooks).ConfigureAwait(false);
            var watch = Stopwatch.StartNew();
            await daemon.WaitForNonStaleData(TimeSpan.FromMinutes(10)).ConfigureAwait(false);
            var elapsed = watch.Elapsed.TotalSeconds;
            await daemon.StopAllAsync().ConfigureAwait(false);
            var folded = server.Execute(
                "SELECT sum((data ->> 'Readings')::bigint)::bigint FROM marten.mt_doc_registertotal");
            return folded is long all && all == events ? (events - from) / elapsed
                : throw new InvalidOperationException($"the daemon folded {folded} of {events} events");
        }
    }

    private static long Folded(PostgresServer server) => server.Execute("""
        SELECT max(last_seq_id) FROM marten.mt_event_progression WHERE name LIKE 'RegisterTotal%'
        """) as long? ?? 0;
}
