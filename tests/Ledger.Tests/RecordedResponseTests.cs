using System.Globalization;
using System.Text.Json;
using Ledger.Cli;
using Ledger.Domain;
using Ledger.Ingest.Frames;
using Ledger.Ingest.Streaming;
using Ledger.Journal.Pipeline;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>How fast recorded calls were followed: samples that were streamed or handed in, from the door to the
/// command line, the interface, the page and the report of a station; and who is told.</summary>
public sealed class RecordedResponseTests
{
    private const int Start = 600, End = 1200, Last = 3660;

    private const string Orders = """
        {"type":"instruction","instruction":"I1","kind":"curtail","issuedBy":"GRID","issuedAt":"2026-02-28T16:00:00Z","start":"2026-02-28T16:10:00Z","end":"2026-02-28T16:20:00Z","targets":[{"point":"CP0","kw":20},{"point":"CP1","kw":20}],"toleranceKw":"2"}
        {"type":"instruction","instruction":"I2","kind":"curtail","issuedBy":"GRID","issuedAt":"2026-02-28T16:00:00Z","start":"2026-02-28T16:10:00Z","end":"2026-02-28T16:20:00Z","targets":[{"point":"CP0","kw":20},{"point":"CP2","kw":20}],"toleranceKw":"2"}

        """;

    /// <summary>CP0 goes from 100 kW to 20 in eight seconds, CP1 has 10 kW all the time, and of CP2 nothing is known
    /// for ten seconds when the order begins.</summary>
    private static PowerSample[] Sent(int connector, int from, int to) =>
        [.. Enumerable.Range(from, to - from + 1)
            .Where(second => connector != 2 || second is < Start - 5 or > Start + 5)
            .Select(second => StreamTown.At(second, connector switch
            {
                0 => Math.Clamp(100 - 10 * (second - Start), 20, 100),
                1 => 10,
                _ => 100,
            }))];

    private static async Task<StreamTown> StreamedAsync()
    {
        var town = await StreamTown.OpenAsync(3, new(new FrameLogOptions("", SegmentBytesMax: 2 * 1024))
        {
            SealsFullSegments = false,
        });
        await town.TakeAsync(Orders, "orders");
        using (var door = town.Streams.Connect())
        {
            await StreamTown.SendAsync(door, town.Announce(3));
            for (var second = 0; second <= Last; second += 60)
            {
                var last = Math.Min(Last, second + 59);
                town.Clock.Now = StreamTown.Day + Duration.FromSeconds(last);
                await StreamTown.SendAsync(door, StreamTown.Samples(door.LastSequence + 1, StreamTown.Time(last),
                    [.. Enumerable.Range(0, 3).Select(i => (i, Sent(i, second, last)))]));
            }
        }
        town.Clock.Now = StreamTown.Day + Duration.FromDays(3);
        await town.SettleAsync();
        await town.SettleAsync(); // the mark is moved over what is recorded when it is looked at next
        town.Streams.Log.SealFullSegments(TestContext.Current.CancellationToken);
        await town.CloseAsync();
        return town;
    }

    private static JsonElement Shown(StreamTown town, params string[] words)
    {
        var run = town.Run(["show", "response", .. words, "--json"]);
        run.Exit.ShouldBe(ExitCode.Done, run.Output + run.Errors);
        return JsonDocument.Parse(run.Output).RootElement;
    }

    private static string Of(JsonElement row, string member) => row.GetProperty(member).ToString();

