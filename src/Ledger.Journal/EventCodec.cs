using System.Collections.Frozen;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Ledger.Domain;

namespace Ledger.Journal;

/// <summary>An event whose name and version this program does not know: the reader stops here, loudly.</summary>
public sealed class UnknownWireNameException(string wireName, int version, long? position)
    : Exception($"unknown wire name '{wireName}' version {version}" + (position is { } p ? $" at position {p}" : ""))
{
    public string WireName { get; } = wireName;
    public int Version { get; } = version;
    public long? Position { get; } = position;
}

/// <summary>An event whose payload is not what its wire name promises: the reader stops here, loudly.</summary>
public sealed class PoisonEventException(string wireName, long? position, Exception inner)
    : Exception($"the payload of '{wireName}'" + (position is { } p ? $" at position {p}" : "")
        + $" cannot be read: {inner.Message}", inner);

/// <summary>The payload of a fact and how it is called: what idempotency compares, besides the valid time.</summary>
public readonly record struct EncodedEvent(string WireName, int Version, string ContentType, byte[] Payload);

/// <summary>
/// The wire names of all facts, with versions, and their payload, written once and never re-serialised: ASCII-escaped
/// UTF-8 JSON, members in the order of the record's declaration, or the fixed layout of interval records. A name, once
/// used, keeps its meaning for ever; a changed fact gets a new version and a pure upcaster here.
/// </summary>
public static class EventCodec
{
    public const string JsonContentType = "application/json";

    private delegate LedgerEvent ReadPayload(ReadOnlySpan<byte> payload);

    private sealed record Wire(
        string Name, int Version, JsonTypeInfo Type, string ContentType, Func<LedgerEvent, byte[]> Write,
        ReadPayload Read)
    {
        public Wire(string name, int version, JsonTypeInfo type) : this(
            name, version, type, JsonContentType, fact => WriteJson(fact, type), payload => ReadJson(payload, type))
        { }

        /// <summary>Where a quicker way reads most payloads, and leaves the others with null.</summary>
        public Wire ReadFirst(Func<ReadOnlySpan<byte>, LedgerEvent?> quick) =>
            this with { Read = payload => quick(payload) ?? Read(payload) };

        /// <summary>Whether this version says all of a fact.</summary>
        public Func<LedgerEvent, bool> Says { get; init; } = _ => true;

        /// <summary>The JSON of a fact whose payload has a layout of its own, for people, and back.</summary>
        public Func<LedgerEvent, byte[]> View { get; init; } = fact => WriteJson(fact, Type);

        /// <inheritdoc cref="View"/>
        public ReadPayload ReadView { get; init; } = json => ReadJson(json, Type);

        /// <summary>A version that is read and no longer written.</summary>
        public static Wire Earlier<T>(string name, int version, JsonTypeInfo<T> old, JsonTypeInfo type,
            Func<T, LedgerEvent> upcast) =>
            new(name, version, type, JsonContentType, fact => WriteJson(fact, type), payload =>
                upcast(ReadOld(payload, old)));

        /// <summary>An earlier version that is still written for the facts of which it says all.</summary>
        public static Wire Still<TOld, TNow>(string name, int version, JsonTypeInfo<TOld> old, JsonTypeInfo<TNow> type,
            Func<TOld, TNow> upcast, Func<TNow, TOld?> downcast) where TNow : LedgerEvent where TOld : class =>
            new(name, version, type, JsonContentType,
                fact => JsonSerializer.SerializeToUtf8Bytes(downcast((TNow)fact)!, old),
                payload => upcast(ReadOld(payload, old)))
            {
                Says = fact => downcast((TNow)fact) is not null,
            };
    }

    private static readonly PayloadContext Json = new(PayloadContext.Strict());
    private static readonly PayloadContext Told = new(PayloadContext.Spelled());

