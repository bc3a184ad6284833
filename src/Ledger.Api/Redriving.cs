using System.Globalization;
using System.Text.Json.Nodes;
using Ledger.Api.Resources;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using Ledger.Projections;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Api;

/// <summary>What became of one piece of refused evidence that was taken again.</summary>
/// <param name="Outcome">redriven, settled (nothing of it is refused any more since an earlier time), or refused (it
/// can not be taken, for the reason in <paramref name="Detail"/>).</param>
public sealed record RedriveAnswer(
    string Evidence, long Refusal,
    [property: Choices(RedriveAnswer.Redriven, RedriveAnswer.Settled, RedriveAnswer.NotTaken)] string Outcome,
    long? Position, int Recorded, int AlreadyThere, int Quarantined,
    int Refused, int? Code, string? Name, string? Detail)
{
    public const string Redriven = "redriven", Settled = "settled", NotTaken = "refused";
}

/// <summary>What became of refused evidence that was taken again.</summary>
/// <param name="Left">How many more pieces are so named, which another request takes.</param>
public sealed record RedrivesAnswer(IReadOnlyList<RedriveAnswer> Redrives, int Left);

/// <summary>Which refused evidence shall be taken again, and who answers for it.</summary>
/// <param name="Evidence">One piece; null where <paramref name="Code"/> says which.</param>
/// <param name="Code">All that was refused by this rule.</param>
/// <param name="Most">So many pieces of it, and those first that nobody has released yet.</param>
public sealed record RedriveRequest(EvidenceDigest? Evidence, Rejection? Code, string By, string Reason,
    IntakeHints Hints, int Most = Redriving.PiecesMax);

/// <summary>
/// Takes kept evidence through the intake again, in the name of whoever handed it in. The release comes first, then the
/// taking, then the fact that says what came of it: who stops between finds the rest by doing it again, because facts
/// are recognised.
/// </summary>
public static class Redriving
{
    /// <summary>Pieces of one request.</summary>
    public const int PiecesMax = 10_000;

    public static CommandRoutes AddTo(CommandRoutes routes, EvidenceArchive archive) => routes
        .Add<RefusalToRelease>(Scopes.RefusalsWrite, (recorder, c, now, ct) =>
            ReleaseAsync(archive, recorder, c, now, ct))
        .Add<EvidenceRedriven>(Scopes.RefusalsRedrive, (recorder, c, now, ct) => recorder.RecordAsync(
            Streams.Refusal(c.Input.Evidence), RefusalState.Empty, RefusalRelease.Evolve,
            state => RefusalRelease.Decide(state, c.Input, now), c.By, ct));

    /// <summary>The refused evidence that a request names, each piece once, in order of its first refusal.</summary>
    private static List<(EvidenceDigest Evidence, long Refusal, bool IsReleased)> Named(
        Projections.Answers answers, RedriveRequest request) =>
        [.. answers.Refusals().Where(row => row.Standing is "refused" or "released" or "redriven"
                && (request.Evidence is { } digest ? row.Evidence == digest.Hex
                    : row.Standing != "redriven" && row.Code == (int)request.Code!))
            .GroupBy(row => row.Evidence!)
            .Select(of => (new EvidenceDigest(of.Key), of.First().Position, of.First().Standing != "refused"))];

    public static async Task<RedrivesAnswer> TakeAsync(
        OpenLedger ledger, RedriveRequest request, Principal by, CancellationToken ct)
    {
        await ledger.CatchUpAsync(ct).ConfigureAwait(false);
        var answers = new List<RedriveAnswer>();
        var named = Named(new(ledger.Views), request);
        // What is refused again stays among what is named, and must not stand before the rest for ever.
        foreach (var (evidence, refusal, _) in named.Count <= request.Most
            ? named : named.OrderBy(one => one.IsReleased).Take(request.Most))
            answers.Add(await TakeAsync(ledger, request, evidence, refusal, by, ct).ConfigureAwait(false));
        await ledger.CatchUpAsync(ct).ConfigureAwait(false);
        return new(answers, named.Count - answers.Count);
    }

