using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>What every journal promises of reading: whichever way an event is read, it is the same event.</summary>
public abstract partial class JournalContractTests
{
    private const int Mixed = 700; // more than one page of any store

    /// <summary>Readings, records, and an order of more than eighty thousand bytes.</summary>
    private static async Task<IJournal> MixedAsync(IJournalPlace place)
    {
        var journal = await place.OpenAsync();
        for (var number = 0; number < Mixed; number++)
            if (await Append(journal, $"s{number % 3}", ExpectedRevision.Any, Fact(number)) is not AppendResult.Recorded)
                throw new InvalidOperationException($"fact {number} was not recorded");
        return journal;

        static NewFact Fact(int number)
        {
            var reading = TestFolder.Reading(number);
            if (number % 3 > 0) return reading;
            var points = Enumerable.Range(0, number == 300 ? 2000 : 2).Select(n => new SettlementPointId($"P{number}-{n}"));
            return reading with
            {
                Event = new DispatchInstructed(new($"I{number}"), InstructionKind.Export, new("grid"),
                    reading.ValidTime.Start, reading.ValidTime,
                    [.. points.Select(point => new InstructionTarget(point, Power.FromKilowatts(300)))],
                    Power.Zero, 0, 1m, 2m, null, null),
            };
        }
    }

    private static string Told(RecordedEvent recorded) =>
        $"{recorded.Position} {Convert.ToHexString(EnvelopeBytes.Write(recorded.Envelope, recorded.Payload.Length))} "
        + Convert.ToHexString(recorded.Payload.Span);

    [Fact]
    public async Task An_event_is_the_same_from_wherever_it_is_read_and_stays_it_while_others_are_read()
    {
        await using var place = await PlaceAsync();
        await using var journal = await MixedAsync(place);
        var all = await TestFolder.AllAsync(journal);
        var told = all.ConvertAll(Told);
        all.Select(recorded => recorded.Position).ShouldBe(Numbers(Mixed));
        all.Max(recorded => recorded.Payload.Length).ShouldBeGreaterThan(80_000);
        foreach (var from in (int[])[0, 1, 15, 16, 17, 47, 48, 300, 301, Mixed - 1, Mixed])
            (await TestFolder.AllAsync(journal, from)).Select(Told).ShouldBe(told.Skip(from));
        var streams = new List<string>();
        for (var stream = 0; stream < 3; stream++)
            await foreach (var recorded in journal.ReadStreamAsync($"s{stream}", 0, Ct)) streams.Add(Told(recorded));
        streams.Order(StringComparer.Ordinal).ShouldBe(told.Order(StringComparer.Ordinal));
        all.ConvertAll(Told).ShouldBe(told);
    }

    /// <summary>What is on its way to somebody who has left is in nobody's way.</summary>
    [Fact]
    public async Task Who_leaves_amid_a_reading_can_read_again_at_once()
    {
        await using var place = await PlaceAsync();
        await using var journal = await MixedAsync(place);
        for (var events = 1; events <= Mixed; events += 33)
        {
            var next = 0L;
            await foreach (var recorded in journal.ReadAllAsync(0, Ct))
            {
                recorded.Position.ShouldBe(next++);
                if (next == events) break;
            }
            next.ShouldBe(events);
        }
        (await TestFolder.AllAsync(journal)).Count.ShouldBe(Mixed);
    }
}
