using CsCheck;
using Ledger.Domain;
using NodaTime;
using Shouldly;

namespace Ledger.Tests;

/// <summary>
/// Laws of standing limits over days whose clock changes: at each instant the last recorded limit that covers it holds,
/// with the step that its schedule has reached; and a repeat of a limit is already recorded.
/// </summary>
public sealed class StandingLimitLawTests(ITestOutputHelper output)
{
    private static readonly Duration Slot = Duration.FromMinutes(10); // divides all at which something here may begin
    private const int SlotsBefore = 2 * 24 * 6; // two days: the steps of the day before the first limit still hold
    private const int Slots = 24 * 6;

    /// <summary>A window from a noon, and the local time of every slot from two days before it on.</summary>
    private sealed record Place(string Zone, Instant Noon)
    {
        public Interval Window { get; } = new(Noon, Noon + Slot * Slots);
        public LocalDateTime[] Local { get; } = [.. Enumerable.Range(-SlotsBefore, SlotsBefore + Slots)
            .Select(i => (Noon + Slot * i).InZone(DateTimeZoneProviders.Tzdb[Zone]).LocalDateTime)];
    }

    private static readonly Place[] Places =
    [
        new("Europe/Berlin", Instant.FromUtc(2026, 3, 28, 12, 0)),
        new("Europe/Berlin", Instant.FromUtc(2026, 10, 24, 12, 0)),
        new("Australia/Lord_Howe", Instant.FromUtc(2026, 4, 4, 3, 0)),
        new("Australia/Lord_Howe", Instant.FromUtc(2026, 10, 3, 3, 0)),
        new("Asia/Shanghai", Instant.FromUtc(2026, 7, 1, 4, 0)),
    ];

    private static readonly Gen<Power?> Powers = Gen.Int[0, 9].Select(kilowatts =>
        kilowatts == 0 ? null : (Power?)Power.FromKilowatts(kilowatts));

    private static readonly Gen<(Place Place, StandingLimitSet[] Limits)> Cases = Gen.Int[0, Places.Length - 1]
        .SelectMany(i => LimitOf(Places[i]).Array[1, 5].Select(limits => (Places[i], limits)));

    // One power, or steps by date, or daily steps around the hour of the change.
    private static Gen<StandingLimitSet> LimitOf(Place place) => Gen.Select(
        Gen.Int[0, 2], Gen.Int[-144, 140], Gen.Int[0, 200], Powers.Array[1, 4], Gen.Int[0, 9],
        (form, from, length, powers, first) =>
        {
            var start = place.Noon + Slot * from;
            LimitStep[] steps = form == 0 ? [] : [.. powers.Select((power, i) => form == 1
                ? new LimitStep(start + Slot * (first - 3 + 20 * i), null, power)
                : new LimitStep(null, new LocalTime(1, 0).PlusMinutes(10 * first + 40 * i), power))];
            return new StandingLimitSet(new("P"), StandingLimitKind.OperatingEnvelope, Direction.Import,
                form == 0 ? powers[0] ?? Power.Zero : null, steps, form == 2 ? place.Zone : null, start,
                length < 20 ? null : start + Slot * length, "DSO");
        });

    [Fact]
    public void At_each_instant_the_last_recorded_limit_that_covers_it_holds()
    {
        var seen = new SampleShares(("daily steps", 50), ("several limits", 50), ("clocks change", 50),
            ("time without limit", 20));
        Cases.Sample((place, limits) =>
        {
            var stretches = StandingLimit.InForce(limits, StandingLimitKind.OperatingEnvelope, Direction.Import,
                place.Window);
            foreach (var (a, b) in stretches.Zip(stretches.Skip(1)))
                a.During.End.ShouldBeLessThanOrEqualTo(b.During.Start);
            var found = Enumerable.Range(0, Slots).Select(i => place.Noon + Slot * i)
                .Select(at => stretches.Where(held => held.During.Start <= at && at < held.During.End)
                    .Select(held => (Power?)held.Most).FirstOrDefault()).ToList();
            found.ShouldBe(Expected(place, limits));
            seen.Add(limits.Any(limit => limit.Zone is not null), limits.Length > 1, place.Zone != "Asia/Shanghai",
                found.Contains(null));
        }, iter: LongRun.Samples);
        seen.ShouldBeEnough(output);
    }

    [Fact]
    public void A_repeat_of_a_limit_is_already_recorded() => Cases.Sample((_, limits) =>
    {
        var state = limits.Aggregate(StandingLimitState.Empty, (known, limit) =>
            StandingLimit.Decide(known, limit, Instant.MaxValue) is Decision.Accepted accepted
                ? StandingLimit.Evolve(known, accepted.Facts[0].Event) : known);
        foreach (var limit in limits)
            StandingLimit.Decide(state, limit with { Steps = [.. limit.Steps] }, Instant.MaxValue)
                .ShouldBeOfType<Decision.AlreadyRecorded>();
    }, iter: LongRun.Samples);

    /// <summary>The limit of each slot of the window, by walking through time.</summary>
    private static IEnumerable<Power?> Expected(Place place, StandingLimitSet[] limits)
    {
        var schedules = limits.Select(limit => Schedule(place, limit)).ToList();
        for (var i = 0; i < Slots; i++)
        {
            var at = place.Noon + Slot * i;
            var last = Array.FindLastIndex(limits, limit =>
                limit.From <= at && (limit.Until is not { } until || at < until));
            yield return last < 0 ? null : schedules[last][SlotsBefore + i];
        }
    }

    /// <summary>
    /// What a limit says at each slot. A daily step begins when its time is reached or passed for the first time of the
    /// day: so it waits for a time that the clock skips, and does not begin again where the clock goes back.
    /// </summary>
    private static Power?[] Schedule(Place place, StandingLimitSet limit)
    {
        var (said, holds, reached) = (new Power?[place.Local.Length], limit.Most, -1);
        for (var i = 0; i < said.Length; i++)
        {
            var (at, local) = (place.Noon + Slot * (i - SlotsBefore), place.Local[i]);
            if (limit.Zone is not null && i > 0 && local.Date != place.Local[i - 1].Date) reached = -1;
            while (reached + 1 < limit.Steps.Count && (limit.Steps[reached + 1] is var next)
                && (next.At <= at || next.Daily <= local.TimeOfDay)) holds = limit.Steps[++reached].Most;
            said[i] = holds;
        }
        return said;
    }
}
