using Ledger.Domain;
using Ledger.Journal;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The embedded journal keeps what every journal promises.</summary>
public sealed class SqliteJournalContractTests : JournalContractTests
{
    private protected override Task<IJournalPlace> PlaceAsync() => Task.FromResult<IJournalPlace>(new FolderPlace());

    private sealed class FolderPlace : IJournalPlace
    {
        private readonly TestFolder folder = new();

        public StandingClock Clock => folder.Clock;

        public Task<IJournal> OpenAsync(int queuedAppendsMax, int batchAppendsMax) =>
            Task.FromResult<IJournal>(SqliteJournal.Open(folder.Options with
            { QueuedAppendsMax = queuedAppendsMax, BatchAppendsMax = batchAppendsMax }));

        /// <summary>Adds the fact under the other name, as a later program would have recorded it.</summary>
        public async Task AddUnknownAsync(string stream, NewFact fact, string wireName)
        {
            var (ledger, content, revision) = (folder.Options.Ledger, EventCodec.Encode(fact.Event), -1L);
            await using var journal = folder.Open();
            await foreach (var before in journal.ReadStreamAsync(stream, 0, Ct)) revision = before.Envelope.Revision;
            revision.ShouldBeGreaterThanOrEqualTo(0, "it is added behind facts that are known");
            await journal.AppendRecordedAsync([new RecordedEvent(journal.Length, new Envelope(
                ledger, stream, revision + 1, EventId.From(fact.ValidTime.Start, fact.Evidence), wireName,
                content.Version, fact.ValidTime.Start, fact.ValidTime.End, Clock.Now, TestFolder.Tester.Actor,
                TestFolder.Tester.Party, null, [], content.ContentType), content.Payload)], Ct);
        }

        public ValueTask DisposeAsync()
        {
            folder.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
