using System.Globalization;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using NodaTime;
using NodaTime.Text;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A period has one kind of evidence: whichever of stream and file comes second is refused, and says what to
/// do; what it brought is kept.</summary>
public sealed class StreamAndFileTests
{
    private static string Curve(int from, int to) => "point,time,kw\n" + string.Concat(
        Enumerable.Range(from, to - from + 1).Select(second => string.Create(CultureInfo.InvariantCulture,
            $"CP0,{InstantPattern.ExtendedIso.Format(StreamTown.Day + Duration.FromSeconds(second))},100\n")));

    private static async Task StreamAsync(StreamTown town, int from, int to)
    {
        using var door = town.Streams.Connect();
        await StreamTown.SendAsync(door, town.Announce(1));
        await town.StreamAsync(door, 1, from, to);
        await town.SettleAsync();
    }

    private static async Task<EvidenceRefused> RefusedAsync(StreamTown town) =>
        (await TestFolder.AllAsync(town.Ledger.Journal)).Select(Ledger.Journal.EventCodec.Decode)
            .OfType<EvidenceRefused>().Last();

    [Fact]
    public async Task A_file_for_a_streamed_period_is_refused_and_kept_and_its_other_periods_count()
    {
        await using var town = await StreamTown.OpenAsync(1);
        await StreamAsync(town, 0, 960);
        town.Clock.Now = StreamTown.Day + Duration.FromHours(2);
        await town.SettleAsync(); // the stream has been idle: its second period has a record too
        var file = Curve(600, 3600);
        await town.TakeAsync(file, "curve.csv");
        var refused = await RefusedAsync(town);
        refused.Code.ShouldBe(Rejection.EvidenceConflict);
        refused.Detail.ShouldContain("over the stream");
        town.Ledger.Evidence.Get(refused.Evidence).ShouldBe(System.Text.Encoding.UTF8.GetBytes(file));
        var records = await town.LatestAsync();
        records.Select(record => (record.Version, record.Stream is not null, record.Import)).ShouldBe(
        [
            (1, true, Energy.FromWattHours(25_000)), (1, true, new Energy((Int128)100_000_000 * 2 * 60_000_000)),
            (1, false, Energy.FromWattHours(25_000)), (1, false, Energy.FromWattHours(25_000)),
        ]);
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>The engine records while the points of a batch are appended, which were all computed before.</summary>
    [Fact]
    public async Task A_file_for_a_period_that_is_streamed_while_its_batch_is_recorded_is_refused_too()
    {
        await using var town = await StreamTown.OpenAsync(1);
        await town.RegisterAsync(new SettlementPointId("AA"));
        var file = Curve(0, 1000);
        file += file.Replace("point,time,kw\n", "", StringComparison.Ordinal)
            .Replace("CP0", "AA", StringComparison.Ordinal);
        var raw = new Submission(System.Text.Encoding.UTF8.GetBytes(file), "curve.csv");
        CurveFiles.TryRead(raw.Bytes, new IntakeHints(), out var batch, out _).ShouldBeTrue();
        town.Clock.Now = StreamTown.Day + Duration.FromHours(2);
        var journal = new MeetingJournal(town.Ledger.Journal, async () =>
        {
            await StreamAsync(town, 0, 960);
            town.Clock.Now = StreamTown.Day + Duration.FromHours(2);
        });
        var outcome = await new CurveRecording(town.Ledger.Evidence).RecordAsync(
            new Recorder(journal, town.Ledger.Evidence, town.Clock),
            new Command<CurveBatch>(batch!, raw, IntakeLedger.Operator, new IdempotencyKey("one")),
            town.Clock.Now, TestContext.Current.CancellationToken);
        journal.HasMet.ShouldBeTrue();
        var parts = outcome.ShouldBeOfType<RecordOutcome.Several>().Parts;
        var refused = parts.OfType<RecordOutcome.Refused>().ToList();
        refused.ShouldNotBeEmpty();
        refused.ShouldAllBe(part => part.Code == Rejection.EvidenceConflict
            && part.Detail.Contains("over the stream", StringComparison.Ordinal));
        var streamed = (await town.LatestAsync()).Single(record => record.Point == StreamTown.Name(0)
            && record.Period.Start == StreamTown.Day);
        (streamed.Version, streamed.Stream is not null, streamed.Import)
            .ShouldBe((1, true, Energy.FromWattHours(25_000)));
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }

    /// <summary>Somebody records something before the first interval record of a batch is appended.</summary>
    private sealed class MeetingJournal(IJournal journal, Func<Task> meanwhile) : ForwardingJournal(journal)
    {
        public bool HasMet { get; private set; }

        public override async ValueTask<AppendResult> AppendAsync(string stream, ExpectedRevision expected,
            IReadOnlyList<NewFact> facts, Principal by, EventId? causation, CancellationToken ct)
        {
            if (!HasMet && facts[0].Event is IntervalRecorded)
            {
                HasMet = true;
                await meanwhile();
            }
            return await base.AppendAsync(stream, expected, facts, by, causation, ct);
        }
    }

    [Fact]
    public async Task A_stream_for_a_period_from_a_file_is_refused_and_its_other_periods_count()
    {
        await using var town = await StreamTown.OpenAsync(1);
        town.Clock.Now = StreamTown.Day + Duration.FromSeconds(900);
        await town.TakeAsync(Curve(0, 900), "curve.csv");
        await StreamAsync(town, 0, 1860);
        var refused = await RefusedAsync(town);
        refused.Code.ShouldBe(Rejection.EvidenceConflict);
        refused.Detail.ShouldContain("as a file");
        (await town.LatestAsync()).Select(record => (record.Version, record.Stream is not null, record.Import))
            .ShouldBe([(1, false, Energy.FromWattHours(25_000)), (1, true, Energy.FromWattHours(25_000))]);
        // Late samples of the file's period change nothing of it either.
        await StreamAsync(town, 100, 110);
        (await town.LatestAsync())[0].Version.ShouldBe(1);
        town.Clock.Now += Duration.FromDays(2);
        await town.SettleAsync();
        (await town.LatestAsync())[0].ShouldSatisfyAllConditions(
            record => record.Version.ShouldBe(1), record => record.State.ShouldBe(IntervalRecordState.Final));
        (await town.VerifiedAsync()).Faults.ShouldBeEmpty();
    }
}