    private static readonly Wire[] Table =
    [
        new("settlement-point-registered", 2, Json.SettlementPointRegistered),
        new("register-installed", 1, Json.RegisterInstalled),
        new("meter-class-declared", 1, Json.MeterClassDeclared),
        new("meter-key-registered", 1, Json.MeterKeyRegistered),
        new("point-placed", 1, Json.PointPlaced),
        new("loss-factor-set", 1, Json.LossFactorSet),
        new Wire("register-reading-recorded", 1, Json.RegisterReadingRecorded).ReadFirst(WrittenReading.Read),
        new("register-reading-quarantined", 1, Json.RegisterReadingQuarantined),
        new("interval-reading-recorded", 1, Json.IntervalReadingRecorded),
        new("register-reading-corrected", 1, Json.RegisterReadingCorrected),
        new("interval-reading-corrected", 1, Json.IntervalReadingCorrected),
        new("interval-estimated", 1, Json.IntervalEstimated),
        new("meter-finding-recorded", 1, Json.MeterFindingRecorded),
        new("interval-recorded", 2, Json.IntervalRecorded, IntervalRecordBytes.ContentType,
            fact => IntervalRecordBytes.Write((IntervalRecorded)fact), payload => IntervalRecordBytes.Read(payload, 2)),
        new("dispatch-instructed", 3, Json.DispatchInstructed),
        new("instruction-clock-recorded", 1, Json.InstructionClockRecorded),
        new("instruction-withdrawn", 1, Json.InstructionWithdrawn),
        new("charging-fact-recorded", 1, Json.ChargingFactRecorded),
        new("charging-state-recorded", 1, Json.ChargingStateRecorded),
        new("reason-claimed", 1, Json.ReasonClaimed),
        new("programme-published", 4, Json.ProgrammePublished),
        new("point-enrolled", 1, Json.PointEnrolled),
        new("enrolment-ended", 1, Json.EnrolmentEnded),
        new("availability-declared", 1, Json.AvailabilityDeclared),
        new("schedule-declared", 1, Json.ScheduleDeclared),
        new("session-requested", 1, Json.SessionRequested),
        new("outage-recorded", 1, Json.OutageRecorded),
        new("delivery-claimed", 1, Json.DeliveryClaimed),
        new("claim-displaced", 1, Json.ClaimDisplaced),
        new("baseline-frozen", 2, Json.BaselineFrozen),
        new("standing-limit-set", 1, Json.StandingLimitSet),
        new("tariff-published", 3, Json.TariffPublished),
        new("tariff-assigned", 2, Json.TariffAssigned),
        new("rule-pack-published", 1, Json.RulePackPublished),
        new("standard-declared", 1, Json.StandardDeclared),
        new("settlement-run-completed", 1, Json.SettlementRunCompleted),
        new("charge-recorded", 1, Json.ChargeRecorded),
        new("settlement-run-published", 1, Json.SettlementRunPublished),
        new("settlement-deltas-booked", 1, Json.SettlementDeltasBooked),
        new("settlement-month-closed", 1, Json.SettlementMonthClosed),
        new("dispute-opened", 1, Json.DisputeOpened),
        new("dispute-answered", 1, Json.DisputeAnswered),
        new("dispute-closed", 1, Json.DisputeClosed),
        new("evidence-refused", 1, Json.EvidenceRefused),
        new("evidence-kept", 1, Json.EvidenceKept),
        new("refusal-released", 1, Json.RefusalReleased),
        new("evidence-redriven", 1, Json.EvidenceRedriven),
        new("signing-key-registered", 1, Json.SigningKeyRegistered),
        new("clock-stepped-back", 1, Json.ClockSteppedBack),
        new("journal-recovered", 1, Json.JournalRecovered),
        new("subject-erased", 1, Json.SubjectErased),
        new("legal-hold-set", 1, Json.LegalHoldSet),
        new("legal-hold-released", 1, Json.LegalHoldReleased),
        new("evidence-disclosed", 1, Json.EvidenceDisclosed),
        new("ledger-restored", 1, Json.LedgerRestored),
        new("month-pruned", 1, Json.MonthPruned),
        new("frames-dropped", 1, Json.FramesDropped),
        new("access-key-issued", 1, Json.AccessKeyIssued),
        new("access-key-revoked", 1, Json.AccessKeyRevoked),
        new("data-read", 1, Json.DataRead),
    ];

    /// <summary>Versions that were written once; each is read as the fact that it is now.</summary>
    private static readonly Wire[] EarlierTable =
    [
        Wire.Earlier("dispatch-instructed", 1, Json.DispatchInstructedV1, Json.DispatchInstructed, old => old.Upcast()),
    ];

