using Ledger.Domain;
using NodaTime;
using NodaTime.Text;

namespace Ledger.Ingest;

/// <summary>One fact of an event, and what it is for a person.</summary>
internal sealed record EventPart(string What, FactInput.Complete Fact);

/// <summary>
/// An event of OpenADR 3 (3.0.1 and 3.1, object event, as a VTN gives it: with <c>id</c> and <c>createdDateTime</c>),
/// as far as it says power in kW of named settlement points. A capacity limit of its intervals is an operating envelope
/// of each target. A set point of an interval is an instruction to all targets, named by the event and the interval: to
/// import no more than it, or, of an export set point and of a dispatch set point below zero, to export so much. What
/// cannot be kept exactly is refused with its field: a start by chance, a duration of no fixed length, another unit, a
/// type that is no power.
/// </summary>
public static class OpenAdrEventText
{
    /// <summary>Payload types of an event (Definition, event payload enumerations). An order to export is a type of
    /// ours: the enumeration's set point is consumption, and never below zero.</summary>
    public const string ImportLimit = "IMPORT_CAPACITY_LIMIT", ExportLimit = "EXPORT_CAPACITY_LIMIT",
        SetPoint = "DISPATCH_SETPOINT", ExportSetPoint = "EXPORT_SETPOINT";

    /// <summary>Payload types of a report. What is exported is a type of ours: the enumeration's usage is never below
    /// zero.</summary>
    public const string Usage = "USAGE", ExportUsage = "EXPORT_USAGE", Baseline = "BASELINE",
        DeltaUsage = "DELTA_USAGE", DataQuality = "DATA_QUALITY";

    /// <summary>A member that every event has and no fact of ours.</summary>
    internal const string Mark = "programID";

    /// <summary>Units (Definition, unit enumerations).</summary>
    public const string Kilowatts = "KW", KilowattHours = "KWH";

    /// <summary>Longest id of an event: the name of an instruction has a dot and ten digits more.</summary>
    private const int IdLengthMax = Limits.IdentifierLengthMax - 11;

    /// <summary>Targets and intervals of one event: what one instruction and one envelope may have.</summary>
    private const int TargetsMax = 2_000, IntervalsMax = 2_016;

    /// <summary>Longest duration: a leap year.</summary>
    private static readonly Duration Longest = Duration.FromDays(366);

    private static readonly string[] Types = [ImportLimit, ExportLimit, SetPoint, ExportSetPoint];
    private static readonly string[] Reported = [Usage, ExportUsage, Baseline, DeltaUsage, DataQuality];

    private sealed record Stretch(int Id, Interval Period, Dictionary<string, Power> Values);

