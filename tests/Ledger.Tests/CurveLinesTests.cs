using System.Text;
using CsCheck;
using Ledger.Domain;
using Ledger.Ingest;
using Ledger.Journal;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>Curves in NDJSON: exact, strict, and the same samples as in CSV.</summary>
public sealed class CurveLinesTests
{
    private const long Start = 1_704_067_200_000_000; // 2024-01-01T00:00:00Z in Unix µs

    [Fact]
    public void Samples_and_blocks_are_exact()
    {
        CurveBatch batch = Read("""
            {"point":"A","time":"2024-01-01T08:00:00.5+08:00","kw":1.5}
            {"point":"A","time":1704067201000,"kw":"-0.0000005"}

            {"kw":25e-7,"time":"1704067202000","point":"B"}
            {"time":"2024-01-01T00:00:03.000001Z","stepMs":20,"values":[1,"2.25",-3],"point":"\u0041"}
            """);
        batch.Rounded.ShouldBe(2); // half a milliwatt to even, and two and a half
        batch.Curves.Select(curve => curve.Point.Value).ShouldBe(["A", "B"]);
        batch.Curves[0].Samples.Select(sample => sample.AtMicroseconds - Start)
            .ShouldBe([500_000L, 1_000_000, 3_000_001, 3_020_001, 3_040_001]);
        batch.Curves[0].Samples.Select(sample => sample.Milliwatts)
            .ShouldBe([1_500_000L, 0, 1_000_000, 2_250_000, -3_000_000]);
        batch.Curves[1].Samples.Single().ShouldBe(new PowerSample(Start + 2_000_000, 2));
        batch.Samples.ShouldBe(6);
    }

    public static TheoryData<string, Rejection, string> Adversaries() => new()
    {
        { """{"point":"A","time":1704067201000,"kw":1,"unit":"kW"}""", Rejection.UnknownField, "unit" },
        { """{"point":"A","time":1704067201000,"kw":1,"kw":2}""", Rejection.UnknownField, "kw: is given twice" },
        { """{"point":"A","time":1704067201000,"kw":1,"\u006bw":2}""", Rejection.UnknownField, "kw: is given twice" },
        { """{"time":1704067201000,"kw":1}""", Rejection.MissingField, "point is needed" },
        { """{"point":"A","time":1704067201000}""", Rejection.MissingField, "kw or values is needed" },
        { """{"point":"A","time":1704067201000,"kw":1,"values":[1],"stepMs":1}""", Rejection.MissingField, "not both" },
        { """{"point":"A","time":1704067201000,"values":[1]}""", Rejection.MissingField, "needed together" },
        { """{"point":"A","time":1704067201000,"kw":1,"stepMs":1}""", Rejection.MissingField, "needed together" },
        { """{"point":"A","time":1704067201000,"values":[],"stepMs":1}""", Rejection.EmptyInput, "values" },
        { """{"point":"A","time":1704067201000,"values":1,"stepMs":1}""", Rejection.Malformed, "must be an array" },
        { """{"point":"A","time":1704067201000,"values":[[1]],"stepMs":1}""", Rejection.NotANumber, "an array" },
        { """{"point":"A","time":1704067201000,"values":[1],"stepMs":0}""", Rejection.OutOfRange, "stepMs" },
        { """{"point":"A","time":1704067201000,"values":[1],"stepMs":0.5}""", Rejection.OutOfRange, "stepMs" },
        { """{"point":"A B","time":1704067201000,"kw":1}""", Rejection.InvalidIdentifier, "'A B'" },
        { """{"point":1,"time":1704067201000,"kw":1}""", Rejection.InvalidIdentifier, "'1'" },
        { """{"point":"A","time":"2024-01-01T08:00:00","kw":1}""", Rejection.InvalidTime, "neither ISO 8601" },
        { """{"point":"A","time":"2024-02-30T08:00:00Z","kw":1}""", Rejection.InvalidTime, "neither ISO 8601" },
        { """{"point":"A","time":"2024-01-01T08:00:60Z","kw":1}""", Rejection.InvalidTime, "neither ISO 8601" },
        { """{"point":"A","time":"2024-01-01T08:00:00.0000001Z","kw":1}""", Rejection.InvalidTime, "neither ISO 8601" },
        { """{"point":"A","time":1704067201,"kw":1}""", Rejection.InvalidTime, "'1704067201'" },
        { """{"point":"A","time":1704067201000,"kw":null}""", Rejection.NotANumber, "kw" },
        { """{"point":"A","time":1704067201000,"kw":"1 kW"}""", Rejection.NotANumber, "'1 kW'" },
        { """{"point":"A","time":1704067201000,"kw":"+1"}""", Rejection.NotANumber, "'+1'" },
        { """{"point":"A","time":1704067201000,"kw":NaN}""", Rejection.Malformed, "" },
        { """{"point":"A","time":1704067201000,"kw":01}""", Rejection.Malformed, "" },
        { """{"point":"A","time":1704067201000,"kw":1e61}""", Rejection.NotANumber, "'1e61'" },
        { """{"point":"A","time":1704067201000,"kw":1000000.000001}""", Rejection.PowerAboveLimit, "kw" },
        { """{"point":"A","time":1704067201000,"kw":1e60}""", Rejection.PowerAboveLimit, "kw" },
        { """{"point":"A","time":1704067201000,"kw":1} 1""", Rejection.Malformed, "" },
        { """{"point":"A","time":1704067201000,"kw":1""", Rejection.Malformed, "" },
        { """{"point":"\ud800","time":1704067201000,"kw":1}""", Rejection.ForbiddenCharacter, "surrogate" },
        { """{"time":1704067201000,"kw":1,"point":{"a":1}}""", Rejection.InvalidIdentifier, "an object" },
        { """{"point":"A","time":1704067201000,"kw":1,"vehicle":{}}""", Rejection.EmptyInput, "vehicle" },
        { """{"point":"A","time":1704067201000,"kw":1,"vehicle":{"vin":"1"}}""", Rejection.UnknownField, "vin" },
        { """{"point":"A","time":1704067201000,"kw":1,"vehicle":{"requestedA":0.0001}}""", Rejection.OutOfRange, "vehicle.requestedA" },
        { """{"point":"A","time":1704067201000,"kw":1,"vehicle":{"stateOfChargePercent":100.1}}""", Rejection.OutOfRange, "from 0 to 100 " },
        { """{"point":"A","time":1704067201000,"kw":1,"vehicle":{"stopReason":"tired"}}""", Rejection.OutOfRange, "targetReached" },
    };

