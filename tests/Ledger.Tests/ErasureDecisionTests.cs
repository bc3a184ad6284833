using Ledger.Domain;
using Shouldly;
using static Ledger.Tests.ScenarioTable;

namespace Ledger.Tests;

/// <summary>When a subject may be erased, held and released.</summary>
public sealed class ErasureDecisionTests
{
    private static readonly SubjectPseudonym Subject = new(new string('b', 64)), Other = new(new string('c', 64));

    private static readonly Dictionary<string, Func<string[], Decision>> Rules = new()
    {
        ["erasures.txt"] = cells => Erasure.Decide(
            Known(cells[1], Other, Known(cells[0])), Subject, cells[2] == "-" ? null : (int)Number(cells[2]), [Other],
            null, ErasureReason.Requested, Second("100")),
        ["legal-holds.txt"] = cells => Fact(cells[1], Subject) switch
        {
            LegalHoldSet hold => Erasure.Decide(Known(cells[0]), hold, Second("100")),
            var release => Erasure.Decide(Known(cells[0]), (LegalHoldReleased)release, Second("100")),
        },
    };

    public static IEnumerable<TheoryDataRow<string, int, string>> AllLines() => Lines([.. Rules.Keys]);

    [Theory, MemberData(nameof(AllLines))]
    public void Each_line_is_answered_as_it_says(string table, int number, string line)
    {
        var cells = Cells(line);
        Answer(Rules[table](cells)).ShouldBe(cells[^1], $"{table}:{number}");
    }

    [Fact]
    public void The_facts_of_one_subject_have_ids_of_their_own_and_touch_no_other()
    {
        var state = Known("hold C1, release C1, hold C1, release C1");
        state.Of(Subject).Facts.ShouldBe(4);
        state.Of(Other).ShouldBe(SubjectState.Unknown);
        var first = Erasure.Decide(Known("-"), new LegalHoldSet(Subject, "C1"), Second("100"));
        var later = Erasure.Decide(state, new LegalHoldSet(Subject, "C1"), Second("100"));
        ((Decision.Accepted)first).Facts[0].Evidence.ShouldNotBe(((Decision.Accepted)later).Facts[0].Evidence);
    }

    private static SubjectsState Known(string facts, SubjectPseudonym? of = null, SubjectsState? before = null) =>
        facts == "-" ? before ?? SubjectsState.Empty
            : facts.Split(',', StringSplitOptions.TrimEntries).Select(fact => Fact(fact, of ?? Subject))
                .Aggregate(before ?? SubjectsState.Empty, Erasure.Evolve);

    private static LedgerEvent Fact(string text, SubjectPseudonym of) => text.Split(' ') switch
    {
        ["hold", var name] => new LegalHoldSet(of, name),
        ["release", var name] => new LegalHoldReleased(of, name),
        ["erased", var generation] => new SubjectErased(of, (int)Number(generation), null, ErasureReason.Requested),
        _ => throw new InvalidDataException(text),
    };
}
