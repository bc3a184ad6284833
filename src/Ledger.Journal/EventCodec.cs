using System.Collections.Frozen;
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
    : Exception($"the payload of '{wireName}'" + (position is { } p ? $" at position {p}" : "") + $" cannot be read: {inner.Message}", inner);

/// <summary>The payload of a fact and how it is called: what idempotency compares, besides the valid time.</summary>
public readonly record struct EncodedEvent(string WireName, int Version, byte[] Payload);

/// <summary>
/// The wire names of all facts, with versions, and their payload: ASCII-escaped UTF-8 JSON, members in the order of
/// the record's declaration, written once and never re-serialised. A name, once used, keeps its meaning for ever; a
/// changed fact gets a new version and a pure upcaster here.
/// </summary>
public static class EventCodec
{
    public const string ContentType = "application/json";

    private sealed record Wire(string Name, int Version, JsonTypeInfo Type);

    private static readonly PayloadContext Json = new(PayloadContext.Strict());

    private static readonly Wire[] Table =
    [
        new("settlement-point-registered", 1, Json.SettlementPointRegistered),
        new("register-installed", 1, Json.RegisterInstalled),
        new("register-reading-recorded", 1, Json.RegisterReadingRecorded),
        new("register-reading-quarantined", 1, Json.RegisterReadingQuarantined),
        new("interval-reading-recorded", 1, Json.IntervalReadingRecorded),
        new("interval-recorded", 1, Json.IntervalRecorded),
        new("dispatch-instructed", 1, Json.DispatchInstructed),
        new("instruction-clock-recorded", 1, Json.InstructionClockRecorded),
        new("instruction-withdrawn", 1, Json.InstructionWithdrawn),
        new("charging-fact-recorded", 1, Json.ChargingFactRecorded),
        new("reason-claimed", 1, Json.ReasonClaimed),
        new("tariff-published", 1, Json.TariffPublished),
        new("tariff-assigned", 1, Json.TariffAssigned),
        new("settlement-run-completed", 1, Json.SettlementRunCompleted),
        new("evidence-refused", 1, Json.EvidenceRefused),
        new("evidence-kept", 1, Json.EvidenceKept),
        new("clock-stepped-back", 1, Json.ClockSteppedBack),
        new("journal-recovered", 1, Json.JournalRecovered),
    ];

    private static readonly FrozenDictionary<Type, Wire> ByType = Table.ToFrozenDictionary(w => w.Type.Type);
    private static readonly FrozenDictionary<(string, int), Wire> ByName = Table.ToFrozenDictionary(w => (w.Name, w.Version));

    /// <summary>Every wire name with its version and the record it stands for: the event model as docs/event-model.md has it.</summary>
    public static IReadOnlyList<(string WireName, int Version, Type Fact)> WireNames { get; } =
        [.. Table.Select(w => (w.Name, w.Version, w.Type.Type))];

    public static EncodedEvent Encode(LedgerEvent fact)
    {
        var wire = ByType.TryGetValue(fact.GetType(), out var known)
            ? known
            : throw new InvalidOperationException($"{fact.GetType().Name} has no wire name: add it to the codec's table");
        return new EncodedEvent(wire.Name, wire.Version, JsonSerializer.SerializeToUtf8Bytes(fact, wire.Type));
    }

    public static LedgerEvent Decode(RecordedEvent recorded) =>
        Decode(recorded.Envelope.WireName, recorded.Envelope.WireVersion, recorded.Payload.Span, recorded.Position);

    public static LedgerEvent Decode(string wireName, int version, ReadOnlySpan<byte> payload, long? position = null)
    {
        if (!ByName.TryGetValue((wireName, version), out var wire)) throw new UnknownWireNameException(wireName, version, position);
        try
        {
            return (LedgerEvent)(JsonSerializer.Deserialize(payload, wire.Type) ?? throw new JsonException("null is no fact"));
        }
        catch (JsonException e)
        {
            throw new PoisonEventException(wireName, position, e);
        }
    }
}

/// <summary>Source-generated metadata of every fact: the member order is the order of declaration, fixed at compile time.</summary>
[JsonSourceGenerationOptions(GenerationMode = JsonSourceGenerationMode.Metadata, UseStringEnumConverter = true)]
[JsonSerializable(typeof(SettlementPointRegistered))]
[JsonSerializable(typeof(RegisterInstalled))]
[JsonSerializable(typeof(RegisterReadingRecorded))]
[JsonSerializable(typeof(RegisterReadingQuarantined))]
[JsonSerializable(typeof(IntervalReadingRecorded))]
[JsonSerializable(typeof(IntervalRecorded))]
[JsonSerializable(typeof(DispatchInstructed))]
[JsonSerializable(typeof(InstructionClockRecorded))]
[JsonSerializable(typeof(InstructionWithdrawn))]
[JsonSerializable(typeof(ChargingFactRecorded))]
[JsonSerializable(typeof(ReasonClaimed))]
[JsonSerializable(typeof(TariffPublished))]
[JsonSerializable(typeof(TariffAssigned))]
[JsonSerializable(typeof(SettlementRunCompleted))]
[JsonSerializable(typeof(EvidenceRefused))]
[JsonSerializable(typeof(EvidenceKept))]
[JsonSerializable(typeof(ClockSteppedBack))]
[JsonSerializable(typeof(JournalRecovered))]
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
}