    [Fact]
    public async Task Of_streams_the_figures_are_those_of_the_samples_as_they_were_sent()
    {
        await using var town = await StreamedAsync();
        var shown = Shown(town, "I1");
        var targets = shown.GetProperty("targets");
        var first = targets[0];
        (Of(first, "point"), Of(first, "standing"), Of(first, "initialKw"), Of(first, "changeKw"), Of(first, "atIssueKw"))
            .ShouldBe(("CP0", "whole", "100", "-80", "100"));
        // Whoever has the samples gets the same figures from the calculator, digit by digit.
        var samples = string.Join(',', Sent(0, 0, End).Select(sample => string.Create(CultureInfo.InvariantCulture,
            $"[{(sample.AtMicroseconds - StreamTown.DayMicroseconds) / 1_000_000},{sample.Milliwatts / 1_000_000}]")));
        var calculated = CommandRun.Of(["calc", "response", "--in", "-"], string.Create(CultureInfo.InvariantCulture,
            $"{{\"samples\":[{samples}],\"orderKw\":-80,\"toleranceKw\":2,\"orderAt\":{Start},\"until\":{End}}}"));
        calculated.Exit.ShouldBe(ExitCode.Done, calculated.Errors);
        var alone = JsonDocument.Parse(calculated.Output).RootElement;
        foreach (var (ours, theirs) in new[]
        {
            ("tenPercentSeconds", "t10"), ("ninetyPercentSeconds", "t90"), ("rampKwPerSecond", "rampKwPerS"),
            ("overshootKw", "overshootKw"), ("settledSeconds", "settleSeconds"), ("sustainedShare", "sustainRatio"),
            ("shortfallKwh", "shortfallKwh"), ("widestStepSeconds", "widestStepSeconds"),
        })
            Of(first, ours).ShouldBe(Of(alone, theirs), ours);
        (Of(first, "tenPercentSeconds"), Of(first, "ninetyPercentSeconds"), Of(first, "missingSeconds"))
            .ShouldBe(("0.8", "7.2", "0"));
        (Of(targets[1], "point"), Of(targets[1], "standing")).ShouldBe(("CP1", "nothingOrdered"));
        shown.GetProperty("sums").EnumerateArray().Select(sum =>
            (Of(sum, "station"), Of(sum, "targets"), Of(sum, "moving"), Of(sum, "ninetyPercentSeconds")))
            .ShouldBe([("S1", "2", "1", "7.2"), ("", "2", "1", "7.2")]);

        // A gap at the start leaves nothing to tell of that target, nor of both together; the gap says why.
        var other = Shown(town, "I2");
        var unknown = other.GetProperty("targets")[1];
        (Of(unknown, "standing"), Of(unknown, "initialKw")).ShouldBe(("unknown", ""));
        Of(unknown, "why").ShouldStartWith("the power at the start is not known: samples are missing");
        other.GetProperty("sums").EnumerateArray().ShouldAllBe(sum => Of(sum, "why") == "not known of CP2");
        var hole = other.GetProperty("holes").EnumerateArray().ShouldHaveSingleItem();
        (Of(hole, "point"), Of(hole, "end")).ShouldBe(("CP2", "2026-02-28T16:10:06Z"));
        Shown(town, "I2", "--point", "CP0").GetProperty("targets").GetArrayLength().ShouldBe(1);
        town.Run("show", "response", "I2", "--point", "CP7")
            .ShouldBeFailure("ledger show: there is no dispatch instruction I2 with a target CP7");
        var text = town.Run("show", "response", "I2");
        (text.Exit, text.Output.Contains("7.2", StringComparison.Ordinal)).ShouldBe((ExitCode.Done, true), text.Output);
    }

    [Fact]
    public async Task What_was_not_recorded_yet_and_what_is_dropped_since_is_said_and_not_told()
    {
        await using var town = await StreamedAsync();
        // The last order is the event before the first record.
        var before = Shown(town, "I1", "--as-of", "2026-02-28T16:00:00Z").GetProperty("targets")[0];
        (Of(before, "standing"), Of(before, "why"), Of(before, "samples"))
            .ShouldBe(("unknown", "the power at the start is not known: no interval record", "0"));
        var dropped = town.Run("drop", "frames", "--retention", "RP-9", "--after-days", "2");
        dropped.Exit.ShouldBe(ExitCode.Done, dropped.Output + dropped.Errors);
        var after = Shown(town, "I1").GetProperty("targets")[0];
        Of(after, "standing").ShouldBe("unknown");
        Of(after, "why").ShouldStartWith("the power at the start is not known: its frames were dropped");
    }

    private const string Curve = "time,kw\n";
    private const string Call = """
        {"instruction":"I1","kind":"curtail","issuedBy":"GRID","issuedAt":"2026-02-27T10:00:00Z","start":"2026-02-27T10:00:00Z","end":"2026-02-27T10:15:00Z","targets":[{"point":"CP1","kw":20}],"toleranceKw":"2"}
        """;

    /// <summary>From 100 kW to 20 in eight seconds, a sample a second, from ten minutes before the call to its end.
    /// </summary>
    private static string File(string point) => string.Concat(Enumerable.Range(-600, 1501).Select(second =>
        string.Create(CultureInfo.InvariantCulture,
            $"{point}{(Instant.FromUtc(2026, 2, 27, 10, 0) + Duration.FromSeconds(second)).ToDateTimeUtc():yyyy-MM-ddTHH:mm:ssZ},{Math.Clamp(100 - 10 * second, 20, 100)}\n")));

