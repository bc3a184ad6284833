using Ledger.Domain;
using Ledger.Journal;
using Ledger.Journal.Pipeline;
using MediatR;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>What a file cannot say of itself: the point of a curve without a point column,
/// the zone of local times.</summary>
/// <param name="SentAt">The sender's clock when it sent, where it says so: its offset from ours is recorded.</param>
/// <param name="PublicKey">The meter's key, for signed values that come without a container.</param>
/// <param name="Subject">The person whom all of the file is about: what is kept of it is sealed under their
/// key.</param>
public sealed record IntakeHints(
    SettlementPointId? Point = null, DateTimeZone? Zone = null, Instant? SentAt = null, string? PublicKey = null,
    string? Subject = null);

/// <summary>The three verdicts on a signed meter value, apart: signature, conformity (no deviation),
/// plausibility (no doubt).</summary>
public sealed record SignedVerdicts(
    SignatureVerdict Signature, IReadOnlyList<string> Deviations, IReadOnlyList<OcmfDoubt> Doubts);

/// <summary>What became of one part of an input; <paramref name="What"/> names it for a person.</summary>
/// <param name="Signed">The verdicts, where the part is a signed value.</param>
/// <param name="Faults">Every fault of a refused row of master data; null of any other part.</param>
public sealed record IntakePart(
    string What, RecordOutcome Outcome, SignedVerdicts? Signed = null, IReadOnlyList<FieldFault>? Faults = null);

/// <summary>What became of an input, part by part, and as which format it was read; null where it was none.</summary>
public sealed record IntakeReport(string? Format, IReadOnlyList<IntakePart> Parts)
{
    /// <summary>All outcomes, those of a part that has several one by one.</summary>
    public IEnumerable<RecordOutcome> Outcomes => Parts.SelectMany(part =>
        part.Outcome is RecordOutcome.Several several ? several.Parts : [part.Outcome]);
}

/// <summary>Which registers meters count, by all that is recorded.</summary>
public delegate ValueTask<InstalledMeters> FindMeters(CancellationToken ct);

/// <summary>
/// The one door for files and texts, whoever hands them in. A file's format is found by its content, never by its
/// name. What is refused, a file or a part of one, is kept as evidence under its own bytes; the rest is recorded.
/// </summary>
public sealed class Intake(IMediator mediator, Recorder recorder, FindMeters findMeters)
{
    /// <summary>Takes a file: everything in it that can be recorded is, and the report names every part.</summary>
    public async Task<IntakeReport> TakeAsync(Submission file, IntakeHints hints, Principal by, CancellationToken ct)
    {
        var run = new IntakeRun(mediator, recorder, findMeters, hints, by, ct);
        var format = await TakeAsync(run, PersonalData.Named(file, hints.Subject)).ConfigureAwait(false);
        var report = new IntakeReport(format, await run.FinishAsync().ConfigureAwait(false));
        IntakeTelemetry.Count(report.Outcomes);
        return report;
    }

    /// <summary>
    /// Takes one fact as its text says it, under the sender's own idempotency key; <paramref name="type"/> is what the
    /// route says, null where the text names its type.
    /// </summary>
    public async Task<RecordOutcome> TakeFactAsync(
        Submission text, string? type, Principal by, IdempotencyKey key, CancellationToken ct)
    {
        var run = new IntakeRun(mediator, recorder, findMeters, new IntakeHints(), by, ct) { Key = key };
        await run.FactAsync(text.Source, text, type).ConfigureAwait(false);
        var outcome = (await run.FinishAsync().ConfigureAwait(false))[0].Outcome;
        IntakeTelemetry.Count([outcome]);
        return outcome;
    }

    /// <summary>Takes an event of OpenADR 3, which may be several facts: the report names each. What is recorded of it
    /// is known by its own name when the event comes again.</summary>
    public async Task<IntakeReport> TakeEventAsync(Submission text, Principal by, CancellationToken ct)
    {
        var run = new IntakeRun(mediator, recorder, findMeters, new IntakeHints(), by, ct);
        await run.FactAsync(text.Source, text, FactText.OpenAdrEvent).ConfigureAwait(false);
        var report = new IntakeReport(FactText.OpenAdrEvent, await run.FinishAsync().ConfigureAwait(false));
        IntakeTelemetry.Count(report.Outcomes);
        return report;
    }

    /// <summary>Whom bytes would be sealed for, by what they say and by the sender's word.</summary>
    public IReadOnlyList<string> SubjectsIn(ReadOnlyMemory<byte> bytes, string? subject)
    {
        var raw = new Submission(bytes, "");
        var named = PackedBytes.CodingOf(bytes.Span) is not null && PackedBytes.Unpack(bytes, out var content) is null
            ? PersonalData.NamedPacked(raw, content, subject) : PersonalData.Named(raw, subject);
        return [.. named.Personal!.SelectMany(part => part.Subjects).Distinct()];
    }

