using System.Net;
using Ledger.Domain;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>The page of a day shows what is of that day where it happened, by the clocks there, with the digits that it
/// has.</summary>
public sealed class DayPageTests
{
    private static async Task PostAsync(ServedLedger served, string path, string body) =>
        (await served.PostAsync($"/v1/{path}", body)).Status.ShouldBe(201, $"{path} {body}");

    private static async Task<string> PageAsync(ServedLedger served, string query) =>
        WebUtility.HtmlDecode((await served.GetAsync($"/?{query}")).Text);

    private static Task PointAsync(ServedLedger served, string zone) => PostAsync(served, "settlement-points",
        $$"""{"point":"G1","station":"S1","kind":"gridConnection","owner":"ACME","zone":"{{zone}}","periodMinutes":15,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-01-01T00:00:00Z"}""");

    /// <summary>Half an hour after midnight where the point is, and nothing was metered.</summary>
    [Fact]
    public async Task A_call_is_on_the_page_of_its_day_where_its_points_are()
    {
        await using var served = await ServedLedger.StartAsync();
        await served.RegisterConnectorAsync();
        await PostAsync(served, "instructions", """{"instruction":"I1","kind":"curtail","issuedBy":"GRID","issuedAt":"2026-03-02T00:00:00Z","start":"2026-03-02T16:30:00Z","end":"2026-03-02T17:30:00Z","targets":[{"point":"CP1","kw":5}]}""");
        var page = await PageAsync(served, "day=2026-03-03");
        page.ShouldContain("<h3>I1</h3>");
        page.ShouldContain("2026-03-03 00:30+08:00 to 2026-03-03 01:30+08:00 Asia/Shanghai");
        page.ShouldContain("<option selected>2026-03-03</option>");
        page.ShouldNotContain("name=\"asOf\"");
        foreach (var day in (string[])["2026-03-02", "2026-03-04"])
            (await PageAsync(served, $"day={day}")).ShouldContain("No dispatch instruction holds on this day");
        // Of the past it stays of the past.
        var before = await PageAsync(served, "day=2026-03-03&asOf=2");
        before.ShouldContain("No dispatch instruction holds on this day");
        before.ShouldContain("<input type=\"hidden\" name=\"asOf\" value=\"2\">");
    }

    /// <summary>Where summer time ends an hour comes twice. A limit that is exceeded by 60 W is seen to be.</summary>
    [Fact]
    public async Task A_time_has_its_offset_and_a_power_its_watts()
    {
        await using var served = await ServedLedger.StartAsync();
        await PointAsync(served, "Europe/Berlin");
        await PostAsync(served, "standing-limits", """{"point":"G1","kind":"connectionLimit","direction":"import","kw":"99.96","validFrom":"2026-01-01T00:00:00Z","source":"grid contract"}""");
        served.Clock.Now = Instant.FromUtc(2026, 10, 26, 0, 0);
        foreach (var hour in (int[])[0, 1])
            await PostAsync(served, "curves?point=G1",
                $"time,kw\n2026-10-25T0{hour}:30:00Z,100.02\n2026-10-25T0{hour}:45:00Z,100.02\n");
        var page = await PageAsync(served, "day=2026-10-25");
        page.ShouldContain("02:30+02:00–02:45+02:00");
        page.ShouldContain("02:30+01:00–02:45+01:00");
        page.ShouldContain("<td class=\"number\">99.960</td><td class=\"number\">100.020</td>");
    }

    /// <summary>What was refused stands under every day, so it says that it is not of that day. Without a choice the
    /// page is of a day that has begun, whatever runs of days to come there are.</summary>
    [Fact]
    public async Task The_page_is_of_a_day_that_has_begun_and_what_was_refused_of_the_whole_ledger()
    {
        await using var served = await ServedLedger.StartAsync();
        await served.RegisterConnectorAsync();
        await PostAsync(served, "curves?point=CP1", "time,kw\n2026-03-01T10:00:00Z,5\n2026-03-01T10:15:00Z,5\n");
        await served.PostAsync("/v1/imports?name=note.txt", "Dear ledger");
        var day = new LocalDate(2099, 1, 1);
        await served.Ledger.Journal.AppendAsync(Streams.Settlement(new("ACME"), day), ExpectedRevision.Any,
            [NewFact.At(new SettlementRunCompleted(new("THEN"), RunKind.Initial, new("ACME"), day, "Asia/Shanghai", 1,
                new("T"), 1, "r", "2026a", 0, new(new string('a', 64)), 0m, "CNY", [], null, false),
                TestFolder.Start, new EvidenceKey("THEN"))],
            TestFolder.Tester, null, TestContext.Current.CancellationToken);
        var page = await PageAsync(served, "");
        page.ShouldContain("<option selected>2026-03-01</option>");
        page.ShouldContain("Evidence that does not count, of the whole ledger, whatever the day");
        page.ShouldContain("href=\"/docs\"");
    }