    /// <summary>
    /// A fact that says nothing new is written as it always was, so that the same fact is the same bytes in every
    /// version of this program.
    /// </summary>
    private static readonly Wire[] StillTable =
    [
        Wire.Still("dispatch-instructed", 2, Json.DispatchInstructedV2, Json.DispatchInstructed,
            old => old.Upcast(), DispatchInstructedV2.Of),
        Wire.Still("programme-published", 3, Json.ProgrammePublishedV3, Json.ProgrammePublished,
            old => old.Upcast(), ProgrammePublishedV3.Of),
        Wire.Still("programme-published", 2, Json.ProgrammePublishedV2, Json.ProgrammePublished,
            old => old.Upcast(), ProgrammePublishedV2.Of),
        Wire.Still("programme-published", 1, Json.ProgrammePublishedV1, Json.ProgrammePublished,
            old => old.Upcast(), ProgrammePublishedV1.Of),
        Wire.Still("settlement-point-registered", 1, Json.SettlementPointRegisteredV1, Json.SettlementPointRegistered,
            old => old.Upcast(), SettlementPointRegisteredV1.Of),
        Wire.Still("baseline-frozen", 1, Json.BaselineFrozenV1, Json.BaselineFrozen,
            old => old.Upcast(), BaselineFrozenV1.Of),
        Wire.Still("tariff-assigned", 1, Json.TariffAssignedV1, Json.TariffAssigned,
            old => old.Upcast(), TariffAssignedV1.Of),
        Wire.Still("tariff-published", 2, Json.TariffPublishedV2, Json.TariffPublished,
            old => old.Upcast(), TariffPublishedV2.Of),
        Wire.Still("tariff-published", 1, Json.TariffPublishedV1, Json.TariffPublished,
            old => old.Upcast(), TariffPublishedV1.Of),
        new("interval-recorded", 1, Json.IntervalRecorded, IntervalRecordBytes.ContentType,
            fact => IntervalRecordBytes.Write((IntervalRecorded)fact),
            payload => IntervalRecordBytes.Read(payload, 1))
        {
            Says = fact => IntervalRecordBytes.IsOfBatch((IntervalRecorded)fact),
            View = fact => JsonSerializer.SerializeToUtf8Bytes(
                IntervalRecordedV1.Of((IntervalRecorded)fact)!, Json.IntervalRecordedV1),
            ReadView = json => ReadOld(json, Json.IntervalRecordedV1).Upcast(),
        },
    ];

    private static readonly FrozenDictionary<Type, Wire[]> StillByType = StillTable.GroupBy(w => w.Type.Type)
        .ToFrozenDictionary(earlier => earlier.Key, earlier => earlier.ToArray());
    private static readonly FrozenDictionary<Type, Wire> ByType = Table.ToFrozenDictionary(w => w.Type.Type);

    /// <summary>The versions of each name, each at the place of its number.</summary>
    private static readonly FrozenDictionary<string, Wire?[]> ByName = Table.Concat(EarlierTable).Concat(StillTable)
        .GroupBy(w => w.Name).ToFrozenDictionary(named => named.Key, named =>
        {
            var versions = new Wire?[named.Max(w => w.Version) + 1];
            foreach (var w in named) versions[w.Version] = w;
            return versions;
        }, StringComparer.Ordinal);

    /// <summary>Every wire name with its version and the record it stands for:
    /// the event model as docs/event-model.md has it.</summary>
    public static IReadOnlyList<(string WireName, int Version, Type Fact)> WireNames { get; } =
        [.. Table.Concat(EarlierTable).Concat(StillTable).Select(w => (w.Name, w.Version, w.Type.Type))];

    public static EncodedEvent Encode(LedgerEvent fact)
    {
        var wire = Of(fact);
        return new EncodedEvent(wire.Name, wire.Version, wire.ContentType, wire.Write(fact));
    }

    public static LedgerEvent Decode(RecordedEvent recorded)
    {
        var envelope = recorded.Envelope;
        var wire = Of(envelope.WireName, envelope.WireVersion, recorded.Position);
        return wire.ContentType == envelope.ContentType ? Read(wire, recorded.Payload.Span, recorded.Position)
            : throw new PoisonEventException(wire.Name, recorded.Position, new InvalidDataException(
                $"its content type is {envelope.ContentType}, not {wire.ContentType}"));
    }

    public static LedgerEvent Decode(string wireName, int version, ReadOnlySpan<byte> payload, long? position = null) =>
        Read(Of(wireName, version, position), payload, position);

    private static Wire Of(string wireName, int version, long? position) =>
        ByName.TryGetValue(wireName, out var versions) && version >= 0 && version < versions.Length
            && versions[version] is { } wire ? wire
            : throw new UnknownWireNameException(wireName, version, position);

