using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using NodaTime.Text;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Facts that an older ledger holds and that are no longer recorded so late: they are put into the journal undecided.
/// It is also how a test comes to a day of which everything was recorded in time, without a clock that follows it.
/// </summary>
internal static class EarlierFacts
{
    /// <param name="facts">A withdrawal or a declared availability in each line, as <c>import</c> reads it.</param>
    public static async Task AppendAsync(IJournal journal, string facts)
    {
        foreach (var line in facts.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var (stream, fact, holds) = Read(JsonNode.Parse(line)!.AsObject());
            (await journal.AppendAsync(stream, ExpectedRevision.Any,
                [new NewFact(fact, holds, new EvidenceKey($"earlier/{line}"))], TestFolder.Tester, null,
                TestContext.Current.CancellationToken)).ShouldBeOfType<AppendResult.Recorded>(line);
        }
    }

    private static (string Stream, LedgerEvent Fact, Interval Holds) Read(JsonObject said)
    {
        string Text(string member) => (string)said[member]!;
        Instant Time(string member) => OffsetDateTimePattern.ExtendedIso.Parse(Text(member)).Value.ToInstant();
        if (Text("type") == "instruction-withdrawal")
        {
            var withdrawn = new InstructionWithdrawn(new(Text("instruction")), Time("at"), Text("reason"));
            return (Streams.Instruction(withdrawn.Instruction), withdrawn, new(withdrawn.At, withdrawn.At));
        }
        Text("type").ShouldBe("availability");
        var declared = new AvailabilityDeclared(new(Text("programme")), new(Text("point")), Time("declaredAt"),
            new(Time("start"), Time("end")), new Power((long)((decimal)said["availableKw"]! * 1_000_000m)));
        return (Streams.Enrolment(declared.Point), declared, declared.Period);
    }
}
