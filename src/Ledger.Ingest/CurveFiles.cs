using System.Globalization;
using Ledger.Domain;
using NodaTime.Text;

namespace Ledger.Ingest;

/// <summary>
/// Power curves in CSV: header <c>point,time,kw</c>, or <c>time,kw</c> for one named point; times as ISO 8601 with an
/// offset or as Unix milliseconds; powers as decimal numerals in kW, rounded half to even to whole milliwatts.
/// A file is taken whole or refused whole, and its last row ends with a line end, so that a cut file is seen.
/// </summary>
public static class CurveFiles
{
    private static readonly OffsetDateTimePattern TimePattern = OffsetDateTimePattern.ExtendedIso;

    private const string Header = "point,time,kw", HeaderOfOnePoint = "time,kw";

    public static bool IsHeader(string line) => line is Header or HeaderOfOnePoint;

    /// <summary>
    /// Reads a curve file in any of its formats. False where the bytes are none; otherwise either the batch or why it
    /// was refused.
    /// </summary>
    /// <param name="again">Whether it is evidence, which is read as it was when it came.</param>
    public static bool TryRead(ReadOnlyMemory<byte> bytes, IntakeHints hints, out CurveBatch? batch,
        out Refusal? refused, bool again = false)
    {
        batch = null;
        if (CurveParquet.IsParquet(bytes.Span))
        {
            refused = CurveParquet.Read(bytes, hints, out batch, again);
            return true;
        }
        if (CurveLines.IsCurve(bytes.Span))
        {
            refused = CurveLines.Read(bytes, hints, out batch);
            return true;
        }
        refused = null;
        var start = IntakeText.WithoutByteOrderMark(bytes).Span;
        if (!start.StartsWith("point,time,kw"u8) && !start.StartsWith("time,kw"u8)) return false;
        refused = IntakeText.Decode(bytes.Span, out var text) ?? ReadCsv(text, hints, out batch);
        return true;
    }

    /// <summary>Reads a CSV file's text.</summary>
    public static Refusal? ReadCsv(string text, IntakeHints hints, out CurveBatch? batch)
    {
        batch = null;
        var found = new CurveRows();
        var rest = text.AsSpan();
        var header = NextLine(ref rest, out _).ToString();
        if (!IsHeader(header)) return Refusal.Of(Rejection.UnknownFormat,
            $"curve: header {IntakeText.Quote(header)} is not {Header} or {HeaderOfOnePoint}"
            + CellForm.Unless(header));
        var named = header == Header;
        if (!named && hints.Point is null) return Refusal.Of(Rejection.MissingField,
            "curve: time,kw needs the settlement point named beside the file");
        string lastName = "";
        var point = hints.Point ?? default;
        for (var number = 2; rest.Length > 0; number++)
        {
            var line = NextLine(ref rest, out var ended);
            if (line.Length == 0) continue;
            if (!ended) return Refusal.Of(Rejection.Truncated,
                $"curve line {number}: no line end after the last row {IntakeText.Quote(line)}");
            if (line.Count(',') != (named ? 2 : 1))
                return Refusal.Of(Rejection.WrongCount,
                    $"curve line {number}: {line.Count(',') + 1} fields under {header}{CellForm.Unless(line)}");
            if (named)
            {
                var name = line[..line.IndexOf(',')];
                line = line[(name.Length + 1)..];
                if (!name.SequenceEqual(lastName))
                {
                    lastName = name.ToString();
                    if (!SettlementPointId.TryParse(lastName, out point))
                        return Refusal.Of(Rejection.InvalidIdentifier,
                            $"curve line {number}: point {IntakeText.Quote(name)}: must be {Identifier.Rule}"
                            + CellForm.Unless(name));
                }
            }
            if (Sample(line, number, out var at, out var power, out var exact) is { } refused) return refused;
            if (!exact) found.Rounded++;
            if (found.Count == Limits.SamplesPerBatchMax)
                return Refusal.Of(Rejection.TooLarge, $"curve: more than {Limits.SamplesPerBatchMax} samples");
            found.Add(point, new PowerSample(at, power));
        }
        if (found.Count == 0) return Refusal.Of(Rejection.EmptyInput, "curve: no row after the header");
        batch = found.ToBatch(hints.SentAt) with { NamedBeside = named ? null : hints.Point };
        return null;
    }

    private static Refusal? Sample(ReadOnlySpan<char> line, int number, out long at, out long power, out bool exact)
    {
        var comma = line.IndexOf(',');
        var time = line[..comma];
        var kilowatts = line[(comma + 1)..];
        power = 0;
        exact = true;
        if (!TryTime(time, out at))
            return Refusal.Of(Rejection.InvalidTime,
                $"curve line {number}: time {IntakeText.Quote(time)} is neither ISO 8601 with offset nor Unix "
                + $"milliseconds{CellForm.Unless(time)}");
        if (CurveNumbers.Scale(kilowatts, 6, out power, out exact) is { } bad)
            return bad == Rejection.OutOfRange ? Above(number, kilowatts)
                : IntakeText.BadNumber(bad, $"curve line {number}: kw", kilowatts, CellForm.Unless(kilowatts));
        return power is > Limits.PowerMilliwattsMax or < -Limits.PowerMilliwattsMax ? Above(number, kilowatts) : null;
    }

    private static Refusal Above(int number, ReadOnlySpan<char> kilowatts) => Refusal.Of(Rejection.PowerAboveLimit,
        $"curve line {number}: kw {IntakeText.Quote(kilowatts)} is above {Limits.PowerMilliwattsMax / 1_000_000} kW");

    /// <summary>Unix milliseconds are digits alone; from 2001-09-09 to 2286 they are 13 of them.</summary>
    private static bool TryTime(ReadOnlySpan<char> text, out long microseconds)
    {
        microseconds = 0;
        if (text.Length == 13
            && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds))
        {
            microseconds = milliseconds * 1000;
            return true;
        }
        if (text.Length is < 17 or > 40) return false;
        if (!IntakeText.TryTime(TimePattern, text.ToString(), out _, out var at)) return false;
        var ticks = at.ToUnixTimeTicks();
        microseconds = ticks / 10;
        return ticks % 10 == 0;
    }

    private static ReadOnlySpan<char> NextLine(ref ReadOnlySpan<char> rest, out bool ended)
    {
        var end = rest.IndexOf('\n');
        ended = end >= 0;
        var line = ended ? rest[..end] : rest;
        rest = ended ? rest[(end + 1)..] : [];
        return line.TrimEnd('\r');
    }
}