    private static async Task<string?> TakeAsync(IntakeRun run, Submission file)
    {
        if (PackedBytes.CodingOf(file.Bytes.Span) is not null)
            return await TakePackedAsync(run, file).ConfigureAwait(false);
        if (!ZipIntake.IsZip(file.Bytes.Span)) return await TakeOneAsync(run, file, file.Bytes).ConfigureAwait(false);
        if (ZipIntake.Read(file.Bytes.ToArray(), out var files) is { } damaged)
            await run.RefuseAsync(file.Source, damaged, file).ConfigureAwait(false);
        else
            foreach (var (name, bytes) in files)
            {
                var inner = new Submission(bytes, $"{file.Source}/{name}");
                inner = PersonalData.Named(inner, run.Hints.Subject);
                if ((ZipIntake.IsZip(bytes) ? "zip" : PackedBytes.CodingOf(bytes)) is { } container)
                    await run.RefuseAsync(inner.Source, Refusal.Of(
                        Rejection.UnknownFormat, $"a {container} inside a zip is not read"), inner)
                        .ConfigureAwait(false);
                else
                    await TakeOneAsync(run, inner, inner.Bytes).ConfigureAwait(false);
            }
        return "zip";
    }

    private static async Task<string?> TakePackedAsync(IntakeRun run, Submission file)
    {
        if (PackedBytes.Unpack(file.Bytes, out var content) is not { } refused)
            return await TakeOneAsync(run, PersonalData.NamedPacked(file, content, run.Hints.Subject), content)
                .ConfigureAwait(false);
        await run.RefuseAsync(file.Source, refused, file).ConfigureAwait(false);
        return null;
    }

    /// <summary>
    /// One file that is no zip. The formats' beginnings exclude each other, so their order says nothing. What is kept
    /// of a file as a whole is <paramref name="file"/> as received; what is read is its content.
    /// </summary>
    private static async Task<string?> TakeOneAsync(IntakeRun run, Submission file, ReadOnlyMemory<byte> content)
    {
        if (CurveFiles.TryRead(content, run.Hints, out var curves, out var refused))
        {
            if (curves is null) await run.RefuseAsync(file.Source, refused!, file).ConfigureAwait(false);
            else await TakeCurvesAsync(run, file, curves).ConfigureAwait(false);
            return "power curves";
        }
        if (IntakeText.Decode(content.Span, out var text) is { } unreadable)
        {
            await run.RefuseAsync(file.Source, unreadable, file).ConfigureAwait(false);
            return null;
        }
        var start = text.AsSpan().TrimStart();
        var header = FirstLine(start);
        // Lines and values of it are kept each for itself, as they stand in it.
        var inside = file.Bytes.Equals(content) ? file : new Submission(content, file.Source);
        var (format, taking) = start switch
        {
            ['{' or '[', ..] => ("facts", FactLines.TakeAsync(run, inside)),
            ['<', ..] => ("signed values", SignedValues.TakeContainerAsync(run, inside)),
            _ when start.StartsWith("OCMF|") => ("signed values", SignedValues.TakeTextAsync(run, file, text)),
            _ when Nem12.IsRecord(header) => ("NEM12", IntervalFiles.TakeAsync(run, file, text)),
            _ when RegisterReadingRows.IsHeader(header) =>
                ("register readings", RegisterReadingRows.TakeAsync(run, file, inside)),
            // A row of such a table that was refused is kept alone, and comes back alone.
            _ when RegisterReadingRows.IsRow(text) =>
                ("register readings", RegisterReadingRows.TakeRowAsync(run, inside)),
            _ when MasterDataRows.IsHeader(header) => ("master data", MasterDataRows.TakeAsync(run, inside)),
            _ when ChargeRecordRows.IsHeader(header) => ("charge records", ChargeRecordRows.TakeAsync(run, inside)),
            _ when EpflSessions.IsHeader(header) => ("EPFL sessions", SessionFiles.TakeAsync(run, file, text)),
            _ => (null, run.RefuseAsync(file.Source, Unknown(text, header), file)),
        };
        await taking.ConfigureAwait(false);
        return format;
    }

    /// <summary>The curves, and then what vehicles said beside them, which excuses and moves no energy.</summary>
    private static async Task TakeCurvesAsync(IntakeRun run, Submission file, CurveBatch curves)
    {
        await run.SendAsync(file.Source, new FactInput.Of<CurveBatch>(curves), file).ConfigureAwait(false);
        foreach (var day in curves.States.GroupBy(state => (state.Point, state.At.InUtc().Date)))
        {
            var what = $"{file.Source}: what vehicles at {day.Key.Point} said";
            if (MeasuredTime.Has(day.Key.Date.Year))
                await run.SendAsync(what, new FactInput.Of<ChargingStateBatch>(
                    new(day.Key.Point, day.Key.Date, [.. day])), file).ConfigureAwait(false);
            else
                await run.RefuseAsync(what, Refusal.Of(Rejection.InvalidTime,
                    $"{day.Key.Point}: what was said at {day.First().At} is {MeasuredTime.Rule}"), file)
                    .ConfigureAwait(false);
        }
    }

    private static string FirstLine(ReadOnlySpan<char> text)
    {
        var end = text.IndexOf('\n');
        return (end < 0 ? text : text[..end]).TrimEnd('\r').ToString();
    }

    private static Refusal Unknown(string text, string header) => Refusal.Of(Rejection.UnknownFormat,
        OcmfContainer.NameOf(text) is { } name
            ? $"format {name} is not supported; of signed values OCMF is"
            : $"no format that is read here begins with {IntakeText.Quote(header)}"
                + (header is ['{' or '[' or '<', ..] ? "" : CellForm.Unless(header)));
}