    [Theory, MemberData(nameof(Adversaries), DisableDiscoveryEnumeration = true)]
    public void A_line_that_breaks_a_rule_refuses_the_file_with_field_value_and_rule(
        string line, Rejection code, string says)
    {
        var text = $$"""{"point":"A","time":1704067200000,"kw":1}{{'\n'}}{{line}}""";
        CurveLines.IsCurve(Encoding.UTF8.GetBytes(text)).ShouldBeTrue();
        var refused = CurveLines.Read(Encoding.UTF8.GetBytes(text), new IntakeHints(), out var batch).ShouldNotBeNull();
        batch.ShouldBeNull();
        refused.Code.ShouldBe(code, refused.Detail);
        refused.Detail.ShouldStartWith("curve line 2: ");
        refused.Detail.ShouldContain(says);
    }

    [Fact]
    public void A_file_of_facts_is_no_curve()
    {
        CurveLines.IsCurve("""{"type":"x","time":1}"""u8).ShouldBeFalse();
        CurveLines.IsCurve("""{"time":1,"type":"x"}"""u8).ShouldBeFalse();
        CurveLines.IsCurve("""{"id":"1","start_date_time":"2026-01-01T00:00:00Z"}"""u8).ShouldBeFalse();
        CurveLines.IsCurve("[1]"u8).ShouldBeFalse();
        CurveLines.IsCurve("""{"point":"A","time":1,"kw":"""u8).ShouldBeTrue();
        CurveLines.IsCurve("\uFEFF \n{\"time\":1}"u8).ShouldBeTrue();
    }

    /// <summary>Whatever the samples, both texts of them are the same batch.</summary>
    [Fact]
    public void The_same_samples_in_both_texts_are_the_same_batch()
    {
        var sample = Gen.Select(Gen.Int[0, 2], Gen.Long[0, 200_000_000_000],
            Gen.Long[-1_000_000_000_000, 1_000_000_000_000], Gen.Int[0, 3]);
        sample.Array[1, 20].Sample(samples =>
        {
            var csv = new StringBuilder("point,time,kw\n");
            var lines = new StringBuilder();
            foreach (var (point, after, milliwatts, form) in samples)
            {
                var at = Instant.FromUnixTimeTicks((Start + after) * 10);
                var time = form == 0 ? $"{(Start + after) / 1000}"
                    : NodaTime.Text.InstantPattern.ExtendedIso.Format(at);
                var kw = ExactNumberText(milliwatts);
                csv.Append($"P{point},{time},{kw}\n");
                lines.Append($$"""{"point":"P{{point}}","time":{{(form == 0 ? time : $"\"{time}\"")}},"kw":{{kw}}}""")
                    .Append('\n');
            }
            CurveFiles.ReadCsv(csv.ToString(), new IntakeHints(), out var expected).ShouldBeNull();
            var read = Read(lines.ToString());
            read.Rounded.ShouldBe(expected!.Rounded);
            read.Curves.Select(curve => curve.Point).ShouldBe(expected.Curves.Select(curve => curve.Point));
            read.Curves.SelectMany(curve => curve.Samples)
                .ShouldBe(expected.Curves.SelectMany(curve => curve.Samples));
        }, iter: Math.Min(LongRun.Samples, 100_000) / 10);

        static string ExactNumberText(long milliwatts) =>
            (milliwatts / 1_000_000m).ToString(System.Globalization.CultureInfo.InvariantCulture);
    }

