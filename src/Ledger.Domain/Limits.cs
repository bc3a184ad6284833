namespace Ledger.Domain;

/// <summary>What comes in from outside is bounded here, once; every limit has its unit last in its name.</summary>
public static class Limits
{
    /// <summary>Longest identifier, in characters; OCPP's and OCPI's longest ids (36, 39) fit.</summary>
    public const int IdentifierLengthMax = 64;
    /// <summary>Longest free text (details, names), in characters.</summary>
    public const int TextLengthMax = 500;
    /// <summary>Largest payload of all events of one decision, in bytes (fits every store's message limit).</summary>
    public const int DecisionBytesMax = 512 * 1024;
    /// <summary>Largest register, in digits, decimals included.</summary>
    public const int RegisterDigitsMax = 18;
    /// <summary>Largest power of one connector or station, in milliwatts: 1 GW.</summary>
    public const long PowerMilliwattsMax = 1_000_000_000_000;
    /// <summary>Largest decimal text read from outside, in characters.</summary>
    public const int NumberLengthMax = 40;
    /// <summary>Largest file or request body imported in one go, in bytes.</summary>
    public const int ImportBytesMax = 64 * 1024 * 1024;
    /// <summary>
    /// How far a device's clock may run ahead before its reading is "in the future", in milliseconds.
    /// </summary>
    public const int ClockSkewMs = 2_000;
    /// <summary>Samples in one curve batch.</summary>
    public const int SamplesPerBatchMax = 5_000_000;
}
