using CsCheck;
using Ledger.Domain;
using Shouldly;

namespace Ledger.Tests;

public sealed class ClockEnvelopeTests
{
    private const long Second = 1_000_000, Start = 1_767_225_600 * Second; // 2026-01-01

    /// <summary>A message every 10 s; each third one takes the least time, 20 ms, the others 300 ms.</summary>
    private static long? Send(ClockEnvelope envelope, int messages, long ahead, long driftPpm, int from = 0)
    {
        long? jump = null;
        for (var i = from; i < from + messages; i++)
        {
            var at = i * 10 * Second;
            var delay = i % 3 == 0 ? 20_000 : 300_000;
            jump = envelope.Observe(Start + at + ahead + at / Second * driftPpm, Start + at + delay) ?? jump;
        }
        return jump;
    }

    [Theory]
    [InlineData(250_000, 0)]
    [InlineData(-40_000, 0)]
    [InlineData(250_000, 50)]
    [InlineData(0, -80)]
    public void Offset_and_drift_are_those_of_the_fastest_messages(long ahead, long driftPpm)
    {
        var envelope = new ClockEnvelope();
        Send(envelope, 91, ahead, driftPpm).ShouldBeNull();
        var estimate = envelope.Estimate();
        estimate.DriftPpm.ShouldBe(driftPpm);
        // The least time of a message, 20 ms, cannot be told from a clock that is behind.
        estimate.AheadMicroseconds.ShouldBeInRange(
            ahead + 900 * driftPpm - 20_000 - 5, ahead + 900 * driftPpm - 20_000 + 5);
        estimate.BoundMicroseconds.ShouldBeLessThan(10);
        estimate.IsSuspect.ShouldBeFalse();
        envelope.RoundTrip(60_000);
        envelope.RoundTrip(80_000);
        envelope.Estimate().BoundMicroseconds.ShouldBe(estimate.BoundMicroseconds + 30_000);
        envelope.Jumps.ShouldBe(0);
    }

    [Fact]
    public void The_bound_is_how_far_the_windows_disagree()
    {
        var envelope = new ClockEnvelope();
        foreach (var (window, delay) in new[] { 20_000, 90_000, 20_000, 50_000, 20_000 }.Index())
            envelope.Observe(Start + window * 62 * Second, Start + window * 62 * Second + delay);
        envelope.Observe(Start + 310 * Second, Start + 310 * Second + 20_000);
        envelope.Estimate().ShouldBe(new(-20_000, 0, 70_000));
    }

    [Fact]
    public void A_jump_forward_is_seen_at_once_and_one_backward_after_a_window()
    {
        var envelope = new ClockEnvelope();
        Send(envelope, 30, 0, 0);
        Send(envelope, 1, 120 * Second, 0, from: 30)!.Value.ShouldBeInRange(119 * Second, 121 * Second);
        envelope.Jumps.ShouldBe(1);
        Send(envelope, 30, 120 * Second, 0, from: 31).ShouldBeNull();
        envelope.Estimate().IsSuspect.ShouldBeTrue();
        Send(envelope, 5, 0, 0, from: 61).ShouldBeNull();
        Send(envelope, 12, 0, 0, from: 66)!.Value.ShouldBeInRange(-121 * Second, -119 * Second);
        envelope.Estimate().IsSuspect.ShouldBeFalse();
        envelope.Jumps.ShouldBe(2);
    }

    [Fact]
    public void A_message_that_waits_is_no_clock_that_is_behind()
    {
        var envelope = new ClockEnvelope();
        // A gateway that stores and forwards: all it had comes a day late, and then it sends at once again.
        for (var i = 0; i < 40; i++)
            envelope.Observe(Start + i * 10 * Second, Start + 86_400 * Second + i * 10 * Second).ShouldBeNull();
        envelope.Estimate().ShouldBe(new(0, 0, 86_400 * Second));
        for (var i = 0; i < 40; i++)
            envelope.Observe(Start + (90_000 + i * 10) * Second, Start + (90_000 + i * 10) * Second + 20_000)
                .ShouldBeNull();
        envelope.Estimate().ShouldBe(new(-20_000, 0, 0));
        // And a way that becomes slow for a while.
        for (var i = 0; i < 40; i++)
            envelope.Observe(Start + (91_000 + i * 10) * Second, Start + (91_000 + i * 10 + 5) * Second).ShouldBeNull();
        envelope.Estimate().ShouldBe(new(0, 0, 5 * Second));
        envelope.Jumps.ShouldBe(0);
    }

    [Fact]
    public void What_waits_is_told_from_a_clock_that_is_behind_by_what_a_clock_may_be_off()
    {
        foreach (var (delay, ahead, bound) in new[] { (2_000_000, -2_000_000, 0), (2_000_001, 0, 2_000_001) })
        {
            var envelope = new ClockEnvelope();
            envelope.Observe(Start, Start + delay);
            envelope.Estimate().ShouldBe(new(ahead, 0, bound));
        }
    }

