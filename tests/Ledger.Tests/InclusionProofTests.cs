using System.Text;
using Ledger.Api.Access;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Proof;
using Shouldly;

namespace Ledger.Tests;

/// <summary>A fact with its proof by HTTP: the file of the command line, for who may read the fact, and for nobody
/// else.</summary>
public sealed class InclusionProofTests
{
    private static string Of(long position) => $"/v1/inclusion-proofs?position={position}";

    /// <summary>The town has this key's other half as its signing key.</summary>
    private static readonly SignerKey Key =
        new("ledger.example/test", [.. Enumerable.Range(0, 32).Select(i => (byte)i)]);

    /// <summary>Signs and publishes a checkpoint; of how many events it is.</summary>
    private static async Task<long> SignAsync(AccessTown town)
    {
        await using var journal = SqliteJournalReader.Open(town.Served.Options);
        var note = await town.Served.Ledger.Log.SignAsync(
            journal, Key, [Key.Verifier], TestContext.Current.CancellationToken);
        return Checkpoint.Parse(note.Text).Size;
    }

    /// <summary>What the command line writes of a position.</summary>
    private static async Task<string> WrittenAsync(AccessTown town, long position)
    {
        var path = Path.Combine(town.Served.Options.Directory, "one.tlog-proof");
        var run = await CommandRun.OfAsync(["prove", $"{position}", "--out", path, "--data",
            town.Served.Options.Directory], clock: new StandingClock(AccessTown.Now));
        run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
        (await CommandRun.OfAsync(["verify", path], clock: new StandingClock(AccessTown.Now)))
            .ShouldBeFailure($"ledger verify: {path} is one event with its proof, and brings no key: name those that you "
                + "trust with --keys FILE");
        var keys = path + ".keys";
        await File.WriteAllTextAsync(keys, $"{Key.Verifier}\n", TestContext.Current.CancellationToken);
        var verified = await CommandRun.OfAsync(["verify", path, "--keys", keys],
            clock: new StandingClock(AccessTown.Now));
        verified.Exit.ShouldBe(ExitCode.Done, verified.Output + verified.Errors);
        return await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken);
    }

    private static void ShouldBeProblem(Answer answer, string name, string detail) =>
        (answer.Status, answer["name"], answer["detail"], answer.Media)
            .ShouldBe((404, name, detail, "application/problem+json"));

    private static string? Header(Answer answer, string name) =>
        answer.Response.Headers.TryGetValues(name, out var values) ? values.Single() : null;

    [Fact]
    public async Task A_proof_is_the_file_that_the_command_line_writes()
    {
        await using var town = await AccessTown.StartAsync();
        var (fact, _) = await town.RecordAllAsync(AccessTown.Own);
        var auditor = town.Key(Role.Auditor);
        ShouldBeProblem(await town.GetAsync(auditor, Of(fact)), "NotPublished",
            "no checkpoint was signed yet; make one with: ledger checkpoint");

        var size = await SignAsync(town);
        await town.RecordAsync(AccessTown.Own.In(
            """{"type":"register-reading","point":"{point}","direction":"import","readAt":"2026-02-28T16:00:00Z","kwh":"9.000"}"""));

        var answer = await town.GetAsync(auditor, Of(fact));
        answer.Text.ShouldBe(await WrittenAsync(town, fact));
        (answer.Status, answer.Media, answer.Position, Header(answer, "Ledger-Checkpoint-Size"))
            .ShouldBe((200, "text/plain", $"{fact}", $"{size}"));
        answer.Response.Content.Headers.ContentDisposition!.FileName!.Trim('"').ShouldBe($"{fact}.tlog-proof");

        var proof = TlogProof.Parse(answer.Text);
        var shown = DisclosedEvent.Read(proof.Extra);
        (proof.Index, proof.Verify(shown.LeafEntry(), Key.Verifier).Size).ShouldBe((fact, size));
        var proven = shown.At(fact);
        (proven.Envelope.WireName, proven.Envelope.Tenant.Value).ShouldBe(("register-reading-recorded", "ACME"));
        Encoding.UTF8.GetString(proven.Payload.Span).ShouldContain("CP1");

        (await town.GetAsync(auditor, Of(size - 1))).Status.ShouldBe(200);
        ShouldBeProblem(await town.GetAsync(auditor, Of(size)), "NotPublished",
            $"the latest checkpoint is of {size} events and does not cover position {size}");
        ShouldBeProblem(await town.GetAsync(auditor, Of(1_000_000)), "OutOfRange", "there is no event at position 1000000");
        (await town.GetAsync(auditor, "/v1/inclusion-proofs"))["name"].ShouldBe("MissingField");
        (await town.GetAsync(auditor, "/v1/inclusion-proofs?position=-1"))["name"].ShouldBe("OutOfRange");
        (await town.GetAsync(auditor, Of(fact) + "&asOf=3"))["name"].ShouldBe("UnknownField");

        // The next checkpoint makes it another proof, and till then it is the same.
        (await KnownAsync(town, Of(fact), answer)).ShouldBe(304);
        await SignAsync(town);
        (await KnownAsync(town, Of(fact), answer)).ShouldBe(200);
        (await town.GetAsync(auditor, Of(size))).Status.ShouldBe(200);
        town.Served.Errors.ToString().ShouldBeEmpty();
    }

    private static async Task<int> KnownAsync(AccessTown town, string path, Answer before)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = new("Bearer", town.Key(Role.Auditor).Shown);
        request.Headers.IfNoneMatch.Add(before.Response.Headers.ETag!);
        using var again = await town.Served.Client.SendAsync(request, TestContext.Current.CancellationToken);
        return (int)again.StatusCode;
    }

    /// <summary>A proof shows what the fact says, so it is for who handed it in, and for an auditor. Whoever is limited
    /// to stations of its operator is not told what the operator handed in of others.</summary>
    [Fact]
    public async Task A_proof_is_for_who_handed_the_fact_in_and_for_an_auditor()
    {
        await using var town = await AccessTown.StartAsync();
        var (own, _) = await town.RecordAllAsync(AccessTown.Own);
        var (foreign, _) = await town.RecordAllAsync(AccessTown.Foreign);
        await SignAsync(town);
        var limited = await town.GiveAsync("limited", Role.ChargingOperator, "ACME", ["S1"]);

        async Task<int> StatusAsync(AccessKeyText? key, long position) =>
            (await town.GetAsync(key, Of(position))).Status;
        foreach (var (role, ofOwn, ofForeign) in new[]
        {
            (Role.Station, 403, 403), (Role.ChargingOperator, 200, 404), (Role.Aggregator, 404, 404),
            (Role.GridOperator, 404, 404), (Role.Auditor, 200, 200), (Role.Administrator, 403, 403),
        })
            (await StatusAsync(town.Key(role), own), await StatusAsync(town.Key(role), foreign))
                .ShouldBe((ofOwn, ofForeign), $"{role}");
        (await StatusAsync(null, own), await StatusAsync(limited, own)).ShouldBe((401, 404));
        (await town.GetAsync(limited, $"/v1/fact-uses?position={own}")).Status.ShouldBe(404);
        ShouldBeProblem(await town.GetAsync(town.Key(Role.ChargingOperator), Of(foreign)), "OutOfRange",
            $"there is no event at position {foreign}");
    }
}
