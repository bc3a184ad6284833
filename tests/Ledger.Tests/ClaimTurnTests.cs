using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Two rivals claim the energy of one hour in one moment, one at the connector C1 and one at the connection G1 before
/// it: each claim is in its point's own stream, which does not guard the other.
/// </summary>
public sealed class ClaimTurnTests : IDisposable
{
    private static readonly Interval Hour = new(Instant.FromUtc(2026, 2, 27, 6, 0), Instant.FromUtc(2026, 2, 27, 7, 0));
    private readonly TestFolder folder = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Dispose();

    /// <summary>Appends nothing to a stream of claims until it is let.</summary>
    private sealed class HeldBack(IJournal journal, Task until) : ForwardingJournal(journal)
    {
        public override async ValueTask<AppendResult> AppendAsync(
            string stream, ExpectedRevision expected, IReadOnlyList<NewFact> facts, Principal by, EventId? causation,
            CancellationToken ct)
        {
            if (stream == Streams.Claims(new("C1")) || stream == Streams.Claims(new("G1"))) await until;
            return await base.AppendAsync(stream, expected, facts, by, causation, ct);
        }
    }

    [Theory]
    [InlineData("C1", "G1")]
    [InlineData("G1", "C1")]
    public async Task Of_two_claims_of_one_moment_on_one_way_one_is_accepted(string first, string second)
    {
        var let = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var journal = new HeldBack(folder.Open(), let.Task);
        using var archive = EvidenceArchive.Open(folder.Path, TestFolder.Secret);
        var by = new Principal("a", new PartyId("cpo"), Scopes.All);
        async Task HoldsAsync(string stream, LedgerEvent fact) => (await journal.AppendAsync(
            stream, ExpectedRevision.Any, [NewFact.At(fact, Hour.Start - Duration.FromDays(9), new(stream))], by, null,
            Ct)).ShouldBeOfType<AppendResult.Recorded>();
        await HoldsAsync(Streams.StationTree, new PointPlaced(new("C1"), Hour.Start - Duration.FromDays(9), new("G1")));
        foreach (var (point, programme) in ((string, string)[])[(first, "low"), (second, "high")])
        {
            var id = new ProgrammeId(programme);
            await HoldsAsync(Streams.Programme(id), new ProgrammePublished(id, 1, Hour.Start - Duration.FromDays(9),
                ServiceKind.DemandReduction, new("b"), new("s"), 0, 0, 0, PaymentLevel.SettlementPoint,
                programme == "low" ? 1 : 2, [], "CNY", 1m));
            await HoldsAsync(Streams.Enrolment(new(point)), new PointEnrolled(
                id, new(point), Power.FromKilowatts(100), Hour.Start - Duration.FromDays(9), null));
        }
        var clock = new StandingClock(Hour.End + Duration.FromDays(1));
        await using var provider = new ServiceCollection()
            .AddCommandPipeline(new Recorder(journal, archive, clock), clock, StandardRoutes.Create())
            .BuildServiceProvider();
        var mediator = provider.GetRequiredService<IMediator>();
        Task<RecordOutcome> ClaimAsync(string claim, string programme, string point) => mediator.Send(
            new Command<DeliveryClaim>(new(new(claim), new(programme), new(point), Direction.Import, Hour,
                Energy.FromWattHours(60_000), new("cpo")), new Submission(new byte[] { 1 }, "test"), by,
                new IdempotencyKey(claim)), Ct);

        var both = new[] { ClaimAsync("D1", "low", first), ClaimAsync("D2", "high", second) };
        let.SetResult();
        var outcomes = await Task.WhenAll(both);
        outcomes.OfType<RecordOutcome.Recorded>().ShouldHaveSingleItem();
        var refused = outcomes.OfType<RecordOutcome.Refused>().ShouldHaveSingleItem();
        (refused.Code, refused.Detail.Contains("before or behind", StringComparison.Ordinal))
            .ShouldBe((Rejection.AlreadyClaimed, true));
    }
}
