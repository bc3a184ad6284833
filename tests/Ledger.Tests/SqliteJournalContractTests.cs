using System.Text;
using Ledger.Domain;
using Ledger.Journal;
using Microsoft.Data.Sqlite;
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

        /// <summary>Appends the fact under its own name, then writes the other over it in the database.</summary>
        public async Task AddUnknownAsync(string stream, NewFact fact, string wireName)
        {
            await using (var journal = folder.Open())
                (await journal.AppendAsync(stream, ExpectedRevision.Any, [fact], TestFolder.Tester, null, Ct))
                    .ShouldBeOfType<AppendResult.Recorded>();
            var text = new SqliteConnectionStringBuilder
            { DataSource = Path.Combine(folder.Path, SqliteJournal.FileName), Pooling = false };
            await using var connection = new SqliteConnection(text.ToString());
            await connection.OpenAsync(Ct);
            await using var last = connection.CreateCommand();
            last.CommandText = "SELECT header FROM events ORDER BY position DESC LIMIT 1";
            var header = (byte[])(await last.ExecuteScalarAsync(Ct))!;
            var own = Encoding.UTF8.GetBytes(EventCodec.Encode(fact.Event).WireName);
            Encoding.UTF8.GetBytes(wireName).CopyTo(header.AsSpan(header.AsSpan().IndexOf(own)));
            await using var write = connection.CreateCommand();
            write.CommandText = "UPDATE events SET header = $header WHERE position = (SELECT max(position) FROM events)";
            write.Parameters.AddWithValue("$header", header);
            (await write.ExecuteNonQueryAsync(Ct)).ShouldBe(1);
        }

        public ValueTask DisposeAsync()
        {
            folder.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