    [Fact]
    public async Task Of_files_it_is_told_beside_what_was_reported_wherever_one_looks()
    {
        await using var served = await ServedLedger.StartAsync(hasIdentity: true);
        await served.RegisterConnectorAsync();
        (await served.PostAsync("/v1/curves?point=CP1", Curve + File(""))).Status.ShouldBe(201);
        (await served.PostAsync("/v1/instructions", Call)).Status.ShouldBe(201);
        foreach (var (clock, second) in new[] { ("tenPercent", "01"), ("ninetyPercent", "03") })
            (await served.PostAsync("/v1/instruction-clocks",
                $$"""{"instruction":"I1","point":"CP1","clock":"{{clock}}","at":"2026-02-27T10:00:{{second}}Z","source":"csms"}"""))
                .Status.ShouldBe(201);
        var answer = await served.GetAsync("/v1/call-responses?instruction=I1");
        answer.Status.ShouldBe(200, answer.Text);
        var target = answer.Json.GetProperty("targets")[0];
        var response = target.GetProperty("response");
        (Of(response, "standing"), Of(response, "tenPercentSeconds"), Of(response, "ninetyPercentSeconds"),
            Of(response, "rampKwPerSecond"), Of(response, "settledSeconds"), Of(response, "shortfallKwh"), Of(response, "why"))
            .ShouldBe(("whole", "0.8", "7.2", "10", "7.8", "0.088000000000", ""));
        target.GetProperty("clocks").EnumerateArray().Select(clock => (Of(clock, "clock"), Of(clock, "agreement")))
            .ShouldBe([("tenPercent", "agrees"), ("ninetyPercent", "contradicted")]);
        target.GetProperty("evidence").GetArrayLength().ShouldBe(1);
        (await served.GetAsync("/v1/call-responses?instruction=I9")).Status.ShouldBe(404);
        (await served.GetAsync("/v1/call-responses?instruction=I1&point=CP9")).Status.ShouldBe(404);

        // A page reads the curves of the one instruction that it is asked for.
        (await served.GetAsync("/?day=2026-02-27")).Text.ShouldContain("href=\"/?day=2026-02-27&amp;response=I1#response\"");
        var page = await served.GetAsync("/?day=2026-02-27&response=I1");
        page.Text.ShouldContain("How fast, by the power curve");
        page.Text.ShouldContain("1 reported clocks contradicted");
        page.Text.ShouldContain("reported 3 s after the start, and by the curve 7.2 s");

        var report = (await served.GetAsync("/v1/station-reports?station=S1&day=2026-02-27")).Json;
        var followed = report.GetProperty("responses").EnumerateArray().ShouldHaveSingleItem();
        (Of(followed, "reportedTenPercentSeconds"), Of(followed, "reportedNinetyPercentSeconds"), Of(followed, "clocksCompared"),
            Of(followed.GetProperty("curve"), "ninetyPercentSeconds")).ShouldBe(("1", "3", "2", "7.2"));
        Of(followed.GetProperty("contradicted")[0], "why")
            .ShouldBe("reported 3 s after the start, and by the curve 7.2 s");
        var written = await CommandRun.OfAsync(["report", "station", "S1", "--period", "2026-02-27", "--json",
            "--data", served.Options.Directory], clock: served.Clock);
        written.Exit.ShouldBe(ExitCode.Done, written.Output + written.Errors);
        var row = JsonDocument.Parse(written.Output).RootElement.GetProperty("curveResponse")[0];
        (Of(row, "reportedNinetyPercentSeconds"), Of(row, "ninetyPercentSeconds"), Of(row, "clocksContradicted"))
            .ShouldBe(("3", "7.2", "1"));
    }

    /// <summary>Rows of a file stand in any order: the later half before the earlier one.</summary>
    [Fact]
    public async Task Of_files_whose_rows_are_out_of_order_every_sample_is_shown()
    {
        await using var served = await ServedLedger.StartAsync(hasIdentity: true);
        await served.RegisterConnectorAsync();
        var rows = File("").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        (await served.PostAsync("/v1/curves?point=CP1",
            Curve + string.Join('\n', [.. rows[750..], .. rows[..750]]) + "\n")).Status.ShouldBe(201);
        (await served.PostAsync("/v1/instructions", Call)).Status.ShouldBe(201);
        var shown = await served.GetAsync(
            "/v1/curves?point=CP1&start=2026-02-27T09:50:00Z&end=2026-02-27T10:15:00Z&points=1500");
        shown.Status.ShouldBe(200, shown.Text);
        (Of(shown.Json, "total"), Of(shown.Json, "whole"), shown.Json.GetProperty("withheld").GetArrayLength())
            .ShouldBe(("1500", "True", 0));
        var response = (await served.GetAsync("/v1/call-responses?instruction=I1")).Json.GetProperty("targets")[0]
            .GetProperty("response");
        (Of(response, "standing"), Of(response, "ninetyPercentSeconds")).ShouldBe(("whole", "7.2"));
    }

