using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Ledger.Domain;

/// <summary>
/// The one rule for identifiers: 1 to 64 of A–Z a–z 0–9 . _ : * - /, so that they are safe in paths of streams,
/// logs and URLs.
/// </summary>
public static class Identifier
{
    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:*-/");

    /// <summary>The rule in words, as every door says it.</summary>
    public static readonly string Rule = $"1 to {Limits.IdentifierLengthMax} of A-Z a-z 0-9 . _ : * - /";

    public static bool IsValid([NotNullWhen(true)] string? text) =>
        text is { Length: > 0 and <= Limits.IdentifierLengthMax } && !text.AsSpan().ContainsAnyExcept(Allowed);

    internal static string Checked(string text) => IsValid(text)
        ? text
        : throw new ArgumentException($"an identifier is {Rule}", nameof(text));
}

/// <summary>A ledger: one operator or settlement area, with one order of facts.</summary>
public readonly record struct LedgerId
{
    public string Value { get; }
    public LedgerId(string value) => Value = Identifier.Checked(value);
    public static bool TryParse(string? text, out LedgerId id)
    {
        id = Identifier.IsValid(text) ? new(text) : default;
        return id.Value is not null;
    }

    public override string ToString() => Value;
}

/// <summary>Place where energy is measured for settlement: grid connection, connector, storage or PV.</summary>
public readonly record struct SettlementPointId : IComparable<SettlementPointId>
{
    public string Value { get; }
    public SettlementPointId(string value) => Value = Identifier.Checked(value);
    public static bool TryParse(string? text, out SettlementPointId id)
    {
        id = Identifier.IsValid(text) ? new(text) : default;
        return id.Value is not null;
    }

    public int CompareTo(SettlementPointId other) => string.CompareOrdinal(Value, other.Value);
    public override string ToString() => Value;
}

/// <summary>The settlement points behind one grid connection.</summary>
public readonly record struct StationId : IComparable<StationId>
{
    public string Value { get; }
    public StationId(string value) => Value = Identifier.Checked(value);
    public static bool TryParse(string? text, out StationId id)
    {
        id = Identifier.IsValid(text) ? new(text) : default;
        return id.Value is not null;
    }

    public int CompareTo(StationId other) => string.CompareOrdinal(Value, other.Value);
    public override string ToString() => Value;
}

/// <summary>
/// A company or authority that takes part: charging operator, aggregator, grid operator. Also the tenant.
/// </summary>
public readonly record struct PartyId : IComparable<PartyId>
{
    public string Value { get; }
    public PartyId(string value) => Value = Identifier.Checked(value);
    public static bool TryParse(string? text, out PartyId id)
    {
        id = Identifier.IsValid(text) ? new(text) : default;
        return id.Value is not null;
    }

    public int CompareTo(PartyId other) => string.CompareOrdinal(Value, other.Value);
    public override string ToString() => Value;
}

/// <summary>A dispatch instruction.</summary>
public readonly record struct InstructionId : IComparable<InstructionId>
{
    public string Value { get; }
    public InstructionId(string value) => Value = Identifier.Checked(value);
    public static bool TryParse(string? text, out InstructionId id)
    {
        id = Identifier.IsValid(text) ? new(text) : default;
        return id.Value is not null;
    }

    public int CompareTo(InstructionId other) => string.CompareOrdinal(Value, other.Value);
    public override string ToString() => Value;
}

/// <summary>A programme, all versions of it.</summary>
public readonly record struct ProgrammeId : IComparable<ProgrammeId>
{
    public string Value { get; }
    public ProgrammeId(string value) => Value = Identifier.Checked(value);
    public static bool TryParse(string? text, out ProgrammeId id)
    {
        id = Identifier.IsValid(text) ? new(text) : default;
        return id.Value is not null;
    }

    public int CompareTo(ProgrammeId other) => string.CompareOrdinal(Value, other.Value);
    public override string ToString() => Value;
}

/// <summary>A claim of a programme on delivered energy; its name is unique at its settlement point.</summary>
public readonly record struct ClaimId : IComparable<ClaimId>
{
    public string Value { get; }
    public ClaimId(string value) => Value = Identifier.Checked(value);
    public static bool TryParse(string? text, out ClaimId id)
    {
        id = Identifier.IsValid(text) ? new(text) : default;
        return id.Value is not null;
    }

    public int CompareTo(ClaimId other) => string.CompareOrdinal(Value, other.Value);
    public override string ToString() => Value;
}

