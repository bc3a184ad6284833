using System.Collections.Concurrent;
using System.Text;
using Ledger.Journal.Proof;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A witness vouches for one history of a log, whatever is sent, in whatever order, at once or after a crash.
/// c2sp.org/tlog-witness@v1.0.0.
/// </summary>
public sealed class WitnessTests : IDisposable
{
    private static readonly WitnessLog Log = new(), Rewritten = new(history: 1);
    private readonly TestFolder folder = new();

    public WitnessTests()
    {
        Witness.KeyOf(folder.Path, "witness.example/w1").ShouldNotBeNull();
        Witness.Trust(folder.Path, WitnessLog.Key.Verifier).ShouldBeTrue();
    }

    public void Dispose() => folder.Dispose();

    private Witness Open() => Witness.Open(folder.Path, Witness.KeyOf(folder.Path, null)!, folder.Clock);

    private static WitnessAnswer Add(Witness witness, AddCheckpointRequest request) => witness.Add(request.ToBytes());

    private static int Status(Witness witness, AddCheckpointRequest request) => Add(witness, request).Status;

    [Fact]
    public void It_vouches_for_what_continues_and_keeps_it_first()
    {
        using var witness = Open();
        foreach (var (old, size) in ((long, long)[])[(0, 0), (0, 1), (1, 5), (5, 5), (5, 8), (8, 300)])
        {
            folder.Clock.Now += Duration.FromSeconds(7);
            var cosigned = Add(witness, Log.Request(old, size)).ShouldBeOfType<WitnessAnswer.Cosigned>();
            var note = Log.Note(size) with { Signatures = [.. Log.Note(size).Signatures, cosigned.Signature] };
            var signers = CheckpointSigners.Of(note, [WitnessLog.Key.Verifier, witness.Verifier]);
            signers.Witnesses.ShouldHaveSingleItem().UnixSeconds.ShouldBe(folder.Clock.Now.ToUnixTimeSeconds());
            $"{witness.Latest(Witness.HashOf(WitnessLog.Origin))}".ShouldBe($"{note}");
        }
    }

    /// <summary>Each request breaks its rule and none before it, in the document's order.</summary>
    [Fact]
    public void Each_refusal_has_its_status()
    {
        using var witness = Open();
        Status(witness, Log.Request(0, 8)).ShouldBe(200);
        var right = Log.Request(8, 300);
        byte[] wrong = [.. right.Proof[0]];
        wrong[0] ^= 1;
        var stranger = new SignerKey("ledger.example/other", new byte[32]);
        var stolen = new SignerKey(WitnessLog.Origin, new byte[32]);
        var (size, empty) = (Log.Note(300), SignedNote.Sign(
            new Checkpoint(WitnessLog.Origin, 0, new byte[32]).ToText(), WitnessLog.Key));
        foreach (var (status, request, why) in ((int, AddCheckpointRequest, string)[])
        [
            (404, right with { Note = SignedNote.Sign(new Checkpoint("ledger.example/other", 300, Log.Root(300)).ToText(),
                stranger) }, "an origin that it does not know"),
            (403, right with { Note = Log.Note(300, stolen) }, "a key that it does not trust"),
            (403, right with { Note = size with { Signatures = [WitnessLog.Key.Sign("another text\n")] } },
                "a trusted key's line that does not hold"),
            (400, Log.Request(0, 5) with { OldSize = 6 }, "an old size above the checkpoint's"),
            (409, Log.Request(5, 300), "another size than it knows"),
            (409, Log.Request(0, 5), "a smaller tree"),
            (422, right with { Proof = [wrong, .. right.Proof.Skip(1)] }, "a proof that does not prove"),
            (422, right with { Proof = [.. right.Proof, wrong] }, "one hash too many"),
            (422, right with { Proof = [] }, "no proof"),
            (422, Rewritten.Request(8, 300), "another history"),
            (422, Log.Request(8, 8) with { Note = Rewritten.Note(8) }, "the same size with another root"),
            (422, Log.Request(8, 8) with { Proof = [wrong] }, "a proof from a size to itself"),
        ])
            Status(witness, request).ShouldBe(status, why);
        // Of two lines of one key the first counts, and only that is kept.
        Status(witness, right with
        {
            Note = size with
            {
                Signatures = [.. size.Signatures, new(WitnessLog.Origin,
            WitnessLog.Key.Verifier.Id, new byte[64])]
            }
        }).ShouldBe(200);
        witness.Latest(Witness.HashOf(WitnessLog.Origin))!.Signatures.Count.ShouldBe(2);
        using var second = new TestFolder();
        Witness.Trust(Directory.CreateDirectory(second.Path).FullName, WitnessLog.Key.Verifier);
        using var fresh = Witness.Open(second.Path, Witness.KeyOf(second.Path, "w")!, second.Clock);
        Status(fresh, right with { OldSize = 0 }).ShouldBe(422, "a proof from nothing");
        Status(fresh, new(0, [], empty)).ShouldBe(422, "an empty tree with another root");
        Add(fresh, Log.Request(4, 8)).ShouldBe(new WitnessAnswer.AnotherSize(0));
    }