    /// <summary>Two grid operators have called one station. What may be counted on there is the same for both and for
    /// an auditor; each is shown its own call alone.</summary>
    [Fact]
    public async Task What_may_be_counted_on_does_not_hang_on_who_asks()
    {
        await using var town = await AccessTown.StartAsync();
        await town.RecordAsync("""{"type":"settlement-point","point":"CP1","station":"S1","kind":"connector","owner":"ACME","zone":"Asia/Shanghai","periodMinutes":15,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-01-01T00:00:00Z"}""", "ACME");
        foreach (var (name, grid, day) in new[] { ("I1", "GRID", 25), ("I2", "GRID2", 27) })
            await town.RecordAsync($$"""{"type":"instruction","instruction":"{{name}}","kind":"export","issuedBy":"{{grid}}","issuedAt":"2026-02-{{day}}T10:00:00Z","start":"2026-02-{{day}}T10:00:00Z","end":"2026-02-{{day}}T10:15:00Z","targets":[{"point":"CP1","kw":20}]}""", grid);
        var other = await town.GiveAsync("other-grid", Role.GridOperator, "GRID2", []);
        foreach (var (key, calls) in new[]
            { (town.Key(Role.GridOperator), "I1"), (other, "I2"), (town.Key(Role.Auditor), "I1 I2") })
        {
            var asked = await town.GetAsync(key, "/v1/credible-windows?station=S1");
            (asked.Json.GetProperty("windows")[0].GetProperty("calls").GetInt32(), asked["callsWithoutSample"])
                .ShouldBe((1, "1"), calls);
            var report = await town.GetAsync(key, "/v1/station-reports?station=S1&from=2026-02-25&to=2026-02-27");
            report.Status.ShouldBe(200, report.Text);
            (report.Json.GetProperty("windows")[0].GetProperty("calls").GetInt32(), report["callsWithoutSample"])
                .ShouldBe((1, "1"), calls);
            string.Join(' ', report.Json.GetProperty("calls").EnumerateArray().Select(call => Of(call, "instruction")))
                .ShouldBe(calls);
        }
    }

    /// <summary>An order aims at points of two owners. Each is told of his own, and of no sum that says what the other
    /// did; who issued it and an auditor are told of all; another grid operator not that there is such an order.
    /// </summary>
    [Fact]
    public async Task Who_may_read_a_curve_is_told_of_it_and_nobody_else()
    {
        await using var town = await AccessTown.StartAsync();
        foreach (var (number, owner) in new[] { (1, "ACME"), (2, "BETA") })
        {
            await town.RecordAsync($$"""{"type":"settlement-point","point":"CP{{number}}","station":"S{{number}}","kind":"connector","owner":"{{owner}}","zone":"Asia/Shanghai","periodMinutes":15,"ratedKw":1000,"bidirectional":true,"validFrom":"2026-01-01T00:00:00Z"}""", owner);
            await town.TakeFileAsync("point," + Curve + File($"CP{number},"), owner);
        }
        await town.RecordAsync("""{"type":"instruction","instruction":"I1","kind":"curtail","issuedBy":"GRID","issuedAt":"2026-02-27T10:00:00Z","start":"2026-02-27T10:00:00Z","end":"2026-02-27T10:15:00Z","targets":[{"point":"CP1","kw":20},{"point":"CP2","kw":20}]}""", "GRID");
        const string asked = "/v1/call-responses?instruction=I1";
        var other = await town.GiveAsync("other-grid", Role.GridOperator, "GRID2", []);
        var limited = await town.GiveAsync("limited", Role.GridOperator, "GRID", ["S2"]);
        async Task<string> ToldAsync(Api.Access.AccessKeyText key)
        {
            var answer = await town.GetAsync(key, asked);
            return answer.Status != 200 ? $"{answer.Status}"
                : string.Join(' ', answer.Json.GetProperty("targets").EnumerateArray().Select(target => Of(target, "point"))
                    .Append("sums").Concat(answer.Json.GetProperty("sums").EnumerateArray()
                        .Select(sum => Of(sum, "station") is { Length: > 0 } station ? station : "all")));
        }

        (await ToldAsync(town.Key(Role.ChargingOperator))).ShouldBe("CP1 sums S1");
        (await ToldAsync(town.Key(Role.Station))).ShouldBe("CP1 sums S1");
        (await ToldAsync(town.Key(Role.GridOperator))).ShouldBe("CP1 CP2 sums S1 S2 all");
        (await ToldAsync(town.Key(Role.Auditor))).ShouldBe("CP1 CP2 sums S1 S2 all");
        // Of an order that one's party issued one sees no curve that one's key does not reach.
        (await ToldAsync(limited)).ShouldBe("CP2 sums S2");
        (await ToldAsync(town.Key(Role.Administrator))).ShouldBe("403");
        var hidden = await town.GetAsync(other, asked);
        var none = await town.GetAsync(other, asked.Replace("I1", "I9", StringComparison.Ordinal));
        (hidden.Status, hidden["name"]).ShouldBe((404, none["name"]));
        hidden.Text.Replace("I1", "I9", StringComparison.Ordinal).ShouldBe(none.Text);
        (await town.GetAsync(town.Key(Role.ChargingOperator), asked + "&point=CP2")).Status.ShouldBe(404);
    }
}
