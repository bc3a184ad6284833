using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Ledger.Domain;

namespace Ledger.Ingest;

/// <summary>
/// Power curves in NDJSON (one JSON object a line, RFC 8259): a sample is <c>{"point","time","kw"}</c>, a block of
/// samples is <c>{"point","time","stepMs","values":[kW…]}</c>; <c>point</c> may be left out where it is named beside
/// the file. Times and numbers are those of a curve in CSV, numbers with or without quotes. A line may also say what
/// charger and vehicle told each other, in <c>vehicle</c>. Members that are not known, or given twice, refuse the file,
/// which is taken whole or not at all.
/// </summary>
public static class CurveLines
{
    /// <summary>Bytes of one line: a block of some thousand values.</summary>
    private const int LineBytesMax = 1024 * 1024;

    /// <summary>
    /// Whether the first line is one of a curve: an object that has a time and names no type, which every fact does.
    /// </summary>
    public static bool IsCurve(ReadOnlySpan<byte> file)
    {
        var line = FirstLine(file);
        if (line is not [(byte)'{', ..]) return false;
        var reader = new Utf8JsonReader(line[..Math.Min(line.Length, LineBytesMax)], isFinalBlock: false, default);
        var timed = false;
        try
        {
            reader.Read();
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                if (reader.ValueTextEquals(FactText.TypeMember)) return false;
                timed |= reader.ValueTextEquals("time"u8);
                if (!reader.Read() || !reader.TrySkip()) break;
            }
        }
        catch (Exception unreadable) when (unreadable is JsonException or InvalidOperationException)
        {
            // A name may hold a lone surrogate. What was read before the fault says what the line is meant to be.
        }
        return timed;
    }

    /// <summary>Reads a file whole, or says why not.</summary>
    public static Refusal? Read(ReadOnlyMemory<byte> file, IntakeHints hints, out CurveBatch? batch)
    {
        batch = null;
        // Without making a text of it; only where something is wrong the message is worth one.
        var bytes = file.Span;
        if (bytes.Length > Limits.ImportBytesMax || !Utf8.IsValid(bytes) || bytes.Contains((byte)0))
            return IntakeText.Check(bytes);
        var (rows, vehicles) = (new CurveRows(), new VehicleStates());
        var names = new CurveLineReader(hints.Point, rows, vehicles);
        var rest = IntakeText.WithoutByteOrderMark(file).Span;
        for (var number = 1; rest.Length > 0; number++)
        {
            var end = rest.IndexOf((byte)'\n');
            var line = (end < 0 ? rest : rest[..end]).Trim(" \t\r"u8);
            rest = end < 0 ? [] : rest[(end + 1)..];
            if (line.Length == 0) continue;
            if (Line(names, line) is { } refused)
                return Refusal.Of(refused.Code, $"curve line {number}: {refused.Detail}");
        }
        if (rows.Count == 0) return Refusal.Of(Rejection.EmptyInput, "curve: no line holds a sample");
        // Where lines are not in order of time there may be more states than different lines in a row.
        var states = vehicles.ToStates();
        if (states.Count > VehicleStates.StatesMax) return VehicleStates.TooMany;
        batch = rows.ToBatch(hints.SentAt) with
        {
            States = states,
            NamedBeside = names.MeantTheNamed ? hints.Point : null,
        };
        return null;
    }

    private static Refusal? Line(CurveLineReader names, ReadOnlySpan<byte> line)
    {
        if (line.Length > LineBytesMax)
            return Refusal.Of(Rejection.TooLarge, $"{line.Length} bytes; at most {LineBytesMax} are read as one line");
        try
        {
            return names.Read(line);
        }
        catch (InputRefusedException refused)
        {
            return Refusal.Of(refused.Code, refused.Detail);
        }
        catch (JsonException malformed)
        {
            return Refusal.Of(Rejection.Malformed, malformed.Message);
        }
        catch (InvalidOperationException)
        {
            // An escaped text holds a lone surrogate, which no string can.
            return Refusal.Of(Rejection.ForbiddenCharacter, "a text holds a lone surrogate");
        }
    }

    private static ReadOnlySpan<byte> FirstLine(ReadOnlySpan<byte> file)
    {
        if (file.StartsWith("\uFEFF"u8)) file = file[3..];
        file = file.TrimStart(" \t\r\n"u8);
        var end = file.IndexOf((byte)'\n');
        return (end < 0 ? file : file[..end]).TrimEnd(" \t\r"u8);
    }
}

/// <summary>Reads one line after another into the rows of a batch; a point's name that comes again is made once.
/// </summary>
internal sealed class CurveLineReader(SettlementPointId? named, CurveRows rows, VehicleStates vehicles)
{
    /// <summary>Longest step of a block, in ms: one day.</summary>
    private const int StepMsMax = 86_400_000;

    [Flags]
    private enum Member { None = 0, Point = 1, Time = 2, Kw = 4, StepMs = 8, Values = 16, Vehicle = 32 }

    private const string Known = "point, time, kw, stepMs, values, vehicle";

    private readonly CurveTimes times = new();
    private readonly List<long> values = [];
    private readonly byte[] lastName = new byte[Limits.IdentifierLengthMax];
    private int lastNameBytes;
    private SettlementPointId lastPoint;

    /// <summary>Whether a line named no point, and so meant the one named beside the file.</summary>
    public bool MeantTheNamed { get; private set; }

