using Ledger.Domain;

namespace Ledger.Ingest.Frames;

/// <summary>What a frame holds; the numbers are on the wire, in the low half of its first byte.</summary>
public enum FrameKind : byte
{
    /// <summary>Which settlement point each stream of the session is.</summary>
    Announce = 1,
    /// <summary>Blocks of a power curve, one stream each.</summary>
    Samples = 2,
    /// <summary>What charger and vehicle agreed; it names no person.</summary>
    Vehicle = 3,
    /// <summary>Samples that the sender gave up, so that a gap has its cause.</summary>
    Shed = 4,
    /// <summary>Samples that the ledger gave up, because it was behind. Only the ledger writes it, into its
    /// log.</summary>
    GivenUp = 5,
    /// <summary>Who sends in the session. Only the ledger writes it, into its log.</summary>
    Sender = 6,
}

/// <summary>
/// The resolution that the sender declares: every time is a whole multiple of the one (in µs, since the Unix epoch),
/// every power of the other (in mW). 1 to 1 000 000 each.
/// </summary>
public readonly record struct FrameUnits(int TimeMicroseconds, int PowerMilliwatts)
{
    /// <summary>Whole microseconds and whole milliwatts.</summary>
    public static FrameUnits Finest => new(1, 1);
}

/// <summary>
/// The head of a frame. The sequence number counts the frames of a session, so that a lost one shows;
/// <paramref name="SentAtMicroseconds"/> is the sender's own clock, Unix time in µs. Units count in Samples frames
/// alone and are <see cref="FrameUnits.Finest"/> elsewhere. <paramref name="Entries"/> counts the blocks or other
/// entries, at least one.
/// </summary>
public readonly record struct FrameHead(
    FrameKind Kind, long Sequence, long SentAtMicroseconds, FrameUnits Units, int Entries);

/// <summary>A block of samples: its stream, and how many samples were read.</summary>
public readonly record struct SampleBlock(int Stream, int Count);

/// <summary>
/// That a stream of this session is a settlement point, what its samples mean, and the nominal period between them in
/// µs. A stream that is announced again is another from then on.
/// </summary>
public readonly record struct Announcement(
    int Stream, SettlementPointId Point, SampleSemantics Semantics, long NominalPeriodMicroseconds);

/// <summary>
/// What charger and vehicle said to each other at an instant (Unix µs): current and voltage that the vehicle asked for
/// and that it was permitted (mA, mV), its state of charge (hundredths of a percent), why charging stopped (a code of
/// the sender's protocol). What was not said is null; something was. There is no field for a text, so that nobody can
/// be named: who charged is not a fact of the curve.
/// </summary>
public readonly record struct VehicleFact(
    int Stream, long AtMicroseconds, int? RequestedMilliamperes = null, int? RequestedMillivolts = null,
    int? PermittedMilliamperes = null, int? PermittedMillivolts = null, int? StateOfCharge = null,
    int? StopReason = null);

/// <summary>
/// That so many samples of a stream were given up, by the sender or by the ledger as the frame's kind says, the first
/// and the last of them at these instants (Unix µs).
/// </summary>
public readonly record struct ShedSamples(
    int Stream, long FirstMicroseconds, long LastMicroseconds, long Count);
