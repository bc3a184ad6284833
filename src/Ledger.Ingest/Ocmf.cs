using System.Globalization;
using System.Text;
using System.Text.Json;
using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Ingest;

/// <summary>One reading of an OCMF value. <paramref name="ValueText"/> is the literal text of RV (OCMF,
/// table 7).</summary>
public sealed record OcmfReading(
    Instant? At, char ClockStatus, string? Transaction, string? ValueText, string? Obis, string? Unit,
    string ErrorFlags, string? MeterState);

/// <summary>
/// Something in a value that contradicts itself, its clock or its meter. <paramref name="Refuses"/>: no index or no
/// instant can be taken from it; else the reading counts as suspect.
/// </summary>
public sealed record OcmfDoubt(int Reading, string What, bool Refuses)
{
    public override string ToString() => $"RD[{Reading}]: {What}";
}

/// <summary>A signed meter value with its three verdicts apart: signature, conformity and plausibility.</summary>
public sealed record OcmfValue(
    string? Version, string? Pagination, string? MeterSerial, string? GatewaySerial,
    IReadOnlyList<OcmfReading> Readings,
    SignatureVerdict Signature, IReadOnlyList<string> Deviations, IReadOnlyList<OcmfDoubt> Doubts,
    string? PublicKey = null)
{
    /// <summary>The meter's serial number; a station that is itself the meter gives only the gateway's.</summary>
    public string Serial => MeterSerial is { Length: > 0 } meter ? meter : GatewaySerial ?? "";
    /// <summary>The value is written as OCMF says; every deviation seen is named.</summary>
    public bool Conform => Deviations.Count == 0;
    /// <summary>Nothing in it contradicts itself, its clock or its meter.</summary>
    public bool Plausible => Doubts.Count == 0;
}

/// <summary>OCMF 1.0–1.4: <c>OCMF|payload|signature</c>, signed over the exact bytes of the payload.</summary>
public static class Ocmf
{
    /// <summary>The newest format version that is understood.</summary>
    private static readonly Version Newest = new(1, 4);

