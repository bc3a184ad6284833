using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What does not count is kept as far as its party's day and the disk have room, and what counts always is.
/// </summary>
public sealed class UncountedEvidenceTests : IDisposable
{
    private readonly TestFolder folder = new();
    private static readonly Principal Other = TestFolder.Tester with { Party = new("BETA") };
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => folder.Dispose();

    private static Submission Bytes(int length, char with) => new(Encoding.ASCII.GetBytes(new string(with, length)), "test");

    private static Task<RecordOutcome> RefuseAsync(Recorder recorder, Submission what, Principal? by = null) =>
        recorder.RefuseAsync(Rejection.Malformed, "no JSON", what, by ?? TestFolder.Tester, Ct);

    /// <summary>Room for two pieces of a thousand bytes and their facts, and not for a third.</summary>
    private static readonly EvidenceLimits Two = new((2 * (1000 + UncountedEvidence.RefusalBytes)) + 500, 0);

    [Fact]
    public async Task A_party_has_so_much_kept_in_a_day_and_the_next_day_again_also_after_a_start()
    {
        await using var journal = folder.Open();
        using var archive = EvidenceArchive.Open(folder.Path, TestFolder.Secret);
        var recorder = new Recorder(journal, archive, folder.Clock, Two);
        var alarms = new List<string>();
        recorder.Uncounted.Alarmed += alarms.Add;
        folder.Clock.Now = TestFolder.Start + Duration.FromHours(23);
        foreach (var with in "ab")
            (await RefuseAsync(recorder, Bytes(1000, with))).ShouldBe(new RecordOutcome.Refused(Rejection.Malformed, "no JSON"));
        var third = (await RefuseAsync(recorder, Bytes(1000, 'c'))).ShouldBeOfType<RecordOutcome.Unkept>();
        (third.Code, third.Why, third.Again).ShouldBe((Rejection.Malformed, Shortage.Allowance, Duration.FromHours(1)));
        third.Said.ShouldBe($"Malformed ({(int)Rejection.Malformed}): no JSON; it was not kept, because as much evidence of this party that does "
            + "not count was kept today as may be");
        archive.Has(new(Convert.ToHexStringLower(SHA256.HashData(Bytes(1000, 'c').Bytes.Span)))).ShouldBeFalse();
        journal.Length.ShouldBe(2);
        await RefuseAsync(recorder, Bytes(1000, 'd'));
        alarms.Single().ShouldStartWith("party ACME has had ");
        // Others have their own, and the ledger's own party what the disk has.
        (await RefuseAsync(recorder, Bytes(1000, 'c'), Other)).ShouldBeOfType<RecordOutcome.Refused>();
        for (var i = 0; i < 5; i++)
            (await RefuseAsync(recorder, Bytes(1000, (char)('e' + i)), TestFolder.Tester with { Party = new("test") }))
                .ShouldBeOfType<RecordOutcome.Refused>();
        // The day's facts say what was kept of it.
        var again = new Recorder(journal, archive, folder.Clock, Two);
        (await RefuseAsync(again, Bytes(1000, 'x'))).ShouldBeOfType<RecordOutcome.Unkept>();
        (await RefuseAsync(again, Bytes(400, 'x'), Other)).ShouldBeOfType<RecordOutcome.Refused>();
        folder.Clock.Now += Duration.FromHours(1);
        (await RefuseAsync(recorder, Bytes(1000, 'c'))).ShouldBeOfType<RecordOutcome.Refused>();
        (await RefuseAsync(again, Bytes(1000, 'x'))).ShouldBeOfType<RecordOutcome.Refused>();
    }

