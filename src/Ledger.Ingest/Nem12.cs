using System.Globalization;
using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Ingest;

/// <summary>One day of one channel: values as sent, a quality (letter and method) for each of them.</summary>
public sealed record Nem12Day(LocalDate Date, IReadOnlyList<decimal> Values, IReadOnlyList<string> Qualities);

/// <summary>One channel of a meter, as one or more 200 records of a file name it.</summary>
public sealed record Nem12Channel(
    string Nmi, string Suffix, string Serial, string Unit, int IntervalMinutes, IReadOnlyList<Nem12Day> Days)
{
    /// <summary>Exact sum in the channel's own unit.</summary>
    public decimal Sum => Days.Sum(d => d.Values.Sum());
}

/// <summary>
/// AEMO's meter data file format NEM12: records 100, 200, 300, 400, 500, 900. A file is taken whole or refused whole,
/// by the first line that breaks a rule.
/// </summary>
public static class Nem12
{
    private static readonly LocalDatePattern DatePattern = LocalDatePattern.CreateWithInvariantCulture("uuuuMMdd");

    /// <summary>Whether the line is a record of AEMO's meter data: such a file is judged as NEM12,
    /// whatever comes first.</summary>
    public static bool IsRecord(string line) =>
        line.Length > 3 && line[3] == ','
            && line[..3] is "100" or "200" or "250" or "300" or "400" or "500" or "550" or "900";

    /// <summary>Reads a file's text.</summary>
    public static Refusal? Read(string text, out IReadOnlyList<Nem12Channel> channels) =>
        Read(text, new Reader(isEvidence: false), out channels);

    /// <summary>The same of evidence. Before names of points were asked for their length and days for their years, they
    /// were taken as they came; what was recorded so is read again so.</summary>
    public static Refusal? ReadAgain(string text, out IReadOnlyList<Nem12Channel> channels) =>
        Read(text, new Reader(isEvidence: true), out channels);

    private static Refusal? Read(string text, Reader reader, out IReadOnlyList<Nem12Channel> channels)
    {
        channels = [];
        var lines = text.Split('\n');
        for (var i = 0; i < lines.Length; i++)
            if (reader.Line(i + 1, lines[i].TrimEnd('\r')) is { } refused) return refused;
        if (reader.End() is { } atEnd) return atEnd;
        channels = reader.Channels();
        return null;
    }

    /// <summary>The state between two lines of a file.</summary>
    private sealed class Reader(bool isEvidence)
    {
        private readonly List<(
            string Nmi, string Suffix, string Serial, string Unit, int Minutes, List<Nem12Day> Days)> _found = [];
        private readonly HashSet<(string, string, LocalDate)> _days = [];
        private bool _headed, _ended;
        /// <summary>The day whose quality is V, its line, and a quality for each interval said so far.</summary>
        private (int Line, string?[] Said)? _variable;

        public Refusal? Line(int number, string line)
        {
            if (line.Length == 0) return null;
            var fields = line.Split(',');
            if (_ended) return At(number, Rejection.Malformed, "a record after the end record 900");
            if (!_headed) return Header(number, fields);
            if (fields[0] != "400" && CloseVariable() is { } open) return open;
            switch (fields[0])
            {
                case "200": return Channel(number, fields);
                case "300": return Day(number, fields);
                case "400": return Range(number, fields);
                case "500":
                    return _found.Count > 0
                    ? null : At(number, Rejection.Malformed, "record 500 before any 200");
                case "900": _ended = true; return null;
                default:
                    return At(number, Rejection.UnknownField,
                    $"record indicator {IntakeText.Quote(fields[0])} is none of NEM12");
            }
        }

        public Refusal? End()
        {
            if (!_headed) return Refusal.Of(Rejection.EmptyInput, "NEM12: the file holds no record");
            if (CloseVariable() is { } open) return open;
            if (!_ended) return Refusal.Of(Rejection.Truncated, "NEM12: the end record 900 is missing");
            return _found.Any(f => f.Days.Count > 0) ? null
                : Refusal.Of(Rejection.EmptyInput, "NEM12: no interval data between records 100 and 900");
        }

        /// <summary>Blocks of the same channel become one, in the order of first mention.</summary>
        public IReadOnlyList<Nem12Channel> Channels() =>
        [
            .. _found.GroupBy(f => (f.Nmi, f.Suffix, f.Unit, f.Minutes)).Select(g => new Nem12Channel(
                g.Key.Nmi, g.Key.Suffix, g.First().Serial, g.Key.Unit, g.Key.Minutes, [.. g.SelectMany(f => f.Days)])),
        ];

        private Refusal? Header(int number, string[] fields)
        {
            if (fields[0] != "100") return At(number, Rejection.MissingField,
                $"record 100 must come first, found {IntakeText.Quote(fields[0])}");
            if (fields.Length < 2 || fields[1] != "NEM12")
                return At(number, Rejection.UnknownFormat,
                    $"version header {IntakeText.Quote(fields.ElementAtOrDefault(1))} is not NEM12");
            _headed = true;
            return null;
        }

