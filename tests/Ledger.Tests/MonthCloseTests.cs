using System.Text;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A month is closed while something of it is settled: whichever of the two comes first, the other one knows of it, and
/// the ledger verifies. The account's month has one day, of 100 CNY, which is published.
/// </summary>
public sealed class MonthCloseTests : IDisposable
{
    private static readonly PartyId Account = new("cpo");
    private static readonly LocalDate Day = new(2026, 2, 28), Month = new(2026, 2, 1);
    private readonly SmallTown town = new();
    private int attempts;
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public MonthCloseTests()
    {
        Done("import", town.File("facts.jsonl", """
            {"type":"settlement-point","point":"P1","station":"S1","kind":"connector","owner":"cpo","zone":"Asia/Shanghai","periodMinutes":60,"ratedKw":1000,"bidirectional":false,"validFrom":"2026-02-28T00:00:00+08:00"}
            {"type":"register","point":"P1","direction":"import","meterSerial":"M1","digits":9,"decimals":3,"validFrom":"2026-02-28T00:00:00+08:00"}
            {"type":"tariff","tariff":"T","version":1,"currency":"CNY","zone":"Asia/Shanghai","validFrom":"2026-01-01T00:00:00+08:00","rules":[{"period":"flat"}],"prices":[{"period":"flat","importPerKwh":1,"exportPerKwh":1}]}
            {"type":"tariff-assignment","account":"cpo","tariff":"T","validFrom":"2026-01-01T00:00:00+08:00"}
            """));
        Done("import", town.File("readings.csv",
            "point,register,read_at,kwh\nP1,1.8.0,2026-02-28T00:00:00+08:00,0\nP1,1.8.0,2026-03-01T00:00:00+08:00,100\n"));
        Done("settle", "--account", "cpo", "--day", "2026-02-28", "--run", "R1", "--by", "anna");
        Done("publish", "R1", "--by", "bob");
    }

    public void Dispose() => town.Dispose();

    private void Done(params string[] args)
    {
        var run = town.Run(args);
        run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
    }

    [Fact]
    public async Task A_credit_waits_for_a_close_that_has_summed_the_days_already()
    {
        await using (var ledger = Open())
        {
            ServiceProvider pipeline = null!;
            Task<RecordOutcome>? credit = null;
            await using var made = pipeline = Pipeline(ledger, new MeetingJournal(ledger.Journal,
                typeof(SettlementMonthClosed), () => WaitsAsync(credit = SettleAsync(pipeline, "C1", CorrectionStyle.Credit))));
            (await CloseAsync(pipeline)).ShouldBeOfType<RecordOutcome.Recorded>();
            (await credit.ShouldNotBeNull()).ShouldBeOfType<RecordOutcome.Recorded>();
            (await FactsAsync(ledger)).OfType<SettlementMonthClosed>().Single().Total.ShouldBe(100m);
        }
        Done("verify");
        // Corrections follow a close as a whole too.
        Done("settle", "--account", "cpo", "--day", "2026-02-28", "--run", "R2", "--kind", "correction");
        Done("verify");
    }

    [Fact]
    public async Task A_close_waits_for_a_run_that_has_read_that_the_month_is_open()
    {
        await using (var ledger = Open())
        {
            ServiceProvider pipeline = null!;
            Task<RecordOutcome>? close = null;
            await using var made = pipeline = Pipeline(ledger, new MeetingJournal(ledger.Journal,
                typeof(SettlementRunCompleted), () => WaitsAsync(close = CloseAsync(pipeline))));
            (await SettleAsync(pipeline, "R2", CorrectionStyle.Whole, RunKind.Interim))
                .ShouldBeOfType<RecordOutcome.Recorded>();
            (await close.ShouldNotBeNull()).ShouldBeOfType<RecordOutcome.Refused>().Code
                .ShouldBe(Rejection.NotAllPublished);
        }
        Done("verify");
    }

