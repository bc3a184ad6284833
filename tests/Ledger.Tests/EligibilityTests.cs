using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;
using static Ledger.Tests.ScenarioTable;

namespace Ledger.Tests;

/// <summary>Eligible power by its table, and what holds of it for any enrolment,
/// declaration and charging fact.</summary>
public sealed class EligibilityTests
{
    private static readonly ProgrammeId Programme = new("P");
    private static readonly SettlementPointId Point = new("C1");
    private static readonly Interval Window = Seconds("100-900");

    public static IEnumerable<TheoryDataRow<string, int, string>> AllLines() => Lines("eligible-power.txt");

    [Theory, MemberData(nameof(AllLines))]
    public void Each_line_is_answered_as_it_says(string table, int number, string line)
    {
        var cells = Cells(line);
        var state = Words(cells[0]).Select(word => word.Split(':')).Aggregate(EnrolmentState.Empty, (known, word) =>
            Enrolments.Evolve(known, Enrolled(word[0].Split('-'), Kilowatts(word[1]))));
        state = Words(cells[1]).Select(word => word.Split(':')).Aggregate(state, (known, word) =>
            Enrolments.Evolve(known,
                new AvailabilityDeclared(Programme, Point, Instant.MinValue, Seconds(word[0]), Kilowatts(word[1]))));
        Excuse[] excuses = [.. Words(cells[2]).Select(word => word.Split(':')).Select(word => new Excuse(
            Seconds(word[0]), Enum.Parse<ShortfallReason>(word[1]), word.Length > 2
                ? Kilowatts(word[2]) : null, "charger"))];
        string.Join(", ", Eligibility.Of(Programme, Window, state, excuses).Select(Text))
            .ShouldBe(cells[3], $"{table}:{number}");
    }

    [Fact]
    public void What_a_charger_says_of_its_vehicle_limits_what_is_eligible()
    {
        var state = Enrolments.Evolve(EnrolmentState.Empty, Enrolled(["0", "*"], Power.FromKilowatts(50)));
        ChargingStateRecorded[] said =
        [
            new(Point, Second("0"), true, 900, null, Power.FromKilowatts(30), null, "charger"),
            new(Point, Second("300"), true, 150, null, Power.FromKilowatts(30), null, "charger"),
            new(Point, Second("500"), false, null, null, null, null, "charger"),
        ];
        var excuses = ChargingState.Excuses(InstructionKind.Export, Power.FromKilowatts(50), Window, said).ToList();
        string.Join(", ", Eligibility.Of(Programme, Window, state, excuses).Select(Text))
            .ShouldBe("100-300 30 VehicleLimit, 300-500 0 StateOfChargeFloor, 500-900 0 NoVehicle");
        Eligibility.Of(new("Q"), Window, state, excuses)
            .ShouldHaveSingleItem().Because.ShouldBe([EligibilityReason.NotEnrolled]);
    }

    private static readonly Gen<(int From, int Length, int Kilowatts)[]> Pieces =
        Gen.Select(Gen.Int[0, 1000], Gen.Int[1, 300], Gen.Int[0, 60]).Array[0, 6];

    [Fact]
    public void Stretches_fill_the_window_and_no_limit_raises_what_is_eligible() =>
        Gen.Select(Pieces, Pieces, Gen.Int[0, 900]).Sample((declared, hindered, from) =>
        {
            var state = declared.Aggregate(
                Enrolments.Evolve(EnrolmentState.Empty, Enrolled([$"{from}", "*"], Power.FromKilowatts(50))),
                (known, piece) => Enrolments.Evolve(known, new AvailabilityDeclared(
                    Programme, Point, Instant.MinValue, Seconds($"{piece.From}-{piece.From + piece.Length}"),
                    Power.FromKilowatts(piece.Kilowatts))));
            Excuse[] excuses = [.. hindered.Select(piece => new Excuse(
                Seconds($"{piece.From}-{piece.From + piece.Length}"), ShortfallReason.VehicleLimit,
                Power.FromKilowatts(piece.Kilowatts), "charger"))];
            var stretches = Eligibility.Of(Programme, Window, state, excuses);
            (stretches[0].Period.Start, stretches[^1].Period.End).ShouldBe((Window.Start, Window.End));
            foreach (var (a, b) in stretches.Zip(stretches.Skip(1)))
            {
                b.Period.Start.ShouldBe(a.Period.End);
                (a.Eligible == b.Eligible && a.Because.SequenceEqual(b.Because)).ShouldBeFalse();
            }
            var free = Eligibility.Of(Programme, Window, state, []);
            for (var second = 100; second < 900; second += 25)
                At(stretches, second).Eligible.ShouldBeLessThanOrEqualTo(At(free, second).Eligible);
            stretches.Where(stretch => stretch.Because.Any() != stretch.Eligible < Power.FromKilowatts(50))
                .ShouldBeEmpty();
        }, iter: LongRun.Samples, threads: 1);

    private static EligibleStretch At(IReadOnlyList<EligibleStretch> stretches, int second) =>
        stretches.Single(stretch => stretch.Period.Contains(Instant.FromUnixTimeSeconds(second)));

    private static string Text(EligibleStretch stretch) => string.Join(' ',
        [$"{stretch.Period.Start.ToUnixTimeSeconds()}-{stretch.Period.End.ToUnixTimeSeconds()}",
            $"{stretch.Eligible.Kilowatts:0}", .. stretch.Because]);

    private static string[] Words(string cell) => cell == "-" ? [] : cell.Split(' ');

    private static PointEnrolled Enrolled(string[] period, Power prequalified) =>
        new(Programme, Point, prequalified, Second(period[0]), period[1] == "*" ? null : Second(period[1]));
}
