using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using MediatR;
using Microsoft.Extensions.DependencyInjection;
using Shouldly;

namespace Ledger.Tests;

public sealed class PipelineTests : IDisposable
{
    private sealed record Input(int Number);

    private readonly TestFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_command_is_authorised_recorded_and_answered_once()
    {
        await using var journal = folder.Open();
        using var archive = EvidenceArchive.Open(folder.Path, TestFolder.Secret);
        var ran = 0;
        var routes = new CommandRoutes().Add<Input>("readings:write", (recorder, command, _, ct) =>
        {
            ran++;
            return recorder.AppendAsync("s", [TestFolder.Reading(command.Input.Number)], command.By, ct);
        });
        await using var provider = new ServiceCollection()
            .AddCommandPipeline(new Recorder(journal, archive, folder.Clock), folder.Clock, routes)
            .BuildServiceProvider();
        var mediator = provider.GetRequiredService<IMediator>();
        Task<RecordOutcome> Send(int number, string key, params string[] scopes) => mediator.Send(
            new Command<Input>(new Input(number), new Submission(new[] { (byte)number }, "test"),
                new Principal("a", new PartyId("P"), scopes.ToHashSet()), new IdempotencyKey(key)),
            TestContext.Current.CancellationToken);

        (await Send(1, "k")).ShouldBeOfType<RecordOutcome.Refused>().Code.ShouldBe(Rejection.NotAuthorised);
        (await Send(1, "k", "readings:write")).ShouldBe(new RecordOutcome.Recorded(0));
        (await Send(1, "k", "readings:write")).ShouldBe(new RecordOutcome.Recorded(0));
        (await Send(2, "k", "readings:write"))
            .ShouldBeOfType<RecordOutcome.Refused>().Code.ShouldBe(Rejection.EvidenceConflict);
        (await Send(1, "another", "readings:write")).ShouldBe(new RecordOutcome.AlreadyRecorded(0));
        ran.ShouldBe(2);
    }
}
