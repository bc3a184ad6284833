using Ledger.Domain;
using NodaTime;
using Shouldly;
using static Ledger.Tests.ScenarioTable;

namespace Ledger.Tests;

public class RegisterTests
{
    private static readonly RegisterId Import = new(new SettlementPointId("P1"), Direction.Import);

    public static IEnumerable<TheoryDataRow<string, int, string>> Readings() => Lines("register-readings.txt");

    [Theory, MemberData(nameof(Readings))]
    public void Each_line_of_the_scenario_table_is_answered(string table, int number, string line)
    {
        var cells = Cells(line);
        cells.Length.ShouldBe(6, $"{table}:{number}");
        var state = cells[0] == "-" ? RegisterState.Empty : RegisterState.Of(Installed(cells[0]));
        foreach (var (at, index) in Readings(cells[1]))
            state = Register.Evolve(state,
                new RegisterReadingRecorded(Import, at, index, ReadingQuality.Measured, null), at);
        foreach (var (at, index) in Readings(cells[2]))
            state = Register.Evolve(state,
                new RegisterReadingQuarantined(Import, at, index, Rejection.ChangeOfBasis, "before", null), at);
        var input = new RegisterReadingInput(Import, Second(cells[3]), Number(cells[4]), ReadingQuality.Measured, null);

        Answer(Register.Decide(state, input, Instant.FromUnixTimeSeconds(1000)))
            .ShouldBe(cells[5], $"{table}:{number}");
    }

    [Theory]
    [InlineData(6, 0, 1, null, 999_990, 12, "22.000000000000")]
    [InlineData(6, 3, 1, null, 999_990, 12, "0.022000000000")]
    [InlineData(6, 1, 40, null, 10, 25, "60.000000000000")] // the factor applies to the difference
    [InlineData(6, 0, 1, 500_000L, 300_000, 7, "200007.000000000000")]
    [InlineData(18, 14, 1, null, 0, 1, "0.000000000000")]
    public void A_difference_is_exact(
        int digits, int decimals, int factor, long? modulus, long previous, long current, string kwh) =>
        Register.Difference(new(Import, "M", digits, decimals, factor, modulus), previous, current)
            .Delta!.Value.ToKwh().ShouldBe(kwh);

    [Fact]
    public void A_step_of_the_finest_register_is_72_half_nanojoules() =>
        Register.Difference(new(Import, "M", 18, 14, 1, null), 0, 1).Delta.ShouldBe(new Energy(72));

    [Fact]
    public void More_energy_than_a_number_holds_is_refused_and_not_wrapped() =>
        Register.Difference(new(Import, "M", 18, 0, int.MaxValue, null), 0, long.MaxValue / 10)
            .Code.ShouldBe(Rejection.OutOfRange);

    [Fact]
    public void The_market_vector_of_a_rollover_comes_out()
    {
        var vector = MarketVectors.Case("REG-1");
        var i = vector.GetProperty("inputs");
        var installed = new RegisterInstalled(
            Import, "M", i.GetProperty("digits").GetInt32(), i.GetProperty("decimals").GetInt32(), 1, null);
        Register.Difference(installed, Number(i.GetProperty("previous").GetString()!),
                Number(i.GetProperty("current").GetString()!))
            .Delta!.Value.ToKwh(0).ShouldBe(vector.GetProperty("expected").GetProperty("delta").GetString());
    }

