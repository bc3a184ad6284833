using System.Text;
using Ledger.Api;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Two corrections of one run that are calculated at the same time: what is due is booked once.</summary>
public sealed class ConcurrentCorrectionTests : IDisposable
{
    private static readonly PartyId Account = new("cpo");
    private static readonly LocalDate Day = new(2026, 2, 27);
    private readonly SmallTown town = SmallTown.WithItsDay();
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public ConcurrentCorrectionTests()
    {
        town.Run("settle", "--account", "cpo", "--day", "2026-02-27", "--run", "R1").Exit.ShouldBe(ExitCode.Done);
        town.Run("import", town.File("late.csv",
            "point,register,read_at,kwh\nS01-C1,2.8.0,2026-02-27T18:00:00+08:00,60\n")).Exit.ShouldBe(ExitCode.Done);
    }

    public void Dispose() => town.Dispose();

    [Fact]
    public async Task Of_two_deltas_at_once_one_is_booked_and_the_other_finds_nothing_more()
    {
        await using var ledger = OpenLedger.Open(town.Data, null, new StandingClock(SmallTown.Now));
        await using var pipeline = Pipeline(ledger, new MeetingJournal(ledger.Journal));
        var outcomes = await Task.WhenAll(SettleAsync(pipeline, "D1", CorrectionStyle.Deltas),
            SettleAsync(pipeline, "D2", CorrectionStyle.Deltas));
        outcomes.OfType<RecordOutcome.Recorded>().Count().ShouldBe(1);
        outcomes.OfType<RecordOutcome.Refused>().ShouldHaveSingleItem().Code.ShouldBe(Rejection.NothingToCorrect);
        (await TotalAsync(ledger)).ShouldBe((103.71m, 103.71m));
    }

    [Fact]
    public async Task A_credit_beside_deltas_takes_them_back_too()
    {
        await using var ledger = OpenLedger.Open(town.Data, null, new StandingClock(SmallTown.Now));
        await using var pipeline = Pipeline(ledger, new MeetingJournal(ledger.Journal));
        var outcomes = await Task.WhenAll(SettleAsync(pipeline, "D1", CorrectionStyle.Deltas),
            SettleAsync(pipeline, "C1", CorrectionStyle.Credit));
        // Whichever came first: deltas and then all of it back, or all of it back and no deltas on nothing.
        if (outcomes[0] is RecordOutcome.Refused refused) refused.Code.ShouldBe(Rejection.RunIsCredited);
        outcomes[1].ShouldBeOfType<RecordOutcome.Recorded>();
        (await TotalAsync(ledger)).ShouldBe((0m, 0m));
    }

    [Fact]
    public async Task A_retry_of_deltas_finds_them_whatever_was_booked_after_them()
    {
        await using var ledger = OpenLedger.Open(town.Data, null, new StandingClock(SmallTown.Now));
        await using var pipeline = Pipeline(ledger, ledger.Journal);
        (await SettleAsync(pipeline, "D1", CorrectionStyle.Deltas)).ShouldBeOfType<RecordOutcome.Recorded>();
        await AgainAsync("D1");
        await ledger.Intake.TakeAsync(new Submission(Encoding.UTF8.GetBytes(
            "point,register,read_at,kwh\nS01-C1,2.8.0,2026-02-27T19:00:00+08:00,90\n"), "later.csv"), new(),
            ledger.Operator("test"), Ct);
        (await SettleAsync(pipeline, "D2", CorrectionStyle.Deltas)).ShouldBeOfType<RecordOutcome.Recorded>();
        await AgainAsync("D1");
        await AgainAsync("D2");
        (await SettleAsync(pipeline, "R2", CorrectionStyle.Whole)).ShouldBeOfType<RecordOutcome.Recorded>();
        await AgainAsync("D1");
        await AgainAsync("D2");

        async Task AgainAsync(string run) => (await SettleAsync(pipeline, run, CorrectionStyle.Deltas))
            .ShouldBeOfType<RecordOutcome.AlreadyRecorded>(run);
    }

    /// <summary>Of the run and its deltas, and of the day run again.</summary>
    private static async Task<(decimal Booked, decimal Again)> TotalAsync(OpenLedger ledger)
    {
        await ledger.CatchUpAsync(Ct);
        var run = new Answers(ledger.Views).HoldingRun(Account, Day).ShouldNotBeNull();
        var original = (await Settlements.RederiveAsync(ledger.Journal, ledger.Views, run, Ct)).Statement;
        var corrected = (await StatementCorrections.CheckAsync(ledger.Journal, ledger.Views, run,
            original.ShouldNotBeNull(), long.MaxValue, Ct)).ShouldNotBeNull();
        corrected.Unlike.ShouldBeNull();
        return (corrected.Total, corrected.TotalRunAgain);
    }

    /// <summary>Commands as two servers over one journal would take them.</summary>
    private static ServiceProvider Pipeline(OpenLedger ledger, IJournal journal) => new ServiceCollection()
        .AddCommandPipeline(new Recorder(journal, ledger.Evidence, ledger.Clock), ledger.Clock,
            RunSettlement.AddTo(new CommandRoutes(), ledger)).BuildServiceProvider();

    private static int attempts;

    private static Task<RecordOutcome> SettleAsync(ServiceProvider pipeline, string run, CorrectionStyle style) =>
        Task.Run(() => pipeline.GetRequiredService<IMediator>().Send(new Command<RunSettlement>(
            new(new(run), Account, Day, RunKind.Correction, null, null, style),
            new Submission(Encoding.UTF8.GetBytes(run), "test"),
            new Principal("test", new PartyId("town"), Scopes.All),
            new IdempotencyKey($"{Interlocked.Increment(ref attempts)}")), Ct), Ct);

    /// <summary>The first two that append corrections have both calculated theirs before either is appended.</summary>
    private sealed class MeetingJournal(IJournal journal) : ForwardingJournal(journal)
    {
        private readonly TaskCompletionSource met = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private int came;

        public override async ValueTask<AppendResult> AppendAsync(string stream, ExpectedRevision expected,
            IReadOnlyList<NewFact> facts, Principal by, EventId? causation, CancellationToken ct)
        {
            if (facts[0].Event is SettlementDeltasBooked)
            {
                if (Interlocked.Increment(ref came) == 2) met.SetResult();
                await met.Task.WaitAsync(TimeSpan.FromSeconds(30), ct);
            }
            return await base.AppendAsync(stream, expected, facts, by, causation, ct);
        }
    }
}
