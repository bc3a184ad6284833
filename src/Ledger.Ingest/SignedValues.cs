using System.Text;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime.Text;

namespace Ledger.Ingest;

/// <summary>
/// Signed meter values (OCMF) become register readings of the register that the meter's serial number and the OBIS code
/// name. A signature that is wrong, or that cannot be judged although a key is there, refuses the value. A value that
/// brings no key is judged by its meter's; where none is registered for the meter, it is measured, not signed. What
/// cannot be true is refused as not plausible, what is in doubt is suspect.
/// </summary>
internal static class SignedValues
{
    public static async Task TakeContainerAsync(IntakeRun run, Submission file)
    {
        if (OcmfContainer.Read(file.Bytes.Span, out var values) is { } refused)
        {
            await run.RefuseAsync(file.Source, refused, file).ConfigureAwait(false);
            return;
        }
        foreach (var value in values)
        {
            var what = $"{file.Source} value {value.Number}";
            var raw = PersonalData.OfSignedValue(new Submission(Encoding.UTF8.GetBytes(value.Xml), what), value.Text,
                value.Refused is null, value.Transaction);
            await TakeAsync(run, what, (value.Text, value.Value), value.Refused, raw).ConfigureAwait(false);
        }
    }

    /// <summary>Plain values, one a line; the hinted key is that of all of them.</summary>
    public static async Task TakeTextAsync(IntakeRun run, Submission file, string text)
    {
        var lines = text.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        // A value may be written over several lines; then it is the only one.
        if (lines.Any(line => !line.StartsWith("OCMF|", StringComparison.Ordinal))) lines = [text];
        for (var i = 0; i < lines.Length; i++)
        {
            var what = lines.Length == 1 ? file.Source : $"{file.Source} value {i + 1}";
            var refused = Ocmf.Read(lines[i], run.Hints.PublicKey, out var value);
            var raw = PersonalData.OfSignedValue(new Submission(Encoding.UTF8.GetBytes(lines[i]), what), lines[i],
                refused is null, null);
            await TakeAsync(run, what, (lines[i], value), refused, raw).ConfigureAwait(false);
        }
    }

    private static async Task TakeAsync(
        IntakeRun run, string what, (string? Text, OcmfValue? Value) read, Refusal? refused, Submission raw)
    {
        if (read is not ({ } text, { } value))
        {
            await run.RefuseAsync(what, refused!, raw).ConfigureAwait(false);
            return;
        }
        what = $"{what} {value.Pagination}".TrimEnd();
        var meter = await run.MeterAsync(value.Serial).ConfigureAwait(false);
        value = ByTheMeter(value, text, meter);
        var verdicts = new SignedVerdicts(value.Signature, value.Deviations, value.Doubts);
        if ((Unsigned(value) ?? NothingIn(value) ?? NoneByTheMeter(value, meter)) is { } whole)
        {
            await run.RefuseAsync(what, whole, raw, verdicts).ConfigureAwait(false);
            return;
        }
        for (var i = 0; i < value.Readings.Count; i++)
        {
            var reading = value.Readings[i];
            var part = $"{what} {reading.Obis}";
            if (Ocmf.DirectionOf(reading.Obis) is not { } direction)
                await run.KeepAsync(part, $"RD[{i}]: {IntakeText.Quote(reading.Obis ?? "")} is no register of all "
                    + $"import or export at the meter; kept as evidence", raw, verdicts)
                    .ConfigureAwait(false);
            else if ((Implausible(value, i) ?? NotTheMeters(value, meter, reading)) is { } unlike)
                await run.RefuseAsync(part, unlike, raw, verdicts).ConfigureAwait(false);
            else if (Number(reading, i, out var kwh) is { } bad)
                await run.RefuseAsync(part, bad, raw, verdicts).ConfigureAwait(false);
            else if (await run.FindAsync(value.Serial, direction, reading.At!.Value).ConfigureAwait(false)
                is not { } register)
                await run.RefuseAsync(part, Unknown(value, reading, await run.EndedAsync(
                    value.Serial, direction, reading.At!.Value).ConfigureAwait(false)), raw, verdicts)
                    .ConfigureAwait(false);
            else
                run.Wait(part,
                    new IndexRead(register, reading.At.Value, kwh, $"{reading.ValueText?.Trim()} {reading.Unit}",
                    OwnKey(meter, reading) is null && Quality(value, i) == ReadingQuality.MeasuredSigned
                        ? ReadingQuality.Measured : Quality(value, i), value.Serial), raw, raw, verdicts);
        }
    }

    /// <summary>The indices of a value that may count, as whoever reads evidence again finds them.</summary>
    public static IEnumerable<(Direction Direction, NodaTime.Instant At, ExactNumber Kwh, ReadingQuality Quality)>
        Indices(OcmfValue value)
    {
        for (var i = 0; i < value.Readings.Count; i++)
            if (Ocmf.CountedDirectionOf(value.Readings[i].Obis) is { } direction && Implausible(value, i) is null
                && Number(value.Readings[i], i, out var kwh) is null)
                yield return (direction, value.Readings[i].At!.Value, kwh, Quality(value, i));
    }