    private static readonly OffsetDateTimePattern[] TimePatterns =
    [
        OffsetDateTimePattern.CreateWithInvariantCulture("uuuu'-'MM'-'dd'T'HH':'mm':'ss','FFFo<+HHmm>"),
        OffsetDateTimePattern.CreateWithInvariantCulture("uuuu'-'MM'-'dd'T'HH':'mm':'ss','FFFo<Z+HH:mm>"),
    ];

    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 8, AllowDuplicateProperties = false };

    /// <summary>Reads and judges one value; a value that cannot be read at all is refused.</summary>
    public static Refusal? Read(string text, string? publicKey, out OcmfValue? value)
    {
        value = null;
        var trimmed = Trimmed(text);
        if (trimmed.Length == 0) return Refusal.Of(Rejection.EmptyInput, "the signed value holds nothing");
        if (!trimmed.StartsWith("OCMF|", StringComparison.Ordinal))
            return Refusal.Of(Rejection.UnknownFormat, $"not OCMF: {IntakeText.Quote(trimmed)}");
        if (trimmed.Contains('\0')) return Refusal.Of(Rejection.ForbiddenCharacter, "U+0000 in a signed value");
        var (payload, signature, behind) = Sections(trimmed);
        if (signature is null) return Refusal.Of(Rejection.Truncated, "OCMF: no signature section after the payload");
        try
        {
            using var body = JsonDocument.Parse(payload, Strict);
            using var seal = JsonDocument.Parse(signature, Strict);
            if (body.RootElement.ValueKind != JsonValueKind.Object
                || seal.RootElement.ValueKind != JsonValueKind.Object)
                return Refusal.Of(Rejection.Malformed, "OCMF: payload and signature are JSON objects");
            value = Judge(body.RootElement, seal.RootElement, payload, publicKey, behind);
            return null;
        }
        catch (JsonException e)
        {
            return Refusal.Of(Rejection.Malformed,
                $"OCMF: not JSON at line {e.LineNumber}, byte {e.BytePositionInLine}");
        }
        catch (InvalidOperationException)
        {
            // A lone surrogate is valid JSON and no text: it can neither be compared with other names nor be read.
            return Refusal.Of(Rejection.ForbiddenCharacter, "OCMF: an escape names a lone surrogate");
        }
    }

    /// <summary>What was signed of a value that can be read.</summary>
    public static string PayloadOf(string text) => Sections(Trimmed(text)).Payload;

    private static string Trimmed(string text) => text.Trim('\uFEFF', ' ', '\t', '\r', '\n');

    /// <summary>The sections are parted by the bars that stand outside JSON strings; what stands behind the second, if
    /// anything does, is of no section.</summary>
    private static (string Payload, string? Signature, string? Behind) Sections(string trimmed)
    {
        var sections = trimmed.AsSpan("OCMF|".Length);
        var inString = false;
        var bar = -1;
        for (var i = 0; i < sections.Length; i++)
        {
            var c = sections[i];
            if (inString && c == '\\') { i++; continue; }
            if (c == '"') inString = !inString;
            if (c != '|' || inString) continue;
            if (bar >= 0)
                return (sections[..bar].ToString(), sections[(bar + 1)..i].ToString(), sections[(i + 1)..].ToString());
            bar = i;
        }
        return bar < 0 ? (sections.ToString(), null, null)
            : (sections[..bar].ToString(), sections[(bar + 1)..].ToString(), null);
    }

    private static OcmfValue Judge(
        JsonElement body, JsonElement seal, string payload, string? publicKey, string? behind)
    {
        var deviations = new List<string>();
        if (behind is not null) deviations.Add($"a third bar with {IntakeText.Quote(behind)} behind it");
        var doubts = new List<OcmfDoubt>();
        var version = Text(body, "FV");
        if (!Version.TryParse(version, out var known) || known > Newest || known.Major < 1)
            deviations.Add($"FV: {IntakeText.Quote(version ?? "")} is not 1.0 to {Newest}");
        foreach (var field in (string[])["PG", "MS"])
            if (string.IsNullOrEmpty(Text(body, field))) deviations.Add($"{field} is missing");
        var readings = Readings(body, deviations);
        Doubt(readings, doubts);
        var verdict = SignatureVerdict.Invalid;
        if (Text(seal, "SD") is { } signature)
            verdict = OcmfSignature.Verify(
                Encoding.UTF8.GetBytes(payload), Text(seal, "SA"), Text(seal, "SE"), signature, publicKey, deviations);
        else
            deviations.Add("SD is missing");
        return new OcmfValue(
            version, Text(body, "PG"), Text(body, "MS"), Text(body, "GS"), readings, verdict, deviations, doubts,
            publicKey is null ? null : OcmfSignature.KeyHex(publicKey));
    }

    private static List<OcmfReading> Readings(JsonElement body, List<string> deviations)
    {
        var readings = new List<OcmfReading>();
        if (!body.TryGetProperty("RD", out var list) || list.ValueKind != JsonValueKind.Array)
        {
            deviations.Add("RD is missing");
            return readings;
        }
        OcmfReading? previous = null;
        foreach (var item in list.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Object) { deviations.Add("RD: an element is no object"); continue; }
            previous = Reading(item, previous, $"RD[{readings.Count}]", deviations);
            readings.Add(previous);
        }
        return readings;
    }

    /// <summary>A field that a reading leaves out is the one of the reading before it (OCMF, section RD).</summary>
    private static OcmfReading Reading(JsonElement item, OcmfReading? previous, string where, List<string> deviations)
    {
        var (at, status) = (previous?.At, previous?.ClockStatus ?? 'U');
        if (Text(item, "TM") is { } time && !TryTime(time, out at, out status))
            deviations.Add($"{where}.TM: {IntakeText.Quote(time)} is no OCMF time");
        if (item.TryGetProperty("RV", out var number) && number.ValueKind == JsonValueKind.String)
            deviations.Add($"{where}.RV: {IntakeText.Quote(Text(item, "RV")!)} is a text, not a number");
        var obis = Text(item, "RI") ?? previous?.Obis;
        if (obis is null || !obis.Contains(":B", StringComparison.Ordinal)
            && !obis.Contains(":C", StringComparison.Ordinal))
            deviations.Add($"{where}.RI: {IntakeText.Quote(obis ?? "")} is a legacy identifier");
        var unit = Text(item, "RU") ?? previous?.Unit;
        if (unit is not ("kWh" or "Wh" or "mOhm" or "uOhm"))
            deviations.Add($"{where}.RU: {IntakeText.Quote(unit ?? "")} is no unit of OCMF");
        var state = Text(item, "ST") ?? previous?.MeterState;
        if (state is null) deviations.Add($"{where}.ST is missing");
        return new OcmfReading(
            at, status, Text(item, "TX") ?? previous?.Transaction, Text(item, "RV"), obis, unit,
            Text(item, "EF") ?? previous?.ErrorFlags ?? "", state);
    }

    /// <summary>
    /// The clock's status, the flag for its time and a substitute value leave an index and an instant to take;
    /// everything else leaves none.
    /// </summary>
    private static void Doubt(IReadOnlyList<OcmfReading> readings, List<OcmfDoubt> doubts)
    {
        var last = new Dictionary<string, (Instant? At, decimal Value)>();
        for (var i = 0; i < readings.Count; i++)
        {
            var reading = readings[i];
            void Refuse(string what) => doubts.Add(new OcmfDoubt(i, what, Refuses: true));
            void Suspect(string what) => doubts.Add(new OcmfDoubt(i, what, Refuses: false));
            if (reading.At is null || reading.At.Value.InUtc().Year < MeasuredTime.YearMin)
                Refuse("the clock was never set");
            else if (reading.ClockStatus != 'S') Suspect($"clock status {reading.ClockStatus} is not synchronised");
            // OCMF, field EF: E is the energy, t the time.
            if (reading.ErrorFlags == "t") Suspect("error flags 't'");
            else if (reading.ErrorFlags.Length > 0) Refuse($"error flags {IntakeText.Quote(reading.ErrorFlags)}");
            if (reading.MeterState == "S") Suspect("meter state 'S', a substitute value");
            else if (reading.MeterState is not (null or "G"))
                Refuse($"meter state {IntakeText.Quote(reading.MeterState)}");
            if (!TryValue(reading, out var value)) { Refuse("no number in RV"); continue; }
            if (value < 0) Refuse("a negative register");
            var key = reading.Obis + "|" + reading.Unit;
            if (last.TryGetValue(key, out var before) && value < before.Value)
                Refuse($"the register decreased from {before.Value.ToString(CultureInfo.InvariantCulture)}");
            if (last.TryGetValue(key, out before) && reading.At < before.At) Refuse("time runs backwards");
            last[key] = (reading.At, value);
        }
    }

    /// <summary>The value of a reading, exact; padding blanks do not count. False where it is no number.</summary>
    public static bool TryValue(OcmfReading reading, out decimal value)
    {
        value = 0;
        var text = reading.ValueText?.Trim();
        return text is { Length: > 0 and <= 28 } && decimal.TryParse(
            text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture,
            out value);
    }

    /// <summary>
    /// Import or export register that counts over all of a meter's life, by its OBIS code (IEC 62056-61: C = 1 import,
    /// 2 export, D = 8 cumulative, E = 0 all tariffs; OCMF: B0 import, C0 export). Null for every other quantity: a
    /// tariff's register is a part of the total, that of a transaction (B2, B3, C2, C3) begins at zero with each, and
    /// that at the vehicle (B1, C1) is another one than the meter's, without the losses between them.
    /// </summary>
    public static Direction? DirectionOf(string? obis) =>
        Groups(obis) is [var quantity, _, "" or "e", ..]
            && quantity is not ("B1" or "B2" or "B3" or "C1" or "C2" or "C3") ? CountedDirectionOf(obis) : null;

    /// <summary>The same of any cumulative register, whatever its tariff, transaction or place: so it was read before
    /// those were told apart, and readings that were recorded of them are read again so.</summary>
    internal static Direction? CountedDirectionOf(string? obis)
    {
        if (Groups(obis) is not [var quantity, "8", ..]) return null;
        return quantity switch
        {
            "1" or "B0" or "B1" or "B2" or "B3" => Direction.Import,
            "2" or "C0" or "C1" or "C2" or "C3" => Direction.Export,
            _ => null,
        };
    }

    /// <summary>The groups C, D and E, and F where it is there, without leading zeros. Some meters write the letter
    /// <c>e</c> itself where no tariff is meant.</summary>
    private static string[] Groups(string? obis) => obis is null ? []
        : obis[(obis.IndexOf(':') + 1)..].Split('.', '*') is { Length: >= 3 } groups
            ? [.. groups.Select(group => group.TrimStart('0'))] : [];

    private static bool TryTime(string text, out Instant? at, out char status)
    {
        var parts = text.Split(' ', 2);
        at = null;
        status = parts.Length == 2 && parts[1] is "U" or "I" or "S" or "R" ? parts[1][0] : 'U';
        foreach (var pattern in TimePatterns)
            if (IntakeText.TryTime(pattern, parts[0], out _, out var read)) { at = read; return parts.Length == 2; }
        return false;
    }

    /// <summary>A member as text: a string's content, any other value's literal text.</summary>
    private static string? Text(JsonElement from, string name)
    {
        if (!from.TryGetProperty(name, out var member) || member.ValueKind == JsonValueKind.Null) return null;
        try
        {
            return member.ValueKind == JsonValueKind.String ? member.GetString() : member.GetRawText();
        }
        catch (InvalidOperationException)
        {
            // A lone surrogate is no text; as the bytes have it, it still shows what was sent.
            return member.GetRawText();
        }
    }
}