    [Fact]
    public void An_installation_that_says_nothing_new_is_already_recorded_and_another_meter_is_a_new_basis()
    {
        var state = Register.Evolve(RegisterState.Empty, Installed("6.0"), Second("100"));
        Answer(Register.DecideInstalled(state, Installed("6.0"), Second("100"))).ShouldBe("AlreadyRecorded");
        Answer(Register.DecideInstalled(state, Installed("6.0"), Second("200"))).ShouldBe("AlreadyRecorded");
        state = Read(state, "150", 500);
        // Its index would be another.
        Answer(Register.DecideInstalled(state, Installed("6.1"), Second("150"))).ShouldBe("ChangeOfBasis");
        Answer(Register.DecideInstalled(state, Installed("6.1"), Second("200"))).ShouldBe("accepted");
        state = Register.Evolve(state, Installed("6.1"), Second("200"));
        Answer(Register.DecideInstalled(state, Installed("6.0"), Second("100"))).ShouldBe("AlreadyRecorded");
        // The other meter begins where it begins, and the last reading of the first may still come.
        Decided(state, "200", 7).ShouldBe("accepted");
        state = Read(state, "200", 7);
        Decided(state, "190", 499).ShouldBe("ChangeOfBasis");
        Decided(state, "190", 501).ShouldBe("accepted");
        Decided(state, "210", 6).ShouldBe("ChangeOfBasis");
    }

    /// <summary>An exchange that is told late: the new meter's readings seemed to fall, and are released.</summary>
    [Fact]
    public void What_was_quarantined_before_an_exchange_was_told_is_released_and_compared_with_its_own_meter()
    {
        var state = Read(RegisterState.Of(Installed("6.0")), "150", 500);
        var fell = new RegisterReadingQuarantined(Import, Second("200"), 7, Rejection.ChangeOfBasis, "fell", null);
        state = Register.Evolve(state, fell, fell.ReadAt);
        Answer(ReadingCorrections.Decide(state, ReadingCorrections.Release(fell, "looked at"))).ShouldBe("ChangeOfBasis");
        var exchanged = Installed("6.0") with { MeterSerial = "N" };
        Answer(Register.DecideInstalled(state, exchanged, Second("180"))).ShouldBe("accepted");
        state = Register.Evolve(state, exchanged, Second("180"));
        Answer(ReadingCorrections.Decide(state, ReadingCorrections.Release(fell, "looked at"))).ShouldBe("version 2");
        state = Register.Evolve(state, ReadingCorrections.Release(fell, "looked at"), fell.ReadAt);
        Decided(state, "210", 6).ShouldBe("ChangeOfBasis");
        Decided(state, "210", 8).ShouldBe("accepted");
    }

    [Fact]
    public void A_reading_that_was_withdrawn_stands_in_no_meters_way()
    {
        var state = Read(RegisterState.Of(Installed("6.0")), "150", 500);
        Answer(Register.DecideInstalled(state, Installed("6.1"), Second("100"))).ShouldBe("ChangeOfBasis");
        state = Register.Evolve(state, new RegisterReadingCorrected(
            Import, Second("150"), 2, 0, ReadingQuality.Missing, "of another meter", null), Second("150"));
        Answer(Register.DecideInstalled(state, Installed("6.1"), Second("100"))).ShouldBe("accepted");
        state = Register.Evolve(state, Installed("6.1"), Second("100"));
        Answer(ReadingCorrections.Decide(state, new(
            Import, Second("150"), 3, 5000, ReadingQuality.Measured, "in its steps", null))).ShouldBe("version 3");
    }

    private static RegisterState Read(RegisterState state, string at, long index) => Register.Evolve(
        state, new RegisterReadingRecorded(Import, Second(at), index, ReadingQuality.Measured, null), Second(at));

    private static string Decided(RegisterState state, string at, long index) => Answer(Register.Decide(
        state, new(Import, Second(at), index, ReadingQuality.Measured, null), Second("1000")));

    private static RegisterInstalled Installed(string text)
    {
        var parts = text.Split('.', '/');
        return new(Import, "M", (int)Number(parts[0]), (int)Number(parts[1]), 1,
            parts.Length > 2 ? Number(parts[2]) : null);
    }

    private static IEnumerable<(Instant, long)> Readings(string cell) => cell == "-"
        ? []
        : cell.Split(' ').Select(r => r.Split(':')).Select(r => (Second(r[0]), Number(r[1])));
}
