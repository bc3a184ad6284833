using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Ingest;

/// <summary>What a file cannot say of itself: the point of a curve without a point column, the zone of local times.</summary>
/// <param name="SentAt">The sender's clock when it sent, where it says so: its offset from ours is recorded.</param>
public sealed record IntakeHints(SettlementPointId? Point = null, DateTimeZone? Zone = null, Instant? SentAt = null);

/// <summary>What became of one part of an input; <paramref name="What"/> names it for a person.</summary>
public sealed record IntakePart(string What, RecordOutcome Outcome);

/// <summary>What became of an input, part by part, and as which format it was read; null where it was none.</summary>
public sealed record IntakeReport(string? Format, IReadOnlyList<IntakePart> Parts);

/// <summary>The register that a meter with this serial number counts, in this direction; null where none is installed.</summary>
public delegate ValueTask<RegisterId?> FindRegister(string meterSerial, Direction direction, CancellationToken ct);