    /// <summary>How the instruction of an event's interval is named.</summary>
    private static InstructionId NameOf(string id, int interval) => new(
        string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{id}.{interval}"));

    /// <summary>The facts of an event in the name of whoever hands it in.</summary>
    internal static FactInput Event(InputValue input)
    {
        var read = input.Object(FactText.TypeMember, "id", "createdDateTime", "modificationDateTime", "objectType", Mark,
            "eventName", "priority", "duration", "targets", "reportDescriptors", "payloadDescriptors", "intervalPeriod",
            "intervals");
        if (read.Optional("objectType") is { } of && of.Text() != "EVENT")
            throw of.Refused(Rejection.OutOfRange, "must be EVENT");
        var id = ObjectId(read.Required("id"), IdLengthMax);
        var createdAt = read.Required("createdDateTime").At();
        var modifiedAt = read.Optional("modificationDateTime")?.At();
        var programme = new ProgrammeId(ObjectId(read.Required(Mark), Limits.IdentifierLengthMax));
        read.Optional("eventName")?.Line(Limits.TextLengthMax);
        read.Optional("priority")?.Integer(0, int.MaxValue);
        foreach (var asked in read.Optional("reportDescriptors")?.Array() ?? []) Report(asked);
        var targets = Targets(read.Required("targets"));
        var units = Units(read.Optional("payloadDescriptors"));
        var stretches = Stretches(read, units);
        if (read.Optional("duration") is { } whole
            && DurationOf(whole) != stretches[^1].Period.End - stretches[0].Period.Start)
            throw whole.Refused(Rejection.OutOfRange,
                "must be as long as the intervals, or left out: intervals are not repeated");
        var version = new OpenAdrVersion(id, programme, modifiedAt == createdAt ? null : modifiedAt).ToString();
        return new FactInput.Event(by =>
        [
            .. LimitsOf(ImportLimit, Direction.Import, version, targets, stretches),
            .. LimitsOf(ExportLimit, Direction.Export, version, targets, stretches),
            .. stretches.Where(stretch => stretch.Values.ContainsKey(SetPoint)).Select(stretch =>
                Instruction(NameOf(id, stretch.Id), programme, by, createdAt, targets, stretch)),
        ]);
    }

    private static EventPart Instruction(InstructionId name, ProgrammeId programme, PartyId by, Instant issuedAt,
        IReadOnlyList<SettlementPointId> targets, Stretch stretch)
    {
        var power = stretch.Values[SetPoint];
        var quantity = power < Power.Zero ? -power : power;
        return new($"instruction {name}", new FactInput.Of<DispatchInstructed>(new(
            name, power < Power.Zero ? InstructionKind.Export : InstructionKind.Curtail, by, issuedAt, stretch.Period,
            [.. targets.Select(point => new InstructionTarget(point, quantity))], Power.Zero, 0, 0m, 0m, programme,
            null)));
    }

    /// <summary>One envelope a target; where an interval says no limit, and between intervals, there is none.</summary>
    private static IEnumerable<EventPart> LimitsOf(string type, Direction direction, string source,
        IReadOnlyList<SettlementPointId> targets, IReadOnlyList<Stretch> stretches)
    {
        var limited = stretches.Where(stretch => stretch.Values.ContainsKey(type)).ToList();
        if (limited.Count == 0) return [];
        var steps = new List<LimitStep>();
        foreach (var stretch in limited)
        {
            if (steps.Count > 0 && steps[^1].At != stretch.Period.Start && steps[^1].Most is null)
                steps.Add(new(stretch.Period.Start, null, stretch.Values[type]));
            else if (steps is [.., { Most: null }]) steps[^1] = steps[^1] with { Most = stretch.Values[type] };
            else steps.Add(new(stretch.Period.Start, null, stretch.Values[type]));
            steps.Add(new(stretch.Period.End, null, null));
        }
        steps.RemoveAt(steps.Count - 1); // the envelope ends there
        var (from, until) = (limited[0].Period.Start, limited[^1].Period.End);
        var single = steps is [var only] ? only.Most : null;
        return targets.Select(point => new EventPart($"{type} of {point}", new FactInput.Of<StandingLimitSet>(new(
            point, StandingLimitKind.OperatingEnvelope, direction, single, single is null ? steps : [], null, from,
            until, source))));
    }

    private static List<Stretch> Stretches(InputObject read, IReadOnlyDictionary<string, string> units)
    {
        var (start, length) = read.Optional("intervalPeriod") is { } whole ? PeriodOf(whole) : (null, null);
        var intervals = read.Required("intervals");
        var rows = intervals.Array();
        if (rows.Count is 0 or > IntervalsMax)
            throw intervals.Refused(Rejection.WrongCount, $"must have 1 to {IntervalsMax} intervals");
        var stretches = new List<Stretch>(rows.Count);
        foreach (var row in rows)
        {
            var interval = row.Object("id", "intervalPeriod", "payloads");
            var id = interval.Required("id").Integer(0, int.MaxValue);
            if (stretches.Exists(known => known.Id == id))
                throw interval.Required("id").Refused(Rejection.NamedTwice, "must differ from the other intervals'");
            var (ownStart, ownLength) = interval.Optional("intervalPeriod") is { } own ? PeriodOf(own) : (null, null);
            var from = ownStart ?? (stretches is [.., var before] ? before.Period.End : start) ?? throw row.Refused(
                Rejection.MissingField, "needs a start: its own, the event's, or the end of the interval before it");
            var time = ownLength ?? length ?? throw row.Refused(Rejection.MissingField,
                "needs a duration: its own or the event's");
            if (time <= Duration.Zero) throw row.Refused(Rejection.IntervalEmpty, "must have a duration above zero");
            if (stretches is [.., var last] && from < last.Period.End)
                throw row.Refused(Rejection.PeriodsOverlap, "must not begin before the interval before it has ended");
            stretches.Add(new(id, new(from, from + time), Payloads(interval.Required("payloads"), units)));
        }
        return stretches;
    }

    private static Dictionary<string, Power> Payloads(InputValue input, IReadOnlyDictionary<string, string> units)
    {
        var values = new Dictionary<string, Power>(StringComparer.Ordinal);
        foreach (var row in input.Array())
        {
            var payload = row.Object("type", "values");
            var type = payload.Required("type");
            var name = type.Text();
            if (!Types.Contains(name, StringComparer.Ordinal))
                throw type.Refused(Rejection.UnknownFormat, $"must be one of {string.Join(", ", Types)}");
            var ordered = name == ExportSetPoint ? SetPoint : name;
            if (values.ContainsKey(ordered))
                throw type.Refused(Rejection.NamedTwice, "must stand once in an interval");
            if (!units.ContainsKey(name))
                throw type.Refused(Rejection.MissingField, $"needs a payloadDescriptor with units {Kilowatts}");
            var all = payload.Required("values");
            var value = all.Array() is [var single] ? single
                : throw all.Refused(Rejection.WrongCount, "must hold one value");
            values[ordered] = name switch
            {
                SetPoint => Signed(value),
                ExportSetPoint => value.Kilowatts() is var power && power > Power.Zero ? -power
                    : throw value.Refused(Rejection.NoQuantity, "must be above zero: an export of nothing"),
                _ => value.Kilowatts(),
            };
        }
        return values.Count > 0 ? values : throw input.Refused(Rejection.WrongCount, "must hold a payload");
    }

    private static Power Signed(InputValue value)
    {
        var rounded = false;
        var power = new Power(value.Milliwatts(ref rounded));
        return rounded ? throw value.Refused(Rejection.OutOfRange, "must have at most 6 decimals of a kW") : power;
    }

    /// <summary>The units of each payload type, which are those that can be kept.</summary>
    private static Dictionary<string, string> Units(InputValue? descriptors)
    {
        var units = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var row in descriptors?.Array() ?? [])
        {
            var descriptor = row.Object("objectType", "payloadType", "units", "currency");
            var kind = descriptor.Required("objectType");
            if (kind.Text() != "EVENT_PAYLOAD_DESCRIPTOR")
                throw kind.Refused(Rejection.OutOfRange, "must be EVENT_PAYLOAD_DESCRIPTOR");
            var type = descriptor.Required("payloadType");
            var unit = descriptor.Required("units");
            if (unit.Text() != Kilowatts) throw unit.Refused(Rejection.UnknownUnit, $"must be {Kilowatts}");
            if (!units.TryAdd(type.Text(), Kilowatts))
                throw type.Refused(Rejection.NamedTwice, "must be described once");
        }
        return units;
    }