    /// <summary>Also where much else was recorded since the first of them.</summary>
    [Fact]
    public async Task Of_refused_evidence_the_latest_is_shown()
    {
        await using var served = await ServedLedger.StartAsync();
        var recorded = 0;
        async Task RecordAsync(int count, LedgerEvent fact)
        {
            foreach (var part in Enumerable.Range(recorded, count).Chunk(100))
                await served.Ledger.Journal.AppendAsync("s", ExpectedRevision.Any,
                    [.. part.Select(i => NewFact.At(fact, TestFolder.Start, new EvidenceKey($"n{i}")))],
                    TestFolder.Tester, null, TestContext.Current.CancellationToken);
            recorded += count;
        }
        var refused = new EvidenceRefused(new(new string('a', 64)), "curve.csv", Rejection.Truncated, "ends inside a line", 12);
        await RecordAsync(150, refused);
        await RecordAsync(1000, new DataRead("kim", new("ACME"), Role.Auditor,
            new(TestFolder.Start, TestFolder.Start), [new("exports", null, 1)], 0));
        await RecordAsync(100, refused);
        var page = await PageAsync(served, "");
        page.ShouldContain("The latest 200");
        foreach (var shown in (int[])[50, 149, 1150, 1249]) page.ShouldContain($">{shown}</th>");
        page.ShouldNotContain(">49</th>");
    }

    /// <summary>Each run has the decimals of its own tariff, and energy as many as it was billed with.</summary>
    [Fact]
    public async Task Money_and_energy_have_the_digits_that_their_tariff_gives_them()
    {
        await using var served = await ServedLedger.StartAsync();
        await PointAsync(served, "Asia/Shanghai");
        static string Tariff(int version, string from, int energy, int money) => $$"""{"tariff":"T","version":{{version}},"currency":"CNY","zone":"Asia/Shanghai","validFrom":"{{from}}","rules":[{"period":"flat"}],"prices":[{"period":"flat","importPerKwh":"0.5","exportPerKwh":"0.4"}],"energyDecimals":{{energy}},"moneyDecimals":{{money}}}""";
        served.Clock.Now = Instant.FromUtc(2026, 1, 1, 0, 0);
        await PostAsync(served, "tariffs", Tariff(1, "2026-02-01T00:00:00+08:00", 6, 4));
        await PostAsync(served, "tariffs", Tariff(2, "2026-03-01T00:00:00+08:00", 3, 2));
        await PostAsync(served, "tariff-assignments", """{"account":"ACME","tariff":"T","validFrom":"2026-02-01T00:00:00+08:00"}""");
        served.Clock.Now = Instant.FromUtc(2026, 3, 2, 0, 0);
        // 20.25 kWh and 0.0004.
        await PostAsync(served, "curves?point=G1", "time,kw\n2026-02-27T10:00:00Z,81\n2026-02-27T10:15:00Z,81\n");
        await PostAsync(served, "curves?point=G1", "time,kw\n2026-02-27T12:00:00Z,0.0016\n2026-02-27T12:15:00Z,0.0016\n");
        await PostAsync(served, "settlement-runs", """{"run":"R1","account":"ACME","day":"2026-02-27"}""");
        (await PageAsync(served, "day=2026-02-27")).ShouldContain("<b>10.1252</b> CNY");
        // A run of that day by the later version, which no door would let in.
        var made = (await TestFolder.AllAsync(served.Ledger.Journal)).ConvertAll(EventCodec.Decode)
            .OfType<SettlementRunCompleted>().Single();
        await served.Ledger.Journal.AppendAsync(Streams.Settlement(new("ACME"), made.Day), ExpectedRevision.Any,
            [NewFact.At(made with { Run = new("R2"), Kind = RunKind.Correction, Supersedes = new("R1"), TariffVersion = 2, Total = 10.1m },
                served.Clock.Now, new EvidenceKey("R2"))], served.Ledger.Operator("test"), null,
            TestContext.Current.CancellationToken);
        var page = await PageAsync(served, "day=2026-02-27");
        page.ShouldContain("<b>10.10</b> CNY");
        page.ShouldContain("<td class=\"number\">10.1252</td>");
        page.ShouldContain("<td class=\"number\">\u22120.0252</td>"); // no digit of a difference is left out
        page.ShouldContain("<td class=\"number\">0.0004</td>");
        page.ShouldContain("<td class=\"number\">20.2504</td>");
    }
}
