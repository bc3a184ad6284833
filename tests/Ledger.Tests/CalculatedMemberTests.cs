using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ledger.Domain;
using Ledger.Projections;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Members of rows that are calculated from others: they stand where they stood when rows kept them, are read by nobody
/// back into a row, and a stored text that says otherwise is another row.
/// </summary>
public sealed class CalculatedMemberTests
{
    private static readonly Instant Start = Instant.FromUtc(2026, 6, 1, 16, 0);
    private static readonly Energy Import = Energy.FromWattHours(1500), Export = new(7200 * 2500L + 3600);

    private static readonly VerifiedExport.PeriodRow Period = new(
        "P", Start, Start + Duration.FromMinutes(15), "2026-06-02", 2, IntervalRecordState.Final, Export, Import, -5, 6,
        900_000_000, 7, ReadingQuality.Measured, null, "ab");

    private static readonly VerifiedExport.SideRow Side = new(
        Import, RegisterVerdict.Consistent, "w", Export, Energy.Zero, Import, new Energy(72), null,
        new(new(1), new(2), new(72), Energy.Zero, new(5), Energy.Zero), Energy.Zero, new(9));

    /// <summary>As a program wrote it that kept every text, member by member.</summary>
    [Fact]
    public void Rows_are_the_bytes_that_they_were_when_they_kept_their_texts()
    {
        RowJson.Write(Period).ShouldBe(
            """{"point":"P","start":"2026-06-01T16:00:00.000000000Z","end":"2026-06-01T16:15:00.000000000Z","day":"2026-06-02","version":2,"state":"final","export":"18003600","exportKwh":"0.000000002500","import":"10800000000000000","importKwh":"1.500000000000","minimumMilliwatts":"-5","maximumMilliwatts":"6","coveredMicroseconds":"900000000","clockOffsetMicroseconds":"7","quality":"measured","reason":null,"evidence":"ab"}""");
        RowJson.Write(Side).ShouldBe(
            """{"verified":"10800000000000000","verifiedKwh":"1.500000000000","check":"consistent","why":"w","curve":"18003600","suspect":"0","register":"10800000000000000","registerStep":"72","registerProblem":null,"residual":"10799999981996400","tolerance":"80","budget":{"meterClass":"1","curveClass":"2","registerStep":"72","clock":"0","gaps":"5","lossBand":"0","tolerance":"80"},"startDoubt":"0","endDoubt":"9"}""");
        RowJson.Write(Side with { Register = null, RegisterStep = null, Budget = null })
            .ShouldContain("""
                "registerProblem":null,"residual":null,"tolerance":null,"budget":null,
                """);
        RowJson.Write(new VerifiedExport.StationRow("S", "2026-06-02", 3, Export, Import)).ShouldBe(
            """{"station":"S","day":"2026-06-02","connectors":3,"export":"18003600","exportKwh":"0.000000002500","import":"10800000000000000","importKwh":"1.500000000000"}""");
        RowJson.Write(new PeriodSideRow(RegisterVerdict.Inconsistent, "w", Import, Export, Side.Budget!)).ShouldBe(
            """{"check":"inconsistent","why":"w","register":"10800000000000000","curve":"18003600","residual":"10799999981996400","tolerance":"80","budget":{"meterClass":"1","curveClass":"2","registerStep":"72","clock":"0","gaps":"5","lossBand":"0","tolerance":"80"}}""");
    }

    private static IEnumerable<PropertyInfo> Calculated => typeof(IProjection).Assembly.GetTypes()
        .SelectMany(type => type.GetProperties()).Where(member => Place(member) is not null);

    private static string? Place(PropertyInfo member) => member.GetCustomAttribute<WrittenAfterAttribute>()?.Member;

    [Fact]
    public void A_calculated_member_stands_behind_the_one_that_it_names_and_nobody_sets_it()
    {
        Calculated.Count().ShouldBeGreaterThanOrEqualTo(15);
        foreach (var member in Calculated)
        {
            member.CanWrite.ShouldBeFalse(member.Name);
            var names = RowJson.Members(member.DeclaringType!)!.Select(each => each.Name).ToList();
            names.IndexOf(Camel(member.Name)).ShouldBe(names.IndexOf(Camel(Place(member)!)) + 1, $"{member}");
        }

        static string Camel(string name) => JsonNamingPolicy.CamelCase.ConvertName(name);
    }

    [Fact]
    public void A_row_is_read_back_as_it_was_whatever_its_texts_say()
    {
        RowJson.Read<VerifiedExport.PeriodRow>(RowJson.Write(Period)).ShouldBe(Period);
        RowJson.Read<VerifiedExport.SideRow>(RowJson.Write(Side)).ShouldBe(Side);
        var forged = JsonNode.Parse(RowJson.Write(Period))!;
        forged["exportKwh"] = "9.000000000000";
        RowJson.Read<VerifiedExport.PeriodRow>(forged.ToJsonString()).ShouldBe(Period);
    }

    [Fact]
    public void A_stored_text_that_says_otherwise_is_another_row()
    {
        var stored = RowJson.Write(Period);
        var forged = stored.Replace("1.500000000000", "1.500000000001", StringComparison.Ordinal);
        (RowContent.Of(Period) == (RowContent)stored).ShouldBeTrue();
        (RowContent.Of(Period) == (RowContent)forged).ShouldBeFalse();
    }
}
