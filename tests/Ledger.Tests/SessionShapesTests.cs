using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// How the amount of a stay is divided over its settlement periods: as what is settled of them, and what is not known
/// takes what the amount leaves.
/// </summary>
public sealed class SessionShapesTests
{
    private static readonly SettlementPointId point = new("P1");

    /// <param name="settled">kWh of each hour; - is not known.</param>
    [Theory]
    [InlineData(100, "96 4 - 0", "96 4 0 0")]
    [InlineData(110, "96 4 - 0", "96 4 10 0")]
    [InlineData(110, "96 - - 0", "96 7 7 0")]
    [InlineData(50, "96 4 - 0", "48 2 0 0")]
    [InlineData(100, "0 - 0 0", "0 100 0 0")]
    [InlineData(200, "96 4 0 0", "192 8 0 0")]
    [InlineData(100, "0 0 0 0", "25 25 25 25")]
    [InlineData(100, "- - - -", "25 25 25 25")]
    [InlineData(0, "- 4 - 0", "0 0 0 0")]
    public void What_is_known_of_a_period_holds_whatever_is_not_known_of_another(
        int kwh, string settled, string shares) =>
        Divided(kwh, [.. Enumerable.Range(0, 4).Select(hour => Hours(hour, hour + 1))],
            [.. settled.Split(' ').Select((text, hour) => Settled(hour, text == "-" ? null
                : int.Parse(text, System.Globalization.CultureInfo.InvariantCulture)))], true)
            .ShouldBe([.. shares.Split(' ').Select(text =>
                Energy.FromWattHours(1000 * long.Parse(text, System.Globalization.CultureInfo.InvariantCulture)))]);

    /// <summary>A vehicle comes five minutes before the hour ends.</summary>
    [Theory]
    [InlineData(20, 260, true, 20)] // all of the hour's energy is its own
    [InlineData(24, 242, false, 2)] // another one stood there before it
    public void A_period_that_a_stay_cuts_is_its_own_where_nobody_else_stood_there(
        int settled, int kwh, bool alone, int first) =>
        Divided(kwh, [new(At(0) + Duration.FromMinutes(55), At(1)), Hours(1, 2)],
            [Settled(0, settled), Settled(1, 240)], alone)
            .ShouldBe([Energy.FromWattHours(first * 1000), Energy.FromWattHours(240_000)]);

    /// <param name="settled">kWh of each hour; - is not known, ~ is estimated, of one with ? the curve has a hole, and
    /// what stands behind + is what the curve says by itself.</param>
    [Theory]
    [InlineData(0, "- - 5", "no no no")] // the register stood still
    [InlineData(7, "-", "yes")]
    [InlineData(7, "0", "yes")]
    [InlineData(7, "5 2 0", "yes yes no")]
    [InlineData(7, "5 - 0", "yes not-known no")]
    [InlineData(7, "5 ~2 ~0", "yes not-known not-known")]
    [InlineData(7, "5? 0? 0", "yes not-known no")]
    [InlineData(7, "~5+4? ~2+0? 0", "yes not-known no")] // the register divided over both holes
    [InlineData(7, "0 0 0", "not-known not-known not-known")] // and the register moved
    [InlineData(7, "- - -", "not-known not-known not-known")]
    public void Whether_anything_flowed_is_known_where_it_was_measured(int kwh, string settled, string flows)
    {
        var (all, whole) = (new List<MeteredQuantity>(), new List<MeteredQuantity>());
        foreach (var (hour, text) in settled.Split(' ').Index())
        {
            var numbers = text.Trim('~', '?').Split('+');
            var quantity = Settled(hour, Kwh(numbers[0]));
            if (text[0] == '~') quantity = quantity with { Quality = ReadingQuality.Estimated };
            all.AddRange([quantity, .. numbers.Skip(1).Select(number => Settled(hour, Kwh(number)))]);
            whole.Add(text[^1] != '?' ? quantity
                : quantity with { Metered = null, Quality = ReadingQuality.Missing });
        }
        ChargingSessions.Flows(Energy.FromWattHours(kwh * 1000), [.. whole.Select(each => each.Period)], all, whole)
            .Select(flow => flow switch { true => "yes", false => "no", null => "not-known" })
            .ShouldBe(flows.Split(' '));

        static int? Kwh(string text) =>
            text == "-" ? null : int.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
    }

    private static readonly Gen<int?[]> known = Gen.Int[0, 350].Nullable().Array[1, 8];

    /// <summary>While the register covers what is known, each known period has its own, and the parts are the whole.
    /// </summary>
    [Fact]
    public void A_period_of_which_nothing_is_known_changes_no_share_of_the_others() =>
        Gen.Select(known, Gen.Int[0, 1000]).Sample((settled, rest) =>
        {
            var sum = settled.Sum(kwh => kwh ?? 0);
            var kwh = settled.Contains(null) ? sum + rest : sum;
            var parts = Divided(kwh, [.. settled.Select((_, hour) => Hours(hour, hour + 1))],
                [.. settled.Select((each, hour) => Settled(hour, each))], true);
            for (var hour = 0; hour < settled.Length; hour++)
                if (settled[hour] is { } own) parts[hour].ShouldBe(Energy.FromWattHours(own * 1000));
            parts.Aggregate(Energy.Zero, (all, part) => all + part).ShouldBe(Energy.FromWattHours(kwh * 1000));
        }, iter: LongRun.Samples);

    private static IReadOnlyList<Energy> Divided(
        int kwh, IReadOnlyList<Interval> parts, IReadOnlyList<MeteredQuantity> quantities, bool alone) =>
        ChargingSessions.Divided(Energy.FromWattHours(kwh * 1000), parts, quantities, (_, _) => alone);

    private static MeteredQuantity Settled(int hour, int? kwh) => new(point, Direction.Import, Hours(hour, hour + 1),
        kwh is { } known ? Energy.FromWattHours(known * 1000) : null, "",
        kwh is null ? ReadingQuality.Missing : ReadingQuality.Measured);

    private static Interval Hours(int from, int until) => new(At(from), At(until));

    private static Instant At(int hour) => TestFolder.Start + Duration.FromHours(hour);
}