    [Fact]
    public void Whatever_is_cut_or_flipped_is_never_vouched_for()
    {
        using var witness = Open();
        Status(witness, Log.Request(0, 3)).ShouldBe(200);
        var request = Log.Request(3, 7).ToBytes();
        for (var length = 0; length < request.Length; length++)
            witness.Add(request.AsSpan(0, length)).ShouldBeOfType<WitnessAnswer.Malformed>($"{length} bytes");
        for (var bit = 0; bit < request.Length * 8; bit++)
        {
            var flipped = request.ToArray();
            flipped[bit / 8] ^= (byte)(1 << bit % 8);
            witness.Add(flipped).ShouldNotBeOfType<WitnessAnswer.Cosigned>($"bit {bit}");
        }
        Encoding.UTF8.GetString(request).ShouldStartWith("old 3\n");
        witness.Add(request).Status.ShouldBe(200);
        var long_ = Log.Request(7, 7);
        Status(witness, long_ with { Proof = [.. Enumerable.Repeat(new byte[32], 64)] }).ShouldBe(400);
        witness.Add(new byte[AddCheckpointRequest.BytesMax + 1]).Status.ShouldBe(400);
    }

    /// <summary>The compare and the swap are one: of eight that send two histories at the same moment, to a witness
    /// that knows neither, one is vouched for.</summary>
    [Fact]
    public async Task Of_two_histories_at_the_same_moment_one_is_vouched_for()
    {
        for (var round = 0; round < 20; round++)
        {
            using var fresh = new TestFolder();
            var key = Witness.KeyOf(fresh.Path, "w")!;
            Witness.Trust(fresh.Path, WitnessLog.Key.Verifier);
            using var witness = Witness.Open(fresh.Path, key, fresh.Clock);
            using var start = new Barrier(8);
            byte[][] requests = [Log.Request(0, 8).ToBytes(), Rewritten.Request(0, 8).ToBytes()];
            var statuses = await Task.WhenAll(Enumerable.Range(0, 8).Select(sender => Task.Factory.StartNew(() =>
            {
                start.SignalAndWait(TestContext.Current.CancellationToken);
                return witness.Add(requests[sender % 2]).Status;
            }, TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
            statuses.Count(status => status == 200).ShouldBe(1, "each says that the witness knows nothing");
            statuses.Count(status => status == 409).ShouldBe(7);
        }
    }

    /// <summary>Of two histories that are sent again and again, by eight, to a witness that starts anew now and then,
    /// only one is ever vouched for.</summary>
    [Fact]
    public async Task It_never_vouches_for_two_histories_at_once()
    {
        var vouched = new ConcurrentBag<(int History, long Size)>();
        WitnessLog[] histories = [Log, Rewritten];
        for (var round = 0; round < 4; round++)
        {
            using var witness = Open();
            await Task.WhenAll(Enumerable.Range(0, 8).Select(sender => Task.Run(() =>
            {
                var (history, known, chance) = (sender % 2, 0L, new Random(100 * round + sender));
                for (var attempt = 0; attempt < 25; attempt++)
                {
                    var size = Math.Min(300, known + chance.Next(0, 12));
                    var answer = Add(witness, histories[history].Request(known, size));
                    if (answer is WitnessAnswer.AnotherSize another) known = another.Known;
                    if (answer is not WitnessAnswer.Cosigned) continue;
                    vouched.Add((history, size));
                    known = size;
                }
            }, TestContext.Current.CancellationToken)));
        }
        vouched.Count.ShouldBeGreaterThan(8);
        vouched.Where(one => one.Size > WitnessLog.Shared).Select(one => one.History).Distinct().Count()
            .ShouldBe(1, "two histories have been vouched for");
    }

    /// <summary>The process ends after the checkpoint is durable and before the answer: the answer is lost, and the
    /// witness knows all the same what it vouched for.</summary>
    [Fact]
    public void An_answer_that_is_lost_binds_it()
    {
        using (var witness = Open()) Status(witness, Log.Request(0, 8)).ShouldBe(200);
        var state = Path.Combine(folder.Path, Witness.LogsFolder, Witness.HashOf(WitnessLog.Origin), "checkpoint");
        File.WriteAllText(state + ".1.1", "what a crash left of the next one");
        using var again = Open();
        Add(again, Rewritten.Request(0, 8)).ShouldBe(new WitnessAnswer.AnotherSize(8));
        Status(again, Rewritten.Request(8, 300)).ShouldBe(422);
        Status(again, new(8, [], Rewritten.Note(8))).ShouldBe(422);
        Status(again, Log.Request(8, 8)).ShouldBe(200);
        Directory.EnumerateFiles(Path.Combine(Path.GetDirectoryName(state)!, "refused")).Count().ShouldBe(2);
    }

    [Fact]
    public void A_damaged_memory_vouches_for_nothing()
    {
        using var witness = Open();
        Status(witness, Log.Request(0, 8)).ShouldBe(200);
        var state = Path.Combine(folder.Path, Witness.LogsFolder, Witness.HashOf(WitnessLog.Origin), "checkpoint");
        File.WriteAllText(state, $"{Rewritten.Note(5)}"); // signed by the log, but not kept by this witness
        Should.Throw<InvalidDataException>(() => Status(witness, Log.Request(5, 8)));
        File.WriteAllText(state, "");
        Should.Throw<InvalidDataException>(() => Status(witness, Log.Request(0, 8)));
        CommandRun.Of(["witness", "show", "--data", folder.Path]).Errors.ShouldContain("retire this witness's key");
    }

    [Fact]
    public void A_clock_that_goes_back_gives_no_earlier_time()
    {
        using var witness = Open();
        long Time(WitnessAnswer answer) => Cosignature.TryRead(((WitnessAnswer.Cosigned)answer).Signature.Bytes,
            out var unixSeconds, out _) ? unixSeconds : -1;
        var first = Time(Add(witness, Log.Request(0, 8)));
        folder.Clock.Now -= Duration.FromHours(1);
        Time(Add(witness, Log.Request(8, 9))).ShouldBe(first);
    }

    [Fact]
    public void What_is_refused_is_kept_up_to_a_bound()
    {
        using var witness = Open();
        Status(witness, Log.Request(0, 8)).ShouldBe(200);
        for (var size = 9; size < 9 + Witness.RefusedMax + 5; size++)
            Status(witness, Rewritten.Request(8, size)).ShouldBe(422);
        Witness.RefusedOf(folder.Path, WitnessLog.Origin).ShouldBe(Witness.RefusedMax);
    }

    [Fact]
    public void One_process_answers_its_key_is_the_owners_and_only_logs_are_trusted()
    {
        using var witness = Open();
        Should.Throw<IOException>(Open).Message.ShouldContain("another process");
        if (!OperatingSystem.IsWindows())
            File.GetUnixFileMode(Path.Combine(folder.Path, Witness.KeyFileName))
                .ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Witness.Trust(folder.Path, WitnessLog.Key.Verifier).ShouldBeFalse();
        Should.Throw<NoteRefusedException>(() => Witness.Trust(folder.Path, witness.Verifier));
        var next = new SignerKey(WitnessLog.Origin, [.. Enumerable.Repeat((byte)9, 32)]);
        var after = Log.Request(0, 8) with { Note = Log.Note(8, next) };
        Status(witness, after).ShouldBe(403);
        Witness.Trust(folder.Path, next.Verifier).ShouldBeTrue();
        Status(witness, after).ShouldBe(200, "a key that was trusted while it runs");
        Witness.Trusted(folder.Path).Count.ShouldBe(2);
    }
}