    [Fact]
    public async Task The_same_bytes_take_room_once_and_small_ones_are_bounded_by_their_facts()
    {
        await using var journal = folder.Open();
        using var archive = EvidenceArchive.Open(folder.Path, TestFolder.Secret);
        var recorder = new Recorder(journal, archive, folder.Clock, Two);
        for (var i = 0; i < 20; i++)
            (await RefuseAsync(recorder, Bytes(1000, 'a'))).ShouldBeOfType<RecordOutcome.Refused>();
        // The same piece under another rule is a fact more, and no byte of evidence.
        (await recorder.RefuseAsync(Rejection.EmptyInput, "nothing", Bytes(1000, 'a'), TestFolder.Tester, Ct))
            .ShouldBeOfType<RecordOutcome.Refused>();
        (await RefuseAsync(recorder, Bytes(400, 'b'))).ShouldBeOfType<RecordOutcome.Refused>();
        (await RefuseAsync(recorder, Bytes(1, 'c'))).ShouldBeOfType<RecordOutcome.Unkept>();
        journal.Length.ShouldBe(3);
    }

    [Fact]
    public async Task Evidence_of_which_nothing_counts_is_bounded_too_and_what_counts_gives_its_room_back()
    {
        await using var journal = folder.Open();
        using var archive = EvidenceArchive.Open(folder.Path, TestFolder.Secret);
        var recorder = new Recorder(journal, archive, folder.Clock, new(1000, 0));
        for (var i = 0; i < 5; i++)
            (await recorder.HoldAsync(Bytes(900, (char)('a' + i)), TestFolder.Tester, Ct))!
                .Note(new RecordOutcome.Several([new RecordOutcome.AlreadyRecorded(1), new RecordOutcome.Recorded(2)]));
        var first = (await recorder.HoldAsync(Bytes(900, 'x'), TestFolder.Tester, Ct))!;
        first.Note(new RecordOutcome.Refused(Rejection.OutOfRange, "of none"));
        first.Note(new RecordOutcome.AlreadyRecorded(7));
        (await recorder.HoldAsync(Bytes(900, 'y'), TestFolder.Tester, Ct)).ShouldNotBeNull();
        (await recorder.HoldAsync(Bytes(900, 'z'), TestFolder.Tester, Ct)).ShouldBeNull();
        (await recorder.HoldAsync(Bytes(900, 'x'), TestFolder.Tester, Ct)).ShouldBeNull();
        first.Note(new RecordOutcome.Quarantined(8, Rejection.OutOfRange, "of one"));
        first.Note(new RecordOutcome.Recorded(9)); // given back once
        (await recorder.HoldAsync(Bytes(900, 'z'), TestFolder.Tester, Ct)).ShouldNotBeNull();
        (await recorder.HoldAsync(Bytes(900, 'w'), TestFolder.Tester, Ct)).ShouldBeNull();
        recorder.NotHeld("nothing").Why.ShouldBe(Shortage.Allowance);
    }

    /// <summary>As where a party imports a folder once more whose month was pruned: it was its room once.</summary>
    [Fact]
    public async Task What_was_pruned_and_comes_back_takes_no_room_of_what_is_new()
    {
        await using var journal = folder.Open();
        using var archive = EvidenceArchive.Open(folder.Path, TestFolder.Secret);
        var recorder = new Recorder(journal, archive, folder.Clock, new(1000, 0));
        var pieces = new List<EvidenceDigest>();
        foreach (var with in "abcde")
        {
            var held = (await recorder.HoldAsync(Bytes(900, with), TestFolder.Tester, Ct))!;
            held.Note(new RecordOutcome.Recorded(1));
            pieces.Add(held.Digest);
        }
        archive.Prune(pieces.ToDictionary(piece => piece, _ => 7L));
        foreach (var with in "abcde")
            (await recorder.HoldAsync(Bytes(900, with), TestFolder.Tester, Ct))!
                .Note(new RecordOutcome.AlreadyRecorded(1));
        pieces.ShouldAllBe(piece => archive.PrunedBy(piece) == null);
        foreach (var with in "xy") (await recorder.HoldAsync(Bytes(900, with), TestFolder.Tester, Ct)).ShouldNotBeNull();
        (await recorder.HoldAsync(Bytes(900, 'z'), TestFolder.Tester, Ct)).ShouldBeNull();
    }

