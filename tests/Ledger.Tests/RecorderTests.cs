using System.Text;
using Ledger.Domain;
using Ledger.Journal;
using Shouldly;

namespace Ledger.Tests;

public sealed class RecorderTests : IDisposable
{
    private readonly TestFolder folder = new();
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Writers_of_one_stream_decide_again_until_each_has_its_turn()
    {
        await using var journal = folder.Open();
        using var archive = EvidenceArchive.Open(folder.Path, TestFolder.Secret);
        var recorder = new Recorder(journal, archive, folder.Clock);
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => recorder.RecordAsync(
            "s", 0, (count, _) => count + 1, count =>
                new Decision.Accepted(TestFolder.Reading(i, index: count)), TestFolder.Tester, Ct))));
        outcomes.ShouldAllBe(o => o is RecordOutcome.Recorded);
        // Each decision saw every fact that stands before its own.
        (await TestFolder.AllAsync(journal)).Select(e => ((RegisterReadingRecorded)EventCodec.Decode(e)).IndexSteps)
            .ShouldBe(Enumerable.Range(0, 8).Select(i => (long)i));
    }

    [Fact]
    public async Task What_is_refused_is_kept_once_and_found_again()
    {
        var sent = Encoding.UTF8.GetBytes("{\"kWh\": NaN}");
        await using var journal = folder.Open();
        using (var archive = EvidenceArchive.Open(folder.Path, TestFolder.Secret))
        {
            var recorder = new Recorder(journal, archive, folder.Clock);
            for (var i = 0; i < 2; i++)
                (await recorder.RecordAsync("s", 0, (n, _) => n, _ =>
                    new Decision.Rejected(Rejection.NotANumber, "kWh is NaN\0"),
                    TestFolder.Tester, Ct, new Submission(sent, "POST /readings")))
                    .ShouldBe(new RecordOutcome.Refused(Rejection.NotANumber, "kWh is NaN\0"));
        }
        var e = (await TestFolder.AllAsync(journal)).Single();
        e.Envelope.Stream.ShouldBe("refusals/2026-03-01");
        var refused = EventCodec.Decode(e).ShouldBeOfType<EvidenceRefused>();
        (refused.Code, refused.Detail, refused.Bytes).ShouldBe((Rejection.NotANumber, "kWh is NaN\uFFFD", 12L));
        using var again = EvidenceArchive.Open(folder.Path, TestFolder.Secret);
        again.Get(refused.Evidence).ShouldBe(sent);
    }

    [Fact]
    public async Task The_second_of_two_conflicting_facts_is_kept_as_refused_evidence()
    {
        await using var journal = folder.Open();
        using var archive = EvidenceArchive.Open(folder.Path, TestFolder.Secret);
        var recorder = new Recorder(journal, archive, folder.Clock);
        (await recorder.AppendAsync("s", [TestFolder.Reading(1, 5)], TestFolder.Tester, Ct))
            .ShouldBe(new RecordOutcome.Recorded(0));
        (await recorder.AppendAsync("s", [TestFolder.Reading(1, 5)], TestFolder.Tester, Ct))
            .ShouldBe(new RecordOutcome.AlreadyRecorded(0));
        (await recorder.AppendAsync("s", [TestFolder.Reading(1, 6)], TestFolder.Tester, Ct))
            .ShouldBeOfType<RecordOutcome.Conflict>();
        var refused = EventCodec.Decode((await TestFolder.AllAsync(journal))[1]).ShouldBeOfType<EvidenceRefused>();
        refused.Code.ShouldBe(Rejection.EvidenceConflict);
        Encoding.UTF8.GetString(archive.Get(refused.Evidence)!).ShouldContain("\"indexSteps\":\"6\"");
    }

    /// <summary>Facts that were recorded apart and come again together, in another order.</summary>
    [Fact]
    public async Task Each_of_several_repeats_is_answered_with_its_own_position()
    {
        await using var journal = folder.Open();
        using var archive = EvidenceArchive.Open(folder.Path, TestFolder.Secret);
        var recorder = new Recorder(journal, archive, folder.Clock);
        foreach (var number in (int[])[1, 2, 3]) // at the positions 0, 1 and 2
            (await recorder.AppendAsync("s", [TestFolder.Reading(number)], TestFolder.Tester, Ct))
                .ShouldBe(new RecordOutcome.Recorded(number - 1));
        (await recorder.RecordEachAsync("s", 0, (known, _) => known, (int[])[3, 1, 4],
            (_, number) => new Decision.Accepted(TestFolder.Reading(number)),
            number => new Submission(BitConverter.GetBytes(number), "again"), TestFolder.Tester, Ct))
            .ShouldBe([new RecordOutcome.AlreadyRecorded(2), new RecordOutcome.AlreadyRecorded(0),
                new RecordOutcome.Recorded(3)]);
        (await recorder.RecordEachAsync("s", 0, (known, _) => known, (int[])[3, 1],
            (_, number) => new Decision.Accepted(TestFolder.Reading(number)),
            number => new Submission(BitConverter.GetBytes(number), "again"), TestFolder.Tester, Ct))
            .ShouldBe([new RecordOutcome.AlreadyRecorded(2), new RecordOutcome.AlreadyRecorded(0)]);
    }

    /// <summary>What a rule knows by its state has a place all the same: the last fact with which it came to know it,
    /// and none where it needs no fact for it. Where a rule says which fact it means, that one, however long the
    /// stream is.</summary>
    [Fact]
    public async Task What_a_rule_knows_by_its_state_is_answered_with_its_place()
    {
        await using var journal = folder.Open();
        using var archive = EvidenceArchive.Open(folder.Path, TestFolder.Secret);
        var recorder = new Recorder(journal, archive, folder.Clock);
        await recorder.AppendAsync(
            "s", [.. Enumerable.Range(0, 1_100).Select(number => TestFolder.Reading(number))], TestFolder.Tester, Ct);
        // Known from 3 facts on, unknown from 5, known again from 8 on.
        (await KnownAsync(count => count is 3 or 4 or >= 8)).ShouldBe(new RecordOutcome.AlreadyRecorded(7));
        (await KnownAsync(_ => true)).ShouldBe(new RecordOutcome.AlreadyRecorded(null));
        foreach (var number in (int[])[0, 588, 1_099])
        {
            var known = new Decision.AlreadyRecorded { Is = fact => fact == TestFolder.Reading(number).Event };
            (await recorder.RecordAsync("s", 0, (count, _) => count + 1, _ => known, TestFolder.Tester, Ct))
                .ShouldBe(new RecordOutcome.AlreadyRecorded(number));
        }

        Task<RecordOutcome> KnownAsync(Func<int, bool> isKnown) => recorder.RecordAsync("s", 0, (count, _) => count + 1,
            count => isKnown(count) ? new Decision.AlreadyRecorded() : new Decision.Rejected(Rejection.OutOfRange, "not yet"),
            TestFolder.Tester, Ct);
    }
}