    /// <summary>Names of settlement points (3.1), or values of RESOURCE_NAME (3.0).</summary>
    private static List<SettlementPointId> Targets(InputValue input)
    {
        var points = new List<SettlementPointId>();
        foreach (var row in input.Array())
            if (row.Json.ValueKind == System.Text.Json.JsonValueKind.String) points.Add(row.Point());
            else
            {
                var target = row.Object("type", "values");
                var type = target.Required("type");
                if (type.Text() != "RESOURCE_NAME")
                    throw type.Refused(Rejection.OutOfRange, "must be RESOURCE_NAME: a target is a settlement point");
                points.AddRange(target.Required("values").Array().Select(value => value.Point()));
            }
        if (points.Count is 0 or > TargetsMax)
            throw input.Refused(Rejection.WrongCount, $"must name 1 to {TargetsMax} settlement points");
        return points.Distinct().Count() == points.Count ? points
            : throw input.Refused(Rejection.NamedTwice, "must name a settlement point once");
    }

    /// <summary>A report that is asked for must be one that there is: they are read at any time.</summary>
    private static void Report(InputValue input)
    {
        var asked = input.Object("payloadType", "readingType", "units", "targets", "aggregate", "startInterval",
            "numIntervals", "historical", "frequency", "repeat", "reportIntervals");
        var type = asked.Required("payloadType");
        if (!Reported.Contains(type.Text(), StringComparer.Ordinal))
            throw type.Refused(Rejection.UnknownFormat, $"must be one of {string.Join(", ", Reported)}");
        if (asked.Optional("units") is { } unit && unit.Text() != KilowattHours)
            throw unit.Refused(Rejection.UnknownUnit, $"must be {KilowattHours}");
        if (asked.Optional("aggregate") is { } sum && sum.Flag())
            throw sum.Refused(Rejection.OutOfRange, "must be false: each resource is reported");
    }

    private static (Instant? Start, Duration? Length) PeriodOf(InputValue input)
    {
        var period = input.Object("start", "duration", "randomizeStart");
        if (period.Optional("randomizeStart") is { } chance && DurationOf(chance) != Duration.Zero)
            throw chance.Refused(Rejection.OutOfRange, "must be PT0S: an order that begins by chance is not judged");
        return (period.Optional("start")?.At(),
            period.Optional("duration") is { } length ? DurationOf(length) : null);
    }

    /// <summary>ISO 8601, of weeks, days of 24 hours, hours, minutes and seconds.</summary>
    private static Duration DurationOf(InputValue input)
    {
        const string rule = "must be an ISO 8601 duration of weeks, days, hours, minutes and seconds, at most 366 days; "
            + "years and months have no fixed length";
        var text = input.Text();
        if (text.Length > Limits.NumberLengthMax || !PeriodPattern.NormalizingIso.Parse(text).TryGetValue(
            Period.Zero, out var period) || period.Years != 0 || period.Months != 0 || period.Days > 366)
            throw input.Refused(Rejection.InvalidTime, rule);
        var length = period.ToDuration();
        return length >= Duration.Zero && length <= Longest && length.SubsecondNanoseconds % 100 == 0
            ? length : throw input.Refused(Rejection.InvalidTime, rule);
    }

    /// <summary>An id of OpenADR: letters, digits, _ and -.</summary>
    private static string ObjectId(InputValue input, int lengthMax)
    {
        var text = input.Text();
        return text.Length is > 0 && text.Length <= lengthMax && IsObjectId(text) ? text
            : throw input.Refused(Rejection.InvalidIdentifier, $"must be 1 to {lengthMax} of A-Z a-z 0-9 _ -");
    }

    /// <summary>Whether a name can be an id of OpenADR (objectID).</summary>
    public static bool IsObjectId(string text) =>
        text.Length > 0 && text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-');
}
