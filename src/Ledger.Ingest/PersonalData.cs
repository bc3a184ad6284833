using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Ledger.Journal;

namespace Ledger.Ingest;

/// <summary>
/// Whom a submission names, and where: what is kept of it is then sealed under their keys. It looks at bytes before any
/// rule judges them, because what is refused is kept too; so it finds names in what is damaged, and where a kind of
/// text that names persons cannot be read it says so with the subject <see cref="Unreadable"/>.
/// </summary>
internal static partial class PersonalData
{
    /// <summary>Whoever is named in evidence of which nobody can read whom: they can only be erased together.</summary>
    public const string Unreadable = "unreadable";

    /// <summary>The longest name of a subject, in characters; what is longer can be asked for by nobody.</summary>
    private const int NameLengthMax = 500;

    /// <summary>Subjects of one stretch; beyond that it is sealed as if it could not be read.</summary>
    private const int SubjectsMax = 200;

    /// <summary>How a charging session is called as a subject; its own number is that of its data set.</summary>
    public static string Session(string number) => $"session/{number}";

    /// <summary>The submission with whom it names, where nobody has looked before.</summary>
    /// <param name="subject">Whom all of it is about, where the sender says so.</param>
    public static Submission Named(Submission raw, string? subject)
    {
        if (subject is null && raw.Personal is not null) return raw;
        var found = raw.Personal ?? In(raw.Bytes);
        if (subject is not null) found = Whole(raw.Bytes, [subject, .. found.SelectMany(part => part.Subjects)]);
        return raw with { Personal = found };
    }

    /// <summary>A packed file, whose content names whom it names: no part of it can be read without the others.
    /// </summary>
    public static Submission NamedPacked(Submission packed, ReadOnlyMemory<byte> content, string? subject)
    {
        var named = In(content).SelectMany(part => part.Subjects);
        return packed with { Personal = Whole(packed.Bytes, [.. subject is null ? named : named.Prepend(subject)]) };
    }

    /// <summary>A signed value: its identification, and the transaction that its container names.</summary>
    /// <param name="text">The value as its container has it; null where it is in no encoding that is read.</param>
    /// <param name="isRead">Whether its sections could be read.</param>
    public static Submission OfSignedValue(Submission raw, string? text, bool isRead, string? transaction)
    {
        var subjects = text is null ? [] : Matches(Identification(), text);
        if (transaction is { Length: > 0 }) subjects.Add(Session(transaction));
        if (subjects.Count == 0 && !isRead) subjects.Add(Unreadable);
        return raw with { Personal = Whole(raw.Bytes, subjects) };
    }

    private static IReadOnlyList<PersonalPart> In(ReadOnlyMemory<byte> bytes)
    {
        if (ZipIntake.IsZip(bytes.Span) || PackedBytes.CodingOf(bytes.Span) is not null)
            return Whole(bytes, [Unreadable]); // nobody looked into what is refused whole
        var start = IntakeText.WithoutByteOrderMark(bytes).Span.TrimStart(" \t\r\n"u8);
        if (start is [(byte)'{' or (byte)'[', ..]) return Whole(bytes, Matches(Member(), Text(bytes)));
        if (start is [(byte)'<', ..]) return Whole(bytes, [Unreadable]);
        if (start.StartsWith("OCMF|"u8))
            return Whole(bytes, Matches(Identification(), Text(bytes)) is { Count: > 0 } named ? named : [Unreadable]);
        var end = start.IndexOf((byte)'\n');
        var header = Encoding.UTF8.GetString((end < 0 ? start : start[..end])[..HeaderBytes(start, end)]);
        if (EpflSessions.IsHeader(header)) return Rows(bytes);
        if (ChargeRecordRows.IsHeader(header.TrimEnd('\r')))
            return [.. ChargeRecordRows.Named(bytes).Select(row =>
                new PersonalPart(row.From, row.Length, Subjects(row.Subjects)))];
        return OcmfContainer.NameOf(header) is not null || Column().IsMatch(header)
            ? Whole(bytes, [Unreadable]) : [];
    }

    /// <summary>A header is short; the first line of what is no text may be all of it.</summary>
    private static int HeaderBytes(ReadOnlySpan<byte> start, int end) =>
        Math.Min(end < 0 ? start.Length : end, 4096);

    /// <summary>Each row of a table of sessions names its own: so one can be erased and the others stay.</summary>
    private static List<PersonalPart> Rows(ReadOnlyMemory<byte> bytes)
    {
        var (parts, from) = (new List<PersonalPart>(), 0);
        foreach (var (number, line) in TextLines.Of(bytes))
        {
            var comma = line.Span.IndexOf((byte)',');
            if (number > 1 && line.Length > 0)
                parts.Add(new(from, line.Length, Subjects([comma < 0 ? ""
                    : Session(Encoding.UTF8.GetString(line.Span[..comma]))])));
            var next = bytes.Span[from..].IndexOf((byte)'\n');
            from = next < 0 ? bytes.Length : from + next + 1;
        }
        return parts;
    }

    private static IReadOnlyList<PersonalPart> Whole(ReadOnlyMemory<byte> bytes, IReadOnlyList<string> subjects) =>
        subjects.Count == 0 || bytes.Length == 0 ? [] : [new(0, bytes.Length, Subjects(subjects))];

    private static IReadOnlyList<string> Subjects(IEnumerable<string> names)
    {
        var known = names.Select(name => name.Trim())
            .Select(name => name.Length is 0 or > NameLengthMax ? Unreadable : name).Distinct().ToList();
        return known.Count > SubjectsMax ? [Unreadable] : known;
    }

    private static List<string> Matches(Regex pattern, string text) =>
        [.. pattern.Matches(text).Select(match => Value(match.Groups["value"].Value))
            .Where(value => value.Length > 0 && value != OcpiText.NotAvailable)];

    /// <summary>A JSON value as text; one whose escapes are wrong stays as it is written.</summary>
    private static string Value(string json)
    {
        if (json[0] != '"') return json;
        try
        {
            return JsonSerializer.Deserialize<string>(json)!.Trim();
        }
        catch (JsonException)
        {
            return json[1..^1].Trim();
        }
    }

    private static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);

    /// <summary>OCMF, user assignment: ID is the identification of the user, whatever its type (IT) says.</summary>
    [GeneratedRegex("""\x22ID\x22\s*:\s*(?<value>\x22(?:[^\x22\\]|\\.)*\x22)""", RegexOptions.Singleline)]
    private static partial Regex Identification();

    /// <summary>Members that name a contract, a token, a vehicle or a person in OCPP, OCPI, ISO 15118, here.</summary>
    [GeneratedRegex("""\x22(?:subject|id_?tag|id_?token|rfid(?:_?uid)?|token_?uid|uid|ema_?id|contract_?id|auth_?id|evcc_?id|vin|vehicle_?id|driver(?:_?id)?|customer(?:_?id)?|licen[cs]e_?plate)\x22\s*:\s*(?<value>\x22(?:[^\x22\\]|\\.)*\x22|[0-9]+)""", RegexOptions.IgnoreCase | RegexOptions.Singleline)]
    private static partial Regex Member();

    /// <summary>The same as columns of a table of which no reader is known.</summary>
    [GeneratedRegex("""(?:^|[,;\t"\s])(?:subject|id_?tag|id_?token|rfid(?:_?uid)?|token_?uid|uid|ema_?id|contract_?id|auth_?id|evcc_?id|vin|vehicle_?id|driver(?:_?id)?|customer(?:_?id)?|licen[cs]e_?plate)(?:$|[,;\t"\s])""", RegexOptions.IgnoreCase)]
    private static partial Regex Column();
}