    private static LedgerEvent Read(Wire wire, ReadOnlySpan<byte> payload, long? position)
    {
        try
        {
            return wire.Read(payload);
        }
        catch (Exception e) when (e is JsonException or InvalidDataException)
        {
            throw new PoisonEventException(wire.Name, position, e);
        }
    }

    /// <summary>The fact as people read it: its payload where that is JSON, else the JSON that it would be.</summary>
    public static string ToJson(LedgerEvent fact)
    {
        var wire = Of(fact);
        return Encoding.UTF8.GetString(
            wire.ContentType == JsonContentType ? wire.Write(fact) : wire.View(fact));
    }

    /// <summary>A fact as interfaces tell it: its JSON with all members that it has now, and with each choice spelled
    /// as it is posted. No digest is of it.</summary>
    public static void Tell(Utf8JsonWriter into, LedgerEvent fact) =>
        JsonSerializer.Serialize(into, fact, ToldTypeOf(fact.GetType()));

    /// <inheritdoc cref="Tell"/>
    public static string ToldJson(LedgerEvent fact) => JsonSerializer.Serialize(fact, ToldTypeOf(fact.GetType()));

    /// <summary>How a type is told.</summary>
    public static JsonTypeInfo ToldTypeOf(Type type) => Told.Options.GetTypeInfo(type);

    /// <summary>A recorded event as it was written, which for an earlier version is not how it would be written
    /// now.</summary>
    public static string ToJson(RecordedEvent recorded)
    {
        var fact = Decode(recorded);
        return recorded.Envelope.ContentType == JsonContentType
            ? Encoding.UTF8.GetString(recorded.Payload.Span) : ToJson(fact);
    }

    /// <summary>Reads <see cref="ToJson(LedgerEvent)"/> back,
    /// so that an export can be compared with the payload's digest.</summary>
    public static LedgerEvent FromJson(string wireName, int version, string json)
    {
        var wire = Of(wireName, version, null);
        try
        {
            var bytes = Encoding.UTF8.GetBytes(json);
            return wire.ContentType == JsonContentType ? wire.Read(bytes) : wire.ReadView(bytes);
        }
        catch (JsonException e)
        {
            throw new PoisonEventException(wireName, null, e);
        }
    }

    private static Wire Of(LedgerEvent fact) =>
        StillByType.TryGetValue(fact.GetType(), out var still)
            && Array.Find(still, wire => wire.Says(fact)) is { } earlier ? earlier
        : ByType.TryGetValue(fact.GetType(), out var now) ? now
        : throw new InvalidOperationException($"{fact.GetType().Name} has no wire name: add it to the codec's table");

    private static byte[] WriteJson(LedgerEvent fact, JsonTypeInfo type) =>
        JsonSerializer.SerializeToUtf8Bytes(fact, type);

    private static LedgerEvent ReadJson(ReadOnlySpan<byte> json, JsonTypeInfo type) =>
        (LedgerEvent)(JsonSerializer.Deserialize(json, type) ?? throw new JsonException("null is no fact"));

    private static T ReadOld<T>(ReadOnlySpan<byte> json, JsonTypeInfo<T> type) =>
        JsonSerializer.Deserialize(json, type) ?? throw new JsonException("null is no fact");
}