    /// <summary>Runs of an account wait for no run, and two closes for each other.</summary>
    [Fact]
    public async Task Runs_go_on_beside_one_another_and_closes_one_after_another()
    {
        await using var ledger = Open();
        await using var pipeline = Pipeline(ledger, ledger.Journal);
        var closes = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => CloseAsync(pipeline)));
        closes.OfType<RecordOutcome.Recorded>().Count().ShouldBe(1);
        closes.OfType<RecordOutcome.AlreadyRecorded>().Count().ShouldBe(3);
        var credits = await Task.WhenAll(Enumerable.Range(0, 20)
            .Select(i => SettleAsync(pipeline, $"C{i}", CorrectionStyle.Credit)));
        credits.OfType<RecordOutcome.Recorded>().Count().ShouldBe(1);
    }

    [Fact]
    public async Task A_run_behind_the_close_of_its_month_is_a_fault()
    {
        Done("close", "--account", "cpo", "--month", "2026-02", "--by", "bob");
        Done("verify");
        await using (var ledger = Open())
        {
            var late = (await FactsAsync(ledger)).OfType<SettlementRunCompleted>().Single() with
            {
                Run = new("LATE"),
                Kind = RunKind.Interim,
            };
            (await ledger.Journal.AppendAsync(Streams.Settlement(Account, Day), ExpectedRevision.Any,
                [NewFact.At(late, SmallTown.Now, Settlement.KeyOf(late.Run, Account, Day))], ledger.Operator("before"), null,
                Ct)).ShouldBeOfType<AppendResult.Recorded>();
            await ledger.CatchUpAsync(Ct);
        }
        var verified = town.Run("verify");
        verified.Exit.ShouldBe(ExitCode.NotAsItShouldBe);
        verified.Output.ShouldContain("run LATE");
        verified.Output.ShouldContain("behind the close of its month");
    }

    private OpenLedger Open() => OpenLedger.Open(town.Data, null, new StandingClock(SmallTown.Now));

    private static async Task<List<LedgerEvent>> FactsAsync(OpenLedger ledger) =>
        (await TestFolder.AllAsync(ledger.Journal)).ConvertAll(EventCodec.Decode);

    private static ServiceProvider Pipeline(OpenLedger ledger, IJournal journal) => new ServiceCollection()
        .AddCommandPipeline(new Recorder(journal, ledger.Evidence, ledger.Clock), ledger.Clock,
            Publishing.AddTo(RunSettlement.AddTo(new CommandRoutes(), ledger), ledger)).BuildServiceProvider();

    private Task<RecordOutcome> SettleAsync(
        ServiceProvider pipeline, string run, CorrectionStyle style, RunKind kind = RunKind.Correction) =>
        SendAsync(pipeline, new RunSettlement(new(run), Account, Day, kind, null, null, style));

    private Task<RecordOutcome> CloseAsync(ServiceProvider pipeline) =>
        SendAsync(pipeline, new CloseMonth(Account, Month, "bob"));

    private Task<RecordOutcome> SendAsync<TInput>(ServiceProvider pipeline, TInput input) where TInput : notnull =>
        Task.Run(() => pipeline.GetRequiredService<IMediator>().Send(new Command<TInput>(input,
            new Submission(Encoding.UTF8.GetBytes("asked"), "test"),
            new Principal("test", new PartyId("town"), Scopes.All),
            new IdempotencyKey($"{Interlocked.Increment(ref attempts)}")), Ct), Ct);

    /// <summary>Whoever does not wait has long ended by then; whoever waits does so however long it is.</summary>
    private static async Task WaitsAsync(Task<RecordOutcome> other)
    {
        await Task.WhenAny(other, Task.Delay(TimeSpan.FromSeconds(1), Ct));
        other.IsCompleted.ShouldBeFalse("it did not wait");
    }

    /// <summary>Before the first fact of a kind is appended something else is asked for.</summary>
    private sealed class MeetingJournal(IJournal journal, Type fact, Func<Task> meanwhile) : ForwardingJournal(journal)
    {
        private int came;

        public override async ValueTask<AppendResult> AppendAsync(string stream, ExpectedRevision expected,
            IReadOnlyList<NewFact> facts, Principal by, EventId? causation, CancellationToken ct)
        {
            if (facts[0].Event.GetType() == fact && Interlocked.Increment(ref came) == 1) await meanwhile();
            return await base.AppendAsync(stream, expected, facts, by, causation, ct);
        }
    }
}
