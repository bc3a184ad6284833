using System.Text;
using Ledger.Domain;
using Ledger.Ingest;
using Shouldly;

namespace Ledger.Tests;

public sealed class CurveFilesTests
{
    [Fact]
    public void Powers_are_exact_and_round_half_to_even()
    {
        CurveFiles.ReadCsv(
            "point,time,kw\nA,2024-01-01T08:00:00.5+08:00,1.5\nA,1704067201000,-0.0000005\nB,2024-01-01T00:00:02Z,0.0000015\r\n",
            new IntakeHints(), out var batch).ShouldBeNull();
        batch!.Rounded.ShouldBe(2);
        var samples = batch.Curves.SelectMany(curve => curve.Samples).ToList();
        samples.Select(s => s.Milliwatts).ShouldBe([1_500_000L, 0, 2]);
        samples.Select(s => s.AtMicroseconds - 1_704_067_200_000_000).ShouldBe([500_000L, 1_000_000, 2_000_000]);
        batch.Curves[1].Point.Value.ShouldBe("B");
    }

    public static TheoryData<string, byte[], Rejection> Adversaries() => new()
    {
        { "nothing", [], Rejection.EmptyInput },
        { "a mark only", [0xEF, 0xBB, 0xBF], Rejection.EmptyInput },
        { "bad UTF-8", [.. Row("1"), 0xFF], Rejection.NotUtf8 },
        { "U+0000", Row("1\0"), Rejection.ForbiddenCharacter },
        { "other header", Encoding.UTF8.GetBytes("time;kw\n"), Rejection.UnknownFormat },
        { "header only", Encoding.UTF8.GetBytes("point,time,kw\n"), Rejection.EmptyInput },
        { "no point", Encoding.UTF8.GetBytes("time,kw\n1704067201000,1\n"), Rejection.MissingField },
        { "cut in the last number", Row("12.3")[..^2], Rejection.Truncated },
        { "fields", Row("1,2"), Rejection.WrongCount },
        { "point", Encoding.UTF8.GetBytes("point,time,kw\nA B,1704067201000,1\n"), Rejection.InvalidIdentifier },
        { "local time", Encoding.UTF8.GetBytes("point,time,kw\nA,2024-01-01T08:00:00,1\n"), Rejection.InvalidTime },
        { "Unix seconds", Encoding.UTF8.GetBytes("point,time,kw\nA,1704067201,1\n"), Rejection.InvalidTime },
        { "NaN", Row("NaN"), Rejection.NotANumber },
        { "infinity", Row("∞"), Rejection.NotANumber },
        { "unit", Row("5 kW"), Rejection.NotANumber },
        { "exponent without digits", Row("1e"), Rejection.NotANumber },
        { "exponent beyond 64 bits", Row("1e60"), Rejection.PowerAboveLimit },
        { "exponent beyond reading", Row("1e999999999"), Rejection.NotANumber },
        { "no digits", Row("-."), Rejection.NotANumber },
        { "two points", Row("1.2.3"), Rejection.NotANumber },
        { "other digits", Row("١٢"), Rejection.NotANumber },
        { "a million digits", Row(new string('9', 1_000_000)), Rejection.NumberTooLong },
        { "above 1 GW", Row("1000000.000001"), Rejection.PowerAboveLimit },
        { "beyond 64 bits", Row("99999999999999999999"), Rejection.PowerAboveLimit },
    };

    [Theory, MemberData(nameof(Adversaries), DisableDiscoveryEnumeration = true)]
    public void Bad_input_has_its_code(string name, byte[] bytes, Rejection code)
    {
        var refused = IntakeText.Decode(bytes, out var text) ?? CurveFiles.ReadCsv(text, new IntakeHints(), out _);
        refused.ShouldNotBeNull(name);
        refused.Code.ShouldBe(code, name);
        refused.Detail.Length.ShouldBeInRange(1, Limits.TextLengthMax);
    }

    [Theory]
    [InlineData("1.5E+03", 1_500_000_000, 0)]
    [InlineData("-2.5e-7", 0, 1)]
    [InlineData("15e-7", 2, 1)]
    public void A_power_may_have_an_exponent_as_in_lines(string kilowatts, long milliwatts, int rounded)
    {
        CurveFiles.ReadCsv(Encoding.UTF8.GetString(Row(kilowatts)), new IntakeHints(), out var batch).ShouldBeNull();
        batch!.Curves.ShouldHaveSingleItem().Samples.ShouldHaveSingleItem().Milliwatts.ShouldBe(milliwatts);
        batch.Rounded.ShouldBe(rounded);
    }

    [Theory]
    [InlineData("point,time,kw\n\"A\",1704067201000,1\n")]
    [InlineData("point,time,kw\nA,\"1704067201000\",1\n")]
    [InlineData("point,time,kw\nA,1704067201000,\"1\"\n")]
    [InlineData("point,time,kw\nA,1704067201000,\"0,5\"\n")]
    [InlineData("point,time,kw\nA;1704067201000;1\n")]
    [InlineData("point,time,kw;\nA,1704067201000,1;\n")]
    public void A_table_of_another_form_is_told_the_form(string text)
    {
        CurveFiles.ReadCsv(text, new IntakeHints(), out _)!.Detail
            .ShouldEndWith("; cells are not quoted, and columns are separated by commas");
        CurveFiles.ReadCsv("point,time,kw\nA,1704067201000,x\n", new IntakeHints(), out _)!.Detail
            .ShouldNotContain("quoted");
    }

    private static byte[] Row(string kilowatts) =>
        Encoding.UTF8.GetBytes($"point,time,kw\nA,2024-01-01T08:00:00+08:00,{kilowatts}\n");
}