/// <summary>Source-generated metadata of every fact: the member order is the order of declaration,
/// fixed at compile time.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, UseStringEnumConverter = true)]
[JsonSerializable(typeof(SettlementPointRegistered))]
[JsonSerializable(typeof(RegisterInstalled))]
[JsonSerializable(typeof(MeterClassDeclared))]
[JsonSerializable(typeof(MeterKeyRegistered))]
[JsonSerializable(typeof(PointPlaced))]
[JsonSerializable(typeof(LossFactorSet))]
[JsonSerializable(typeof(RegisterReadingRecorded))]
[JsonSerializable(typeof(RegisterReadingQuarantined))]
[JsonSerializable(typeof(IntervalReadingRecorded))]
[JsonSerializable(typeof(RegisterReadingCorrected))]
[JsonSerializable(typeof(IntervalReadingCorrected))]
[JsonSerializable(typeof(IntervalEstimated))]
[JsonSerializable(typeof(MeterFindingRecorded))]
[JsonSerializable(typeof(IntervalRecorded))]
[JsonSerializable(typeof(IntervalRecordedV1))]
[JsonSerializable(typeof(DispatchInstructed))]
[JsonSerializable(typeof(DispatchInstructedV1))]
[JsonSerializable(typeof(DispatchInstructedV2))]
[JsonSerializable(typeof(InstructionClockRecorded))]
[JsonSerializable(typeof(InstructionWithdrawn))]
[JsonSerializable(typeof(ChargingFactRecorded))]
[JsonSerializable(typeof(ChargingStateRecorded))]
[JsonSerializable(typeof(ReasonClaimed))]
[JsonSerializable(typeof(ProgrammePublished))]
[JsonSerializable(typeof(ProgrammePublishedV1))]
[JsonSerializable(typeof(ProgrammePublishedV3))]
[JsonSerializable(typeof(ProgrammePublishedV2))]
[JsonSerializable(typeof(PointEnrolled))]
[JsonSerializable(typeof(EnrolmentEnded))]
[JsonSerializable(typeof(AvailabilityDeclared))]
[JsonSerializable(typeof(ScheduleDeclared))]
[JsonSerializable(typeof(SessionRequested))]
[JsonSerializable(typeof(ChargeRecorded))]
[JsonSerializable(typeof(OutageRecorded))]
[JsonSerializable(typeof(DeliveryClaimed))]
[JsonSerializable(typeof(ClaimDisplaced))]
[JsonSerializable(typeof(BaselineFrozen))]
[JsonSerializable(typeof(BaselineFrozenV1))]
[JsonSerializable(typeof(StandingLimitSet))]
[JsonSerializable(typeof(TariffPublished))]
[JsonSerializable(typeof(TariffPublishedV1))]
[JsonSerializable(typeof(TariffPublishedV2))]
[JsonSerializable(typeof(TariffAssignedV1))]
[JsonSerializable(typeof(SettlementPointRegisteredV1))]
[JsonSerializable(typeof(TariffAssigned))]
[JsonSerializable(typeof(RulePackPublished))]
[JsonSerializable(typeof(StandardDeclared))]
[JsonSerializable(typeof(SettlementRunCompleted))]
[JsonSerializable(typeof(SettlementRunPublished))]
[JsonSerializable(typeof(SettlementDeltasBooked))]
[JsonSerializable(typeof(SettlementMonthClosed))]
[JsonSerializable(typeof(DisputeOpened))]
[JsonSerializable(typeof(DisputeAnswered))]
[JsonSerializable(typeof(DisputeClosed))]
[JsonSerializable(typeof(EvidenceRefused))]
[JsonSerializable(typeof(EvidenceKept))]
[JsonSerializable(typeof(RefusalReleased))]
[JsonSerializable(typeof(EvidenceRedriven))]
[JsonSerializable(typeof(SigningKeyRegistered))]
[JsonSerializable(typeof(ClockSteppedBack))]
[JsonSerializable(typeof(JournalRecovered))]
[JsonSerializable(typeof(SubjectErased))]
[JsonSerializable(typeof(LegalHoldSet))]
[JsonSerializable(typeof(LegalHoldReleased))]
[JsonSerializable(typeof(EvidenceDisclosed))]
[JsonSerializable(typeof(LedgerRestored))]
[JsonSerializable(typeof(MonthPruned))]
[JsonSerializable(typeof(FramesDropped))]
[JsonSerializable(typeof(AccessKeyIssued))]
[JsonSerializable(typeof(AccessKeyRevoked))]
[JsonSerializable(typeof(DataRead))]
internal sealed partial class PayloadContext : JsonSerializerContext
{
    /// <summary>Unknown, missing, repeated and null members are errors: the bytes in the journal are ours.</summary>
    public static JsonSerializerOptions Strict()
    {
        var options = new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
            UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
            RespectNullableAnnotations = true,
            RespectRequiredConstructorParameters = true,
            AllowDuplicateProperties = false,
            IgnoreReadOnlyProperties = true,
        };
        foreach (var converter in PayloadText.Converters()) options.Converters.Add(converter);
        return options;
    }

    /// <summary>The same with choices as they are posted, which no payload has.</summary>
    public static JsonSerializerOptions Spelled()
    {
        var options = Strict();
        options.Converters.Add(new JsonStringEnumConverter(JsonNamingPolicy.CamelCase));
        return options;
    }
}
