using Ledger.Api;
using Ledger.Domain;
using Ledger.Journal;
using Ledger.Projections;
using Shouldly;
using static Ledger.Tests.CalledTown;

namespace Ledger.Tests;

/// <summary>Every fact that stands in the tree of a line of flexibility says that it is counted in that line, whatever
/// kind it is of, and whoever is paid.</summary>
public sealed class PaidFactsTests
{
    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>C1 of 100 kWh an hour is capped at 60 for some hours from the 27th on, and comes down to it.</summary>
    private static CalledTown Called(string more, string from = "27T18", string to = "27T20")
    {
        var town = new CalledTown(more: $",\"payer\":\"dso\"{more}");
        town.Connector("C1");
        town.Bill("cpo", "agg");
        Enrol(town);
        town.Meter("C1", Hours((5 * 24) + 8, 100));
        town.Cap("I1", """{"point":"C1","kw":60}""", from, to);
        town.Freeze("I1");
        town.Meter("C1", from == "27T18" ? [.. Hours(10, 100), 60, 60, .. Hours(4, 100)]
            : [.. Hours(15, 100), 60, 60, .. Hours(7, 100)]);
        return town;
    }

    private static void Enrol(CalledTown town) => town.Import("""
        {"type":"enrolment","programme":"reduce","point":"C1","prequalifiedKw":50,"from":"2026-02-01T00:00:00+08:00"}
        """);

    [Theory]
    [InlineData("", "cpo")]
    [InlineData(",\"payee\":\"agg\"", "agg")]
    public async Task A_call_counts_its_terms_its_order_and_its_meter(string more, string account)
    {
        using var town = Called(more);
        (await CountedAsync(town, account)).ShouldBe(["baseline-frozen", "dispatch-instructed", "programme-published",
            "register-installed", "register-reading-recorded", "rule-pack-published"]);
    }

    /// <summary>From 23 to 1 o'clock: it is paid on the day on which it begins, by readings of the next.</summary>
    [Theory]
    [InlineData("", "cpo")]
    [InlineData(",\"payee\":\"agg\"", "agg")]
    public async Task A_call_beyond_midnight_counts_what_was_metered_on_the_next_day(string more, string account)
    {
        using var town = Called(more, "27T23", "28T01");
        (await CountedAsync(town, account)).ShouldContain("register-reading-recorded");
    }

    [Fact]
    public async Task A_claim_that_holds_something_of_a_call_is_counted()
    {
        using var town = Called("");
        town.Publish("other", 1, "settlementPoint");
        town.Import("""
            {"type":"enrolment","programme":"other","point":"C1","prequalifiedKw":500,"from":"2026-01-01T00:00:00+08:00"}
            {"type":"delivery-claim","claim":"D1","programme":"other","point":"C1","direction":"import","start":"2026-02-27T18:00:00+08:00","end":"2026-02-27T19:00:00+08:00","energyKwh":10,"claimedBy":"cpo"}
            """);
        (await CountedAsync(town, "cpo")).ShouldContain("delivery-claimed");
    }

    /// <summary>Of 18 to 22 o'clock the last hour is not paid, because the enrolment ends before it.</summary>
    [Theory]
    [InlineData(false, "availability-declared", "point-enrolled", "programme-published")]
    [InlineData(true, "availability-declared", "enrolment-ended", "point-enrolled", "programme-published")]
    public async Task Readiness_counts_the_enrolment_and_its_end(bool ends, params string[] kinds)
    {
        using var town = new CalledTown(more: ",\"payer\":\"dso\",\"availabilityPerKwHour\":\"0.1\"");
        town.Connector("C1");
        town.Bill("cpo");
        Enrol(town);
        town.Import("""
            {"type":"availability","programme":"reduce","point":"C1","declaredAt":"2026-02-27T16:00:00+08:00","start":"2026-02-27T18:00:00+08:00","end":"2026-02-27T22:00:00+08:00","availableKw":30}
            """);
        if (ends)
            town.Import("""{"type":"enrolment-end","programme":"reduce","point":"C1","at":"2026-02-27T21:00:00+08:00","reason":"sold"}""");
        town.Meter("C1", Hours(6 * 24, 100));
        (await CountedAsync(town, "cpo")).ShouldBe(kinds);
    }