    public Refusal? Read(ReadOnlySpan<byte> line)
    {
        var reader = new Utf8JsonReader(line, new JsonReaderOptions { MaxDepth = 4 });
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
            return Refusal.Of(Rejection.Malformed, "must be an object");
        var seen = Member.None;
        var (point, at, kilowatts, stepMs) = (named, 0L, 0L, 0);
        var words = default(VehicleWords);
        values.Clear();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var member = MemberOf(ref reader);
            if ((seen & member) != 0)
                throw new InputRefusedException(Rejection.UnknownField, Name(member), "", "is given twice");
            seen |= member;
            reader.Read();
            switch (member)
            {
                case Member.Point: point = Point(ref reader); break;
                case Member.Time: at = times.Read(ref reader); break;
                case Member.Kw: kilowatts = Kilowatts(ref reader, "kw"); break;
                case Member.StepMs:
                    stepMs = (int)CurveNumbers.Units(ref reader, "stepMs", 0, 1, StepMsMax);
                    break;
                case Member.Values: Values(ref reader); break;
                case Member.Vehicle: words = VehicleText.Read(ref reader); break;
            }
        }
        if (reader.Read()) throw new JsonException("something follows the object"); // the reader itself throws first
        if (Missing(seen, point) is { } missing)
            return Refusal.Of(Rejection.MissingField, missing);
        MeantTheNamed |= (seen & Member.Point) == 0;
        return Add(seen, point!.Value, at, kilowatts, stepMs, words);
    }

    private Refusal? Add(
        Member seen, SettlementPointId point, long at, long kilowatts, int stepMs, VehicleWords words)
    {
        if ((seen & Member.Kw) != 0) values.Add(kilowatts);
        if (rows.Count + values.Count > Limits.SamplesPerBatchMax)
            return Refusal.Of(Rejection.TooLarge, $"more than {Limits.SamplesPerBatchMax} samples");
        for (var i = 0; i < values.Count; i++)
            rows.Add(point, new PowerSample(at + i * (stepMs * 1000L), values[i]));
        if ((seen & Member.Vehicle) == 0) return null;
        vehicles.Add(point, at, words);
        return vehicles.Count <= VehicleStates.StatesMax ? null : VehicleStates.TooMany;
    }

    private static string? Missing(Member seen, SettlementPointId? point) =>
        point is null ? "point is needed, in the line or beside the file"
        : (seen & Member.Time) == 0 ? "time is needed"
        : (seen & (Member.Kw | Member.Values)) is Member.None ? "kw or values is needed"
        : (seen & (Member.Kw | Member.Values)) == (Member.Kw | Member.Values) ? "kw or values is needed, not both"
        : ((seen & Member.Values) != 0) != ((seen & Member.StepMs) != 0) ? "values and stepMs are needed together"
        : null;

    private static Member MemberOf(ref Utf8JsonReader reader) =>
        reader.ValueTextEquals("point"u8) ? Member.Point
        : reader.ValueTextEquals("time"u8) ? Member.Time
        : reader.ValueTextEquals("kw"u8) ? Member.Kw
        : reader.ValueTextEquals("values"u8) ? Member.Values
        : reader.ValueTextEquals("stepMs"u8) ? Member.StepMs
        : reader.ValueTextEquals("vehicle"u8) ? Member.Vehicle
        : throw new InputRefusedException(
            Rejection.UnknownField, CurveNumbers.Shown(ref reader), "", $"known here: {Known}");

    private static string Name(Member member) => member switch
    {
        Member.StepMs => "stepMs",
        _ => $"{member}".ToLowerInvariant(),
    };

    private SettlementPointId Point(ref Utf8JsonReader reader)
    {
        if (reader.TokenType == JsonTokenType.String && !reader.ValueIsEscaped
            && lastNameBytes > 0 && reader.ValueSpan.SequenceEqual(lastName.AsSpan(0, lastNameBytes))) return lastPoint;
        if (reader.TokenType != JsonTokenType.String || !SettlementPointId.TryParse(reader.GetString(), out var point))
            throw new InputRefusedException(Rejection.InvalidIdentifier, "point", CurveNumbers.Shown(ref reader),
                $"must be {Identifier.Rule}");
        // An identifier is ASCII, so its bytes are as many as its characters.
        lastNameBytes = Encoding.UTF8.GetBytes(point.Value, lastName);
        return lastPoint = point;
    }

    private void Values(ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray)
            throw new InputRefusedException(Rejection.Malformed, "values", CurveNumbers.Shown(ref reader),
                "must be an array");
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            values.Add(Kilowatts(ref reader, "values"));
        if (values.Count == 0)
            throw new InputRefusedException(Rejection.EmptyInput, "values", "[]", "must hold a value");
    }

    private long Kilowatts(ref Utf8JsonReader reader, string member)
    {
        var milliwatts = CurveNumbers.Rounded(ref reader, member, 6, out var exact);
        if (milliwatts is null or > Limits.PowerMilliwattsMax or < -Limits.PowerMilliwattsMax)
            throw new InputRefusedException(Rejection.PowerAboveLimit, member, CurveNumbers.Shown(ref reader),
                $"is above {Limits.PowerMilliwattsMax / 1_000_000} kW");
        if (!exact) rows.Rounded++;
        return milliwatts.Value;
    }
}