    [Fact]
    public async Task What_vehicles_say_becomes_charging_states()
    {
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(IntakeLedger.Connector);
        ledger.Clock.Now = Instant.FromUtc(2026, 2, 2, 1, 0);
        const string file = """
            {"point":"CP1","time":"2026-02-02T00:00:00Z","kw":-4,"vehicle":{"requestedA":-10,"requestedV":400.5,"stateOfChargePercent":55.5}}
            {"point":"CP1","time":"2026-02-02T00:00:01Z","kw":-4,"vehicle":{"requestedA":-10,"requestedV":400.5,"stateOfChargePercent":55.5}}
            {"point":"CP1","time":"2026-02-02T00:00:02Z","kw":3,"vehicle":{"requestedA":0.001,"requestedV":0.5,"permittedA":32}}
            {"point":"CP1","time":"2026-02-02T00:00:03Z","kw":0,"vehicle":{"stopReason":"byVehicle"}}
            {"point":"CP1","time":"2026-02-02T00:00:04Z","kw":0,"vehicle":{"stopReason":"chargerFault"}}
            {"point":"CP1","time":"2026-02-02T00:00:05Z","kw":0,"vehicle":{"stopReason":"byDriver"}}
            """;
        var report = await ledger.TakeAsync(file);
        report.Format.ShouldBe("power curves");
        report.Outcomes.ShouldAllBe(outcome => outcome.IsDurable);
        var states = (await ledger.FactsAsync()).OfType<ChargingStateRecorded>().ToList();
        states.Select(state => (state.At.ToUnixTimeSeconds() % 60, state.StateOfChargePerMille,
            state.VehicleImportMax?.Milliwatts, state.VehicleExportMax?.Milliwatts, state.Fault is not null)).ShouldBe(
        [
            (0, 555, null, 4_005_000L, false), // 10 A at 400.5 V, back into the grid
            (2, null, 0L, null, false), // half a microwatt
            (3, null, 0L, 0L, false),
            (4, null, null, null, true),
            (5, null, null, null, false),
        ]);
        states.ShouldAllBe(state => state.Connected && state.Source == "curve batch");
        // The same again is there already, in a batch that begins in the middle of it too.
        (await ledger.TakeAsync(file)).Outcomes.ShouldAllBe(outcome => outcome is RecordOutcome.AlreadyRecorded);
    }

    /// <summary>Lines in any order of time: what one says between two others that say the same ends there.</summary>
    [Theory]
    [InlineData(new[] { 10, 5, 12 }, new[] { -10, -200, -200 }, new[] { 5, 10, 12 }, new[] { -200, -10, -200 })]
    [InlineData(
        new[] { 10, 12, 14, 11 }, new[] { -10, -10, -10, -200 }, new[] { 10, 11, 12 }, new[] { -10, -200, -10 })]
    [InlineData(new[] { 10, 9, 8 }, new[] { -10, -10, -10 }, new[] { 8 }, new[] { -10 })]
    public void What_a_vehicle_says_holds_from_its_own_instant_in_whatever_order_lines_come(
        int[] minutes, int[] amperes, int[] changes, int[] said)
    {
        var lines = minutes.Zip(amperes, (minute, current) =>
            $$$"""{"point":"CP1","time":"2026-02-02T00:{{{minute:00}}}:00Z","kw":-4,"vehicle":{"requestedA":{{{current}}},"requestedV":800}}""");
        Read(string.Join('\n', lines)).States
            .Select(state => (state.At.InUtc().Minute, state.VehicleExportMax!.Value.Milliwatts / -800_000)).ShouldBe(
                changes.Zip(said, (minute, current) => (minute, (long)current)));
    }

    [Fact]
    public async Task A_vehicle_that_gives_less_than_was_ordered_excuses_the_rest_with_its_own_words()
    {
        await using var ledger = new IntakeLedger();
        await ledger.TakeAsync(IntakeLedger.Connector);
        ledger.Clock.Now = Instant.FromUtc(2026, 2, 2, 1, 0);
        await ledger.TakeAsync("""
            {"point":"CP1","time":"2026-02-02T00:00:00Z","kw":-4,"vehicle":{"requestedA":-10,"requestedV":400}}
            {"point":"CP1","time":"2026-02-02T00:10:00Z","kw":-4,"vehicle":{"stopReason":"chargerFault"}}
            """);
        var states = (await ledger.FactsAsync()).OfType<ChargingStateRecorded>();
        var window = new Interval(Instant.FromUtc(2026, 2, 2, 0, 0), Instant.FromUtc(2026, 2, 2, 0, 15));
        ChargingState.Excuses(InstructionKind.Export, new Power(10_000_000), window, states)
            .Select(excuse => (excuse.Period.Duration.TotalMinutes, excuse.Reason, excuse.Limit?.Milliwatts))
            .ShouldBe([(10d, ShortfallReason.VehicleLimit, 4_000_000L), (5d, ShortfallReason.Fault, null)]);
    }

    private static CurveBatch Read(string text)
    {
        CurveFiles.TryRead(Encoding.UTF8.GetBytes(text), new IntakeHints(), out var batch, out var refused)
            .ShouldBeTrue();
        refused.ShouldBeNull(refused?.Detail);
        return batch!;
    }
}