        private Refusal? Channel(int number, string[] fields)
        {
            if (fields.Length < 9) return At(number, Rejection.MissingField,
                $"record 200 has {fields.Length} fields, at least 9 are needed");
            if (!Identifier.IsValid(fields[1]))
                return At(number, Rejection.InvalidIdentifier, $"NMI {IntakeText.Quote(fields[1])}");
            if (!Identifier.IsValid(fields[4]) || fields[4].Length > 2)
                return At(number, Rejection.InvalidIdentifier,
                    $"NMISuffix {IntakeText.Quote(fields[4])} is not two characters");
            if (Nem12Readings.PointOf(fields[1], fields[4]) is var point && !isEvidence && !Identifier.IsValid(point))
                return At(number, Rejection.InvalidIdentifier,
                    $"settlement point {IntakeText.Quote(point)} must be {Identifier.Rule}");
            if (!int.TryParse(fields[8], NumberStyles.None, CultureInfo.InvariantCulture, out var minutes)
                || minutes < 1 || 1440 % minutes != 0)
                return At(number, Rejection.OutOfRange,
                    $"IntervalLength {IntakeText.Quote(fields[8])} does not divide a day");
            _found.Add((fields[1], fields[4], fields[6], fields[7], minutes, []));
            return null;
        }

        private Refusal? Day(int number, string[] fields)
        {
            if (_found.Count == 0) return At(number, Rejection.Malformed, "record 300 before any 200");
            var channel = _found[^1];
            if (fields.Length < 2 || DatePattern.Parse(fields[1]) is not { Success: true } date)
                return At(number, Rejection.InvalidTime,
                    $"IntervalDate {IntakeText.Quote(fields.ElementAtOrDefault(1))} is not yyyyMMdd");
            if (!isEvidence && !MeasuredTime.Has(date.Value.Year))
                return At(number, Rejection.InvalidTime,
                    $"IntervalDate {IntakeText.Quote(fields[1])} is {MeasuredTime.Rule}");
            var expected = 1440 / channel.Minutes;
            var values = new List<decimal>(expected);
            var at = 2;
            for (; at < fields.Length && !IsQuality(fields[at]); at++)
            {
                if (IntakeText.Scale(fields[at], 9, out var nano, out var exact) is { } bad)
                    return IntakeText.BadNumber(bad, $"line {number}, field {at + 1}", fields[at]);
                if (!exact) return At(number, Rejection.NumberTooLong,
                    $"field {at + 1}: {IntakeText.Quote(fields[at])} has over 9 decimals");
                if (nano < 0) return At(number, Rejection.NegativeEnergy,
                    $"field {at + 1}: {IntakeText.Quote(fields[at])} is negative");
                values.Add(nano / 1_000_000_000m);
            }
            if (values.Count != expected)
                return At(number, Rejection.WrongCount,
                    $"{values.Count} interval values, but IntervalLength {channel.Minutes} makes {expected}");
            if (at == fields.Length) return At(number, Rejection.MissingField, "QualityMethod is missing");
            if (!_days.Add((channel.Nmi, channel.Suffix, date.Value)))
                return At(number, Rejection.PeriodsOverlap, $"{channel.Nmi} {channel.Suffix} has {fields[1]} twice");
            var qualities = new string?[expected];
            if (fields[at] == "V") _variable = (number, qualities); else Array.Fill(qualities, fields[at]);
            // The array is completed by the 400 records before anyone reads the day.
            channel.Days.Add(new Nem12Day(date.Value, values, qualities!));
            return null;
        }

        /// <summary>Record 400: the quality of the intervals from start to end, counted from 1,
        /// both included.</summary>
        private Refusal? Range(int number, string[] fields)
        {
            if (_variable is not { } day)
                return At(number, Rejection.Malformed, "record 400 without a 300 of quality V");
            if (fields.Length < 4) return At(number, Rejection.MissingField,
                $"record 400 has {fields.Length} fields, at least 4 are needed");
            if (!int.TryParse(fields[1], NumberStyles.None, CultureInfo.InvariantCulture, out var from)
                || !int.TryParse(fields[2], NumberStyles.None, CultureInfo.InvariantCulture, out var to)
                || from < 1 || to < from || to > day.Said.Length)
                return At(number, Rejection.OutOfRange,
                    $"intervals {IntakeText.Quote(fields[1])} to {IntakeText.Quote(fields[2])} of {day.Said.Length}");
            if (!IsQuality(fields[3]) || fields[3][0] == 'V')
                return At(number, Rejection.UnknownField, $"QualityMethod {IntakeText.Quote(fields[3])}");
            for (var i = from - 1; i < to; i++)
            {
                if (day.Said[i] is not null)
                    return At(number, Rejection.PeriodsOverlap, $"interval {i + 1} has two qualities");
                day.Said[i] = fields[3];
            }
            return null;
        }

        private Refusal? CloseVariable()
        {
            if (_variable is not { } day) return null;
            _variable = null;
            var open = Array.IndexOf(day.Said, null);
            return open < 0 ? null
                : At(day.Line, Rejection.PeriodIncomplete, $"quality V, but no record 400 covers interval {open + 1}");
        }

        /// <summary>A letter of AEMO's quality flags, alone or with its two-digit method.</summary>
        private static bool IsQuality(string field) =>
            field.Length is 1 or 3 && "AEFNSV".Contains(field[0]) && field.Skip(1).All(char.IsAsciiDigit);

        private static Refusal At(int line, Rejection code, string detail) =>
            Refusal.Of(code, $"NEM12 line {line}: {detail}");
    }
}