    private static async Task<RedriveAnswer> TakeAsync(OpenLedger ledger, RedriveRequest request,
        EvidenceDigest evidence, long refusal, Principal by, CancellationToken ct)
    {
        var (state, _) = await ledger.Recorder.LoadAsync(
            Streams.Refusal(evidence), RefusalState.Empty, RefusalRelease.Evolve, ct).ConfigureAwait(false);
        if (state.IsSettled)
            return new(
                evidence.Hex, state.Released!.Refusal, RedriveAnswer.Settled, null, 0, 0, 0, 0, null, null, null);
        if (Kept(ledger, request, evidence, out var bytes) is { } gone) return Not(gone);
        var recorded = await ledger.Journal.ReadAllAsync(refusal, ct).FirstAsync(ct).ConfigureAwait(false);
        var refused = (EvidenceRefused)EventCodec.Decode(recorded);
        var sender = await RefusedSender.OfAsync(recorded.Envelope, by, ledger.Recorder, ct).ConfigureAwait(false);
        var released = await ledger.Intake.TakeFactAsync(RefusalToRelease.Text(refusal, request.By, request.Reason),
            "refusal-release", by, Key($"release {evidence}"), ct).ConfigureAwait(false);
        if (released is RecordOutcome.Refused not) return Not(Refusal.Of(not.Code, not.Detail));
        var outcomes = await AgainAsync(ledger, request, new Submission(bytes, refused.Source), sender, ct)
            .ConfigureAwait(false);
        var again = new EvidenceRedriven(evidence, state.Released?.Refusal ?? refusal, 0,
            outcomes.Count(o => o is RecordOutcome.Recorded), outcomes.Count(o => o is RecordOutcome.AlreadyRecorded),
            outcomes.Count(o => o is RecordOutcome.Quarantined),
            outcomes.Count(o => o is RecordOutcome.Refused or RecordOutcome.Conflict or RecordOutcome.Unkept
                or RecordOutcome.Busy));
        var marked = await ledger.Commands.Send(new Command<EvidenceRedriven>(again, new Submission(
            System.Text.Encoding.UTF8.GetBytes(evidence.Hex), "redrive"), by, Key($"redrive {evidence}")), ct)
            .ConfigureAwait(false);
        var first = outcomes.OfType<RecordOutcome.Refused>().FirstOrDefault();
        return new(evidence.Hex, again.Refusal, RedriveAnswer.Redriven, (marked as RecordOutcome.Recorded)?.Position,
            again.Recorded, again.AlreadyThere, again.Quarantined, again.Refused, (int?)first?.Code,
            first?.Code.ToString(), first?.Detail);

        RedriveAnswer Not(Refusal why) => new(evidence.Hex, refusal, RedriveAnswer.NotTaken, null, 0, 0, 0, 0,
            (int)why.Code, $"{why.Code}", why.Detail);
    }

    /// <summary>A fact that was posted to a resource is taken as that resource takes it, all else as a file.</summary>
    private static async Task<IReadOnlyList<RecordOutcome>> AgainAsync(
        OpenLedger ledger, RedriveRequest request, Submission raw, Principal sender, CancellationToken ct)
    {
        if (Facts.TypeOf(raw.Source) is { } type)
            return [await ledger.Intake.TakeFactAsync(raw, type, sender, Key("fact"), ct).ConfigureAwait(false)];
        var report = await ledger.Intake.TakeAsync(raw, request.Hints, sender, ct).ConfigureAwait(false);
        return [.. report.Outcomes];
    }

    /// <summary>The bytes, where they are there and whoever they name is sealed again.</summary>
    private static Refusal? Kept(
        OpenLedger ledger, RedriveRequest request, EvidenceDigest evidence, out ReadOnlyMemory<byte> bytes)
    {
        bytes = default;
        if (ledger.Evidence.PrunedBy(evidence) is not null)
            return Refusal.Of(Rejection.EvidencePruned, $"evidence {evidence} was pruned with its month");
        if (ledger.Evidence.Find(evidence) is not { } piece)
            return Refusal.Of(Rejection.UnknownEvidence, $"the archive has no evidence {evidence}");
        if (piece.IsGone || piece.Missing.Count > 0)
            return Refusal.Of(Rejection.EvidenceErased, $"evidence {evidence} was erased with whom it names");
        bytes = piece.Raw;
        // What was sealed by the sender's word alone must not come to lie open because nobody repeats it.
        var named = ledger.Intake.SubjectsIn(bytes, request.Hints.Subject).Select(ledger.Evidence.PseudonymOf);
        return ledger.Evidence.SubjectsOf(evidence).Except(named).Any()
            ? Refusal.Of(Rejection.UnknownSubject,
                $"evidence {evidence} is sealed for a person whom it does not name: say whom it is about")
            : null;
    }

