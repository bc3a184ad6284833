using CsCheck;
using Ledger.Domain;
using NodaTime;
using NodaTime.Text;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// One kWh counts once: whatever is claimed in whatever order,
/// an instant of a point's energy belongs to one claim or to claims that share, and no energy is lost or made by a
/// displacement. LEDGER_LONG=1 tries a million histories.
/// </summary>
public sealed class DeliveryClaimsTests
{
    private static readonly Instant Midnight = Instant.FromUtc(2026, 3, 29, 0, 0);
    private static readonly Instant Now = Midnight + Duration.FromDays(9);
    private static readonly SettlementPointId Point = new("C1");

    // Precedence 1, 2 (two that share, one that does not), 3.
    private static readonly ProgrammePublished[] Programmes =
        [Terms("p1", 1), Terms("p2", 2, "p2s"), Terms("p2s", 2, "p2"), Terms("p2x", 2), Terms("p3", 3)];

    // Six hours around midnight in units of 7 minutes, which no settlement period is, so that cuts fall anywhere.
    private static readonly Gen<DeliveryClaim[]> Claims = Gen.Select(
        Gen.Int[0, Programmes.Length - 1], Gen.Int[-26, 25], Gen.Int[1, 12], Gen.Long[1, 1_000_003], Gen.Bool,
        Gen.Int[0, 19],
        (programme, from, length, energy, import, repeat) =>
            (programme, from, length, energy, import, repeat)).Array[1, 12]
        .Select(rows => rows.Select((row, i) => new DeliveryClaim(
            // Now and then a name that came before: the same again, or something else under it.
            new($"k{(row.repeat == 0 ? i / 2 : i)}"), Programmes[row.programme].Programme, Point,
            row.import ? Direction.Import : Direction.Export, Units(row.from, row.length), new Energy(row.energy),
            new("cpo"))).ToArray());

