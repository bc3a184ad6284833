using NodaTime;

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
    /// <summary>Largest append as a store may have to take it, payloads and twice the headers, in bytes: a server of
    /// EventStoreDB takes 1 MiB unless it is told otherwise, and the rest is for a fact of the journal itself.
    /// </summary>
    public const int AppendBytesMax = (1024 - 16) * 1024;
    /// <summary>Largest register, in digits, decimals included.</summary>
    public const int RegisterDigitsMax = 18;
    /// <summary>Largest factor of a register: transformer ratios, current times voltage.</summary>
    public const int RegisterFactorMax = 1_000_000;
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
    /// <summary>Whether a time that somebody states is yet to come (<see cref="Rejection.ReadInTheFuture"/>): it is
    /// later than now by more than a device's clock may run ahead.</summary>
    public static bool IsInTheFuture(Instant at, Instant now) => at > now + Duration.FromMilliseconds(ClockSkewMs);
    /// <summary>How long an order or its withdrawal may be on its way to the ledger, in milliseconds: a minute. What is
    /// recorded later than that was not known when it says that it held.</summary>
    public const int OnItsWayMs = 60_000;
    /// <summary>Samples in one curve batch.</summary>
    public const int SamplesPerBatchMax = 5_000_000;
    /// <summary>Largest frame of the wire, in bytes.</summary>
    public const int FrameBytesMax = 1024 * 1024;
    /// <summary>Blocks or other entries of one frame; the count has 16 bits.</summary>
    public const int EntriesPerFrameMax = 65_535;
    /// <summary>Samples in one block of a frame: what a reader has to have room for.</summary>
    public const int SamplesPerBlockMax = 1024;
    /// <summary>Samples in one frame: packed samples may take no bytes at all, so bytes alone bound no work.</summary>
    public const int SamplesPerFrameMax = 1_048_576;
    /// <summary>Streams that one session may announce.</summary>
    public const int StreamsPerSessionMax = 65_536;
    /// <summary>Streams that the sessions of one party may have announced together: each segment of the frame log
    /// repeats them, at most 72 bytes each.</summary>
    public const int StreamsPerPartyMax = 4 * StreamsPerSessionMax;
    /// <summary>Streams that all sessions may have announced together: less than a third of a segment.</summary>
    public const int StreamsAnnouncedMax = 16 * StreamsPerSessionMax;
    /// <summary>First instant that a frame may name, in Unix µs: 1970-01-01, where clocks begin that nobody has
    /// set.</summary>
    public const long FrameTimeMicrosecondsMin = 0;
    /// <summary>First instant that is too late for a frame, in Unix µs: 2100-01-01.</summary>
    public const long FrameTimeMicrosecondsEnd = 4_102_444_800_000_000;
    /// <summary>Coarsest resolution of a frame's times, in µs: 1 s.</summary>
    public const int TimeUnitMicrosecondsMax = 1_000_000;
    /// <summary>Coarsest resolution of a frame's powers, in mW: 1 kW.</summary>
    public const int PowerUnitMilliwattsMax = 1_000_000;
    /// <summary>Shortest nominal period of a stream that is announced, in µs: 1 ms, as of a curve in a file. Above
    /// 1 kHz nothing at a connector says more of its energy.</summary>
    public const long NominalPeriodMicrosecondsMin = 1_000;
    /// <summary>How dense the samples of one stream in one frame may be, in samples a millisecond: each of the fastest
    /// twice.</summary>
    public const int SamplesPerMillisecondMax = 2;
    /// <summary>So many samples of a stream in a frame may lie together, whatever their times are.</summary>
    public const int SamplesTogetherMax = 16;
    /// <summary>Samples of one stream that count in one period and beside it, however long that is: an hour of the
    /// fastest, each twice.</summary>
    public const int SamplesPerPeriodMax = 8 * 1024 * 1024;
    /// <summary>Longest nominal period of a stream, in µs: one day.</summary>
    public const long NominalPeriodMicrosecondsMax = 86_400_000_000;

    /// <summary>The longest nominal period that a stream may announce, in µs: an hour, the longest settlement period. A
    /// sample may change what lies three nominal periods beside it, so a late one of a slow stream would have very many
    /// periods derived again. Logs of before have announcements up to <see cref="NominalPeriodMicrosecondsMax"/>, which
    /// are read as ever.</summary>
    public const long StreamNominalPeriodMicrosecondsMax = 3_600_000_000;
    /// <summary>Largest current that a vehicle asks for or is allowed, in mA: 10 kA.</summary>
    public const int VehicleMilliamperesMax = 10_000_000;
    /// <summary>Largest voltage that a vehicle asks for or is allowed, in mV: 10 kV.</summary>
    public const int VehicleMillivoltsMax = 10_000_000;
    /// <summary>A full vehicle's state of charge, in hundredths of a percent.</summary>
    public const int StateOfChargeMax = 10_000;
    /// <summary>Largest code of a reason to stop; the codes are those of the sender's protocol.</summary>
    public const int StopReasonMax = 65_535;
    /// <summary>Samples that one entry of a Shed frame may give up.</summary>
    public const long ShedSamplesMax = 1_000_000_000_000;
}