    private static async Task<RecordOutcome> ReleaseAsync(
        EvidenceArchive archive, Recorder recorder, Command<RefusalToRelease> command, Instant now,
        CancellationToken ct)
    {
        var (position, by, reason) = command.Input;
        var found = position < recorder.Journal.Length
            ? EventCodec.Decode(await recorder.Journal.ReadAllAsync(position, ct).FirstAsync(ct).ConfigureAwait(false))
            : null;
        if (found is RegisterReadingQuarantined held)
        {
            var then = await InForceThenAsync(recorder, held, position, ct).ConfigureAwait(false);
            return await recorder.RecordAsync(Streams.Register(held.Register), RegisterState.Empty, Register.Evolve,
                state => OfAnotherMeter(archive, state, held, then) as Decision
                    ?? (ReadingCorrections.Decide(state, ReadingCorrections.Release(held, $"released by {by}: {reason}"))
                        is var decision && decision is Decision.Rejected { Code: Rejection.ChangeOfBasis } refused
                        ? refused with { Detail = $"{refused.Detail}. {WayOut(state, held, position)}" } : decision),
                command.By, ct, command.Raw).ConfigureAwait(false);
        }
        if (found is not EvidenceRefused refused)
            return await recorder.RefuseAsync(Rejection.UnknownEvidence,
                $"nothing was refused or quarantined at position {position.ToString(CultureInfo.InvariantCulture)}",
                command.Raw, command.By, ct).ConfigureAwait(false);
        var release = new RefusalReleased(refused.Evidence, position, by, reason);
        return await recorder.RecordAsync(Streams.Refusal(refused.Evidence), RefusalState.Empty, RefusalRelease.Evolve,
            state => RefusalRelease.Decide(state, release, refused, now), command.By, ct, command.Raw)
            .ConfigureAwait(false);
    }

    /// <summary>What a person can do about a reading that is on no basis which the ledger knows: the rule alone says
    /// only that he cannot let it pass.</summary>
    private static string WayOut(RegisterState state, RegisterReadingQuarantined held, long position)
    {
        var before = state.InForce(held.ReadAt)!.Installed;
        var meter = new JsonObject
        {
            ["type"] = "register",
            ["point"] = held.Register.Point.Value,
            ["direction"] = $"{held.Register.Direction}".ToLowerInvariant(),
            ["meterSerial"] = "SERIAL-OF-THE-NEW-METER",
            ["digits"] = before.Digits,
            ["decimals"] = before.Decimals,
            ["validFrom"] = InstantPattern.ExtendedIso.Format(held.ReadAt),
        };
        if (before.Factor != 1) meter["factor"] = before.Factor;
        return "If the meter was exchanged, record the new one from then on, at the latest from this reading: ledger import "
            + $"exchange.jsonl (or POST /v1/registers) with {meter.ToJsonString()}; then again: ledger release "
            + $"{position.ToString(CultureInfo.InvariantCulture)} --by WHO --reason TEXT. If the reading before it is wrong, "
            + "or this one, correct that";
    }

    /// <summary>Refuses a quarantined value that names its meter, where another had taken its place by then: which one
    /// it was, only the evidence says. Where that lies in a month's archive, nobody can vouch for a value of a time for
    /// which another meter is in force by now than when it came.</summary>
    /// <param name="then">The meter that was in force for it when it came.</param>
    private static Decision.Rejected? OfAnotherMeter(
        EvidenceArchive archive, RegisterState state, RegisterReadingQuarantined held, RegisterInForce? then)
    {
        if (held.Evidence is not { } evidence || state.InForce(held.ReadAt) is not { } meter) return null;
        try
        {
            return new ReadingEvidence(archive.Get).Index(
                    meter.Installed, held.ReadAt, held.IndexSteps, evidence, null, out _) is { MeterSerial: { } serial }
                && serial != meter.Installed.MeterSerial ? Register.OfAnotherMeter(serial, meter, held.ReadAt) : null;
        }
        catch (EvidencePrunedException) when (meter.Installed.MeterSerial != then?.Installed.MeterSerial)
        {
            return new(Rejection.EvidencePruned, $"{held.Register}: another meter is in force for "
                + $"{InstantPattern.ExtendedIso.Format(held.ReadAt)} than when the value came, and which of them it is of "
                + $"only evidence {evidence} says, which was pruned with its month");
        }
        catch (Exception unread) when (unread is InvalidDataException or EvidenceErasedException
            or EvidencePrunedException)
        {
            return null; // no signed value, or nobody can ask it any more
        }
    }

    private static async Task<RegisterInForce?> InForceThenAsync(
        Recorder recorder, RegisterReadingQuarantined held, long position, CancellationToken ct)
    {
        var state = RegisterState.Empty;
        await foreach (var recorded in recorder.Journal.ReadStreamAsync(Streams.Register(held.Register), 0, ct)
            .ConfigureAwait(false))
            if (recorded.Position >= position) break;
            else if (EventCodec.Decode(recorded) is RegisterInstalled installed)
                state = Register.Evolve(state, installed, recorded.Envelope.ValidFrom);
        return state.InForce(held.ReadAt);
    }

    private static long attempts;

    // Each attempt is a new one: what it finds done is told by the facts.
    private static IdempotencyKey Key(string what) => new($" {what} {Interlocked.Increment(ref attempts)}");
}