    [Theory]
    [InlineData(0)] // 1970
    [InlineData(946_684_800)] // 2000
    public void A_clock_that_was_not_set_says_how_far_it_is_behind(long startsAt)
    {
        var envelope = new ClockEnvelope();
        envelope.Estimate().ShouldBe(ClockEstimate.None);
        envelope.Observe(startsAt * Second + 5 * Second, Start + 5 * Second + 400_000).ShouldBeNull();
        envelope.Observe(startsAt * Second + 6 * Second, Start + 6 * Second + 30_000).ShouldBeNull();
        var behind = startsAt * Second - Start - 30_000;
        envelope.Estimate().ShouldBe(new(0, 0, 0, behind));
        envelope.Observe(Start + 8 * Second, Start + 8 * Second + 10_000);
        envelope.Estimate().ShouldBe(new(-10_000, 0, 0, behind));
        envelope.Jumps.ShouldBe(0);
        // It starts again: what it showed is another time.
        envelope.Observe(startsAt * Second, Start + 100 * Second);
        envelope.Estimate().UnsetAheadMicroseconds.ShouldBe(startsAt * Second - Start - 100 * Second);
    }

    /// <summary>The line through two messages may be as steep as can be: a station sends one as of 2099 just before a
    /// minute ends, and one as of 2015 just after.</summary>
    [Theory]
    [InlineData(10_000)]
    [InlineData(100)]
    [InlineData(1)]
    public void Times_decades_apart_that_come_within_a_moment_are_taken_for_what_they_are(long apart)
    {
        var envelope = new ClockEnvelope();
        envelope.Observe(Latest, Start + 60 * Second - apart);
        envelope.Estimate().AheadMicroseconds.ShouldBe(Latest - Start - 60 * Second + apart);
        envelope.Observe(ClockEstimate.UnsetBeforeMicroseconds, Start + 60 * Second);
        envelope.Estimate().AheadMicroseconds.ShouldBe(0);
        envelope.Observe(Start + 100 * Second, Start + 100 * Second + 20_000);
        envelope.Estimate().ShouldBe(new(-20_000, 0, 0));
    }

    private const long Latest = 4_102_444_800 * Second - 1; // of a frame

    [Fact]
    public void Whatever_time_a_sender_says_there_is_an_estimate() =>
        Gen.Select(Gen.OneOf(Gen.Long[0, Latest], Gen.Long[ClockEstimate.UnsetBeforeMicroseconds, Latest],
                Gen.Const(Latest), Gen.Const(ClockEstimate.UnsetBeforeMicroseconds), Gen.Const(Start)),
            Gen.Int[0, 2], Gen.Long[1, 5000]).Array[1, 60].Sample(messages =>
        {
            static long NextMinute(long at) =>
                at - at % ClockEnvelope.WindowMicroseconds + ClockEnvelope.WindowMicroseconds;

            var (envelope, at) = (new ClockEnvelope(), Start);
            foreach (var (sent, way, step) in messages)
            {
                // Just before a minute of ours ends, just after, or some seconds later.
                at = way switch
                {
                    0 => NextMinute(at + step) - step,
                    1 => NextMinute(at) + step,
                    _ => at + step * 10_000,
                };
                envelope.Observe(sent, at);
                var estimate = envelope.Estimate();
                estimate.BoundMicroseconds.ShouldBeGreaterThanOrEqualTo(0);
                estimate.AheadMicroseconds.ShouldBeGreaterThanOrEqualTo(-ClockEnvelope.JumpMicroseconds);
            }
        }, iter: LongRun.Samples / 10);

    [Fact]
    public void A_restored_envelope_goes_on_as_the_one_that_was_saved() =>
        Gen.Select(Gen.Select(Gen.Long[0, 20 * Second], Gen.Long[0, Second], Gen.Bool).Array[1, 80], Gen.Int[0, 79])
            .Sample((messages, cut) =>
        {
            var (one, other, at) = (new ClockEnvelope(), new ClockEnvelope(), Start);
            foreach (var (i, (after, delay, isSet)) in messages.Index())
            {
                at += after;
                if (i == cut) other = ClockEnvelope.Restore(other.Save());
                var sent = isSet ? at : at - Start;
                other.Observe(sent, at + delay).ShouldBe(one.Observe(sent, at + delay));
                other.Estimate().ShouldBe(one.Estimate());
            }
            other.Save().ShouldBe(one.Save());
            Should.Throw<InvalidDataException>(() => ClockEnvelope.Restore(one.Save()[..^1]));
        }, iter: LongRun.Samples / 10);
}
