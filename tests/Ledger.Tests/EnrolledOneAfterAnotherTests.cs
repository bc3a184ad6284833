using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// A point is enrolled in one programme with 500 kW to 10 o'clock and with 300 kW from then on: for a time over 10
/// o'clock it takes part, by both enrolments, and with no more than the less of them.
/// </summary>
public sealed class EnrolledOneAfterAnotherTests
{
    private static readonly ProgrammeId Programme = new("P");
    private static readonly SettlementPointId Point = new("C1");

    private static Instant Hour(int hour) => Instant.FromUtc(2026, 2, 27, 0, 0) + Duration.FromHours(hour);

    private static Enrolment From(int kilowatts, int from, int? to) => new(new(Programme, Point,
        Power.FromKilowatts(kilowatts), Hour(from), to is { } end ? Hour(end) : null), null);

    private static EnrolmentState Enrolled(int secondFrom, params AvailabilityDeclared[] declared) =>
        new([From(500, 0, 10), From(300, secondFrom, null)], [], declared);

    private static readonly ProgrammeState Terms = new([new(Programme, 1, Hour(-99), ServiceKind.DemandReduction,
        new("b"), new("s"), 0, 0, 0, PaymentLevel.SettlementPoint, 1, [], "CNY", 1m)]);

    [Theory]
    [InlineData(10, 8, 12, null)]
    [InlineData(11, 8, 12, Rejection.NotEnrolled)] // from 10 to 11 o'clock by nothing
    [InlineData(11, 8, 10, null)]
    public void Energy_is_claimed_over_both(int secondFrom, int from, int to, Rejection? refused)
    {
        var claim = new DeliveryClaim(new("D1"), Programme, Point, Direction.Import, new(Hour(from), Hour(to)),
            Energy.FromWattHours(1000), new("cpo"));
        Code(DeliveryClaims.Decide(ClaimsState.Empty, Terms, Enrolled(secondFrom), claim, Hour(99))).ShouldBe(refused);
    }

    [Theory]
    [InlineData(300, 8, 12, null)]
    [InlineData(301, 8, 12, Rejection.AbovePrequalified)]
    [InlineData(500, 8, 10, null)]
    [InlineData(500, 8, 11, Rejection.AbovePrequalified)]
    public void Power_is_declared_over_both(int kilowatts, int from, int to, Rejection? refused) => Code(
        Enrolments.Decide(Enrolled(10), Declared(kilowatts, from, to), Hour(-1), new EvidenceKey("k")))
        .ShouldBe(refused);

    /// <summary>Ready for a whole call is the least that is ready at any time of it.</summary>
    [Theory]
    [InlineData(8, 12, null, 300)]
    [InlineData(8, 10, null, 500)]
    [InlineData(10, 12, null, 300)]
    [InlineData(8, 12, 200, 200)] // declared from 8 to 9
    [InlineData(9, 12, 200, 300)]
    public void Power_is_offered_over_both(int from, int to, int? declaredKw, int offeredKw) =>
        PartialActivation.Offered(Enrolled(10, declaredKw is { } kilowatts ? [Declared(kilowatts, 8, 9)] : []),
            Programme, new(Hour(from), Hour(to)), Hour(0)).ShouldBe(Power.FromKilowatts(offeredKw));

    private static AvailabilityDeclared Declared(int kilowatts, int from, int to) => new(
        Programme, Point, Hour(-1), new(Hour(from), Hour(to)), Power.FromKilowatts(kilowatts));

    private static Rejection? Code(Decision decision) => decision is Decision.Rejected { Code: var code } ? code : null;
}