/// <summary>A tariff, all versions of it.</summary>
public readonly record struct TariffId : IComparable<TariffId>
{
    public string Value { get; }
    public TariffId(string value) => Value = Identifier.Checked(value);
    public static bool TryParse(string? text, out TariffId id)
    {
        id = Identifier.IsValid(text) ? new(text) : default;
        return id.Value is not null;
    }

    public int CompareTo(TariffId other) => string.CompareOrdinal(Value, other.Value);
    public override string ToString() => Value;
}

/// <summary>A rule pack, all versions of it.</summary>
public readonly record struct RulePackId : IComparable<RulePackId>
{
    public string Value { get; }
    public RulePackId(string value) => Value = Identifier.Checked(value);
    public static bool TryParse(string? text, out RulePackId id)
    {
        id = Identifier.IsValid(text) ? new(text) : default;
        return id.Value is not null;
    }

    public int CompareTo(RulePackId other) => string.CompareOrdinal(Value, other.Value);
    public override string ToString() => Value;
}

/// <summary>A settlement run.</summary>
public readonly record struct RunId : IComparable<RunId>
{
    public string Value { get; }
    public RunId(string value) => Value = Identifier.Checked(value);
    public static bool TryParse(string? text, out RunId id)
    {
        id = Identifier.IsValid(text) ? new(text) : default;
        return id.Value is not null;
    }

    public int CompareTo(RunId other) => string.CompareOrdinal(Value, other.Value);
    public override string ToString() => Value;
}

/// <summary>A retention policy of the operator, by the number of its document; never its text.</summary>
public readonly record struct RetentionId
{
    public string Value { get; }
    public RetentionId(string value) => Value = Identifier.Checked(value);
    public static bool TryParse(string? text, out RetentionId id)
    {
        id = Identifier.IsValid(text) ? new(text) : default;
        return id.Value is not null;
    }

    public override string ToString() => Value;
}

/// <summary>An access key, by the part of it that is no secret.</summary>
public readonly record struct AccessKeyId : IComparable<AccessKeyId>
{
    public string Value { get; }
    public AccessKeyId(string value) => Value = Identifier.Checked(value);
    public static bool TryParse(string? text, out AccessKeyId id)
    {
        id = Identifier.IsValid(text) ? new(text) : default;
        return id.Value is not null;
    }

    public int CompareTo(AccessKeyId other) => string.CompareOrdinal(Value, other.Value);
    public override string ToString() => Value;
}

/// <summary>A dispute of lines of a settlement run.</summary>
public readonly record struct DisputeId : IComparable<DisputeId>
{
    public string Value { get; }
    public DisputeId(string value) => Value = Identifier.Checked(value);
    public static bool TryParse(string? text, out DisputeId id)
    {
        id = Identifier.IsValid(text) ? new(text) : default;
        return id.Value is not null;
    }

    public int CompareTo(DisputeId other) => string.CompareOrdinal(Value, other.Value);
    public override string ToString() => Value;
}

/// <summary>
/// The natural key of a piece of evidence: it fixes the event id, so that a retry is recognised for ever.
/// </summary>
public readonly record struct EvidenceKey
{
    public string Value { get; }
    public EvidenceKey(string value)
    {
        ArgumentException.ThrowIfNullOrEmpty(value);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value.Length, Limits.TextLengthMax);
        Value = value;
    }
    public override string ToString() => Value;
}

/// <summary>SHA-256 of raw evidence bytes, lower-case hex: the name of the evidence in the archive.</summary>
public readonly record struct EvidenceDigest
{
    public string Hex { get; }
    public EvidenceDigest(string hex)
    {
        if (!IsValid(hex)) throw new ArgumentException("64 lower-case hex digits", nameof(hex));
        Hex = hex;
    }

    public static bool TryParse(string? text, out EvidenceDigest digest)
    {
        digest = IsValid(text) ? new(text) : default;
        return digest.Hex is not null;
    }

    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    private static bool IsValid([NotNullWhen(true)] string? text) =>
        text is { Length: 64 } && !text.AsSpan().ContainsAnyExcept(HexDigits);

    public override string ToString() => Hex;
}