    /// <summary>What is in no tree is counted nowhere, though a fact of its kind is.</summary>
    [Fact]
    public async Task Terms_by_which_nothing_is_paid_are_in_no_line()
    {
        using var town = Called("");
        town.Publish("other", 1, "settlementPoint");
        await CountedAsync(town, "cpo");
        await using var ledger = await town.OpenAsync();
        foreach (var recorded in await TestFolder.AllAsync(ledger.Journal))
            if (EventCodec.Decode(recorded) is ProgrammePublished { Programme.Value: "other" }
                or RulePackPublished { Pack.Value: "days" } or PointEnrolled)
            {
                var use = await FactUses.OfAsync(ledger.Journal, ledger.Views, recorded.Position, Ct);
                use.Runs.ShouldBeEmpty();
                use.Because.ShouldNotBeNull();
            }
    }

    /// <summary>A run is calculated again for terms that something of it may be paid by, and for no others; its tariff
    /// is read for it.</summary>
    [Fact]
    public async Task A_run_is_not_calculated_for_terms_that_pay_nothing_near_it()
    {
        using var town = Called("");
        town.Publish("other", 1, "settlementPoint");
        await CountedAsync(town, "cpo");
        await using var ledger = await town.OpenAsync();
        var calculated = new List<(string Terms, bool Once)>();
        foreach (var recorded in await TestFolder.AllAsync(ledger.Journal))
        {
            var terms = EventCodec.Decode(recorded) switch
            {
                ProgrammePublished programme => programme.Programme.Value,
                RulePackPublished pack => pack.Pack.Value,
                _ => null,
            };
            if (terms is null) continue;
            var journal = new CountedTariffs(ledger.Journal);
            await FactUses.OfAsync(journal, ledger.Views, recorded.Position, Ct);
            calculated.Add((terms, journal.Reads > 0));
        }
        calculated.ShouldBe([("days", false), ("up-to-order", true), ("reduce", true), ("other", false)]);
    }

    private sealed class CountedTariffs(IJournal journal) : ForwardingJournal(journal)
    {
        public int Reads { get; private set; }

        public override IAsyncEnumerable<RecordedEvent> ReadStreamAsync(
            string stream, long fromRevision, CancellationToken ct)
        {
            if (stream == Streams.Tariff(new("T"))) Reads++;
            return base.ReadStreamAsync(stream, fromRevision, ct);
        }
    }

    /// <summary>The kinds of the facts in the trees of the lines of flexibility of a run of the day, once each of them
    /// has said that it is counted in the line, and verification has found nothing.</summary>
    private static async Task<IReadOnlyList<string>> CountedAsync(CalledTown town, string account)
    {
        town.Done("settle", "--account", account, "--day", "2026-02-27", "--run", "R1");
        town.Done("verify");
        await using var ledger = await town.OpenAsync();
        var run = new Answers(ledger.Views).Runs().Single();
        var explained = (await ExplainedRun.OfAsync(ledger.Journal, ledger.Views, run, Ct)).ShouldNotBeNull();
        var lines = explained.Statement.Flexibility.Select(line =>
            (line.Number, Positions: explained.Flexibility(line).Positions())).ToList();
        lines.ShouldNotBeEmpty();
        var (kinds, otherwise) = (new SortedSet<string>(StringComparer.Ordinal), new List<string>());
        foreach (var position in lines.SelectMany(line => line.Positions).Distinct())
        {
            var use = await FactUses.OfAsync(ledger.Journal, ledger.Views, position, Ct);
            kinds.Add(use.Fact.WireName);
            if (!use.Runs.SelectMany(each => each.Lines).Where(number => lines.Exists(line => line.Number == number))
                .SequenceEqual(lines.Where(line => line.Positions.Contains(position)).Select(line => line.Number)))
                otherwise.Add(use.Fact.Says);
        }
        otherwise.ShouldBeEmpty();
        return [.. kinds];
    }
}