    /// <summary>A value that brings no key is judged by its meter's, lest a forged one counts because its key was left
    /// out: by the key that signed it, where the meter had several while it ran.</summary>
    internal static OcmfValue ByTheMeter(OcmfValue value, string text, MeterState meter)
    {
        if (value.Signature != SignatureVerdict.NoKey) return value;
        foreach (var key in value.Readings.Select(reading => OwnKey(meter, reading)).OfType<string>().Distinct())
            if (Ocmf.Read(text, key, out var judged) is null && judged is not null
                && (value = judged).Signature == SignatureVerdict.Valid) break;
        return value;
    }

    private static Refusal? Unsigned(OcmfValue value) => value.Signature switch
    {
        SignatureVerdict.Valid or SignatureVerdict.NoKey => null,
        SignatureVerdict.UnknownAlgorithm => Refusal.Of(Rejection.UnknownAlgorithm, "SA names no algorithm of OCMF"),
        SignatureVerdict.UnreadableKey =>
            Refusal.Of(Rejection.NoKey, "the public key cannot be read, so the signature cannot be judged"),
        _ => Refusal.Of(Rejection.SignatureInvalid, "SD is not the signature of this payload under this key"),
    };

    private static Refusal Unknown(OcmfValue value, OcmfReading reading, MeterInstalled? ended) =>
        Refusal.Of(Rejection.UnknownRegister, ended is null
            ? $"MS {IntakeText.Quote(value.Serial)}: no meter of this serial number has an installed register "
                + $"{reading.Obis}"
            : $"MS {IntakeText.Quote(value.Serial)}: the meter counted register {ended.Register} until "
                + $"{InstantPattern.ExtendedIso.Format(ended.Until!.Value)}, and this value is of "
                + InstantPattern.ExtendedIso.Format(reading.At!.Value));

    /// <summary>The key that is registered for a value's meter at a reading's time; null where none is. A key that only
    /// came with the value is its sender's word, and proves nothing of the meter.</summary>
    private static string? OwnKey(MeterState meter, OcmfReading reading) =>
        reading.At is { } at ? meter.KeyAt(at) : null;

    /// <summary>Refuses a value as a whole where no reading of it is by a key of its time.</summary>
    private static Refusal? NoneByTheMeter(OcmfValue value, MeterState meter) =>
        value.Readings.All(reading => NotTheMeters(value, meter, reading) is not null)
            ? NotTheMeters(value, meter, value.Readings[0]) : null;

    /// <summary>A reading counts by the key that is registered for its meter at its time, and by no other: a key that
    /// was replaced signs nothing of afterwards, also in a value that begins before.</summary>
    private static Refusal? NotTheMeters(OcmfValue value, MeterState meter, OcmfReading reading) =>
        value.PublicKey is { } came && OwnKey(meter, reading) is { } own && !MeterPublicKey.IsSame(own, came)
            ? Refusal.Of(Rejection.NotTheMetersKey,
                $"the public key is not the one registered for meter {IntakeText.Quote(value.Serial)}")
            : null;

    private static Refusal? NothingIn(OcmfValue value) =>
        value.Readings.Count > 0 ? null : Refusal.Of(Rejection.MissingField, "RD holds no reading");

    private static Refusal? Implausible(OcmfValue value, int reading) =>
        value.Doubts.FirstOrDefault(doubt => doubt.Reading == reading && doubt.Refuses) is { } doubt
            ? Refusal.Of(Rejection.NotPlausible, $"{doubt}")
            : null;

    private static ReadingQuality Quality(OcmfValue value, int reading) =>
        value.Doubts.Any(doubt => doubt.Reading == reading) ? ReadingQuality.Suspect
        : value.Signature == SignatureVerdict.Valid ? ReadingQuality.MeasuredSigned
        : ReadingQuality.Measured;

    /// <summary>The value in kWh, exactly; a Wh is three decimals of it.</summary>
    private static Refusal? Number(OcmfReading reading, int number, out ExactNumber kwh)
    {
        kwh = default;
        if (reading.Unit is not ("kWh" or "Wh"))
            return Refusal.Of(Rejection.UnknownUnit,
                $"RD[{number}].RU {IntakeText.Quote(reading.Unit ?? "")} is neither kWh nor Wh");
        // Stations pad with zeros and blanks, which the grammar of numbers does not have.
        var text = reading.ValueText!.Trim().TrimStart('+');
        if (IntakeText.Scale(text, ScaleDecimals, out var scaled, out var exact) is { } bad)
            return IntakeText.BadNumber(bad, $"RD[{number}].RV", text);
        if (!exact) return Refusal.Of(Rejection.NumberTooLong,
            $"RD[{number}].RV {IntakeText.Quote(text)} has over {ScaleDecimals} decimals");
        kwh = ExactNumber.Of(scaled, reading.Unit == "Wh" ? ScaleDecimals + 3 : ScaleDecimals);
        return null;
    }

    private const int ScaleDecimals = 9;
}