    [Fact]
    public void No_instant_of_a_points_energy_counts_twice_in_any_order_of_claims()
    {
        var (accepted, refused, displaced, shared, acrossMidnight, all) = (0L, 0L, 0L, 0L, 0L, 0L);
        Claims.Sample(claims =>
        {
            var state = ClaimsState.Empty;
            var (losses, again) = (new List<ClaimDisplaced>(), new List<DeliveryClaim>());
            foreach (var claim in claims)
            {
                all++;
                if (claim.Period.Start < Midnight && claim.Period.End > Midnight) acrossMidnight++;
                switch (DeliveryClaims.Decide(state, TermsOf(claim), EnrolledIn(claim), claim, Now))
                {
                    case Decision.Accepted { Facts: var facts }:
                        accepted++;
                        again.Add(claim);
                        losses.AddRange(facts.Select(fact => fact.Event).OfType<ClaimDisplaced>());
                        state = facts.Aggregate(state, (known, fact) => DeliveryClaims.Evolve(known, fact.Event));
                        break;
                    case Decision.Rejected { Code: Rejection.AlreadyClaimed, Detail: var detail }:
                        refused++;
                        NamesNobodyElse(detail, claim, state);
                        break;
                }
            }
            displaced += losses.Count;
            shared += OneHolderAtATime(state);
            EveryClaimIsTheSumOfWhatItHoldsAndLost(state, losses);
            // Handed in again, what was accepted is already recorded, also where it lost everything to another.
            foreach (var claim in again)
                DeliveryClaims.Decide(state, TermsOf(claim), EnrolledIn(claim), claim, Now)
                    .ShouldBeOfType<Decision.AlreadyRecorded>();
        }, iter: LongRun.Samples, seed: "0001oU2H2wP1", threads: 1);

        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{all} claims: {100 * accepted / all} % accepted, {100 * refused / all} % already claimed, "
            + $"{100 * acrossMidnight / all} % across midnight; {displaced} displaced stretches, {shared} shared instants");
        Math.Min(Math.Min(accepted, refused), Math.Min(Math.Min(displaced, shared), acrossMidnight))
            .ShouldBeGreaterThan(LongRun.Samples / 20);
    }

    /// <summary>Who is refused hears when the energy is held, inside of what was claimed, and not by whom.</summary>
    private static void NamesNobodyElse(string detail, DeliveryClaim claim, ClaimsState state)
    {
        var words = detail.Split(' ');
        foreach (var other in state.Claims.Values)
        {
            words.ShouldNotContain(other.Claim.Value, detail);
            if (other.Programme != claim.Programme) words.ShouldNotContain(other.Programme.Value, detail);
        }
        var (from, to) = (Instants.Parse(words[0]).Value, Instants.Parse(words[2]).Value);
        (claim.Period.Start <= from && from < to && to <= claim.Period.End).ShouldBeTrue(detail);
        DeliveryClaims.Holding(state, claim.Direction, new(from, to)).ShouldNotBeEmpty();
    }

    private static readonly InstantPattern Instants = InstantPattern.ExtendedIso;

    /// <summary>At each instant: holders share pairwise, none is preceded by another claim,
    /// and where one was made one holds.</summary>
    private static int OneHolderAtATime(ClaimsState state)
    {
        var shared = 0;
        foreach (var direction in Enum.GetValues<Direction>())
            for (var unit = -26; unit < 40; unit++)
            {
                var instant = Units(unit, 1);
                var holders = state.Held.Where(held => held.Claim.Direction == direction && Meets(held.Period, instant))
                    .ToList();
                var made = state.Claims.Values.Where(claim =>
                    claim.Direction == direction && Meets(claim.Period, instant)).ToList();
                foreach (var (a, i) in holders.Select((held, i) => (held, i)))
                    foreach (var b in holders.Skip(i + 1))
                    {
                        (a.Claim.SharesWith.Contains(b.Claim.Programme)
                            && b.Claim.SharesWith.Contains(a.Claim.Programme)).ShouldBeTrue();
                        shared++;
                    }
                if (made.Count > 0)
                    holders.Select(held => held.Claim.Precedence).ShouldContain(made.Max(claim => claim.Precedence));
                DeliveryClaims.Holding(state, direction, instant).ShouldBe(holders);
            }
        return shared;
    }

    private static void EveryClaimIsTheSumOfWhatItHoldsAndLost(ClaimsState state, List<ClaimDisplaced> losses)
    {
        foreach (var claim in state.Claims.Values)
            (Sum(state.Held.Where(held => held.Claim.Claim == claim.Claim)
                .Select(held => DeliveryClaims.EnergyWithin(claim, held.Period)))
                + Sum(losses.Where(loss => loss.Claim == claim.Claim).Select(loss => loss.Energy)))
                    .ShouldBe(claim.Energy);
    }

    private static Energy Sum(IEnumerable<Energy> energies) =>
        energies.Aggregate(Energy.Zero, (sum, energy) => sum + energy);

    private static bool Meets(Interval a, Interval b) => a.Start < b.End && b.Start < a.End;

    private static Interval Units(int from, int length) =>
        new(Midnight + Duration.FromMinutes(7 * from), Midnight + Duration.FromMinutes(7 * (from + length)));

    private static ProgrammeState TermsOf(DeliveryClaim claim) =>
        new([Programmes.Single(terms => terms.Programme == claim.Programme)]);

    private static EnrolmentState EnrolledIn(DeliveryClaim claim) => Enrolments.Evolve(
        EnrolmentState.Empty,
        new PointEnrolled(claim.Programme, Point, Power.FromKilowatts(100), Instant.MinValue, null));

    private static ProgrammePublished Terms(string id, int precedence, params string[] sharesWith) => new(
        new(id), 1, Instant.MinValue, ServiceKind.Export, new("baseline"), new("scoring"), 0, 0, 0,
        PaymentLevel.SettlementPoint, precedence, [.. sharesWith.Select(other => new ProgrammeId(other))], "CNY", 1m);
}