    [Fact]
    public async Task With_too_little_of_the_disk_free_what_is_refused_is_not_kept_and_facts_are_recorded()
    {
        await using var served = await ServedLedger.StartAsync(evidence: new(long.MaxValue, long.MaxValue / 2));
        await served.RegisterConnectorAsync();
        var length = served.Ledger.Journal.Length;
        var refused = await served.PostAsync("/v1/register-readings",
            """{"point":"CP1","direction":"import","readAt":"2026-03-01T16:00:00Z","kwh":"1.0000001"}""");
        (refused.Status, refused["name"]).ShouldBe((503, "StorageLow"));
        refused["detail"]!.ShouldContain("OutOfRange");
        refused["detail"]!.ShouldEndWith("it was not kept, because the disk has no room but for facts");
        refused.Response.Headers.RetryAfter!.Delta.ShouldBe(TimeSpan.FromMinutes(1));
        served.Ledger.Journal.Length.ShouldBe(length);
        (await served.PostAsync("/v1/register-readings",
            """{"point":"CP1","direction":"import","readAt":"2026-03-01T16:00:00Z","kwh":"1.000"}""")).Status.ShouldBe(201);
        var file = await served.PostAsync("/v1/imports?name=a.csv",
            "point,register,read_at,kwh\nCP1,1.8.0,2026-03-01T17:00:00Z,2.000\nCP1,1.8.0,yesterday,2.000\n");
        (file["recorded"], file["refused"]).ShouldBe(("1", "0"));
        var curve = await served.PostAsync("/v1/curves?point=CP1", "time,kw\nx,1\n");
        (curve.Status, curve["name"]).ShouldBe((503, "StorageLow"));
        var left = file.Json.GetProperty("uncounted")[0];
        (left.GetProperty("standing").GetString(), left.GetProperty("name").GetString())
            .ShouldBe(("not taken", "InvalidTime"));
        served.Errors.ToString().Split('\n').Count(line => line.StartsWith("ALARM the disk has ", StringComparison.Ordinal))
            .ShouldBe(1);
    }

    private static string Reading(int number, string kwh) => string.Create(CultureInfo.InvariantCulture,
        $$"""{"point":"CP1","direction":"import","readAt":"2026-03-01T{{number / 60:D2}}:{{number % 60:D2}}:00Z","kwh":"{{kwh}}"}""");

    private static async Task<AccessTown> TownAsync(EvidenceLimits limits)
    {
        var town = await AccessTown.StartAsync(new FrameLogOptions(""), evidence: limits);
        foreach (var operation in new[] { "settlement-point", "register" })
            foreach (var side in new[] { AccessTown.Own, AccessTown.Foreign })
                await town.TakeAsync(operation,
                    side.In(AccessRequests.Posts.Single(post => post.Operation == operation).Body), side.Account);
        return town;
    }

    [Fact]
    public async Task At_the_door_what_is_too_much_is_429_until_tomorrow_and_what_counts_is_recorded()
    {
        await using var town = await TownAsync(new(4 * UncountedEvidence.RefusalBytes, 0));
        var acme = town.Key(Role.ChargingOperator);
        var answers = new List<Answer>();
        for (var i = 0; i < 6; i++)
            answers.Add(await town.PostAsync(acme, "/v1/register-readings", Reading(i, "0.00001")));
        answers.Select(answer => answer.Status).ShouldBe([422, 422, 422, 429, 429, 429]);
        answers[^1]["name"].ShouldBe("RefusedTooMuch");
        // The town's clock stands at midnight.
        answers[^1].Response.Headers.RetryAfter!.Delta.ShouldBe(TimeSpan.FromDays(1));
        (await town.PostAsync(acme, "/v1/register-readings", Reading(10, "1.000"))).Status.ShouldBe(201);
        // A station of the same operator has no more, another operator has all of its own.
        (await town.PostAsync(town.Key(Role.Station), "/v1/register-readings", Reading(11, "0.00001"))).Status.ShouldBe(429);
        var beta = await town.GiveAsync("lee", Role.ChargingOperator, "BETA", []);
        (await town.PostAsync(beta, "/v1/register-readings",
            Reading(12, "0.00001").Replace("CP1", "CP2", StringComparison.Ordinal))).Status.ShouldBe(422);
        town.Served.Errors.ToString().ShouldContain("ALARM party ACME has had ");
    }

