using System.Security.Cryptography;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;

namespace Ledger.Benchmarks;

/// <summary>An endless row of facts, the same in each run: readings and interval records of 500 points.</summary>
internal static class JournalEvents
{
    public const int BatchFacts = 500;
    private const int Points = 500;
    private static readonly Instant Start = Instant.FromUtc(2026, 3, 1, 0, 0);
    private static readonly EvidenceDigest Evidence = new(Convert.ToHexStringLower(SHA256.HashData("evidence"u8)));

    /// <summary>A fact from a fleet: the next one is of another stream.</summary>
    public static (string Stream, NewFact Fact) Single(long number) => Of((int)(number % (2 * Points)), number);

    /// <summary>Facts from an import: all of one stream.</summary>
    public static (string Stream, NewFact[] Facts) Batch(long number)
    {
        var source = (int)(number % (2 * Points));
        var (stream, first) = Of(source, number * BatchFacts);
        var facts = new NewFact[BatchFacts];
        for (var i = 0; i < BatchFacts; i++) facts[i] = Next(source, first, (number * BatchFacts) + i);
        return (stream, facts);
    }

    // A record of the batch differs from the first by its evidence key alone: to make records is not the journal's
    // work.
    private static NewFact Next(int source, NewFact first, long number) => first.Event is IntervalRecorded
        ? first with { Evidence = Key(number) } : Of(source, number).Fact;

    private static EvidenceKey Key(long number) => new($"benchmark/{number}");

    /// <param name="source">Half of the sources are registers, half are curves.</param>
    /// <param name="number">Of the fact, which makes it another one than all before.</param>
    private static (string Stream, NewFact Fact) Of(int source, long number)
    {
        var point = new SettlementPointId($"ST{source / 2 / 4:D3}/CP{source / 2 % 4}");
        var key = Key(number);
        if (source % 2 == 0)
        {
            var register = new RegisterId(point, Direction.Import);
            var readAt = Start + Duration.FromSeconds(number);
            var reading = new RegisterReadingRecorded(register, readAt, number * 7, ReadingQuality.Measured, Evidence);
            return (Streams.Register(register), NewFact.At(reading, readAt, key));
        }
        var record = IntervalRecordSamples.Of(point.Value, (int)(number / Points), gaps: 0);
        return (Streams.Curve(point, record.Period.Start.InUtc().Date), new NewFact(record, record.Period, key));
    }
}