    /// <summary>An answer that says to send again is not the answer for ever.</summary>
    [Fact]
    public async Task A_key_keeps_no_answer_of_what_was_not_taken_and_a_curve_is_told_to_come_tomorrow()
    {
        await using var town = await TownAsync(new(4 * UncountedEvidence.RefusalBytes, 0));
        var acme = town.Key(Role.ChargingOperator);
        for (var i = 0; i < 6; i++) await town.PostAsync(acme, "/v1/register-readings", Reading(i, "0.00001"));
        var curve = await town.PostAsync(acme, "/v1/curves?point=CP1", "time,kw\nx,1\n");
        (curve.Status, curve["name"], curve.Response.Headers.RetryAfter!.Delta)
            .ShouldBe((429, "RefusedTooMuch", TimeSpan.FromDays(1)));
        const string good = "point,register,read_at,kwh\nCP1,1.8.0,2026-03-01T17:00:00Z,2.000\n";
        (await ImportAsync()).ShouldBe(("not taken", "1", false));
        town.Served.Clock.Now += Duration.FromDays(1);
        (await ImportAsync()).ShouldBe(("refused", "0", false));
        // What a rule refuses it may take the next time; what is recorded is told again.
        (await ImportAsync()).ShouldBe(("refused", "0", false));
        var first = await town.PostAsync(acme, "/v1/imports?name=b.csv", good, "k2");
        var again = await town.PostAsync(acme, "/v1/imports?name=b.csv", good, "k2");
        (again.Text, again.Response.Headers.Contains("Idempotency-Hit")).ShouldBe((first.Text, true));

        async Task<(string? Standing, string? Recorded, bool IsStored)> ImportAsync()
        {
            var answer = await town.PostAsync(acme, "/v1/imports?name=a.csv", $"{good}CP1,1.8.0,yesterday,2.000\n", "k1");
            return (answer.Json.GetProperty("uncounted")[0].GetProperty("standing").GetString(), answer["recorded"],
                answer.Response.Headers.Contains("Idempotency-Hit"));
        }
    }

    [Fact]
    public async Task Frames_that_are_refused_are_bounded_by_their_senders_day()
    {
        await using var town = await TownAsync(new(3 * UncountedEvidence.RefusalBytes, 0));
        var statuses = new List<int>();
        for (var i = 0; i < 4; i++)
            statuses.Add((await town.SendAsync(HttpMethod.Post, town.Key(Role.Station).Shown, "/v1/frames",
                [2, 0, 0, 0, (byte)'h', (byte)i])).Status);
        statuses.ShouldBe([422, 422, 429, 429]);
    }

    [Fact]
    public async Task A_file_about_somebody_elses_point_leaves_no_byte()
    {
        await using var town = await TownAsync(EvidenceLimits.Standard);
        foreach (var (point, isKept) in new[] { ("CP2", false), ("CP1", true) })
        {
            var file = Encoding.UTF8.GetBytes($"point,register,read_at,kwh\n{point},1.8.0,2026-03-01T17:00:00Z,2.000\n");
            (await town.SendAsync(HttpMethod.Post, town.Key(Role.ChargingOperator).Shown, "/v1/imports?name=a.csv", file))
                .Status.ShouldBe(200);
            town.Served.Ledger.Evidence.Has(new(Convert.ToHexStringLower(SHA256.HashData(file))))
                .ShouldBe(isKept, point);
        }
    }

    [Fact]
    public void Limits_have_room_for_any_one_file()
    {
        EvidenceLimits.Standard.WhyNot.ShouldBeNull();
        EvidenceLimits.None.WhyNot.ShouldBeNull();
        new EvidenceLimits(EvidenceLimits.BytesPerDayLeast, 0).WhyNot.ShouldBeNull();
        new EvidenceLimits(EvidenceLimits.BytesPerDayLeast - 1, 0).WhyNot!.ShouldContain("less refused in a day than one file");
        new EvidenceLimits(EvidenceLimits.BytesPerDayLeast, -1).WhyNot.ShouldNotBeNull();
    }
}
